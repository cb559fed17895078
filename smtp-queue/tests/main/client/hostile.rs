//! Next hops that misbehave.

use proptest::prelude::*;
use smtp_queue::transport::smtp::session::{
    Action, Cause, ClientSession, Hello, Stage, TlsFacts, TlsUse,
};

use super::script::{Cut, Mail, run, run_cut, smtp};

/// The failure after these octets in place of the greeting, and how many octets were taken for it.
fn greeted_with(octets: &mut dyn Iterator<Item = Vec<u8>>) -> (Cause, usize) {
    let mut session = ClientSession::new(smtp());
    let mut taken = 0;
    loop {
        match session.poll() {
            Action::Failed(failure) => {
                assert_eq!(failure.stage, Stage::Greeting);
                assert!(failure.is_of_the_site() && failure.code().class() == 4);
                return (failure.cause, taken);
            }
            Action::Exchange(Stage::Greeting) => {}
            other => panic!("{other:?}"),
        }
        let piece = octets.next().expect("it ends before the octets do");
        taken += piece.len();
        session.receive(&piece);
    }
}

// rows: 5321-4.2-h
#[test]
fn c06_replies_are_bounded_and_well_formed() {
    let repeat = |line: &'static [u8]| std::iter::repeat_with(move || line.to_vec());
    for (octets, bytes_max) in [
        (&mut repeat(&[b'2'; 4096]) as &mut dyn Iterator<Item = Vec<u8>>, 70_000),
        (&mut repeat(b"220-go on\r\n"), 70_000),
        (&mut repeat(b"220-\r\n"), 7_000),
        (&mut repeat(b"199 what\r\n"), 10),
        (&mut repeat(b"999 what\r\n"), 10),
        (&mut repeat(b"25\r\n"), 4),
        (&mut repeat(b"\r\n"), 2),
        (&mut repeat(b"2\x000 x\r\n"), 10),
        (&mut repeat(b"220x\r\n"), 10),
        (&mut [b"220-a\r\n".to_vec(), b"250 b\r\n".to_vec()].into_iter(), 14),
        (&mut [b"220\n".to_vec(), b"250\n".to_vec(), b"x\r\n".to_vec()].into_iter(), 20),
    ] {
        let (cause, taken) = greeted_with(octets);
        assert!(matches!(cause, Cause::Malformed(_)), "{cause:?}");
        assert!(taken <= bytes_max, "{cause:?} after {taken}");
    }
    let (cause, _) = greeted_with(&mut [b"354 Go on\r\n".to_vec()].into_iter());
    assert_eq!(cause, Cause::OutOfSync);
}

#[test]
fn k01_control_characters_of_a_reply_stay_out_of_the_log() {
    let mut session = ClientSession::new(smtp());
    session.receive(b"554 no\x1b[31m\0 \x07way\r\n");
    let Action::Failed(failure) = session.poll() else { panic!() };
    assert_eq!(failure.describe(&"mx"), "host mx refused to talk to me: 554 no?[31m? ?way");
}

#[test]
fn b12_replies_in_front_of_tls_end_the_session() {
    run_cut(
        &smtp(),
        &Mail::new(&["<b@d.test>"]),
        "
        S: 220 mx.test
        C: EHLO client.test
        S: 250-mx.test
        S: 250 STARTTLS
        C: STARTTLS
        S: 220 Ready
        S: 250 injected
        ! host mx sent cleartext behind its reply to STARTTLS
        Q:
    ",
        Cut::Whole,
    );
    // The same, where it comes before the handshake is done.
    let mut session = ClientSession::new(smtp());
    for turn in ["220 mx\r\n", "250-mx\r\n250 STARTTLS\r\n", "220 Ready\r\n"] {
        session.poll();
        session.receive(turn.as_bytes());
    }
    assert_eq!(session.poll(), Action::Handshake);
    session.receive(b"250 injected\r\n");
    session.handle_tls(TlsFacts { is_verified: true, exporter: None });
    let Action::Failed(failure) = session.poll() else { panic!() };
    assert_eq!(failure.cause, Cause::ClearTextBeforeTls);
    assert!(failure.is_of_tls() && failure.is_of_the_site());
}

