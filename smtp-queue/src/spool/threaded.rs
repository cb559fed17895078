//! A store behind a thread of its own, which commits for everybody who waits.
//!
//! * **In**: sets of changes from any number of tasks. **Out**: one flush for all that came while the one before
//!   ran; nothing is delayed on purpose. **Promises**: as [`Spool`]. **Limits**: [`Options`](super::Options); a writer holds up to
//!   twice the inline limit and the piece that it is given. **Panics**: never; a panic in the store ends the spool.
//! * **Spec**: none.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use async_trait::async_trait;
use bytes::Bytes;
use smtp_server::QueueId;
use tokio::sync::oneshot;
use tokio::task;

use super::stage::Staging;
use super::store::Store;
use super::{Change, ContentWriter, Opened, Spool, SpoolError};
use crate::content::{StagedBody, StagedContent};

/// While there is always something to commit, a step of tidying is made after so many commits.
const COMMITS_PER_TIDY: u32 = 64;

/// A spool on disk for asynchronous callers. Dropped, it commits what waits and gives the store back.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
///
/// use smtp_queue::spool::log::LogStore;
/// use smtp_queue::spool::vfs::Disk;
/// use smtp_queue::spool::{Options, ThreadedSpool};
/// use smtp_queue::Spool;
/// use smtp_server::IdSource;
///
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("spool");
/// let disk = Arc::new(Disk::new(path)?);
/// let options = Options::default();
/// let mut rows = 0;
/// let (store, largest) =
///     LogStore::open(disk, options, &mut |_row| rows += 1, &mut |damage| eprintln!("{damage:?}"))?;
/// let ids = IdSource::after(largest);
/// let spool = ThreadedSpool::start(store)?;
///
/// let mut writer = spool.writer(0)?;
/// writer.write(b"Subject: hello\r\n\r\nHello.\r\n").await?;
/// let content = writer.finish("Received: from here\r\n".into()).await?;
/// // Then `spool.apply(vec![Change::Accept(..)])` with an id of `ids`.
/// # let _ = (ids, content);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ThreadedSpool {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    store: Box<dyn Store>,
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    sets: Vec<Waiter>,
    bytes: usize,
    is_closed: bool,
}

#[derive(Debug)]
struct Waiter {
    set: Vec<Change>,
    answer: oneshot::Sender<Result<(), SpoolError>>,
}

impl ThreadedSpool {
    /// Starts the thread.
    ///
    /// # Errors
    /// If there can be no more threads.
    pub fn start(store: impl Store) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            store: Box::new(store),
            waiting: Mutex::default(),
            arrived: Condvar::new(),
        });
        let committer = shared.clone();
        let thread = thread::Builder::new().name("smtp-spool".to_owned());
        let thread = thread.spawn(move || committer.run())?;
        Ok(Self { shared, thread: Some(thread) })
    }
}

impl Drop for ThreadedSpool {
    fn drop(&mut self) {
        self.shared.waiting().is_closed = true;
        self.shared.arrived.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic in it was told when it happened.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self) {
        let _closed = CloseOnDrop(self);
        let mut commits_since_tidy = 0;
        let mut may_tidy = true;
        loop {
            let is_idle = self.waiting().sets.is_empty();
            if may_tidy && (is_idle || COMMITS_PER_TIDY <= commits_since_tidy) {
                commits_since_tidy = 0;
                // What fails here poisons the store, and everybody hears that who commits.
                may_tidy = self.store.tidy().unwrap_or(false);
                if is_idle {
                    continue;
                }
            }
            let Some(waiters) = self.next() else { return };
            let (sets, answers): (Vec<_>, Vec<_>) =
                waiters.into_iter().map(|waiter| (waiter.set, waiter.answer)).unzip();
            for (answer, result) in answers.into_iter().zip(self.store.commit(sets)) {
                // Whoever went away does not hear it.
                let _ = answer.send(result);
            }
            commits_since_tidy += 1;
            may_tidy = true;
        }
    }

