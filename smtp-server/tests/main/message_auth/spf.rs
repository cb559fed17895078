//! SPF: what a host may send for, and the reply to one that may not.

use std::sync::Arc;
use std::time::Duration;

use smtp_server::Service;
use smtp_server::message_auth::Spf;

use super::{CONTENT, LETTER, Letter, field, runtime, send};
use crate::support::dns::{NameServer, Zone};
use crate::support::setup::Setup;

/// What `Received-SPF` says about each client, its name and its sender.
fn results(zone: Zone, letters: &[(&str, &str, &str, &str)]) {
    runtime().block_on(async {
        let names = NameServer::start(zone).await;
        for (ip, helo, from, expected) in letters {
            let letter = Letter { ip, helo, from, ..LETTER };
            let message = delivered(&names, letter).await;
            let said = field(&message, "Received-SPF");
            assert_eq!(said.split(' ').next(), Some(*expected), "{ip} {helo} {from}: {said}");
        }
    });
}

async fn delivered(names: &NameServer, letter: Letter<'_>) -> String {
    let kept = super::Kept::default();
    let mut setup = Setup::new(kept.clone());
    setup.access = Some(Arc::new(Spf::new(names.dns())));
    let reply = send(&setup, letter).await;
    assert!(reply.starts_with("250"), "{reply}");
    kept.last().0
}

/// Results for senders at these domains from 192.0.2.1; the client's own name has no record.
fn for_domains(zone: Zone, domains: &[(&str, &str)]) {
    let senders = domains.iter().map(|(domain, _)| format!("kim@{domain}")).collect::<Vec<_>>();
    let letters = senders
        .iter()
        .zip(domains)
        .map(|(from, (_, expected))| ("192.0.2.1", "nobody.test", &**from, *expected))
        .collect::<Vec<_>>();
    results(zone, &letters);
}

// rows: 7208-2.4-a
#[test]
fn the_null_reverse_path_stands_for_postmaster_at_the_clients_name() {
    let zone = Zone::default()
        .text("c.example", &["v=spf1 exists:%{l}.%{o}.%{h}.ok.test -all"])
        .address("postmaster.c.example.c.example.ok.test", "127.0.0.2");
    results(
        zone,
        &[("192.0.2.1", "c.example", "", "pass"), ("192.0.2.1", "d.example", "", "none")],
    );
}

// rows: 7208-4.3-a
#[test]
fn names_that_are_no_domains_have_no_record() {
    let zone = Zone::default().text("localhost", &["v=spf1 -all"]).address("a.test", "192.0.2.9");
    let long = format!("kim@{}.example", ["a".repeat(63).as_str(); 3].join("."));
    results(
        zone,
        &[
            ("192.0.2.1", "localhost", "", "none"),
            ("192.0.2.1", "[192.0.2.1]", "", "none"),
            ("192.0.2.1", "c.example", "kim@localhost", "none"),
            ("192.0.2.1", "c.example", "kim@[192.0.2.1]", "none"),
            ("192.0.2.1", "c.example", "kim@nowhere.example", "none"),
            ("192.0.2.1", "c.example", &long, "none"),
        ],
    );
}

// rows: 7208-4.4-a
#[test]
fn only_txt_is_asked_for_and_no_answer_is_temporary() {
    runtime().block_on(async {
        let zone =
            Zone::default().failing("broken.example").text("d.example", &["v=spf1 ip4:192.0.2.1"]);
        let names = NameServer::start(zone).await;
        for (from, expected) in [("kim@broken.example", "temperror"), ("kim@d.example", "pass")] {
            let message = delivered(&names, Letter { from, ..LETTER }).await;
            assert!(field(&message, "Received-SPF").starts_with(expected), "{message}");
        }
        assert!(names.asked().iter().all(|line| line.starts_with("TXT ")), "{:?}", names.asked());
    });
}

// rows: 7208-4.4-a
#[test]
fn silence_is_temporary_after_the_time_for_a_look_up() {
    crate::contracts::paused(async {
        let names = NameServer::start(Zone::default().silent("d.example")).await;
        let kept = super::Kept::default();
        let mut setup = Setup::new(kept.clone());
        let impatient = names.dns().with_timeout(Duration::from_secs(1));
        setup.access = Some(Arc::new(Spf::new(impatient)));
        assert!(send(&setup, LETTER).await.starts_with("250"));
        let message = kept.last().0;
        assert!(field(&message, "Received-SPF").starts_with("temperror"), "{message}");
    });
}

