//! The hosts of a destination, in the order in which to try them.
//!
//! * **In**: a destination. **Out**: hosts with their addresses, or why there is none.
//! * **Promises**: lowest preference first, equal ones in an order that the seed decides; a domain's own address counts
//!   only where it has no mail exchanger; nothing that is as good as this host or worse remains.
//! * **Limits**: the addresses that are asked for; [`RECORDS_MAX`](smtp_server::dns::RECORDS_MAX) exchangers.
//! * **Panics**: never. **Spec**: RFC 5321 5.1, RFC 7505 3.

use std::net::{IpAddr, SocketAddr};

use smtp_proto::{Domain, EnhancedCode};
use smtp_server::dns::{Dns, DnsError, MailExchange};

use super::{AddressFamilies, Destination};
use crate::status::NextHost;

/// Where mail is sent, unless a port was written.
const SMTP_PORT: u16 = 25;

#[derive(Debug)]
pub(super) struct Resolver {
    dns: Dns,
    /// In lower case.
    own_names: Vec<String>,
    pub(super) own_addresses: Vec<SocketAddr>,
    pub(super) families: AddressFamilies,
}

/// The hosts of a destination.
pub(super) struct Found {
    pub(super) hosts: Vec<NextHost>,
    /// Those names of the destination that are the same for domains with the same hosts.
    pub(super) names: String,
}

/// Why a destination has no hosts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error(
        "Host or domain name not found. Name service error for name={name} type={kind}: {reason}"
    )]
    Lookup { name: String, kind: &'static str, reason: &'static str, is_transient: bool },
    #[error("Domain {0} does not accept mail (nullMX)")]
    NullExchanger(String),
    #[error("mail for {0} loops back to myself")]
    Loop(String),
    #[error("there is nowhere to send mail to")]
    NoDestination,
}

impl Fault {
    pub(super) fn is_transient(&self) -> bool {
        matches!(self, Self::Lookup { is_transient: true, .. })
    }

    /// Of class 5; a transient one's class is the caller's to change.
    pub(super) fn code(&self) -> EnhancedCode {
        match self {
            Self::Lookup { is_transient: true, .. } => EnhancedCode::new(5, 4, 3),
            Self::Lookup { .. } | Self::NoDestination => EnhancedCode::new(5, 4, 4),
            Self::NullExchanger(_) => EnhancedCode::new(5, 1, 10),
            Self::Loop(_) => EnhancedCode::new(5, 4, 6),
        }
    }

    fn lookup(name: &str, kind: &'static str, error: &DnsError) -> Self {
        let is_transient = !error.is_definite();
        let reason = match error {
            DnsError::NoSuchName => "Host not found",
            DnsError::NoRecords => "Host found but no data record of requested type",
            _ => "Host not found, try again",
        };
        Self::Lookup { name: name.to_owned(), kind, reason, is_transient }
    }
}

impl Resolver {
    pub(super) fn new(dns: Dns, own_name: &str) -> Self {
        let families = AddressFamilies::default();
        let mut resolver = Self { dns, own_names: Vec::new(), own_addresses: Vec::new(), families };
        resolver.add_own_name(own_name);
        resolver
    }

    pub(super) fn add_own_name(&mut self, name: &str) {
        self.own_names.push(name.trim_end_matches('.').to_ascii_lowercase());
    }

    pub(super) async fn hosts(
        &self,
        to: &Destination,
        addresses_max: usize,
        seed: u64,
    ) -> Result<Found, Fault> {
        let port = to.port().unwrap_or(SMTP_PORT);
        if !to.has_exchangers() {
            return self.single_host(to, port, addresses_max).await;
        }
        let exchangers = self.exchangers(to.host()).await?;
        let hosts = self.in_order(to.host(), &exchangers, port, addresses_max, seed).await?;
        let mut names = exchangers.iter().map(|exchanger| &*exchanger.host).collect::<Vec<_>>();
        names.sort_unstable();
        names.dedup();
        Ok(Found { hosts, names: format!("{}:{port}", names.join("|")) })
    }

    async fn single_host(
        &self,
        to: &Destination,
        port: u16,
        addresses_max: usize,
    ) -> Result<Found, Fault> {
        let names = to.to_string();
        if let Some(ip) = to.ip() {
            let host = NextHost {
                name: Domain::from(ip).to_string(),
                address: Some(SocketAddr::new(ip, port)),
            };
            let hosts = vec![host];
            return if self.is_own(&hosts) {
                Err(Fault::Loop(names))
            } else {
                Ok(Found { hosts, names })
            };
        }
        let found = self.addresses(to.host()).await;
        let addresses = found.map_err(|error| Fault::lookup(to.host(), "AAAA/A", &error))?;
        let mut hosts = with_addresses(to.host(), addresses, port);
        hosts.truncate(addresses_max);
        Ok(Found { hosts, names })
    }

