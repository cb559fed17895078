//! Rows H1 to H10, those of a session: what a message may hold, and what stands on top of it.

use smtp_server::delivery::{Maildir, Memory, ReceivedMessage};
use smtp_server::{HeaderField, HeaderFieldError, Recipient};

use super::{at_every_cut, runtime};
use crate::contracts::at_content;
use crate::support::by_hand::{ByHand, Content};
use crate::support::hooks::Scripted;
use crate::support::mail::{after_envelope, envelope};
use crate::support::octets::codes;
use crate::support::pure::{self, Cuts, Turn};
use crate::support::setup::Setup;
use crate::support::tcp::{Client, Running};

/// One message by DATA at every cut: the final reply, with the next command still in sync.
#[track_caller]
fn reply_to(setup: &Setup, content: &[u8]) -> String {
    let turn = [b"DATA\r\n", content, b".\r\nNOOP\r\n"].concat();
    let run = at_every_cut(setup, &after_envelope(&[turn]));
    let got = codes(&run.output[3]);
    assert!(got.len() == 3 && got[0] == "354" && got[2] == "250 2.0.0", "{got:?}");
    got[1].clone()
}

/// One message that is taken, as it was received.
#[track_caller]
fn taken(content: &[u8]) -> ReceivedMessage {
    let memory = Memory::default();
    assert_eq!(reply_to(&Setup::new(memory.clone()), content), "250 2.0.0");
    let messages = memory.take();
    assert!(
        messages.iter().all(|message| message.content == content),
        "{}",
        content.escape_ascii()
    );
    messages.into_iter().next().unwrap()
}

#[test]
fn h01_a_nul_is_refused_and_ends_nothing() {
    for content in [
        &b"Subject: a\0b\r\n\r\nbody\r\n"[..],
        b"Subject: a\r\n\r\nbo\0dy\r\n",
        b"\0\r\n",
        b"Subject: a\r\n\r\nbody\r\n\0\r\n",
    ] {
        let (setup, delivery) = Setup::accepting();
        assert_eq!(reply_to(&setup, content), "550 5.6.0");
        let chunk = [format!("BDAT {} LAST\r\n", content.len()).as_bytes(), content].concat();
        let run = at_every_cut(&setup, &after_envelope(&[chunk]));
        assert_eq!(codes(&run.output[3]), ["550 5.6.0"]);
        took_nothing(&delivery);
    }
}

#[track_caller]
fn took_nothing(delivery: &Scripted) {
    let log = delivery.log();
    assert!(log.iter().all(|line| line.starts_with("failed ")), "{log:?}");
}

/// A line of content has no limit of its own: it is handed on as it comes.
#[test]
fn h02_a_line_of_nine_megabytes_takes_no_memory() {
    const PIECE: usize = 64 * 1024;
    let (setup, _) = Setup::accepting();
    let mut hand = ByHand::at_data(&setup);
    let piece = vec![b'x'; PIECE];
    let mut octets = 0;
    for _ in 0..(9 << 20) / PIECE {
        hand.session.input().extend_from_slice(&piece);
        while let (_, Content::Chunk(chunk)) = hand.content() {
            octets += chunk.len();
        }
        assert!(hand.session.input().capacity() <= 2 * PIECE);
    }
    assert_eq!(octets, 9 << 20);
    hand.session.input().extend_from_slice(b"\r\n.\r\n");
    assert!(matches!(hand.content().1, Content::Chunk(_)));
    assert_eq!(hand.content().1, Content::End);
}

#[test]
fn h04_a_field_cannot_hold_another_field() {
    for value in
        ["a\r\nBcc: b", "a\nBcc: b", "a\rBcc: b", "a\r\n\r\nbody", "a\r\n", "a\0", "a\u{1b}[2J"]
    {
        assert_eq!(HeaderField::new("Subject", value), Err(HeaderFieldError::Value), "{value:?}");
    }
    for name in ["", "Bcc:", "Bcc: b\r\nX", "B c", "B\tc", "B\u{e9}", "B\0"] {
        assert_eq!(HeaderField::new(name, "x"), Err(HeaderFieldError::Name), "{name:?}");
    }
    let folded = HeaderField::new("Subject", "a\r\n\tb\r\n c").unwrap();
    assert_eq!(folded.to_string(), "Subject: a\r\n\tb\r\n c\r\n");
}

/// Nothing is derived from a line that looks like the separator of an mbox file, least of all a size.
#[test]
fn h07_a_first_line_like_that_of_an_mbox_is_content() {
    for first in ["From x Mon Jan  1 00:00:00 2001", ">>>>>>From x", ">From x"] {
        let content = format!("{first}\r\nSubject: a\r\n\r\nFrom y\r\n");
        taken(content.as_bytes());
        let (mut setup, delivery) = Setup::accepting();
        setup.limits.message_bytes_max = Some(content.len() as u64 - 1);
        assert_eq!(reply_to(&setup, content.as_bytes()), "552 5.3.4");
        took_nothing(&delivery);
    }
}

/// In a mailbox, where fields and content meet, an empty line keeps them apart.
#[test]
fn h08_content_that_begins_with_white_space_continues_no_field_of_ours() {
    for content in [" by evil.test; forged\r\n\r\nbody\r\n", "\tx\r\n"] {
        let message = taken(content.as_bytes());
        assert_eq!(message.fields.len(), 1);
        let text = in_a_maildir(content);
        let (fields, rest) = text.split_once("\n\n").expect("an empty line");
        assert!(fields.contains("\nReceived: from client.test "), "{text}");
        assert!(!fields.contains("evil.test"), "{text}");
        assert_eq!(rest, content.replace("\r\n", "\n"));
    }
}

