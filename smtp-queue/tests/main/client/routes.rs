//! Next hops by DNS, against a name server on the loopback.

use std::collections::HashSet;

use smtp_queue::dsn::{Facts, Original, Reporter, expired};
use smtp_queue::route::{AddressFamilies, DnsRouter, Route};
use smtp_queue::{NextHop, Outcome, RecipientState, Router, StagedBody};
use smtp_server::QueueId;
use smtp_server::proto::Domain;

#[expect(dead_code, reason = "shared with the tests of smtp-server, which ask for more")]
#[path = "../../../../smtp-server/tests/main/support/dns.rs"]
mod dns;

use dns::{NameServer, Zone};

use super::mail::{ARRIVED, entry};
use super::peer::{HELLO, Peer, TAKEN, attempt, client, hosts, job};

async fn route(router: &DnsRouter, domain: &str) -> Result<NextHop, Outcome> {
    router.route(domain, false).await
}

/// `name address, name address`, or `failed code` with its text.
async fn told(router: &DnsRouter, domain: &str) -> String {
    match route(router, domain).await {
        Ok(next_hop) => {
            let hosts = next_hop.hosts.iter().map(|host| {
                let address = host.address.unwrap();
                assert_eq!(address.port(), 25);
                format!("{} {}", host.name, address.ip())
            });
            hosts.collect::<Vec<_>>().join(", ")
        }
        Err(Outcome::Failed(status)) => format!("failed {}", status.code),
        Err(other) => format!("deferred {}", other.status().code),
    }
}

async fn router(zone: Zone) -> (NameServer, DnsRouter) {
    let server = NameServer::start(zone).await;
    let dns = server.dns();
    (server, DnsRouter::new(dns, "Self.test").seed(1))
}

// rows: 5321-5.1-a, 5321-5.1-b, 5321-5.1-c, 5321-5.1-d, 5321-5.1-e, 5321-5.1-f, 5321-5.1-g, 5321-5.1-h, 5321-5.1-i
#[tokio::test]
async fn i04_hosts_are_those_of_the_dns_in_its_order() {
    let many = (0..200).fold(Zone::default(), |zone, number| {
        zone.exchange("many.test", number, &format!("h{number}.many.test"))
            .address(&format!("h{number}.many.test"), "192.0.2.1")
    });
    let zone = many
        .exchange("d.test", 20, "b.test")
        .exchange("d.test", 10, "a.test")
        .address("d.test", "192.0.2.9")
        .address("a.test", "192.0.2.1")
        .address("a.test", "192.0.2.2")
        .address("a.test", "2001:db8::1")
        .address("a.test", "2001:db8::2")
        .address("b.test", "192.0.2.3")
        .address("six.test", "2001:db8::6")
        .alias("alias.test", "d.test")
        .exchange("itself.test", 10, "itself.test")
        .address("itself.test", "192.0.2.4")
        .exchange("gone.test", 10, "nowhere.test")
        .exchange("halfgone.test", 10, "nowhere.test")
        .exchange("halfgone.test", 20, "b.test")
        .address("gone.test", "192.0.2.9")
        .exchange("literal.test", 10, "192.0.2.5")
        .exchange("aliased.test", 10, "other.b.test")
        .alias("other.b.test", "b.test")
        .exchange("odd.test", 10, "a b.test")
        .address("odd.test", "192.0.2.9")
        .failing("fails.test")
        .failing("host.fails.test")
        .exchange("hostfails.test", 10, "host.fails.test")
        .exchange("hostfails.test", 10, "nowhere.test")
        .exchange("onefails.test", 10, "host.fails.test")
        .exchange("onefails.test", 20, "b.test")
        .text("empty.test", &["no address"]);
    let (_server, router) = router(zone).await;
    let both = "a.test 2001:db8::1, a.test 192.0.2.1, a.test 2001:db8::2, a.test 192.0.2.2, b.test 192.0.2.3";
    for (domain, expected) in [
        ("d.test", both),
        ("alias.test", both),
        ("six.test", "six.test 2001:db8::6"),
        ("itself.test", "itself.test 192.0.2.4"),
        ("gone.test", "failed 5.4.4"),
        ("halfgone.test", "b.test 192.0.2.3"),
        ("literal.test", "failed 5.4.4"),
        ("aliased.test", "other.b.test 192.0.2.3"),
        ("odd.test", "failed 5.4.4"),
        ("nowhere.test", "failed 5.4.4"),
        ("empty.test", "failed 5.4.4"),
        ("fails.test", "deferred 4.4.3"),
        ("hostfails.test", "deferred 4.4.3"),
        ("onefails.test", "b.test 192.0.2.3"),
        ("[192.0.2.7]", "[192.0.2.7] 192.0.2.7"),
        ("[IPv6:2001:db8::7]", "[IPv6:2001:db8::7] 2001:db8::7"),
        ("[x:y]", "failed 5.1.2"),
        ("", "failed 5.1.2"),
    ] {
        assert_eq!(told(&router, domain).await, expected, "{domain}");
    }
    let next_hop = route(&router, "many.test").await.unwrap();
    let names = next_hop.hosts.iter().map(|host| &*host.name).collect::<Vec<_>>();
    assert_eq!(
        names,
        ["h0.many.test", "h1.many.test", "h2.many.test", "h3.many.test", "h4.many.test"]
    );
}

