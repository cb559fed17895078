//! Relaying for clients in known networks.
//!
//! * **In**: networks in CIDR form. **Out**: `Relay` or `Deny`.
//! * **Promises**: an IPv4-mapped client is its IPv4 address. Networks that leave nobody out are refused when
//!   the server is built, also as halves (`0.0.0.0/1` and `128.0.0.0/1`).
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
    networks: Vec<IpNet>,
}

impl Networks {
    /// Networks such as `192.0.2.0/24` and `2001:db8::/32`, or single addresses.
    ///
    /// # Errors
    /// [`ConfigError::Network`] for text that is none, [`ConfigError::OpenRelay`] if nobody is left out.
    pub fn new<N: AsRef<str>>(networks: impl IntoIterator<Item = N>) -> Result<Self, ConfigError> {
        let networks = networks
            .into_iter()
            .map(|network| parse(network.as_ref()))
            .collect::<Result<Vec<_>, _>>()?;
        check_coverage(&networks)?;
        Ok(Self { networks })
    }

    /// The network that the client's end lies in; without an address it lies in none.
    pub(crate) fn network_of(&self, peer: &Peer) -> Option<IpNet> {
        let ip = peer.ip()?;
        self.networks.iter().find(|network| network.contains(&ip)).copied()
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
        match self.network_of(&info.peer) {
            Some(network) => RelayDecision::Relay { because: RelayReason::Network(network) },
            None => RelayDecision::Deny,
        }
    }

    fn granted_networks(&self) -> Vec<IpNet> {
        self.networks.clone()
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
