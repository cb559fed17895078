//! Who is told what: NOTIFY against every outcome.

use smtp_queue::dsn::{Action, Lateness, deadline_over, expired};
use smtp_queue::{Outcome, RecipientState};

use super::support::{entry, found, no_such_user, reporter, said};

const NOTIFY: [&str; 8] = [
    "",
    " NOTIFY=NEVER",
    " NOTIFY=SUCCESS",
    " NOTIFY=FAILURE",
    " NOTIFY=DELAY",
    " NOTIFY=SUCCESS,FAILURE",
    " NOTIFY=FAILURE,DELAY",
    " NOTIFY=SUCCESS,FAILURE,DELAY",
];

fn relayed(reports: bool) -> Outcome {
    Outcome::Relayed { status: said(250, "2.0.0", "Ok"), reports }
}

/// What is reported of `outcome` under each NOTIFY, `-` for nothing.
fn table(mail: &str, outcome: &Outcome) -> String {
    let action = |notify: &&str| {
        let entry = entry(mail, &[&format!("RCPT TO:<u@d.example>{notify}")]);
        let reported = reporter().outcome(&entry, 0, outcome);
        reported.map_or('-', |reported| reported.action().as_str().chars().next().unwrap())
    };
    NOTIFY.iter().map(action).collect()
}

fn delays(mail: &str) -> String {
    let action = |notify: &&str| {
        let entry = entry(mail, &[&format!("RCPT TO:<u@d.example>{notify}")]);
        let reported = reporter().delay(&entry, 0, Lateness::Unusual, super::support::NOW);
        reported.map_or('-', |_| 'd')
    };
    NOTIFY.iter().map(action).collect()
}

// rows: 3461-5.2.2-b, 3461-5.2.2-c, 3461-5.2.2-d, 3461-5.2.3-a, 3461-5.2.6-a, 3464-2.3.3-a, 3464-2.3.3-b, 5321-3.6.3-a
#[test]
fn notify_decides_for_each_outcome_who_is_told() {
    let mail = "MAIL FROM:<a@b.example>";
    let delivered = Outcome::Delivered(found("2.0.0", "delivered to mailbox"));
    let expanded = Outcome::Expanded(found("2.0.0", "expanded"));
    // Letters of the actions; the order is that of `NOTIFY`: none, NEVER, S, F, D, SF, FD, SFD.
    let expected = [
        (no_such_user(), "f--f-fff"),
        (delivered, "--d--d-d"),
        (relayed(false), "--r--r-r"),
        (relayed(true), "--------"),
        (expanded, "--e--e-e"),
        (Outcome::Deferred(said(450, "4.2.0", "later")), "--------"),
    ];
    for (outcome, expected) in expected {
        assert_eq!(table(mail, &outcome), expected, "{outcome:?}");
    }
}

// rows: 3461-5.2.5-a
#[test]
fn delays_are_told_unless_notify_leaves_them_out() {
    assert_eq!(delays("MAIL FROM:<a@b.example>"), "d---d-dd");
    assert_eq!(delays("MAIL FROM:<>"), "--------");
    let entry = entry("MAIL FROM:<a@b.example> BY=60;N", &["RCPT TO:<u@d.example>"]);
    let late = reporter().delay(&entry, 0, Lateness::DeadlineOver, super::support::NOW).unwrap();
    assert_eq!(late.action(), Action::Delayed);
    let report = super::support::compose(&reporter(), &entry, &[late], "\r\n").unwrap();
    assert!(super::support::text(&report).contains("\r\nStatus: 4.4.7\r\n"));
}

// rows: 2852-4.1.4.2-a
#[test]
fn a_deadline_is_watched_as_far_as_the_next_hop_does() {
    for (mail, outcome, expected) in [
        ("MAIL FROM:<a@b.example> BY=60;N", relayed(false), "r-rrrrrr"),
        ("MAIL FROM:<a@b.example> BY=60;N", relayed(true), "--------"),
        ("MAIL FROM:<a@b.example> BY=60;RT", relayed(true), "r-rrrrrr"),
        ("MAIL FROM:<> BY=60;NT", relayed(false), "--------"),
    ] {
        assert_eq!(table(mail, &outcome), expected, "{mail}");
    }
}

// rows: 3463-3.5-b, 3464-2.3.4-a
#[test]
fn what_expires_keeps_its_last_cause() {
    let last = found("4.4.1", "connect to mail.d.example: Connection timed out");
    assert_eq!(expired(&RecipientState::Pending(Some(Box::new(last.clone())))), last);
    assert_eq!(expired(&RecipientState::Pending(None)).code.to_string(), "4.4.7");
    assert_eq!(deadline_over().code.to_string(), "5.4.7");
    let entry = entry("MAIL FROM:<a@b.example>", &["RCPT TO:<u@d.example>"]);
    let report = super::support::report(&entry, &[Outcome::Failed(last)], "\r\n").unwrap();
    let text = super::support::text(&report);
    assert!(text.contains("\r\nAction: failed\r\nStatus: 4.4.1\r\n"), "{text}");
}

// rows: 3461-5.2-a, 5321-6.1-b, 5321-3.6.3-b, 3834-2-b, 5321-4.5.5-a
#[test]
fn i8_a_report_about_a_report_goes_to_the_postmaster_and_is_the_last() {
    let lost = entry("MAIL FROM:<>", &["RCPT TO:<u@d.example> NOTIFY=NEVER"]);
    for outcome in [relayed(false), Outcome::Delivered(found("2.0.0", "delivered"))] {
        assert_eq!(super::support::report(&lost, &[outcome], "\r\n").map(|_| ()), None);
    }
    let double = super::support::report(&lost, &[no_such_user()], "\r\n").unwrap();
    assert_eq!(super::support::path(&double).to_string(), "<postmaster>");
    assert_eq!(double.entry.recipients[0].recipient.class, smtp_server::RecipientClass::Local);
    assert_eq!(double.entry.reverse_path.to_string(), "<double-bounce@mx.example.org>");
    assert!(super::support::text(&double).contains("\r\nTo: postmaster@mx.example.org\r\n"));
    assert_eq!(super::support::report(&double.entry, &[no_such_user()], "\r\n").map(|_| ()), None);
    // The same for whoever the postmaster's mail is passed on to: the reverse-path stays.
    let forwarded = entry("MAIL FROM:<double-bounce@MX.example.org>", &["RCPT TO:<x@d.example>"]);
    assert_eq!(super::support::report(&forwarded, &[no_such_user()], "\r\n").map(|_| ()), None);
}
