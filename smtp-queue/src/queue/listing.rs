//! The messages of the queue one after the other, as a listing has them.
//!
//! * **In**: a filter. **Out**: messages, each as it stands when its turn comes. **Promises**: what is in the queue from the
//!   first to the last is listed; the queue goes on meanwhile. **Limits**: memory for a message and for some ids, however
//!   many messages there are. **Panics**: never. **Spec**: postqueue(1).

use smtp_server::QueueId;

use super::Queue;
use crate::entry::{QueueEntry, RecipientState};
use crate::manager::{Filter, QueueName};
use crate::spool::{Opened, SpoolError};
use crate::status::Status;

/// So many rows are looked at while the queue stands still.
const ROWS_MAX: u32 = 1024;

/// A message, and where it is.
#[derive(Debug)]
pub struct Listed {
    /// The message. Recipients that wait for a site or a route that failed have that failure as their reason, unless
    /// they have one of their own.
    pub message: Opened,
    /// Where it is; of a message with several rows, the first of active, incoming, hold and deferred that one is in.
    pub queue: QueueName,
}

/// The messages that a filter lets through, in no order; made by [`Queue::entries`].
#[derive(Debug)]
pub struct Entries {
    queue: Queue,
    filter: Filter,
    ids: std::vec::IntoIter<QueueId>,
    /// Where the manager goes on.
    place: Option<u32>,
}

impl Queue {
    /// The messages with rows that match, to be read one by one.
    #[must_use]
    pub fn entries(&self, filter: Filter) -> Entries {
        Entries { queue: self.clone(), filter, ids: Vec::new().into_iter(), place: Some(0) }
    }

    /// A message of the queue, and where it is.
    ///
    /// # Errors
    /// [`SpoolError::NotFound`], [`SpoolError::Damaged`], [`SpoolError::Io`].
    pub async fn listed(&self, id: QueueId) -> Result<Listed, SpoolError> {
        let mut message = self.show(id).await?;
        let mut queue = None;
        let mut failures = Vec::new();
        self.list(&Filter { id: Some(id), ..Filter::default() }, |row| {
            let first = queue.filter(|first| rank(*first) <= rank(row.queue));
            queue = Some(first.unwrap_or(row.queue));
            failures.extend(row.blocked_by.map(|status| (row.key.row, status.clone())));
        });
        explain(&mut message.entry, &failures);
        queue.map(|queue| Listed { message, queue }).ok_or(SpoolError::NotFound(id))
    }
}

impl Entries {
    /// The next message, or what is wrong with it. One that is gone by now is left out.
    pub async fn next(&mut self) -> Option<Result<Listed, SpoolError>> {
        loop {
            let id = self.next_id()?;
            match self.queue.listed(id).await {
                Err(SpoolError::NotFound(_)) => {}
                listed => return Some(listed),
            }
        }
    }

    /// The next message's name alone.
    pub fn next_id(&mut self) -> Option<QueueId> {
        loop {
            if let Some(id) = self.ids.next() {
                return Some(id);
            }
            let place = self.place?;
            let (ids, next) = self.queue.shared.manager().messages(&self.filter, place, ROWS_MAX);
            (self.ids, self.place) = (ids.into_iter(), next);
        }
    }
}

fn rank(queue: QueueName) -> u8 {
    match queue {
        QueueName::Active => 0,
        QueueName::Incoming => 1,
        QueueName::Hold => 2,
        QueueName::Deferred => 3,
    }
}

/// Gives recipients without a reason that of their row.
fn explain(entry: &mut QueueEntry, failures: &[(u32, Status)]) {
    if failures.is_empty() {
        return;
    }
    let rows = entry.rows();
    for (at, recipient) in entry.recipients.iter_mut().enumerate() {
        if recipient.state == RecipientState::Pending(None)
            && let Some((_, status)) = failures.iter().find(|(row, _)| rows.has(*row, at))
        {
            recipient.state = RecipientState::Pending(Some(Box::new(status.clone())));
        }
    }
}