#[test]
fn replies_that_nobody_asked_for_end_the_session() {
    let nothing = Mail::new(&["<b@d.test>"]);
    run_cut(
        &smtp(),
        &nothing,
        "
        S: 220 mx.test
        S: 220 again
        ! host mx is out of step while performing the EHLO handshake
    ",
        Cut::Whole,
    );
    run_cut(
        &smtp(),
        &nothing,
        "
        S: 220 mx.test
        C: EHLO client.test
        S: 250 mx.test
        S: 250 again
        ! host mx is out of step while waiting for a message
    ",
        Cut::Whole,
    );
    let mail = Mail::new(&["<b@d.test>"]);
    let begin = "
        S: 220 mx.test
        C: EHLO client.test
        S: 250-mx.test
        S: 250 PIPELINING
        M:
        C: MAIL FROM:<a@client.test>
        C: RCPT TO:<b@d.test>
        C: DATA";
    // One too many for the group.
    run_cut(
        &smtp(),
        &mail,
        &format!(
            "{begin}
        S: 250 Ok
        S: 250 Ok
        S: 354 Go on
        S: 250 Taken
        ! host mx is out of step while sending message body
    "
        ),
        Cut::Whole,
    );
    // One too few.
    run(
        &smtp(),
        &mail,
        &format!(
            "{begin}
        S: 250 Ok
        S: 354 Go on
        ! host mx is out of step while sending RCPT TO
    "
        ),
    );
    // A success that comes before the end of the content is not one.
    run(
        &smtp(),
        &mail,
        &format!(
            "{begin}
        S: 250 Ok
        S: 250 Ok
        S: 250 Taken
        ! host mx is out of step while sending DATA command
    "
        ),
    );
}

// rows: 5321-3.8-d
#[test]
fn a_connection_may_break_anywhere() {
    let mail = Mail::new(&["<b@d.test>", "<c@d.test>"]);
    let turns = [
        ("", "receiving the initial server greeting"),
        ("S: 220 mx.test\nC: EHLO client.test", "performing the EHLO handshake"),
        ("S: 250 mx.test\nM:\nC: MAIL FROM:<a@client.test>", "sending MAIL FROM"),
        ("S: 250 Ok\nC: RCPT TO:<b@d.test>", "sending RCPT TO"),
        ("S: 250 Ok\nC: RCPT TO:<c@d.test>", "sending RCPT TO"),
        ("S: 250 Ok\nC: DATA", "sending DATA command"),
        (
            "S: 354 Go on\nC: A: b\nC:\nC: ..c\nC: .",
            "sending end of data -- message may be sent more than once",
        ),
    ];
    let mut script = String::new();
    for (turn, stage) in turns {
        script.push_str(turn);
        script.push('\n');
        run(&smtp(), &mail, &format!("{script}E:\n! lost connection with mx while {stage}"));
        if stage != "receiving the initial server greeting" && !stage.contains("end of data") {
            run(
                &smtp(),
                &mail,
                &format!(
                    "{script}S: 421 4.3.2 Going down\n! host mx said: 421 4.3.2 Going down (in reply to {})",
                    match stage {
                        "performing the EHLO handshake" => "EHLO command",
                        "sending MAIL FROM" => "MAIL FROM command",
                        "sending RCPT TO" => "RCPT TO command",
                        _ => "DATA command",
                    }
                ),
            );
        }
    }
}

#[test]
fn a_goodbye_between_messages_is_heard() {
    run(
        &smtp(),
        &Mail::new(&["<b@d.test>"]),
        "
        S: 220 mx.test
        C: EHLO client.test
        S: 250 mx.test
        S: 421 4.4.2 Idle for too long
        ! host mx said: 421 4.4.2 Idle for too long (in reply to connection)
        Q:
    ",
    );
}

