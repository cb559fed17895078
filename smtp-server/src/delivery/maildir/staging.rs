//! Content on its way into mailboxes.
//!
//! * **In**: content chunks. **Out**: the same with lines that end in LF, in memory or in a file below `tmp/`.
//! * **Promises**: dropped, it leaves no file. The header fields are not in it: they may be known only at the end.
//!   Content that begins with white space has an empty line before it, and no `Return-Path` in its header.
//! * **Limits**: 256 KiB in memory; a larger message is written in pieces of that size on the blocking pool.
//! * **Panics**: never. **Spec**: maildir(5).

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::unix_lines::UnixLines;
use super::{ReturnPaths, mailbox, refusal};
use crate::verdict::Rejection;

const MEMORY_BYTES_MAX: usize = 256 * 1024;

pub(super) struct Staging {
    maildir: PathBuf,
    host: Arc<str>,
    buffer: Vec<u8>,
    file: Option<TemporaryFile>,
    lines: UnixLines,
    return_paths: ReturnPaths,
    is_empty: bool,
}

/// A file that is removed when it is dropped.
struct TemporaryFile {
    file: File,
    path: PathBuf,
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // Nothing depends on it: a leftover below tmp/ is no message.
        let _ = fs::remove_file(&self.path);
    }
}

impl Staging {
    pub(super) fn new(maildir: PathBuf, host: Arc<str>) -> Self {
        let (lines, return_paths) = (UnixLines::default(), ReturnPaths::default());
        let buffer = Vec::new();
        Self { maildir, host, buffer, file: None, lines, return_paths, is_empty: true }
    }

    pub(super) async fn write(&mut self, chunk: &[u8]) -> Result<(), Rejection> {
        self.append(chunk);
        if MEMORY_BYTES_MAX <= self.buffer.len() {
            self.spill().await?;
        }
        Ok(())
    }

    /// Writes the whole content to `copy`.
    pub(super) fn copy_to(&mut self, copy: &mut File) -> io::Result<()> {
        self.lines.convert(&self.return_paths.finish(), &mut self.buffer);
        self.lines.finish(&mut self.buffer);
        if let Some(spilled) = &mut self.file {
            spilled.file.seek(SeekFrom::Start(0))?;
            io::copy(&mut spilled.file, copy)?;
        }
        copy.write_all(&self.buffer)
    }

    fn append(&mut self, chunk: &[u8]) {
        let is_first = self.is_empty;
        self.is_empty &= chunk.is_empty();
        if is_first && matches!(chunk.first(), Some(b' ' | b'\t')) {
            // It would continue the last of the fields above, which is our own.
            self.buffer.push(b'\n');
        }
        self.lines.convert(&self.return_paths.filter(chunk), &mut self.buffer);
    }

    /// Moves the buffer to the file, which travels with it so that a dropped delivery removes both.
    async fn spill(&mut self) -> Result<(), Rejection> {
        let buffer = std::mem::take(&mut self.buffer);
        let (file, maildir, host) = (self.file.take(), self.maildir.clone(), self.host.clone());
        let written = tokio::task::spawn_blocking(move || {
            let mut spilled = match file {
                Some(spilled) => spilled,
                None => TemporaryFile::create(maildir, &host)?,
            };
            spilled.file.write_all(&buffer)?;
            let mut buffer = buffer;
            buffer.clear();
            io::Result::Ok((spilled, buffer))
        });
        match written.await {
            Ok(Ok((spilled, buffer))) => {
                self.file = Some(spilled);
                self.buffer = buffer;
                Ok(())
            }
            Ok(Err(error)) => Err(refusal(&error)),
            Err(_) => Err(Rejection::local_error()),
        }
    }
}

impl TemporaryFile {
    fn create(maildir: PathBuf, host: &str) -> io::Result<Self> {
        mailbox::prepare(&maildir)?;
        let path = maildir.join("tmp").join(mailbox::unique_name(host));
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        Ok(Self { file, path })
    }
}
