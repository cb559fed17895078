//! The handle to the DNS.

use std::net::IpAddr;
use std::time::Duration;

use hickory_resolver::proto::rr::RecordType;
use smtp_server::dns::{Dns, DnsError, MailExchange, RECORDS_MAX};
use smtp_server::proto::Domain;

use super::{paused, runtime};
use crate::support::dns::{NameServer, Zone};

#[test]
fn answers_are_typed_and_errors_say_whether_to_ask_again() {
    runtime().block_on(async {
        let zone = Zone::default()
            .address("both.test", "192.0.2.1")
            .address("both.test", "2001:db8::1")
            .address("six.test", "2001:db8::6")
            .text("both.test", &["one ", "text"])
            .text("both.test", &["another"])
            .exchange("both.test", 20, "B.test")
            .exchange("both.test", 10, "a.test")
            .exchange("null.test", 0, ".")
            .alias("alias.test", "both.test")
            .pointer("192.0.2.1", "Both.test")
            .pointer("2001:db8::1", "both.test")
            .failing("broken.test");
        let server = NameServer::start(zone).await;
        let dns = server.dns();
        let ips =
            |texts: &[&str]| texts.iter().map(|ip| ip.parse().unwrap()).collect::<Vec<IpAddr>>();
        assert_eq!(dns.addresses("both.test").await, Ok(ips(&["192.0.2.1", "2001:db8::1"])));
        assert_eq!(dns.addresses("BOTH.test.").await, Ok(ips(&["192.0.2.1", "2001:db8::1"])));
        assert_eq!(dns.addresses("six.test").await, Ok(ips(&["2001:db8::6"])));
        assert_eq!(dns.ipv4_addresses("six.test").await, Err(DnsError::NoRecords));
        assert_eq!(dns.ipv4_addresses("none.test").await, Err(DnsError::NoSuchName));
        assert_eq!(dns.addresses("none.test").await, Err(DnsError::NoSuchName));
        for none in ["", "a..test", &"a".repeat(64), &["abcdefg."; 40].concat()] {
            assert_eq!(dns.addresses(none).await, Err(DnsError::NoSuchName), "{none}");
        }
        assert!(matches!(dns.addresses("broken.test").await, Err(DnsError::Temporary(_))));
        let mut texts = dns.texts("both.test").await.unwrap();
        texts.sort();
        assert_eq!(texts, ["another", "one text"]);
        let exchange = |preference, host: &str| MailExchange { preference, host: host.to_owned() };
        let both = vec![exchange(10, "a.test"), exchange(20, "b.test")];
        assert_eq!(dns.mail_exchanges("both.test").await, Ok(both));
        assert_eq!(dns.mail_exchanges("alias.test").await, dns.mail_exchanges("both.test").await);
        assert_eq!(dns.mail_exchanges("null.test").await, Ok(vec![exchange(0, "")]));
        let name = vec![Domain::parse("both.test").unwrap()];
        for ip in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"] {
            assert_eq!(dns.names(ip.parse().unwrap()).await, Ok(name.clone()), "{ip}");
        }
    });
}

#[test]
fn an_answer_is_kept_also_one_that_says_no() {
    runtime().block_on(async {
        let server = NameServer::start(Zone::default().address("a.test", "192.0.2.1")).await;
        let dns = server.dns();
        for _ in 0..3 {
            assert!(dns.clone().ipv4_addresses("a.test").await.is_ok());
            assert_eq!(dns.ipv4_addresses("b.test").await, Err(DnsError::NoSuchName));
        }
        assert_eq!(server.asked(), ["A a.test.", "A b.test."]);
    });
}

#[test]
fn a_look_up_ends_when_its_time_is_over() {
    paused(async {
        let server = NameServer::start(Zone::default().silent("silent.test")).await;
        let dns = server.dns().with_timeout(Duration::from_secs(3));
        let asked = dns.ipv4_addresses("silent.test");
        let answer = tokio::time::timeout(Duration::from_millis(3100), asked).await;
        assert!(matches!(answer, Ok(Err(DnsError::Temporary(_)))), "{answer:?}");
    });
}

#[test]
fn an_answer_gives_so_many_records_and_no_more() {
    runtime().block_on(async {
        let address = |zone: Zone, n: usize| zone.address("many.test", &format!("10.0.0.{n}"));
        let zone = (0..RECORDS_MAX + 20).fold(Zone::default(), address);
        let server = NameServer::start(zone).await;
        let addresses = server.dns().ipv4_addresses("many.test").await.unwrap();
        // Too long for a datagram, so it was asked for again over TCP.
        assert_eq!((addresses.len(), server.asked_for(RecordType::A)), (RECORDS_MAX, 2));
    });
}

#[test]
fn without_a_name_server_there_is_no_handle() {
    assert!(matches!(Dns::with_name_servers([]), Err(DnsError::Configuration(_))));
}