    async fn exchangers(&self, domain: &str) -> Result<Vec<MailExchange>, Fault> {
        match self.dns.mail_exchanges(domain).await {
            Ok(exchangers) => match &*exchangers {
                [only] if only.host.is_empty() => Err(Fault::NullExchanger(domain.to_owned())),
                _ => Ok(exchangers),
            },
            // RFC 5321 5.1: the domain itself, where the DNS says for certain that it has no exchanger.
            Err(DnsError::NoRecords) => {
                Ok(vec![MailExchange { preference: 0, host: domain.to_owned() }])
            }
            Err(error) => Err(Fault::lookup(domain, "MX", &error)),
        }
    }

    async fn in_order(
        &self,
        domain: &str,
        exchangers: &[MailExchange],
        port: u16,
        addresses_max: usize,
        seed: u64,
    ) -> Result<Vec<NextHost>, Fault> {
        let mut hosts = Vec::new();
        let mut fault = None;
        let mut seed = seed;
        for equals in exchangers.chunk_by(|one, other| one.preference == other.preference) {
            let names = shuffled(equals, &mut seed);
            let has_own_name =
                names.iter().any(|name| self.own_names.iter().any(|own| own == name));
            let mut of_equals = Vec::new();
            for name in names.into_iter().filter(|name| !name.is_empty() && !has_own_name) {
                if hosts.len() + of_equals.len() >= addresses_max {
                    break;
                }
                match self.addresses(name).await {
                    Ok(addresses) => of_equals.extend(with_addresses(name, addresses, port)),
                    Err(error) => {
                        let found = Fault::lookup(name, "AAAA/A", &error);
                        if fault.is_none() || found.is_transient() {
                            fault = Some(found);
                        }
                    }
                }
            }
            if has_own_name || self.is_own(&of_equals) {
                fault = fault.filter(Fault::is_transient).or(Some(Fault::Loop(domain.to_owned())));
                break;
            }
            hosts.append(&mut of_equals);
            if hosts.len() >= addresses_max {
                break;
            }
        }
        hosts.truncate(addresses_max);
        let nowhere = || fault.unwrap_or_else(|| Fault::NullExchanger(domain.to_owned()));
        if hosts.is_empty() { Err(nowhere()) } else { Ok(hosts) }
    }

    /// Each family in the order of the resolver.
    async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, DnsError> {
        let v4 = async || -> Result<Vec<IpAddr>, DnsError> {
            Ok(self.dns.ipv4_addresses(name).await?.into_iter().map(IpAddr::V4).collect())
        };
        let v6 = async || -> Result<Vec<IpAddr>, DnsError> {
            Ok(self.dns.ipv6_addresses(name).await?.into_iter().map(IpAddr::V6).collect())
        };
        let (first, second) = match self.families {
            AddressFamilies::Ipv4Only => return v4().await,
            AddressFamilies::Ipv6Only => return v6().await,
            AddressFamilies::Ipv4First => tokio::join!(v4(), v6()),
            AddressFamilies::Ipv6First => tokio::join!(v6(), v4()),
        };
        match (first, second) {
            (Err(error), Err(other)) => Err(if error.is_definite() { other } else { error }),
            (first, second) => Ok(by_turns(first.unwrap_or_default(), second.unwrap_or_default())),
        }
    }

    fn is_own(&self, hosts: &[NextHost]) -> bool {
        hosts.iter().filter_map(|host| host.address).any(|address| {
            let ip = address.ip().to_canonical();
            let is_here = ip.is_loopback() || ip.is_unspecified();
            self.own_addresses.contains(&address) || (is_here && address.port() == SMTP_PORT)
        })
    }
}

fn with_addresses(name: &str, addresses: Vec<IpAddr>, port: u16) -> Vec<NextHost> {
    let host = |ip| NextHost { name: name.to_owned(), address: Some(SocketAddr::new(ip, port)) };
    addresses.into_iter().map(host).collect()
}

fn by_turns(first: Vec<IpAddr>, second: Vec<IpAddr>) -> Vec<IpAddr> {
    let mut all = Vec::with_capacity(first.len() + second.len());
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    // Each turn takes at least one of what is left.
    loop {
        let before = all.len();
        all.extend(first.next());
        all.extend(second.next());
        if all.len() == before {
            return all;
        }
    }
}

/// The names of exchangers of one preference, in an order that the seed decides.
fn shuffled<'a>(equals: &'a [MailExchange], seed: &mut u64) -> Vec<&'a str> {
    let mut names = equals.iter().map(|exchanger| &*exchanger.host).collect::<Vec<_>>();
    for place in (1..names.len()).rev() {
        let other = (random(seed) % (place as u64 + 1)) as usize;
        names.swap(place, other);
    }
    names
}

/// The generator `SplitMix64`.
fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