#[test]
fn a_message_that_is_refused_on_its_way_is_not_sent_to_its_end() {
    let mut session = ClientSession::new(Hello::smtp("client.test", TlsUse::Never).unwrap());
    let mail = Mail::new(&["<b@d.test>"]);
    for turn in ["220 mx\r\n", "250-mx\r\n250 PIPELINING\r\n"] {
        session.poll();
        session.receive(turn.as_bytes());
    }
    assert_eq!(session.poll(), Action::Ready);
    let facts = smtp_queue::transport::smtp::session::ContentFacts::default();
    let plan = session.plan(&mail.entry, &[0], &facts, super::mail::ARRIVED).unwrap();
    session.begin(plan);
    session.receive(b"250 Ok\r\n250 Ok\r\n354 Go on\r\n");
    assert_eq!(session.poll(), Action::Content);
    session.content(b"A: b\r\n");
    session.receive(b"552 5.3.4 Too large\r\n");
    assert!(
        matches!(session.poll(), Action::Recipient { recipient: 0, answer } if !answer.is_accepted())
    );
    let Action::Failed(failure) = session.poll() else { panic!() };
    assert!(!failure.is_unknown_result() && !failure.is_of_the_site());
    session.content_end();
    assert!(session.output().is_empty());
}

/// A turn of a next hop that may or may not know what it does.
fn turn() -> impl Strategy<Value = Vec<u8>> {
    let code = prop::sample::select(vec![
        "220", "250", "251", "334", "354", "421", "450", "452", "550", "552", "199", "25",
    ]);
    let separator = prop::sample::select(vec![" ", "-", "", "x"]);
    let text = prop::sample::select(vec![
        "mx.test",
        "PIPELINING",
        "CHUNKING",
        "STARTTLS",
        "AUTH PLAIN",
        "SIZE 9",
        "2.0.0 Ok",
        "\0\u{ff}",
        "==",
    ]);
    let line = (code, separator, text)
        .prop_map(|(code, separator, text)| format!("{code}{separator}{text}\r\n").into_bytes());
    let likely = prop::sample::select(vec![
        &b"220 mx\r\n"[..],
        b"250-mx\r\n250 PIPELINING\r\n",
        b"250 Ok\r\n",
        b"354 Go on\r\n",
    ]);
    prop_oneof![
        6 => likely.prop_map(<[u8]>::to_vec),
        3 => line,
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ]
}

proptest! {
    #[test]
    fn whatever_a_next_hop_says_each_recipient_has_one_outcome_at_most(
        turns in prop::collection::vec(turn(), 0..20),
        is_lmtp in any::<bool>(),
    ) {
        let hello = if is_lmtp { Hello::lmtp } else { Hello::smtp }("client.test", TlsUse::IfOffered);
        let mut session = ClientSession::new(hello.unwrap());
        let mail = Mail::new(&["<b@d.test>", "<c@d.test>"]);
        let mut turns = turns.into_iter();
        let mut told = Vec::new();
        let (mut messages, mut is_content) = (0, false);
        // Each turn of the loop takes a turn of the next hop, or goes on to the end of a message.
        loop {
            let action = session.poll();
            let written = session.output().split();
            prop_assert!(written.is_empty() || written.ends_with(b"\r\n"), "{written:?}");
            let asks_for_lines = written[..].split(|octet| *octet == b'\n').filter(|line| !line.is_empty());
            for line in asks_for_lines.filter(|_| !is_content) {
                let known = [&b"EHLO"[..], b"LHLO", b"HELO", b"MAIL", b"RCPT", b"DATA", b"BDAT", b"RSET", b"STAR", b".\r"];
                prop_assert!(known.iter().any(|verb| line.starts_with(verb)), "{line:?}");
            }
            is_content = false;
            match action {
                Action::Ready if messages == 3 => break,
                Action::Ready => {
                    messages += 1;
                    told.clear();
                    let mut scan = smtp_queue::transport::smtp::session::ContentScan::default();
                    scan.feed(&mail.content);
                    match session.plan(&mail.entry, &[0, 1], &scan.finish(), super::mail::ARRIVED) {
                        Ok(plan) => session.begin(plan),
                        Err(_) => break,
                    }
                }
                Action::Content => {
                    session.content(&mail.content);
                    session.content_end();
                    is_content = true;
                }
                Action::Handshake => session.handle_tls(TlsFacts { is_verified: false, exporter: None }),
                Action::Recipient { recipient, .. } => {
                    prop_assert!(!told.contains(&recipient), "{recipient} is told of twice");
                    told.push(recipient);
                }
                Action::Failed(_) | Action::Closed => break,
                _ => match turns.next() {
                    Some(turn) => session.receive(&turn),
                    None => session.handle_end(),
                },
            }
        }
    }
}
