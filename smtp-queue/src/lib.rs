//! The queue: keep a message, deliver it, or say why not.
//!
//! Values come first: an [`entry`] is a message with its recipients, a [`status`] is what became of one of
//! them. A [`spool`] keeps entries through power loss, a [`route`] is where a recipient goes next, and a
//! [`transport`] takes it there. The [`manager`] decides what is tried when; it is pure. What a sender is told is
//! in [`dsn`].

pub mod entry;
pub mod status;

mod acceptance;
pub mod content;
pub mod spool;

pub mod route;
pub mod transport;

pub mod manager;
pub mod postqueue;
pub mod retry;

pub mod dsn;
pub mod events;

#[cfg(feature = "tokio")]
pub mod queue;

pub use async_trait::async_trait;

pub use content::{Content, ContentBody, ReadAt, StagedBody, StagedContent, StagedGuard};
pub use entry::{QueueEntry, QueuedRecipient, RecipientState, Row, RowDomain, RowKey, Rows};
pub use events::{QueueEvent, QueueObserver};
pub use manager::{
    AgeCounts, Counts, DelayCause, DeliveryKey, Effect, Filter, InsertError, ManagerConfig,
    QueueManager, QueueName, ReturnCause, RowInfo, SiteInfo,
};
#[cfg(feature = "tokio")]
pub use queue::{Entries, Listed, Queue, QueueBuilder};
pub use retry::RetryPolicy;
pub use route::{NextHop, Router};
pub use spool::{Change, ContentWriter, NewMessage, Opened, Schedule, Spool, SpoolError};
pub use status::{NextHost, Outcome, Status};
pub use transport::{Feedback, Job, Outcomes, Report, Transport};
