//! How many connections, in all, from one client and from one network.
//!
//! * **In**: a client's address, if it has one. **Out**: a permit that counts until it is dropped.
//! * **Promises**: all listeners of a server share the counts. An IPv6 client is its /64, which is what
//!   one household or host has; networks are cut as the limits say. Clients
//!   without an address are counted in all only.
//! * **Limits**: [`Limits::connections_max`], [`Limits::connections_per_client_max`],
//!   [`Limits::connections_per_network_max`]. **Panics**: never. **Spec**: RFC 5321 7.8.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::Limits;
use crate::prefix::{client, prefix};

pub(crate) struct Admission {
    limits: Limits,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    all: usize,
    clients: Tally,
    networks: Tally,
}

/// Connections by prefix; one without connections is not kept.
#[derive(Default)]
struct Tally(HashMap<IpAddr, usize>);

/// One admitted connection.
pub(crate) struct Permit {
    admission: Arc<Admission>,
    prefixes: Option<Prefixes>,
}

/// What a client with an address is counted by.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Prefixes {
    client: IpAddr,
    network: IpAddr,
}

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self { limits: *limits, counts: Mutex::default() })
    }

    /// A permit, unless a limit is reached.
    pub(crate) fn admit(self: &Arc<Self>, ip: Option<IpAddr>) -> Option<Permit> {
        let prefixes = ip.map(|ip| Prefixes::of(ip.to_canonical(), &self.limits));
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let Limits {
            connections_max, connections_per_client_max, connections_per_network_max, ..
        } = self.limits;
        if is_reached(connections_max, counts.all) {
            return None;
        }
        if let Some(Prefixes { client, network }) = prefixes {
            if is_reached(connections_per_client_max, counts.clients.count(client))
                || is_reached(connections_per_network_max, counts.networks.count(network))
            {
                return None;
            }
            counts.clients.add(client);
            counts.networks.add(network);
        }
        counts.all += 1;
        Some(Permit { admission: self.clone(), prefixes })
    }
}

impl Permit {
    /// Counts the connection for the client at `ip` from now on; `None` if that one has too many.
    pub(crate) fn move_to(self, ip: IpAddr) -> Option<Self> {
        if self.prefixes == Some(Prefixes::of(ip.to_canonical(), &self.admission.limits)) {
            return Some(self);
        }
        let admission = self.admission.clone();
        // First, or nobody could move while the server is full.
        drop(self);
        admission.admit(Some(ip))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.admission.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all = counts.all.saturating_sub(1);
        if let Some(Prefixes { client, network }) = self.prefixes {
            counts.clients.remove(client);
            counts.networks.remove(network);
        }
    }
}

impl Prefixes {
    fn of(ip: IpAddr, limits: &Limits) -> Self {
        Self {
            client: client(ip),
            network: prefix(ip, limits.ipv4_network_prefix_bits, limits.ipv6_network_prefix_bits),
        }
    }
}

impl Tally {
    fn count(&self, prefix: IpAddr) -> usize {
        self.0.get(&prefix).copied().unwrap_or(0)
    }

    fn add(&mut self, prefix: IpAddr) {
        *self.0.entry(prefix).or_default() += 1;
    }

    fn remove(&mut self, prefix: IpAddr) {
        if let Some(count) = self.0.get_mut(&prefix) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.0.remove(&prefix);
            }
        }
    }
}

fn is_reached(max: Option<usize>, count: usize) -> bool {
    max.is_some_and(|max| max <= count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes() {
        for (ip, ipv4_bits, ipv6_bits, expected) in [
            ("192.0.2.77", 24, 0, "192.0.2.0"),
            ("192.0.2.77", 32, 0, "192.0.2.77"),
            ("192.0.2.77", 1, 0, "128.0.0.0"),
            ("2001:db8:1:2ff:3::4", 0, 56, "2001:db8:1:200::"),
            ("2001:db8:1:2ff:3::4", 0, 64, "2001:db8:1:2ff::"),
            ("2001:db8:1:2ff:3::4", 0, 128, "2001:db8:1:2ff:3::4"),
            ("2001:db8:1:2ff:3::4", 0, 1, "::"),
        ] {
            let [ip, expected] = [ip, expected].map(|text| text.parse::<IpAddr>().unwrap());
            assert_eq!(prefix(ip, ipv4_bits, ipv6_bits), expected);
        }
    }
}
