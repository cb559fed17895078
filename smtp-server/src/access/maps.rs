//! Tables per stage.
//!
//! * **In**: a stage's facts. **Out**: the verdict of the first entry that decides.
//! * **Promises**: within a table the most specific key wins, and an entry that says [`Dunno`](AccessAction::Dunno) hides
//!   the less specific ones; tables of a stage are asked in order; `Ok` and `Discard` end this stage's tables and
//!   nothing else. What was deferred takes the place of a later refusal for good, or of the permission, as its entry
//!   says. A table that cannot be asked is a 451, never a pass.
//! * **Limits**: one look-up per key of the ladder. **Panics**: never. **Spec**: Postfix access(5).

use std::sync::Arc;

use async_trait::async_trait;
use smtp_proto::{EnhancedCode, Mailbox};

use super::ladder::{Keys, Ladder};
use super::{AccessAction, sendmail};
use crate::hooks::{AccessControl, LookupError, Stage, StageKind};
use crate::info::SessionInfo;
use crate::verdict::{Effects, Note, Rejection, Verdict};

/// A table from keys to actions.
#[async_trait]
pub trait AccessMap: Send + Sync + 'static {
    /// The entry for `key`, which is in lower case unless the table asks for whole keys.
    ///
    /// # Errors
    /// [`LookupError`] if the table cannot say; the client is told to try again.
    async fn lookup(&self, key: &str) -> Result<Option<AccessAction>, LookupError>;

    /// The first of these keys that has an entry, by its place among them, and the entry. A table that others may replace
    /// meanwhile, or that is far away, answers for all of them at once; by default each is [looked up](Self::lookup).
    ///
    /// # Errors
    /// As for [`lookup`](Self::lookup).
    async fn lookup_first(
        &self,
        keys: &[&str],
    ) -> Result<Option<(usize, AccessAction)>, LookupError> {
        for (place, key) in keys.iter().enumerate() {
            if let Some(action) = self.lookup(key).await? {
                return Ok(Some((place, action)));
            }
        }
        Ok(None)
    }

    /// Which keys it is asked for.
    fn key_style(&self) -> KeyStyle {
        KeyStyle::Ladder
    }
}

/// Which keys an [`AccessMap`] is asked for. At the stage of DATA no table is asked for any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyStyle {
    /// The keys of access(5), from the most specific to the least: the table knows exact keys only.
    ///
    /// A client: its host name if that is known, the parents of it, its address, the networks by octet or
    /// group. HELO: the name and its parents. An address: `user+ext@domain`, `user@domain`, the domain and its
    /// parents, `user+ext@`, `user@`; `<>` is the null reverse-path.
    #[default]
    Ladder,
    /// The host name, the address of a client, or a mailbox, as it came: the table finds parts by itself.
    Whole,
    /// The tagged keys of Sendmail: `Connect:`, `From:` and `To:` in lower case, each key with its tag first and
    /// then without. HELO is not asked about.
    Sendmail,
}

#[async_trait]
impl<M: AccessMap + ?Sized> AccessMap for Arc<M> {
    async fn lookup(&self, key: &str) -> Result<Option<AccessAction>, LookupError> {
        (**self).lookup(key).await
    }

    async fn lookup_first(
        &self,
        keys: &[&str],
    ) -> Result<Option<(usize, AccessAction)>, LookupError> {
        (**self).lookup_first(keys).await
    }

    fn key_style(&self) -> KeyStyle {
        (**self).key_style()
    }
}

/// Access control by tables.
///
/// ```
/// use smtp_server::access::{AccessAction, AccessMaps, MemoryMap};
/// use smtp_server::StageKind;
///
/// let senders = MemoryMap::from([("spam.example", AccessAction::reject("No spam, please"))]);
/// let access = AccessMaps::default().with(StageKind::Sender, senders);
/// ```
#[derive(Clone, Default)]
pub struct AccessMaps {
    maps: Vec<(StageKind, Arc<dyn AccessMap>)>,
    next: Vec<Arc<dyn AccessControl>>,
    ladder: Ladder,
}

impl AccessMaps {
    /// Asks `map` at `stage`, after the tables that were given before.
    #[must_use]
    pub fn with(mut self, stage: StageKind, map: impl AccessMap) -> Self {
        self.maps.push((stage, Arc::new(map)));
        self
    }

    /// The characters that separate a user's name from an extension (Postfix's `recipient_delimiter`): with `+`,
    /// `kim+lists@example.org` is also looked up as `kim@example.org`. None by default.
    #[must_use]
    pub fn recipient_delimiter(mut self, characters: impl Into<String>) -> Self {
        self.ladder.delimiters = characters.into();
        self
    }

