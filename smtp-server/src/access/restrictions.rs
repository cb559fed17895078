//! Lists of restrictions in Postfix's words.
//!
//! * **In**: a list for each stage, and what its words stand for. **Out**: the verdict of the first word that decides.
//! * **Promises**: the words of a list are asked from left to right. One that permits ends its list and nothing else;
//!   one that refuses ends all; a list that comes to its end permits. **None grants relaying**: that is for the
//!   [`RelayPolicy`](crate::hooks::RelayPolicy) alone. A word that is unknown, or speaks of what is not known at its
//!   list, is an error before the first connection. Replies have Postfix's codes and texts.
//!   A DNS that does not answer defers whom no later word refuses, in any list of the recipient, as
//!   [`Effects::defer_if_permit`] says.
//! * **Limits**: one look-up per word. Words about hosts (their address, their name, HELO) leave users alone:
//!   whoever logged in, and all clients of the services for users. **Panics**: never.
//! * **Spec**: Postfix postconf(5), `smtpd_client_restrictions` to `smtpd_end_of_data_restrictions`,
//!   `SMTPD_ACCESS_README`.

mod check;
mod dns;
mod facts;
mod words;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use self::check::Check;
use self::facts::Facts;
use super::maps::{Answer, softened, with_notes};
use super::{AccessTable, ClientHost, SenderOwners};
use crate::dns::Dns;
use crate::error::ConfigError;
use crate::hooks::{AccessControl, Stage, StageKind};
use crate::info::SessionInfo;
use crate::relay::RelayParameters;
use crate::verdict::{Effects, Note, Rejection, Verdict};

/// What the words of the lists stand for.
#[derive(Clone, Default)]
pub struct RestrictionParameters {
    /// `mydestination`, `relay_domains`, `mynetworks`, `relay_clientcerts`.
    pub relay: RelayParameters,
    /// Who is asked by words that need the DNS; without one they are errors.
    pub dns: Option<Dns>,
    /// `smtpd_sender_login_maps`; without it the words about logins and senders are errors.
    pub sender_owners: Option<Arc<dyn SenderOwners>>,
    /// `recipient_delimiter`, for the keys of tables.
    pub recipient_delimiter: String,
}

/// Access control by Postfix's `smtpd_client_restrictions` and its siblings.
///
/// With [`EvaluateAt::Recipient`](crate::EvaluateAt) the lists for client, HELO and sender are asked at RCPT, before
/// the relay policy, and the list for the recipient behind it: `smtpd_delay_reject`.
///
/// ```
/// use smtp_server::StageKind;
/// use smtp_server::access::{RestrictionParameters, Restrictions};
/// use smtp_server::relay::{Networks, RelayParameters};
///
/// let networks = Networks::new(["192.0.2.0/24"])?;
/// let relay = RelayParameters { networks, ..RelayParameters::default() };
/// let access = Restrictions::new(RestrictionParameters { relay, ..Default::default() })
///     .with(StageKind::Hello, "permit_mynetworks, reject_non_fqdn_helo_hostname")?
///     .with(StageKind::Sender, "check_sender_access inline:{ {spam.example = REJECT} }")?;
/// # Ok::<(), smtp_server::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Restrictions {
    parameters: RestrictionParameters,
    lists: Vec<(StageKind, Vec<Restriction>)>,
    tables: Vec<Arc<AccessTable>>,
}

/// A word with its argument.
#[derive(Clone)]
struct Restriction {
    text: String,
    check: Check,
    /// Behind `warn_if_reject`: a refusal is a remark.
    warns: bool,
}

impl Restrictions {
    /// No list yet: nobody is refused.
    #[must_use]
    pub fn new(parameters: RestrictionParameters) -> Self {
        Self { parameters, lists: Vec::new(), tables: Vec::new() }
    }

    /// Reads the list for a stage: words separated by commas or white space, some followed by an argument.
    ///
    /// # Errors
    /// [`ConfigError::Restriction`] for a word that is unknown or cannot be used there, [`ConfigError::Table`] for a
    /// table that cannot be read.
    pub fn with(mut self, stage: StageKind, list: &str) -> Result<Self, ConfigError> {
        let list = words::Reader::new(stage, &self.parameters, &mut self.tables).read(list)?;
        self.lists.push((stage, list));
        Ok(self)
    }

