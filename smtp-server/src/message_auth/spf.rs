//! SPF, while MAIL waits.
//!
//! * **In**: the client's address, its name, the reverse-path. **Out**: a [`SpfOutcome`] for later hooks, a
//!   `Received-SPF` field, and a refusal if that is wanted.
//! * **Promises**: only other hosts are judged. Softfail is never refused, a temporary error never for good.
//! * **Limits**: those of RFC 7208 4.6.4, for each of two names. **Panics**: never.
//! * **Spec**: RFC 7208 2.3, 2.4, 8, 9.1; RFC 7372 3.2.

use std::net::IpAddr;

use async_trait::async_trait;
use smtp_proto::{Domain, ReplyCode};

use super::check_host::check_host;
use super::field::{Field, value};
use super::results::{SpfOutcome, SpfResult};
use crate::access::common::{is_foreign_host, refusal};
use crate::dns::Dns;
use crate::envelope::Envelope;
use crate::header::HeaderField;
use crate::hooks::{AccessControl, Stage, StageKind};
use crate::info::SessionInfo;
use crate::relay::Networks;
use crate::verdict::{Effects, Rejection, Verdict};

/// Checks SPF at MAIL and leaves a [`SpfOutcome`] in the transaction; refuses nobody unless told to.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use smtp_server::access::AccessMaps;
/// use smtp_server::dns::Dns;
/// use smtp_server::message_auth::Spf;
///
/// let dns = Dns::with_name_servers(["127.0.0.1:53".parse()?])?;
/// let access = AccessMaps::default().then(Spf::new(dns).required());
/// # let _ = access;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Spf {
    dns: Dns,
    required: bool,
    exempt: Networks,
}

impl Spf {
    /// Asks `dns`.
    #[must_use]
    pub fn new(dns: Dns) -> Self {
        Self { dns, required: false, exempt: Networks::default() }
    }

    /// Hosts that may not send for the domain of either name are refused: `550 5.7.23`, or `451 4.7.24` if the DNS does
    /// not answer.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Clients in these networks are not judged.
    #[must_use]
    pub fn exempt(mut self, networks: Networks) -> Self {
        self.exempt = networks;
        self
    }

    fn judges(&self, info: &SessionInfo) -> bool {
        is_foreign_host(info) && self.exempt.network_of(&info.peer).is_none()
    }

    fn judge(&self, outcome: &SpfOutcome) -> Result<(), Rejection> {
        let results = [outcome.helo_result, outcome.mail_from_result];
        if self.required && results.contains(&SpfResult::Fail) {
            let text = "SPF: your address may not send for this domain";
            return Err(refusal(ReplyCode::MAILBOX_UNAVAILABLE, (5, 7, 23), text));
        }
        if self.required && results.contains(&SpfResult::TempError) {
            let text = "SPF: the domain's record cannot be found out now";
            return Err(refusal(ReplyCode::LOCAL_ERROR, (4, 7, 24), text));
        }
        Ok(())
    }
}

#[async_trait]
impl AccessControl for Spf {
    fn checks(&self, stage: StageKind) -> bool {
        stage == StageKind::Sender
    }

    async fn check(&self, stage: Stage<'_>, info: &SessionInfo) -> Verdict {
        let Stage::Sender { envelope, .. } = stage else { return Verdict::Accept };
        let Some(ip) = info.peer.ip().filter(|_| self.judges(info)) else {
            return Verdict::Accept;
        };
        let outcome = outcome(&self.dns, ip, envelope, info).await;
        if let Err(rejection) = self.judge(&outcome) {
            return rejection.with_detail(format!("{outcome:?}")).into();
        }
        let field = received_spf(&outcome, ip, envelope, info);
        Verdict::with(Effects::default().remember_in_transaction(outcome).prepend(field))
    }
}

/// What SPF says about both names.
pub(super) async fn outcome(
    dns: &Dns,
    ip: IpAddr,
    envelope: &Envelope,
    info: &SessionInfo,
) -> SpfOutcome {
    let ascii = |domain: Domain<'_>| domain.to_ascii().map(|name| name.into_owned());
    let helo = info.hello.as_ref().and_then(|hello| hello.name.domain()).and_then(ascii);
    let mail_from = envelope.reverse_path.domain().cloned().and_then(ascii);
    let helo_name = helo.as_deref().unwrap_or_default();
    let postmaster = format!("postmaster@{helo_name}");
    let helo_result = check_host(dns, ip, helo_name, &postmaster, helo_name).await;
    let mail_from_result = match (&mail_from, envelope.reverse_path.mailbox()) {
        (Some(domain), Some(mailbox)) => {
            let sender = format!("{}@{domain}", mailbox.local_part);
            check_host(dns, ip, domain, &sender, helo_name).await
        }
        (_, Some(_)) => SpfResult::None,
        (_, None) => helo_result,
    };
    SpfOutcome { helo, helo_result, mail_from, mail_from_result }
}

/// The field of RFC 7208 9.1.
fn received_spf(
    outcome: &SpfOutcome,
    ip: IpAddr,
    envelope: &Envelope,
    info: &SessionInfo,
) -> HeaderField {
    let from = match envelope.reverse_path.mailbox() {
        Some(mailbox) => mailbox.to_string(),
        None => format!("postmaster@{}", outcome.helo.as_deref().unwrap_or("unknown")),
    };
    let identity = if outcome.mail_from.is_some() { "mailfrom" } else { "helo" };
    let claimed = info.hello.as_ref().map_or("unknown", |hello| hello.name.as_str());
    let mut field = Field::new(outcome.mail_from_result.to_string());
    field.push(&format!("receiver={};", value(&info.server_name)));
    field.push(&format!("identity={identity};"));
    field.push(&format!("client-ip={ip};"));
    field.push(&format!("envelope-from={};", value(&from)));
    field.push(&format!("helo={}", value(claimed)));
    field.finish("Received-SPF")
}