#[test]
fn h08_content_that_begins_with_a_field_goes_on_from_ours() {
    let text = in_a_maildir("Subject: x\r\n\r\n body\r\n");
    let (fields, rest) = text.split_once("\n\n").expect("an empty line");
    assert!(fields.ends_with("\nSubject: x"), "{text}");
    assert_eq!(rest, " body\n");
    assert!(in_a_maildir("").ends_with('\n'));
}

/// The file that a message becomes.
fn in_a_maildir(content: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let mailbox = directory.path().to_owned();
    let setup = Setup::new(Maildir::new("mx.test", move |_: &Recipient| Some(mailbox.clone())));
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let mut client = Client::direct(running.address).await;
        for turn in envelope() {
            if let Turn::Send(octets) = turn {
                client.write(&octets).await;
            }
        }
        // Where the content is cut, the first octet comes by itself.
        let (first, rest) = content.split_at(content.len().min(1));
        client.write(format!("BDAT {}\r\n{first}", first.len()).as_bytes()).await;
        client.write(format!("BDAT {} LAST\r\n{rest}QUIT\r\n", rest.len()).as_bytes()).await;
        let got = codes(&client.rest().await);
        assert_eq!(got[got.len() - 2..], ["250 2.0.0", "221 2.0.0"]);
        running.stop().await;
    });
    let file = std::fs::read_dir(directory.path().join("new")).unwrap().next().unwrap().unwrap();
    std::fs::read_to_string(file.path()).unwrap()
}

/// A server that is not told to repair mail adds neither Date nor Message-ID, only its trace.
#[test]
fn h09_a_message_without_a_header_is_taken_as_it_is() {
    for content in [&b""[..], b"\r\nonly a body\r\n", b"only a body\r\n"] {
        let names = |field: &HeaderField| field.name().to_owned();
        assert_eq!(taken(content).fields.iter().map(names).collect::<Vec<_>>(), ["Received"]);
    }
}

// rows: 1870-6-a, 1870-6.1-a, 1870-6.1-c, 1870-4-a
#[test]
fn h10_a_declared_size_is_a_promise_and_not_a_boundary() {
    let (mut setup, delivery) = Setup::accepting();
    setup.limits.message_bytes_max = Some(100);
    let nines = "9".repeat(21);
    for (size, code) in [
        ("101", "552 5.3.4"),
        ("18446744073709551615", "552 5.3.4"),
        ("18446744073709551616", "501 5.5.4"),
        ("99999999999999999999", "501 5.5.4"),
        (&nines, "501 5.5.4"),
        ("-1", "501 5.5.4"),
    ] {
        let turn = format!("EHLO a\r\nMAIL FROM:<> SIZE={size}\r\n");
        let run = at_every_cut(&setup, &[Turn::send(turn)]);
        assert_eq!(codes(&run.output[1]), ["250", code], "{size}");
    }
    for (octets, code) in
        [(80, "250 2.0.0"), (98, "250 2.0.0"), (99, "552 5.3.4"), (400, "552 5.3.4")]
    {
        let content = "x".repeat(octets);
        let turn = format!(
            "EHLO a\r\nMAIL FROM:<> SIZE=5\r\nRCPT TO:<kim@local.test>\r\nDATA\r\n{content}\r\n.\r\nNOOP\r\n"
        );
        let run = at_every_cut(&setup, &[Turn::send(turn)]);
        assert_eq!(codes(&run.output[1])[3..], ["354", code, "250 2.0.0"], "{octets}");
    }
    let taken = |line: &String| line.starts_with("<> ");
    assert!(delivery.log().iter().filter(|line| taken(line)).all(|line| line.len() < 150));
    let run = pure::run(&setup, &after_envelope(&["BDAT 5 LAST\r\nhi!\r\n"]), Cuts::None);
    assert_eq!(codes(&run.output[3]), ["250 2.0.0"]);
}

/// Row E15: the limit is where RFC 5321 6.3 has it, and observers hear why a message was refused.
// rows: 5321-6.3-a, 5321-6.3-b
#[test]
fn e15_a_thousand_hops_are_a_loop_and_a_hundred_are_not() {
    for (hops, code) in [(100, "250 2.0.0"), (101, "554 5.4.0"), (1000, "554 5.4.0")] {
        let (setup, _) = Setup::accepting();
        let content = format!("{}\r\nhi\r\n.\r\n", "Received: from a by b;\r\n".repeat(hops));
        runtime().block_on(async {
            let running = Running::start(&setup).await;
            let mut client = Client::direct(running.address).await;
            at_content(&mut client).await;
            assert!(client.ask("DATA\r\n").await.starts_with("354 "));
            assert_eq!(codes(client.ask(&content).await.as_bytes()), [code], "{hops}");
            running.stop().await;
        });
        let refused = setup.events.starting_with("MessageRefused");
        assert_eq!(refused.len(), usize::from(code != "250 2.0.0"), "{refused:?}");
        assert!(refused.iter().all(|event| event.contains("Too many hops")), "{refused:?}");
    }
}
