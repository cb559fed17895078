//! The spool: what keeps messages through power loss.
//!
//! * **In**: content as it comes, then sets of changes. **Out**: entries and their content.
//! * **Promises**: after `Ok` of [`Spool::apply`] all changes of the set survive SIGKILL and power loss on a
//!   disk that honours a flush; without it they are there all together or not at all.
//! * **Limits**: what waits for its commit is bounded; beyond that [`SpoolError::Full`].
//! * **Panics**: never. **Spec**: RFC 5321 6.1 (a 250 takes responsibility).

// Files, and a disk in memory that loses power.
pub mod sim;
pub mod vfs;

// What is kept of a message, and in which words.
mod message;
mod text;

// The spools.
pub mod files;
pub mod log;
pub mod memory;

// What they share: content on its way in, and the calls that block.
mod stage;
mod store;

// For asynchronous callers.
#[cfg(feature = "tokio")]
mod threaded;

use std::io;

use async_trait::async_trait;
use bytes::Bytes;
use smtp_server::{QueueId, Rejection, UnixMillis};

use crate::content::{Content, StagedContent};
use crate::entry::{QueueEntry, RecipientState, RowKey};

pub use stage::Staging;
pub use store::{Options, Store};
#[cfg(feature = "tokio")]
pub use threaded::ThreadedSpool;

/// Keeps messages.
///
/// What it keeps when it is opened is streamed as [`Row`](crate::Row)s by the function that opens it, since that is
/// each spool's own. Rows without pending recipients are left out; a message that has no others gives its first row
/// all the same, so that it can be removed.
#[async_trait]
pub trait Spool: Send + Sync + 'static {
    /// Begins to take content.
    ///
    /// # Errors
    /// [`SpoolError::Full`] if `bytes_expected` (SIZE, or 0) do not fit, [`SpoolError::Poisoned`].
    fn writer(&self, bytes_expected: u64) -> Result<Box<dyn ContentWriter>, SpoolError>;

    /// Makes all of the changes durable, or none. Dropped before it was first polled it leaves no trace; after
    /// that the changes are made whether anybody waits or not.
    ///
    /// # Errors
    /// [`SpoolError`]; whether the changes were made is then not known until the spool is opened again.
    async fn apply(&self, changes: Vec<Change>) -> Result<(), SpoolError>;

    /// The message as it stands after all changes that were applied.
    ///
    /// # Errors
    /// [`SpoolError::NotFound`], [`SpoolError::Damaged`], [`SpoolError::Io`].
    async fn open(&self, id: QueueId) -> Result<Opened, SpoolError>;
}

/// Takes the content of one message. Dropped, it leaves no trace.
#[async_trait]
pub trait ContentWriter: Send {
    /// Takes the next octets.
    ///
    /// # Errors
    /// [`SpoolError::Full`], [`SpoolError::Io`].
    async fn write(&mut self, octets: &[u8]) -> Result<(), SpoolError>;

    /// All octets came; `fields` go above them.
    ///
    /// # Errors
    /// [`SpoolError::Io`]
    async fn finish(self: Box<Self>, fields: Bytes) -> Result<StagedContent, SpoolError>;
}

/// A message as the spool gives it back.
#[derive(Debug)]
pub struct Opened {
    /// Envelope and states.
    pub entry: QueueEntry,
    /// Its content.
    pub content: Content,
}

/// A message that the queue takes responsibility for.
#[derive(Debug)]
pub struct NewMessage {
    /// Envelope and states.
    pub entry: QueueEntry,
    /// Its content.
    pub content: StagedContent,
    /// When each row is first tried, by the row's number.
    pub due: Vec<UnixMillis>,
}

/// One change. A set of them is applied as a whole: an outcome and the report that it causes.
#[derive(Debug)]
#[non_exhaustive]
pub enum Change {
    /// A new message.
    Accept(Box<NewMessage>),
    /// What became of recipients, by their index.
    Recipients {
        /// The message.
        id: QueueId,
        /// The recipients and what became of them.
        states: Vec<(u32, RecipientState)>,
    },
    /// When a row is tried next.
    Schedule(Schedule),
    /// Nobody gets it until it is released.
    Hold {
        /// The message.
        id: QueueId,
        /// Why, possibly in no words.
        reason: String,
    },
    /// It goes on.
    Release(QueueId),
    /// It is returned at its next attempt.
    Expire(QueueId),
    /// Its sender was told of the delay.
    DelayWarned(QueueId),
    /// It is done with, or not wanted any more.
    Remove(QueueId),
}

/// When a row is tried next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The row.
    pub key: RowKey,
    /// Not before.
    pub due: UnixMillis,
    /// How often it was tried.
    pub attempts: u16,
}

/// Something that could not be read as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where, below the spool's root.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Why the spool could not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// No room now, on the disk or among what waits for its commit.
    #[error("the spool has no room for this now")]
    Full,
    /// A write or a sync failed before, so nothing new is taken until the spool is opened again.
    #[error("the spool takes nothing more since an operation failed: {0}")]
    Poisoned(String),
    /// There is no such message.
    #[error("message {0} is not in the spool")]
    NotFound(QueueId),
    /// What is stored of the message is not what was written.
    #[error("message {id} is damaged: {reason}")]
    Damaged {
        /// The message.
        id: QueueId,
        /// What is wrong with it.
        reason: String,
    },
    /// The storage failed.
    #[error("the spool's storage failed")]
    Io(#[from] io::Error),
}

impl From<SpoolError> for Rejection {
    fn from(error: SpoolError) -> Self {
        match error {
            SpoolError::Full => Self::insufficient_storage(),
            other => Self::local_error().with_detail(other.to_string()),
        }
    }
}

/// The first line of the file `FORMAT`.
const FORMAT: &str = "smtp-queue 1";

/// Makes sure that the spool is one that this version reads, or makes it one.
fn open_format(vfs: &dyn vfs::Vfs, kind: &str) -> Result<(), SpoolError> {
    let wanted = format!("{FORMAT} {kind}\n");
    let found = match vfs.open("FORMAT") {
        Ok(file) => vfs::read_range(&*file, 0, 256)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    if found == wanted.as_bytes() {
        return Ok(());
    }
    // Part of the line is all that a crash leaves when the spool is made; zeros if its length came first.
    if !(wanted.as_bytes().starts_with(&found) || found.iter().all(|&octet| octet == 0)) {
        let found = String::from_utf8_lossy(&found).trim_end().to_owned();
        let why = format!("the spool is of the format '{found}', not '{}'", wanted.trim_end());
        return Err(io::Error::new(io::ErrorKind::Unsupported, why).into());
    }
    if vfs.list("")?.iter().any(|name| name == "FORMAT") {
        vfs.remove("FORMAT")?;
    }
    let file = vfs.create("FORMAT")?;
    vfs::write_all(&*file, wanted.as_bytes(), 0)?;
    file.sync()?;
    Ok(vfs.sync_dir("")?)
}
