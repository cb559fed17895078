//! Rows D1 to D12: content in chunks.
//!
//! A chunk's octets are on their way whatever is answered, so each refusal either reads them or closes.

use std::sync::Arc;

use smtp_server::sasl::Passwords;

use super::{at_every_cut, runtime};
use crate::support::by_hand::{ByHand, Content, Stop};
use crate::support::hooks::{Behaviour, OneUser, Scripted, rejection};
use crate::support::mail::{after_envelope, envelope};
use crate::support::octets::codes;
use crate::support::pure::{self, Cuts, Run, Turn};
use crate::support::setup::Setup;
use crate::support::tcp::{Client, Running};

const PATHS: &str = "<a@client.test> <kim@local.test>";
const OPENED: &str = "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<kim@local.test>\r\n";

/// The codes behind those of the envelope, and whether the session closed.
fn told(run: &Run) -> (Vec<String>, bool) {
    (codes(&run.output[3..].concat()), run.closed)
}

/// One turn behind an envelope, at every cut, with a delivery that takes everything.
#[track_caller]
fn check(turn: impl AsRef<[u8]>, expected: &[&str], closes: bool) -> Scripted {
    let (setup, delivery) = Setup::accepting();
    let run = at_every_cut(&setup, &after_envelope(&[turn.as_ref()]));
    let context = turn.as_ref().escape_ascii();
    assert_eq!(
        told(&run),
        (expected.iter().map(ToString::to_string).collect(), closes),
        "{context}"
    );
    delivery
}

/// That each run of [`check`] took this and nothing else.
#[track_caller]
fn took_only(delivery: &Scripted, content: &str) {
    let (log, expected) = (delivery.log(), format!("{PATHS} {content}"));
    assert!(!log.is_empty() && log.iter().all(|line| *line == expected), "{log:?}");
}

#[track_caller]
fn took_nothing(delivery: &Scripted) {
    let log = delivery.log();
    assert!(log.iter().all(|line| line.starts_with("failed ")), "{log:?}");
}

// rows: 3030-2-a
#[test]
fn d01_a_chunk_of_unknown_size_closes() {
    let long = format!(" 5{}LAST", " ".repeat(600));
    let arguments = [
        (" 99999999999999999999", "501 5.5.4"),
        (" 18446744073709551616", "501 5.5.4"),
        (" -1", "501 5.5.4"),
        (" +5", "501 5.5.4"),
        (" 0x10", "501 5.5.4"),
        ("", "501 5.5.4"),
        (" ", "501 5.5.4"),
        (" LAST", "501 5.5.4"),
        (" 5 LASTX", "501 5.5.4"),
        (" 5 LAST x", "501 5.5.4"),
        (" 5,6", "501 5.5.4"),
        (" \u{ff15}", "501 5.5.4"),
        (&long, "500 5.5.2"),
    ];
    for (argument, code) in arguments {
        let chunk = format!("BDAT{argument}\r\nNOOP\r\nQUIT\r\n");
        took_nothing(&check(&chunk, &[code], true));
        took_nothing(&check(format!("BDAT 2\r\nab{chunk}"), &["250 2.0.0", code], true));
    }
}

/// Beyond the limit, 552 comes behind the chunk; beyond the budget for refused octets, nobody waits for its end.
// rows: 3030-2-g
#[test]
fn d02_a_huge_chunk_is_skipped_within_a_budget() {
    let huge = ["101", "4294967296", "9223372036854775807", "18446744073709551615"];
    for (size, last, before) in huge.into_iter().flat_map(|size| {
        [("", ""), (" LAST", ""), (" LAST", "BDAT 2\r\nab")]
            .map(|(last, before)| (size, last, before))
    }) {
        let (mut setup, delivery) = Setup::accepting();
        setup.limits.message_bytes_max = Some(100);
        setup.limits.discarded_bytes_max = Some(150);
        let payload = "QUIT\r\n".repeat(16) + "RSET\n";
        let next = if last.is_empty() { "RSET\r\n" } else { "NOOP\r\n" };
        let turn = format!("{before}BDAT {size}{last}\r\n{payload}{next}{}", "x\r\n".repeat(20));
        let run = at_every_cut(&setup, &after_envelope(&[turn]));
        let (mut got, closed) = told(&run);
        if !before.is_empty() {
            assert_eq!(got.remove(0), "250 2.0.0");
        }
        if size == "101" {
            assert_eq!(got[..2], ["552 5.3.4", "250 2.0.0"], "{size}{last} {before:?}");
        } else {
            assert_eq!(
                (got, closed),
                (to_strings(&["421 4.7.0"]), true),
                "{size}{last} {before:?}"
            );
        }
        took_nothing(&delivery);
    }
}

