//! Who really sent what other hosts bring: `message_authentication`.
//!
//! * **In**: the parameter, a resolver, the networks that are ours. **Out**: a control for MAIL and a delivery that checks.
//! * **Promises**: only what comes from other hosts to the service smtp is checked: neither clients of `mynetworks` nor whoever
//!   logged in. **Limits**: those of [`MessageAuth`]. **Panics**: never.
//! * **Spec**: RFC 7208, 6376, 9989, 8617, 8601.

use std::sync::Arc;

use smtp_server::Delivery;
use smtp_server::dns::Dns;
use smtp_server::message_auth::{MessageAuth, Spf};
use smtp_server::relay::Networks;
use smtp_server::signing::DkimKeys;

use crate::options::values::Wrong;

/// The parameter's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum MessageAuthentication {
    /// Nothing is checked.
    #[default]
    None,
    /// SPF, DKIM, DMARC and ARC are checked, and a field tells what came of it.
    Add,
    /// The same, and who fails a DMARC that asks for it is refused.
    Reject,
}

/// How messages are checked, if they are.
pub(crate) struct MessageChecks(Option<Checks>);

struct Checks {
    dns: Dns,
    ours: Networks,
    rejects: bool,
}

impl MessageAuthentication {
    pub(crate) fn parse(value: &str) -> Result<Self, Wrong> {
        match value {
            "none" => Ok(Self::None),
            "add" => Ok(Self::Add),
            "reject" => Ok(Self::Reject),
            _ => Err(format!("'{value}' is none of none, add, reject")),
        }
    }
}

impl MessageChecks {
    pub(crate) fn new(wanted: MessageAuthentication, dns: &Dns, ours: &Networks) -> Self {
        let rejects = match wanted {
            MessageAuthentication::None => return Self(None),
            MessageAuthentication::Add => false,
            MessageAuthentication::Reject => true,
        };
        Self(Some(Checks { dns: dns.clone(), ours: ours.clone(), rejects }))
    }

    /// The control that asks about SPF, so that the log and the header section say what it found.
    pub(crate) fn spf(&self) -> Option<Spf> {
        let checks = self.0.as_ref()?;
        Some(Spf::new(checks.dns.clone()).exempt(checks.ours.clone()))
    }

    /// The delivery that checks, and seals with the first key of this domain, if there is one.
    pub(crate) fn check(
        self,
        delivery: Arc<dyn Delivery>,
        seal: Option<(String, DkimKeys)>,
    ) -> Arc<dyn Delivery> {
        let Some(Checks { dns, ours, rejects }) = self.0 else { return delivery };
        let mut checking = MessageAuth::new(delivery, dns).exempt(ours);
        if rejects {
            checking = checking.reject_on_dmarc();
        }
        if let Some((domain, keys)) = seal {
            checking = checking.seal_arc(domain, keys);
        }
        Arc::new(checking)
    }
}