// rows: 7208-4.5-a, 7208-3.3-a
#[test]
fn one_record_is_chosen_among_the_texts() {
    let zone = Zone::default()
        .text("ten.example", &["v=spf10 -all"])
        .text("bare.example", &["v=spf1"])
        .text("other.example", &["hello"])
        .text("other.example", &["V=SPF1 +all"])
        .text("other.example", &["v=spf2.0/pra -all"])
        .text("two.example", &["v=spf1 +all"])
        .text("two.example", &["v=spf1 +all "])
        .text("joined.example", &["v=spf1 ip4:192.0.2.1", "0 -all"])
        .text("split.example", &["v=sp", "f1 ip4:192", ".0.2.1 -all"]);
    for_domains(
        zone.clone(),
        &[
            ("ten.example", "none"),
            ("bare.example", "neutral"),
            ("other.example", "pass"),
            ("two.example", "permerror"),
            ("joined.example", "fail"),
            ("split.example", "pass"),
        ],
    );
    results(zone, &[("192.0.2.10", "nobody.test", "kim@joined.example", "pass")]);
}

// rows: 7208-4.6-a
#[test]
fn a_syntax_error_anywhere_comes_before_every_term() {
    let zone = Zone::default()
        .text("mechanism.example", &["v=spf1 ip4:192.0.2.1 foo:bar -all"])
        .text("bare.example", &["v=spf1 ip4:192.0.2.1 foo -all"])
        .text("address.example", &["v=spf1 ip4:192.0.2.1 ip4:1.2.3 -all"])
        .text("twice.example", &["v=spf1 ip4:192.0.2.1 redirect=a.test redirect=b.test"])
        .text("modifier.example", &["v=spf1 ip4:192.0.2.1 foo=bar -all"])
        .text("modifier.example", &["google-site-verification=x"]);
    for_domains(
        zone,
        &[
            ("mechanism.example", "permerror"),
            ("bare.example", "permerror"),
            ("address.example", "permerror"),
            ("twice.example", "permerror"),
            ("modifier.example", "pass"),
        ],
    );
}

// rows: 7208-4.6.4-a
#[test]
fn ten_terms_may_ask_over_the_whole_recursion() {
    let mut zone = Zone::default()
        .text("ten.example", &["v=spf1 a:x.test a:x.test a:x.test a:x.test include:six.test -all"])
        .text("six.test", &["v=spf1 a:x.test a:x.test a:x.test a:x.test a:y.test ?all"])
        .text("eleven.example", &["v=spf1 a:x.test include:ten.example -all"])
        .text("loop.example", &["v=spf1 include:loop.example -all"])
        .text("round.example", &["v=spf1 redirect=round.example"])
        .address("x.test", "192.0.2.9")
        .address("y.test", "192.0.2.1");
    for number in 1..=11 {
        let next = format!("v=spf1 include:i{}.test", number + 1);
        zone = zone.text(&format!("i{number}.test"), &[&next]);
    }
    for_domains(
        zone,
        &[
            ("ten.example", "pass"),
            ("eleven.example", "permerror"),
            ("loop.example", "permerror"),
            ("round.example", "permerror"),
            ("i1.test", "permerror"),
        ],
    );
}

// rows: 7208-4.6.4-b
#[test]
fn ten_hosts_of_one_mx_are_looked_up_and_ten_names_of_one_ptr() {
    let mut zone = Zone::default()
        .text("ten.example", &["v=spf1 mx:ten.test -all"])
        .text("eleven.example", &["v=spf1 mx:eleven.test -all"])
        .text("ptr.example", &["v=spf1 ptr:last.test -all"]);
    for number in 0..12 {
        let host = format!("mx{number}.test");
        let ip = if number == 9 { "192.0.2.1" } else { "192.0.2.9" };
        if number < 10 {
            zone = zone.exchange("ten.test", number, &host);
        }
        if number != 9 {
            zone = zone.exchange("eleven.test", number, &host);
        }
        zone = zone.address(&host, ip).pointer("192.0.2.1", &format!("n{number}.last.test"));
    }
    zone = zone.address("n11.last.test", "192.0.2.1");
    for_domains(
        zone,
        &[("ten.example", "pass"), ("eleven.example", "permerror"), ("ptr.example", "fail")],
    );
}

