//! Is what the client calls itself possible at all?
//!
//! * **In**: the name of EHLO or HELO. **Out**: refusals, for the checks that were asked for.
//! * **Promises**: only other hosts are judged, never users, whose programs know no name of their own. The name
//!   is never compared with the client's address (RFC 5321 4.1.4 forbids to refuse for that). With no check asked
//!   for, all pass.
//! * **Limits**: two look-ups. **Panics**: never.
//! * **Spec**: RFC 5321 2.3.5, 4.1.1.1, 4.1.4; Postfix `reject_invalid_helo_hostname`,
//!   `reject_non_fqdn_helo_hostname`, `reject_unknown_helo_hostname`.

use async_trait::async_trait;
use smtp_proto::{ClientName, Domain, ReplyCode};

use super::common::{is_foreign_host, refusal};
#[cfg(feature = "dns")]
use crate::dns::Dns;
use crate::hooks::{AccessControl, Stage, StageKind};
use crate::info::SessionInfo;
use crate::relay::Networks;
use crate::verdict::{Rejection, Verdict};

/// Refuses names in EHLO and HELO.
///
/// ```
/// use smtp_server::access::{AccessMaps, HelloChecks};
///
/// let access = AccessMaps::default().then(HelloChecks::default().invalid().own_name());
/// ```
#[derive(Clone, Debug, Default)]
pub struct HelloChecks {
    invalid: bool,
    unqualified: bool,
    own_name: bool,
    #[cfg(feature = "dns")]
    unknown: Option<Dns>,
    exempt: Networks,
}

impl HelloChecks {
    /// Refuses what is neither a domain nor an address literal: `501 5.5.2`. An underscore is let pass: many hosts
    /// have one.
    #[must_use]
    pub fn invalid(mut self) -> Self {
        self.invalid = true;
        self
    }

    /// Refuses a name of one label: `504 5.5.2`.
    #[must_use]
    pub fn unqualified(mut self) -> Self {
        self.unqualified = true;
        self
    }

    /// Refuses our own name, or our own address as a literal, from another address than ours: `550 5.7.1`.
    #[must_use]
    pub fn own_name(mut self) -> Self {
        self.own_name = true;
        self
    }

    /// Refuses a name that has neither an address nor an MX: `550 5.7.1`, or `450 4.7.1` while the DNS does not answer.
    #[cfg(feature = "dns")]
    #[must_use]
    pub fn unknown(mut self, dns: Dns) -> Self {
        self.unknown = Some(dns);
        self
    }

    /// Clients in these networks may say what they like.
    #[must_use]
    pub fn exempt(mut self, networks: Networks) -> Self {
        self.exempt = networks;
        self
    }

    fn judge(&self, name: &ClientName<'_>, info: &SessionInfo) -> Result<(), Rejection> {
        // Hosts do have underscores, whatever the grammar says.
        let spelled = name.as_str().replace('_', "x");
        let domain = Domain::parse(&spelled).ok();
        if self.invalid && domain.is_none() {
            let text = "This is neither a domain nor an address literal";
            return Err(refusal(ReplyCode::ARGUMENT_SYNTAX_ERROR, (5, 5, 2), text));
        }
        if self.unqualified && matches!(&domain, Some(Domain::Name(_))) && !spelled.contains('.') {
            let text = "A fully qualified name is needed";
            return Err(refusal(ReplyCode::ARGUMENT_NOT_IMPLEMENTED, (5, 5, 2), text));
        }
        if self.own_name && is_ours(name, info) {
            let text = "This is our name, not yours";
            return Err(refusal(ReplyCode::MAILBOX_UNAVAILABLE, (5, 7, 1), text));
        }
        Ok(())
    }

    #[cfg(feature = "dns")]
    async fn judge_by_dns(&self, name: &ClientName<'_>) -> Result<(), Rejection> {
        let (Some(dns), false) = (&self.unknown, name.as_str().starts_with('[')) else {
            return Ok(());
        };
        let domain = name.domain();
        let ascii = domain.as_ref().and_then(Domain::to_ascii);
        let asked = ascii.as_deref().unwrap_or(name.as_str());
        let (addresses, exchanges) = tokio::join!(dns.addresses(asked), dns.mail_exchanges(asked));
        let (Err(one), Err(other)) = (addresses, exchanges) else { return Ok(()) };
        if one.is_definite() && other.is_definite() {
            let text = "There is no such name";
            return Err(refusal(ReplyCode::MAILBOX_UNAVAILABLE, (5, 7, 1), text));
        }
        let text = "The name cannot be looked up now";
        Err(refusal(ReplyCode::MAILBOX_BUSY, (4, 7, 1), text))
    }
}

#[async_trait]
impl AccessControl for HelloChecks {
    fn checks(&self, stage: StageKind) -> bool {
        stage == StageKind::Hello
    }

    async fn check(&self, stage: Stage<'_>, info: &SessionInfo) -> Verdict {
        let Stage::Hello { hello, .. } = stage else { return Verdict::Accept };
        if !is_foreign_host(info) || self.exempt.network_of(&info.peer).is_some() {
            return Verdict::Accept;
        }
        let judged = self.judge(&hello.name, info);
        #[cfg(feature = "dns")]
        let judged = match judged {
            Ok(()) => self.judge_by_dns(&hello.name).await,
            refused => refused,
        };
        judged.map_or_else(Verdict::Reject, |()| Verdict::Accept)
    }
}

fn is_ours(name: &ClientName<'_>, info: &SessionInfo) -> bool {
    let own = info.peer.local_ip();
    if own.is_some() && own == info.peer.ip() {
        return false;
    }
    match name.domain() {
        Some(domain) if domain.ip().is_some() => domain.ip().map(|ip| ip.to_canonical()) == own,
        Some(domain) => Domain::parse(&info.server_name).is_ok_and(|ours| ours == domain),
        None => false,
    }
}
