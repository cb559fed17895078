//! Row J8: a DNS list that is parked, refuses to serve or lists everything lists nobody.

use std::time::Duration;

use smtp_server::StageKind;
use smtp_server::access::{Dnsbl, Rhsbl};
use smtp_server::relay::Networks;

use super::runtime;
use crate::support::checks::{
    START, at_client, at_hello, at_recipient, at_sender, client, logged_in, shown,
};
use crate::support::dns::{NameServer, Zone};

const LISTED: &str = "192.0.2.9";

fn zone() -> Zone {
    Zone::default()
        .address("9.2.0.192.bl.test", "127.0.0.4")
        .text("9.2.0.192.bl.test", &["Spam\r\n250 forged\n\u{1b}[2J ", &"x".repeat(250)])
        .address("9.2.0.192.quiet.test", "127.0.0.2")
        .address("*.parked.test", "203.0.113.80")
        .address("*.refuses.test", "127.255.255.254")
        .address("9.2.0.192.mixed.test", "127.0.0.2")
        .address("9.2.0.192.mixed.test", "203.0.113.80")
        .address("*.wild.test", "127.0.0.2")
        .failing("9.2.0.192.broken.test")
        .address(
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.test",
            "127.0.0.2",
        )
        .address("spam.example.dbl.test", "127.0.1.2")
        .address("mail.spam.example.dbl.test", "127.0.1.2")
        .address("*.wild.dbl.test", "127.0.1.2")
}

async fn verdict(server: &NameServer, ip: &str, lists: &[&str]) -> String {
    let dnsbl = Dnsbl::new(server.dns(), lists).unwrap();
    let dnsbl = dnsbl.exempt(Networks::new(["198.51.100.0/24"]).unwrap());
    shown(at_client(&dnsbl, &client(ip), START).await)
}

#[test]
fn j08_what_is_no_answer_of_a_list_is_no_hit() {
    let broken =
        ["parked.test", "refuses.test", "mixed.test", "wild.test", "broken.test", "none.test"];
    runtime().block_on(async {
        let server = NameServer::start(zone()).await;
        for list in broken {
            assert_eq!(verdict(&server, LISTED, &[list]).await, "-", "{list}");
        }
        assert_eq!(verdict(&server, LISTED, &broken).await, "-");
        // A filter that would let such an answer pass does not.
        let all = ["refuses.test=127.255.255.254", "parked.test=[0..255].[0..255].[0..255].80"];
        assert_eq!(verdict(&server, LISTED, &all).await, "-");
    });
}

#[test]
fn a_listed_client_is_refused_with_the_reason_in_one_line() {
    runtime().block_on(async {
        let server = NameServer::start(zone()).await;
        let said = verdict(&server, LISTED, &["wild.test", "bl.test", "quiet.test"]).await;
        let expected = "554 5.7.1 192.0.2.9 is listed by bl.test: Spam??250 forged??[2J xx";
        assert!(said.starts_with(expected), "{said}");
        assert!(said.len() < 260, "{said}");
        let said = verdict(&server, LISTED, &["quiet.test"]).await;
        assert_eq!(said, "554 5.7.1 192.0.2.9 is listed by quiet.test");
        for (list, hit) in
            [("bl.test=127.0.0.[2;4..11]", true), ("bl.test=127.0.0.[2;5..11]", false)]
        {
            assert_eq!(verdict(&server, LISTED, &[list]).await != "-", hit, "{list}");
        }
        assert!(
            verdict(&server, "2001:db8::1", &["bl.test"])
                .await
                .starts_with("554 5.7.1 2001:db8::1 ")
        );
        assert_eq!(verdict(&server, "192.0.2.10", &["bl.test"]).await, "-");
    });
}

#[test]
fn who_is_exempt_is_not_asked_about() {
    runtime().block_on(async {
        let server =
            NameServer::start(Zone::default().address("7.100.51.198.bl.test", "127.0.0.2")).await;
        assert_eq!(verdict(&server, "198.51.100.7", &["bl.test"]).await, "-");
        let dnsbl = Dnsbl::new(server.dns(), ["bl.test"]).unwrap();
        let user = at_client(&dnsbl, &logged_in("198.51.100.7", "kim"), START).await;
        assert_eq!(shown(user), "-");
        assert_eq!(server.asked(), Vec::<String>::new());
        let host = shown(at_client(&dnsbl, &client("198.51.100.7"), START).await);
        assert!(host.starts_with("554 5.7.1 "), "{host}");
    });
}

#[test]
fn all_lists_are_asked_at_the_same_time() {
    super::super::contracts::paused(async {
        let silent = |zone: Zone, n: usize| zone.silent(&format!("9.2.0.192.l{n}.test"));
        let zone = (0..20).fold(Zone::default(), silent);
        let server = NameServer::start(zone).await;
        let lists = (0..20).map(|n| format!("l{n}.test")).collect::<Vec<_>>();
        let lists = lists.iter().map(String::as_str).collect::<Vec<_>>();
        let asked = verdict(&server, LISTED, &lists);
        // No longer than one of them takes.
        assert_eq!(tokio::time::timeout(Duration::from_secs(11), asked).await.as_deref(), Ok("-"));
    });
}

#[test]
fn a_listed_domain_is_refused_where_it_is_named() {
    runtime().block_on(async {
        let server = NameServer::start(zone()).await;
        let list = |stage| {
            let list = Rhsbl::new(server.dns(), stage, ["wild.dbl.test", "dbl.test"]).unwrap();
            list.exempt(["mail.spam.example"]).unwrap()
        };
        let info = client(LISTED);
        let refused = "554 5.7.1 spam.example is listed by dbl.test";
        let sender = list(StageKind::Sender);
        assert_eq!(at_sender(&sender, &info, "<a@Spam.example>", START).await, refused);
        for fine in ["<>", "<a@mail.spam.example>", "<a@example.org>", "<a@[192.0.2.9]>"] {
            assert_eq!(at_sender(&sender, &info, fine, START).await, "-", "{fine}");
        }
        assert_eq!(
            at_sender(&sender, &logged_in(LISTED, "kim"), "<a@spam.example>", START).await,
            "-"
        );
        assert_eq!(at_hello(&list(StageKind::Hello), &info, "spam.example").await, refused);
        assert_eq!(at_hello(&sender, &info, "spam.example").await, "-");
        let recipient = list(StageKind::Recipient);
        assert_eq!(
            at_recipient(&recipient, &info, ("<>", "<b@spam.example>"), START).await,
            refused
        );
        assert_eq!(at_recipient(&recipient, &info, ("<>", "<postmaster>"), START).await, "-");
    });
}

#[cfg(feature = "tracing")]
#[test]
fn j08_a_list_that_is_not_believed_is_warned_of() {
    let (log, _guard) = super::log::Log::capture();
    runtime().block_on(async {
        let server = NameServer::start(zone()).await;
        let lists = ["parked.test", "refuses.test", "wild.test", "none.test", "bl.test"];
        verdict(&server, LISTED, &lists).await;
    });
    let text = log.text();
    for expected in [
        "DNS list is not believed list=\"parked.test\" fault=\"it answers 203.0.113.80\"",
        "DNS list is not believed list=\"refuses.test\" fault=\"it answers 127.255.255.254\"",
        "DNS list is not believed list=\"wild.test\" fault=\"it lists everything\"",
    ] {
        assert!(text.contains(expected), "{text}");
    }
    assert!(!text.contains("none.test") && !text.contains("\"bl.test"), "{text}");
}
