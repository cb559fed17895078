//! A spool that is slow or fails in one call: no recipient is lost by it, and nothing goes on for ever.

use std::collections::VecDeque;

use smtp_queue::{Change, ContentWriter, Opened, Spool};
use smtp_server::QueueId;

use super::*;

/// What goes wrong with the next calls.
#[derive(Clone, Default)]
struct Trouble(Arc<Mutex<Plan>>);

#[derive(Default)]
struct Plan {
    opens: VecDeque<Open>,
    /// How many sets of outcomes are refused.
    refusals: u32,
    /// How long the next set takes.
    delay: Duration,
    opened: u32,
}

enum Open {
    After(Duration),
    Damaged,
}

struct Troubled {
    spool: MemorySpool,
    trouble: Trouble,
}

impl Trouble {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap()
    }
}

#[async_trait]
impl Spool for Troubled {
    fn writer(&self, bytes_expected: u64) -> Result<Box<dyn ContentWriter>, SpoolError> {
        self.spool.writer(bytes_expected)
    }

    async fn apply(&self, changes: Vec<Change>) -> Result<(), SpoolError> {
        let delay = std::mem::take(&mut self.trouble.plan().delay);
        tokio::time::sleep(delay).await;
        let is_outcome = changes.iter().any(|change| matches!(change, Change::Recipients { .. }));
        let last = changes.len() > 1 && matches!(changes[0], Change::Remove(_));
        if (is_outcome || last) && self.trouble.plan().refusals != 0 {
            self.trouble.plan().refusals -= 1;
            return Err(SpoolError::Full);
        }
        self.spool.commit(changes)
    }

    async fn open(&self, id: QueueId) -> Result<Opened, SpoolError> {
        let next = self.trouble.plan().opens.pop_front();
        self.trouble.plan().opened += 1;
        match next {
            Some(Open::After(delay)) => tokio::time::sleep(delay).await,
            Some(Open::Damaged) => {
                return Err(SpoolError::Damaged { id, reason: "its body".to_owned() });
            }
            None => {}
        }
        self.spool.read(id)
    }
}

#[expect(clippy::disallowed_methods, reason = "the paused clock of the runtime")]
fn troubled(mailboxes: &Mailboxes, recipients_max: u32) -> (Queue, Trouble) {
    let trouble = Trouble::default();
    let spool = Troubled { spool: MemorySpool::new(1 << 20), trouble: trouble.clone() };
    let config = smtp_queue::ManagerConfig {
        default_destination_recipient_limit: recipients_max,
        ..smtp_queue::ManagerConfig::default()
    };
    let begun = tokio::time::Instant::now();
    let queue = Queue::builder("mx.example.org")
        .unwrap()
        .router(OneWay)
        .transport("test", mailboxes.clone())
        .observer(mailboxes.clone())
        .config(config)
        .clock(move || {
            UnixMillis(1_700_000_000_000 + u64::try_from(begun.elapsed().as_millis()).unwrap())
        })
        .local_domains(|domain| domain.as_str() == "local.test")
        .open(|_| Ok::<_, SpoolError>((spool, QueueId(0))))
        .unwrap();
    (queue, trouble)
}

/// An envelope of the queue's own time.
fn brought(queue: &Queue, from: &'static str, to: &[&'static str]) -> Envelope {
    let mut envelope = envelope(queue, from, to);
    envelope.arrived = UnixMillis(1_700_000_000_000);
    envelope
}

/// Lets virtual time pass while the queue runs.
async fn pass(queue: &Queue, time: Duration) {
    tokio::select! {
        () = queue.run(pending(), Duration::ZERO) => unreachable!(),
        () = tokio::time::sleep(time) => {}
    }
}

