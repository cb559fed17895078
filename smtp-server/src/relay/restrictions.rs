//! Relay policy in Postfix's words.
//!
//! * **In**: the text of `smtpd_relay_restrictions`, and what its words stand for. **Out**: a relay policy.
//! * **Promises**: the first word that decides decides. A word that is unknown, `permit` alone, and a list that
//!   does not end by refusing are errors, so that no list can be written that relays for everybody. A
//!   recipient of ours is local whoever is permitted.
//! * **Limits**: one look-up per word. **Panics**: never.
//! * **Spec**: Postfix postconf(5) `smtpd_relay_restrictions`, `smtpd_recipient_restrictions`.

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use ipnet::IpNet;
use smtp_proto::{ForwardPath, Reply, replies};

use super::{Authenticated, CertificateHolders, LocalDomains, Networks, RelayDomains};
use crate::envelope::Envelope;
use crate::error::ConfigError;
use crate::hooks::RelayPolicy;
use crate::info::SessionInfo;
use crate::verdict::{Rejection, RelayDecision};

/// What the words of a list stand for.
#[derive(Clone, Debug, Default)]
pub struct RelayParameters {
    /// `mydestination`: what is ours.
    pub local_domains: LocalDomains,
    /// `relay_domains`: where everybody may send.
    pub relay_domains: RelayDomains,
    /// `mynetworks`: who is meant by `permit_mynetworks`.
    pub networks: Networks,
    /// `relay_clientcerts`: who is meant by `permit_tls_clientcerts`.
    pub certificates: CertificateHolders,
}

/// Relays as Postfix's `smtpd_relay_restrictions` say.
///
/// ```
/// use smtp_server::relay::{LocalDomains, Networks, RelayParameters, RelayRestrictions};
///
/// let parameters = RelayParameters {
///     local_domains: LocalDomains::new(["example.org"])?,
///     networks: Networks::new(["192.0.2.0/24"])?,
///     ..RelayParameters::default()
/// };
/// let list = "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination";
/// let policy = RelayRestrictions::parse(list, parameters)?;
/// # Ok::<(), smtp_server::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct RelayRestrictions {
    list: Vec<(&'static str, Restriction)>,
    local_domains: LocalDomains,
    relay_domains: RelayDomains,
}

#[derive(Clone)]
enum Restriction {
    /// Whom it grants relaying is permitted.
    Permit(Arc<dyn RelayPolicy>),
    PermitAuthDestination,
    RefuseUnauthDestination(Rejection),
    Refuse(Rejection),
}

const UNENDED: &str = "it refuses nobody, so it cannot be the last: end the list with \
                       reject_unauth_destination, defer_unauth_destination, reject or defer";

type Meaning = fn(&RelayParameters) -> Restriction;

/// Every word, and what it means.
const WORDS: [(&str, Meaning); 9] = [
    ("permit_mynetworks", |all| permit(all.networks.clone())),
    ("permit_sasl_authenticated", |_| permit(Authenticated)),
    ("permit_tls_clientcerts", |all| permit(all.certificates.clone())),
    ("permit_tls_all_clientcerts", |_| permit(CertificateHolders::of_every_authority())),
    ("permit_auth_destination", |_| Restriction::PermitAuthDestination),
    ("reject_unauth_destination", |_| refuse_unauth_destination(replies::RELAY_DENIED)),
    ("defer_unauth_destination", |_| refuse_unauth_destination(replies::RELAY_DEFERRED)),
    ("reject", |_| Restriction::Refuse(Rejection::stock(replies::ACCESS_DENIED))),
    ("defer", |_| Restriction::Refuse(Rejection::stock(replies::ACCESS_DEFERRED))),
];

