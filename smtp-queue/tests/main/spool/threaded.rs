//! The spool behind its thread: one flush for many, ownership at the first poll, and bounded memory.

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Waker};

use smtp_queue::spool::log::LogStore;
use smtp_queue::spool::sim::SimVfs;
use smtp_queue::spool::vfs::{Room, Vfs, VfsFile};
use smtp_queue::spool::{Options, Staging, Store, ThreadedSpool};
use smtp_queue::{Change, Opened, Spool as _, SpoolError, StagedBody, StagedContent};
use smtp_server::QueueId;

use super::world::{Op, accept, changes, id, octets, small};

fn start(vfs: impl Vfs, options: Options) -> ThreadedSpool {
    let opened = LogStore::open(Arc::new(vfs), options, &mut |_| {}, &mut |_| {});
    ThreadedSpool::start(opened.unwrap().0).unwrap()
}

/// A store that commits when it is told to, and says how many sets came at once.
#[derive(Debug)]
struct Slow {
    go: Mutex<mpsc::Receiver<()>>,
    batches: mpsc::Sender<usize>,
    options: Options,
}

impl Store for Slow {
    fn commit(&self, sets: Vec<Vec<Change>>) -> Vec<Result<(), SpoolError>> {
        self.batches.send(sets.len()).unwrap();
        self.go.lock().unwrap().recv().unwrap();
        sets.iter().map(|_| Ok(())).collect()
    }

    fn open(&self, id: QueueId) -> Result<Opened, SpoolError> {
        Err(SpoolError::NotFound(id))
    }

    fn options(&self) -> &Options {
        &self.options
    }

    fn stage(&self) -> Result<Staging, SpoolError> {
        Err(SpoolError::Full)
    }

    fn check_room(&self, _: u64) -> Result<(), SpoolError> {
        Ok(())
    }

