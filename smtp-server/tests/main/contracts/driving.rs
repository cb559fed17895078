//! What whoever drives a session by hand may rely on.

use std::sync::Arc;

use async_trait::async_trait;
use smtp_server::proto::replies;
use smtp_server::{
    Accepted, AccessControl, Action, BodyError, CloseReason, ContentAction, HookFailure, Question,
    Rejection, SessionInfo, Stage, StageKind, Verdict,
};

use crate::support::by_hand::{ByHand, Content, Stop};
use crate::support::hooks::rejection;
use crate::support::octets::codes;
use crate::support::pure::{self, Cuts, Turn};
use crate::support::setup::Setup;

fn hand() -> ByHand {
    let (setup, _) = Setup::accepting();
    ByHand::new(&setup)
}

#[test]
fn a_question_that_was_not_answered_is_asked_again() {
    let mut hand = hand();
    for _ in 0..3 {
        assert!(matches!(hand.session.poll(hand.now), Action::Ask(Question::Client(_))));
    }
    hand.run();
    hand.session.input().extend_from_slice(b"EHLO a\r\n");
    for _ in 0..3 {
        let action = hand.session.poll(hand.now);
        let Action::Ask(Question::Hello(hello)) = action else { panic!("{action:?}") };
        assert_eq!(hello.name.as_str(), "a");
    }
    // An answer to another question changes nothing.
    hand.session.answer_sender(Verdict::Accept);
    hand.session.answer_data(Verdict::Reject(Rejection::local_error()));
    assert!(hand.session.answer_message(Ok(Accepted::new().into())).is_none());
    assert!(matches!(hand.session.poll(hand.now), Action::Ask(Question::Hello(_))));
    assert!(hand.run().0.starts_with("250-mx.test\r\n"));
}

#[test]
fn octets_are_written_until_they_are_reported() {
    let mut hand = hand();
    hand.session.answer_client(Verdict::Accept);
    let greeting = b"220 mx.test ESMTP\r\n";
    for done in 0..greeting.len() {
        for _ in 0..2 {
            let Action::Write(octets) = hand.session.poll(hand.now) else { panic!("{done}") };
            assert_eq!(octets, &greeting[done..]);
        }
        hand.session.handle_written(1);
    }
    assert!(matches!(hand.session.poll(hand.now), Action::Read));
}

// rows: 2920-3.2-b, 2920-3.2-f
#[test]
fn the_replies_of_a_group_leave_in_one_write() {
    let (setup, _) = Setup::accepting();
    let group = "RSET\r\nMAIL FROM:<>\r\nRCPT TO:<kim@local.test>\r\nRCPT TO:<v@ext.test>\r\n";
    for last in ["DATA\r\n", "NOOP\r\n", ""] {
        let turns = [Turn::send("EHLO a\r\n"), Turn::send(format!("{group}{last}"))];
        let run = pure::run(&setup, &turns, Cuts::None);
        let all = codes(&run.output[2]);
        assert_eq!(all[..4], ["250 2.0.0", "250 2.1.0", "250 2.1.5", "554 5.7.1"]);
        // The greeting, the reply to EHLO, the group.
        assert_eq!(run.writes.len(), 3, "{last}");
    }
}

/// A sender whom access control refuses ends no group either.
// rows: 2920-3.2-b
#[test]
fn the_replies_of_a_group_leave_in_one_write_behind_a_refused_sender() {
    let (mut setup, _) = Setup::accepting();
    setup.access = Some(Arc::new(NoSender));
    let group = "RSET\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<kim@local.test>\r\nDATA\r\n";
    let run = pure::run(&setup, &[Turn::send("EHLO a\r\n"), Turn::send(group)], Cuts::None);
    let expected = ["250 2.0.0", "554 5.7.1", "503 5.5.1", "503 5.5.1"];
    assert_eq!((codes(&run.output[2]), run.writes.len()), (expected.map(String::from).to_vec(), 3));
}

struct NoSender;

#[async_trait]
impl AccessControl for NoSender {
    async fn check(&self, stage: Stage<'_>, _: &SessionInfo) -> Verdict {
        match stage.kind() {
            StageKind::Sender => Verdict::Reject(Rejection::relay_denied()),
            _ => Verdict::Accept,
        }
    }
}

#[test]
fn polling_an_open_message_gives_it_up() {
    let (setup, _) = Setup::accepting();
    let mut hand = ByHand::at_data(&setup);
    let (written, stop) = hand.send("hi\r\n.\r\nNOOP\r\n");
    assert_eq!(codes(written.as_bytes()), ["451 4.3.0", "250 2.0.0"]);
    assert!(matches!(stop, Stop::Read));
}

