//! Short words for histories of a spool, the spools that run them, and what can be seen of a spool.

use std::fmt::Write as _;
use std::sync::Arc;

use smtp_proto::{Command, EnhancedCode, Reply, ReplyCode};
use smtp_queue::spool::files::FileStore;
use smtp_queue::spool::log::LogStore;
use smtp_queue::spool::memory::MemorySpool;
use smtp_queue::spool::sim::SimVfs;
use smtp_queue::spool::{Damage, Options, Store};
use smtp_queue::{
    Change, ContentBody, NewMessage, NextHost, Opened, QueueEntry, QueuedRecipient, RecipientState,
    Row, RowKey, Schedule, SpoolError, StagedBody, StagedContent, Status,
};
use smtp_server::{QueueId, Recipient, RecipientClass, RelayReason, UnixMillis};

/// A set of changes in short. Messages are numbered from 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// A message with a short body.
    Accept(u64),
    /// Two at once.
    AcceptTwo(u64, u64),
    /// A message with a body in a file of its own.
    AcceptLarge(u64),
    /// A recipient of the first is given up, and the second reports it.
    Bounce(u64, u64),
    /// A recipient of it was deferred, and its row is due later.
    Defer(u64, u16),
    Hold(u64),
    Release(u64),
    Remove(u64),
    /// Delivered, and gone.
    Finish(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Log,
    /// The log with room for eight messages in a segment.
    WideLog,
    Files,
}

/// A spool that is open, and what it said when it was opened.
pub(crate) struct World {
    pub(crate) store: Box<dyn Store>,
    pub(crate) rows: Vec<String>,
    pub(crate) largest: QueueId,
    pub(crate) damage: Vec<Damage>,
}

/// Sizes at which a few messages fill a segment.
pub(crate) fn small() -> Options {
    let mut options = Options::default();
    options.inline_bytes_max = 64;
    options.segment_bytes = 1500;
    options.state_bytes = 400;
    options.free_bytes_min = 1;
    options.free_inodes_min = 1;
    options
}

impl World {
    pub(crate) fn open(
        backend: Backend,
        disk: &SimVfs,
        options: Options,
    ) -> Result<Self, SpoolError> {
        let (mut rows, mut damage) = (Vec::new(), Vec::new());
        let vfs = Arc::new(disk.clone());
        let mut give = |row: Row<'_>| rows.push(format!("{row:?}"));
        let mut damaged = |one: Damage| damage.push(one);
        let (store, largest): (Box<dyn Store>, _) = match backend {
            Backend::Log | Backend::WideLog => {
                let mut options = options;
                if backend == Backend::WideLog {
                    options.segment_bytes = 6000;
                }
                let (store, id) = LogStore::open(vfs, options, &mut give, &mut damaged)?;
                (Box::new(store), id)
            }
            Backend::Files => {
                let (store, id) = FileStore::open(vfs, options, &mut give, &mut damaged)?;
                (Box::new(store), id)
            }
        };
        rows.sort_unstable();
        Ok(Self { store, rows, largest, damage })
    }

    /// Commits sets at once; large bodies are staged first.
    pub(crate) fn commit(&self, ops: &[Op]) -> Vec<Result<(), SpoolError>> {
        let sets = ops.iter().map(|op| {
            let large = match op {
                Op::AcceptLarge(number) => Some(self.stage(*number)?),
                _ => None,
            };
            Ok(changes(*op, large))
        });
        match sets.collect::<Result<Vec<_>, _>>() {
            Ok(sets) => self.store.commit(sets),
            Err(error) => vec![Err(error)],
        }
    }

    fn stage(&self, number: u64) -> Result<StagedBody, SpoolError> {
        let mut staging = self.store.stage()?;
        let body = large_body(number);
        let (one, two) = body.split_at(body.len() / 3);
        staging.write(one)?;
        staging.write(two)?;
        staging.finish()
    }

    /// All that can be seen of messages 1 to `last`.
    pub(crate) fn seen(&self, last: u64) -> String {
        seen(last, |id| self.store.open(id))
    }
}

/// What the model shows of a history.
pub(crate) struct Model(MemorySpool);

impl Model {
    pub(crate) fn of(ops: &[Op]) -> Self {
        let model = Self(MemorySpool::new(u64::MAX));
        for op in ops {
            // A set that cannot be made is not made by any spool.
            let _ = model.0.commit(changes(*op, None));
        }
        model
    }

    pub(crate) fn seen(&self, last: u64) -> String {
        seen(last, |id| self.0.read(id))
    }

    pub(crate) fn rows(&self) -> Vec<String> {
        let mut rows = Vec::new();
        self.0.rows(&mut |row| rows.push(format!("{row:?}")));
        rows.sort_unstable();
        rows
    }
}

fn seen(last: u64, open: impl Fn(QueueId) -> Result<Opened, SpoolError>) -> String {
    let mut text = String::new();
    for number in 1..=last {
        match open(id(number)) {
            Ok(Opened { entry, content }) => {
                let body = octets(&content.body);
                let _ = writeln!(text, "{entry:?}\n{:?}\n{}", content.fields, crc32c(&body));
            }
            Err(SpoolError::NotFound(_)) => {}
            Err(error) => text.push_str(&error.to_string()),
        }
    }
    text
}