// rows: 7208-4.6.4-c
#[test]
fn two_questions_may_have_no_answer() {
    let zone = Zone::default()
        .text("two.example", &["v=spf1 a:no1.test exists:no2.test ip4:192.0.2.1 -all"])
        .text(
            "three.example",
            &["v=spf1 a:no1.test exists:no2.test mx:no3.test ip4:192.0.2.1 -all"],
        );
    for_domains(zone, &[("two.example", "pass"), ("three.example", "permerror")]);
}

// rows: 7208-4.7-a, 7208-5.2-a, 7208-5.4-a, 7208-6.1-a
#[test]
fn mechanisms_and_modifiers() {
    let zone = Zone::default()
        .text("nothing.example", &["v=spf1 ip4:192.0.2.2"])
        .text("in-pass.example", &["v=spf1 include:nothing.example include:yes.test -all"])
        .text("in-fail.example", &["v=spf1 include:no.test include:soft.test ?all"])
        .text("in-none.example", &["v=spf1 include:nowhere.test +all"])
        .text("in-temp.example", &["v=spf1 include:broken.test +all"])
        .text("in-perm.example", &["v=spf1 include:bad.test +all"])
        .text("yes.test", &["v=spf1 ip4:192.0.2.0/24 -all"])
        .text("no.test", &["v=spf1 -all"])
        .text("soft.test", &["v=spf1 ~all"])
        .text("bad.test", &["v=spf1 ip4:x"])
        .failing("broken.test")
        .text("host.example", &["v=spf1 mx -all"])
        .address("host.example", "192.0.2.1")
        .text("all.example", &["v=spf1 ~all redirect=yes.test"])
        .text("to.example", &["v=spf1 ip4:192.0.2.2 redirect=yes.test"])
        .text("lost.example", &["v=spf1 redirect=nowhere.test"])
        .text("exists.example", &["v=spf1 exists:six.test -all"])
        .address("six.test", "2001:db8::1");
    for_domains(
        zone,
        &[
            ("nothing.example", "neutral"),
            ("in-pass.example", "pass"),
            ("in-fail.example", "neutral"),
            ("in-none.example", "permerror"),
            ("in-temp.example", "temperror"),
            ("in-perm.example", "permerror"),
            ("host.example", "fail"),
            ("all.example", "softfail"),
            ("to.example", "pass"),
            ("lost.example", "permerror"),
            ("exists.example", "fail"),
        ],
    );
}

// rows: 7208-5-a
#[test]
fn an_ipv4_mapped_client_is_its_ipv4_address() {
    let zone = Zone::default()
        .text("four.example", &["v=spf1 ip4:192.0.2.1 a:h.test -all"])
        .text("six.example", &["v=spf1 ip6:2001:db8::/32 a:h.test -all"])
        .address("h.test", "2001:dead::1")
        .address("h.test", "192.0.2.77");
    results(
        zone,
        &[
            ("::ffff:192.0.2.1", "c.example", "kim@four.example", "pass"),
            ("::ffff:192.0.2.2", "c.example", "kim@four.example", "fail"),
            ("2001:db8::5", "c.example", "kim@six.example", "pass"),
            ("2001:dead::1", "c.example", "kim@six.example", "pass"),
            ("::ffff:192.0.2.77", "c.example", "kim@six.example", "pass"),
        ],
    );
}

// rows: 7208-7-a
#[test]
fn macros_are_expanded() {
    let label = "l".repeat(60);
    let long = format!("v=spf1 exists:%{{d}}.{label}.{label}.{label}.%{{d}}.{label}.x.test -all");
    let zone = Zone::default()
        .text("reverse.example", &["v=spf1 exists:%{ir}.x -all"])
        .address("3.2.0.192.x", "127.0.0.1")
        .text("parts.sub.example", &["v=spf1 exists:%{d1r}.%{d2}.%{l1r-}.%{v}.y.test -all"])
        .address("parts.sub.example.kim.in-addr.y.test", "127.0.0.1")
        .text("escaped.example", &["v=spf1 exists:%{S}.%{h}.%%%_.y.test -all"])
        .address("kim-lee%40escaped.example.c.example.% .y.test", "127.0.0.1")
        .text("long.example", &[&long])
        .address(&format!("{label}.{label}.{label}.long.example.{label}.x.test")[61..], "127.0.0.1")
        .text("named.example", &["v=spf1 exists:%{p}.y.test -all"])
        .pointer("192.0.2.3", "host.z.test")
        .address("host.z.test", "192.0.2.3")
        .address("host.z.test.y.test", "127.0.0.1");
    results(
        zone,
        &[
            ("192.0.2.3", "c.example", "kim@reverse.example", "pass"),
            ("192.0.2.3", "c.example", "kim-lee@parts.sub.example", "pass"),
            ("192.0.2.3", "c.example", "kim-lee@escaped.example", "pass"),
            ("192.0.2.3", "c.example", "kim@long.example", "pass"),
            ("192.0.2.3", "c.example", "kim@named.example", "pass"),
        ],
    );
}

