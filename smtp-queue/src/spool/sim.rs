//! A disk in memory that loses power: what it may hold afterwards, and storage that fails.
//!
//! * **In**: the calls of [`Vfs`]. **Out**: images, each of them a disk as a crash may leave it.
//! * **Promises**: nothing survives that was not synced unless chance has it so: writes and changes of names
//!   are lost, reordered, and torn at 512 and 4096 octets; a file may be longer than what reached it. After a
//!   failed sync the octets look written and are lost. **Limits**: memory.
//! * **Panics**: never. **Spec**: the crash states of Pillai et al., OSDI 2014; Rebello et al., ATC 2020.

mod image;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::vfs::{Room, Vfs, VfsFile};

/// What goes wrong once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call fails: `EIO`. A sync loses what it was to make durable.
    Io,
    /// The call fails for want of room: `ENOSPC`.
    NoSpace,
    /// A write takes half of the octets; any other call is none the worse.
    ShortWrite,
}

/// The simulated disk. Clones are the same disk.
#[derive(Clone, Default)]
pub struct SimVfs {
    state: Arc<Mutex<State>>,
}

#[derive(Clone)]
struct State {
    files: Vec<Node>,
    dirs: BTreeMap<String, Dir>,
    room: Room,
    locked: bool,
    calls: u64,
    changes: u64,
    fault: Option<(u64, Fault)>,
    power_until: u64,
    synced_again: bool,
}

/// A file's octets.
#[derive(Clone, Default)]
struct Node {
    visible: Arc<Vec<u8>>,
    durable: Arc<Vec<u8>>,
    pending: Vec<Write>,
    sync_failed: bool,
}

#[derive(Clone)]
struct Write {
    offset: usize,
    octets: Arc<[u8]>,
}

#[derive(Clone, Default)]
struct Dir {
    visible: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
    pending: Vec<NameChange>,
    sync_failed: bool,
}

/// A change of names that is lost or made as a whole.
#[derive(Clone)]
struct NameChange {
    removed: Option<String>,
    added: Option<(String, usize)>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            dirs: BTreeMap::from([(String::new(), Dir::default())]),
            room: Room { bytes: u64::MAX, inodes: u64::MAX },
            locked: false,
            calls: 0,
            changes: 0,
            fault: None,
            power_until: u64::MAX,
            synced_again: false,
        }
    }
}

impl SimVfs {
    /// An empty disk with files on it, all of them durable.
    #[must_use]
    pub fn with_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut state = State::default();
        for (path, octets) in files {
            let (dir, name) = split(path);
            let durable = Arc::new(octets.to_vec());
            state.files.push(Node { visible: durable.clone(), durable, ..Node::default() });
            let number = state.files.len() - 1;
            let dir = state.dirs.entry(dir.to_owned()).or_default();
            dir.visible.insert(name.to_owned(), number);
            dir.durable.insert(name.to_owned(), number);
        }
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Fails the call number `call`, counted from 0 for all calls that were made on this disk.
    pub fn fail_at(&self, call: u64, fault: Fault) {
        self.state().fault = Some((call, fault));
    }

    /// Cuts the power after so many changes (writes, syncs, changes of names): the next one may or may not be
    /// made, and every call from then on fails.
    pub fn cut_power_after(&self, changes: u64) {
        self.state().power_until = changes;
    }

    /// The power is back, and was not gone for the disk: it holds what it held, synced or not. So it is when
    /// only the process was killed.
    pub fn restore_power(&self) {
        self.state().power_until = u64::MAX;
    }

