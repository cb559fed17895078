//! DMARC: which record, what aligns, and when a message is refused.

use std::sync::Arc;

use smtp_server::message_auth::{
    AuthResults, DmarcPolicy, DmarcResult, MessageAuth, Spf, SpfResult,
};

use super::{CONTENT, Kept, LETTER, Letter, checked, ed25519, runtime, send};
use crate::support::dns::{NameServer, Zone};
use crate::support::setup::Setup;

/// The result, and what the author's domain asks for, of a message that neither SPF nor DKIM vouch for.
fn unvouched(zone: Zone, author: &str) -> (DmarcResult, DmarcPolicy) {
    let content = &*format!("From: kim@{author}\r\n\r\nHello\r\n");
    let results = runtime().block_on(checked(zone, Letter { content, ..LETTER }));
    (results.dmarc.result, results.dmarc.policy)
}

const NONE: (DmarcResult, DmarcPolicy) = (DmarcResult::None, DmarcPolicy::None);

fn failed(policy: DmarcPolicy) -> (DmarcResult, DmarcPolicy) {
    (DmarcResult::Fail, policy)
}

// rows: 9989-4.7-a, 9989-4.10.1-b
#[test]
fn records_that_count() {
    let with =
        |record: &str| unvouched(Zone::default().text("_dmarc.d.example", &[record]), "d.example");
    for (record, expected) in [
        ("v=DMARC1; p=reject; pct=10", failed(DmarcPolicy::Reject)),
        ("v=DMARC1; p=reject; pct=0; rf=afrf; ri=1; x=y", failed(DmarcPolicy::Reject)),
        ("v=DMARC1; p=quarantine", failed(DmarcPolicy::Quarantine)),
        ("v=DMARC1; p=reject; t=y", failed(DmarcPolicy::Quarantine)),
        ("p=reject; v=DMARC1", NONE),
        ("v=DMARC2; p=reject", NONE),
        ("v=dmarc1; p=reject", NONE),
        ("v=DMARC1; rua=mailto:r@d.example", failed(DmarcPolicy::None)),
        ("v=DMARC1", NONE),
        ("v=DMARC1; p=refuse", NONE),
        ("v=DMARC1; p=refuse; rua=mailto:r@d.example", failed(DmarcPolicy::None)),
        ("v=DMARC1; p=reject; sp=x", NONE),
        ("v=DMARC1; p=reject; np=x; rua=mailto:r@d.example", failed(DmarcPolicy::None)),
        ("v=DMARC1; p=reject; adkim=x", failed(DmarcPolicy::Reject)),
    ] {
        assert_eq!(with(record), expected, "{record}");
    }
}

