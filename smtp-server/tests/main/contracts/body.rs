//! The content as a stream that a delivery pulls (contracts 1 and 2).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use smtp_server::{
    AbortedBy, Accepted, Body, BodyError, CloseReason, Delivery, Envelope, HookFailure, PollChunk,
    Receipt, Rejection, Service, SessionInfo,
};
use tokio::sync::Notify;

use super::{at_content, connected, paused};
use crate::support::hooks::{Behaviour, Scripted};
use crate::support::mail::{after_envelope, envelope};
use crate::support::octets::codes;
use crate::support::pure::{self, Cuts, Turn, block_on};
use crate::support::setup::Setup;

/// Content from a test.
pub(super) struct Pieces(pub(super) VecDeque<Bytes>);

impl Pieces {
    pub(super) fn new(pieces: &[&[u8]]) -> Self {
        Self(pieces.iter().map(|piece| Bytes::copy_from_slice(piece)).collect())
    }
}

impl PollChunk for Pieces {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyError>> {
        Poll::Ready(Ok(self.0.pop_front()))
    }
}

#[test]
fn a_body_is_fed_through_its_seam() {
    let mut source = Pieces::new(&[b"ab", b"c"]);
    let mut body = Body::new(&mut source, Vec::new());
    block_on(async {
        assert_eq!(body.chunk().await.unwrap().unwrap(), "ab");
        assert_eq!(body.chunk().await.unwrap().unwrap(), "c");
        assert_eq!(body.chunk().await, Ok(None));
        assert_eq!(body.chunk().await, Ok(None));
        assert_eq!(body.drain().await, Ok(()));
    });
}

/// The client goes away after every octet of a chunked message.
// rows: 5321-4.1.1.5-c
#[test]
fn a_close_at_every_octet_loses_the_whole_message_and_nothing_else() {
    let whole = b"BDAT 4\r\nab\r\nBDAT 6 LAST\r\ncdef\r\n";
    for sent in 0..whole.len() {
        let (setup, delivery) = Setup::accepting();
        let run = pure::run(&setup, &after_envelope(&[&whole[..sent]]), Cuts::None);
        assert_eq!(run.reason, Some(CloseReason::Disconnected), "{sent}");
        let began = b"BDAT 4\r\n".len() <= sent;
        let expected: &[&str] = if began { &["failed Disconnected"] } else { &[] };
        assert_eq!(delivery.log(), expected, "{sent}");
        let got = codes(&run.output[3]);
        assert!(got.is_empty() || got == ["250 2.0.0"], "{sent}: {got:?}");
    }
}

/// So does RSET, between two chunks that meet at every octet; within a chunk it is content.
#[test]
fn rset_at_every_octet_of_a_message() {
    let content = b"Subject: RSET\r\n\r\nRSET\r\nQUIT\r\n";
    let commands =
        [("RSET\r\n", "250 2.0.0", AbortedBy::Rset), ("EHLO a\r\n", "250", AbortedBy::Hello)];
    for (command, code, by) in commands {
        for at in 0..content.len() {
            let (setup, delivery) = Setup::accepting();
            let chunk = [format!("BDAT {at}\r\n").as_bytes(), &content[..at]].concat();
            let mut turns = after_envelope(&[&chunk[..], command.as_bytes()]);
            turns.extend(envelope());
            let last = [format!("BDAT {} LAST\r\n", content.len()).as_bytes(), content].concat();
            turns.push(Turn::send(last));
            for cuts in [Cuts::None, Cuts::All] {
                let run = pure::run(&setup, &turns, cuts);
                assert_eq!(codes(&run.output[3]), ["250 2.0.0"], "{at}");
                assert_eq!(codes(&run.output[4]), [code], "{at}");
                assert_eq!(codes(&run.output[7]), ["250 2.0.0"], "{at}");
            }
            let taken = format!("<a@client.test> <kim@local.test> {}", content.escape_ascii());
            let aborted = format!("failed Aborted({by:?})");
            assert_eq!(delivery.log(), [aborted.clone(), taken.clone(), aborted, taken], "{at}");
        }
    }
}

/// Takes its time to return when the message was aborted.
#[derive(Clone, Default)]
struct Reluctant {
    heard: Arc<Mutex<Option<BodyError>>>,
    release: Arc<Notify>,
}

#[async_trait]
impl Delivery for Reluctant {
    async fn deliver(
        &self,
        _: Envelope,
        body: &mut Body<'_>,
        _: &SessionInfo,
    ) -> Result<Receipt, Rejection> {
        let Err(error) = body.drain().await else { return Ok(Accepted::new().into()) };
        *self.heard.lock().unwrap() = Some(error.clone());
        // Whoever pulls again hears the same.
        assert_eq!(body.chunk().await, Err(error.clone()));
        self.release.notified().await;
        Err(error.into())
    }
}

