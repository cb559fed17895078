//! The queue as a whole, over a spool in memory: each recipient ends delivered, reported, or is still queued.

mod faults;
mod reports;

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use smtp_queue::spool::memory::MemorySpool;
use smtp_queue::{
    ContentBody, Feedback, Filter, Job, Listed, NextHop, NextHost, Outcome, Outcomes, Queue,
    QueueEvent, QueueName, QueueObserver, RecipientState, Report, Router, SpoolError, Status,
    Transport, async_trait,
};
use smtp_server::proto::{EnhancedCode, ForwardPath, RcptParams, ReversePath};
use smtp_server::{
    Body, BodyError, Delivery, Envelope, Peer, PollChunk, Recipient, RecipientClass, RelayReason,
    Service, SessionInfo, UnixMillis,
};

/// Content in one piece.
struct Whole(Option<Bytes>);

impl PollChunk for Whole {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyError>> {
        Poll::Ready(Ok(self.0.take()))
    }
}

/// Everything goes to the transport `test`; what is in `remote.test` or `mailhost`, by way of a host; to two domains there is no way.
struct OneWay;

#[async_trait]
impl Router for OneWay {
    async fn route(&self, domain: &str, _: bool) -> Result<NextHop, Outcome> {
        match domain {
            "null.test" => return Err(Outcome::Failed(status((5, 1, 10), "no mail there"))),
            "failing.test" => return Err(Outcome::Deferred(status((4, 4, 3), "try again"))),
            _ => {}
        }
        let mut next_hop = NextHop::on_this_host("test");
        if matches!(domain, "remote.test" | "mailhost") {
            next_hop.hosts = [NextHost { name: "mx.remote.test".into(), address: None }].into();
        }
        Ok(next_hop)
    }
}

/// Does to a recipient what its local-part says; keeps what it delivered.
#[derive(Clone, Default)]
struct Mailboxes(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    delivered: HashMap<String, Vec<String>>,
    attempts: u32,
    /// Recipients that an attempt ended for, whether the transport was asked or not.
    attempted: u32,
    is_open: bool,
    /// Why messages were held.
    held: Vec<String>,
}

impl QueueObserver for Mailboxes {
    fn on_queue_event(&self, event: &QueueEvent<'_>) {
        match event {
            QueueEvent::Attempted { .. } => self.state().attempted += 1,
            QueueEvent::Held { reason, .. } => self.state().held.push((*reason).to_owned()),
            _ => {}
        }
    }
}

#[async_trait]
impl Transport for Mailboxes {
    async fn attempt(&self, job: &Job, outcomes: &mut dyn Outcomes) -> Feedback {
        let mut state = self.state();
        state.attempts += 1;
        for &index in &job.recipients {
            let address = job.entry.recipients[index as usize].address();
            let outcome = match address.split(['@', '.']).next().unwrap_or_default() {
                "silent" => continue,
                "panic" => panic!("on purpose"),
                "unknown" => Outcome::Failed(status((5, 1, 1), "no such user")),
                "late" if !state.is_open => Outcome::Deferred(status((4, 2, 0), "not now")),
                _ => {
                    let ContentBody::Memory(body) = &job.content.body else { unreachable!() };
                    let text = String::from_utf8_lossy(&job.content.fields).into_owned()
                        + &String::from_utf8_lossy(body);
                    state.delivered.entry(address).or_default().push(text);
                    Outcome::Delivered(status((2, 0, 0), "delivered"))
                }
            };
            outcomes.report(Report::without_attempt(index, outcome));
        }
        Feedback::Reached
    }
}

impl Mailboxes {
    /// A panic while it was locked is one of those on purpose.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, address: &str) -> Vec<String> {
        self.state().delivered.get(address).cloned().unwrap_or_default()
    }
}

fn status((class, subject, detail): (u8, u16, u16), text: &str) -> Status {
    let code = EnhancedCode::new(class, subject, detail);
    Status { code, text: text.to_owned(), reply: None, remote: None }
}

fn queue(mailboxes: &Mailboxes) -> Queue {
    let spool = MemorySpool::new(1 << 20);
    Queue::builder("mx.example.org")
        .unwrap()
        .router(OneWay)
        .transport("test", mailboxes.clone())
        .observer(mailboxes.clone())
        .local_domains(|domain| domain.as_str() == "local.test")
        .open(|rows| {
            let last = spool.rows(rows);
            Ok::<_, SpoolError>((spool, last))
        })
        .unwrap()
}

fn envelope(queue: &Queue, from: &'static str, to: &[&'static str]) -> Envelope {
    let now = UnixMillis::system();
    let mut envelope = Envelope::new(ReversePath::parse(from).unwrap(), now);
    envelope.queue_id = Some(queue.ids().next(now));
    envelope.recipients = to
        .iter()
        .map(|path| Recipient {
            path: ForwardPath::parse(path).unwrap(),
            params: RcptParams::default(),
            class: match path.ends_with("@local.test>") {
                true => RecipientClass::Local,
                false => RecipientClass::Relay { because: RelayReason::Other("test".into()) },
            },
        })
        .collect();
    envelope
}

