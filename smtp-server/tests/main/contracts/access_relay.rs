//! What a table's `RELAY` grants, and what it does not.

use async_trait::async_trait;
use smtp_server::access::{AccessAction, AccessMap, MemoryMap};
use smtp_server::relay::{AccessRelay, LocalDomains};
use smtp_server::{LookupError, RelayPolicyExt};

use super::relaying::{client, decided};

fn table() -> MemoryMap {
    let skip = AccessAction::Dunno;
    [
        ("Connect:192.0.2", AccessAction::Relay),
        ("Connect:192.0.2.66", AccessAction::reject("")),
        ("Connect:192.0.2.67", skip),
        ("Connect:192.0.2.68", AccessAction::Ok),
        ("Connect:IPv6:2001:db8", AccessAction::Relay),
        ("Connect:IPv6:2001:db9::", AccessAction::Relay),
        ("Connect:client.test", AccessAction::Relay),
        ("198.51.100.7", AccessAction::Relay),
        ("To:relay.test", AccessAction::Relay),
        ("To:no.relay.test", AccessAction::reject("")),
        ("To:kim@only.test", AccessAction::Relay),
        ("To:xn--bcher-kva.test", AccessAction::Relay),
        ("From:sender.test", AccessAction::Relay),
    ]
    .into_iter()
    .collect()
}

#[test]
fn relay_in_a_table_is_for_the_most_specific_client_or_recipient() {
    let policy = LocalDomains::new(["local.test"]).unwrap().or(AccessRelay::new(table()));
    let says = |key: &str| format!("relay: access table says RELAY for {key}");
    const OUT: &str = "<v@ext.test>";
    const OUTSIDE: &str = "203.0.113.1";
    for (address, to, expected) in [
        ("192.0.2.1", OUT, says("connect:192.0.2")),
        ("::ffff:192.0.2.1", OUT, says("connect:192.0.2")),
        ("192.0.2.66", OUT, "deny".into()),
        ("192.0.2.67", OUT, "deny".into()),
        ("192.0.2.68", OUT, "deny".into()),
        ("192.0.20.1", OUT, "deny".into()),
        ("2001:db8::9", OUT, says("connect:ipv6:2001:db8")),
        ("2001:db80::9", OUT, "deny".into()),
        ("2001:db9::", OUT, says("connect:ipv6:2001:db9::")),
        ("2001:db9::1", OUT, "deny".into()),
        ("198.51.100.7", OUT, says("198.51.100.7")),
        ("192.0.2.1", "<kim@local.test>", "local".into()),
        ("192.0.2.66", "<v@relay.test>", says("to:relay.test")),
        (OUTSIDE, OUT, "deny".into()),
        (OUTSIDE, "<v@Relay.TEST>", says("to:relay.test")),
        (OUTSIDE, "<v@a.b.relay.test>", says("to:relay.test")),
        (OUTSIDE, "<v@no.relay.test>", "deny".into()),
        (OUTSIDE, "<v@xrelay.test>", "deny".into()),
        (OUTSIDE, "<Kim@only.test>", says("to:kim@only.test")),
        (OUTSIDE, "<lee@only.test>", "deny".into()),
        (OUTSIDE, "<v@bücher.test>", says("to:xn--bcher-kva.test")),
        (OUTSIDE, "<v%ext.test@relay.test>", "deny".into()),
        (OUTSIDE, "<\"v@ext.test\"@relay.test>", "deny".into()),
        (OUTSIDE, "<ext.test!v@relay.test>", "deny".into()),
        (OUTSIDE, "<v@sender.test>", "deny".into()),
        (OUTSIDE, "<v@client.test>", "deny".into()),
        (OUTSIDE, "<v@[192.0.2.1]>", "deny".into()),
    ] {
        assert_eq!(decided(&policy, to, &client(address)), expected, "{address} {to}");
    }
    let mut named = client(OUTSIDE);
    named.reverse_name = Some(smtp_server::proto::Domain::parse("client.test").unwrap());
    assert_eq!(decided(&policy, OUT, &named), "deny", "a name in the DNS is a claim");
}

/// Cannot say anything.
struct Failing;

#[async_trait]
impl AccessMap for Failing {
    async fn lookup(&self, _: &str) -> Result<Option<AccessAction>, LookupError> {
        Err(LookupError::new("the table is gone"))
    }
}

#[test]
fn a_table_that_fails_grants_nothing() {
    let decided = decided(&AccessRelay::new(Failing), "<v@ext.test>", &client("192.0.2.1"));
    assert_eq!(decided, "451 4.3.0 Local error: try again later");
}
