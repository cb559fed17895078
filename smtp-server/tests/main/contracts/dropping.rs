//! A delivery may be dropped at every await: before its commit no trace, after that all or nothing (contract 3).
//!
//! The incident: a task is cancelled between the write and the rename, and a half message stays in a mailbox.

use std::collections::VecDeque;
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use smtp_server::delivery::Maildir;
use smtp_server::proto::{ForwardPath, ReversePath};
use smtp_server::{
    Accepted, Body, BodyError, Delivery, Envelope, PollChunk, Receipt, Recipient, RecipientClass,
    Rejection, Service, SessionInfo, UnixMillis,
};
use tokio::io::AsyncWriteExt;

use super::serve;
use crate::support::setup::Setup;

/// Content that is pending before each piece.
struct Slow {
    pieces: VecDeque<Bytes>,
    waited: bool,
    ended: Arc<Mutex<bool>>,
}

impl PollChunk for Slow {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyError>> {
        self.waited = !self.waited;
        if self.waited {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let piece = self.pieces.pop_front();
        *self.ended.lock().unwrap() |= piece.is_none();
        Poll::Ready(Ok(piece))
    }
}

/// A ledger with a staging place: what is staged goes when it is dropped, what is entered stays.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    staged: usize,
    entered: Vec<Vec<u8>>,
}

struct Staged(Ledger);

impl Drop for Staged {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().staged -= 1;
    }
}

#[async_trait]
impl Delivery for Ledger {
    async fn deliver(
        &self,
        _: Envelope,
        body: &mut Body<'_>,
        _: &SessionInfo,
    ) -> Result<Receipt, Rejection> {
        self.0.lock().unwrap().staged += 1;
        let staged = Staged(self.clone());
        let content = body.collect(1 << 20).await?;
        tokio::task::yield_now().await;
        self.0.lock().unwrap().entered.push(content);
        drop(staged);
        tokio::task::yield_now().await;
        Ok(Accepted::new().into())
    }
}

/// Polls `future` up to `polls` times, each when it was woken, and drops it. True if it ended.
async fn poll_some<F: Future>(future: F, polls: usize) -> bool {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if left == 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// The connection is dropped at every await, with all of the client's octets there.
#[test]
fn a_connection_dropped_at_every_await_leaves_all_or_nothing() {
    let script =
        b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<kim@local.test>\r\nDATA\r\nhi\r\n.\r\nQUIT\r\n";
    let mut entered_at_last = 0;
    for polls in 0.. {
        let ledger = Ledger::default();
        let setup = Setup::new(ledger.clone());
        let ended = super::paused(async {
            let (mut client, served) = tokio::io::duplex(4096);
            client.write_all(script).await.unwrap();
            let server = setup.server();
            let (peer, service) = (setup.peer(), setup.service_config());
            poll_some(server.serve_connection(served, peer, service), polls).await
        });
        let entries = ledger.0.lock().unwrap();
        assert_eq!(entries.staged, 0, "after {polls} polls");
        assert!(entries.entered.iter().all(|content| content == b"hi\r\n"), "after {polls} polls");
        assert!(entered_at_last <= entries.entered.len() && entries.entered.len() <= 1);
        entered_at_last = entries.entered.len();
        if ended {
            assert!(2 < polls, "there are awaits to be dropped at");
            break;
        }
    }
    assert_eq!(entered_at_last, 1);
}

/// The client goes away, octet by octet: the same.
#[test]
fn a_client_that_leaves_at_every_octet_leaves_all_or_nothing() {
    let script = b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<kim@local.test>\r\nDATA\r\nhi\r\n.\r\n";
    for sent in 0..=script.len() {
        let ledger = Ledger::default();
        let setup = Setup::new(ledger.clone());
        super::paused(async {
            let (mut client, served) = tokio::io::duplex(4096);
            let serving = serve(setup.server(), served, &setup);
            client.write_all(&script[..sent]).await.unwrap();
            client.shutdown().await.unwrap();
            serving.await.unwrap();
        });
        let entries = ledger.0.lock().unwrap();
        assert_eq!(entries.staged, 0, "after {sent} octets");
        assert_eq!(entries.entered.len(), usize::from(sent == script.len()), "after {sent} octets");
    }
}

fn envelope(recipients: &[&str]) -> Envelope {
    let mut envelope = Envelope::new(ReversePath::Null, UnixMillis(0));
    envelope.recipients = recipients
        .iter()
        .map(|name| Recipient {
            path: ForwardPath::parse(&format!("<{name}@local.test>")).unwrap().into_owned(),
            params: smtp_server::proto::RcptParams::default(),
            class: RecipientClass::Local,
        })
        .collect();
    envelope
}

fn maildir(below: &Path) -> Maildir {
    let below = below.to_owned();
    Maildir::new("mx.test", move |recipient: &Recipient| {
        let name = recipient.path.mailbox()?.local_part.unquoted().into_owned();
        Some(below.join(name))
    })
}

fn files(directory: &Path) -> Vec<Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    entries.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect()
}

