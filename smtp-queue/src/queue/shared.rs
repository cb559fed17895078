//! What all tasks of a queue share, and the one way in.
//!
//! * **In**: new messages. **Out**: rows in the manager, after they are durable. **Promises**: the manager knows no
//!   message that the spool does not have. **Limits**: none of its own. **Panics**: never. **Spec**: none.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use smtp_proto::Domain;
use smtp_server::{IdSource, QueueId, UnixMillis};
use tokio::sync::Notify;

use super::messages::{Loaded, Messages};
use crate::content::{Content, ContentBody, StagedBody, StagedContent};
use crate::dsn::{Facts, Reported, Reporter};
use crate::entry::QueueEntry;
use crate::events::{self, QueueEvent, QueueObserver};
use crate::manager::QueueManager;
use crate::route::Router;
use crate::spool::{Change, NewMessage, Spool, SpoolError};
use crate::transport::Transport;

pub(super) struct Shared {
    pub(super) spool: Arc<dyn Spool>,
    pub(super) router: Option<Arc<dyn Router>>,
    pub(super) transports: HashMap<String, Arc<dyn Transport>>,
    pub(super) reporter: Reporter,
    /// How long a message is tried, for what a delayed sender is told.
    pub(super) lifetime: Duration,
    pub(super) local_domains: Arc<dyn Fn(&Domain<'_>) -> bool + Send + Sync>,
    pub(super) ids: Arc<IdSource>,
    pub(super) observers: Vec<Arc<dyn QueueObserver>>,
    pub(super) clock: Arc<dyn Fn() -> UnixMillis + Send + Sync>,
    pub(super) manager: Mutex<QueueManager>,
    /// Something was told to the manager that it may have effects for.
    pub(super) wake: Notify,
    pub(super) messages: Messages,
    /// Held by an operation while it is made durable and told to the manager.
    pub(super) altering: tokio::sync::Mutex<()>,
    /// Messages without pending recipients that a crash kept from being removed.
    pub(super) finished: Mutex<Vec<QueueId>>,
}

/// A new message on its way through the spool, and what is remembered of it meanwhile.
pub(super) struct Arrival {
    pub(super) message: NewMessage,
    loaded: Arc<Loaded>,
    is_in_memory: bool,
    message_id: Option<String>,
}

impl Shared {
    pub(super) fn manager(&self) -> MutexGuard<'_, QueueManager> {
        self.manager.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> UnixMillis {
        (self.clock)()
    }

    /// Tells the observers; what one of them does wrong is not ours.
    pub(super) fn emit(&self, event: &QueueEvent<'_>) {
        for observer in &self.observers {
            let _ = catch_unwind(AssertUnwindSafe(|| observer.on_queue_event(event)));
        }
    }

    /// Makes the changes durable, new messages among them, and tells the manager of those.
    pub(super) async fn apply(
        &self,
        mut changes: Vec<Change>,
        arrivals: Vec<Arrival>,
    ) -> Result<(), SpoolError> {
        let mut adopted = Vec::with_capacity(arrivals.len());
        for arrival in arrivals {
            let Arrival { message, loaded, is_in_memory, message_id } = arrival;
            adopted.push((loaded, message.due.clone(), is_in_memory, message_id));
            changes.push(Change::Accept(Box::new(message)));
        }
        self.spool.apply(changes).await?;
        for (loaded, due, is_in_memory, message_id) in adopted {
            let (entry, message_id) = (&*loaded.entry, message_id.as_deref());
            self.emit(&QueueEvent::Accepted { entry, message_id });
            if let Some(reason) = &entry.hold {
                self.emit(&QueueEvent::Held { id: entry.id, reason });
            }
            if is_in_memory {
                self.messages.keep(loaded.clone(), self.now());
            }
            self.adopt(&loaded, &due);
        }
        Ok(())
    }

    fn adopt(&self, loaded: &Loaded, due: &[UnixMillis]) {
        let now = self.now();
        let mut manager = self.manager();
        loaded.entry.each_row(&loaded.rows, due, &mut |row| {
            // The id is new, so the row is, and all recipients are pending.
            let _ = manager.insert(row, now);
        });
        drop(manager);
        self.wake.notify_one();
    }

    /// The report of what became of these recipients, as a message of its own, if anything is to be reported.
    pub(super) async fn report(
        &self,
        entry: &QueueEntry,
        content: &Content,
        reported: &[Reported],
    ) -> Vec<Arrival> {
        if reported.is_empty() {
            return Vec::new();
        }
        let now = self.now();
        let original = match &content.body {
            ContentBody::Memory(_) => self.reporter.original(content),
            ContentBody::Stored(_) => {
                let (reporter, content) = (self.reporter.clone(), content.clone());
                let read = tokio::task::spawn_blocking(move || reporter.original(&content));
                read.await.unwrap_or_else(|_| Err(std::io::ErrorKind::Other.into()))
            }
        };
        // What cannot be read is not returned; that it failed must be told all the same.
        let original = original.unwrap_or_else(|_| crate::dsn::Original::unreadable());
        let facts = Facts { entry, reported, original: &original, id: self.ids.next(now), now };
        let message = self.reporter.compose(&facts, |domain| (self.local_domains)(domain));
        if let (Some(message), Some(first)) = (&message, reported.first()) {
            let (report, action) = (message.entry.id, first.action());
            self.emit(&QueueEvent::Reported { entry, report, action });
        }
        let arrival = |NewMessage { entry, content, .. }| Arrival::new(entry, content, &[]);
        message.into_iter().map(arrival).collect()
    }
}

impl Arrival {
    /// `beginning` is that of a body that is not in memory.
    pub(super) fn new(entry: QueueEntry, staged: StagedContent, beginning: &[u8]) -> Self {
        let StagedContent { fields, body } = &staged;
        let (body, is_in_memory) = match body {
            StagedBody::Inline(octets) => (octets.clone(), true),
            StagedBody::Stored { .. } => (Bytes::new(), false),
        };
        let head = if is_in_memory { &*body } else { beginning };
        let message_id = events::message_id(fields).or_else(|| events::message_id(head));
        let content = Content { fields: fields.clone(), body: ContentBody::Memory(body) };
        let loaded = Arc::new(Loaded::new(entry.clone(), content));
        let due = vec![entry.not_before(); loaded.rows.rows.len()];
        let message = NewMessage { entry, content: staged, due };
        Self { message, loaded, is_in_memory, message_id }
    }
}
