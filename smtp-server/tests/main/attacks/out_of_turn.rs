//! Rows C1 and C2: octets that come before their turn.
//!
//! Whether they do is seen only in what is buffered, so these tests send whole segments.

use smtp_server::{Action, CloseReason, OutOfTurn, Question, Session, SessionConfig, Verdict};

use super::runtime;
use crate::contracts::connected;
use crate::support::mail::after_envelope;
use crate::support::octets::codes;
use crate::support::pure::{self, Cuts, Run, Turn, start};
use crate::support::setup::Setup;
use crate::support::tcp::{Client, Running};

fn strict() -> Setup {
    let (mut setup, _) = Setup::accepting();
    setup.pipelining = OutOfTurn::Refuse;
    setup
}

fn run(turns: &[Turn]) -> Run {
    pure::run(&strict(), turns, Cuts::None)
}

/// The codes of the replies to the last turn, which must have ended the session out of turn.
fn refused(turns: &[Turn], what: &str) -> Vec<String> {
    let run = run(turns);
    assert_eq!(run.reason, Some(CloseReason::OutOfTurn), "{what}");
    codes(run.output.last().unwrap())
}

#[test]
fn c02_refused_by_default() {
    let config = SessionConfig::new("mx.test", smtp_server::Service::Smtp);
    assert_eq!((config.pipelining, config.early_talk), (OutOfTurn::Refuse, OutOfTurn::Tolerate));
}

#[test]
fn c01_talk_before_the_greeting() {
    for (policy, expected) in [(OutOfTurn::Tolerate, "220"), (OutOfTurn::Refuse, "554")] {
        let (mut setup, _) = Setup::accepting();
        setup.early_talk = policy;
        let config = std::sync::Arc::new(setup.session_config());
        let mut session = Session::new(config, setup.peer(), start());
        session.input().extend_from_slice(b"EHLO x\r\n");
        assert!(matches!(session.poll(start()), Action::Ask(Question::Client(_))));
        session.answer_client(Verdict::Accept);
        let Action::Write(octets) = session.poll(start()) else { panic!("no greeting") };
        assert_eq!(codes(octets), [expected]);
    }
}

#[test]
fn c01_the_driver_sees_it_and_observers_hear_of_it() {
    for (policy, expected) in
        [(OutOfTurn::Tolerate, vec!["220", "250", "221 2.0.0"]), (OutOfTurn::Refuse, vec!["554"])]
    {
        let (mut setup, _) = Setup::accepting();
        setup.early_talk = policy;
        let early = b"EHLO x\r\nQUIT\r\n";
        let got = runtime().block_on(async {
            let (mut client, serving) = connected(&setup, 4096);
            client.write(early).await;
            let got = codes(&client.rest().await);
            serving.await.unwrap();
            got
        });
        assert_eq!(got, expected, "{policy:?}");
        let bytes = early.len();
        assert_eq!(
            setup.events.starting_with("EarlyTalk"),
            [format!("EarlyTalk {{ bytes: {bytes} }}")]
        );
        let refused = setup.events.starting_with("Closed OutOfTurn").len();
        assert_eq!(refused, usize::from(policy == OutOfTurn::Refuse));
    }
}

#[test]
fn c01_a_client_that_waits_is_greeted() {
    let (mut setup, _) = Setup::accepting();
    setup.early_talk = OutOfTurn::Refuse;
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let mut client = Client::direct(running.address).await;
        assert_eq!(codes(client.reply().await.as_bytes()), ["220"]);
        client.write(b"QUIT\r\n").await;
        assert_eq!(codes(&client.rest().await), ["221 2.0.0"]);
        running.stop().await;
    });
    assert!(setup.events.starting_with("EarlyTalk").is_empty());
}

/// Nothing of the group is acted on: it may rest on a reply that the client has not seen.
#[test]
fn c02_a_group_without_esmtp() {
    for group in [
        "HELO x\r\nMAIL FROM:<a@b.test>\r\n",
        "EHLO x\r\nMAIL FROM:<a@b.test>\r\n",
        "MAIL FROM:<a@b.test>\r\nRCPT TO:<kim@local.test>\r\n",
    ] {
        assert_eq!(refused(&[Turn::send(group)], group), ["554 5.5.0"], "{group}");
    }
    let after_helo = [
        Turn::send("HELO x\r\n"),
        Turn::send("MAIL FROM:<a@b.test>\r\nRCPT TO:<kim@local.test>\r\n"),
    ];
    assert_eq!(refused(&after_helo, "after HELO"), ["554 5.5.0"]);
}

