//! Relaying for clients in known networks.
//!
//! * **In**: networks in CIDR form. **Out**: `Relay` or `Deny`.
//! * **Promises**: an IPv4-mapped client is its IPv4 address. The first network that a client lies in decides, so
//!   an exclusion stands before what it is taken from; one that would exclude nothing is an error. Networks
//!   that leave nobody out are refused when the server is built, also as halves (`0.0.0.0/1` and
//!   `128.0.0.0/1`), and whatever is excluded from them.
//! * **Limits**: a scan of the list. **Panics**: never. **Spec**: RFC 4632; Postfix `mynetworks`.

use std::net::IpAddr;

use async_trait::async_trait;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use smtp_proto::ForwardPath;

use crate::envelope::{Envelope, RelayReason};
use crate::error::ConfigError;
use crate::hooks::RelayPolicy;
use crate::info::{Peer, SessionInfo};
use crate::verdict::RelayDecision;

/// Clients in these networks may send anywhere.
#[derive(Clone, Debug, Default)]
pub struct Networks {
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    network: IpNet,
    excluded: bool,
}

impl Networks {
    /// Networks such as `192.0.2.0/24` and `2001:db8::/32`, or single addresses. One with a `!` in front is
    /// excluded from those that follow: `!192.0.2.64/26`, `192.0.2.0/24`.
    ///
    /// # Errors
    /// [`ConfigError::Network`] for text that is none, [`ConfigError::Exclusion`] for one that comes too late,
    /// [`ConfigError::OpenRelay`] if nobody is left out.
    pub fn new<N: AsRef<str>>(networks: impl IntoIterator<Item = N>) -> Result<Self, ConfigError> {
        let mut entries: Vec<Entry> = Vec::new();
        for text in networks {
            let text = text.as_ref().trim();
            let (excluded, network) = match text.strip_prefix('!') {
                Some(network) => (true, parse(network)?),
                None => (false, parse(text)?),
            };
            let earlier = entries.iter().find(|entry| entry.network.contains(&network));
            if let (true, Some(Entry { network, excluded: false })) = (excluded, earlier) {
                return Err(ConfigError::Exclusion { excluded: text.into(), network: *network });
            }
            entries.push(Entry { network, excluded });
        }
        let all = Self { entries };
        check_coverage(&all.granted_networks())?;
        Ok(all)
    }

    /// The network that the client's end lies in, unless it is excluded; without an address it lies in none.
    pub(crate) fn network_of(&self, peer: &Peer) -> Option<IpNet> {
        self.entry_of(peer).filter(|entry| !entry.excluded).map(|entry| entry.network)
    }

    fn entry_of(&self, peer: &Peer) -> Option<Entry> {
        let ip = peer.ip()?;
        self.entries.iter().find(|entry| entry.network.contains(&ip)).copied()
    }
}

#[async_trait]
impl RelayPolicy for Networks {
    async fn decide(
        &self,
        _to: &ForwardPath<'_>,
        _envelope: &Envelope,
        info: &SessionInfo,
    ) -> RelayDecision {
        match self.entry_of(&info.peer) {
            Some(Entry { network, excluded: false }) => {
                RelayDecision::Relay { because: RelayReason::Network(network) }
            }
            Some(Entry { network, .. }) => {
                info.note(|| format!("networks: the client is in {network}, which is excluded"));
                RelayDecision::Deny
            }
            None => {
                info.note(|| "networks: the client is in none of them".to_owned());
                RelayDecision::Deny
            }
        }
    }

    fn granted_networks(&self) -> Vec<IpNet> {
        let granted = self.entries.iter().filter(|entry| !entry.excluded);
        granted.map(|entry| entry.network).collect()
    }
}

/// Refuses networks that together cover all of IPv4 or IPv6.
pub(crate) fn check_coverage(networks: &[IpNet]) -> Result<(), ConfigError> {
    let everything: [(IpNet, &str); 3] = [
        (IpNet::V4(Ipv4Net::default()), "IPv4"),
        (IpNet::V6(Ipv6Net::default()), "IPv6"),
        // Nearly all of IPv6 that is in use: 2000::/3.
        (IpNet::V6(Ipv6Net::new_assert(std::net::Ipv6Addr::from_bits(1 << 125), 3)), "IPv6"),
    ];
    let joined = IpNet::aggregate(&networks.to_vec());
    for (all, name) in everything {
        if joined.iter().any(|network| network.contains(&all)) {
            return Err(ConfigError::OpenRelay(name));
        }
    }
    Ok(())
}

/// A network as operators write it; an IPv4-mapped one becomes IPv4, as clients are compared.
fn parse(text: &str) -> Result<IpNet, ConfigError> {
    let error = || ConfigError::Network(text.to_owned());
    // Postfix writes IPv6 networks with the address in brackets.
    let text: String = text.trim().chars().filter(|c| !"[]".contains(*c)).collect();
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text.parse::<IpNet>().map_err(|_| error())?,
    };
    if network.addr() != network.network() {
        let meant = network.trunc().to_string();
        return Err(ConfigError::HostBits { network: text, meant });
    }
    mapped_to_ipv4(network).ok_or_else(error)
}

/// `::ffff:192.0.2.0/120` as `192.0.2.0/24`.
fn mapped_to_ipv4(network: IpNet) -> Option<IpNet> {
    match network.network().to_canonical() {
        IpAddr::V4(address) if matches!(network, IpNet::V6(_)) && 96 <= network.prefix_len() => {
            Ipv4Net::new(address, network.prefix_len() - 96).ok().map(IpNet::V4)
        }
        _ => Some(network.trunc()),
    }
}
