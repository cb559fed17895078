//! What a client may call itself.

use smtp_server::access::HelloChecks;
use smtp_server::relay::Networks;
use smtp_server::{Service, SessionInfo};

use crate::support::checks::{at_hello, client, logged_in};
use crate::support::pure::block_on;

fn said(checks: &HelloChecks, info: &SessionInfo, name: &str) -> String {
    block_on(at_hello(checks, info, name)).chars().take(9).collect()
}

fn all() -> HelloChecks {
    HelloChecks::default().invalid().unqualified().own_name()
}

// rows: 5321-4.1.3-b
#[test]
fn impossible_names_are_refused() {
    let rows = [
        ("mail.client.test", "-"),
        ("MAIL_1.client.test", "-"),
        ("b\u{fc}cher.test", "-"),
        ("[192.0.2.9]", "-"),
        ("[10.1.2.3]", "-"),
        ("[IPv6:2001:db8::1]", "-"),
        ("[ipv6:2001:db8::1]", "-"),
        ("localhost", "504 5.5.2"),
        ("-.test", "501 5.5.2"),
        ("a..test", "501 5.5.2"),
        ("client.test.", "501 5.5.2"),
        ("a!b", "501 5.5.2"),
        ("[192.0.2]", "501 5.5.2"),
        ("[2001:db8::1]", "501 5.5.2"),
        ("MX.test", "550 5.7.1"),
        ("[198.51.100.25]", "550 5.7.1"),
        ("[IPv6:::ffff:198.51.100.25]", "550 5.7.1"),
    ];
    let info = client("192.0.2.9");
    for (name, expected) in rows {
        assert_eq!(said(&all(), &info, name), expected, "{name}");
        assert_eq!(said(&HelloChecks::default(), &info, name), "-", "no check was asked for");
    }
}

#[test]
fn users_exempt_networks_and_ourselves_may_say_what_they_like() {
    let checks = all().exempt(Networks::new(["192.0.2.0/24"]).unwrap());
    let mut submission = client("203.0.113.1");
    submission.service = Service::Submission;
    for info in [client("192.0.2.9"), logged_in("203.0.113.1", "kim"), submission] {
        assert_eq!(said(&checks, &info, "localhost"), "-");
    }
    assert_eq!(said(&checks, &client("198.51.100.25"), "mx.test"), "-");
    assert_eq!(said(&checks, &client("203.0.113.1"), "localhost"), "504 5.5.2");
}

#[cfg(feature = "dns")]
#[test]
fn a_name_that_does_not_exist_is_refused() {
    use crate::support::dns::{NameServer, Zone};

    super::runtime().block_on(async {
        let zone = Zone::default()
            .address("four.test", "203.0.113.1")
            .address("six.test", "2001:db8::1")
            .exchange("mail.test", 10, "four.test")
            .address("with_underscore.test", "203.0.113.1")
            .address("xn--bcher-kva.test", "203.0.113.1")
            .text("text.test", &["no host"])
            .failing("broken.test");
        let server = NameServer::start(zone).await;
        let checks = HelloChecks::default().unknown(server.dns());
        let info = client("192.0.2.9");
        let found =
            ["four.test", "six.test", "mail.test", "with_underscore.test", "b\u{fc}cher.test"];
        for name in found.into_iter().chain(["[192.0.2.9]", "[10.0.0.1]"]) {
            assert_eq!(at_hello(&checks, &info, name).await, "-", "{name}");
        }
        for name in ["none.test", "text.test", "a..b", "!"] {
            let reply = at_hello(&checks, &info, name).await;
            assert_eq!(reply, "550 5.7.1 There is no such name", "{name}");
        }
        let broken = at_hello(&checks, &info, "broken.test").await;
        assert_eq!(broken, "450 4.7.1 The name cannot be looked up now");
    });
}