#[test]
fn d02_skipping_a_huge_chunk_takes_no_memory() {
    const PIECE: usize = 64 * 1024;
    let (setup, _) = Setup::accepting();
    let budget = usize::try_from(setup.limits.discarded_bytes_max.unwrap()).unwrap();
    let mut hand = ByHand::new(&setup);
    hand.run();
    hand.send(format!("{OPENED}BDAT 9223372036854775807 LAST\r\n"));
    let piece = vec![b'x'; PIECE];
    let mut sent = 0;
    let written = loop {
        let (written, stop) = hand.send(&piece);
        sent += PIECE;
        assert!(hand.session.input().capacity() <= 2 * PIECE);
        if matches!(stop, Stop::Close(_)) {
            break written;
        }
    };
    assert!(written.starts_with("421 4.7.0 "), "{written}");
    assert!((budget..=budget + PIECE).contains(&sent), "{sent}");
}

#[test]
fn d03_a_million_empty_chunks_end_with_421() {
    let flood = "BDAT 0\r\n".repeat(1_000_000);
    for (before, longest) in [(OPENED, 124), ("EHLO a\r\n", 22), ("", 21)] {
        let (setup, delivery) = Setup::accepting();
        let run = pure::run(&setup, &[Turn::send(before.to_owned() + &flood)], Cuts::None);
        let got = codes(&run.output[1]);
        assert!(run.closed, "{before:?}");
        assert_eq!(got.last().unwrap(), "421 4.7.0", "{before:?}");
        assert!(got.len() <= longest, "{before:?}: {} replies", got.len());
        took_nothing(&delivery);
    }
}

/// An empty chunk here and there is as good as any other (RFC 3030 2 excludes no size).
#[test]
fn d03_some_empty_chunks_are_answered() {
    let turn = "BDAT 0\r\nBDAT 2\r\nabBDAT 0\r\nBDAT 0 LAST\r\n";
    took_only(&check(turn, &["250 2.0.0"; 4], false), "ab");
}

#[test]
fn d03_a_million_chunks_of_one_octet_take_no_memory() {
    const CHUNKS: usize = 1_000_000;
    const AT_ONCE: usize = 4_000;
    let (setup, _) = Setup::accepting();
    let mut hand = ByHand::new(&setup);
    hand.run();
    let (_, stop) = hand.send(format!("{OPENED}BDAT 0\r\n"));
    assert!(matches!(stop, Stop::Message));
    let piece = "BDAT 1\r\nx".repeat(AT_ONCE);
    let mut octets = 0;
    for _ in 0..CHUNKS / AT_ONCE {
        hand.session.input().extend_from_slice(piece.as_bytes());
        loop {
            let (written, content) = hand.content();
            assert!(written.len() < 20_000, "{} octets at once", written.len());
            match content {
                Content::Chunk(chunk) => octets += chunk.len(),
                other => break assert_eq!(other, Content::Read),
            }
        }
        assert!(hand.session.input().capacity() < 256 * 1024);
    }
    assert_eq!(octets, CHUNKS);
    hand.session.input().extend_from_slice(b"BDAT 0 LAST\r\n");
    assert_eq!(hand.content().1, Content::End);
}

// rows: 3030-2-f
#[test]
fn d04_bdat_0_last_is_an_empty_message() {
    took_only(&check("BDAT 0 LAST\r\nNOOP\r\n", &["250 2.0.0", "250 2.0.0"], false), "");
}

// rows: 3030-2-k
#[test]
fn d05_data_after_bdat_is_503() {
    let turn = "BDAT 2\r\nabDATA\r\nBDAT 2 LAST\r\ncd";
    took_only(&check(turn, &["250 2.0.0", "503 5.5.1", "250 2.0.0"], false), "abcd");
}

