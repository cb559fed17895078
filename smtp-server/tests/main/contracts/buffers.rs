//! The one input buffer: it grows as the driver wishes and is given back (contract 12).

use std::time::Duration;

use smtp_server::delivery::Memory;
use smtp_server::{Accepted, Body, BodyError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::paused;
use crate::support::by_hand::{ByHand, Content, Stop};
use crate::support::hooks::{Behaviour, Scripted};
use crate::support::mail::after_envelope;
use crate::support::pure::{self, Cuts, block_on};
use crate::support::setup::Setup;

const KIB: usize = 1024;
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_large_input_is_given_back_after_a_second_of_silence() {
    let (setup, _) = Setup::accepting();
    let mut hand = ByHand::at_data(&setup);
    let line = [vec![b'x'; 998], b"\r\n".to_vec()].concat();
    hand.session.input().reserve(64 * KIB);
    for _ in 0..1000 {
        hand.session.input().extend_from_slice(&line);
        assert!(matches!(hand.content().1, Content::Chunk(_)));
    }
    assert!(hand.session.input().capacity() <= 128 * KIB);
    hand.session.input().extend_from_slice(b".\r\n");
    assert_eq!(hand.content().1, Content::End);
    assert!(hand.session.answer_message(Ok(Accepted::new().into())).is_none());
    assert!(matches!(hand.run().1, Stop::Read));
    // A client that is silent for a second gets no large buffer, and keeps its five minutes.
    hand.wait(SECOND);
    assert!(matches!(hand.run(), (written, Stop::Read) if written.is_empty()));
    assert!(hand.session.input().capacity() <= KIB);
    assert_eq!(hand.deadline(), Some(setup.timeouts.command - SECOND));
}

/// A chunk is a slice of the buffer it was read into.
#[test]
fn content_is_decoded_in_place() {
    let (setup, _) = Setup::accepting();
    let mut hand = ByHand::at_data(&setup);
    hand.session.input().extend_from_slice(b"..one\r\n..two\r\n.\r\n");
    let before = hand.session.input().as_ptr();
    let (_, Content::Chunk(chunk)) = hand.content() else { panic!("there is content") };
    assert_eq!(&chunk[..], b".one\r\n.two\r\n");
    assert_eq!(chunk.as_ptr(), before);
}

#[test]
fn a_collected_body_has_a_limit_and_pins_no_buffer() {
    let (setup, _) = Setup::accepting();
    let memory = Memory::default();
    let in_memory = Setup { delivery: std::sync::Arc::new(memory.clone()), ..setup };
    let turns = after_envelope(&["DATA\r\n", "abc\r\n.\r\n"]);
    pure::run(&in_memory, &turns, Cuts::None);
    assert!(memory.messages()[0].content.capacity() < KIB);

    let mut source = super::body::Pieces::new(&[b"abc", b"def"]);
    let mut body = Body::new(&mut source, Vec::new());
    assert_eq!(block_on(body.collect(5)), Err(BodyError::TooLarge));
    let mut source = super::body::Pieces::new(&[b"abc", b"def"]);
    let mut body = Body::new(&mut source, Vec::new());
    assert_eq!(block_on(body.collect(6)), Ok(b"abcdef".to_vec()));
}

/// A delivery that does not pull stops the client: what it can write is bounded.
#[test]
fn a_delivery_that_does_not_pull_stops_the_reads() {
    let delivery = super::patience::Waiting::forever();
    let setup = Setup::new(delivery);
    paused(async {
        let (client, served) = tokio::io::duplex(8 * KIB);
        let serving = super::serve(setup.server(), served, &setup);
        let (mut from, mut to) = tokio::io::split(client);
        let reading = tokio::spawn(async move {
            let mut all = Vec::new();
            let _ = from.read_to_end(&mut all).await;
        });
        to.write_all(b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<kim@local.test>\r\nDATA\r\n")
            .await
            .unwrap();
        let mut written = 0;
        let piece = [b'x'; KIB];
        while let Ok(Ok(octets)) = tokio::time::timeout(SECOND, to.write(&piece)).await {
            written += octets;
            assert!(written < 256 * KIB, "the server reads on");
        }
        serving.abort();
        reading.abort();
    });
}

#[test]
fn a_refused_message_of_many_megabytes_needs_no_memory() {
    let delivery =
        Scripted::new(Behaviour::RejectEarly(crate::support::hooks::rejection("550 No")));
    let mut setup = Setup::new(delivery);
    setup.limits.message_bytes_max = None;
    let mut hand = ByHand::at_data(&setup);
    let refusal = crate::support::hooks::rejection("550 5.7.1 No");
    assert!(hand.session.answer_message(Err(refusal)).is_none());
    for _ in 0..1000 {
        let (written, _) = hand.send([b'x'; 60 * KIB]);
        assert!(written.is_empty());
        assert!(hand.session.input().capacity() <= 256 * KIB);
    }
    assert!(hand.send("\r\n.\r\n").0.starts_with("550 5.7.1 "));
}