    /// The tables that the lists ask; whoever reads them again does so here.
    #[must_use]
    pub fn tables(&self) -> &[Arc<AccessTable>] {
        &self.tables
    }

    async fn judge(
        &self,
        list: &[Restriction],
        stage: Stage<'_>,
        info: &SessionInfo,
    ) -> Result<Effects, Rejection> {
        let mut effects = Effects::default();
        let mut if_reject = None;
        for Restriction { text, check, warns } in list {
            // Whatever follows, this is deferred.
            if if_reject.is_some() && effects.deferral.is_some() {
                break;
            }
            let facts = Facts { stage, info, parameters: &self.parameters };
            let refused = match check.answer(&facts).await {
                Ok(Answer::GoesOn(Effects { deferral: Some(deferral), .. })) if *warns => *deferral,
                Ok(Answer::GoesOn(more)) => {
                    if more.deferral.is_some() {
                        info.note(|| {
                            format!(
                                "{:?} restrictions: {text} defers if nothing refuses",
                                stage.kind()
                            )
                        });
                    }
                    effects.merge(more);
                    continue;
                }
                Ok(Answer::DefersIfRefused(rejection)) => {
                    info.note(|| {
                        format!("{:?} restrictions: {text} defers if one refuses", stage.kind())
                    });
                    if_reject = if_reject.or(Some(rejection));
                    continue;
                }
                Ok(Answer::Ends(more)) => {
                    effects.merge(more);
                    info.note(|| format!("{:?} restrictions: {text} ends the list", stage.kind()));
                    return Ok(effects);
                }
                Ok(Answer::Refuses(rejection)) | Err(rejection) => rejection,
            };
            if !warns {
                info.note(|| format!("{:?} restrictions: {text} decides", stage.kind()));
                return Err(with_notes(softened(refused, &mut if_reject), &effects.notes));
            }
            let warning = format!("warn_if_reject {text}: {}", refused.reply());
            info.note(|| warning.clone());
            effects = effects.note(Note::Warning(warning));
        }
        Ok(effects)
    }

    /// The facts with the client's confirmed name, if one of the words asks for it.
    async fn named(&self, list: &[Restriction], info: &SessionInfo) -> Option<SessionInfo> {
        let dns = self.parameters.dns.as_ref()?;
        let needs_name = list.iter().any(|restriction| restriction.check.needs_client_name());
        if !needs_name || info.reverse_name.is_some() {
            return None;
        }
        let host = ClientHost::of(dns, info).await;
        let mut named = info.clone();
        named.reverse_name = host.confirmed().cloned();
        named.extensions.insert(host);
        Some(named)
    }
}

#[async_trait]
impl AccessControl for Restrictions {
    fn checks(&self, stage: StageKind) -> bool {
        self.lists.iter().any(|(kind, list)| *kind == stage && !list.is_empty())
    }

    async fn check(&self, stage: Stage<'_>, info: &SessionInfo) -> Verdict {
        let Some((_, list)) = self.lists.iter().find(|(kind, _)| *kind == stage.kind()) else {
            return Verdict::Accept;
        };
        let named = self.named(list, info).await;
        let judged = self.judge(list, stage, named.as_ref().unwrap_or(info)).await;
        let host = named.and_then(|info| info.extensions.find::<ClientHost>().cloned());
        match (judged, host) {
            // Found out once for the session.
            (Ok(effects), Some(host)) => Verdict::with(effects.remember(host)),
            (Ok(effects), None) => Verdict::with(effects),
            (Err(rejection), _) => Verdict::Reject(rejection),
        }
    }
}

impl fmt::Debug for Restrictions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = |list: &[Restriction]| {
            list.iter().map(|restriction| restriction.text.clone()).collect::<Vec<_>>()
        };
        let lists = self.lists.iter().map(|(stage, list)| (stage, texts(list)));
        f.debug_map().entries(lists).finish()
    }
}