/// What is in the mailboxes when the delivery was dropped after so many polls.
struct Outcome {
    ended: bool,
    /// The body had said its end.
    committing: bool,
    new: Vec<Vec<Vec<u8>>>,
    left_over: usize,
}

fn deliver_and_drop(content: &[Bytes], names: &[&str], service: Service, polls: usize) -> Outcome {
    let below = tempfile::tempdir().unwrap();
    let committing = Arc::new(Mutex::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ended = runtime.block_on(async {
        let pieces = content.iter().cloned().collect();
        let mut source = Slow { pieces, waited: false, ended: committing.clone() };
        let mut body = Body::new(&mut source, Vec::new());
        let info = SessionInfo::new("mx.test", service, smtp_server::Peer::default());
        let delivery = maildir(below.path());
        poll_some(delivery.deliver(envelope(names), &mut body, &info), polls).await
    });
    // Work that was begun on the blocking pool ends by itself.
    runtime.shutdown_timeout(Duration::from_secs(20));
    let of = |sub: &str| {
        names.iter().map(|name| files(&below.path().join(name).join(sub))).collect::<Vec<_>>()
    };
    let left_over = of("tmp").iter().map(Vec::len).sum::<usize>();
    let committing = *committing.lock().unwrap();
    Outcome { ended, committing, new: of("new"), left_over }
}

fn check_maildir(content: &[Bytes], names: &[&str], service: Service) {
    let expected = String::from_utf8(content.concat()).unwrap().replace("\r\n", "\n").into_bytes();
    for polls in 0.. {
        let outcome = deliver_and_drop(content, names, service, polls);
        let context = format!("{service} {names:?}, dropped after {polls} polls");
        assert_eq!(outcome.left_over, 0, "tmp/: {context}");
        let counts = outcome.new.iter().map(Vec::len).collect::<Vec<_>>();
        assert!(counts.iter().all(|count| *count <= 1), "{context}: {counts:?}");
        assert!(outcome.new.iter().flatten().all(|file| file.ends_with(&expected)), "{context}");
        if !outcome.committing {
            assert!(counts.iter().all(|count| *count == 0), "before the commit: {context}");
        }
        assert!(counts.iter().all(|count| *count == counts[0]), "all or none: {context}");
        if outcome.ended {
            assert_eq!(counts, vec![1; names.len()], "{context}");
            assert!(content.len() < polls, "{context}");
            return;
        }
    }
}

#[test]
fn a_maildir_dropped_at_every_await_holds_all_or_nothing() {
    let content =
        [Bytes::from("Subject: x\r\n\r\n"), Bytes::from("one\r\n"), Bytes::from("two\r\n")];
    for service in [Service::Smtp, Service::Lmtp] {
        check_maildir(&content, &["kim"], service);
        check_maildir(&content, &["kim", "lee", "max"], service);
    }
}

/// The same for a message that is too large for memory, which goes to a file below `tmp/` meanwhile.
#[test]
fn a_spilled_message_dropped_at_every_await_leaves_no_file() {
    let content = vec![Bytes::from("x".repeat(998) + "\r\n").repeat(100).into(); 8];
    check_maildir(&content, &["kim", "lee"], Service::Smtp);
}

/// Delivers "hi" to kim and lee, which cannot succeed.
fn refused(below: &Path) -> Rejection {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let result = runtime.block_on(async {
        let mut source = super::body::Pieces::new(&[b"hi\r\n"]);
        let mut body = Body::new(&mut source, Vec::new());
        let info = SessionInfo::new("mx.test", Service::Smtp, smtp_server::Peer::default());
        maildir(below).deliver(envelope(&["kim", "lee"]), &mut body, &info).await
    });
    for left_over in ["kim/new", "kim/tmp", "lee/tmp"] {
        assert!(files(&below.join(left_over)).is_empty(), "{left_over}");
    }
    result.unwrap_err()
}

// rows: 5321-4.2.5-a
#[test]
fn a_maildir_that_cannot_be_written_is_a_transient_refusal_and_leaves_nothing() {
    let below = tempfile::tempdir().unwrap();
    std::fs::write(below.path().join("lee"), b"not a directory").unwrap();
    let rejection = refused(below.path());
    assert!(!rejection.is_permanent() && rejection.detail().is_some(), "{rejection:?}");
    assert!(!rejection.reply().text().contains("directory"), "details stay in the log");
}

/// The first copy was in place already when the second could not be moved: another file system.
#[test]
fn a_copy_is_withdrawn_when_another_recipient_cannot_have_his() {
    let below = tempfile::tempdir().unwrap();
    std::fs::create_dir(below.path().join("lee")).unwrap();
    std::os::unix::fs::symlink("/proc/self", below.path().join("lee/new")).unwrap();
    assert!(!refused(below.path()).is_permanent());
}