#[test]
fn without_an_open_message_there_is_no_content() {
    let mut hand = hand();
    hand.run();
    assert_eq!(hand.content().1, Content::Failed(BodyError::Disconnected));
    let (written, _) = hand.send("NOOP\r\n");
    assert_eq!(codes(written.as_bytes()), ["250 2.0.0"]);
}

#[test]
fn the_end_and_a_failure_are_said_again() {
    let (setup, _) = Setup::accepting();
    let mut hand = ByHand::at_data(&setup);
    hand.session.input().extend_from_slice(b".\r\n");
    for _ in 0..3 {
        assert_eq!(hand.content().1, Content::End);
    }
    assert!(hand.session.answer_message(Ok(Accepted::new().into())).is_none());
    assert!(hand.run().0.starts_with("250 2.0.0 "));

    let mut hand = ByHand::at_data(&setup);
    hand.session.input().extend_from_slice(b"a\nb");
    for _ in 0..3 {
        assert_eq!(hand.content().1, Content::Failed(BodyError::BareNewline));
    }
    let failure = hand.session.answer_message(Ok(Accepted::new().into()));
    assert_eq!(failure, Some(HookFailure::AcknowledgedEarly));
    let (written, _) = hand.send("\r\n.\r\n");
    assert_eq!(codes(written.as_bytes()), ["550 5.5.2"]);
}

#[test]
fn the_final_reply_is_told_once() {
    let (setup, _) = Setup::accepting();
    let mut hand = ByHand::at_data(&setup);
    hand.session.input().extend_from_slice(b"hi\r\n.\r\n");
    assert!(matches!(hand.content().1, Content::Chunk(_)));
    assert_eq!(hand.content().1, Content::End);
    let refusal = rejection("554 5.6.0 No");
    assert!(hand.session.answer_message(Err(refusal.clone())).is_none());
    hand.run();
    let told = hand.final_replies.remove(0);
    assert_eq!((told.accepted, &told.reply, told.bytes), (false, refusal.reply(), 4));
    assert!(told.queue_id.is_some());
    hand.send("NOOP\r\n");
    assert_eq!((hand.final_replies.len(), hand.session.take_unwritten_reply()), (0, None));
}

#[test]
fn the_end_of_the_stream_ends_the_session() {
    let mut hand = hand();
    hand.run();
    hand.session.handle_eof();
    assert!(
        matches!(hand.run(), (written, Stop::Close(CloseReason::Disconnected)) if written.is_empty())
    );

    let (setup, _) = Setup::accepting();
    let mut hand = ByHand::at_data(&setup);
    hand.session.handle_eof();
    let action = hand.session.poll_content(hand.now);
    assert!(matches!(action, ContentAction::Failed(BodyError::Disconnected)), "{action:?}");
    assert!(hand.session.answer_message(Err(Rejection::local_error())).is_none());
    assert!(
        matches!(hand.run(), (written, Stop::Close(CloseReason::Disconnected)) if written.is_empty())
    );
}

#[test]
fn a_refusal_that_closes_closes() {
    let mut hand = hand();
    hand.session.answer_client(Verdict::Reject(rejection("450 4.7.1 Later")));
    let (written, stop) = hand.run();
    assert_eq!(written, "421 mx.test Later\r\n");
    assert!(matches!(stop, Stop::Close(CloseReason::Refused)));
    let (setup, _) = Setup::accepting();
    let mut hand = ByHand::at_data(&setup);
    let refusal = rejection("550 5.7.1 Enough").and_close();
    assert!(hand.session.answer_message(Err(refusal)).is_none());
    let (written, stop) = hand.send("hi\r\n.\r\nNOOP\r\n");
    assert_eq!(written, "550 5.7.1 Enough\r\n");
    assert!(matches!(stop, Stop::Close(CloseReason::Refused)));
}

#[test]
fn no_verdict_can_be_made_of_the_wrong_class() {
    let reply = replies::OK;
    assert!(Rejection::from_reply(reply).is_none());
    let code = smtp_server::proto::EnhancedCode::new(5, 1, 1);
    assert_eq!(Rejection::transient(code, "x").reply().to_string(), "451 4.1.1 x");
    assert_eq!(Rejection::permanent(code, "x\r\ny").reply().lines().count(), 2);
}
