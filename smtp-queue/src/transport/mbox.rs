//! Into mailboxes that are one file each.
//!
//! * **In**: a job. **Out**: each recipient's file with one more message at its end.
//! * **Promises**: delivered means that the file was synced; other programs that lock by `fcntl` or by `NAME.lock` are
//!   waited for; what could not be written whole is cut off again. A symbolic link, a file with a second name, a
//!   device or a program is not written to. After a crash a message may be there twice, or its beginning in front of it.
//! * **Limits**: a lock is waited for [`LOCK_ATTEMPTS_MAX`] seconds; one older than [`LOCK_SECONDS_MAX`] is taken away.
//! * **Panics**: never. **Spec**: RFC 4155 A, quoting as "mboxrd"; RFC 5321 4.4, 6.1, 6.3.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustix::fs::{FlockOperation, OFlags};
use smtp_server::delivery::{Mailboxes, UnixLines};
use smtp_server::{UnixMillis, trace};
use tokio::sync::Mutex;

use super::{Feedback, Job, Outcomes, Transport, local};
use crate::content::Content;
use crate::entry::QueueEntry;
use crate::status::Outcome;

/// How often a lock is tried for, once a second.
const LOCK_ATTEMPTS_MAX: u32 = 20;
/// The age at which nobody can be behind a lock file any more (Postfix's `stale_lock_time`).
const LOCK_SECONDS_MAX: u64 = 500;

/// Delivers to mbox files.
///
/// ```
/// use smtp_queue::transport::Mbox;
///
/// let mbox = Mbox::new(|recipient: &smtp_server::Recipient| {
///     (recipient.path.to_string() == "<kim@example.org>").then(|| "/var/mail/kim".into())
/// });
/// ```
#[derive(Clone)]
pub struct Mbox {
    files: Arc<dyn Mailboxes>,
    /// Our own deliveries to a file wait for each other here and not for its lock; several files may share one.
    turns: Arc<[Mutex<()>; 64]>,
    hasher: RandomState,
}

impl Mbox {
    /// Delivers to the file that is named for each recipient, whose directory must be there.
    #[must_use]
    pub fn new(files: impl Mailboxes) -> Self {
        let turns = Arc::new(std::array::from_fn(|_| Mutex::new(())));
        Self { files: Arc::new(files), turns, hasher: RandomState::new() }
    }

