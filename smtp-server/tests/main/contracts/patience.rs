//! How long a hook may take (contract 3), on a paused clock.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use smtp_server::proto::ForwardPath;
use smtp_server::{
    Accepted, AccessControl, Body, Delivery, Envelope, EvaluateAt, Receipt, Rejection,
    RelayDecision, RelayPolicy, SessionInfo, Stage, StageKind, Verdict,
};

use super::{at_content, connected, paused};
use crate::support::setup::Setup;
use crate::support::tcp::{Client, SILENCE};

const SECOND: Duration = Duration::from_secs(1);

/// A delivery that lets time pass.
#[derive(Clone, Default)]
pub(super) struct Waiting {
    before: Duration,
    per_chunk: Duration,
    at_end: Duration,
    /// Gives up waiting for the client after a while and does something else, for ever.
    wanders_off: bool,
}

impl Waiting {
    pub(super) fn forever() -> Self {
        Self { before: Duration::MAX, ..Self::default() }
    }
}

async fn wait(time: Duration) {
    if time == Duration::MAX {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(time).await;
}

#[async_trait]
impl Delivery for Waiting {
    async fn deliver(
        &self,
        _: Envelope,
        body: &mut Body<'_>,
        _: &SessionInfo,
    ) -> Result<Receipt, Rejection> {
        wait(self.before).await;
        if self.wanders_off {
            let _ = tokio::time::timeout(SECOND, body.chunk()).await;
            std::future::pending::<()>().await;
        }
        while body.chunk().await?.is_some() {
            wait(self.per_chunk).await;
        }
        wait(self.at_end).await;
        Ok(Accepted::new().into())
    }
}

/// How long the final reply takes, and what it is; `content` is sent with a pause before each piece.
fn final_reply(delivery: Waiting, pause: Duration, content: &[&str]) -> (Duration, String, Setup) {
    let mut setup = Setup::new(delivery);
    setup.limits.content_bytes_per_second_min = None;
    let (took, reply) = paused(async {
        let (mut client, _serving) = connected(&setup, 64 * 1024);
        at_content(&mut client).await;
        client.write(b"DATA\r\n").await;
        let begun = clock();
        for piece in content {
            tokio::time::sleep(pause).await;
            client.write(piece.as_bytes()).await;
        }
        assert!(patient(&mut client).await.starts_with("354 "));
        let reply = patient(&mut client).await;
        let took = clock() - begun;
        assert!(client.ask("NOOP\r\n").await.starts_with("250 "));
        (took, reply)
    });
    (took, reply, setup)
}

/// A reply, however long it takes: the client is more patient than its test.
async fn patient(client: &mut Client) -> String {
    loop {
        let reply = client.reply().await;
        if reply != SILENCE {
            return reply;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the paused clock is what is measured")]
fn clock() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

fn near(took: Duration, wanted: Duration) -> bool {
    wanted <= took + SECOND && took <= wanted + 5 * SECOND
}

#[test]
fn a_hung_delivery_is_cut_after_the_hook_timeout() {
    let (took, reply, setup) = final_reply(Waiting::forever(), Duration::ZERO, &["hi\r\n.\r\n"]);
    assert!(reply.starts_with("451 4.3.0 "), "{reply}");
    assert!(near(took, setup.timeouts.hook), "{took:?}");
    assert_eq!(setup.events.starting_with("HookFailed"), ["HookFailed Delivery TimedOut"]);
}

/// It was cut, but the reply waits for the true end of the data.
#[test]
fn a_cut_delivery_is_answered_at_the_end_of_the_data() {
    let pieces = ["NOOP\r\n", "NOOP\r\n", ".\r\n"];
    let (_, reply, setup) = final_reply(Waiting::forever(), 50 * SECOND, &pieces);
    assert!(reply.starts_with("451 4.3.0 "), "{reply}");
    assert_eq!(setup.events.starting_with("HookFailed"), ["HookFailed Delivery TimedOut"]);
}

#[test]
fn a_delivery_that_wanders_off_while_the_client_is_silent_is_cut() {
    let wandering = Waiting { wanders_off: true, ..Waiting::default() };
    let setup = Setup::new(wandering);
    paused(async {
        let (mut client, _serving) = connected(&setup, 4096);
        at_content(&mut client).await;
        assert!(client.ask("DATA\r\n").await.starts_with("354 "));
        // Its last look at the client counts as waiting for it, but no longer than a client may pause.
        let limit = setup.timeouts.content_idle + setup.timeouts.hook + 5 * SECOND;
        tokio::time::sleep(limit).await;
        assert_eq!(setup.events.starting_with("HookFailed"), ["HookFailed Delivery TimedOut"]);
        assert!(patient(&mut client).await.starts_with("421 4.4.2 "));
    });
}

#[test]
fn the_hook_clock_stands_still_while_the_client_is_slow() {
    let pieces = ["a", "b", "c", "d", "e", "f\r\n.\r\n"];
    let (_, reply, setup) = final_reply(Waiting::default(), 100 * SECOND, &pieces);
    assert!(reply.starts_with("250 "), "{reply}");
    assert!(setup.events.starting_with("HookFailed").is_empty());
}

#[test]
fn the_hook_clock_adds_up_over_the_chunks() {
    let pieces = ["a", "b", "c", "d", "e", "f\r\n.\r\n"];
    let slow = |seconds| Waiting { per_chunk: seconds * SECOND, ..Waiting::default() };
    let (_, reply, _) = final_reply(slow(9), 20 * SECOND, &pieces);
    assert!(reply.starts_with("250 "), "{reply}");
    let (_, reply, setup) = final_reply(slow(13), 20 * SECOND, &pieces);
    assert!(reply.starts_with("451 4.3.0 "), "{reply}");
    assert_eq!(setup.events.starting_with("HookFailed"), ["HookFailed Delivery TimedOut"]);
}

// rows: 5321-6.1-d
#[test]
fn making_durable_has_a_limit_of_its_own() {
    let ending = |time| Waiting { at_end: time, ..Waiting::default() };
    let (_, reply, setup) = final_reply(ending(290 * SECOND), Duration::ZERO, &["hi\r\n.\r\n"]);
    assert!(reply.starts_with("250 "), "{reply}");
    let commit = setup.timeouts.commit;
    assert!(290 * SECOND < commit && setup.timeouts.hook < 290 * SECOND);
    let (took, reply, setup) = final_reply(ending(Duration::MAX), Duration::ZERO, &["hi\r\n.\r\n"]);
    assert!(reply.starts_with("451 4.3.0 "), "{reply}");
    assert!(near(took, commit), "{took:?}");
    assert_eq!(setup.events.starting_with("HookFailed"), ["HookFailed Delivery TimedOut"]);
}

/// Hangs wherever it is asked, but for one stage.
struct Hanging(StageKind);

#[async_trait]
impl AccessControl for Hanging {
    async fn check(&self, stage: Stage<'_>, _: &SessionInfo) -> Verdict {
        if stage.kind() == self.0 {
            std::future::pending::<()>().await;
        }
        Verdict::Accept
    }
}

#[async_trait]
impl RelayPolicy for Hanging {
    async fn decide(&self, _: &ForwardPath<'_>, _: &Envelope, _: &SessionInfo) -> RelayDecision {
        std::future::pending().await
    }
}

/// What a session says to these commands, with as much patience as it takes.
fn told(setup: &Setup, commands: &[&str]) -> Vec<String> {
    paused(async {
        let (mut client, _serving) = connected(setup, 4096);
        let mut told = Vec::new();
        for command in commands {
            client.write(command.as_bytes()).await;
            told.push(patient(&mut client).await.chars().take(9).collect());
        }
        told
    })
}

// rows: 6409-5.3-a
#[test]
fn a_hung_hook_costs_one_reply() {
    let commands = ["", "EHLO a\r\n", "MAIL FROM:<>\r\n", "RCPT TO:<k@local.test>\r\n", "DATA\r\n"];
    let stages = [StageKind::Hello, StageKind::Sender, StageKind::Recipient, StageKind::Data];
    for (at, stage) in stages.iter().enumerate() {
        let (mut setup, _) = Setup::accepting();
        setup.access = Some(Arc::new(Hanging(*stage)));
        let told = told(&setup, &[&commands[..=at + 1], &["NOOP\r\n"]].concat());
        // A reply to EHLO carries no enhanced code.
        let refused = if *stage == StageKind::Hello { "451 Local" } else { "451 4.3.0" };
        assert_eq!(told[at + 1..], [refused, "250 2.0.0"], "{stage:?}");
        assert_eq!(setup.events.starting_with("HookFailed"), ["HookFailed Access TimedOut"]);
    }
    let (mut setup, _) = Setup::accepting();
    setup.access = Some(Arc::new(Hanging(StageKind::Client)));
    assert!(told(&setup, &[""])[0].starts_with("421 "));
    let (mut setup, _) = Setup::accepting();
    setup.relay = Arc::new(Hanging(StageKind::Client));
    assert_eq!(told(&setup, &commands[..4])[3], "451 4.3.0");
    assert_eq!(setup.events.starting_with("HookFailed"), ["HookFailed Relay TimedOut"]);
}

/// Takes nearly its time at each stage.
struct Slow;

#[async_trait]
impl AccessControl for Slow {
    async fn check(&self, _: Stage<'_>, _: &SessionInfo) -> Verdict {
        tokio::time::sleep(50 * SECOND).await;
        Verdict::Accept
    }
}

// rows: 6409-5.3-a
#[test]
fn hooks_that_are_slow_about_one_recipient_share_their_time() {
    let (mut setup, _) = Setup::accepting();
    setup.access = Some(Arc::new(Slow));
    setup.evaluate_at = EvaluateAt::Recipient;
    let took = paused(async {
        let (mut client, _serving) = connected(&setup, 4096);
        client.reply().await;
        client.ask("EHLO a\r\n").await;
        client.ask("MAIL FROM:<>\r\n").await;
        let begun = clock();
        client.write(b"RCPT TO:<k@local.test>\r\n").await;
        assert!(patient(&mut client).await.starts_with("451 4.3.0 "));
        clock() - begun
    });
    assert!(near(took, setup.timeouts.hook), "{took:?}");
    assert_eq!(setup.events.starting_with("HookFailed"), ["HookFailed Recipient TimedOut"]);
}

/// The same limits as in `timeouts`, as the driver keeps them.
#[test]
fn a_silent_client_is_told_and_closed() {
    let (setup, _) = Setup::accepting();
    paused(async {
        let (mut client, serving) = connected(&setup, 4096);
        at_content(&mut client).await;
        let mut all = Vec::new();
        while !serving.is_finished() {
            all.extend(client.rest().await);
        }
        let text = String::from_utf8(all).unwrap();
        assert!(text.contains("421 4.4.2 "), "{text}");
    });
    assert_eq!(setup.events.starting_with("Closed"), ["Closed TimedOut"]);
}

/// Attack row C10: a client that reads nothing is left after the write timeout.
#[test]
fn a_client_that_reads_nothing_is_left() {
    let (setup, _) = Setup::accepting();
    paused(async {
        let (client, served) = tokio::io::duplex(64);
        let serving = super::serve(setup.server(), served, &setup);
        let (_reader, mut writer) = tokio::io::split(client);
        let flood = tokio::spawn(async move {
            use tokio::io::AsyncWriteExt;
            let _ = writer.write_all(&b"EHLO a\r\nNOOP\r\n".repeat(100)).await;
        });
        let begun = clock();
        tokio::time::timeout(2 * setup.timeouts.write, serving).await.unwrap().unwrap();
        assert!(near(clock() - begun, setup.timeouts.write), "{:?}", clock() - begun);
        flood.abort();
    });
    assert_eq!(setup.events.starting_with("Closed").len(), 1);
}

/// The time for a write begins with it, however long ago the client was waited for before.
#[test]
fn each_write_has_a_time_of_its_own() {
    let (mut setup, _) = Setup::accepting();
    setup.timeouts.write = 10 * SECOND;
    paused(async {
        // Room for less than a reply.
        let (mut client, _serving) = connected(&setup, 64);
        client.reply().await;
        for _ in 0..3 {
            assert!(client.ask("EHLO client.test\r\n").await.starts_with("250-"));
            tokio::time::sleep(60 * SECOND).await;
        }
    });
}

/// The time for a command begins after the handshake, however long that took.
#[test]
fn a_slow_handshake_takes_nothing_from_the_next_command() {
    let (mut setup, _) = Setup::accepting();
    setup.tls = true;
    let took = paused(async {
        let (mut client, serving) = connected(&setup, 64 * 1024);
        client.reply().await;
        assert!(client.ask("EHLO client.test\r\n").await.contains("STARTTLS"));
        assert!(client.ask("STARTTLS\r\n").await.starts_with("220 "));
        tokio::time::sleep(20 * SECOND).await;
        client.start_tls().await.unwrap();
        let begun = clock();
        serving.await.unwrap();
        clock() - begun
    });
    assert!(near(took, setup.timeouts.command), "{took:?}");
}