#[test]
fn c02_octets_behind_a_command_that_ends_a_group() {
    let commands =
        ["EHLO x", "HELO x", "VRFY kim", "EXPN kim", "NOOP", "QUIT", "HELP", "AUTH PLAIN", "XYZZY"];
    for command in commands {
        let group = format!("{command}\r\nRSET\r\n");
        let turns = [Turn::send("EHLO client.test\r\n"), Turn::send(&group)];
        assert_eq!(refused(&turns, &group), ["554 5.5.0"], "{group}");
        // By itself it gets its own reply.
        let alone = [Turn::send("EHLO client.test\r\n"), Turn::send(format!("{command}\r\n"))];
        assert_ne!(codes(&run(&alone).output[2]), ["554 5.5.0"], "{command}");
    }
}

/// Content that is sent before 354 is how a request that was smuggled through another protocol looks.
#[test]
fn c02_content_before_354() {
    let data = ["DATA\r\nSubject: x\r\n\r\nhi\r\n.\r\n"];
    assert_eq!(refused(&after_envelope(&data), "DATA"), ["554 5.5.0"]);
    let group = "MAIL FROM:<>\r\nRCPT TO:<kim@local.test>\r\nDATA\r\nhi\r\n.\r\n";
    let turns = [Turn::send("EHLO client.test\r\n"), Turn::send(group)];
    assert_eq!(refused(&turns, group), ["250 2.1.0", "250 2.1.5", "554 5.5.0"]);
}

#[test]
fn c02_octets_behind_a_command_between_chunks() {
    let (mut setup, delivery) = Setup::accepting();
    setup.pipelining = OutOfTurn::Refuse;
    let turns = after_envelope(&["BDAT 2\r\nab", "NOOP\r\nBDAT 2 LAST\r\ncd"]);
    let run = pure::run(&setup, &turns, Cuts::None);
    assert_eq!(codes(&run.output[4]), ["554 5.5.0"]);
    assert_eq!(run.reason, Some(CloseReason::OutOfTurn));
    assert_eq!(delivery.log(), ["failed Aborted(Quit)"]);
}

/// What RFC 2920 3.1 and RFC 3030 2 allow in one group goes through.
#[test]
fn c02_legal_groups() {
    let envelope = "MAIL FROM:<>\r\nRCPT TO:<kim@local.test>\r\n";
    let turns = [
        Turn::send("EHLO client.test\r\n"),
        Turn::send(format!("RSET\r\n{envelope}DATA\r\n")),
        Turn::send(format!("one\r\n.\r\nRSET\r\n{envelope}DATA\r\n")),
        Turn::send(format!(
            "two\r\n.\r\n{envelope}BDAT 2\r\nthBDAT 3 LAST\r\nree{envelope}NOOP\r\n"
        )),
        Turn::send("QUIT\r\n"),
    ];
    let (mut setup, delivery) = Setup::accepting();
    setup.pipelining = OutOfTurn::Refuse;
    let run = pure::run(&setup, &turns, Cuts::None);
    assert_eq!(run.reason, Some(CloseReason::Quit));
    let taken = delivery.log().into_iter().map(|line| line.replace("<> <kim@local.test> ", ""));
    assert_eq!(taken.collect::<Vec<_>>(), ["one\\r\\n", "two\\r\\n", "three"]);
}

#[test]
fn c02_over_tcp() {
    runtime().block_on(async {
        let running = Running::start(&strict()).await;
        let mut client = Client::direct(running.address).await;
        client.reply().await;
        client.write(b"HELO x\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<kim@local.test>\r\n").await;
        assert_eq!(codes(&client.rest().await), ["554 5.5.0"]);
        running.stop().await;
    });
}

/// Another protocol gets its own farewell, and STARTTLS its own rule.
#[test]
fn c02_leaves_c03_and_b01_alone() {
    let run = run(&[Turn::send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")]);
    assert_eq!(codes(&run.output[1]), ["221 2.7.0"]);
    let mut setup = strict();
    setup.tls = true;
    let turns = [Turn::send("EHLO client.test\r\n"), Turn::send("STARTTLS\r\nEHLO evil\r\n")];
    let run = pure::run(&setup, &turns, Cuts::None);
    assert_eq!(run.output[2], b"554 5.5.0 Input behind STARTTLS\r\n");
}
