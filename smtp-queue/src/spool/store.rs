//! The calls of a spool on disk that block, for a thread of its own to make.
//!
//! * **In**: sets of changes. **Out**: whether they are durable. **Promises**: after a failed write or sync nothing
//!   is taken any more, and what failed is not asked for again. **Limits**: [`Options`]. **Panics**: never.
//! * **Spec**: Rebello et al., ATC 2020, for why a sync that failed is not repeated.

use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};

use smtp_server::QueueId;

use super::stage::Staging;
use super::vfs::Vfs;
use super::{Change, Opened, SpoolError};

/// A spool whose calls block: [`LogStore`](super::log::LogStore) and [`FileStore`](super::files::FileStore).
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Makes sets durable, each of them as a whole and in their order, with as few syncs as it can. There is an
    /// answer for each set, and [`Spool::apply`](super::Spool::apply) says what it means.
    fn commit(&self, sets: Vec<Vec<Change>>) -> Vec<Result<(), SpoolError>>;

    /// As [`Spool::open`](super::Spool::open).
    ///
    /// # Errors
    /// As there.
    fn open(&self, id: QueueId) -> Result<Opened, SpoolError>;

    /// The sizes that it was opened with.
    fn options(&self) -> &Options;

    /// Begins to take octets that are too many for memory.
    ///
    /// # Errors
    /// [`SpoolError::Full`], [`SpoolError::Poisoned`], [`SpoolError::Io`].
    fn stage(&self) -> Result<Staging, SpoolError>;

    /// Whether a message of this size may begin.
    ///
    /// # Errors
    /// [`SpoolError::Full`], [`SpoolError::Poisoned`].
    fn check_room(&self, bytes: u64) -> Result<(), SpoolError>;

    /// Does one step of what makes room again; whether there may be more to do.
    ///
    /// # Errors
    /// [`SpoolError`]; nothing that was promised is lost by it.
    fn tidy(&self) -> Result<bool, SpoolError>;
}

/// The sizes of a spool.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Up to so many octets a body lies beside its envelope and waits for its commit in memory.
    pub inline_bytes_max: usize,
    /// What may wait for its commit in memory, in octets of content; beyond it [`SpoolError::Full`].
    pub pending_bytes_max: usize,
    /// What new messages leave free on the disk, so that outcomes can still be written.
    pub free_bytes_min: u64,
    /// As many inodes are left.
    pub free_inodes_min: u64,
    /// The log begins a new segment of messages after so many octets; at most 1 GiB.
    pub segment_bytes: u64,
    /// The log begins a new segment of states after so many octets; at most 1 GiB.
    pub state_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            inline_bytes_max: 64 << 10,
            pending_bytes_max: 32 << 20,
            free_bytes_min: 64 << 20,
            free_inodes_min: 1024,
            segment_bytes: 64 << 20,
            state_bytes: 4 << 20,
        }
    }
}

/// Remembers that something failed.
#[derive(Debug, Default)]
pub(super) struct Poison(Mutex<Option<String>>);

impl Poison {
    pub(super) fn check(&self) -> Result<(), SpoolError> {
        let reason = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reason.clone().map_or(Ok(()), |reason| Err(SpoolError::Poisoned(reason)))
    }

    /// Nothing is taken from now on.
    pub(super) fn set(&self, error: &io::Error) {
        let mut reason = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reason.get_or_insert_with(|| error.to_string());
    }
}

/// What an error means to whoever wanted to write.
pub(super) fn refusal(error: &io::Error) -> SpoolError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => SpoolError::Full,
        kind => SpoolError::Io(io::Error::new(kind, error.to_string())),
    }
}

/// Whether there is room for `bytes` more.
pub(super) fn check_room(vfs: &dyn Vfs, options: &Options, bytes: u64) -> Result<(), SpoolError> {
    let room = vfs.room()?;
    let needed = options.free_bytes_min.saturating_add(bytes);
    if room.bytes < needed || room.inodes < options.free_inodes_min {
        return Err(SpoolError::Full);
    }
    Ok(())
}