async fn submit(queue: &Queue, envelope: Envelope) {
    let mut content = Whole(Some(Bytes::from_static(b"Subject: hello\r\n\r\nHello.\r\n")));
    let mut body = Body::new(&mut content, Vec::new());
    let info = SessionInfo::new("mx.example.org", Service::Smtp, Peer::default());
    queue.deliver(envelope, &mut body, &info).await.unwrap();
}

/// Waits until attempts for so many recipients ended, and so many rows wait for the next one.
async fn deferred(queue: &Queue, mailboxes: &Mailboxes, attempted: u32, rows: u64) {
    let waits = || mailboxes.state().attempted == attempted && queue.counts().deferred == rows;
    until(queue, waits).await;
}

/// Waits until the condition holds, while the queue runs; panics if it does not within a minute.
async fn until(queue: &Queue, mut holds: impl FnMut() -> bool) {
    let waited = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = queue.run(pending(), Duration::ZERO) => unreachable!(),
        done = tokio::time::timeout(Duration::from_mins(1), waited) => done.unwrap(),
    }
}

#[tokio::test]
async fn a_message_is_delivered_and_gone() {
    let mailboxes = Mailboxes::default();
    let queue = queue(&mailboxes);
    let to = ["<kim@local.test>", "<lee@local.test>", "<kim@other.test>"];
    submit(&queue, envelope(&queue, "<a@b.test>", &to)).await;
    assert_eq!(queue.counts().total(), 2, "a row for each domain");
    until(&queue, || queue.counts().total() == 0).await;
    for address in ["kim@local.test", "lee@local.test", "kim@other.test"] {
        assert_eq!(mailboxes.of(address), ["Subject: hello\r\n\r\nHello.\r\n"], "{address}");
    }
    assert_eq!(mailboxes.state().attempts, 2);
}

#[tokio::test]
async fn what_is_deferred_is_tried_again_and_nothing_else_is() {
    let mailboxes = Mailboxes::default();
    let queue = queue(&mailboxes);
    let envelope = envelope(&queue, "<a@b.test>", &["<late@local.test>", "<kim@local.test>"]);
    let id = envelope.queue_id.unwrap();
    submit(&queue, envelope).await;
    deferred(&queue, &mailboxes, 2, 1).await;
    let shown = queue.show(id).await.unwrap().entry;
    let states: Vec<_> = shown.recipients.iter().map(|one| one.state.is_pending()).collect();
    assert_eq!(states, [true, false]);
    mailboxes.state().is_open = true;
    assert_eq!(queue.flush(&Filter::default()), 1);
    until(&queue, || queue.counts().total() == 0).await;
    assert_eq!(
        (mailboxes.of("late@local.test").len(), mailboxes.of("kim@local.test").len()),
        (1, 1)
    );
    assert!(matches!(queue.show(id).await, Err(SpoolError::NotFound(_))));
}

#[tokio::test]
async fn the_sender_hears_of_a_failure_and_nobody_of_a_failed_report() {
    let mailboxes = Mailboxes::default();
    let queue = queue(&mailboxes);
    submit(&queue, envelope(&queue, "<kim@local.test>", &["<unknown@other.test>"])).await;
    until(&queue, || queue.counts().total() == 0 && !mailboxes.of("kim@local.test").is_empty())
        .await;
    let [report] = mailboxes.of("kim@local.test").try_into().unwrap();
    for part in [
        "From: ",
        "multipart/report",
        "Final-Recipient: rfc822; unknown@other.test",
        "Status: 5.1.1",
    ] {
        assert!(report.contains(part), "{part} in {report}");
    }
    submit(&queue, envelope(&queue, "<unknown@local.test>", &["<unknown@other.test>"])).await;
    until(&queue, || queue.counts().total() == 0).await;
    let postmaster = mailboxes.of("postmaster");
    assert_eq!(postmaster.len(), 1, "a report that cannot be delivered goes to the postmaster");
}

#[tokio::test]
async fn what_has_no_next_hop_is_told_to_observers_too() {
    let mailboxes = Mailboxes::default();
    let queue = queue(&mailboxes);
    let to = ["<kim@null.test>", "<kim@failing.test>", "<lee@failing.test>"];
    submit(&queue, envelope(&queue, "<kim@local.test>", &to)).await;
    // One more is the report's own.
    deferred(&queue, &mailboxes, 4, 1).await;
    let [report] = mailboxes.of("kim@local.test").try_into().unwrap();
    assert!(report.contains("Status: 5.1.10"), "{report}");
}

#[tokio::test]
async fn a_transport_that_panics_or_says_nothing_loses_no_mail() {
    let mailboxes = Mailboxes::default();
    let queue = queue(&mailboxes);
    submit(&queue, envelope(&queue, "<a@b.test>", &["<panic@local.test>", "<kim@local.test>"]))
        .await;
    submit(&queue, envelope(&queue, "<a@b.test>", &["<silent@other.test>"])).await;
    deferred(&queue, &mailboxes, 3, 2).await;
    assert_eq!(mailboxes.of("kim@local.test").len(), 0);
}

