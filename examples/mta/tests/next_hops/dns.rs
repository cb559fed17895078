//! Next hops that the DNS names: mail exchangers, none, aliases, loops, failures.
//!
//! * **In**: a zone on the loopback. **Out**: what the log says of each domain, and what the next hop kept.
//! * **Promises**: no other name server is asked. **Limits**: none. **Panics**: on any difference.
//! * **Spec**: RFC 5321 5.1, RFC 7505.

#[cfg(test)]
#[expect(dead_code, reason = "shared with the tests of smtp-server, which ask for more")]
#[path = "../../../../smtp-server/tests/main/support/dns.rs"]
mod zone;

use std::fs;

use zone::{NameServer, Zone};

use super::open_directory;
use crate::clients::{mail_send, text};
use crate::harness::Mta;
use crate::sink::{Sink, content};

/// No test listens there.
const NOBODY_IP: &str = "127.0.0.3";

/// The domain, what becomes of its mail, and why.
const ROWS: [(&str, &str, &str); 11] = [
    ("address.test", "sent", "relay=address.test[127.0.0.1]:"),
    ("exchanger.test", "sent", "relay=mx.test[127.0.0.1]:"),
    ("second.test", "sent", "relay=mx.test[127.0.0.1]:"),
    ("alias.test", "sent", "relay=mx.test[127.0.0.1]:"),
    ("one-fails.test", "sent", "relay=mx.test[127.0.0.1]:"),
    ("refused.test", "deferred", "(connect to nobody.test[127.0.0.3]:"),
    ("fails.test", "deferred", "dsn=4.4.3"),
    ("null.test", "bounced", "dsn=5.1.10"),
    ("loop.test", "bounced", "dsn=5.4.6"),
    ("none.test", "bounced", "dsn=5.4.4"),
    ("no-address.test", "bounced", "dsn=5.4.4"),
];

fn zone() -> Zone {
    Zone::default()
        .address("mx.test", "127.0.0.1")
        .address("nobody.test", NOBODY_IP)
        .address("address.test", "127.0.0.1")
        .exchange("exchanger.test", 10, "mx.test")
        .exchange("second.test", 10, "nobody.test")
        .exchange("second.test", 20, "mx.test")
        .alias("alias.test", "exchanger.test")
        .failing("broken.test")
        .exchange("one-fails.test", 10, "broken.test")
        .exchange("one-fails.test", 20, "mx.test")
        .exchange("refused.test", 10, "nobody.test")
        .failing("fails.test")
        .exchange("null.test", 0, ".")
        .address("relay.test", "127.0.0.1")
        .exchange("loop.test", 10, "relay.test")
        .exchange("loop.test", 20, "mx.test")
        .exchange("no-address.test", 10, "unknown.test")
}

// rows: 5321-5.1-a, 7505-3-a
#[test]
fn mail_goes_where_the_dns_says() {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build().expect("a runtime");
    let server = runtime.block_on(NameServer::start(zone()));
    let (work, sink) = (open_directory(), Sink::start());
    let table = work.path().join("transport");
    // Exchangers are at the sink's port; where there is none to be found, no table says where to look.
    let line = |(domain, ..): &(&str, &str, &str)| {
        format!("{domain} smtp:{domain}:{}\n", sink.address.port())
    };
    let found = ROWS.iter().filter(|(.., words)| !words.starts_with("dsn="));
    fs::write(&table, found.map(line).collect::<String>()).expect("a file");
    let (maps, dns) = (format!("transport_maps=texthash:{}", text(&table)), server.address);
    let options = ["myhostname=relay.test", "mydestination=example.org", "mynetworks=127.0.0.0/8"];
    let mut args = vec!["--dns".to_owned(), dns.to_string()];
    args.extend(options.into_iter().chain([&*maps]).map(|option| format!("-o{option}")));
    let mut mta = Mta::start(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let mut arriving = Vec::new();
    for (number, (domain, outcome, words)) in (1..).zip(&ROWS) {
        mail_send::submit(mta.smtp(), &[&format!("kim@{domain}")], &content(number));
        let line = mta.expect_log(&format!(" to=<kim@{domain}>,"));
        assert!(line.contains(&format!(" status={outcome} (")), "{line}");
        assert!(line.contains(words), "{words:?} is not in {line}");
        if *outcome == "sent" {
            arriving.push(number);
        }
    }
    let arrived = sink.wait_for(&arriving);
    assert_eq!(arrived, arriving.iter().map(|number| (*number, 1)).collect());
    assert!(!server.asked().is_empty(), "it was asked");
    assert_eq!(mta.terminate().code, Some(0));
}
