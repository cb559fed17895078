//! Relay policy in Postfix's words.
//!
//! * **In**: the text of `smtpd_relay_restrictions`, and what its words stand for. **Out**: a relay policy.
//! * **Promises**: the first word that decides decides. A word that is unknown, `permit` alone, a table that leaves
//!   nobody out, and a list that does not end by refusing are errors, so that no list can be written that relays for
//!   everybody. A recipient of ours is local whoever is permitted. Names of clients and senders grant nothing, since
//!   anybody can claim them.
//! * **Limits**: one look-up per word. A table's `DEFER_IF_PERMIT` and `DEFER_IF_REJECT` defer at once here. **Panics**:
//!   never.
//! * **Spec**: Postfix postconf(5) `smtpd_relay_restrictions`, `smtpd_recipient_restrictions`.

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use ipnet::IpNet;
use smtp_proto::{ForwardPath, Reply, replies};

use crate::access::ladder::Ladder;
use crate::access::maps::{self, Answer};
use crate::access::{AccessMap, AccessTable};

use super::{Authenticated, CertificateHolders, LocalDomains, Networks, RelayDomains};
use crate::envelope::{Envelope, RelayReason};
use crate::error::ConfigError;
use crate::hooks::{RelayPolicy, Stage};
use crate::info::SessionInfo;
use crate::verdict::{Effects, Rejection, RelayDecision};
use crate::words::words;

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

impl RelayParameters {
    /// Where everybody may send, if the recipient is there.
    pub(crate) fn destination(&self, to: &ForwardPath<'_>, info: &SessionInfo) -> RelayDecision {
        if self.local_domains.are_of(to, info) {
            return RelayDecision::Local;
        }
        self.relay_domains.decision(to, info)
    }
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
    list: Vec<(String, Restriction)>,
    parameters: RelayParameters,
    tables: Vec<Arc<AccessTable>>,
}

#[derive(Clone)]
enum Restriction {
    /// Whom it grants relaying is permitted.
    Permit(Arc<dyn RelayPolicy>),
    PermitAuthDestination,
    ClientTable(Arc<AccessTable>),
    RecipientTable(Arc<AccessTable>),
    RefuseUnauthDestination(Rejection),
    Refuse(Rejection),
}

const UNENDED: &str = "it refuses nobody, so it cannot be the last: end the list with \
                       reject_unauth_destination, defer_unauth_destination, reject or defer";

type Meaning = fn(&RelayParameters) -> Restriction;
type WithTable = fn(Arc<AccessTable>) -> Restriction;

/// The words that a table follows. One entry of it that says `OK` is relaying granted.
const TABLE_WORDS: [(&str, WithTable); 2] = [
    ("check_client_access", Restriction::ClientTable),
    ("check_recipient_access", Restriction::RecipientTable),
];