// rows: 3030-2-g, 3030-2-j
#[test]
fn d05_chunks_without_a_transaction_are_skipped() {
    let chunk = "BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n";
    let rows = [
        ("", vec!["503 5.5.1", "250 2.0.0"]),
        ("EHLO a\r\n", vec!["250", "503 5.5.1", "250 2.0.0"]),
        ("EHLO a\r\nMAIL FROM:<>\r\n", vec!["250", "250 2.1.0", "503 5.5.1", "250 2.0.0"]),
        (
            "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<v@ext.test>\r\n",
            vec!["250", "250 2.1.0", "554 5.7.1", "554 5.5.1", "250 2.0.0"],
        ),
    ];
    for (before, expected) in rows {
        let (setup, delivery) = Setup::accepting();
        let run = at_every_cut(&setup, &[Turn::send(format!("{before}{chunk}"))]);
        assert_eq!(
            (codes(&run.output[1]), run.closed),
            (to_strings(&expected), false),
            "{before:?}"
        );
        assert!(delivery.log().is_empty());
    }
    let delivery =
        check(format!("BDAT 0 LAST\r\n{chunk}"), &["250 2.0.0", "503 5.5.1", "250 2.0.0"], false);
    took_only(&delivery, "");
}

fn to_strings(codes: &[&str]) -> Vec<String> {
    codes.iter().map(ToString::to_string).collect()
}

// rows: 3030-2-d
#[test]
fn d06_end_of_data_and_commands_in_a_chunk_are_content() {
    let payload = "..x\r\n.\r\nQUIT\r\nMAIL FROM:<evil@x>\r\n.\r\n";
    let turn = format!("BDAT {} LAST\r\n{payload}NOOP\r\n", payload.len());
    let delivery = check(turn, &["250 2.0.0", "250 2.0.0"], false);
    took_only(&delivery, &payload.escape_default().to_string());
}

#[test]
fn d07_chunks_that_meet_anywhere_make_the_same_message() {
    let content = "Subject: gr\u{fc}\u{df}e\r\n\tfolded\r\n\r\n\u{1f4e7} .\r\n..\r\n".as_bytes();
    let chunk = |octets: &[u8], last: &str| {
        [format!("BDAT {}{last}\r\n", octets.len()).as_bytes(), octets].concat()
    };
    let single = content.chunks(1).flat_map(|octet| chunk(octet, "")).collect::<Vec<_>>();
    let mut turns = vec![[single, b"BDAT 0 LAST\r\n".to_vec()].concat()];
    for at in 0..=content.len() {
        let (first, last) = content.split_at(at);
        turns.push([chunk(first, ""), chunk(last, " LAST")].concat());
    }
    for turn in turns {
        for cuts in [Cuts::None, Cuts::All, Cuts::Random(1), Cuts::Random(2)] {
            let (setup, delivery) = Setup::accepting();
            pure::run(&setup, &after_envelope(&[&turn]), cuts);
            took_only(&delivery, &content.escape_ascii().to_string());
        }
    }
}

/// A CR waits for its LF in the next chunk; behind the last one there is none.
#[test]
fn d07_a_cr_at_the_end_is_bare_if_no_chunk_follows() {
    let refused = ["250 2.0.0", "550 5.5.2", "250 2.0.0"];
    took_nothing(&check("BDAT 3 LAST\r\nab\rNOOP\r\n", &refused[1..], false));
    took_nothing(&check("BDAT 3\r\nab\rBDAT 0 LAST\r\nNOOP\r\n", &refused, false));
    let whole = check("BDAT 3\r\nab\rBDAT 1 LAST\r\n\nNOOP\r\n", &["250 2.0.0"; 3], false);
    took_only(&whole, "ab\\r\\n");
}

#[test]
fn d08_between_chunks_the_envelope_stays_as_it_is() {
    let commands = [
        "MAIL FROM:<evil@x>",
        "RCPT TO:<lee@local.test>",
        "VRFY kim",
        "AUTH PLAIN AGtpbQBzZWNyZXQ=",
        "STARTTLS",
        "DATA",
    ];
    for command in commands {
        let (mut setup, delivery) = Setup::accepting();
        let user = OneUser { user: "kim".into(), password: "secret".into() };
        setup.authenticator = Some(Arc::new(Passwords::new(user)));
        setup.auth_in_clear = true;
        setup.tls = true;
        let turn = format!("BDAT 2\r\nab{command}\r\nBDAT 2 LAST\r\ncd");
        let run = at_every_cut(&setup, &after_envelope(&[turn]));
        let expected = to_strings(&["250 2.0.0", "503 5.5.1", "250 2.0.0"]);
        assert_eq!(told(&run), (expected, false), "{command}");
        took_only(&delivery, "abcd");
    }
}