// rows: 8616-4-a
#[test]
fn domains_are_looked_up_in_a_labels_and_no_local_part_outside_ascii_has_a_name() {
    let zone = Zone::default()
        .text(
            "xn--bcher-kva.example",
            &["v=spf1 exists:%{l1r-}.ok.test exists:%{o}.%{l}.ok.test a:%{S}.ok.test ~all"],
        )
        .address("kim.ok.test", "127.0.0.2")
        .address("xn--bcher-kva.example.ü.ok.test", "127.0.0.2")
        .address("%C3%BC%40xn--bcher-kva.example.ok.test", "192.0.2.1")
        .text("xn--mnchen-3ya.example", &["v=spf1 ip4:192.0.2.1 -all"])
        .text("in.example", &["v=spf1 include:%{l}.ok.test ?all"])
        .text("to.example", &["v=spf1 redirect=%{l}.ok.test"])
        .text("kim.ok.test", &["v=spf1 +all"])
        .text("ü.ok.test", &["v=spf1 +all"]);
    results(
        zone,
        &[
            ("192.0.2.1", "c.example", "kim@bücher.example", "pass"),
            ("192.0.2.1", "c.example", "ü@bücher.example", "softfail"),
            ("192.0.2.1", "c.example", "kim-ü@bücher.example", "softfail"),
            ("192.0.2.1", "münchen.example", "", "pass"),
            ("192.0.2.1", "c.example", "kim@in.example", "pass"),
            ("192.0.2.1", "c.example", "ü@in.example", "neutral"),
            ("192.0.2.1", "c.example", "kim@to.example", "pass"),
            ("192.0.2.1", "c.example", "ü@to.example", "permerror"),
        ],
    );
}

// rows: 7208-9.1-a
#[test]
fn the_field_stands_above_received() {
    runtime().block_on(async {
        let zone = Zone::default().text("d.example", &["v=spf1 ip4:192.0.2.1 -all"]);
        let message = delivered(&NameServer::start(zone).await, LETTER).await;
        let expected = "pass receiver=mx.test; identity=mailfrom; client-ip=192.0.2.1; \
                        envelope-from=\"kim@d.example\"; helo=c.example";
        assert_eq!(field(&message, "Received-SPF"), expected);
        assert!(message.starts_with("Received-SPF: pass "), "{message}");
        assert!(message.contains("\r\nReceived: from c.example "), "{message}");
        assert!(message.lines().all(|line| line.len() < 78), "{message}");
    });
}

/// The reply of a server that refuses by SPF.
async fn refusing(names: &NameServer, service: Service, letter: Letter<'_>) -> String {
    let (mut setup, _) = Setup::accepting();
    setup.access = Some(Arc::new(Spf::new(names.dns()).required()));
    setup.service = service;
    let reply = send(&setup, letter).await;
    reply.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

// rows: 7372-3-b, 7208-8.5-a
#[test]
fn only_a_clear_no_is_refused_for_good() {
    runtime().block_on(async {
        let zone = Zone::default()
            .text("fail.example", &["v=spf1 -all"])
            .text("soft.example", &["v=spf1 ~all"])
            .text("bad.example", &["v=spf1 ip4:x"])
            .failing("broken.example");
        let names = NameServer::start(zone).await;
        for (helo, from, expected) in [
            ("c.example", "kim@fail.example", "550 5.7.23"),
            ("fail.example", "kim@d.example", "550 5.7.23"),
            ("fail.example", "", "550 5.7.23"),
            ("c.example", "kim@broken.example", "451 4.7.24"),
            ("c.example", "kim@soft.example", "250 2.0.0"),
            ("soft.example", "", "250 2.0.0"),
            ("c.example", "kim@bad.example", "250 2.0.0"),
            ("c.example", "kim@none.example", "250 2.0.0"),
        ] {
            let letter = Letter { helo, from, ..LETTER };
            let reply = refusing(&names, Service::Smtp, letter).await;
            assert_eq!(reply, expected, "{helo} {from}");
        }
        let from = "kim@fail.example";
        let letter = Letter { from, content: CONTENT, ..LETTER };
        assert_eq!(refusing(&names, Service::Submission, letter).await, "250 2.0.0");
    });
}
