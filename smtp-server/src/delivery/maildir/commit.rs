//! Making a message durable in every recipient's Maildir.
//!
//! * **In**: staged content, a directory and header fields per recipient. **Out**: results.
//! * **Promises**: write below `tmp/`, fsync, rename to `new/`, fsync the directory: in this order, and only then
//!   success. With `commit_all`, whatever was already in place is removed when another recipient fails.
//! * **Limits**: the disk. **Panics**: never. **Spec**: maildir(5); RFC 5321 6.1.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::staging::Staging;
use super::{mailbox, refusal};
use crate::verdict::{Accepted, Delivered, Rejection};

pub(super) struct Plan {
    pub(super) copies: Vec<Copy>,
    pub(super) host: Arc<str>,
    pub(super) staging: Staging,
}

/// One recipient's copy.
pub(super) struct Copy {
    pub(super) directory: PathBuf,
    /// The fields above the content.
    pub(super) fields: String,
}

/// A synced file below `tmp/`, removed when it is dropped before it is moved.
struct Written<'a> {
    maildir: &'a Path,
    name: String,
    moved: bool,
}

impl Plan {
    /// All copies or none.
    pub(super) fn commit_all(mut self) -> Delivered {
        self.try_commit_all().map_err(|error| refusal(&error))?;
        Ok(Accepted::new().into())
    }

    /// Each copy by itself.
    pub(super) fn commit_each(mut self) -> Vec<Result<Accepted, Rejection>> {
        let Self { copies, host, staging } = &mut self;
        let commit = |copy: &Copy| {
            let mut written = Written::write(copy, staging, host)?;
            written.deliver()?;
            written.sync()
        };
        let results = copies.iter().map(commit).collect::<Vec<io::Result<()>>>();
        let refused = |error: io::Error| refusal(&error);
        results
            .into_iter()
            .map(|result| result.map(|()| Accepted::new()).map_err(refused))
            .collect()
    }

    fn try_commit_all(&mut self) -> io::Result<()> {
        let Self { copies, host, staging } = self;
        let mut all = Vec::with_capacity(copies.len());
        for copy in copies.iter() {
            all.push(Written::write(copy, staging, host)?);
        }
        let delivered = all.iter_mut().try_for_each(Written::deliver);
        let synced = delivered.and_then(|()| all.iter().try_for_each(Written::sync));
        if synced.is_err() {
            all.iter_mut().for_each(Written::withdraw);
        }
        synced
    }
}

impl<'a> Written<'a> {
    fn write(copy: &'a Copy, staging: &mut Staging, host: &str) -> io::Result<Self> {
        let maildir = copy.directory.as_path();
        mailbox::prepare(maildir)?;
        let written = Self { maildir, name: mailbox::unique_name(host), moved: false };
        let mut file = File::options().write(true).create_new(true).open(written.path("tmp"))?;
        file.write_all(copy.fields.as_bytes())?;
        staging.copy_to(&mut file)?;
        file.sync_all()?;
        Ok(written)
    }

    fn deliver(&mut self) -> io::Result<()> {
        fs::rename(self.path("tmp"), self.path("new"))?;
        self.moved = true;
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        mailbox::sync_directory(&self.maildir.join("new"))
    }

    /// Takes a delivered copy back, because another recipient cannot have his.
    fn withdraw(&mut self) {
        if self.moved {
            let _ = fs::remove_file(self.path("new"));
        }
    }

    fn path(&self, sub: &str) -> PathBuf {
        self.maildir.join(sub).join(&self.name)
    }
}

impl Drop for Written<'_> {
    fn drop(&mut self) {
        if !self.moved {
            let _ = fs::remove_file(self.path("tmp"));
        }
    }
}