#[tokio::test]
async fn equals_come_in_any_order() {
    let names = ["a.test", "b.test", "c.test"];
    let zone = names.iter().fold(Zone::default(), |zone, name| {
        zone.exchange("d.test", 10, name).address(name, "192.0.2.1")
    });
    let (_server, router) =
        router(zone.exchange("d.test", 20, "z.test").address("z.test", "192.0.2.2")).await;
    let mut orders = HashSet::new();
    for _ in 0..100 {
        let next_hop = route(&router, "d.test").await.unwrap();
        let order = next_hop.hosts.iter().map(|host| host.name.clone()).collect::<Vec<_>>();
        assert_eq!(order[3], "z.test");
        orders.insert(order);
    }
    assert_eq!(orders.len(), 6);
}

// rows: 7505-3-a, 7505-3-b
#[tokio::test]
async fn i03_a_domain_that_takes_no_mail_gets_none() {
    let zone = Zone::default()
        .exchange("nomail.test", 0, ".")
        .address("nomail.test", "192.0.2.1")
        .exchange("odd.test", 0, ".")
        .exchange("odd.test", 10, "a.test")
        .address("a.test", "192.0.2.2");
    let (server, router) = router(zone).await;
    assert_eq!(told(&router, "nomail.test").await, "failed 5.1.10");
    assert!(server.asked().iter().all(|question| question.starts_with("MX ")));
    assert_eq!(told(&router, "odd.test").await, "a.test 192.0.2.2");
}

// rows: 5321-5.1-j, 5321-5.1-k
#[tokio::test]
async fn i02_mail_does_not_come_back_to_us() {
    let zone = Zone::default()
        .exchange("backup.test", 5, "a.test")
        .exchange("backup.test", 10, "self.test")
        .exchange("backup.test", 10, "b.test")
        .exchange("backup.test", 20, "c.test")
        .exchange("byaddress.test", 5, "a.test")
        .exchange("byaddress.test", 10, "other.name.test")
        .exchange("best.test", 5, "SELF.test")
        .exchange("best.test", 10, "a.test")
        .exchange("loopback.test", 5, "local.host.test")
        .exchange("named.test", 5, "alias.test")
        .address("ours.test", "192.0.2.25")
        .address("a.test", "192.0.2.1")
        .address("b.test", "192.0.2.2")
        .address("c.test", "192.0.2.3")
        .address("self.test", "192.0.2.25")
        .address("other.name.test", "192.0.2.25")
        .address("local.host.test", "127.0.0.1");
    let (_server, router) = router(zone).await;
    let router = router.own_address("192.0.2.25:25".parse().unwrap()).own_name("alias.test.");
    for (domain, expected) in [
        ("backup.test", "a.test 192.0.2.1"),
        ("byaddress.test", "a.test 192.0.2.1"),
        ("best.test", "failed 5.4.6"),
        ("loopback.test", "failed 5.4.6"),
        ("named.test", "failed 5.4.6"),
        ("ours.test", "failed 5.4.6"),
        ("[192.0.2.25]", "failed 5.4.6"),
        ("[127.0.0.1]", "failed 5.4.6"),
        ("[IPv6:::ffff:127.0.0.1]", "failed 5.4.6"),
    ] {
        assert_eq!(told(&router, domain).await, expected, "{domain}");
    }
}

