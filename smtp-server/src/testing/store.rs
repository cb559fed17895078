//! What a test server keeps.
//!
//! * **In**: messages, and what happens in sessions. **Out**: messages that were answered with 250, failed logins, and
//!   word of each change.
//! * **Promises**: a message is there once every octet of its 250 was written, and not before; one that was not
//!   answered so is never there.
//! * **Limits**: [`MESSAGE_BYTES_MAX`] for a message, nothing for their number. **Panics**: never. **Spec**: RFC 5321 6.1.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Sleep;

use super::logins::FailedLogin;
use super::message::TestMessage;
use super::transcript::Transcripts;
use crate::body::Body;
use crate::envelope::{Envelope, QueueId};
use crate::hooks::{Capabilities, Delivery, Event, Observer};
use crate::info::SessionInfo;
use crate::trace;
use crate::verdict::{Accepted, Delivered};

/// Octets of a message that a test server takes.
pub(super) const MESSAGE_BYTES_MAX: usize = 64 << 20;

pub(super) struct Store {
    kept: Mutex<Kept>,
    changed: watch::Sender<()>,
    transcripts: Transcripts,
    /// Where time goes on, whatever the test does with its own clock.
    runtime: Handle,
}

#[derive(Default)]
struct Kept {
    /// Messages whose reply is on its way.
    unanswered: HashMap<QueueId, TestMessage>,
    messages: Vec<TestMessage>,
    failed_logins: Vec<FailedLogin>,
}

impl Store {
    pub(super) fn new(runtime: Handle) -> Self {
        let changed = watch::Sender::new(());
        Self { kept: Mutex::default(), changed, transcripts: Transcripts::default(), runtime }
    }

    /// The messages from the given one on, in the order of their 250.
    pub(super) fn messages_from(&self, first: usize) -> Vec<TestMessage> {
        self.kept().messages.get(first..).unwrap_or_default().to_vec()
    }

    pub(super) fn failed_logins(&self) -> Vec<FailedLogin> {
        self.kept().failed_logins.clone()
    }

    pub(super) fn transcripts(&self) -> &Transcripts {
        &self.transcripts
    }

    /// Hears of each change from now on.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Over after `time`; to be awaited anywhere.
    pub(super) fn sleep(&self, time: Duration) -> Sleep {
        let _on_its_clock = self.runtime.enter();
        tokio::time::sleep(time)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, queue_id: QueueId, is_accepted: bool) {
        let mut kept = self.kept();
        let message = kept.unanswered.remove(&queue_id);
        kept.messages.extend(message.filter(|_| is_accepted));
        drop(kept);
        self.changed.send_replace(());
    }
}

/// The store as the server sees it.
#[derive(Clone)]
pub(super) struct Keeper(pub(super) Arc<Store>);

#[async_trait]
impl Delivery for Keeper {
    /// All that only asks for something of a further hop: whatever a client says of it stands in the envelope.
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            binary_mime: true,
            dsn: true,
            require_tls: true,
            rrvs: true,
            mt_priority: Some(&[]),
            deliver_by_seconds_min: Some(0),
            ..Capabilities::default()
        }
    }

    async fn deliver(
        &self,
        envelope: Envelope,
        body: &mut Body<'_>,
        info: &SessionInfo,
    ) -> Delivered {
        let content = body.collect(MESSAGE_BYTES_MAX).await?;
        let mut fields = vec![trace::return_path(&envelope.reverse_path)];
        fields.extend_from_slice(body.header_fields());
        if let Some(queue_id) = envelope.queue_id {
            let message = TestMessage::new(envelope, info.clone(), fields, content);
            self.0.kept().unanswered.insert(queue_id, message);
        }
        Ok(Accepted::new().into())
    }
}

impl Observer for Keeper {
    fn on_event(&self, event: &Event<'_>, info: &SessionInfo) {
        match event {
            Event::FinalReplyWritten { queue_id: Some(queue_id), ok, .. } => {
                self.0.settle(*queue_id, *ok);
            }
            Event::AuthenticationFailed { authcid, mechanism } => {
                let failed = FailedLogin::new(authcid, mechanism, info.peer.remote);
                self.0.kept().failed_logins.push(failed);
            }
            _ => {}
        }
    }
}
