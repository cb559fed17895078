//! What the ready-made controls share.
//!
//! * **In**: a session's facts, the parts of a reply. **Out**: whom a control judges, refusals, networks.
//! * **Promises**: a refusal's code and enhanced code are of one class. **Limits**: none. **Panics**: never.
//! * **Spec**: RFC 3463; RFC 6409 3.1 for who is a user.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use smtp_proto::{EnhancedCode, Reply, ReplyCode};

use crate::info::{Service, SessionInfo};
use crate::verdict::Rejection;

/// What of an IPv6 address names a client: one household or host has a /64.
const IPV6_CLIENT_BITS: u32 = 64;

/// Whether this is another host, on the port for those, and nobody who logged in. Users come from addresses
/// and under names that no other host could have; they prove who they are instead.
pub(super) fn is_foreign_host(info: &SessionInfo) -> bool {
    info.service == Service::Smtp && info.identity.is_none()
}

/// A refusal; `enhanced` has the class of `code`.
pub(super) fn refusal(
    code: ReplyCode,
    enhanced: (u8, u16, u16),
    text: impl Into<Cow<'static, str>>,
) -> Rejection {
    let (class, subject, detail) = enhanced;
    Rejection::stock(Reply::new(code, Some(EnhancedCode::new(class, subject, detail)), text))
}

/// The address without what follows the first `ipv4_bits`, or 64 bits of an IPv6 address.
pub(super) fn network(ip: IpAddr, ipv4_bits: u32) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32 - ipv4_bits.min(32)).unwrap_or(0);
            Ipv4Addr::from_bits(ip.to_bits() & mask).into()
        }
        IpAddr::V6(ip) => {
            Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << IPV6_CLIENT_BITS)).into()
        }
    }
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
            assert_eq!(network(ip.parse().unwrap(), bits).to_string(), expected);
        }
    }
}
