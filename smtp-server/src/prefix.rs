//! What of an address names a client, or a network of clients.
//!
//! * **In**: an address, a number of bits. **Out**: the address cut down to them.
//! * **Promises**: an IPv4-mapped address is its IPv4 address. **Limits**: none. **Panics**: never.
//! * **Spec**: RFC 4291 2.5.4 (a /64 is one subnet).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One address is one client.
pub(crate) const IPV4_CLIENT_BITS: u8 = 32;
/// One household or host has a /64.
pub(crate) const IPV6_CLIENT_BITS: u8 = 64;

/// The leading bits of an address, the others zero.
pub(crate) fn prefix(ip: IpAddr, ipv4_bits: u8, ipv6_bits: u8) -> IpAddr {
    let others = |all: u32, bits: u8| all.saturating_sub(bits.into());
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(others(u32::BITS, ipv4_bits)).unwrap_or(0);
            Ipv4Addr::from_bits(ip.to_bits() & mask).into()
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(others(u128::BITS, ipv6_bits)).unwrap_or(0);
            Ipv6Addr::from_bits(ip.to_bits() & mask).into()
        }
    }
}

/// What names the client.
pub(crate) fn client(ip: IpAddr) -> IpAddr {
    prefix(ip, IPV4_CLIENT_BITS, IPV6_CLIENT_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_what_its_bits_say() {
        let cases = [
            ("192.0.2.77", 32, "192.0.2.77"),
            ("192.0.2.77", 24, "192.0.2.0"),
            ("192.0.2.77", 0, "0.0.0.0"),
            ("::ffff:192.0.2.77", 24, "192.0.2.0"),
            ("2001:db8:1:2:3::4", 24, "2001:db8:1:2::"),
        ];
        for (ip, bits, expected) in cases {
            assert_eq!(prefix(ip.parse().unwrap(), bits, IPV6_CLIENT_BITS).to_string(), expected);
        }
    }
}
