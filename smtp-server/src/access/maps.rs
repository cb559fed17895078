//! Tables per stage.
//!
//! * **In**: a stage's facts. **Out**: the verdict of the first entry that decides.
//! * **Promises**: within a table the most specific key wins; tables of a stage are asked in order; `Ok`
//!   ends this stage's tables and nothing else. A table that cannot be asked is a 451, never a pass.
//! * **Limits**: one look-up per key of the ladder. **Panics**: never. **Spec**: Postfix access(5).

use std::sync::Arc;

use async_trait::async_trait;
use smtp_proto::{EnhancedCode, Reply, ReplyCode};

use super::ladder;
use crate::header::HeaderField;
use crate::hooks::{AccessControl, LookupError, Stage, StageKind};
use crate::info::SessionInfo;
use crate::verdict::{Effects, Rejection, Verdict};

/// A table from keys to actions. The ladder of keys is ours; a table knows only exact keys.
#[async_trait]
pub trait AccessMap: Send + Sync + 'static {
    /// The entry for `key`, which is in lower case.
    ///
    /// # Errors
    /// [`LookupError`] if the table cannot say; the client is told to try again.
    async fn lookup(&self, key: &str) -> Result<Option<AccessAction>, LookupError>;
}

/// What an entry does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccessAction {
    /// Nothing against it: this stage asks no further table. It grants nothing.
    Ok,
    /// As if this key were not there.
    Dunno,
    /// Refuse.
    Reject(Rejection),
    /// Accept the message and deliver it nowhere.
    Discard,
    /// Put a field on top of the message.
    Prepend(HeaderField),
}

impl AccessAction {
    /// `REJECT text`: 554 5.7.1.
    #[must_use]
    pub fn reject(text: &str) -> Self {
        let text = if text.is_empty() { "Access denied" } else { text };
        let code = EnhancedCode::new(5, 7, 1);
        let reply = Reply::new(ReplyCode::TRANSACTION_FAILED, Some(code), text.to_owned());
        Self::Reject(Rejection::stock(reply))
    }

    /// `DEFER text`: 451 4.7.1.
    #[must_use]
    pub fn defer(text: &str) -> Self {
        let text = if text.is_empty() { "Access denied, try again later" } else { text };
        Self::Reject(Rejection::transient(EnhancedCode::new(4, 7, 1), text.to_owned()))
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
}

impl AccessMaps {
    /// Asks `map` at `stage`, after the tables that were given before.
    #[must_use]
    pub fn with(mut self, stage: StageKind, map: impl AccessMap) -> Self {
        self.maps.push((stage, Arc::new(map)));
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
        let keys = keys(stage, info);
        for (_, map) in self.maps.iter().filter(|(kind, _)| *kind == stage.kind()) {
            match first_entry(map.as_ref(), &keys).await? {
                Some(AccessAction::Reject(rejection)) => return Err(rejection),
                Some(AccessAction::Ok) => break,
                Some(AccessAction::Discard) => effects = effects.discard(),
                Some(AccessAction::Prepend(field)) => effects = effects.prepend(field),
                Some(AccessAction::Dunno) | None => {}
            }
        }
        Ok(effects)
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
        for next in &self.next {
            match next.check(stage, info).await.into_result() {
                Ok(more) => effects.merge(more),
                Err(rejection) => return Verdict::Reject(rejection),
            }
        }
        Verdict::with(effects)
    }
}

async fn first_entry(
    map: &dyn AccessMap,
    keys: &[String],
) -> Result<Option<AccessAction>, Rejection> {
    for key in keys {
        match map.lookup(key).await {
            Ok(Some(AccessAction::Dunno) | None) => {}
            Ok(found) => return Ok(found),
            Err(error) => return Err(Rejection::local_error().with_detail(error.to_string())),
        }
    }
    Ok(None)
}

fn keys(stage: &Stage<'_>, info: &SessionInfo) -> Vec<String> {
    match stage {
        Stage::Client { .. } => info.peer.ip().map(ladder::client_keys).unwrap_or_default(),
        Stage::Hello { hello, .. } => ladder::domain_keys(hello.name.as_str()),
        Stage::Sender { envelope, .. } => ladder::reverse_path_keys(&envelope.reverse_path),
        Stage::Recipient { to, .. } => ladder::forward_path_keys(to),
        Stage::Etrn { argument, .. } => ladder::domain_keys(argument.as_str()),
        Stage::Data { .. } | Stage::EndOfData { .. } | Stage::Vrfy { .. } => Vec::new(),
    }
}
