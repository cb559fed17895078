//! Whom would a table let out?
//!
//! * **In**: a table's keys, networks and actions. **Out**: an error if it leaves nobody out, or nobody can tell.
//! * **Promises**: halves and octets count together (`0` to `255`), whatever is refused in between.
//! * **Limits**: host names are not counted, since each covers what its owner says. **Panics**: never.
//! * **Spec**: RFC 5321 7.9; RFC 2505 2.1.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::super::{AccessAction, TableError};
use crate::error::ConfigError;
use crate::relay::check_coverage;

/// Refuses networks that together leave nobody out of IPv4 or IPv6.
pub(super) fn check(table: &str, granted: &[IpNet]) -> Result<(), TableError> {
    check_coverage(granted).map_err(|error| {
        let family = if let ConfigError::OpenRelay(family) = error { family } else { "IP" };
        TableError::OpenRelay {
            table: table.to_owned(),
            fault: format!("it covers all of {family}"),
        }
    })
}

pub(super) fn grants(action: &AccessAction) -> bool {
    matches!(action, AccessAction::Ok | AccessAction::Relay)
}

/// Whether a relay policy can do what the action says.
pub(super) fn is_for_relaying(action: &AccessAction) -> bool {
    grants(action) || matches!(action, AccessAction::Dunno | AccessAction::Reject(_))
}

/// `10`, `192.0.2`, `2001:db8`, `192.0.2.1` as networks, with the tags of Sendmail or without; others are none.
pub(super) fn network_of(key: &str) -> Option<IpNet> {
    let key = key.strip_prefix("connect:").unwrap_or(key);
    let key = key.strip_prefix("ipv6:").unwrap_or(key);
    if let Ok(address) = key.parse::<IpAddr>() {
        return Some(address.into());
    }
    if key.contains(':') { ipv6_network(key) } else { ipv4_network(key) }
}

fn ipv4_network(key: &str) -> Option<IpNet> {
    let mut octets = [0; 4];
    let mut count = 0;
    for (octet, part) in octets.iter_mut().zip(key.split('.')) {
        *octet = part.parse().ok()?;
        count += 1;
    }
    let is_whole = key.split('.').count() == usize::from(count);
    let network = Ipv4Net::new(Ipv4Addr::from(octets), 8 * count).ok().filter(|_| is_whole);
    network.map(IpNet::V4)
}

fn ipv6_network(key: &str) -> Option<IpNet> {
    let key = key.trim_end_matches(':');
    let mut groups = [0; 8];
    let mut count = 0;
    for (group, part) in groups.iter_mut().zip(key.split(':')) {
        *group = u16::from_str_radix(part, 16).ok()?;
        count += 1;
    }
    let is_whole = key.split(':').count() == usize::from(count);
    let network = Ipv6Net::new(Ipv6Addr::from(groups), 16 * count).ok().filter(|_| is_whole);
    network.map(IpNet::V6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_networks() {
        for (key, expected) in [
            ("10", Some("10.0.0.0/8")),
            ("connect:192.0.2", Some("192.0.2.0/24")),
            ("192.0.2.1", Some("192.0.2.1/32")),
            ("2001:db8", Some("2001:db8::/32")),
            ("2001:db8:", Some("2001:db8::/32")),
            ("connect:ipv6:2001:db8:1", Some("2001:db8:1::/48")),
            ("1.2.3.4.5", None),
            ("256", None),
            ("example.org", None),
            ("kim@", None),
            ("to:10", None),
        ] {
            let network = network_of(key).map(|network| network.to_string());
            assert_eq!(network.as_deref(), expected, "{key}");
        }
    }
}
