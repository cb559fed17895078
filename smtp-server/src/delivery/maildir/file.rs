//! One message on its way into one Maildir.
//!
//! * **In**: header fields and content. **Out**: a file below `new/`.
//! * **Promises**: written below `tmp/`, synced, renamed to `new/`, the directory synced: in this order, and only
//!   then success. Dropped before, it leaves no file. **Limits**: the disk. **Panics**: never.
//! * **Spec**: maildir(5); RFC 5321 6.1.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::mailbox;
use super::unix_lines::UnixLines;

/// A file in a Maildir that nobody reads yet; for whoever has a message and blocks as it likes.
///
/// ```no_run
/// use smtp_server::delivery::MaildirFile;
///
/// # fn example() -> std::io::Result<()> {
/// let mut file = MaildirFile::create("/var/mail/kim".as_ref(), "mx.example.org")?;
/// file.write(b"Return-Path: <a@example.net>\r\n")?;
/// file.write(b"Subject: hello\r\n\r\nHello\r\n")?;
/// file.commit()?; // it survives power loss from here on
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct MaildirFile {
    file: File,
    lines: UnixLines,
    name: Written,
}

/// The name of a file below `tmp/`, which is removed when it is dropped before it is moved.
#[derive(Debug)]
pub(super) struct Written {
    maildir: PathBuf,
    name: String,
    moved: bool,
}

impl MaildirFile {
    /// Begins a file in `maildir` (the directory that holds `new`), which is made if it is missing; `host` becomes
    /// part of its name.
    ///
    /// # Errors
    /// What the file system reports.
    pub fn create(maildir: &Path, host: &str) -> io::Result<Self> {
        mailbox::prepare(maildir)?;
        let (maildir, name) = (maildir.to_owned(), mailbox::unique_name(host));
        let path = maildir.join("tmp").join(&name);
        let file = File::options().write(true).create_new(true).open(path)?;
        Ok(Self {
            file,
            lines: UnixLines::default(),
            name: Written { maildir, name, moved: false },
        })
    }

    /// Writes the next octets, with LF for CRLF.
    ///
    /// # Errors
    /// What the file system reports.
    pub fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        let mut converted = Vec::with_capacity(octets.len());
        self.lines.convert(octets, &mut converted);
        self.file.write_all(&converted)
    }

    /// Puts the message into the mailbox; after that it survives power loss.
    ///
    /// # Errors
    /// What the file system reports. The message may be there all the same, if the last step failed.
    pub fn commit(self) -> io::Result<()> {
        let mut written = self.finish()?;
        written.deliver()?;
        written.sync()
    }

    /// The file, for octets whose lines end in LF already.
    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Syncs the content and closes the file.
    pub(super) fn finish(mut self) -> io::Result<Written> {
        let mut rest = Vec::new();
        self.lines.finish(&mut rest);
        self.file.write_all(&rest)?;
        self.file.sync_all()?;
        Ok(self.name)
    }
}

impl Written {
    pub(super) fn deliver(&mut self) -> io::Result<()> {
        fs::rename(self.path("tmp"), self.path("new"))?;
        self.moved = true;
        Ok(())
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        mailbox::sync_directory(&self.maildir.join("new"))
    }

    /// Takes a delivered copy back, because another recipient cannot have his.
    pub(super) fn withdraw(&mut self) {
        if self.moved {
            let _ = fs::remove_file(self.path("new"));
        }
    }

    fn path(&self, sub: &str) -> PathBuf {
        self.maildir.join(sub).join(&self.name)
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        if !self.moved {
            let _ = fs::remove_file(self.path("tmp"));
        }
    }
}