// rows: 9989-4.10-a
#[test]
fn the_walk_goes_up_to_one_label_and_asks_eight_times() {
    let asked = |author: &str| {
        let content = &*format!("From: kim@{author}\r\n\r\nHello\r\n");
        runtime().block_on(async {
            let names = NameServer::start(Zone::default()).await;
            let (setup, _) = super::checking(&names);
            send(&setup, Letter { content, ..LETTER }).await;
            let asked = names.asked().into_iter();
            asked
                .filter_map(|line| Some(line.strip_prefix("TXT _dmarc.")?.to_owned()))
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(asked("b.d.example"), ["b.d.example.", "d.example.", "example."]);
    let long = asked("a.b.c.e.f.g.h.i.d.example");
    assert_eq!(long.len(), 8);
    assert_eq!(long[..2], ["a.b.c.e.f.g.h.i.d.example.", "e.f.g.h.i.d.example."]);
    assert_eq!(long[7], "example.");
    assert_eq!(asked("a.b.c.f.g.h.d.example").len(), 8);
}

// rows: 9989-4.10-b
#[test]
fn several_records_are_none_and_psd_ends_the_walk() {
    let zone = Zone::default()
        .text("_dmarc.b.d.test", &["v=DMARC1; p=reject"])
        .text("_dmarc.b.d.test", &["v=DMARC1; p=none"])
        .text("_dmarc.d.test", &["v=DMARC1; p=none; sp=quarantine"])
        .text("_dmarc.d.test", &["unrelated"])
        .text("_dmarc.stop.example", &["v=DMARC1; psd=n; p=none"])
        .text("_dmarc.psd.example", &["v=DMARC1; psd=y; p=quarantine"])
        .text("_dmarc.example", &["v=DMARC1; p=reject"])
        .address("b.d.test", "192.0.2.9")
        .address("b.stop.example", "192.0.2.9")
        .address("b.psd.example", "192.0.2.9");
    assert_eq!(unvouched(zone.clone(), "b.d.test"), failed(DmarcPolicy::Quarantine));
    assert_eq!(unvouched(zone.clone(), "b.stop.example"), failed(DmarcPolicy::None));
    assert_eq!(unvouched(zone, "b.psd.example"), failed(DmarcPolicy::Quarantine));
}

// rows: 9989-4.10.1-a
#[test]
fn the_record_of_the_author_or_else_of_the_organization() {
    let zone = Zone::default()
        .text("_dmarc.d.example", &["v=DMARC1; p=none; sp=quarantine; np=reject"])
        .text("_dmarc.own.d.example", &["v=DMARC1; p=reject; sp=none"])
        .address("there.d.example", "192.0.2.9")
        .text("_dmarc.plain.example", &["v=DMARC1; p=reject"])
        .address("own.d.example", "192.0.2.9");
    for (author, policy) in [
        ("d.example", DmarcPolicy::None),
        ("own.d.example", DmarcPolicy::Reject),
        ("there.d.example", DmarcPolicy::Quarantine),
        ("gone.d.example", DmarcPolicy::Reject),
        ("gone.plain.example", DmarcPolicy::Reject),
    ] {
        assert_eq!(unvouched(zone.clone(), author), failed(policy), "{author}");
    }
}

/// The result for a message whose sender SPF vouches for.
fn vouched(zone: Zone, author: &str, sender: &str) -> DmarcResult {
    let content = &*format!("From: {author}\r\n\r\nHello\r\n");
    let from = &*format!("x@{sender}");
    let zone = zone.text(sender, &["v=spf1 +all"]);
    let results = runtime().block_on(checked(zone, Letter { content, from, ..LETTER }));
    assert_eq!(results.spf.unwrap().mail_from_result, SpfResult::Pass);
    results.dmarc.result
}

// rows: 9989-4.10.2-a, 9989-5.3.5-a
#[test]
fn what_is_of_one_organization_aligns() {
    let zone = Zone::default()
        .text("_dmarc.d.example", &["v=DMARC1; p=reject"])
        .text("_dmarc.strict.example", &["v=DMARC1; p=reject; aspf=s; adkim=s"])
        .text("_dmarc.own.d.example", &["v=DMARC1; psd=n; p=reject"])
        .text("_dmarc.psd.example", &["v=DMARC1; psd=y; p=reject"])
        .text("_dmarc.a.psd.example", &["v=DMARC1; p=reject"])
        .text("_dmarc.top.two.example", &["v=DMARC1; p=reject"])
        .text("_dmarc.two.example", &["v=DMARC1; p=reject"]);
    for (author, sender, expected) in [
        ("a@d.example", "esp.example", DmarcResult::Fail),
        ("a@d.example", "d.example", DmarcResult::Pass),
        ("a@d.example", "mail.d.example", DmarcResult::Pass),
        ("a@b.d.example", "c.d.example", DmarcResult::Pass),
        ("a@strict.example", "strict.example", DmarcResult::Pass),
        ("a@strict.example", "mail.strict.example", DmarcResult::Fail),
        ("a@own.d.example", "d.example", DmarcResult::Fail),
        ("a@own.d.example", "b.own.d.example", DmarcResult::Pass),
        ("a@a.psd.example", "x.a.psd.example", DmarcResult::Pass),
        ("a@a.psd.example", "b.psd.example", DmarcResult::Fail),
        ("a@top.two.example", "other.two.example", DmarcResult::Pass),
        ("a@d.example", "notd.example", DmarcResult::Fail),
    ] {
        assert_eq!(vouched(zone.clone(), author, sender), expected, "{author} {sender}");
    }
}

// rows: 9989-5.3.5-a
#[test]
fn a_signature_of_the_authors_domain_is_enough() {
    runtime().block_on(async {
        let key = ed25519();
        let content = &*key.signed("d.example", "s1", CONTENT).await;
        let zone = Zone::default()
            .text("s1._domainkey.d.example", &[&key.record])
            .text("_dmarc.d.example", &["v=DMARC1; p=reject"]);
        let letter = Letter { content, from: "a@esp.example", ..LETTER };
        assert_eq!(checked(zone, letter).await.dmarc.result, DmarcResult::Pass);
    });
}

// rows: 9989-5.3.1-a
#[test]
fn the_authors_domain() {
    let zone = Zone::default()
        .text("_dmarc.d.example", &["v=DMARC1; p=reject"])
        .text("_dmarc.xn--bcher-kva.example", &["v=DMARC1; p=quarantine"]);
    let of = |content: &str| {
        let results = runtime().block_on(checked(zone.clone(), Letter { content, ..LETTER }));
        (results.dmarc.result, results.dmarc.domain)
    };
    let none = (DmarcResult::None, String::new());
    assert_eq!(of("Subject: a\r\n\r\n"), none);
    assert_eq!(of("From: kim\r\n\r\n"), none);
    assert_eq!(of("From: kim@[192.0.2.1]\r\n\r\n"), none);
    assert_eq!(of("From: a@d.example, b@e.example\r\n\r\n"), none);
    assert_eq!(of("From: a@d.example\r\nFrom: b@e.example\r\n\r\n"), none);
    let both = "From: a@d.example, b@D.Example\r\n\r\n";
    assert_eq!(of(both), (DmarcResult::Fail, "d.example".to_owned()));
    let beyond_ascii = "From: a@b\u{fc}cher.example\r\n\r\n";
    assert_eq!(of(beyond_ascii), (DmarcResult::Fail, "xn--bcher-kva.example".to_owned()));
}

// rows: 9989-5.3.6-a
#[test]
fn what_the_dns_does_not_answer_neither_passes_nor_fails() {
    let record = || Zone::default().text("_dmarc.d.example", &["v=DMARC1; p=reject"]);
    let plain = |zone| unvouched(zone, "d.example").0;
    assert_eq!(plain(Zone::default().failing("_dmarc.d.example")), DmarcResult::TempError);
    assert_eq!(plain(record().failing("d.example")), DmarcResult::TempError);
    assert_eq!(plain(record().failing("c.example")), DmarcResult::Fail);
    runtime().block_on(async {
        let key = ed25519();
        let content = &*key.signed("d.example", "s1", CONTENT).await;
        let zone = record().failing("s1._domainkey.d.example");
        let results = checked(zone, Letter { content, ..LETTER }).await;
        assert_eq!(results.dmarc.result, DmarcResult::TempError);
        let zone = record().text("s1._domainkey.d.example", &[&key.record]).failing("d.example");
        assert_eq!(
            checked(zone, Letter { content, ..LETTER }).await.dmarc.result,
            DmarcResult::Pass
        );
    });
}

/// The reply to a message, and its results if it was taken.
async fn judged(zone: Zone, rejects: bool, letter: Letter<'_>) -> (String, Option<AuthResults>) {
    let names = NameServer::start(zone).await;
    let kept = Kept::default();
    let auth = MessageAuth::new(kept.clone(), names.dns());
    let mut setup = Setup::new(if rejects { auth.reject_on_dmarc() } else { auth });
    setup.access = Some(Arc::new(Spf::new(names.dns())));
    let reply = send(&setup, letter).await;
    let results = reply.starts_with("250").then(|| kept.last().1.unwrap());
    (reply.split(' ').take(2).collect::<Vec<_>>().join(" "), results)
}

// rows: 9989-8-a
#[test]
fn p_reject_alone_refuses_nothing() {
    runtime().block_on(async {
        let zone = Zone::default().text("_dmarc.d.example", &["v=DMARC1; p=reject"]);
        let (reply, results) = judged(zone, false, LETTER).await;
        assert_eq!(reply, "250 2.0.0");
        let dmarc = results.unwrap().dmarc;
        assert_eq!((dmarc.result, dmarc.policy), failed(DmarcPolicy::Reject));
    });
}

// rows: 7372-3-a, 7372-4-a
#[test]
fn who_asks_for_it_refuses_with_the_code_that_says_why() {
    runtime().block_on(async {
        let key = ed25519();
        let ours = &*key.signed("d.example", "s1", CONTENT).await;
        let broken = &*ours.replace("Hello", "Bye");
        let other = &*ed25519().signed("d.example", "s1", CONTENT).await;
        let zone = |policy: &str| {
            Zone::default()
                .text("_dmarc.d.example", &[&format!("v=DMARC1; p={policy}; adkim=s")])
                .text("_dmarc.e.example", &["v=DMARC1; p=reject"])
                .text("s1._domainkey.d.example", &[&key.record])
                .text("fail.example", &["v=spf1 -all"])
        };
        let from_fail = Letter { from: "kim@fail.example", ..LETTER };
        for (policy, letter, expected) in [
            ("reject", LETTER, "550 5.7.1"),
            ("quarantine", LETTER, "250 2.0.0"),
            ("none", LETTER, "250 2.0.0"),
            ("reject", Letter { content: ours, ..LETTER }, "250 2.0.0"),
            ("reject", Letter { content: broken, ..LETTER }, "550 5.7.20"),
            ("reject", Letter { content: other, ..LETTER }, "550 5.7.20"),
            ("reject", Letter { content: broken, ..from_fail }, "550 5.7.26"),
            ("reject", from_fail, "550 5.7.1"),
        ] {
            let (reply, _) = judged(zone(policy), true, letter).await;
            assert_eq!(reply, expected, "{policy} {}", letter.content);
        }
        let mailing_list = "From: kim@e.example\r\nSubject: a\r\n\r\nHello\r\n";
        let by_the_list = &*super::dkim::signed_for_d_example(&key, mailing_list);
        let letter = Letter { content: by_the_list, ..LETTER };
        assert_eq!(judged(zone("none"), true, letter).await.0, "550 5.7.22");
        let unknown = zone("reject").failing("s1._domainkey.d.example");
        let letter = Letter { content: ours, ..LETTER };
        assert_eq!(judged(unknown, true, letter).await.0, "250 2.0.0");
    });
}
