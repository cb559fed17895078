//! Connections that wait for the next message.
//!
//! * **In**: connections on which a transaction could begin. **Out**: the same, to whoever asks for that site, that TLS
//!   level and that login, and to nobody else.
//! * **Promises**: what is not asked for in time is told goodbye. **Limits**: [`Reuse`]. **Panics**: never.
//! * **Spec**: RFC 5321 4.1.1.10.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

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
    connections: HashMap<Key, Vec<(u64, Connection)>>,
    numbers: u64,
}

impl Pool {
    /// The connection to this host that waits the shortest.
    pub(super) fn take(&self, key: &Key, host: &NextHost) -> Option<Connection> {
        let mut waiting = self.lock();
        let connections = waiting.connections.get_mut(key)?;
        let place = connections.iter().rposition(|(_, connection)| connection.host == *host)?;
        let (_, connection) = connections.remove(place);
        waiting.drop_empty(key);
        Some(connection)
    }

    /// Keeps a connection for the next message, or closes it.
    pub(super) fn put(&self, key: Key, connection: Connection, reuse: Reuse) {
        let is_spent = connection.uses >= reuse.uses_max
            || now().duration_since(connection.since) >= reuse.age_max;
        if is_spent {
            tokio::spawn(connection.close());
            return;
        }
        let number = {
            let mut waiting = self.lock();
            waiting.numbers += 1;
            let number = waiting.numbers;
            waiting.connections.entry(key.clone()).or_default().push((number, connection));
            number
        };
        let pool = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            tokio::time::sleep(reuse.idle_max).await;
            let Some(pool) = pool.upgrade() else { return };
            if let Some(connection) = Self(pool).remove(&key, number) {
                connection.close().await;
            }
        });
    }

    /// Closes all that wait now.
    pub(super) async fn close(&self) {
        let connections = std::mem::take(&mut self.lock().connections);
        for (_, connection) in connections.into_values().flatten() {
            connection.close().await;
        }
    }

    fn remove(&self, key: &Key, number: u64) -> Option<Connection> {
        let mut waiting = self.lock();
        let connections = waiting.connections.get_mut(key)?;
        let place = connections.iter().position(|(found, _)| *found == number)?;
        let (_, connection) = connections.remove(place);
        waiting.drop_empty(key);
        Some(connection)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn drop_empty(&mut self, key: &Key) {
        if self.connections.get(key).is_some_and(Vec::is_empty) {
            self.connections.remove(key);
        }
    }
}
