//! The spool at its API: what group commit gains when a flush takes time, and what opening a large spool takes.
//!
//! * `commit` (the default): 64 tasks into the log, and one writer into a file for each message, on the same disk with a
//!   modelled flush of 1 ms and of 10 ms behind each sync. Fails unless the log is 20 times as fast.
//! * `recovery [MESSAGES]`: as many messages of 4 KB (1,000,000; about 4.4 GB in the directory for temporary files),
//!   each of them tried once; then how long opening takes with a warm cache.

#![expect(clippy::expect_used, reason = "a benchmark ends with whatever is wrong")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use smtp_proto::Command;
use smtp_queue::spool::files::FileStore;
use smtp_queue::spool::log::LogStore;
use smtp_queue::spool::vfs::{Disk, Room, Vfs, VfsFile};
use smtp_queue::spool::{Options, Store, ThreadedSpool};
use smtp_queue::{
    Change, NewMessage, QueueEntry, QueuedRecipient, RecipientState, RowKey, Schedule, Spool,
    StagedBody, StagedContent,
};
use smtp_server::{IdSource, QueueId, Recipient, RecipientClass, UnixMillis};

const TASKS: u64 = 64;
const RATIO_MIN: f64 = 20.0;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    match arguments.next().as_deref() {
        Some("recovery") => {
            let messages = arguments.next().and_then(|messages| messages.parse().ok());
            recovery(messages.unwrap_or(1_000_000));
            ExitCode::SUCCESS
        }
        _ => commit(),
    }
}