// rows: 5321-5.2-a
#[tokio::test]
async fn l08_families_come_by_turns() {
    let zone = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "2001:db8::2", "2001:db8::3"]
        .iter()
        .fold(Zone::default(), |zone, ip| zone.address("d.test", ip))
        .address("four.test", "192.0.2.4");
    let (_server, router) = router(zone).await;
    let router = router.addresses_max(3);
    let mut router = Some(router);
    for (families, expected, four) in [
        (AddressFamilies::Ipv6First, "2001:db8::1, 192.0.2.1, 2001:db8::2", "192.0.2.4"),
        (AddressFamilies::Ipv4First, "192.0.2.1, 2001:db8::1, 192.0.2.2", "192.0.2.4"),
        (AddressFamilies::Ipv6Only, "2001:db8::1, 2001:db8::2, 2001:db8::3", "failed 5.4.4"),
        (AddressFamilies::Ipv4Only, "192.0.2.1, 192.0.2.2, 192.0.2.3", "192.0.2.4"),
    ] {
        let chosen = router.take().unwrap().address_families(families);
        assert_eq!(told(&chosen, "d.test").await.replace("d.test ", ""), expected);
        assert_eq!(told(&chosen, "four.test").await.replace("four.test ", ""), four);
        router = Some(chosen);
    }
}

#[tokio::test]
async fn the_table_and_relay_hosts_come_before_the_dns() {
    let zone = Zone::default()
        .exchange("relay.test", 10, "r1.test")
        .address("r1.test", "192.0.2.1")
        .address("r2.test", "192.0.2.2")
        .address("partner.test", "192.0.2.3")
        .failing("broken.test");
    let (_server, router) = router(zone).await;
    let host = |text: &str| Route::Host(text.parse().unwrap());
    let router = router
        .relay_hosts(["relay.test:587", "[r2.test]"].map(|text| text.parse().unwrap()))
        .local_transport("maildir")
        .with_route("partner.test", host("[partner.test]:2525"))
        .with_route("store.test", Route::HostBy("lmtp".into(), "[192.0.2.4]:24".parse().unwrap()))
        .with_route(".invalid", Route::Transport("error".into()))
        .with_route("gone.test", host("[nowhere.test]"))
        .with_route("broken.test", host("broken.test"));
    for (domain, expected) in [
        ("any.test", "smtp relay.test:587 192.0.2.1:587 192.0.2.2:25"),
        ("partner.test", "smtp [partner.test]:2525 192.0.2.3:2525"),
        ("sub.partner.test", "smtp relay.test:587 192.0.2.1:587 192.0.2.2:25"),
        ("store.test", "lmtp [192.0.2.4]:24 192.0.2.4:24"),
        ("a.b.invalid", "error a.b.invalid"),
        // What was configured wrong does not return mail.
        ("gone.test", "4.4.4"),
        ("broken.test", "4.4.3"),
    ] {
        let found = match route(&router, domain).await {
            Ok(next_hop) => {
                let hosts = next_hop.hosts.iter().map(|host| format!(" {}", host.address.unwrap()));
                format!(
                    "{} {}{}",
                    next_hop.transport,
                    next_hop.destination,
                    hosts.collect::<String>()
                )
            }
            Err(outcome) => {
                assert!(matches!(outcome, Outcome::Deferred(_)));
                outcome.status().code.to_string()
            }
        };
        assert_eq!(found, expected, "{domain}");
    }
    // What is ours stays here, whatever the table says.
    for domain in ["partner.test", "any.test", "", "a.invalid"] {
        let next_hop = router.route(domain, true).await.unwrap();
        assert_eq!((&*next_hop.transport, next_hop.hosts.len()), ("maildir", 0));
    }
    let router = router.with_route("*", host("[r2.test]"));
    assert_eq!(&*route(&router, "any.test").await.unwrap().destination, "[r2.test]");
}