impl RelayRestrictions {
    /// Reads words that are separated by commas or white space.
    ///
    /// # Errors
    /// [`ConfigError::RelayRestriction`] for a word that is unknown, for `permit`, and for a list that does
    /// not end in `reject_unauth_destination`, `defer_unauth_destination`, `reject` or `defer`.
    pub fn parse(list: &str, parameters: RelayParameters) -> Result<Self, ConfigError> {
        let words = list.split([',', ' ', '\t', '\r', '\n']).filter(|word| !word.is_empty());
        let list =
            words.map(|word| restriction(word, &parameters)).collect::<Result<Vec<_>, _>>()?;
        let last = list.last();
        if !last.is_some_and(|(_, restriction)| restriction.refuses()) {
            let word = last.map_or("", |(word, _)| word);
            return Err(fault(word, UNENDED));
        }
        let RelayParameters { local_domains, relay_domains, .. } = parameters;
        Ok(Self { list, local_domains, relay_domains })
    }

    /// Where everybody may send, if the recipient is there.
    fn destination(&self, to: &ForwardPath<'_>, info: &SessionInfo) -> RelayDecision {
        if self.local_domains.are_of(to, info) {
            return RelayDecision::Local;
        }
        self.relay_domains.decision(to, info)
    }

    async fn first_decision(
        &self,
        to: &ForwardPath<'_>,
        envelope: &Envelope,
        info: &SessionInfo,
    ) -> RelayDecision {
        for (word, restriction) in &self.list {
            let decision = match restriction {
                Restriction::Permit(policy) => policy.decide(to, envelope, info).await,
                Restriction::PermitAuthDestination => self.destination(to, info),
                Restriction::RefuseUnauthDestination(rejection) => {
                    match self.destination(to, info) {
                        RelayDecision::Deny => RelayDecision::Defer(rejection.clone()),
                        _ => RelayDecision::Deny,
                    }
                }
                Restriction::Refuse(rejection) => RelayDecision::Defer(rejection.clone()),
            };
            if decision != RelayDecision::Deny {
                info.note(|| format!("{word} decides"));
                return decision;
            }
        }
        self.destination(to, info)
    }
}

impl Restriction {
    /// Whether nobody gets past it but those whose recipient is one for whom everybody may send.
    fn refuses(&self) -> bool {
        matches!(self, Self::RefuseUnauthDestination(_) | Self::Refuse(_))
    }
}

#[async_trait]
impl RelayPolicy for RelayRestrictions {
    async fn decide(
        &self,
        to: &ForwardPath<'_>,
        envelope: &Envelope,
        info: &SessionInfo,
    ) -> RelayDecision {
        match self.first_decision(to, envelope, info).await {
            RelayDecision::Relay { .. } if self.local_domains.are_of(to, info) => {
                RelayDecision::Local
            }
            decision => decision,
        }
    }

    fn granted_networks(&self) -> Vec<IpNet> {
        let permits = self.list.iter().filter_map(|(_, restriction)| match restriction {
            Restriction::Permit(policy) => Some(policy.granted_networks()),
            _ => None,
        });
        permits.flatten().collect()
    }
}

fn restriction(
    word: &str,
    parameters: &RelayParameters,
) -> Result<(&'static str, Restriction), ConfigError> {
    match WORDS.into_iter().find(|(known, _)| *known == word) {
        Some((known, make)) => Ok((known, make(parameters))),
        None if word == "permit" => {
            Err(fault(word, "it would relay for everybody: say who may, as permit_mynetworks does"))
        }
        None => {
            let words = WORDS.map(|(known, _)| known).join(", ");
            Err(fault(word, format!("there is no such word; there are {words}")))
        }
    }
}

fn permit(policy: impl RelayPolicy) -> Restriction {
    Restriction::Permit(Arc::new(policy))
}

fn refuse_unauth_destination(reply: Reply) -> Restriction {
    Restriction::RefuseUnauthDestination(Rejection::stock(reply))
}

fn fault(word: &str, fault: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::RelayRestriction { word: word.to_owned(), fault: fault.into() }
}
