//! Row J7: whoever owns an address may call it anything in the DNS; only a name that leads back to it counts.

use smtp_server::access::{ClientHost, ConfirmedHost, Rhsbl};
use smtp_server::proto::Domain;
use smtp_server::relay::Networks;
use smtp_server::{Service, SessionInfo, StageKind};

use super::runtime;
use crate::support::checks::{START, at_client, client, logged_in, shown};
use crate::support::dns::{NameServer, Zone};

fn zone() -> Zone {
    Zone::default()
        .pointer("192.0.2.1", "good.test")
        .address("good.test", "192.0.2.1")
        .pointer("2001:db8::1", "six.test")
        .address("six.test", "2001:db8::1")
        // Somebody else's name.
        .pointer("192.0.2.2", "good.test")
        // One of two names is a lie.
        .pointer("192.0.2.3", "good.test")
        .pointer("192.0.2.3", "third.test")
        .address("third.test", "192.0.2.3")
        .pointer("192.0.2.4", "gone.test")
        .pointer("192.0.2.5", "broken.test")
        .failing("broken.test")
        .failing("6.2.0.192.in-addr.arpa")
}

async fn found(server: &NameServer, ip: &str) -> ClientHost {
    let info = client(ip);
    let effects = at_client(&ConfirmedHost::new(server.dns()), &info, START).await.unwrap();
    effects.session.find::<ClientHost>().unwrap().clone()
}

#[test]
fn j07_a_name_counts_only_if_it_leads_back() {
    let name = |text: &'static str| Domain::parse(text).unwrap();
    let rows = [
        ("192.0.2.1", ClientHost::Confirmed(name("good.test")), "-"),
        ("::ffff:192.0.2.1", ClientHost::Confirmed(name("good.test")), "-"),
        ("2001:db8::1", ClientHost::Confirmed(name("six.test")), "-"),
        ("192.0.2.2", ClientHost::Claimed(name("good.test")), "550 5.7.25"),
        ("192.0.2.3", ClientHost::Confirmed(name("third.test")), "-"),
        ("192.0.2.4", ClientHost::Claimed(name("gone.test")), "550 5.7.25"),
        ("192.0.2.5", ClientHost::Undecided, "450 4.7.25"),
        ("192.0.2.6", ClientHost::Undecided, "450 4.7.25"),
        ("192.0.2.7", ClientHost::Unnamed, "550 5.7.25"),
    ];
    runtime().block_on(async {
        let server = NameServer::start(zone()).await;
        let required = ConfirmedHost::new(server.dns()).required();
        for (ip, expected, reply) in rows {
            let found = found(&server, ip).await;
            assert_eq!(found, expected, "{ip}");
            assert_eq!(found.to_string() == "unknown", found.confirmed().is_none(), "{ip}");
            let verdict = shown(at_client(&required, &client(ip), START).await);
            assert!(verdict.starts_with(reply), "{ip}: {verdict}");
        }
    });
}

#[test]
fn j07_what_is_no_host_name_is_no_name_even_if_it_leads_back() {
    let hostile: [&[&[u8]]; 9] = [
        &[b"a\r\nX-Forged: 1", b"test"],
        &[b"a\x1b[2J", b"test"],
        &[b"a;b", b"test"],
        &[b"a b", b"test"],
        &[b"a\0", b"test"],
        &[b"a.b", b"test"],
        &[b"\xff\xfe", b"test"],
        &[b"[192.0.2.9]"],
        // Spelled like another address.
        &[b"10", b"0", b"0", b"1"],
    ];
    runtime().block_on(async {
        let mut zone = Zone::default().address("*.test", "192.0.2.9").address("*.1", "192.0.2.9");
        for labels in hostile {
            zone = zone.raw_pointer("192.0.2.9", labels);
        }
        let server = NameServer::start(zone).await;
        assert_eq!(found(&server, "192.0.2.9").await, ClientHost::Unnamed);
        assert_eq!(server.asked().len(), 1, "no such name is asked about: {:?}", server.asked());
    });
}

#[test]
fn j07_the_longest_name_and_a_hundred_of_them_are_no_trouble() {
    runtime().block_on(async {
        let labels = [b"a".as_slice(); 127];
        let mut zone = Zone::default().raw_pointer("192.0.2.8", &labels);
        for n in 0..50 {
            zone = zone.pointer("192.0.2.9", &format!("n{n}.test"));
        }
        let server = NameServer::start(zone).await;
        assert!(matches!(found(&server, "192.0.2.8").await, ClientHost::Claimed(_)));
        let before = server.asked().len();
        assert!(matches!(found(&server, "192.0.2.9").await, ClientHost::Claimed(_)));
        assert!(server.asked().len() - before <= 11, "{:?}", server.asked());
    });
}

#[test]
fn who_needs_no_name_gets_in_without_one() {
    runtime().block_on(async {
        let server = NameServer::start(Zone::default()).await;
        let inside = Networks::new(["192.0.2.0/24"]).unwrap();
        let required = ConfirmedHost::new(server.dns()).required().exempt(inside);
        let mut submission = client("203.0.113.1");
        submission.service = Service::Submission;
        let local = SessionInfo::new("mx.test", Service::Smtp, Default::default());
        let mut told = client("203.0.113.1");
        told.reverse_name = Some(Domain::parse("told.test").unwrap());
        for info in [client("192.0.2.7"), logged_in("203.0.113.1", "kim"), submission, local, told]
        {
            assert_eq!(shown(at_client(&required, &info, START).await), "-", "{info:?}");
        }
        let outside = shown(at_client(&required, &client("203.0.113.1"), START).await);
        assert!(outside.starts_with("550 5.7.25 "), "{outside}");
    });
}

#[test]
fn j07_a_list_of_names_is_asked_about_confirmed_ones_only() {
    runtime().block_on(async {
        let zone = zone().address("good.test.bl.test", "127.0.0.2");
        let server = NameServer::start(zone).await;
        let listed = Rhsbl::new(server.dns(), StageKind::Client, ["bl.test"]).unwrap();
        let good = shown(at_client(&listed, &client("192.0.2.1"), START).await);
        assert_eq!(good, "554 5.7.1 good.test is listed by bl.test");
        assert_eq!(shown(at_client(&listed, &client("192.0.2.2"), START).await), "-");
    });
}
