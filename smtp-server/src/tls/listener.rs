//! What a listener makes of a [`TlsConfig`].
//!
//! * **In**: a handle. **Out**: the configuration for the next handshake.
//! * **Promises**: a session is resumed at the listener and under the configuration where it began, and nowhere
//!   else: a ticket for one service is worth nothing at another, and nothing after a
//!   [`replace`](TlsConfig::replace).
//! * **Limits**: [`SESSIONS_MAX`] sessions are kept. **Panics**: never. **Spec**: RFC 8446 4.6.1, RFC 9325 3.4.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use rustls::server::ServerSessionMemoryCache;

use super::TlsConfig;

/// Older ones are forgotten: their clients do a whole handshake.
const SESSIONS_MAX: usize = 256;

pub(crate) struct ListenerTls {
    shared: TlsConfig,
    /// Made for the first handshake and after each replacement.
    own: Mutex<Option<Own>>,
}

struct Own {
    made_from: Arc<ServerConfig>,
    config: Arc<ServerConfig>,
}

impl ListenerTls {
    pub(crate) fn new(shared: TlsConfig) -> Self {
        Self { shared, own: Mutex::new(None) }
    }

    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        let shared = self.shared.current();
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        match own.as_ref() {
            Some(own) if Arc::ptr_eq(&own.made_from, &shared) => own.config.clone(),
            _ => {
                let config = Arc::new(with_sessions_of_its_own(&shared));
                *own = Some(Own { made_from: shared, config: config.clone() });
                config
            }
        }
    }
}

fn with_sessions_of_its_own(shared: &ServerConfig) -> ServerConfig {
    let mut own = shared.clone();
    if own.session_storage.can_cache() {
        own.session_storage = ServerSessionMemoryCache::new(SESSIONS_MAX);
    }
    own
}
