//! Making a message durable in every recipient's Maildir.
//!
//! * **In**: staged content, a directory and header fields per recipient. **Out**: results.
//! * **Promises**: success only when all files and names are synced. With `commit_all`, whatever was already
//!   in place is removed when another recipient fails.
//! * **Limits**: the disk. **Panics**: never. **Spec**: maildir(5); RFC 5321 6.1.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::file::{MaildirFile, Written};
use super::refusal;
use super::staging::Staging;
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
            let mut written = write(copy, staging, host)?;
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
            all.push(write(copy, staging, host)?);
        }
        let delivered = all.iter_mut().try_for_each(Written::deliver);
        let synced = delivered.and_then(|()| all.iter().try_for_each(Written::sync));
        if synced.is_err() {
            all.iter_mut().for_each(Written::withdraw);
        }
        synced
    }
}

/// A synced file below `tmp/`.
fn write(copy: &Copy, staging: &mut Staging, host: &str) -> io::Result<Written> {
    let mut file = MaildirFile::create(&copy.directory, host)?;
    file.file().write_all(copy.fields.as_bytes())?;
    staging.copy_to(file.file())?;
    file.finish()
}
