//! The router of a mail transfer agent: ours, by a table, by relay hosts, or by the DNS.
//!
//! * **In**: a domain. **Out**: a next hop. **Promises**: what is ours stays here, whatever the table says; a domain
//!   whose hosts are those of another one shares its site; a fault in what the operator configured defers mail and
//!   returns none. **Limits**: 5 addresses a destination unless said otherwise, 100 relay hosts' worth of look-ups.
//! * **Panics**: never. **Spec**: RFC 5321 5.1, RFC 7505; Postfix's `relayhost` and transport(5).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use smtp_proto::EnhancedCode;
use smtp_server::dns::Dns;

use super::exchangers::{Fault, Resolver};
use super::{Destination, DestinationError, NextHop, Router};
use crate::status::{NextHost, Outcome, Status};

/// How many addresses of a destination are tried (Postfix's `smtp_mx_address_limit`).
const ADDRESSES_MAX: usize = 5;

/// Finds next hops.
///
/// ```
/// use smtp_queue::route::{AddressFamilies, DnsRouter, Route};
/// use smtp_server::dns::Dns;
///
/// # fn example(dns: Dns) -> Result<(), Box<dyn std::error::Error>> {
/// let router = DnsRouter::new(dns, "mx.example.org")
///     .own_address("192.0.2.1:25".parse()?)
///     .with_route("partner.example", Route::Host("[mail.partner.example]:587".parse()?))
///     .with_route(".invalid", Route::Transport("error".into()))
///     .address_families(AddressFamilies::Ipv4First);
/// # let _ = router;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct DnsRouter {
    resolver: Resolver,
    local: Arc<str>,
    remote: Arc<str>,
    relay_hosts: Vec<Destination>,
    routes: HashMap<String, Route>,
    addresses_max: usize,
    seed: AtomicU64,
}

/// Where the table sends a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To this destination, by the transport for other hosts.
    Host(Destination),
    /// To this destination, by the named transport.
    HostBy(Arc<str>, Destination),
    /// Nowhere else: the named transport knows what to do.
    Transport(Arc<str>),
}

/// Which addresses are used, and which come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressFamilies {
    /// By turns, beginning with IPv6, so that neither can use up the limit alone.
    #[default]
    Ipv6First,
    /// By turns, beginning with IPv4.
    Ipv4First,
    /// IPv6 alone.
    Ipv6Only,
    /// IPv4 alone.
    Ipv4Only,
}

impl DnsRouter {
    /// A router on a host of this name: local recipients go to the transport `local`, others by `smtp` to the mail
    /// exchangers of their domain.
    #[must_use]
    pub fn new(dns: Dns, own_name: &str) -> Self {
        Self {
            resolver: Resolver::new(dns, own_name),
            local: "local".into(),
            remote: "smtp".into(),
            relay_hosts: Vec::new(),
            routes: HashMap::new(),
            addresses_max: ADDRESSES_MAX,
            seed: AtomicU64::new(std::hash::BuildHasher::hash_one(
                &std::hash::RandomState::new(),
                0,
            )),
        }
    }

    /// Sends local recipients to this transport.
    #[must_use]
    pub fn local_transport(self, name: &str) -> Self {
        Self { local: name.into(), ..self }
    }

    /// Sends what is not local by this transport.
    #[must_use]
    pub fn remote_transport(self, name: &str) -> Self {
        Self { remote: name.into(), ..self }
    }

    /// Sends what the table does not know to the first of these that can be used, and not to its own domain's hosts.
    /// TLS policy and logins go by the first one's name.
    #[must_use]
    pub fn relay_hosts(self, hosts: impl IntoIterator<Item = Destination>) -> Self {
        Self { relay_hosts: hosts.into_iter().collect(), ..self }
    }

    /// Sends mail for `domain` elsewhere; `.example.org` stands for all domains below, `*` for all.
    #[must_use]
    pub fn with_route(mut self, domain: &str, route: Route) -> Self {
        self.routes.insert(domain.to_ascii_lowercase(), route);
        self
    }

    /// This host is known by this name, too.
    #[must_use]
    pub fn own_name(mut self, name: &str) -> Self {
        self.resolver.add_own_name(name);
        self
    }

    /// This host takes mail at this address. Port 25 of the loopback is known to be ours.
    #[must_use]
    pub fn own_address(mut self, address: SocketAddr) -> Self {
        self.resolver.own_addresses.push(address);
        self
    }

