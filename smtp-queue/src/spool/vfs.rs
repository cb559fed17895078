//! The one seam to files: everything that a spool on disk does to storage goes through [`Vfs`].
//!
//! * **In**: paths of at most one directory below the spool's root, `dir/name`. **Out**: octets.
//! * **Promises**: [`Disk`] adds nothing to what the system calls promise: data are durable after
//!   [`VfsFile::sync`], names after [`Vfs::sync_dir`]. **Limits**: the file system's. **Panics**: never.
//! * **Spec**: POSIX.1 `fdatasync`, `rename`.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::Arc;

/// A directory of files, as a spool needs it.
pub trait Vfs: fmt::Debug + Send + Sync + 'static {
    /// Makes a directory below the root, unless it is there.
    ///
    /// # Errors
    /// What the storage reports.
    fn create_dir(&self, name: &str) -> io::Result<()>;

    /// Makes a file, to be written and read.
    ///
    /// # Errors
    /// Also if there is one already.
    fn create(&self, path: &str) -> io::Result<Arc<dyn VfsFile>>;

    /// Opens a file, to be read and written.
    ///
    /// # Errors
    /// What the storage reports.
    fn open(&self, path: &str) -> io::Result<Arc<dyn VfsFile>>;

    /// Gives a file another name, in place of the file that had it.
    ///
    /// # Errors
    /// What the storage reports.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Takes a name away.
    ///
    /// # Errors
    /// What the storage reports.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// The names of the files in a directory, or in the root (`""`), sorted.
    ///
    /// # Errors
    /// What the storage reports.
    fn list(&self, dir: &str) -> io::Result<Vec<String>>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// What the storage reports; what is durable is unknown then.
    fn sync_dir(&self, dir: &str) -> io::Result<()>;

    /// What room there is.
    ///
    /// # Errors
    /// What the storage reports.
    fn room(&self) -> io::Result<Room>;

    /// Takes the lock that one process at a time holds, until the value is dropped.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] while somebody else has it.
    fn lock(&self) -> io::Result<Box<dyn fmt::Debug + Send + Sync>>;
}

/// A file of a [`Vfs`].
pub trait VfsFile: fmt::Debug + Send + Sync {
    /// How many octets it has.
    ///
    /// # Errors
    /// What the storage reports.
    fn bytes(&self) -> io::Result<u64>;

    /// Reads; 0 at the end.
    ///
    /// # Errors
    /// What the storage reports.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes as many octets as it can in one call.
    ///
    /// # Errors
    /// What the storage reports.
    fn write_at(&self, octets: &[u8], offset: u64) -> io::Result<usize>;

    /// Makes the octets and their number durable.
    ///
    /// # Errors
    /// What the storage reports; what is durable is unknown then, and asking again tells nothing.
    fn sync(&self) -> io::Result<()>;
}

/// What room a file system has for an ordinary user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Free octets.
    pub bytes: u64,
    /// Free inodes; [`u64::MAX`] where there is no such limit.
    pub inodes: u64,
}

/// Writes all of it.
pub(crate) fn write_all(file: &dyn VfsFile, mut octets: &[u8], mut offset: u64) -> io::Result<()> {
    while !octets.is_empty() {
        let written = file.write_at(octets, offset)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        octets = octets.get(written..).unwrap_or_default();
        offset += written as u64;
    }
    Ok(())
}

/// Reads up to the end of the buffer or of the file.
pub(crate) fn read_full(file: &dyn VfsFile, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// Reads `bytes` octets, or fewer at the end of the file.
pub(crate) fn read_range(file: &dyn VfsFile, offset: u64, bytes: u64) -> io::Result<Vec<u8>> {
    let left = file.bytes()?.saturating_sub(offset).min(bytes);
    let mut octets = vec![0; usize::try_from(left).map_err(|_| io::ErrorKind::OutOfMemory)?];
    let filled = read_full(file, &mut octets, offset)?;
    octets.truncate(filled);
    Ok(octets)
}

/// A directory on a real disk, for this user's eyes only.
#[derive(Debug)]
pub struct Disk {
    root: PathBuf,
}

impl Disk {
    /// Uses `root`, which is made if it is not there.
    ///
    /// # Errors
    /// If others may write there: they could put mail into the queue, or take it away.
    pub fn new(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&root)?;
        if fs::metadata(&root)?.permissions().mode() & 0o022 != 0 {
            let why = format!("{}: others than its owner may write there", root.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        Ok(Self { root })
    }

    fn options() -> OpenOptions {
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(0o600);
        options
    }
}

impl Vfs for Disk {
    fn create_dir(&self, name: &str) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(self.root.join(name))
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn VfsFile>> {
        Ok(Arc::new(Self::options().create_new(true).open(self.root.join(path))?))
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn VfsFile>> {
        Ok(Arc::new(Self::options().open(self.root.join(path))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.root.join(from), self.root.join(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.root.join(path))
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.root.join(dir))? {
            let entry = entry?;
            // No name of ours is anything but ASCII.
            if let (true, Ok(name)) =
                (entry.file_type()?.is_file(), entry.file_name().into_string())
            {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        File::open(self.root.join(dir))?.sync_all()
    }

    fn room(&self) -> io::Result<Room> {
        let room = rustix::fs::statvfs(&self.root)?;
        // File systems that make inodes as they are needed say that they have none at all.
        let inodes = if room.f_files == 0 { u64::MAX } else { room.f_favail };
        Ok(Room { bytes: room.f_bavail.saturating_mul(room.f_frsize), inodes })
    }

    fn lock(&self) -> io::Result<Box<dyn fmt::Debug + Send + Sync>> {
        let path = self.root.join("LOCK");
        let file = Self::options().create(true).truncate(false).open(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(file)),
            Err(TryLockError::Error(error)) => Err(error),
            Err(TryLockError::WouldBlock) => {
                let why = format!("{}: another process uses this spool", path.display());
                Err(io::Error::new(io::ErrorKind::WouldBlock, why))
            }
        }
    }
}

impl VfsFile for File {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        retry(|| FileExt::read_at(self, buffer, offset))
    }

    fn write_at(&self, octets: &[u8], offset: u64) -> io::Result<usize> {
        retry(|| FileExt::write_at(self, octets, offset))
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// A signal is no failure.
fn retry(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
