//! How many connections, in all and from one client.
//!
//! * **In**: a client's address. **Out**: a permit that counts until it is dropped.
//! * **Promises**: all listeners of a server share the counts. An IPv6 client is its /64, which is what
//!   one household or host has.
//! * **Limits**: [`Limits::connections_max`](crate::config::Limits::connections_max) and
//!   [`Limits::connections_per_client_max`](crate::config::Limits::connections_per_client_max).
//! * **Panics**: never. **Spec**: RFC 5321 7.8.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::Limits;

pub(crate) struct Admission {
    connections_max: usize,
    per_client_max: usize,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    all: usize,
    clients: HashMap<IpAddr, usize>,
}

/// One admitted connection.
pub(crate) struct Permit {
    admission: Arc<Admission>,
    client: IpAddr,
}

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            connections_max: limits.connections_max.unwrap_or(usize::MAX),
            per_client_max: limits.connections_per_client_max.unwrap_or(usize::MAX),
            counts: Mutex::default(),
        })
    }

    /// A permit, unless a limit is reached.
    pub(crate) fn admit(self: &Arc<Self>, ip: IpAddr) -> Option<Permit> {
        let client = client_of(ip.to_canonical());
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let of_client = counts.clients.get(&client).copied().unwrap_or(0);
        if self.connections_max <= counts.all || self.per_client_max <= of_client {
            return None;
        }
        counts.all += 1;
        counts.clients.insert(client, of_client + 1);
        Some(Permit { admission: self.clone(), client })
    }
}

impl Permit {
    /// Counts the connection for the client at `ip` from now on; `None` if that one has too many.
    pub(crate) fn move_to(self, ip: IpAddr) -> Option<Self> {
        if self.client == client_of(ip.to_canonical()) {
            return Some(self);
        }
        let admission = self.admission.clone();
        // First, or nobody could move while the server is full.
        drop(self);
        admission.admit(ip)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.admission.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all = counts.all.saturating_sub(1);
        if let Some(of_client) = counts.clients.get_mut(&self.client) {
            *of_client = of_client.saturating_sub(1);
            if *of_client == 0 {
                counts.clients.remove(&self.client);
            }
        }
    }
}

fn client_of(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64)).into(),
    }
}
