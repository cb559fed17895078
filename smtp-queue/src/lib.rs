//! The queue: keep a message, deliver it, or say why not.
//!
//! A `Queue` is a [`Delivery`](smtp_server::Delivery): give it to a server, and its 250 means that the message survives power
//! loss. It is made of three parts that know nothing of each other, and of one that joins them:
//!
//! * a [`Spool`] keeps messages: a log with group commit ([`spool::log`]), files that can be read with `cat`
//!   ([`spool::files`]), or memory ([`spool::memory`]);
//! * the [`QueueManager`] decides what is tried when. It is pure, so a year of retries runs in a second;
//! * a [`Router`] says where a recipient goes next, and a [`Transport`] takes it there: other hosts by SMTP and LMTP, Maildirs, mboxes,
//!   programs. A transport also serves without a queue (`transport::Direct`);
//! * the queue itself runs them: it makes each outcome durable together with the report that it causes ([`dsn`]).
//!
//! Each delivery and each failure is told to [`QueueObserver`]s; [`events`] renders them as Postfix's log, `QueueMetrics`
//! counts them.
//!
//! # Without features
//!
//! The values, the manager, the disk formats and the client's session need no runtime. `tokio` brings the runner and what touches
//! sockets, `tls` TLS to next hops, `dns` mail exchangers, `scram` SCRAM to next hops, `json` logs and listings in JSON, `metrics` counters for
//! Prometheus.

pub mod entry;
pub mod status;

#[cfg(feature = "tokio")]
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
#[cfg(feature = "metrics")]
mod metrics;

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
#[cfg(feature = "metrics")]
pub use metrics::QueueMetrics;
#[cfg(feature = "tokio")]
pub use queue::{Entries, Listed, Queue, QueueBuilder};
pub use retry::RetryPolicy;
pub use route::{NextHop, Router};
pub use spool::{Change, ContentWriter, NewMessage, Opened, Schedule, Spool, SpoolError};
pub use status::{NextHost, Outcome, Status};
pub use transport::{Feedback, Job, Outcomes, Report, Transport};