    /// All that waits, as soon as anything does; `None` at the end.
    fn next(&self) -> Option<Vec<Waiter>> {
        let waiting = self.waiting();
        let wait = |waiting: &mut Waiting| waiting.sets.is_empty() && !waiting.is_closed;
        let mut waiting =
            self.arrived.wait_while(waiting, wait).unwrap_or_else(PoisonError::into_inner);
        waiting.bytes = 0;
        let sets = std::mem::take(&mut waiting.sets);
        (!sets.is_empty()).then_some(sets)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a set to the committer.
    fn enqueue(
        &self,
        set: Vec<Change>,
    ) -> Result<oneshot::Receiver<Result<(), SpoolError>>, SpoolError> {
        let (answer, answered) = oneshot::channel();
        let bytes = set.iter().map(bytes_of).sum::<usize>();
        // Outcomes are never refused: they are few and short, and make room.
        let is_intake = set.iter().all(|change| matches!(change, Change::Accept(_)));
        let mut waiting = self.waiting();
        if waiting.is_closed {
            return Err(ended());
        }
        let is_full = self.store.options().pending_bytes_max < waiting.bytes.saturating_add(bytes);
        if is_intake && is_full && !waiting.sets.is_empty() {
            return Err(SpoolError::Full);
        }
        waiting.bytes += bytes;
        waiting.sets.push(Waiter { set, answer });
        self.arrived.notify_one();
        Ok(answered)
    }
}

/// Nobody waits for a committer that has ended, however it did.
struct CloseOnDrop<'a>(&'a Shared);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting();
        waiting.is_closed = true;
        waiting.sets.clear();
    }
}

#[async_trait]
impl Spool for ThreadedSpool {
    fn writer(&self, bytes_expected: u64) -> Result<Box<dyn ContentWriter>, SpoolError> {
        self.shared.store.check_room(bytes_expected)?;
        let parts = Some(Parts { buffer: Vec::new(), staging: None });
        Ok(Box::new(Writer { shared: self.shared.clone(), parts }))
    }

    async fn apply(&self, changes: Vec<Change>) -> Result<(), SpoolError> {
        let answered = self.shared.enqueue(changes)?;
        answered.await.unwrap_or_else(|_| Err(ended()))
    }

    async fn open(&self, id: QueueId) -> Result<Opened, SpoolError> {
        let shared = self.shared.clone();
        blocking(move || shared.store.open(id)).await
    }
}

/// Takes content: in memory as long as it is short, then in pieces in a file.
#[derive(Debug)]
struct Writer {
    shared: Arc<Shared>,
    /// Nothing after a call that failed or was dropped, since octets may be missing then.
    parts: Option<Parts>,
}

#[derive(Debug)]
struct Parts {
    buffer: Vec<u8>,
    staging: Option<Staging>,
}

#[async_trait]
impl ContentWriter for Writer {
    async fn write(&mut self, octets: &[u8]) -> Result<(), SpoolError> {
        let Parts { mut buffer, staging } = self.parts.take().ok_or_else(cut_short)?;
        buffer.extend_from_slice(octets);
        if buffer.len() <= self.shared.store.options().inline_bytes_max {
            self.parts = Some(Parts { buffer, staging });
            return Ok(());
        }
        let shared = self.shared.clone();
        let spilled = blocking(move || {
            let mut staging = match staging {
                Some(staging) => staging,
                None => shared.store.stage()?,
            };
            staging.write(&buffer)?;
            buffer.clear();
            Ok(Parts { buffer, staging: Some(staging) })
        });
        self.parts = Some(spilled.await?);
        Ok(())
    }

    async fn finish(mut self: Box<Self>, fields: Bytes) -> Result<StagedContent, SpoolError> {
        let Parts { buffer, staging } = self.parts.take().ok_or_else(cut_short)?;
        let Some(mut staging) = staging else {
            return Ok(StagedContent { fields, body: StagedBody::Inline(buffer.into()) });
        };
        let finished = blocking(move || {
            staging.write(&buffer)?;
            staging.finish()
        });
        Ok(StagedContent { fields, body: finished.await? })
    }
}

/// What a change holds in memory, roughly.
fn bytes_of(change: &Change) -> usize {
    let Change::Accept(new) = change else { return size_of::<Change>() };
    let body = match &new.content.body {
        StagedBody::Inline(octets) => octets.len(),
        StagedBody::Stored { .. } => 0,
    };
    let recipients = new.entry.recipients.len() * size_of::<crate::QueuedRecipient>();
    new.content.fields.len() + body + recipients
}

async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, SpoolError> + Send + 'static,
) -> Result<T, SpoolError> {
    task::spawn_blocking(call).await.unwrap_or_else(|error| Err(io::Error::other(error).into()))
}

fn cut_short() -> SpoolError {
    io::Error::other("an earlier piece of the content is missing").into()
}

fn ended() -> SpoolError {
    SpoolError::Poisoned("the committer has ended".to_owned())
}
