//! The queue itself: takes messages from a server, keeps them, and runs their delivery.
//!
//! * **In**: messages of a [`Server`](smtp_server::Server) or a program, operations. **Out**: deliveries, reports.
//! * **Promises**: `Ok` of [`Delivery::deliver`](smtp_server::Delivery::deliver) means that the spool made the message
//!   durable. Each recipient ends delivered, reported as failed, or is still queued. What was once made durable as done is not
//!   done again; what a crash cut off between a next hop's acceptance and our own commit is.
//! * **Limits**: the spool's and the manager's; messages that just came are kept in memory for five seconds, up to 16 MiB.
//! * **Panics**: never; a transport's or a router's are caught and count as a failure for now.
//! * **Spec**: RFC 5321 4.5.4 and 6.1.
//!
//! ```
//! use std::time::Duration;
//!
//! use smtp_queue::transport::Discard;
//! use smtp_queue::{NextHop, Outcome, Queue, Router, async_trait};
//! use smtp_server::relay::LocalDomains;
//! use smtp_server::{Server, ServiceConfig};
//! use tokio::net::TcpListener;
//! use tokio::sync::watch;
//!
//! struct Everywhere;
//!
//! #[async_trait]
//! impl Router for Everywhere {
//!     async fn route(&self, _domain: &str, _is_local: bool) -> Result<NextHop, Outcome> {
//!         Ok(NextHop::on_this_host("discard"))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let temporary = tempfile::tempdir()?;
//! # let directory = temporary.path().join("spool");
//! let queue = Queue::builder("mx.example.org")?
//!     .router(Everywhere)
//!     .transport("discard", Discard)
//!     .open_directory(directory, |damage| eprintln!("{damage:?}"))?;
//! let mut server = Server::builder("mx.example.org")
//!     .relay_policy(LocalDomains::new(["example.org"])?)
//!     .delivery(queue.clone())
//!     .queue_ids(queue.ids())
//!     .build()?;
//! server.listen(TcpListener::bind("127.0.0.1:0").await?, ServiceConfig::smtp())?;
//!
//! let (end, ended) = watch::channel(false);
//! let asked = |mut ended: watch::Receiver<bool>| async move {
//!     // An error means that nobody can ask any more.
//!     let _ = ended.wait_for(|ended| *ended).await;
//! };
//! let deliveries = tokio::spawn({
//!     let asked = asked(ended.clone());
//!     async move { queue.run(asked, Duration::from_secs(10)).await }
//! });
//! # end.send(true)?;
//! // `end.send(true)` ends both: the server takes no more, then the deliveries under way end.
//! server.run(asked(ended)).await?;
//! deliveries.await?;
//! # Ok(())
//! # }
//! ```

mod builder;
mod intake;
mod listing;
mod operations;

mod attempt;
mod catch;
mod ending;
mod messages;
mod runner;
mod shared;

use std::sync::Arc;

use smtp_server::IdSource;

pub use builder::{NameError, QueueBuilder};
pub use listing::{Entries, Listed};

use shared::Shared;

/// A queue. Clones are the same queue.
#[derive(Clone)]
pub struct Queue {
    shared: Arc<Shared>,
}

impl Queue {
    /// The source of queue ids, which goes on after the largest that the spool has seen: for
    /// [`ServerBuilder::queue_ids`](smtp_server::ServerBuilder::queue_ids). Two sources would give an id twice.
    #[must_use]
    pub fn ids(&self) -> Arc<IdSource> {
        self.shared.ids.clone()
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue")
            .field("counts", &self.shared.manager().counts())
            .finish_non_exhaustive()
    }
}
