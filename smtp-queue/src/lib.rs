//! The queue: keep a message, deliver it, or say why not.
//!
//! Values come first: an [`entry`] is a message with its recipients, a [`status`] is what became of one of
//! them. A [`spool`] keeps entries through power loss, a [`route`] is where a recipient goes next, and a
//! [`transport`] takes it there. What its sender is told is in [`dsn`].

pub mod entry;
pub mod status;

pub mod content;
pub mod spool;

pub mod route;
pub mod transport;

pub mod dsn;
pub mod events;

pub use content::{Content, ContentBody, ReadAt, StagedBody, StagedContent};
pub use entry::{QueueEntry, QueuedRecipient, RecipientState, Row, RowKey};
pub use events::{QueueEvent, QueueObserver};
pub use route::{NextHop, Router};
pub use spool::{Change, ContentWriter, NewMessage, Opened, Schedule, Spool, SpoolError};
pub use status::{NextHost, Outcome, Status};
pub use transport::{Feedback, Job, Outcomes, Report, Transport};
