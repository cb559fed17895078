//! Access control at the end of the content, before the delivery hears of the end.
//!
//! * **In**: the content as it passes, an envelope. **Out**: the end, with fields to prepend, or a refusal in its
//!   place.
//! * **Promises**: what was refused here stays refused and what was discarded is answered with 250, whatever
//!   the delivery makes of the error that it gets in place of the end.
//! * **Limits**: the hook timeout. **Panics**: caught, 451. **Spec**: Postfix `smtpd_end_of_data_restrictions`.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use smtp_proto::replies;

use super::now;
use super::resolve::Hooks;
use crate::body::ContentFilter;
use crate::envelope::Envelope;
use crate::header::HeaderField;
use crate::hooks::{Capabilities, Event, HookFailure, HookKind, Stage, StageKind};
use crate::info::SessionInfo;
#[cfg(feature = "testing")]
use crate::testing::Script;
use crate::verdict::{Accepted, Delivered, Receipt, Rejection};

/// The check of one message.
pub(super) struct EndOfData {
    hooks: Arc<Hooks>,
    info: Arc<SessionInfo>,
    envelope: Envelope,
    bytes: u64,
    ruling: Ruling,
    #[cfg(feature = "testing")]
    script: Option<Script>,
}

/// What the check decided in the delivery's place.
#[derive(Clone, Default)]
pub(super) struct Ruling(Arc<OnceLock<Delivered>>);

impl Ruling {
    /// The decision if there is one, else the delivery's result.
    pub(super) fn or(&self, delivered: Delivered) -> Delivered {
        self.0.get().cloned().unwrap_or(delivered)
    }
}

impl EndOfData {
    /// `None` if nothing is checked there.
    pub(super) fn new(
        hooks: &Arc<Hooks>,
        envelope: &Envelope,
        info: &Arc<SessionInfo>,
        #[cfg(feature = "testing")] script: Option<Script>,
    ) -> Option<Box<Self>> {
        let is_checked = hooks.access_at(StageKind::EndOfData).is_some();
        #[cfg(feature = "testing")]
        let is_checked = is_checked || script.is_some();
        if !is_checked {
            return None;
        }
        Some(Box::new(Self {
            hooks: hooks.clone(),
            info: info.clone(),
            envelope: envelope.clone(),
            bytes: 0,
            ruling: Ruling::default(),
            #[cfg(feature = "testing")]
            script,
        }))
    }

    pub(super) fn ruling(&self) -> Ruling {
        self.ruling.clone()
    }

    async fn check(&self) -> Result<Vec<HeaderField>, Delivered> {
        #[cfg(feature = "testing")]
        if let Some(script) = &self.script {
            script.at_end_of_data(&self.envelope, self.info.service, now().monotonic)?;
        }
        let (now, envelope, bytes) = (now().wall, &self.envelope, self.bytes);
        let verdict = self.hooks.check(Stage::EndOfData { now, envelope, bytes }, &self.info).await;
        let handling = verdict.into_result().map_err(Err)?.handling;
        if handling.discard {
            return Err(Ok(Receipt::from(Accepted::new())));
        }
        // The envelope is the delivery's already: what is not among the defaults comes too late.
        if !Capabilities::default().honours(&handling) {
            let (hook, failure) = (HookKind::Access, HookFailure::UnhonouredHandling);
            self.hooks.emit(&Event::HookFailed { hook, failure }, &self.info);
            return Err(Err(Rejection::stock(replies::CONFIGURATION_ERROR)));
        }
        Ok(handling.prepend)
    }
}

#[async_trait]
impl ContentFilter for EndOfData {
    fn chunk(&mut self, chunk: &Bytes) {
        self.bytes += chunk.len() as u64;
    }

    async fn finish(self: Box<Self>) -> Result<Vec<HeaderField>, Rejection> {
        self.check().await.map_err(|decision| {
            let rejection = decision.clone().err().unwrap_or_else(Rejection::local_error);
            // Set once: a message has one end.
            let _ = self.ruling.0.set(decision);
            rejection
        })
    }
}
