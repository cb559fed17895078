//! Connections that wait for the next message.
//!
//! * **In**: connections on which a transaction could begin. **Out**: the same, to whoever asks for that site, that TLS
//!   level and that login, and to nobody else.
//! * **Promises**: what is not asked for in time is told goodbye. **Limits**: [`Reuse`]. **Panics**: never.
//! * **Spec**: RFC 5321 4.1.1.10.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::driver::{Connection, now};
use super::tls_policy::TlsLevel;
use crate::status::NextHost;

/// How long a connection is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reuse {
    /// How long it may wait for the next message.
    pub idle_max: Duration,
    /// How old it may be when a message begins: slow hosts get fewer messages.
    pub age_max: Duration,
    /// How many messages it may carry.
    pub uses_max: u32,
}

impl Default for Reuse {
    fn default() -> Self {
        Self { idle_max: Duration::from_secs(5), age_max: Duration::from_secs(300), uses_max: 100 }
    }
}

/// What a connection has to have in common with a job to be used for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) site: Arc<str>,
    pub(super) level: TlsLevel,
    /// What the certificate was checked against, where it was checked for more than the host's name.
    pub(super) destination: Option<Arc<str>>,
    /// The login.
    pub(super) identity: Option<Arc<str>>,
}

/// The connections that wait. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Pool(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    /// With the time until which they wait.
    connections: HashMap<Key, Vec<(Instant, Connection)>>,
    /// Somebody looks after those whose time is over.
    is_swept: bool,
}

impl Pool {
    /// The connection to this host that waits the shortest.
    pub(super) fn take(&self, key: &Key, host: &NextHost) -> Option<Connection> {
        let mut waiting = self.lock();
        let connections = waiting.connections.get_mut(key)?;
        let place = connections.iter().rposition(|(_, connection)| connection.host == *host)?;
        let (_, connection) = connections.remove(place);
        if connections.is_empty() {
            waiting.connections.remove(key);
        }
        Some(connection)
    }

    /// Keeps a connection for the next message, or closes it.
    pub(super) fn put(&self, key: Key, connection: Connection, reuse: Reuse) {
        let now = now();
        let is_spent = connection.uses >= reuse.uses_max
            || now.duration_since(connection.since) >= reuse.age_max;
        if is_spent {
            tokio::spawn(connection.close());
            return;
        }
        let until = now + reuse.idle_max;
        let mut waiting = self.lock();
        waiting.connections.entry(key).or_default().push((until, connection));
        if !std::mem::replace(&mut waiting.is_swept, true) {
            tokio::spawn(sweep(Arc::downgrade(&self.0), until));
        }
    }

    /// Closes all that wait now.
    pub(super) async fn close(&self) {
        let connections = std::mem::take(&mut self.lock().connections);
        for (_, connection) in connections.into_values().flatten() {
            connection.close().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Takes out those whose time is over, and says when the next one's is.
    fn take_over(&mut self, now: Instant) -> (Vec<Connection>, Option<Instant>) {
        let mut over = Vec::new();
        for connections in self.connections.values_mut() {
            let is_over = |(until, _): &mut (Instant, Connection)| *until <= now;
            over.extend(connections.extract_if(.., is_over).map(|(_, connection)| connection));
        }
        self.connections.retain(|_, connections| !connections.is_empty());
        let untils = self.connections.values().flatten().map(|(until, _)| *until);
        (over, untils.min())
    }
}

/// Closes connections when their time is over, as long as there are any.
async fn sweep(pool: Weak<Mutex<Waiting>>, mut until: Instant) {
    loop {
        tokio::time::sleep_until(until).await;
        let Some(pool) = pool.upgrade().map(Pool) else { return };
        let next = {
            let mut waiting = pool.lock();
            let (over, next) = waiting.take_over(now());
            over.into_iter().for_each(|connection| drop(tokio::spawn(connection.close())));
            waiting.is_swept = next.is_some();
            next
        };
        match next {
            Some(next) => until = next,
            None => return,
        }
    }
}
