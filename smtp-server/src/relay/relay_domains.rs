//! Domains for which mail is passed on for everybody.
//!
//! * **In**: a set of domains. **Out**: `Relay` or `Deny`.
//! * **Promises**: a sub-domain is another domain, unless it is asked for. A recipient whose local-part could
//!   send the message further (`%`, `!` or `@` in it) is denied here, since the host behind might do so
//!   and would trust us; a policy that trusts the client may still let it out.
//! * **Limits**: one look-up, or one per label. **Panics**: never.
//! * **Spec**: RFC 5321 2.3.11, 3.6.1; Postfix `relay_domains`, `allow_untrusted_routing`.

use std::collections::HashSet;

use async_trait::async_trait;
use smtp_proto::{Domain, ForwardPath};

use crate::envelope::{Envelope, RelayReason};
use crate::error::ConfigError;
use crate::hooks::RelayPolicy;
use crate::info::SessionInfo;
use crate::verdict::RelayDecision;

/// Anybody may send to recipients in these domains: this host is their backup, or stands in front of them.
#[derive(Clone, Debug, Default)]
pub struct RelayDomains {
    domains: HashSet<Domain<'static>>,
    subdomains: bool,
}

impl RelayDomains {
    /// The given domains, with or without upper-case letters, as U-labels or A-labels.
    ///
    /// # Errors
    /// [`ConfigError::Domain`] for text that is no domain.
    pub fn new<D: AsRef<str>>(domains: impl IntoIterator<Item = D>) -> Result<Self, ConfigError> {
        let domains = domains
            .into_iter()
            .map(|domain| super::parse_domain(domain.as_ref()))
            .collect::<Result<_, _>>()?;
        Ok(Self { domains, subdomains: false })
    }

    /// And every domain below them.
    #[must_use]
    pub fn with_subdomains(mut self) -> Self {
        self.subdomains = true;
        self
    }

    pub(super) fn decision(&self, to: &ForwardPath<'_>, info: &SessionInfo) -> RelayDecision {
        let Some(mailbox) = to.mailbox() else { return RelayDecision::Deny };
        let Some(domain) = self.find(&mailbox.domain) else {
            info.note(|| format!("relay domains: {} is none of them", mailbox.domain));
            return RelayDecision::Deny;
        };
        if super::could_go_further(&mailbox.local_part) {
            info.note(|| format!("relay domains: {to} could be sent further than to {domain}"));
            return RelayDecision::Deny;
        }
        RelayDecision::Relay { because: RelayReason::Domain(domain.as_str().to_owned()) }
    }

    fn find(&self, domain: &Domain<'_>) -> Option<Domain<'static>> {
        let exact = self.domains.get(&domain.clone().into_owned());
        if exact.is_some() || !self.subdomains {
            return exact.cloned();
        }
        let name = domain.to_ascii()?;
        let mut rest = &*name;
        while let Some((_, parent)) = rest.split_once('.') {
            let known =
                Domain::parse(parent).ok().and_then(|it| self.domains.get(&it.into_owned()));
            if known.is_some() {
                return known.cloned();
            }
            rest = parent;
        }
        None
    }
}

#[async_trait]
impl RelayPolicy for RelayDomains {
    async fn decide(
        &self,
        to: &ForwardPath<'_>,
        _envelope: &Envelope,
        info: &SessionInfo,
    ) -> RelayDecision {
        self.decision(to, info)
    }
}
