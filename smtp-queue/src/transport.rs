//! Transports: how a message gets to its next hop.
//!
//! * **In**: a [`Job`]. **Out**: a [`Report`] for each recipient, as soon as it is known.
//! * **Promises**: an attempt reports each recipient once, and is never dropped between the final dot and its
//!   reply. **Limits**: each transport's own. **Panics**: caught by the runner; what was not reported is deferred.
//! * **Spec**: RFC 5321 4.5.4.

#[cfg(feature = "tokio")]
mod direct;
mod discard;
mod error;
#[cfg(feature = "tokio")]
mod local;
#[cfg(feature = "tokio")]
mod maildir;
#[cfg(feature = "tokio")]
mod mbox;
#[cfg(feature = "tokio")]
mod pipe;
pub mod smtp;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::content::Content;
use crate::entry::QueueEntry;
use crate::route::NextHop;
use crate::status::{Outcome, Status};

#[cfg(feature = "tokio")]
pub use direct::Direct;
pub use discard::Discard;
pub use error::Refuse;
#[cfg(feature = "tokio")]
pub use maildir::Maildir;
#[cfg(feature = "tokio")]
pub use mbox::Mbox;
#[cfg(feature = "tokio")]
pub use pipe::{Pipe, PipeError};

/// Takes messages to a next hop, or into a mailbox.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Tries once, for all recipients of the job.
    async fn attempt(&self, job: &Job, outcomes: &mut dyn Outcomes) -> Feedback;
}

/// One message for some of its recipients at one next hop.
#[derive(Clone, Debug)]
pub struct Job {
    /// The message.
    pub entry: Arc<QueueEntry>,
    /// The indices of the recipients that this is about.
    pub recipients: Vec<u32>,
    /// What to send.
    pub content: Content,
    /// Where to.
    pub next_hop: NextHop,
}

/// Is told what became of each recipient.
pub trait Outcomes: Send {
    /// Takes one recipient's outcome.
    fn report(&mut self, report: Report);
}

/// One recipient's outcome, and how long it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The recipient's index in the entry.
    pub recipient: u32,
    /// What became of it.
    pub outcome: Outcome,
    /// DNS, TCP, HELO and TLS.
    pub set_up: Duration,
    /// From MAIL to the reply.
    pub transmission: Duration,
    /// How many messages the connection carried, this one included; 0 where there is none.
    pub connection_uses: u32,
}

impl Report {
    /// What became of a recipient without an attempt.
    #[must_use]
    pub fn without_attempt(recipient: u32, outcome: Outcome) -> Self {
        let (set_up, transmission) = (Duration::ZERO, Duration::ZERO);
        Self { recipient, outcome, set_up, transmission, connection_uses: 0 }
    }
}

/// What the attempt says of the site as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feedback {
    /// Somebody there spoke with us, whatever was said of recipients and message.
    Reached,
    /// Nobody there could be reached or would speak with us (connect, greeting, EHLO, TLS, 421).
    Unreachable(Status),
}

impl Job {
    /// Reports one outcome for all recipients, without an attempt.
    fn report_all(&self, outcome: &Outcome, outcomes: &mut dyn Outcomes) -> Feedback {
        for &recipient in &self.recipients {
            outcomes.report(Report::without_attempt(recipient, outcome.clone()));
        }
        Feedback::Reached
    }
}