    /// An entry `example.org` is about that domain alone, and `.example.org` about what is below it. By default
    /// `example.org` is about both (Postfix's `parent_domain_matches_subdomains`).
    #[must_use]
    pub fn dotted_parents(mut self) -> Self {
        self.ladder.has_dotted_parents = true;
        self
    }

    /// Asks `next` at every stage, after the tables.
    #[must_use]
    pub fn then(mut self, next: impl AccessControl) -> Self {
        self.next.push(Arc::new(next));
        self
    }

    async fn check_maps(
        &self,
        stage: &Stage<'_>,
        info: &SessionInfo,
    ) -> Result<Effects, Rejection> {
        let mut effects = Effects::default();
        let mut if_reject = None;
        for (_, map) in self.maps.iter().filter(|(kind, _)| *kind == stage.kind()) {
            match ask(map.as_ref(), &self.ladder, stage, info).await? {
                Answer::GoesOn(more) => effects.merge(more),
                Answer::DefersIfRefused(rejection) => if_reject = if_reject.or(Some(rejection)),
                Answer::Ends(more) => {
                    effects.merge(more);
                    return Ok(effects);
                }
                Answer::Refuses(rejection) => {
                    let rejection = softened(rejection, &mut if_reject);
                    return Err(with_notes(rejection, &effects.notes));
                }
            }
        }
        Ok(effects)
    }
}

/// What a table says, or another rule of a list.
pub(crate) enum Answer {
    /// The next one is asked.
    GoesOn(Effects),
    /// No other one is asked at this stage.
    Ends(Effects),
    Refuses(Rejection),
    /// As the first, but a later refusal for good becomes this one.
    DefersIfRefused(Rejection),
}

impl Answer {
    /// The same, with another wording of whatever it refuses with, now or later.
    pub(crate) fn map_rejection(self, word: impl FnOnce(Rejection) -> Rejection) -> Self {
        match self {
            Self::Refuses(rejection) => Self::Refuses(word(rejection)),
            Self::DefersIfRefused(rejection) => Self::DefersIfRefused(word(rejection)),
            Self::GoesOn(effects) => {
                let deferral = effects.deferral.map(|deferral| Box::new(word(*deferral)));
                Self::GoesOn(Effects { deferral, ..effects })
            }
            Self::Ends(_) => self,
        }
    }
}

/// The refusal, or what was remembered to take its place (Postfix's `defer_if_reject`).
pub(super) fn softened(rejection: Rejection, if_reject: &mut Option<Rejection>) -> Rejection {
    match if_reject.take() {
        Some(deferral) if rejection.is_permanent() => deferral,
        _ => rejection,
    }
}

/// What one table says at a stage.
pub(crate) async fn ask(
    map: &dyn AccessMap,
    ladder: &Ladder,
    stage: &Stage<'_>,
    info: &SessionInfo,
) -> Result<Answer, Rejection> {
    let style = map.key_style();
    // An entry that decides nothing ends its group.
    let groups = match style {
        KeyStyle::Ladder => vec![ladder.keys(stage, info)],
        KeyStyle::Whole => vec![whole_keys(stage, info).into()],
        KeyStyle::Sendmail => sendmail::keys(stage, info).into_iter().map(Keys::from).collect(),
    };
    for keys in groups {
        let keys: Vec<_> = keys.iter().collect();
        let found = map.lookup_first(&keys).await;
        let found =
            found.map_err(|error| Rejection::local_error().with_detail(error.to_string()))?;
        let Some((place, action)) = found else { continue };
        let key = keys.get(place).copied().unwrap_or_default();
        info.note(|| format!("access table ({:?}): the entry for {key} counts", stage.kind()));
        match Answer::from(action) {
            // For Postfix, which has one group, this is the table's last word.
            Answer::GoesOn(effects) if effects.is_empty() => {}
            answer => {
                return Ok(answer.map_rejection(|rejection| fit(rejection, stage.kind(), style)));
            }
        }
    }
    Ok(Answer::GoesOn(Effects::default()))
}

impl From<AccessAction> for Answer {
    fn from(action: AccessAction) -> Self {
        let effects = Effects::default();
        match action {
            AccessAction::Ok | AccessAction::Relay => Self::Ends(effects),
            AccessAction::Discard(text) => Self::Ends(discarded(effects, text)),
            AccessAction::Reject(rejection) => Self::Refuses(rejection),
            AccessAction::DeferIfReject(rejection) => Self::DefersIfRefused(rejection),
            other => Self::GoesOn(with_action(effects, other)),
        }
    }
}

#[async_trait]
impl AccessControl for AccessMaps {
    fn checks(&self, stage: StageKind) -> bool {
        self.maps.iter().any(|(kind, _)| *kind == stage)
            || self.next.iter().any(|next| next.checks(stage))
    }