// rows: 5321-2.3.5-a
#[tokio::test]
async fn a_local_recipient_never_leaves_whatever_the_router_says() {
    for path in ["<kim@remote.test>", "<bob@mailhost>"] {
        let mailboxes = Mailboxes::default();
        let queue = queue(&mailboxes);
        let mut envelope = envelope(&queue, "<a@b.test>", &[path]);
        envelope.recipients[0].class = RecipientClass::Local;
        let id = envelope.queue_id.unwrap();
        submit(&queue, envelope).await;
        deferred(&queue, &mailboxes, 1, 1).await;
        let shown = queue.show(id).await.unwrap().entry;
        let RecipientState::Pending(Some(status)) = &shown.recipients[0].state else {
            panic!("{shown:?}")
        };
        assert_eq!(status.code, EnhancedCode::new(4, 3, 5));
        assert_eq!(mailboxes.state().attempts, 0);
    }
}

#[tokio::test]
async fn an_operator_holds_releases_and_deletes() {
    let mailboxes = Mailboxes::default();
    let queue = queue(&mailboxes);
    let mut held = envelope(&queue, "<a@b.test>", &["<kim@local.test>"]);
    held.handling.hold = Some("look at it".to_owned());
    let id = held.queue_id.unwrap();
    submit(&queue, held).await;
    let other = envelope(&queue, "<a@b.test>", &["<late@local.test>"]);
    let late = other.queue_id.unwrap();
    submit(&queue, other).await;
    deferred(&queue, &mailboxes, 1, 1).await;
    assert_eq!(queue.counts().hold, 1);
    assert_eq!(queue.release(id).await.unwrap(), 1);
    assert_eq!(queue.delete(late).await.unwrap(), 1);
    until(&queue, || queue.counts().total() == 0).await;
    assert_eq!(
        (mailboxes.of("kim@local.test").len(), mailboxes.of("late@local.test").len()),
        (1, 0)
    );
    assert!(matches!(queue.hold(late, "").await, Err(SpoolError::NotFound(_))));
    assert!(matches!(queue.show(late).await, Err(SpoolError::NotFound(_))));
}

#[tokio::test]
async fn a_listing_has_each_message_once_with_its_queue_and_its_reason() {
    let mailboxes = Mailboxes::default();
    let queue = queue(&mailboxes);
    let mut late = Vec::new();
    for _ in 0..1500 {
        let to = ["<late@local.test>", "<late@other.test>"];
        let envelope = envelope(&queue, "<a@b.test>", &to);
        late.push(envelope.queue_id.unwrap());
        submit(&queue, envelope).await;
    }
    let mut held = envelope(&queue, "<a@b.test>", &["<kim@other.test>"]);
    held.handling.hold = Some("look at it".to_owned());
    let held_id = held.queue_id.unwrap();
    submit(&queue, held).await;
    deferred(&queue, &mailboxes, 3000, 3000).await;

    let mut entries = queue.entries(Filter::default());
    let (mut listed, mut places) = (Vec::new(), Vec::new());
    while let Some(message) = entries.next().await {
        let Listed { message, queue } = message.unwrap();
        for recipient in &message.entry.recipients {
            let RecipientState::Pending(status) = &recipient.state else { panic!("{recipient:?}") };
            assert_eq!(status.is_some(), queue == QueueName::Deferred, "{recipient:?}");
        }
        listed.push(message.entry.id);
        places.extend((queue != QueueName::Deferred).then_some((message.entry.id, queue)));
    }
    listed.sort_unstable();
    late.push(held_id);
    assert_eq!(listed, late);
    assert_eq!(places, [(held_id, QueueName::Hold)]);

    let other = Filter { domain: Some("other.test".to_owned()), ..Filter::default() };
    let mut entries = queue.entries(other);
    assert_eq!(std::iter::from_fn(|| entries.next_id()).count(), 1501);
    let mut one = queue.entries(Filter { id: Some(held_id), ..Filter::default() });
    assert_eq!((one.next_id(), one.next_id()), (Some(held_id), None));
}

#[tokio::test]
async fn an_expired_message_goes_back_at_once() {
    let mailboxes = Mailboxes::default();
    let queue = queue(&mailboxes);
    let envelope = envelope(&queue, "<kim@local.test>", &["<late@other.test>"]);
    let id = envelope.queue_id.unwrap();
    submit(&queue, envelope).await;
    deferred(&queue, &mailboxes, 1, 1).await;
    assert_eq!(queue.expire(id).await.unwrap(), 1);
    until(&queue, || queue.counts().total() == 0 && !mailboxes.of("kim@local.test").is_empty())
        .await;
    let [report] = mailboxes.of("kim@local.test").try_into().unwrap();
    assert!(report.contains("Status: 4.2.0") && report.contains("Action: failed"), "{report}");
}