#[test]
fn the_reply_to_an_abort_waits_for_the_delivery() {
    let commands = [
        ("RSET\r\n", "250 2.0.0", AbortedBy::Rset),
        ("QUIT\r\n", "221 2.0.0", AbortedBy::Quit),
        ("EHLO a\r\n", "250-", AbortedBy::Hello),
    ];
    for (command, code, by) in commands {
        let delivery = Reluctant::default();
        let setup = Setup::new(delivery.clone());
        paused(async {
            let (mut client, _serving) = connected(&setup, 4096);
            at_content(&mut client).await;
            assert!(client.ask("BDAT 2\r\nab").await.starts_with("250 "));
            client.write(command.as_bytes()).await;
            let early = client.within(Duration::from_secs(2)).await;
            assert!(early.is_empty(), "{command}: {early:?}");
            assert_eq!(*delivery.heard.lock().unwrap(), Some(BodyError::Aborted(by)));
            delivery.release.notify_one();
            let reply = client.reply().await;
            assert!(reply.starts_with(code), "{command}: {reply}");
        });
    }
}

#[test]
fn ok_before_the_end_is_451_and_an_event() {
    for behaviour in [Behaviour::OkEarly, Behaviour::OkAfter(1), Behaviour::OkAfter(4)] {
        for content in ["DATA\r\nhi\r\n.\r\n", "BDAT 4 LAST\r\nhi\r\n"] {
            let setup = Setup::new(Scripted::new(behaviour.clone()));
            paused(async {
                let (mut client, _serving) = connected(&setup, 4096);
                at_content(&mut client).await;
                client.write(format!("{content}NOOP\r\nQUIT\r\n").as_bytes()).await;
                let mut got = codes(&client.rest().await);
                got.retain(|code| code != "354");
                assert_eq!(got, ["451 4.3.0", "250 2.0.0", "221 2.0.0"], "{behaviour:?}");
            });
            let failed = setup.events.starting_with("HookFailed");
            assert_eq!(failed, ["HookFailed Delivery AcknowledgedEarly"], "{behaviour:?}");
            let written = setup.events.starting_with("FinalReplyWritten");
            assert!(written[0].contains(" false 451 "), "{written:?}");
        }
    }
}

#[test]
fn a_receipt_that_does_not_fit_is_451_and_an_event() {
    let no = crate::support::hooks::rejection("550 5.1.1 No");
    let setup = Setup::new(Scripted::new(Behaviour::Each(vec![Ok(()), Err(no)])));
    let run = pure::run(&setup, &after_envelope(&["DATA\r\n", ".\r\n"]), Cuts::None);
    assert_eq!(codes(&run.output[4]), ["451 4.3.0"]);
    assert_eq!(run.failures, [HookFailure::MismatchedReceipt]);
}

#[test]
fn an_abort_is_not_a_failure_of_the_delivery() {
    let (setup, _) = Setup::accepting();
    let run = pure::run(&setup, &after_envelope(&["BDAT 2\r\nab", "RSET\r\n"]), Cuts::None);
    assert!(run.failures.is_empty());
}

/// Refuses while the client makes up its mind between two chunks.
struct Impatient;

#[async_trait]
impl Delivery for Impatient {
    async fn deliver(
        &self,
        _: Envelope,
        body: &mut Body<'_>,
        _: &SessionInfo,
    ) -> Result<Receipt, Rejection> {
        body.chunk().await?;
        match tokio::time::timeout(Duration::from_secs(1), body.drain()).await {
            Ok(_) => Ok(Accepted::new().into()),
            Err(_) => Err(crate::support::hooks::rejection("451 4.2.0 Enough")),
        }
    }
}

#[test]
fn a_refusal_between_chunks_answers_the_next_one() {
    for (service, hello, refusals) in [(Service::Smtp, "EHLO a", 1), (Service::Lmtp, "LHLO a", 2)] {
        let mut setup = Setup::new(Impatient);
        setup.service = service;
        let got = paused(async {
            let (mut client, _serving) = connected(&setup, 4096);
            let recipients = "RCPT TO:<kim@local.test>\r\nRCPT TO:<lee@local.test>\r\n";
            let begin = format!("{hello}\r\nMAIL FROM:<>\r\n{recipients}BDAT 2\r\nab");
            client.write(begin.as_bytes()).await;
            tokio::time::sleep(Duration::from_secs(3)).await;
            client.write(b"BDAT 2 LAST\r\ncdMAIL FROM:<>\r\nQUIT\r\n").await;
            codes(&client.rest().await)
        });
        let expected =
            [&["250 2.0.0"], &vec!["451 4.2.0"; refusals][..], &["250 2.1.0", "221 2.0.0"]]
                .concat();
        assert_eq!(got[5..], expected, "{service}");
    }
}

/// The same when the next chunk is not the last: one reply, and the others are swallowed.
#[test]
fn a_refusal_between_chunks_is_said_once() {
    let setup = Setup::new(Impatient);
    let got = paused(async {
        let (mut client, _serving) = connected(&setup, 4096);
        at_content(&mut client).await;
        client.write(b"BDAT 2\r\nab").await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        client.write(b"BDAT 2\r\ncdBDAT 2\r\nefBDAT 0 LAST\r\nRSET\r\nQUIT\r\n").await;
        codes(&client.rest().await)
    });
    let expected = ["250 2.0.0", "451 4.2.0", "503 5.5.1", "503 5.5.1", "250 2.0.0", "221 2.0.0"];
    assert_eq!(got, expected);
}