/// Every other word, and what it means.
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
    /// Reads words that are separated by commas or white space. A table follows `check_client_access` and
    /// `check_recipient_access`, written as [`AccessTable::open`] reads it: whom it says `OK` for may relay.
    ///
    /// # Errors
    /// [`ConfigError::RelayRestriction`] for a word that is unknown, for `permit`, and for a list that does
    /// not end in `reject_unauth_destination`, `defer_unauth_destination`, `reject` or `defer`;
    /// [`ConfigError::Table`] for a table that cannot be read, leaves nobody out, or is made of patterns, of which
    /// nobody can tell whom they leave out.
    pub fn parse(list: &str, parameters: RelayParameters) -> Result<Self, ConfigError> {
        let mut all = Self { list: Vec::new(), parameters, tables: Vec::new() };
        let mut words = words(list);
        // Each turn takes at least a word.
        while let Some(word) = words.next() {
            all.push(word, &mut words)?;
        }
        let last = all.list.last();
        if !last.is_some_and(|(_, restriction)| restriction.refuses()) {
            let word = last.map_or("", |(word, _)| word);
            return Err(fault(word, UNENDED));
        }
        Ok(all)
    }

    /// The tables that are asked; whoever reads them again does so here.
    #[must_use]
    pub fn tables(&self) -> &[Arc<AccessTable>] {
        &self.tables
    }

    fn push<'l>(
        &mut self,
        word: &str,
        words: &mut impl Iterator<Item = &'l str>,
    ) -> Result<(), ConfigError> {
        let Some((_, make)) = TABLE_WORDS.into_iter().find(|(known, _)| *known == word) else {
            let restriction = restriction(word, &self.parameters)?;
            self.list.push((word.to_owned(), restriction));
            return Ok(());
        };
        let name = words.next().ok_or_else(|| fault(word, "a table follows it, as TYPE:FILE"))?;
        let table = AccessTable::open(name).and_then(|table| table.for_relaying(name));
        let table = Arc::new(table.map_err(|error| ConfigError::Table(error.to_string()))?);
        self.tables.push(table.clone());
        self.list.push((format!("{word} {name}"), make(table)));
        Ok(())
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
                Restriction::PermitAuthDestination => self.parameters.destination(to, info),
                Restriction::ClientTable(table) => {
                    let stage = Stage::Client { now: envelope.arrived };
                    match table_decision(word, table.as_ref(), &stage, info).await {
                        // A name may take a right away, and never gives one.
                        RelayDecision::Relay { .. } if info.reverse_name.is_some() => {
                            let unnamed = SessionInfo { reverse_name: None, ..info.clone() };
                            table_decision(word, table.as_ref(), &stage, &unnamed).await
                        }
                        decision => decision,
                    }
                }
                Restriction::RecipientTable(table) => {
                    let path = to.clone().into_owned();
                    let stage = Stage::Recipient { now: envelope.arrived, to: &path, envelope };
                    match table_decision(word, table.as_ref(), &stage, info).await {
                        RelayDecision::Relay { .. } if could_go_further(to) => RelayDecision::Deny,
                        decision => decision,
                    }
                }
                Restriction::RefuseUnauthDestination(rejection) => {
                    match self.parameters.destination(to, info) {
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
        self.parameters.destination(to, info)
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
            RelayDecision::Relay { .. } if self.parameters.local_domains.are_of(to, info) => {
                RelayDecision::Local
            }
            decision => decision,
        }
    }

    fn granted_networks(&self) -> Vec<IpNet> {
        let permits = self.list.iter().filter_map(|(_, restriction)| match restriction {
            Restriction::Permit(policy) => Some(policy.granted_networks()),
            Restriction::ClientTable(table) => Some(table.granted_networks()),
            _ => None,
        });
        permits.flatten().collect()
    }
}

/// What a table says of the client or the recipient.
async fn table_decision(
    word: &str,
    table: &dyn AccessMap,
    stage: &Stage<'_>,
    info: &SessionInfo,
) -> RelayDecision {
    match maps::ask(table, &Ladder::default(), stage, info).await {
        Ok(Answer::Ends(_)) => {
            RelayDecision::Relay { because: RelayReason::Other(format!("{word} says OK").into()) }
        }
        Ok(Answer::GoesOn(Effects { deferral: Some(rejection), .. })) => {
            RelayDecision::Defer(*rejection)
        }
        Ok(Answer::GoesOn(_)) => RelayDecision::Deny,
        Ok(Answer::Refuses(rejection) | Answer::DefersIfRefused(rejection)) | Err(rejection) => {
            RelayDecision::Defer(rejection)
        }
    }
}

/// As for a domain in [`RelayDomains`]: the host behind might send it anywhere, and would trust us.
fn could_go_further(to: &ForwardPath<'_>) -> bool {
    to.mailbox().is_some_and(|mailbox| super::could_go_further(&mailbox.local_part))
}

fn restriction(word: &str, parameters: &RelayParameters) -> Result<Restriction, ConfigError> {
    match WORDS.into_iter().find(|(known, _)| *known == word) {
        Some((_, make)) => Ok(make(parameters)),
        None if word == "permit" => {
            Err(fault(word, "it would relay for everybody: say who may, as permit_mynetworks does"))
        }
        None => {
            let tables = TABLE_WORDS.map(|(known, _)| known).join(", ");
            let words = WORDS.map(|(known, _)| known).join(", ");
            Err(fault(word, format!("there is no such word; there are {words}, {tables}")))
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
