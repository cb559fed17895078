//! Is a domain that the client names on a list?
//!
//! * **In**: a stage, lists that are asked over the DNS, domains that are not asked about. **Out**: a refusal with the
//!   list's reason.
//! * **Promises**: only other hosts are judged, never users. Lists are asked and believed as [`Dnsbl`](super::Dnsbl)
//!   does.
//! * **Limits**: two questions to each list and one for the reason. **Panics**: never.
//! * **Spec**: RFC 5782 3 and 5; Postfix `reject_rhsbl_client`, `_helo`, `_sender`, `_recipient`.

use std::collections::HashSet;

use async_trait::async_trait;
use smtp_proto::Domain;

use super::client_host::ClientHost;
use super::common::is_foreign_host;
use super::dns_list::{DnsList, DnsListError};
use super::dnsbl::{Subject, parse_lists};
use crate::dns::Dns;
use crate::error::ConfigError;
use crate::hooks::{AccessControl, Stage, StageKind};
use crate::info::SessionInfo;
use crate::verdict::Verdict;

/// A name-based list that works lists `test` and never this (RFC 5782 5).
pub(super) const NEVER_LISTED: &str = "invalid";

/// Refuses what names a domain on one of these lists: `554 5.7.1`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use smtp_server::StageKind;
/// use smtp_server::access::{AccessMaps, Rhsbl};
/// use smtp_server::dns::Dns;
///
/// let dns = Dns::with_name_servers(["127.0.0.1:53".parse()?])?;
/// let senders = Rhsbl::new(dns, StageKind::Sender, ["dbl.example=127.0.1.[2..99]"])?;
/// let access = AccessMaps::default().then(senders.exempt(["example.org"])?);
/// # let _ = access;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Rhsbl {
    dns: Dns,
    stage: StageKind,
    lists: Vec<DnsList>,
    exempt: HashSet<Domain<'static>>,
}

impl Rhsbl {
    /// Asks about the domain that belongs to `stage`: the client's confirmed name ([`ClientHost`]), what it calls
    /// itself, the sender's domain or the recipient's. DATA names none. Lists are written as [`DnsList::parse`]
    /// reads them.
    ///
    /// # Errors
    /// [`DnsListError`] for what is none.
    pub fn new<L: AsRef<str>>(
        dns: Dns,
        stage: StageKind,
        lists: impl IntoIterator<Item = L>,
    ) -> Result<Self, DnsListError> {
        Ok(Self { dns, stage, lists: parse_lists(lists)?, exempt: HashSet::new() })
    }

    /// These domains, but not those below them, are not asked about.
    ///
    /// # Errors
    /// [`ConfigError::Domain`] for text that is no domain.
    pub fn exempt<D: AsRef<str>>(
        mut self,
        domains: impl IntoIterator<Item = D>,
    ) -> Result<Self, ConfigError> {
        for domain in domains {
            let text = domain.as_ref();
            let domain = Domain::parse(text).map_err(|_| ConfigError::Domain(text.to_owned()))?;
            self.exempt.insert(domain.into_owned());
        }
        Ok(self)
    }

    /// The domain that the stage is about.
    async fn domain(&self, stage: &Stage<'_>, info: &SessionInfo) -> Option<Domain<'static>> {
        let domain = match stage {
            Stage::Client { .. } => {
                return ClientHost::of(&self.dns, info).await.confirmed().cloned();
            }
            Stage::Hello { hello, .. } => hello.name.domain(),
            Stage::Sender { envelope, .. } => envelope.reverse_path.domain().cloned(),
            Stage::Recipient { to, .. } => to.domain().cloned(),
            Stage::Etrn { argument, .. } => Domain::parse(argument.as_str()).ok(),
            Stage::Tls { .. }
            | Stage::Data { .. }
            | Stage::EndOfData { .. }
            | Stage::Vrfy { .. } => None,
        };
        domain.map(Domain::into_owned)
    }
}

#[async_trait]
impl AccessControl for Rhsbl {
    fn checks(&self, stage: StageKind) -> bool {
        stage == self.stage
    }

    async fn check(&self, stage: Stage<'_>, info: &SessionInfo) -> Verdict {
        if stage.kind() != self.stage || !is_foreign_host(info) {
            return Verdict::Accept;
        }
        let Some(domain) = self.domain(&stage, info).await else { return Verdict::Accept };
        match domain.to_ascii() {
            Some(name) if !self.exempt.contains(&domain) => {
                let subject = Subject { shown: &name, asked: &name, never_listed: NEVER_LISTED };
                subject.judge(&self.dns, &self.lists).await
            }
            _ => Verdict::Accept,
        }
    }
}
