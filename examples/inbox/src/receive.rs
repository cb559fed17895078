//! Mail that comes: everybody may send anything to anybody, and it goes into the inbox.
//!
//! * **In**: sessions of the server. **Out**: messages in the store.
//! * **Promises**: nothing is ever passed on. A message is found before its 250 is written and told of after it; one whose
//!   250 could not be written leaves again, since its sender will come back. Any name and password log in.
//! * **Limits**: [`MESSAGE_BYTES_MAX`]; connections of one client are not counted. **Panics**: never.
//! * **Spec**: RFC 5321; RFC 3461, RFC 2852, RFC 6710, RFC 8689 for parameters that are taken and shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use smtp_server::proto::ForwardPath;
use smtp_server::sasl::{Passwords, from_fn};
use smtp_server::testing::Transcript;
use smtp_server::{
    Accepted, Authenticator, Body, Capabilities, Delivered, Delivery, Envelope, Event, Identity,
    Limits, Observer, QueueId, Rejection, RelayDecision, RelayPolicy, SessionInfo, UnixMillis,
    async_trait,
};

use crate::failure::say;
use crate::message::envelope::EnvelopeFacts;
use crate::store::{Arrival, Store};

/// More than common mail servers take.
pub(crate) const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// Takes every message.
pub(crate) struct Intake(pub(crate) Arc<Store>);

/// Tells the store which of them were acknowledged, and counts what was refused.
pub(crate) struct Acknowledgements {
    pub(crate) store: Arc<Store>,
    pub(crate) refused: Arc<AtomicU64>,
}

/// Every recipient is ours.
pub(crate) struct Everybody;

pub(crate) fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.message_bytes_max = Some(MESSAGE_BYTES_MAX as u64);
    // Tests run in parallel, all from one address.
    limits.connections_per_client_max = None;
    limits.connections_per_network_max = None;
    limits
}

/// Any credentials will do.
pub(crate) fn authenticator() -> impl Authenticator {
    Passwords::new(from_fn(|user, _| async move { Ok(Some(Identity::new(user))) }))
}

#[async_trait]
impl RelayPolicy for Everybody {
    async fn decide(&self, _: &ForwardPath<'_>, _: &Envelope, _: &SessionInfo) -> RelayDecision {
        RelayDecision::Local
    }
}

#[async_trait]
impl Delivery for Intake {
    /// What a message asks for is shown, and where it goes there is nothing to do for it.
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default().with_binary_mime(true);
        capabilities.dsn = true;
        capabilities.require_tls = true;
        capabilities.rrvs = true;
        capabilities.mt_priority = Some(&[]);
        capabilities.deliver_by_seconds_min = Some(0);
        capabilities
    }

    async fn deliver(
        &self,
        envelope: Envelope,
        body: &mut Body<'_>,
        info: &SessionInfo,
    ) -> Delivered {
        let content = body.collect(MESSAGE_BYTES_MAX).await?;
        let id = envelope.queue_id.ok_or_else(Rejection::local_error)?;
        let arrival = Arrival {
            id,
            at: UnixMillis::system(),
            envelope: EnvelopeFacts::of(&envelope, info),
            transcript: info.extensions.find::<Transcript>().cloned(),
            content: Bytes::from(content),
        };
        self.0.add(arrival).await.map_err(|error| {
            say(&format!("a message cannot be kept: {error}"));
            Rejection::insufficient_storage().with_detail(error.to_string())
        })?;
        Ok(Accepted::new().into())
    }
}

impl Observer for Acknowledgements {
    fn on_event(&self, event: &Event<'_>, _: &SessionInfo) {
        let Event::FinalReplyWritten { queue_id: Some(id), ok, .. } = event else { return };
        match ok {
            true => self.store.announce(*id),
            false => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                self.take_back(*id);
            }
        }
    }
}

impl Acknowledgements {
    fn take_back(&self, id: QueueId) {
        if self.store.find(id).is_none() {
            return;
        }
        let store = self.store.clone();
        tokio::spawn(async move {
            if let Err(error) = store.withdraw(id).await {
                say(&format!("a message that its sender gave up is still there: {error}"));
            }
        });
    }
}
