//! The directories of a Maildir and the names in them.
//!
//! * **In**: a Maildir's path, a host name. **Out**: directories that are there to stay, unique names.
//! * **Promises**: a directory that had to be made is synced into its parent before it is used.
//! * **Limits**: none. **Panics**: never. **Spec**: maildir(5), "unique names".

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::driver::now;

/// Makes `tmp`, `new` and `cur` below `maildir`, and whatever is missing above it.
pub(super) fn prepare(maildir: &Path) -> io::Result<()> {
    for sub in ["tmp", "new", "cur"] {
        create_durably(&maildir.join(sub))?;
    }
    Ok(())
}

/// A name that no other delivery uses: time, process, a count, host.
pub(super) fn unique_name(host: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let millis = now().wall.0;
    let (seconds, micros) = (millis / 1000, millis % 1000 * 1000);
    let host = host.replace('/', "\\057").replace(':', "\\072");
    format!("{seconds}.M{micros}P{}Q{count}.{host}", std::process::id())
}

/// Syncs a directory, and with it the names in it.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn create_durably(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_owned(),
        None => return Err(io::ErrorKind::NotFound.into()),
    };
    create_durably(&parent)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync_directory(&parent)
}
