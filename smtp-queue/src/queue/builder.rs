//! What a queue is made of.
//!
//! * **In**: a host name, a router, transports, limits, a spool. **Out**: a [`Queue`] that knows what the spool has.
//! * **Promises**: nothing is delivered before [`Queue::run`]. **Limits**: [`ManagerConfig`]. **Panics**: never.
//! * **Spec**: none.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use smtp_proto::Domain;
use smtp_server::{IdSource, QueueId, UnixMillis};
use tokio::sync::Notify;

use super::Queue;
use super::messages::Messages;
use super::shared::Shared;
use crate::dsn::Reporter;
use crate::entry::Row;
use crate::events::QueueObserver;
use crate::manager::{InsertError, ManagerConfig, QueueManager};
use crate::route::Router;
use crate::spool::log::LogStore;
use crate::spool::vfs::Disk;
use crate::spool::{Damage, Options, Spool, SpoolError, ThreadedSpool};
use crate::transport::Transport;

/// Collects the parts of a [`Queue`].
pub struct QueueBuilder {
    reporter: Reporter,
    router: Option<Arc<dyn Router>>,
    transports: HashMap<String, Arc<dyn Transport>>,
    config: ManagerConfig,
    local_domains: Arc<dyn Fn(&Domain<'_>) -> bool + Send + Sync>,
    observers: Vec<Arc<dyn QueueObserver>>,
    clock: Arc<dyn Fn() -> UnixMillis + Send + Sync>,
}

/// The host's name cannot stand in a report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no domain name that can be written in ASCII")]
pub struct NameError(String);

impl Queue {
    /// A queue on the host of this name, as reports have it.
    ///
    /// # Errors
    /// [`NameError`] if it is no domain name.
    pub fn builder(host: &str) -> Result<QueueBuilder, NameError> {
        let reporter = Domain::parse(host).ok().and_then(|domain| Reporter::new(&domain));
        Ok(QueueBuilder {
            reporter: reporter.ok_or_else(|| NameError(host.to_owned()))?,
            router: None,
            transports: HashMap::new(),
            config: ManagerConfig::default(),
            local_domains: Arc::new(|_| false),
            observers: Vec::new(),
            clock: Arc::new(UnixMillis::system),
        })
    }
}

impl QueueBuilder {
    /// Where recipients go. Without one, everything is deferred.
    #[must_use]
    pub fn router(mut self, router: impl Router) -> Self {
        self.router = Some(Arc::new(router));
        self
    }

    /// How they get there: a transport by the name that the router's answers have.
    #[must_use]
    pub fn transport(mut self, name: &str, transport: impl Transport) -> Self {
        self.transports.insert(name.to_owned(), Arc::new(transport));
        self
    }

    /// How often, how long, and how many at once.
    #[must_use]
    pub fn config(mut self, config: ManagerConfig) -> Self {
        self.config = config;
        self
    }

    /// Messages of up to so many octets are returned whole in a report (`bounce_size_limit`).
    #[must_use]
    pub fn bounce_bytes_max(mut self, bytes_max: usize) -> Self {
        self.reporter = self.reporter.with_bounce_bytes_max(bytes_max);
        self
    }

    /// Which domains are ours, so that a report to one of their mailboxes stays here. By default none.
    #[must_use]
    pub fn local_domains(
        mut self,
        is_ours: impl Fn(&Domain<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.local_domains = Arc::new(is_ours);
        self
    }

    /// Tells this one what happens, too: each delivery and each failure.
    #[must_use]
    pub fn observer(mut self, observer: impl QueueObserver) -> Self {
        self.observers.push(Arc::new(observer));
        self
    }

    /// Asks this for the time in place of the system, so that a test makes days pass. The runner sleeps by tokio's
    /// clock, which the two have to agree with.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> UnixMillis + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The queue over a log in `directory`, which is made if it is not there. What is damaged in it is told, and otherwise left out.
    ///
    /// # Errors
    /// [`SpoolError`] if the directory cannot be used: another process may have it open, or others than its owner may write there.
    pub fn open_directory(
        self,
        directory: impl Into<PathBuf>,
        mut damaged: impl FnMut(Damage),
    ) -> Result<Queue, SpoolError> {
        self.open(|rows| {
            let disk = Arc::new(Disk::new(directory)?);
            let (store, last) = LogStore::open(disk, Options::default(), rows, &mut damaged)?;
            Ok((ThreadedSpool::start(store)?, last))
        })
    }

    /// The queue over a spool that `open` opens: it hands over the rows that are there, and returns the largest queue
    /// id that was ever used.
    ///
    /// # Errors
    /// Those of `open`.
    pub fn open<S: Spool, E>(
        self,
        open: impl FnOnce(&mut dyn FnMut(Row<'_>)) -> Result<(S, QueueId), E>,
    ) -> Result<Queue, E> {
        let now = (self.clock)();
        let mut manager = QueueManager::new(self.config.clone(), now.0);
        let mut finished = Vec::new();
        let (spool, last) = open(&mut |row| {
            let id = row.key.id;
            if manager.insert(row, now) == Err(InsertError::Empty) {
                finished.push(id);
            }
        })?;
        let shared = Shared {
            spool: Arc::new(spool),
            router: self.router,
            transports: self.transports,
            reporter: self.reporter,
            lifetime: self.config.retry.maximal_queue_lifetime,
            local_domains: self.local_domains,
            ids: Arc::new(IdSource::after(last)),
            observers: self.observers,
            clock: self.clock,
            manager: Mutex::new(manager),
            wake: Notify::new(),
            messages: Messages::default(),
            altering: tokio::sync::Mutex::default(),
            finished: Mutex::new(finished),
        };
        Ok(Queue { shared: Arc::new(shared) })
    }
}