// rows: 3030-2-m
#[test]
fn d08_rset_between_chunks_drops_them() {
    let turn = "BDAT 2\r\nabRSET\r\nBDAT 2 LAST\r\ncdNOOP\r\n";
    let expected = ["250 2.0.0", "250 2.0.0", "503 5.5.1", "250 2.0.0"];
    took_nothing(&check(turn, &expected, false));
}

#[test]
fn d09_a_chunk_after_helo_closes() {
    let (setup, delivery) = Setup::accepting();
    let opened = "HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<kim@local.test>\r\n";
    for before in ["HELO a\r\n", opened, "EHLO a\r\nHELO a\r\n"] {
        let run = at_every_cut(&setup, &[Turn::send(format!("{before}BDAT 6 LAST\r\nNOOP\r\n"))]);
        let got = codes(&run.output[1]);
        assert_eq!(got.last().unwrap(), "521 5.5.1", "{before:?}: {got:?}");
        assert!(run.closed, "{before:?}");
    }
    assert!(delivery.log().is_empty());
}

/// Exim CVE-2017-16943, CVE-2017-16944 and its bug 28019: errors inside of chunks, and lines of dots.
#[test]
fn d10_errors_between_chunks_lead_nowhere() {
    let turn = "BDAT 10\r\n.\r\n.\r\n.\r\n.BDAT 2 LAST\r\n\r\n";
    let delivery = check(turn, &["250 2.0.0", "250 2.0.0"], false);
    took_only(&delivery, ".\\r\\n.\\r\\n.\\r\\n.\\r\\n");

    let turn = format!("BDAT 1\r\nxBDAT \u{7f}\r\n{}", "A".repeat(300));
    took_nothing(&check(turn, &["250 2.0.0", "501 5.5.4"], true));

    let refusing = Scripted::new(Behaviour::RejectEarly(rejection("550 5.7.1 No")));
    let turn = "BDAT 2\r\nabBDAT 2\r\ncdDATA\r\n.\r\nBDAT x\r\nDATA\r\n";
    let run = at_every_cut(&Setup::new(refusing), &after_envelope(&[turn]));
    let expected = ["550 5.7.1", "503 5.5.1", "503 5.5.1", "500 5.5.2", "501 5.5.4"];
    assert_eq!(told(&run), (to_strings(&expected), true));
}

#[test]
fn d11_a_message_whose_connection_is_lost_in_a_chunk_is_dropped() {
    let chunk = "BDAT 5\r\nabcdeBDAT 10 LAST\r\nabcdefghij";
    for length in 0..chunk.len() {
        let (setup, delivery) = Setup::accepting();
        pure::run(&setup, &after_envelope(&[&chunk[..length]]), Cuts::None);
        took_nothing(&delivery);
    }
    let (setup, delivery) = Setup::accepting();
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let mut client = Client::direct(running.address).await;
        client.reply().await;
        for turn in envelope() {
            if let Turn::Send(octets) = turn {
                client.write(&octets).await;
            }
        }
        assert!(client.reply().await.starts_with("250"));
        assert!(client.reply().await.starts_with("250 2.1.0"));
        assert!(client.reply().await.starts_with("250 2.1.5"));
        client.write(b"BDAT 10 LAST\r\nabcde").await;
        client.end().await;
        assert_eq!(client.rest().await, b"", "no reply for half a chunk");
        running.stop().await;
    });
    assert_eq!(delivery.log(), ["failed Disconnected"]);
    assert!(setup.events.starting_with("FinalReplyWritten").is_empty());
}

/// What a delivery does not ask for is not offered, and so it is refused.
#[test]
fn d12_binarymime_that_is_not_offered_is_refused() {
    let (setup, delivery) = Setup::accepting();
    let turn =
        "EHLO a\r\nMAIL FROM:<> BODY=BINARYMIME\r\nRCPT TO:<kim@local.test>\r\nDATA\r\nNOOP\r\n";
    let run = at_every_cut(&setup, &[Turn::send(turn)]);
    let text = String::from_utf8(run.output[1].clone()).unwrap();
    assert!(!text.contains("BINARYMIME"), "{text}");
    let expected = ["250", "555 5.5.4", "503 5.5.1", "503 5.5.1", "250 2.0.0"];
    assert_eq!(codes(&run.output[1]), expected);
    assert!(delivery.log().is_empty());
}
