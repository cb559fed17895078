//! Could the sender be written back to, and does the recipient's domain take mail?
//!
//! * **In**: the domains of MAIL and RCPT. **Out**: refusals.
//! * **Promises**: a domain is refused for good only if the DNS says that it does not exist, has neither MX nor
//!   address, or takes no mail; if the DNS does not answer, the client is told to try again. The null
//!   reverse-path and address literals pass.
//! * **Limits**: two look-ups for a domain. **Panics**: never.
//! * **Spec**: RFC 5321 5.1, RFC 7505 3 and 4, RFC 2505 2.9; Postfix `reject_unknown_sender_domain`.

use async_trait::async_trait;
use smtp_proto::{Domain, ReplyCode};

use super::common::{is_foreign_host, refusal};
use crate::dns::{Dns, DnsError};
use crate::hooks::{AccessControl, Stage, StageKind};
use crate::info::SessionInfo;
use crate::verdict::{Rejection, Verdict};

/// Refuses senders of other hosts whose domain cannot get mail (`550 5.1.8`; `550 5.7.27` if it says so itself), and
/// recipients whose domain takes none (`556 5.1.10`). `451 4.4.3` while the DNS does not answer.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use smtp_server::access::{AccessMaps, MailDomains};
/// use smtp_server::dns::Dns;
///
/// let dns = Dns::with_name_servers(["127.0.0.1:53".parse()?])?;
/// let access = AccessMaps::default().then(MailDomains::new(dns));
/// # let _ = access;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct MailDomains {
    dns: Dns,
}

/// Where mail for a domain could go.
pub(super) enum Route {
    Somewhere,
    /// It has a null MX.
    Nowhere,
    Unknown,
}

/// Finds out where mail for `domain` could go.
pub(super) async fn route(dns: &Dns, domain: &str) -> Result<Route, DnsError> {
    match dns.mail_exchanges(domain).await {
        Ok(all) if all.iter().all(|exchange| exchange.host.is_empty()) => Ok(Route::Nowhere),
        Ok(_) => Ok(Route::Somewhere),
        Err(DnsError::NoSuchName) => Ok(Route::Unknown),
        Err(error) if error.is_definite() => match dns.addresses(domain).await {
            Ok(_) => Ok(Route::Somewhere),
            Err(error) if error.is_definite() => Ok(Route::Unknown),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    }
}

impl MailDomains {
    /// Asks `dns`.
    #[must_use]
    pub fn new(dns: Dns) -> Self {
        Self { dns }
    }

    async fn check_sender(&self, domain: &str) -> Result<(), Rejection> {
        let (enhanced, text) = match route(&self.dns, domain).await {
            Ok(Route::Somewhere) => return Ok(()),
            Ok(Route::Nowhere) => ((5, 7, 27), "The sender's domain takes no mail (null MX)"),
            Ok(Route::Unknown) => ((5, 1, 8), "The sender's domain has neither MX nor address"),
            Err(error) => return Err(undecided(&error)),
        };
        Err(refusal(ReplyCode::MAILBOX_UNAVAILABLE, enhanced, text))
    }

    /// Which domains exist is for whoever sends on to find out; only a clear word is repeated here.
    async fn check_recipient(&self, domain: &str) -> Result<(), Rejection> {
        let exchanges = self.dns.mail_exchanges(domain).await.unwrap_or_default();
        if !exchanges.iter().all(|exchange| exchange.host.is_empty()) || exchanges.is_empty() {
            return Ok(());
        }
        let text = "The recipient's domain takes no mail (null MX)";
        Err(refusal(ReplyCode::DOMAIN_TAKES_NO_MAIL, (5, 1, 10), text))
    }
}

#[async_trait]
impl AccessControl for MailDomains {
    fn checks(&self, stage: StageKind) -> bool {
        matches!(stage, StageKind::Sender | StageKind::Recipient)
    }

    async fn check(&self, stage: Stage<'_>, info: &SessionInfo) -> Verdict {
        let domain = match &stage {
            Stage::Sender { envelope, .. } if is_foreign_host(info) => {
                envelope.reverse_path.domain()
            }
            Stage::Recipient { to, .. } => to.domain(),
            _ => None,
        };
        let Some(name) = domain.and_then(Domain::to_ascii) else { return Verdict::Accept };
        let checked = match stage {
            Stage::Sender { .. } => self.check_sender(&name).await,
            _ => self.check_recipient(&name).await,
        };
        checked.map_or_else(Verdict::Reject, |()| Verdict::Accept)
    }
}

fn undecided(error: &DnsError) -> Rejection {
    let text = "The sender's domain cannot be looked up now";
    refusal(ReplyCode::LOCAL_ERROR, (4, 4, 3), text).with_detail(error.to_string())
}