#[tokio::test]
async fn domains_with_the_same_hosts_share_a_site() {
    let hosted = |zone: Zone, domain: &str, turn: u16| {
        zone.exchange(domain, 10 + turn, "mx1.host.test").exchange(
            domain,
            20 - turn,
            "mx2.host.test",
        )
    };
    let zone = hosted(hosted(Zone::default(), "a.test", 0), "b.test", 9)
        .exchange("c.test", 10, "mx1.host.test")
        .address("mx1.host.test", "192.0.2.1")
        .address("mx2.host.test", "192.0.2.2");
    let (_server, router) = router(zone).await;
    let mut sites = Vec::new();
    for domain in ["a.test", "b.test", "c.test"] {
        sites.push(route(&router, domain).await.unwrap().site);
    }
    assert_eq!(&*sites[0], "smtp:mx1.host.test|mx2.host.test:25");
    assert_eq!(sites[0], sites[1]);
    assert_ne!(sites[0], sites[2]);
}

#[tokio::test]
async fn a_content_filter_is_a_transport_and_a_destination() {
    let (_server, router) = router(Zone::default()).await;
    let next_hop = route(&router, "scan:[192.0.2.7]:10025").await.unwrap();
    assert_eq!((&*next_hop.transport, &*next_hop.destination), ("scan", "[192.0.2.7]:10025"));
    assert_eq!(next_hop.hosts[0].address, Some("192.0.2.7:10025".parse().unwrap()));
    assert_eq!(told(&router, "scan:[").await, "deferred 4.3.5", "the operator mends it");
    assert!(told(&router, "[IPv6:2001:db8::7]").await.ends_with(" 2001:db8::7"), "no filter");
}

/// The `Status` of a message that is given up after this.
fn reported(outcome: Outcome) -> String {
    let status = match outcome {
        Outcome::Deferred(status) => expired(&RecipientState::Pending(Some(Box::new(status)))),
        outcome => outcome.status().clone(),
    };
    let reporter = Reporter::new(&Domain::parse("client.test").unwrap()).unwrap();
    let entry = entry("<a@client.test>", &["<b@d.test>"]);
    let reported = [reporter.outcome(&entry, 0, &Outcome::Failed(status)).unwrap()];
    let (original, id) = (Original::unreadable(), QueueId(8));
    let facts = Facts { entry: &entry, reported: &reported, original: &original, id, now: ARRIVED };
    let report = reporter.compose(&facts, |_| false).unwrap();
    let StagedBody::Inline(body) = report.content.body else { panic!("a report is in memory") };
    let body = String::from_utf8(body.to_vec()).unwrap();
    body.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap().to_owned()
}

// rows: 3463-3.5-a
#[tokio::test]
async fn a_report_says_what_of_the_network_failed() {
    let try_once = async |next_hop| {
        let job = job(entry("<a@client.test>", &["<b@d.test>"]), next_hop);
        attempt(&client(), &job).await.1.remove(0).outcome
    };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let silent = Peer::start(&[""]).await;
    let breaks_off = TAKEN.replace("S: 250 2.0.0 Taken", "");
    let breaks_off = Peer::start(&[&format!("{HELLO}{breaks_off}")]).await;
    assert_eq!(reported(try_once(hosts(&[nobody])).await), "4.4.1");
    assert_eq!(reported(try_once(silent.next_hop()).await), "4.4.2");
    assert_eq!(reported(try_once(breaks_off.next_hop()).await), "4.4.2");
    assert_eq!(reported(try_once(hosts(&[])).await), "4.4.4");

    let zone = Zone::default()
        .failing("fails.test")
        .exchange("lost.test", 5, "nowhere.test")
        .exchange("loop.test", 5, "self.test");
    let (_server, router) = router(zone).await;
    let router = router.with_route("gone.test", Route::Host("[nowhere.test]".parse().unwrap()));
    for (domain, expected) in [
        ("fails.test", "4.4.3"),
        ("gone.test", "4.4.4"),
        ("nowhere.test", "5.4.4"),
        ("lost.test", "5.4.4"),
        ("loop.test", "5.4.6"),
    ] {
        let outcome = route(&router, domain).await.unwrap_err();
        assert_eq!(reported(outcome), expected, "{domain}");
    }
}