    async fn deliver(&self, job: &Job, index: u32) -> Result<Outcome, Box<Outcome>> {
        let recipient = local::recipient(job, index)?;
        let path = self.files.directory(&recipient.recipient);
        let path = path.ok_or_else(|| local::unknown_user(recipient))?;
        let turn = self.hasher.hash_one(&path) as usize % self.turns.len();
        let _turn = match self.turns.get(turn) {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        let message = Arc::new(Message {
            address: recipient.address(),
            separator: separator(&job.entry, UnixMillis::system()),
            fields: local::final_fields(&job.entry, recipient),
            content: job.content.clone(),
            path,
        });
        for _ in 0..LOCK_ATTEMPTS_MAX {
            let attempt = message.clone();
            if let Some(outcome) = local::blocking(move || attempt.deliver()).await? {
                return Ok(outcome);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Ok(local::deferred((4, 2, 0), "the mailbox is locked by another program"))
    }
}

impl fmt::Debug for Mbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mbox").finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for Mbox {
    async fn attempt(&self, job: &Job, outcomes: &mut dyn Outcomes) -> Feedback {
        local::each(job, outcomes, |index| self.deliver(job, index)).await
    }
}

/// A message for one mailbox.
struct Message {
    path: PathBuf,
    address: String,
    separator: String,
    fields: String,
    content: Content,
}

/// A mailbox that nobody else writes to.
struct Locked {
    file: File,
    _dot_lock: DotLock,
}

/// Why a mailbox was not opened.
enum Unopened {
    Busy,
    Unfit(&'static str),
    Io(io::Error),
}

impl From<io::Error> for Unopened {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Message {
    /// `None` while another program has the mailbox.
    fn deliver(&self) -> Option<Outcome> {
        let failure = |error: &io::Error| Some(local::io_failure("mailbox", error));
        match local::is_loop(&self.content, &self.address) {
            Err(error) => return failure(&error),
            Ok(true) => {
                let text = format!("mail forwarding loop for {}", self.address);
                return Some(local::failed((5, 4, 6), text));
            }
            Ok(false) => {}
        }
        match Locked::open(&self.path) {
            Err(Unopened::Busy) => None,
            Err(Unopened::Unfit(why)) => Some(local::failed((5, 2, 0), why)),
            Err(Unopened::Io(error)) => failure(&error),
            Ok(mut mailbox) => match self.append(&mut mailbox.file) {
                Ok(()) => Some(local::delivered("delivered to mailbox")),
                Err(error) => failure(&error),
            },
        }
    }

    fn append(&self, file: &mut File) -> io::Result<()> {
        let bytes = file.metadata()?.len();
        let written = self.write(file, bytes).and_then(|()| file.sync_all());
        if written.is_err() {
            // Whoever reads it next shall not find half a message.
            file.set_len(bytes)?;
            file.sync_all()?;
        } else if bytes == 0 {
            let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
            File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        written
    }

    fn write(&self, file: &mut File, bytes: u64) -> io::Result<()> {
        let mut last = *b"\n";
        if let Some(at) = bytes.checked_sub(1) {
            file.read_exact_at(&mut last, at)?;
        }
        if last != *b"\n" {
            // Another program was cut off there.
            file.write_all(b"\n\n")?;
        }
        file.write_all(self.separator.as_bytes())?;
        let mut lines = Lines::default();
        lines.write(self.fields.as_bytes(), file)?;
        local::for_each_piece(&self.content, &mut |piece| lines.write(piece, file))?;
        lines.finish(file)
    }
}

impl Locked {
    fn open(path: &Path) -> Result<Self, Unopened> {
        let dot_lock = DotLock::create(path)?.ok_or(Unopened::Busy)?;
        // Neither a link is followed nor a FIFO waited for.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let flags = i32::try_from(flags.bits()).unwrap_or_default();
        let mut options = File::options();
        options.read(true).append(true).create(true).mode(0o600).custom_flags(flags);
        let file = match options.open(path) {
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
                return Err(Unopened::Unfit("the mailbox is a symbolic link"));
            }
            opened => opened?,
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(Unopened::Unfit("the mailbox is no regular file"));
        }
        if metadata.nlink() > 1 {
            return Err(Unopened::Unfit("the mailbox has a second name"));
        }
        if metadata.mode() & 0o6111 != 0 {
            return Err(Unopened::Unfit("the mailbox can be run as a program"));
        }
        match rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => {
                return Err(Unopened::Busy);
            }
            locked => locked.map_err(io::Error::from)?,
        }
        // Whoever had the lock before may have put another file in its place.
        let current = fs::symlink_metadata(path)?;
        if (current.dev(), current.ino()) != (metadata.dev(), metadata.ino()) {
            return Err(Unopened::Busy);
        }
        Ok(Self { file, _dot_lock: dot_lock })
    }
}

/// A file that says that another one is in use.
struct DotLock(PathBuf);

impl DotLock {
    /// `None` if somebody else has it.
    fn create(path: &Path) -> io::Result<Option<Self>> {
        let mut name = OsString::from(path);
        name.push(".lock");
        let path = PathBuf::from(name);
        match File::options().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(mut file) => {
                let lock = Self(path);
                file.write_all(std::process::id().to_string().as_bytes())?;
                Ok(Some(lock))
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let age = fs::symlink_metadata(&path).and_then(|metadata| metadata.modified());
                let age = age.ok().and_then(|modified| modified.elapsed().ok());
                if age.is_some_and(|age| age.as_secs() > LOCK_SECONDS_MAX) {
                    fs::remove_file(&path)?;
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

impl Drop for DotLock {
    fn drop(&mut self) {
        // If it stays, its age tells that nobody is behind it.
        let _ = fs::remove_file(&self.0);
    }
}

/// `From ADDRESS DATE`, with the sender's address and the date in UTC.
fn separator(entry: &QueueEntry, now: UnixMillis) -> String {
    let sender = entry.reverse_path.mailbox();
    let sender = sender.map_or_else(|| "MAILER-DAEMON".to_owned(), ToString::to_string);
    let sender = sender.replace(char::is_whitespace, "_");
    let date = trace::date(now);
    let words = date.replace(',', "");
    let words = words.split(' ').collect::<Vec<_>>();
    let [weekday, day, month, year, time, ..] = words[..] else {
        return format!("From {sender}\n");
    };
    let day = day.trim_start_matches('0');
    format!("From {sender} {weekday} {month} {day:>2} {time} {year}\n")
}

/// Lines on their way into an mbox: LF at their ends, and `>` before what looks like a separator.
#[derive(Default)]
struct Lines {
    unix: UnixLines,
    place: Place,
    ends_in_line: bool,
    converted: Vec<u8>,
    quoted: Vec<u8>,
}

/// Where in a line the next octet stands.
#[derive(Clone, Copy)]
enum Place {
    /// Behind so many `>` and so many octets of `From `.
    Start {
        arrows: usize,
        matched: usize,
    },
    Inside,
}

impl Default for Place {
    fn default() -> Self {
        Self::Start { arrows: 0, matched: 0 }
    }
}

const FROM: &[u8] = b"From ";

impl Lines {
    fn write(&mut self, octets: &[u8], file: &mut File) -> io::Result<()> {
        self.converted.clear();
        self.unix.convert(octets, &mut self.converted);
        self.quote();
        file.write_all(&self.quoted)
    }

    fn finish(&mut self, file: &mut File) -> io::Result<()> {
        self.converted.clear();
        self.unix.finish(&mut self.converted);
        self.quote();
        self.release();
        if self.ends_in_line {
            self.quoted.push(b'\n');
        }
        self.quoted.push(b'\n');
        file.write_all(&self.quoted)
    }

    fn quote(&mut self) {
        self.quoted.clear();
        let converted = std::mem::take(&mut self.converted);
        for &octet in &converted {
            self.push(octet);
        }
        self.converted = converted;
    }

    fn push(&mut self, octet: u8) {
        if let Place::Start { arrows, matched } = self.place {
            match octet {
                b'>' if matched == 0 => {
                    self.place = Place::Start { arrows: arrows + 1, matched };
                    return;
                }
                _ if FROM.get(matched) == Some(&octet) => {
                    self.place = Place::Start { arrows, matched: matched + 1 };
                    if matched + 1 == FROM.len() {
                        self.quoted.push(b'>');
                        self.release();
                    }
                    return;
                }
                _ => self.release(),
            }
        }
        self.quoted.push(octet);
        self.ends_in_line = octet != b'\n';
        if octet == b'\n' {
            self.place = Place::default();
        }
    }

    /// Writes what was held back at the start of a line.
    fn release(&mut self) {
        if let Place::Start { arrows, matched } = std::mem::replace(&mut self.place, Place::Inside)
        {
            self.quoted.extend(std::iter::repeat_n(b'>', arrows));
            self.quoted.extend_from_slice(FROM.get(..matched).unwrap_or_default());
            self.ends_in_line |= arrows + matched > 0;
        }
    }
}
