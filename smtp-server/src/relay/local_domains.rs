//! Recipients that are ours.
//!
//! * **In**: a set of domains and our own addresses. **Out**: `Local` or `Deny`.
//! * **Promises**: whole domains only: a sub-domain is another domain. What stands before the last `@` is
//!   never interpreted, so `user%elsewhere@ours` and `"user@elsewhere"@ours` are local mailboxes.
//! * **Limits**: one look-up. **Panics**: never.
//! * **Spec**: RFC 5321 4.1.1.3 (`<postmaster>`), 4.1.3 (literals), 2.3.5; Postfix `mydestination`.

use std::collections::HashSet;

use async_trait::async_trait;
use smtp_proto::{Domain, ForwardPath};

use crate::envelope::Envelope;
use crate::error::ConfigError;
use crate::hooks::RelayPolicy;
use crate::info::SessionInfo;
use crate::verdict::RelayDecision;

/// Recipients in these domains are local, and so is `<postmaster>` without a domain.
///
/// An address literal is local when it is the address that the client connected to.
#[derive(Clone, Debug, Default)]
pub struct LocalDomains {
    domains: HashSet<Domain<'static>>,
}

impl LocalDomains {
    /// The given domains, with or without upper-case letters, as U-labels or A-labels.
    ///
    /// # Errors
    /// [`ConfigError::Domain`] for text that is no domain.
    pub fn new<D: AsRef<str>>(domains: impl IntoIterator<Item = D>) -> Result<Self, ConfigError> {
        let domains = domains
            .into_iter()
            .map(|domain| super::parse_domain(domain.as_ref()))
            .collect::<Result<HashSet<_>, _>>()?;
        Ok(Self { domains })
    }

    /// Whether `domain` is one of them.
    #[must_use]
    pub fn contains(&self, domain: &Domain<'static>) -> bool {
        self.domains.contains(domain)
    }

    /// Whether the recipient is ours.
    pub(super) fn are_of(&self, to: &ForwardPath<'_>, info: &SessionInfo) -> bool {
        let are = to.domain().is_none_or(|domain| self.is_local(domain, info));
        if !are {
            info.note(|| format!("local domains: the domain of {to} is none of them"));
        }
        are
    }

    fn is_local(&self, domain: &Domain<'_>, info: &SessionInfo) -> bool {
        let own = info.peer.local_ip();
        match domain.ip() {
            Some(ip) if Some(ip.to_canonical()) == own => true,
            _ => self.domains.contains(&domain.clone().into_owned()),
        }
    }
}

#[async_trait]
impl RelayPolicy for LocalDomains {
    async fn decide(
        &self,
        to: &ForwardPath<'_>,
        _envelope: &Envelope,
        info: &SessionInfo,
    ) -> RelayDecision {
        if self.are_of(to, info) { RelayDecision::Local } else { RelayDecision::Deny }
    }
}