    fn tidy(&self) -> Result<bool, SpoolError> {
        Ok(false)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_during_a_commit_shares_the_next_and_is_bounded() {
    let ((go, going), (batches, began)) = (mpsc::channel(), mpsc::channel());
    let mut options = Options::default();
    options.pending_bytes_max = 20_000;
    let slow = Slow { go: Mutex::new(going), batches, options };
    let spool = Arc::new(ThreadedSpool::start(slow).unwrap());
    let set = |number| vec![accept(number, StagedBody::Inline(vec![0; 900].into()))];
    let apply = |set| {
        let spool = spool.clone();
        tokio::spawn(async move { spool.apply(set).await })
    };
    let first = apply(set(0));
    assert_eq!(began.recv().unwrap(), 1);
    // While the first is being committed, others wait: as many as there is room for.
    let mut waiting = Vec::new();
    let refused = loop {
        let mut next = Box::pin({
            let spool = spool.clone();
            async move { spool.apply(set(1)).await }
        });
        match next.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            std::task::Poll::Ready(answer) => break answer,
            std::task::Poll::Pending => waiting.push(next),
        }
    };
    assert!(matches!(refused, Err(SpoolError::Full)), "{refused:?}");
    assert!((5..25).contains(&waiting.len()), "{}", waiting.len());
    // An outcome is never refused.
    let outcome = apply(changes(Op::Remove(1), None));
    let count = waiting.len();
    // Somebody goes away; what was handed over is committed all the same.
    drop(waiting.pop());
    tokio::task::yield_now().await;
    go.send(()).unwrap();
    first.await.unwrap().unwrap();
    let mut batch = began.recv().unwrap();
    go.send(()).unwrap();
    while batch < count + 1 {
        batch += began.recv().unwrap();
        go.send(()).unwrap();
    }
    for one in waiting {
        one.await.unwrap();
    }
    outcome.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_apply_that_was_polled_is_made_and_one_that_was_not_leaves_no_trace() {
    let disk = SimVfs::default();
    let spool = start(disk.clone(), small());
    let mut polled = spool.apply(changes(Op::Accept(1), None));
    let _ = polled.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    drop(polled);
    drop(spool.apply(changes(Op::Accept(2), None)));
    spool.apply(changes(Op::Accept(3), None)).await.unwrap();
    assert!(spool.open(id(1)).await.is_ok());
    assert!(matches!(spool.open(id(2)).await, Err(SpoolError::NotFound(_))));
    // Given back, it opens again.
    drop(spool);
    let spool = start(disk, small());
    assert!(spool.open(id(3)).await.is_ok());
}

#[tokio::test]
async fn content_of_any_length_comes_back_and_leaves_no_trace_unless_committed() {
    let disk = SimVfs::default();
    let mut options = small();
    options.inline_bytes_max = 1000;
    let spool = start(disk.clone(), options);
    for (number, length) in (1..).zip([0, 1, 1000, 1001, 5000, 100_000]) {
        let body = (0..length).map(|at: u32| (at % 253) as u8).collect::<Vec<_>>();
        let mut writer = spool.writer(u64::from(length)).unwrap();
        for piece in body.chunks(700) {
            writer.write(piece).await.unwrap();
        }
        let StagedContent { fields, body: staged } =
            writer.finish("X: y\r\n".into()).await.unwrap();
        assert_eq!(matches!(staged, StagedBody::Inline(_)), length <= 1000);
        assert_eq!(&*fields, b"X: y\r\n");
        spool.apply(vec![accept(number, staged)]).await.unwrap();
        let content = spool.open(id(number)).await.unwrap().content;
        assert_eq!(octets(&content.body), body);
    }
    let mut writer = spool.writer(0).unwrap();
    writer.write(&[0; 3000]).await.unwrap();
    let mut other = spool.writer(0).unwrap();
    other.write(&[0; 3000]).await.unwrap();
    let staged = other.finish("".into()).await.unwrap();
    assert_eq!(disk.list("tmp").unwrap().len(), 2);
    drop((writer, staged));
    assert_eq!(disk.list("tmp").unwrap().len(), 0);
}

/// A disk that takes everything and keeps only files of the log's own.
#[derive(Debug)]
struct Sink {
    log: SimVfs,
    bytes: Arc<AtomicU64>,
}

#[derive(Debug)]
struct SinkFile(Arc<AtomicU64>);

impl VfsFile for SinkFile {
    fn bytes(&self) -> io::Result<u64> {
        Ok(0)
    }

    fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
        Ok(0)
    }

    fn write_at(&self, octets: &[u8], _: u64) -> io::Result<usize> {
        self.0.fetch_add(octets.len() as u64, Ordering::Relaxed);
        Ok(octets.len())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Vfs for Sink {
    fn create_dir(&self, name: &str) -> io::Result<()> {
        self.log.create_dir(name)
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn VfsFile>> {
        if path.starts_with("tmp/") {
            return Ok(Arc::new(SinkFile(self.bytes.clone())));
        }
        self.log.create(path)
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn VfsFile>> {
        self.log.open(path)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        if from.starts_with("tmp/") { Ok(()) } else { self.log.rename(from, to) }
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        if path.starts_with("tmp/") { Ok(()) } else { self.log.remove(path) }
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.log.list(dir)
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.log.sync_dir(dir)
    }

    fn room(&self) -> io::Result<Room> {
        self.log.room()
    }

    fn lock(&self) -> io::Result<Box<dyn fmt::Debug + Send + Sync>> {
        self.log.lock()
    }
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// 50 MB on each of 100 connections at once, in pieces as a driver hands them over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_on_many_connections_are_not_held_in_memory() {
    const BODY: usize = 50_000_000;
    const PIECE: usize = 64 << 10;
    let bytes = Arc::new(AtomicU64::new(0));
    let sink = Sink { log: SimVfs::default(), bytes: bytes.clone() };
    let spool = Arc::new(start(sink, Options::default()));
    let before = resident_kib();
    let connections = (1..=100).map(|number| {
        let spool = spool.clone();
        tokio::spawn(async move {
            let piece = [b'x'; PIECE];
            let mut writer = spool.writer(BODY as u64).unwrap();
            for _ in 0..BODY / PIECE {
                writer.write(&piece).await.unwrap();
            }
            let most = resident_kib();
            let staged = writer.finish("".into()).await.unwrap();
            spool.apply(vec![accept(number, staged.body)]).await.unwrap();
            most
        })
    });
    let mut most = 0;
    for connection in connections.collect::<Vec<_>>() {
        most = most.max(connection.await.unwrap());
    }
    let grown = most.saturating_sub(before);
    println!("{grown} KiB more for 100 bodies of {BODY} octets");
    assert!(grown < 64 << 10, "{grown} KiB");
    assert_eq!(bytes.load(Ordering::Relaxed), 100 * (BODY / PIECE * PIECE) as u64);
}