fn commit() -> ExitCode {
    let mut is_met = true;
    for millis in [1, 10] {
        let flush = Duration::from_millis(millis);
        let log = with_log(flush, 400 / millis.min(4));
        let files = with_files(flush, 400 / millis);
        let ratio = log / files;
        println!(
            "flush of {millis} ms: log with {TASKS} tasks {log:.0} messages/s, files with one writer \
             {files:.0} messages/s, ratio {ratio:.1} (at least {RATIO_MIN})"
        );
        is_met &= RATIO_MIN <= ratio;
    }
    if is_met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Messages per second that the log makes durable for [`TASKS`] tasks.
fn with_log(flush: Duration, each: u64) -> f64 {
    let dir = Dir::new("log");
    let options = Options::default();
    let (store, _) =
        LogStore::open(slow(&dir, flush), options, &mut |_| {}, &mut |_| {}).expect("opens");
    let spool = Arc::new(ThreadedSpool::start(store).expect("starts"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
    let runtime = runtime.expect("a runtime");
    let begin = Instant::now();
    let tasks = (0..TASKS).map(|task| {
        let spool = spool.clone();
        runtime.spawn(async move {
            for number in 0..each {
                let set = vec![accept(1 + task * each + number)];
                spool.apply(set).await.expect("is durable");
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        runtime.block_on(task).expect("a task ends");
    }
    per_second(TASKS * each, begin)
}

/// Messages per second that one writer makes durable, each in its file.
fn with_files(flush: Duration, messages: u64) -> f64 {
    let dir = Dir::new("files");
    let options = Options::default();
    let (store, _) =
        FileStore::open(slow(&dir, flush), options, &mut |_| {}, &mut |_| {}).expect("opens");
    let begin = Instant::now();
    for number in 1..=messages {
        for answer in store.commit(vec![vec![accept(number)]]) {
            answer.expect("is durable");
        }
    }
    per_second(messages, begin)
}

fn recovery(messages: u64) {
    let dir = Dir::new("recovery");
    let disk = || Arc::new(Disk::new(&dir.0).expect("a directory"));
    let options = Options::default();
    let (store, _) = LogStore::open(disk(), options, &mut |_| {}, &mut |_| {}).expect("opens");
    let begin = Instant::now();
    for first in (1..=messages).step_by(1000) {
        let ids = first..(first + 1000).min(messages + 1);
        let accepted = ids.clone().map(|number| vec![accept(number)]).collect();
        let deferred = ids.map(|number| vec![defer(number)]).collect();
        for set in [accepted, deferred] {
            for answer in store.commit(set) {
                answer.expect("is durable");
            }
        }
    }
    println!("{messages} messages written at {:.0} messages/s", per_second(messages, begin));
    drop(store);
    for _ in 0..3 {
        let begin = Instant::now();
        let mut rows = 0_u64;
        let (store, last) =
            LogStore::open(disk(), options, &mut |_| rows += 1, &mut |_| {}).expect("opens");
        println!("opened in {:.2} s, {rows} rows", begin.elapsed().as_secs_f64());
        assert_eq!((rows, last), (messages, QueueId(messages)));
        drop(store);
    }
}

fn per_second(messages: u64, begin: Instant) -> f64 {
    messages as f64 / begin.elapsed().as_secs_f64()
}

fn accept(number: u64) -> Change {
    let domain = format!("RCPT TO:<kim@host{}.example>", number % 1000);
    let (Ok(Command::Mail { from, params }), Ok(Command::Rcpt { to, params: rcpt })) =
        (Command::parse(b"MAIL FROM:<lee@example.org>"), Command::parse(domain.as_bytes()))
    else {
        unreachable!("both parse")
    };
    let (path, rcpt) = (to.into_owned(), rcpt.into_owned());
    let class = RecipientClass::Relay { because: smtp_server::RelayReason::Other("test".into()) };
    let recipient = Recipient { path, params: rcpt, class };
    let entry = QueueEntry {
        id: QueueId(number),
        arrived: UnixMillis(1_700_000_000_000),
        reverse_path: from.into_owned(),
        params: params.into_owned(),
        recipients: vec![QueuedRecipient { recipient, state: RecipientState::Pending(None) }],
        content_bytes: 4096,
        hold: None,
        filter: None,
        delay_warned: false,
        expired: false,
    };
    let body = StagedBody::Inline(Bytes::from_static(&[b'x'; 4000]));
    let content = StagedContent { fields: Bytes::from_static(b"Received: here\r\n"), body };
    let due = vec![UnixMillis(1_700_000_000_000)];
    Change::Accept(Box::new(NewMessage { entry, content, due }))
}

fn defer(number: u64) -> Change {
    let key = RowKey { id: QueueId(number), row: 0 };
    Change::Schedule(Schedule { key, due: UnixMillis(1_700_000_300_000), attempts: 1 })
}

/// A directory that goes when this is dropped.
struct Dir(std::path::PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let id = IdSource::default().next(UnixMillis::system());
        let path = std::env::temp_dir().join(format!("smtp-spool-bench-{name}-{id}"));
        Self(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        // What cannot be removed is named in the listing of the directory.
        let _ = std::fs::remove_dir_all::<&Path>(self.0.as_ref());
    }
}

fn slow(dir: &Dir, flush: Duration) -> Arc<dyn Vfs> {
    Arc::new(Slow { disk: Disk::new(&dir.0).expect("a directory"), flush })
}

/// A disk on which a flush takes time.
#[derive(Debug)]
struct Slow {
    disk: Disk,
    flush: Duration,
}

#[derive(Debug)]
struct SlowFile {
    file: Arc<dyn VfsFile>,
    flush: Duration,
}

impl Slow {
    fn file(&self, file: Arc<dyn VfsFile>) -> Arc<dyn VfsFile> {
        Arc::new(SlowFile { file, flush: self.flush })
    }
}

impl Vfs for Slow {
    fn create_dir(&self, name: &str) -> io::Result<()> {
        self.disk.create_dir(name)
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn VfsFile>> {
        Ok(self.file(self.disk.create(path)?))
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn VfsFile>> {
        Ok(self.file(self.disk.open(path)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        thread::sleep(self.flush);
        self.disk.sync_dir(dir)
    }

    fn room(&self) -> io::Result<Room> {
        self.disk.room()
    }

    fn lock(&self) -> io::Result<Box<dyn fmt::Debug + Send + Sync>> {
        self.disk.lock()
    }
}

impl VfsFile for SlowFile {
    fn bytes(&self) -> io::Result<u64> {
        self.file.bytes()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, octets: &[u8], offset: u64) -> io::Result<usize> {
        self.file.write_at(octets, offset)
    }

    fn sync(&self) -> io::Result<()> {
        thread::sleep(self.flush);
        self.file.sync()
    }
}