    async fn check(&self, stage: Stage<'_>, info: &SessionInfo) -> Verdict {
        let mut effects = match self.check_maps(&stage, info).await {
            Ok(effects) => effects,
            Err(rejection) => return Verdict::Reject(rejection),
        };
        for next in self.next.iter().filter(|next| next.checks(stage.kind())) {
            match next.check(stage, info).await.into_result() {
                Ok(more) => effects.merge(more),
                Err(rejection) => return Verdict::Reject(with_notes(rejection, &effects.notes)),
            }
        }
        Verdict::with(effects)
    }
}

fn whole_keys(stage: &Stage<'_>, info: &SessionInfo) -> Vec<String> {
    match stage {
        Stage::Client { .. } => {
            let name = info.reverse_name.as_ref().map(ToString::to_string);
            name.into_iter().chain(info.peer.ip().map(|ip| ip.to_string())).collect()
        }
        Stage::Hello { hello, .. } => vec![hello.name.as_str().to_owned()],
        Stage::Sender { envelope, .. } => {
            let mailbox = envelope.reverse_path.mailbox();
            vec![mailbox.map_or_else(|| "<>".to_owned(), unquoted)]
        }
        Stage::Recipient { to, .. } => {
            vec![to.mailbox().map_or_else(|| "postmaster".to_owned(), unquoted)]
        }
        Stage::Etrn { argument, .. } => vec![argument.as_str().to_owned()],
        Stage::Tls { .. } | Stage::Data { .. } | Stage::EndOfData { .. } | Stage::Vrfy { .. } => {
            Vec::new()
        }
    }
}

fn unquoted(mailbox: &Mailbox<'_>) -> String {
    format!("{}@{}", mailbox.local_part.unquoted(), mailbox.domain)
}

/// The verdict of one action by itself.
impl From<AccessAction> for Verdict {
    fn from(action: AccessAction) -> Self {
        match Answer::from(action) {
            Answer::Refuses(rejection) => Self::Reject(rejection),
            Answer::GoesOn(effects) | Answer::Ends(effects) => Self::with(effects),
            // Nothing follows that could refuse.
            Answer::DefersIfRefused(_) => Self::Accept,
        }
    }
}

fn discarded(effects: Effects, text: String) -> Effects {
    let effects = effects.discard();
    if text.is_empty() { effects } else { effects.note(Note::Info(text)) }
}

/// What the actions do that neither refuse nor end a stage.
fn with_action(effects: Effects, action: AccessAction) -> Effects {
    match action {
        AccessAction::Prepend(field) => effects.prepend(field),
        AccessAction::Hold(reason) => effects.hold(reason),
        AccessAction::Redirect(mailbox) => effects.redirect(mailbox),
        AccessAction::Bcc(mailbox) => effects.bcc(mailbox),
        AccessAction::Filter(route) => effects.filter(route),
        AccessAction::Note(note) => effects.note(note),
        AccessAction::DeferIfPermit(rejection) => effects.defer_if_permit(rejection),
        _ => effects,
    }
}

/// What was remarked before a refusal would be lost with the effects.
pub(super) fn with_notes(rejection: Rejection, notes: &[Note]) -> Rejection {
    if notes.is_empty() {
        return rejection;
    }
    let texts = notes.iter().map(|(Note::Info(text) | Note::Warning(text))| text.as_str());
    let detail: Vec<_> = texts.chain(rejection.detail()).collect();
    let detail = detail.join("; ");
    rejection.with_detail(detail)
}

/// An enhanced code about an address becomes one about the address that this stage is about: access(5), "ENHANCED
/// STATUS CODES". Sendmail takes them as they stand.
fn fit(rejection: Rejection, stage: StageKind, style: KeyStyle) -> Rejection {
    let about_address = rejection.reply().enhanced().filter(|code| code.subject() == 1);
    let Some(code) = about_address.filter(|_| style != KeyStyle::Sendmail) else {
        return rejection;
    };
    let (subject, detail) = match (stage, code.detail()) {
        (StageKind::Sender, 1 | 3 | 4 | 6 | 7) => (1, 7),
        (StageKind::Sender, 2 | 8) => (1, 8),
        (StageKind::Recipient, 7) => (1, 3),
        (StageKind::Recipient, 8) => (1, 2),
        // 5.1.10 is a null MX (RFC 7505 4.2), which Postfix's own list does not know.
        (StageKind::Recipient, detail @ (1..=6 | 10)) => (1, detail),
        (StageKind::Sender | StageKind::Recipient, _) => (1, 0),
        _ => (0, 0),
    };
    rejection.with_enhanced_code(EnhancedCode::new(code.class(), subject, detail))
}
