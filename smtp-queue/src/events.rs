//! What happens to messages, as typed events.
//!
//! * **In**: one [`QueueEvent`] at a time. **Out**: nothing; a log and metrics are renderings of these.
//! * **Promises**: an observer cannot change the queue. **Limits**: it is called where things happen, so it must not
//!   block. **Panics**: caught by whoever calls. **Spec**: none.

#[cfg(feature = "json")]
mod json;
mod message_id;
mod postfix;
mod seconds;
mod smtpd;

use std::time::Duration;

use smtp_server::QueueId;

use crate::dsn::Action;
use crate::entry::QueueEntry;
use crate::route::NextHop;
use crate::transport::Report;

#[cfg(feature = "json")]
pub use json::JsonLog;
pub use message_id::message_id;
pub use postfix::{LogLine, PostfixLog};

/// Is told what happens in a queue.
pub trait QueueObserver: Send + Sync + 'static {
    /// Takes note; the default does not.
    fn on_queue_event(&self, event: &QueueEvent<'_>) {
        let _ = event;
    }
}

/// Something that happened in a queue.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum QueueEvent<'a> {
    /// The queue took responsibility for a message.
    Accepted {
        /// The message.
        entry: &'a QueueEntry,
        /// What its header calls it; see [`message_id()`].
        message_id: Option<&'a str>,
    },
    /// Some of its recipients are due, and it is scheduled.
    Active {
        /// The message.
        entry: &'a QueueEntry,
    },
    /// An attempt ended for one recipient.
    Attempted {
        /// The message.
        entry: &'a QueueEntry,
        /// Where to.
        next_hop: &'a NextHop,
        /// What became of the recipient.
        report: &'a Report,
        /// From its arrival until it was scheduled.
        before_active: Duration,
        /// From there until the attempt began.
        in_active: Duration,
    },
    /// Its retries ran out, or somebody said so ([`QueueEntry::expired`]).
    Expired {
        /// The message.
        entry: &'a QueueEntry,
    },
    /// A report about it was queued.
    Reported {
        /// The message.
        entry: &'a QueueEntry,
        /// The report.
        report: QueueId,
        /// What the report is mostly about.
        action: Action,
    },
    /// It waits until somebody lets it go.
    Held {
        /// The message.
        id: QueueId,
        /// Why, possibly in no words.
        reason: &'a str,
    },
    /// It goes on.
    Released {
        /// The message.
        id: QueueId,
    },
    /// All of its recipients are done, and it is gone.
    Removed {
        /// The message.
        id: QueueId,
    },
    /// Somebody deleted it.
    Deleted {
        /// The message.
        id: QueueId,
    },
}
