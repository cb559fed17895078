//! What all tasks of a queue share, and the one way in.
//!
//! * **In**: new messages. **Out**: rows in the manager, after they are durable. **Promises**: the manager knows no
//!   message that the spool does not have. **Limits**: none of its own. **Panics**: never. **Spec**: none.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use smtp_proto::Domain;
use smtp_server::{IdSource, QueueId, UnixMillis};
use tokio::sync::Notify;

use super::messages::{Loaded, Messages};
use crate::content::{Content, ContentBody, StagedBody};
use crate::dsn::{Facts, Reported, Reporter};
use crate::entry::QueueEntry;
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
    pub(super) manager: Mutex<QueueManager>,
    /// Something was told to the manager that it may have effects for.
    pub(super) wake: Notify,
    pub(super) messages: Messages,
    /// Messages without pending recipients that a crash kept from being removed.
    pub(super) finished: Mutex<Vec<QueueId>>,
}

/// A new message on its way through the spool, and what is remembered of it meanwhile.
pub(super) struct Arrival {
    pub(super) message: NewMessage,
    loaded: Arc<Loaded>,
    is_in_memory: bool,
}

impl Shared {
    pub(super) fn manager(&self) -> MutexGuard<'_, QueueManager> {
        self.manager.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the changes durable, new messages among them, and tells the manager of those.
    pub(super) async fn apply(
        &self,
        mut changes: Vec<Change>,
        arrivals: Vec<Arrival>,
    ) -> Result<(), SpoolError> {
        let mut known = Vec::with_capacity(arrivals.len());
        for arrival in arrivals {
            let Arrival { message, loaded, is_in_memory } = arrival;
            known.push((loaded, message.due.clone(), is_in_memory));
            changes.push(Change::Accept(Box::new(message)));
        }
        self.spool.apply(changes).await?;
        for (loaded, due, is_in_memory) in known {
            self.adopt(&loaded, &due);
            if is_in_memory {
                self.messages.keep(loaded);
            }
        }
        Ok(())
    }

    fn adopt(&self, loaded: &Loaded, due: &[UnixMillis]) {
        let now = UnixMillis::system();
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
        let now = UnixMillis::system();
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
        message.into_iter().map(Arrival::new).collect()
    }
}

impl Arrival {
    pub(super) fn new(message: NewMessage) -> Self {
        let (body, is_in_memory) = match &message.content.body {
            StagedBody::Inline(octets) => (octets.clone(), true),
            StagedBody::Stored { .. } => (bytes::Bytes::new(), false),
        };
        let content =
            Content { fields: message.content.fields.clone(), body: ContentBody::Memory(body) };
        let loaded = Arc::new(Loaded::new(message.entry.clone(), content));
        Self { message, loaded, is_in_memory }
    }
}
