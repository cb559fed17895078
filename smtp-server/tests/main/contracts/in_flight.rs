//! How much content all sessions hold at once (RFC 5321 4.2.2, attack row C8).

use std::sync::Arc;

use smtp_server::{Accepted, BodyError, Rejection, SessionConfig};

use crate::support::by_hand::{ByHand, Content, Stop};
use crate::support::octets::codes;
use crate::support::setup::Setup;

const STEP: usize = 256 * 1024;

/// Room for three steps, shared by all sessions of this configuration.
fn config() -> Arc<SessionConfig> {
    let (mut setup, _) = Setup::accepting();
    setup.limits.bytes_in_flight_max = Some(3 * STEP as u64);
    Arc::new(setup.session_config())
}

/// A session that was told `command` after an envelope, and the replies to that.
fn told(config: &Arc<SessionConfig>, command: &str) -> (ByHand, Vec<String>, Stop) {
    let mut hand = ByHand::with(config.clone());
    hand.run();
    hand.send("EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<kim@local.test>\r\n");
    let (written, stop) = hand.send(command);
    (hand, codes(written.as_bytes()), stop)
}

fn with_data_open(config: &Arc<SessionConfig>) -> ByHand {
    let (mut hand, got, stop) = told(config, "DATA\r\n");
    assert!(matches!(stop, Stop::Message), "{got:?}");
    hand.content();
    hand
}

/// The outcome of the octets: the last chunk of them, or a failure.
fn take(hand: &mut ByHand, octets: usize) -> Content {
    let mut taken = 0;
    hand.session.input().extend_from_slice(&vec![b'x'; octets]);
    loop {
        match hand.content().1 {
            Content::Chunk(chunk) if taken + chunk.len() == octets => return Content::Chunk(chunk),
            Content::Chunk(chunk) => taken += chunk.len(),
            other => return other,
        }
    }
}

fn accept(hand: &mut ByHand) -> Vec<String> {
    hand.session.input().extend_from_slice(b"\r\n.\r\n");
    while hand.content().1 != Content::End {}
    assert!(hand.session.answer_message(Ok(Accepted::new().into())).is_none());
    codes(hand.run().0.as_bytes())
}

#[test]
fn a_full_house_answers_452_before_354() {
    let config = config();
    let mut first = with_data_open(&config);
    assert!(matches!(take(&mut first, 3 * STEP - 2), Content::Chunk(_)));
    for (command, expected) in [
        ("DATA\r\nRCPT TO:<kim@local.test>\r\n", vec!["452 4.3.1", "503 5.5.1"]),
        ("BDAT 2\r\nabBDAT 2 LAST\r\nabNOOP\r\n", vec!["452 4.3.1", "503 5.5.1", "250 2.0.0"]),
        ("BDAT 2 LAST\r\nabNOOP\r\n", vec!["452 4.3.1", "250 2.0.0"]),
    ] {
        assert_eq!(told(&config, command).1, expected);
    }
    assert_eq!(accept(&mut first), ["250 2.0.0"]);
    let mut second = with_data_open(&config);
    assert_eq!(accept(&mut second), ["250 2.0.0"]);
}

#[test]
fn a_message_that_outgrows_the_room_is_refused_at_its_end() {
    let config = config();
    let (mut first, mut second) = (with_data_open(&config), with_data_open(&config));
    assert!(matches!(take(&mut first, 2 * STEP), Content::Chunk(_)));
    assert!(matches!(take(&mut second, STEP), Content::Chunk(_)));
    assert_eq!(take(&mut second, STEP + 1), Content::Failed(BodyError::InsufficientStorage));
    assert!(second.session.answer_message(Err(BodyError::InsufficientStorage.into())).is_none());
    assert_eq!(
        codes(second.send("more\r\n.\r\nNOOP\r\n").0.as_bytes()),
        ["452 4.3.1", "250 2.0.0"]
    );
    // What it held is free again.
    assert!(matches!(take(&mut first, STEP - 2), Content::Chunk(_)));
    assert_eq!(accept(&mut first), ["250 2.0.0"]);
}

#[test]
fn small_messages_do_not_count() {
    let config = config();
    let mut sessions = (0..20).map(|_| with_data_open(&config)).collect::<Vec<_>>();
    for hand in &mut sessions {
        assert!(matches!(take(hand, STEP - 2), Content::Chunk(_)));
    }
    for hand in &mut sessions {
        assert_eq!(accept(hand), ["250 2.0.0"]);
    }
}

#[test]
fn an_announced_size_has_to_fit_and_reserves_nothing() {
    let config = config();
    let told = |size: usize| {
        let mut hand = ByHand::with(config.clone());
        hand.run();
        let mail = format!("EHLO a\r\nMAIL FROM:<> SIZE={size}\r\nRCPT TO:<kim@local.test>\r\n");
        hand.send(mail);
        let (written, _) = hand.send("DATA\r\n");
        (hand, codes(written.as_bytes()))
    };
    let (_silent, got) = told(3 * STEP);
    assert_eq!(got, ["354"]);
    let mut other = with_data_open(&config);
    assert!(matches!(take(&mut other, 2 * STEP), Content::Chunk(_)));
    assert_eq!(told(STEP + 1).1, ["452 4.3.1"]);
    assert_eq!(told(STEP).1, ["354"]);
    assert_eq!(accept(&mut other), ["250 2.0.0"]);
}

#[test]
fn a_session_that_is_gone_or_a_delivery_that_failed_holds_nothing() {
    let config = config();
    for is_gone in [true, false] {
        let mut hand = with_data_open(&config);
        assert!(matches!(take(&mut hand, 3 * STEP), Content::Chunk(_)));
        assert_eq!(told(&config, "DATA\r\n").1, ["452 4.3.1"]);
        if is_gone {
            drop(hand);
        } else {
            // The rest is thrown away as it comes, which takes no room.
            assert!(hand.session.answer_message(Err(Rejection::local_error())).is_none());
        }
        with_data_open(&config);
    }
}

/// Or a message larger than the limit would be told to try again for ever.
#[test]
fn a_message_that_is_alone_has_room() {
    let config = config();
    let mut alone = with_data_open(&config);
    assert!(matches!(take(&mut alone, 5 * STEP), Content::Chunk(_)));
    assert_eq!(told(&config, "DATA\r\n").1, ["452 4.3.1"]);
    assert_eq!(accept(&mut alone), ["250 2.0.0"]);
}
