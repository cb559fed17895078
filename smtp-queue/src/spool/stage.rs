//! Bodies on their way in that are too large for memory: files in `tmp`.
//!
//! * **In**: octets. **Out**: a synced file under a key. **Promises**: what is not committed is taken away again,
//!   at the latest when the spool is opened. **Limits**: dirty octets are bounded by a sync now and then.
//! * **Panics**: never. **Spec**: `SPOOL_FORMAT.md`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::SpoolError;
use super::store::{Options, Poison, check_room, refusal};
use super::vfs::{self, Vfs, VfsFile};
use crate::content::{StagedBody, StagedGuard};

/// So many octets are written between syncs, so that the last one is short.
const UNSYNCED_BYTES_MAX: u64 = 4 << 20;

/// Gives out the keys of staged bodies.
#[derive(Debug)]
pub(super) struct Stages {
    vfs: Arc<dyn Vfs>,
    options: Options,
    next_key: AtomicU64,
    poison: Arc<Poison>,
}

impl Stages {
    /// Takes away what was left by an earlier run; keys above `last_key` are free.
    pub(super) fn open(
        vfs: Arc<dyn Vfs>,
        options: Options,
        last_key: u64,
        poison: Arc<Poison>,
    ) -> io::Result<Self> {
        vfs.create_dir("tmp")?;
        for name in vfs.list("tmp")? {
            vfs.remove(&format!("tmp/{name}"))?;
        }
        Ok(Self { vfs, options, next_key: AtomicU64::new(last_key + 1), poison })
    }

    pub(super) fn next_key(&self) -> u64 {
        self.next_key.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn begin(&self) -> Result<Staging, SpoolError> {
        self.poison.check()?;
        let key = self.next_key();
        let file = self.vfs.create(&path(key)).map_err(|error| refusal(&error))?;
        Ok(Staging {
            file,
            key,
            bytes: 0,
            synced: 0,
            checksum: 0,
            guard: guard(self.vfs.clone(), key),
            vfs: self.vfs.clone(),
            options: self.options,
            poison: self.poison.clone(),
        })
    }
}

/// Takes the octets of one body; its calls block. Dropped, it leaves no trace.
#[derive(Debug)]
pub struct Staging {
    vfs: Arc<dyn Vfs>,
    file: Arc<dyn VfsFile>,
    key: u64,
    bytes: u64,
    synced: u64,
    checksum: u32,
    guard: StagedGuard,
    options: Options,
    poison: Arc<Poison>,
}

impl Staging {
    /// Takes the next octets; large pieces are cheaper.
    ///
    /// # Errors
    /// [`SpoolError::Full`], [`SpoolError::Io`], [`SpoolError::Poisoned`].
    pub fn write(&mut self, octets: &[u8]) -> Result<(), SpoolError> {
        self.poison.check()?;
        check_room(&*self.vfs, &self.options, octets.len() as u64)?;
        vfs::write_all(&*self.file, octets, self.bytes).map_err(|error| refusal(&error))?;
        self.bytes += octets.len() as u64;
        self.checksum = crc32c::crc32c_append(self.checksum, octets);
        if UNSYNCED_BYTES_MAX <= self.bytes - self.synced {
            self.sync()?;
        }
        Ok(())
    }

    /// All octets came.
    ///
    /// # Errors
    /// [`SpoolError::Full`], [`SpoolError::Io`], [`SpoolError::Poisoned`].
    pub fn finish(mut self) -> Result<StagedBody, SpoolError> {
        self.poison.check()?;
        self.sync()?;
        let Self { key, bytes, checksum, guard, .. } = self;
        Ok(StagedBody::Stored { key, bytes, checksum, guard })
    }

    fn sync(&mut self) -> Result<(), SpoolError> {
        self.file.sync().map_err(|error| {
            self.poison.set(&error);
            refusal(&error)
        })?;
        self.synced = self.bytes;
        Ok(())
    }
}

/// Where a body waits.
pub(super) fn path(key: u64) -> String {
    format!("tmp/{key:016X}")
}

fn guard(vfs: Arc<dyn Vfs>, key: u64) -> StagedGuard {
    // If it cannot be taken away now, it is when the spool is opened.
    StagedGuard::new(move || drop(vfs.remove(&path(key))))
}