#[tokio::test(start_paused = true)]
async fn deliveries_of_a_round_share_its_recipients_however_slow_the_spool_is() {
    let mailboxes = Mailboxes::default();
    let (queue, trouble) = troubled(&mailboxes, 1);
    let to = ["<late.1@local.test>", "<late.2@local.test>", "<late.3@local.test>"];
    let to_late = brought(&queue, "<a@b.test>", &to);
    submit(&queue, to_late).await;
    pass(&queue, Duration::from_secs(10)).await;
    assert_eq!(mailboxes.state().attempted, 3);
    mailboxes.state().is_open = true;
    // By the time the second delivery has its content, the first one is done.
    trouble.plan().opens = [0, 60, 60].map(|secs| Open::After(Duration::from_secs(secs))).into();
    queue.flush(&Filter::default());
    pass(&queue, Duration::from_secs(3600)).await;
    assert_eq!(queue.counts().total(), 0);
    for address in ["late.1@local.test", "late.2@local.test", "late.3@local.test"] {
        assert_eq!(mailboxes.of(address).len(), 1, "{address}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_spool_was_not_told_is_neither_repeated_nor_removed() {
    let mailboxes = Mailboxes::default();
    let (queue, trouble) = troubled(&mailboxes, 50);
    // With a report of the failure, and with nobody to report to.
    for to in
        [["<kim@local.test>", "<unknown@local.test>"], ["<lee@local.test>", "<late@local.test>"]]
    {
        trouble.plan().refusals = 1;
        mailboxes.state().is_open = false;
        let envelope = brought(&queue, "<pat@local.test>", &to);
        let id = envelope.queue_id.unwrap();
        submit(&queue, envelope).await;
        pass(&queue, Duration::from_secs(60)).await;
        mailboxes.state().is_open = true;
        pass(&queue, Duration::from_secs(3600)).await;
        assert_eq!(queue.counts().total(), 0, "{to:?}");
        assert!(queue.show(id).await.is_ok(), "the next start finds it");
        assert_eq!(mailboxes.of("pat@local.test").len(), 0, "no report that is not durable");
    }
    for address in ["kim@local.test", "lee@local.test", "late@local.test"] {
        assert_eq!(mailboxes.of(address).len(), 1, "{address}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_damaged_message_is_held_and_can_be_deleted() {
    let mailboxes = Mailboxes::default();
    let (queue, trouble) = troubled(&mailboxes, 50);
    let envelope = brought(&queue, "<pat@local.test>", &["<late@local.test>"]);
    let id = envelope.queue_id.unwrap();
    submit(&queue, envelope).await;
    pass(&queue, Duration::from_secs(60)).await;
    trouble.plan().opens.push_back(Open::Damaged);
    pass(&queue, Duration::from_secs(7 * 86_400)).await;
    assert_eq!((queue.counts().hold, trouble.plan().opened), (1, 1), "not tried again");
    assert_eq!(mailboxes.state().held, [format!("message {id} is damaged: its body")]);
    // Released it is too old, and is returned; that fails likewise.
    trouble.plan().opens.push_back(Open::Damaged);
    queue.release(id).await.unwrap();
    pass(&queue, Duration::from_secs(86_400)).await;
    assert_eq!((queue.counts().hold, trouble.plan().opened), (1, 2));
    assert!(queue.show(id).await.is_ok(), "it is in the spool as it was");
    assert_eq!(queue.delete(id).await.unwrap(), 1);
    assert_eq!(queue.counts().total(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_return_that_is_not_durable_makes_room_for_others() {
    let mailboxes = Mailboxes::default();
    let (queue, trouble) = troubled(&mailboxes, 50);
    let envelope = brought(&queue, "<pat@local.test>", &["<late@local.test>"]);
    let id = envelope.queue_id.unwrap();
    submit(&queue, envelope).await;
    pass(&queue, Duration::from_secs(60)).await;
    trouble.plan().refusals = 1;
    queue.expire(id).await.unwrap();
    pass(&queue, Duration::from_secs(60)).await;
    assert_eq!((queue.counts().hold, mailboxes.of("pat@local.test").len()), (1, 0));
    queue.release(id).await.unwrap();
    pass(&queue, Duration::from_secs(60)).await;
    assert_eq!((queue.counts().total(), mailboxes.of("pat@local.test").len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn an_operation_is_made_although_nobody_waits_for_it() {
    let mailboxes = Mailboxes::default();
    let (queue, trouble) = troubled(&mailboxes, 50);
    let envelope = brought(&queue, "<a@b.test>", &["<late@local.test>"]);
    let id = envelope.queue_id.unwrap();
    submit(&queue, envelope).await;
    pass(&queue, Duration::from_secs(60)).await;
    trouble.plan().delay = Duration::from_secs(2);
    let held = queue.hold(id, "wait");
    assert!(tokio::time::timeout(Duration::from_secs(1), held).await.is_err());
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(queue.counts().hold, 1);
    assert_eq!(queue.show(id).await.unwrap().entry.hold.as_deref(), Some("wait"));
}
