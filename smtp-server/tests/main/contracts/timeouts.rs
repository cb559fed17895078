//! Time limits of the session (RFC 5321 4.5.3.2, attack row C7), without waiting for them.

use std::time::Duration;

use smtp_server::{BodyError, CloseReason, Rejection};

use crate::support::by_hand::{ByHand, Content, Stop};
use crate::support::setup::Setup;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn hand() -> ByHand {
    let (setup, _) = Setup::accepting();
    let mut hand = ByHand::new(&setup);
    hand.run();
    hand
}

// rows: 5321-4.5.3.2.7-a
#[test]
fn a_command_has_five_minutes_however_slowly_it_comes() {
    let mut hand = hand();
    for _ in 0..4 {
        hand.wait(MINUTE);
        let (written, stop) = hand.send("N");
        assert!(written.is_empty() && matches!(stop, Stop::Read));
    }
    hand.wait(MINUTE - SECOND);
    assert!(hand.run().0.is_empty());
    assert_eq!(hand.deadline(), Some(SECOND));
    hand.wait(SECOND);
    let (written, stop) = hand.run();
    assert_eq!(written, "421 4.4.2 mx.test Timeout exceeded, closing\r\n");
    assert!(matches!(stop, Stop::Close(CloseReason::TimedOut)));
}

#[test]
fn a_command_starts_the_clock_again() {
    let mut hand = hand();
    for _ in 0..20 {
        hand.wait(4 * MINUTE);
        assert!(hand.send("NOOP\r\n").0.starts_with("250 "));
        assert_eq!(hand.deadline(), Some(5 * MINUTE));
    }
}

#[test]
fn a_timeout_that_is_not_due_does_nothing() {
    let mut hand = hand();
    hand.session.handle_timeout(hand.now);
    hand.session.handle_timeout(hand.now + (5 * MINUTE - SECOND));
    assert!(hand.send("NOOP\r\n").0.starts_with("250 "));
}

#[test]
fn content_may_pause_for_three_minutes_and_lasts_an_hour() {
    let (mut setup, _) = Setup::accepting();
    setup.limits.content_bytes_per_second_min = None;
    let mut hand = ByHand::at_data(&setup);
    let mut lasted = Duration::ZERO;
    while lasted + 2 * MINUTE < 60 * MINUTE {
        hand.wait(2 * MINUTE);
        lasted += 2 * MINUTE;
        hand.session.input().extend_from_slice(b"x");
        assert!(matches!(hand.content().1, Content::Chunk(_)), "{lasted:?}");
        assert_eq!(hand.content().1, Content::Read);
    }
    hand.wait(2 * MINUTE);
    assert_eq!(hand.content().1, Content::Failed(BodyError::Slow));
    assert!(hand.session.answer_message(Err(Rejection::local_error())).is_none());
    let (written, stop) = hand.run();
    assert!(written.starts_with("421 4.4.2 "), "{written}");
    assert!(matches!(stop, Stop::Close(CloseReason::TimedOut)));

    let mut hand = ByHand::at_data(&setup);
    hand.wait(3 * MINUTE - SECOND);
    assert_eq!(hand.content().1, Content::Read);
    hand.wait(SECOND);
    assert_eq!(hand.content().1, Content::Failed(BodyError::Slow));
}

#[test]
fn content_that_is_dropped_has_the_same_limits() {
    let (mut setup, _) = Setup::accepting();
    setup.limits.content_bytes_per_second_min = None;
    let mut hand = ByHand::at_data(&setup);
    assert!(hand.session.answer_message(Err(Rejection::local_error())).is_none());
    hand.run();
    for _ in 0..29 {
        hand.wait(2 * MINUTE);
        assert!(hand.send("x").0.is_empty());
    }
    hand.wait(2 * MINUTE);
    let (written, stop) = hand.run();
    assert!(written.starts_with("421 4.4.2 "), "{written}");
    assert!(matches!(stop, Stop::Close(CloseReason::TimedOut)));
}

#[test]
fn between_two_chunks_the_time_of_a_command_counts() {
    let (setup, _) = Setup::accepting();
    let mut hand = hand();
    let (_, stop) = hand.send("EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<k@local.test>\r\nBDAT 1\r\nx");
    assert!(matches!(stop, Stop::Message));
    assert!(matches!(hand.content().1, Content::Chunk(_)));
    assert_eq!(hand.content().1, Content::Read);
    assert_eq!(hand.deadline(), Some(setup.timeouts.command));
    hand.wait(setup.timeouts.command);
    assert_eq!(hand.content().1, Content::Failed(BodyError::Slow));
}

/// Pauses between chunks are part of the time that a message has.
#[test]
fn a_message_in_chunks_lasts_no_longer_than_another() {
    let (setup, _) = Setup::accepting();
    let mut hand = hand();
    hand.send("EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<k@local.test>\r\nBDAT 1\r\nx");
    let mut lasted = Duration::ZERO;
    let end = loop {
        match hand.content().1 {
            Content::Chunk(_) => {}
            Content::Read => {
                assert!(lasted < setup.timeouts.content_total);
                hand.wait(4 * MINUTE);
                lasted += 4 * MINUTE;
                hand.session.input().extend_from_slice(b"BDAT 1\r\nx");
            }
            end => break end,
        }
    };
    assert_eq!((end, lasted), (Content::Failed(BodyError::Slow), setup.timeouts.content_total));
}

/// The clocks of the client stand still while a hook is asked.
#[test]
fn a_question_has_no_deadline_of_the_session() {
    let mut hand = hand();
    hand.session.input().extend_from_slice(b"EHLO a\r\n");
    let asked = matches!(hand.session.poll(hand.now), smtp_server::Action::Ask(_));
    assert!(asked && hand.deadline().is_none());
}