/// Enough to tell bodies apart.
fn crc32c(octets: &[u8]) -> u64 {
    octets.iter().fold(octets.len() as u64, |sum, &octet| {
        sum.wrapping_mul(0x100_0000_01b3) ^ u64::from(octet)
    })
}

pub(crate) fn octets(body: &ContentBody) -> Vec<u8> {
    match body {
        ContentBody::Memory(octets) => octets.to_vec(),
        ContentBody::Stored(stored) => {
            let mut octets = vec![0; usize::try_from(stored.bytes()).unwrap()];
            let mut filled = 0;
            while filled < octets.len() {
                match stored.read_at(&mut octets[filled..], filled as u64) {
                    Ok(0) | Err(_) => break,
                    Ok(read) => filled += read,
                }
            }
            octets.truncate(filled);
            octets
        }
    }
}

pub(crate) fn id(number: u64) -> QueueId {
    QueueId(0x0005_0000_0000_0000 + number)
}

fn large_body(number: u64) -> Vec<u8> {
    let octet = |at: u64| u8::try_from((at * (number + 7)) % 251).unwrap();
    (0..1300 + number).map(octet).collect()
}

/// The changes of a set. Without a staged body a large one is inline, as the model has it.
pub(crate) fn changes(op: Op, large: Option<StagedBody>) -> Vec<Change> {
    let small = |number: u64| StagedBody::Inline(format!("Body of {number}.\r\n").into());
    match op {
        Op::Accept(number) => vec![accept(number, small(number))],
        Op::AcceptTwo(one, two) => vec![accept(one, small(one)), accept(two, small(two))],
        Op::AcceptLarge(number) => {
            let inline = || StagedBody::Inline(large_body(number).into());
            vec![accept(number, large.unwrap_or_else(inline))]
        }
        Op::Bounce(of, number) => vec![
            Change::Recipients { id: id(of), states: vec![(1, RecipientState::Failed)] },
            accept(number, small(number)),
        ],
        Op::Defer(number, attempts) => {
            let state = RecipientState::Pending(Some(Box::new(status(attempts))));
            let key = RowKey { id: id(number), row: 0 };
            let due = UnixMillis(1_800_000_000_000 + u64::from(attempts));
            vec![
                Change::Recipients { id: id(number), states: vec![(0, state)] },
                Change::Schedule(Schedule { key, due, attempts }),
                Change::DelayWarned(id(number)),
            ]
        }
        Op::Hold(number) => vec![Change::Hold { id: id(number), reason: "no\nhurry".into() }],
        Op::Release(number) => vec![Change::Release(id(number)), Change::Expire(id(number))],
        Op::Remove(number) => vec![Change::Remove(id(number))],
        Op::Finish(number) => vec![
            Change::Recipients { id: id(number), states: vec![(0, RecipientState::Delivered)] },
            Change::Remove(id(number)),
        ],
    }
}

fn status(attempts: u16) -> Status {
    let code = ReplyCode::new(451).unwrap();
    let enhanced = Some(EnhancedCode::new(4, 7, 1));
    Status {
        code: EnhancedCode::new(4, 7, 1),
        text: format!("host mx.example said: later\t({attempts})"),
        reply: Some(Reply::new(code, enhanced, "later\nplease")),
        remote: Some(NextHost {
            name: "mx.example".into(),
            address: Some("192.0.2.1:25".parse().unwrap()),
        }),
    }
}

/// A message with three recipients in two rows; each third one is a report.
pub(crate) fn accept(number: u64, body: StagedBody) -> Change {
    let mail = match number % 3 {
        0 => "MAIL FROM:<>".to_owned(),
        _ => format!("MAIL FROM:<kim{number}@example.org> SIZE=77 BY=100;R MT-PRIORITY=-2"),
    };
    let Command::Mail { from, params } = Command::parse(mail.as_bytes()).unwrap() else { panic!() };
    let network = RelayReason::Network("192.0.2.0/24".parse().unwrap());
    let relay = RecipientClass::Relay { because: network };
    let recipients = [
        ("RCPT TO:<lee@Example.NET> NOTIFY=FAILURE,DELAY", relay.clone()),
        ("RCPT TO:<pat@example.com> ORCPT=rfc822;x+2By@example.com", RecipientClass::Local),
        ("RCPT TO:<\"q q\"@example.net>", relay),
    ];
    let recipients = recipients.map(|(line, class)| {
        let Command::Rcpt { to, params } = Command::parse(line.as_bytes()).unwrap() else {
            panic!()
        };
        let recipient = Recipient { path: to.into_owned(), params: params.into_owned(), class };
        QueuedRecipient { recipient, state: RecipientState::Pending(None) }
    });
    let arrived = UnixMillis(1_700_000_000_000 + number);
    let entry = QueueEntry {
        id: id(number),
        arrived,
        reverse_path: from.into_owned(),
        params: params.into_owned(),
        recipients: recipients.into(),
        content_bytes: 100 + number,
        hold: number.is_multiple_of(4).then(|| "held at first".to_owned()),
        filter: None,
        delay_warned: false,
        expired: false,
    };
    let content = StagedContent { fields: format!("Received: {number}\r\n").into(), body };
    let due = vec![arrived, UnixMillis(arrived.0 + 1)];
    Change::Accept(Box::new(NewMessage { entry, content, due }))
}