    /// How many calls were made.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// How many changes were asked for.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.state().changes
    }

    /// Says what room there is.
    pub fn set_room(&self, room: Room) {
        self.state().room = room;
    }

    /// Whether a sync was asked for again after it had failed, which proves nothing and hides a loss.
    #[must_use]
    pub fn was_synced_again(&self) -> bool {
        self.state().synced_again
    }

    /// The octets of a file as a reader sees them.
    #[must_use]
    pub fn read(&self, path: &str) -> Option<Vec<u8>> {
        let state = self.state();
        let number = state.find(path).ok()?;
        state.files.get(number).map(|node| node.visible.to_vec())
    }

    /// Changes the octets of a file where it lies, as a decaying disk does.
    pub fn damage(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let Ok(number) = state.find(path) else { return };
        if let Some(node) = state.files.get_mut(number) {
            change(Arc::make_mut(&mut node.visible));
            node.durable = node.visible.clone();
            node.pending.clear();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts a call; what is to go wrong with it, if anything.
    fn begin(&mut self) -> io::Result<Option<Fault>> {
        if self.changes > self.power_until {
            return Err(io::Error::other("no power"));
        }
        let call = self.calls;
        self.calls += 1;
        Ok(self.fault.filter(|(at, _)| *at == call).map(|(_, fault)| fault))
    }

    /// As [`begin`](Self::begin), for calls that a short write does not concern.
    fn begin_whole(&mut self) -> io::Result<()> {
        match self.begin()? {
            None | Some(Fault::ShortWrite) => Ok(()),
            Some(fault) => Err(fault.error()),
        }
    }

    /// Counts a change. After the last one nobody hears whether it was made.
    fn end_change(&mut self) -> io::Result<()> {
        self.changes += 1;
        if self.changes > self.power_until {
            return Err(io::Error::other("power was cut"));
        }
        Ok(())
    }

    fn find(&self, path: &str) -> io::Result<usize> {
        let (dir, name) = split(path);
        let dir = self.dirs.get(dir).ok_or(io::ErrorKind::NotFound)?;
        dir.visible.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn dir(&mut self, name: &str) -> io::Result<&mut Dir> {
        self.dirs.get_mut(name).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Dir {
    fn change(&mut self, removed: Option<&str>, added: Option<(&str, usize)>) {
        let change = NameChange {
            removed: removed.map(str::to_owned),
            added: added.map(|(name, number)| (name.to_owned(), number)),
        };
        change.make(&mut self.visible);
        self.pending.push(change);
    }
}

impl NameChange {
    fn make(&self, names: &mut BTreeMap<String, usize>) {
        if let Some(name) = &self.removed {
            names.remove(name);
        }
        if let Some((name, number)) = &self.added {
            names.insert(name.clone(), *number);
        }
    }
}

impl Fault {
    fn error(self) -> io::Error {
        match self {
            Self::NoSpace => io::ErrorKind::StorageFull.into(),
            Self::Io | Self::ShortWrite => io::Error::other("simulated fault"),
        }
    }
}

impl Vfs for SimVfs {
    /// Directories are there at once: they are made when a spool is set up and never again.
    fn create_dir(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.begin_whole()?;
        state.dirs.entry(name.to_owned()).or_default();
        Ok(())
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn VfsFile>> {
        let mut state = self.state();
        state.begin_whole()?;
        if state.find(path).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let number = state.files.len();
        let (dir, name) = split(path);
        state.dir(dir)?.change(None, Some((name, number)));
        state.files.push(Node::default());
        state.end_change()?;
        Ok(Arc::new(SimFile { disk: self.clone(), number }))
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn VfsFile>> {
        let mut state = self.state();
        state.begin_whole()?;
        Ok(Arc::new(SimFile { disk: self.clone(), number: state.find(path)? }))
    }

    /// Between directories the two names change apart: a stricter disk than most.
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.begin_whole()?;
        let number = state.find(from)?;
        let ((from_dir, from), (to_dir, to)) = (split(from), split(to));
        if from_dir == to_dir {
            state.dir(to_dir)?.change(Some(from), Some((to, number)));
        } else {
            state.dir(to_dir)?.change(None, Some((to, number)));
            state.dir(from_dir)?.change(Some(from), None);
        }
        state.end_change()
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut state = self.state();
        state.begin_whole()?;
        state.find(path)?;
        let (dir, name) = split(path);
        state.dir(dir)?.change(Some(name), None);
        state.end_change()
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.begin_whole()?;
        Ok(state.dir(dir)?.visible.keys().cloned().collect())
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        let mut state = self.state();
        let fault = state.begin()?;
        state.synced_again |= state.dir(dir)?.sync_failed;
        if let Some(fault @ (Fault::Io | Fault::NoSpace)) = fault {
            let dir = state.dir(dir)?;
            dir.sync_failed = true;
            dir.pending.clear();
            return Err(fault.error());
        }
        state.end_change()?;
        let dir = state.dir(dir)?;
        for change in std::mem::take(&mut dir.pending) {
            change.make(&mut dir.durable);
        }
        Ok(())
    }

    fn room(&self) -> io::Result<Room> {
        let mut state = self.state();
        state.begin_whole()?;
        Ok(state.room)
    }

    fn lock(&self) -> io::Result<Box<dyn fmt::Debug + Send + Sync>> {
        let mut state = self.state();
        state.begin_whole()?;
        if state.locked {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        state.locked = true;
        Ok(Box::new(Locked(self.clone())))
    }
}

#[derive(Debug)]
struct Locked(SimVfs);

impl Drop for Locked {
    fn drop(&mut self) {
        self.0.state().locked = false;
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimVfs,
    number: usize,
}

impl SimFile {
    fn with<T>(&self, act: impl FnOnce(&mut Node) -> T) -> io::Result<T> {
        let mut state = self.disk.state();
        state.files.get_mut(self.number).map(act).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl VfsFile for SimFile {
    fn bytes(&self) -> io::Result<u64> {
        self.disk.state().begin_whole()?;
        self.with(|node| node.visible.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk.state().begin_whole()?;
        self.with(|node| {
            let offset = usize::try_from(offset).unwrap_or(usize::MAX);
            let octets = node.visible.get(offset..).unwrap_or_default();
            let read = octets.len().min(buffer.len());
            for (to, from) in buffer.iter_mut().zip(octets) {
                *to = *from;
            }
            read
        })
    }

    fn write_at(&self, octets: &[u8], offset: u64) -> io::Result<usize> {
        let fault = self.disk.state().begin()?;
        let length = match fault {
            None => octets.len(),
            Some(Fault::ShortWrite) => octets.len().div_ceil(2),
            Some(fault) => return Err(fault.error()),
        };
        let octets = octets.get(..length).unwrap_or(octets);
        self.with(|node| {
            let offset = usize::try_from(offset).unwrap_or(usize::MAX);
            let write = Write { offset, octets: octets.into() };
            image::put(Arc::make_mut(&mut node.visible), offset, octets);
            node.pending.push(write);
        })?;
        self.disk.state().end_change()?;
        Ok(octets.len())
    }

    fn sync(&self) -> io::Result<()> {
        let fault = self.disk.state().begin()?;
        let again = self.with(|node| node.sync_failed)?;
        self.disk.state().synced_again |= again;
        if let Some(fault @ (Fault::Io | Fault::NoSpace)) = fault {
            self.with(|node| {
                node.sync_failed = true;
                node.pending.clear();
            })?;
            return Err(fault.error());
        }
        self.disk.state().end_change()?;
        self.with(|node| {
            for write in std::mem::take(&mut node.pending) {
                image::put(Arc::make_mut(&mut node.durable), write.offset, &write.octets);
            }
        })
    }
}

impl fmt::Debug for SimVfs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimVfs").field("changes", &self.changes()).finish_non_exhaustive()
    }
}

fn split(path: &str) -> (&str, &str) {
    path.split_once('/').unwrap_or(("", path))
}