    /// Which addresses are used.
    #[must_use]
    pub fn address_families(mut self, families: AddressFamilies) -> Self {
        self.resolver.families = families;
        self
    }

    /// How many addresses of a destination are tried.
    #[must_use]
    pub fn addresses_max(self, addresses_max: usize) -> Self {
        Self { addresses_max, ..self }
    }

    /// The same order among equals after each start, for tests.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed: AtomicU64::new(seed), ..self }
    }

    fn find(&self, domain: &str) -> Option<&Route> {
        let below = domain.match_indices('.').filter_map(|(dot, _)| domain.get(dot..));
        let mut keys = std::iter::once(domain).chain(below).chain(["*"]);
        keys.find_map(|key| self.routes.get(key))
    }

    async fn configured(
        &self,
        transport: &Arc<str>,
        to: &[Destination],
    ) -> Result<NextHop, Outcome> {
        self.resolve(transport, to).await.map_err(|fault| Outcome::Deferred(status(&fault, 4)))
    }

    /// The first destination names them all.
    async fn resolve(&self, transport: &Arc<str>, to: &[Destination]) -> Result<NextHop, Fault> {
        let mut hosts = Vec::<NextHost>::new();
        let mut names = Vec::new();
        let mut worst = None;
        for destination in to {
            let seed = self.seed.fetch_add(1, Ordering::Relaxed);
            match self.resolver.hosts(destination, self.addresses_max, seed).await {
                Ok(found) => {
                    names.push(found.names);
                    hosts.extend(found.hosts);
                }
                Err(fault) if worst.is_none() || fault.is_transient() => worst = Some(fault),
                Err(_) => {}
            }
        }
        match (to.first(), worst) {
            (Some(first), _) if !hosts.is_empty() => Ok(NextHop {
                transport: transport.clone(),
                site: format!("{transport}:{}", names.join(",")).into(),
                destination: first.to_string().into(),
                hosts: hosts.into(),
            }),
            (_, fault) => Err(fault.unwrap_or(Fault::NoDestination)),
        }
    }
}

#[async_trait]
impl Router for DnsRouter {
    async fn route(&self, domain: &str, is_local: bool) -> Result<NextHop, Outcome> {
        if is_local {
            return Ok(stays(&self.local, domain));
        }
        if let Some((transport, to)) = filter(domain) {
            let to = to.parse::<Destination>().map_err(|error| misconfigured(&error))?;
            return self.configured(&transport.into(), &[to]).await;
        }
        match self.find(domain) {
            Some(Route::Transport(transport)) => Ok(stays(transport, domain)),
            Some(Route::Host(to)) => self.configured(&self.remote, std::slice::from_ref(to)).await,
            Some(Route::HostBy(transport, to)) => {
                self.configured(transport, std::slice::from_ref(to)).await
            }
            None if !self.relay_hosts.is_empty() => {
                self.configured(&self.remote, &self.relay_hosts).await
            }
            None => {
                let to = Destination::of_domain(domain).map_err(|error| unusable(&error))?;
                let next_hop = self.resolve(&self.remote, &[to]).await;
                next_hop.map_err(|fault| match fault.is_transient() {
                    true => Outcome::Deferred(status(&fault, 4)),
                    false => Outcome::Failed(status(&fault, 5)),
                })
            }
        }
    }
}

/// Transport and destination of a content filter, if that is what the row is scheduled under.
fn filter(domain: &str) -> Option<(&str, &str)> {
    domain.split_once(':').filter(|_| !domain.starts_with('['))
}

fn stays(transport: &Arc<str>, domain: &str) -> NextHop {
    NextHop {
        transport: transport.clone(),
        site: transport.clone(),
        destination: domain.into(),
        hosts: Arc::new([]),
    }
}

fn status(fault: &Fault, class: u8) -> Status {
    Status {
        code: fault.code().with_class(class),
        text: fault.to_string(),
        reply: None,
        remote: None,
    }
}

fn misconfigured(error: &DestinationError) -> Outcome {
    let code = EnhancedCode::new(4, 3, 5);
    Outcome::Deferred(Status { code, text: error.to_string(), reply: None, remote: None })
}

fn unusable(error: &DestinationError) -> Outcome {
    let code = EnhancedCode::new(5, 1, 2);
    Outcome::Failed(Status { code, text: error.to_string(), reply: None, remote: None })
}
