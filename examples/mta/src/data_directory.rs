//! The data directory: created, ours alone, writable.
//!
//! * **In**: its path. **Out**: a [`DataDirectory`] that is locked for as long as the value lives.
//! * **Promises**: two programs never share one; the lock ends with the process, however it ends. That there is
//!   room on the disk is tried out, since a server that can keep nothing should not accept anything.
//! * **Limits**: none. **Panics**: never. **Spec**: flock(2).

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::failure::Failure;

/// A directory that no other `mta` uses.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    path: PathBuf,
    /// Holds the lock while it is open.
    _lock: File,
}

impl DataDirectory {
    /// Creates the directory if it is missing, and locks it.
    pub(crate) fn open(path: PathBuf) -> Result<Self, Failure> {
        let failed = |error: &io::Error| Failure::temporary(describe(&path, error));
        create(&path).map_err(|error| failed(&error))?;
        let lock = path.join("lock");
        let mut lock = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(lock)
            .map_err(|error| failed(&error))?;
        if let Err(error) = flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            return Err(if error.kind() == ErrorKind::WouldBlock {
                Failure::temporary(in_use(&path, &mut lock))
            } else {
                failed(&error.into())
            });
        }
        write_pid(&mut lock).map_err(|error| failed(&error))?;
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Whether an `mta` has this directory. Nothing is written.
pub(crate) fn is_in_use(path: &Path) -> io::Result<bool> {
    let lock = match File::open(path.join("lock")) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        opened => opened?,
    };
    match flock(&lock, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(false),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn create(path: &Path) -> io::Result<()> {
    /// Mail is nobody else's business.
    const OWNER_ALONE: u32 = 0o700;
    DirBuilder::new().recursive(true).mode(OWNER_ALONE).create(path)?;
    // A directory that was there before may be one in which nothing can be made.
    fs::read_dir(path).map(drop)
}

/// Leaves our process id for whoever finds the directory in use; on a full disk this fails.
fn write_pid(lock: &mut File) -> io::Result<()> {
    let pid = format!("{}\n", std::process::id());
    lock.write_all(pid.as_bytes())?;
    lock.set_len(pid.len() as u64)?;
    lock.sync_all()
}

fn in_use(path: &Path, lock: &mut File) -> String {
    let mut pid = String::new();
    // The holder may not have written it yet.
    let _ = lock.read_to_string(&mut pid);
    let path = path.display();
    format!(
        "the data directory {path} is in use by another mta (process {}): stop that one, or give \
         --data another directory",
        pid.lines().next().unwrap_or("unknown")
    )
}

fn describe(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            format!(
                "no room left for the data directory {path}: make some, or give --data another directory"
            )
        }
        _ => format!(
            "cannot use the data directory {path}: {error}; give --data a directory that can be written"
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn it_is_created_for_its_owner_and_locked() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let open = DataDirectory::open(path.clone()).unwrap();
        assert_eq!(fs::metadata(open.path()).unwrap().permissions().mode() & 0o777, 0o700);
        let message = DataDirectory::open(path.clone()).unwrap_err().to_string();
        let pid = format!("process {}", std::process::id());
        assert!(
            message.contains("in use") && message.contains(&pid) && message.ends_with("(75)"),
            "{message}"
        );
        drop(open);
        assert!(DataDirectory::open(path).is_ok());
    }

    #[test]
    fn a_full_disk_is_noticed() {
        let data = tempfile::tempdir().unwrap();
        // Whatever is written to this device meets a full disk.
        symlink("/dev/full", data.path().join("lock")).unwrap();
        let message = DataDirectory::open(data.path().to_owned()).unwrap_err().to_string();
        assert!(message.contains("no room left") && message.ends_with("(75)"), "{message}");
    }

    #[test]
    fn a_file_is_no_directory() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let message = DataDirectory::open(file.path().to_owned()).unwrap_err().to_string();
        assert!(message.contains("cannot use") && message.ends_with("(75)"), "{message}");
    }
}
