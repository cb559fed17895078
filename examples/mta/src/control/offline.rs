//! The queue of an `mta` that does not run: read, and never written.
//!
//! * **In**: the queue's directory, a request that only looks. **Out**: what is there. **Promises**: not an octet is
//!   written, no lock is taken, no file is made. **Limits**: when something is tried next, and what a site is, only a running
//!   `mta` knows: a message is held, deferred (tried before) or incoming. **Panics**: never. **Spec**: `SPOOL_FORMAT.md`.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use smtp_queue::spool::log::{Finding, fsck};
use smtp_queue::spool::vfs::{Room, Vfs, VfsFile};
use smtp_queue::{Filter, Listed, ManagerConfig, Opened, QueueEntry, QueueManager, QueueName};
use smtp_server::{QueueId, UnixMillis};

use super::client::{Printer, Trouble};
use super::print::{self, Checked, Listing, Message};
use super::{Operation, Request, reading};
use crate::failure::Failure;

/// Does what is asked for, which only looks.
pub(super) fn look(directory: &Path, request: &Request, out: &mut Printer) -> Result<(), Trouble> {
    check_format(directory)?;
    let mut reader =
        Reader { disk: ReadOnly(directory.to_owned()), damage: Checked::new(request.json) };
    match &request.operation {
        Operation::List { site } => list(&mut reader, request.json, site.as_deref(), out),
        Operation::Show(words) => {
            show(&mut reader, request.json, reading::ids(words).map_err(Failure::from)?, out)
        }
        Operation::Stats => {
            let counts = manager(&mut reader)?.counts();
            out.text(&print::stats(request.json, counts, &[], UnixMillis::system()))
        }
        Operation::Shape => {
            let shape = manager(&mut reader)?.shape(&Filter::default());
            out.text(&print::shape(request.json, &shape))
        }
        Operation::Fsck => check(&mut reader, out),
        _ => Err(Failure::unavailable("this needs an mta that runs").into()),
    }?;
    Ok(reader.damage.verdict().map_err(Failure::from)?)
}

struct Reader {
    disk: ReadOnly,
    damage: Checked,
}

impl Reader {
    /// Gives the messages that are still to be delivered.
    fn each(&mut self, mut give: impl FnMut(Opened) -> Result<(), Trouble>) -> Result<(), Trouble> {
        let mut ended = Ok(());
        let damage = &mut self.damage;
        let read = fsck(&self.disk, &mut |finding| match finding {
            Finding::Message(message) => {
                let is_pending = message.entry.recipients.iter().any(|one| one.state.is_pending());
                if ended.is_ok() && is_pending {
                    ended = give(*message);
                }
            }
            Finding::Damage(_) => damage.damaged += 1,
        });
        read.map_err(|error| unreadable(&self.disk.0, &error))?;
        ended
    }
}

fn list(
    reader: &mut Reader,
    json: bool,
    site: Option<&str>,
    out: &mut Printer,
) -> Result<(), Trouble> {
    let site = site.map(str::to_ascii_lowercase);
    let mut listing = Listing::new(json);
    reader.each(|Opened { entry, .. }| {
        match site.as_ref().is_none_or(|site| reading::is_for(&entry, site)) {
            true => out.text(&listing.entry(&entry, queue_of(&entry))),
            false => Ok(()),
        }
    })?;
    out.text(&listing.end())
}

fn show(
    reader: &mut Reader,
    json: bool,
    mut ids: Vec<QueueId>,
    out: &mut Printer,
) -> Result<(), Trouble> {
    let directory = reader.disk.0.clone();
    reader.each(|message| {
        let Some(at) = ids.iter().position(|id| *id == message.entry.id) else { return Ok(()) };
        ids.swap_remove(at);
        let queue = queue_of(&message.entry);
        let mut message = Message::new(json, Listed { message, queue });
        while let Some(octets) =
            message.next_piece().map_err(|error| unreadable(&directory, &error))?
        {
            out.octets(&octets)?;
        }
        Ok(())
    })?;
    Ok(reading::missing(&ids).map_err(Failure::from)?)
}

/// A queue manager that knows what is there, and counts it.
fn manager(reader: &mut Reader) -> Result<QueueManager, Trouble> {
    let now = UnixMillis::system();
    let later = UnixMillis(now.0.saturating_add(86_400_000));
    let mut manager = QueueManager::new(ManagerConfig::default(), now.0);
    reader.each(|Opened { mut entry, .. }| {
        let due = if reading::was_tried(&entry) { later } else { entry.not_before() };
        entry.recipients.retain(|one| one.state.is_pending());
        let rows = entry.rows();
        entry.each_row(&rows, &vec![due; rows.rows.len()], &mut |row| {
            // Two messages of one id are not found, and none without recipients is given.
            let _ = manager.insert(row, now);
        });
        Ok(())
    })?;
    Ok(manager)
}

fn check(reader: &mut Reader, out: &mut Printer) -> Result<(), Trouble> {
    let mut ended = Ok(());
    let damage = &mut reader.damage;
    let read = fsck(&reader.disk, &mut |finding| match finding {
        Finding::Message(_) => damage.messages += 1,
        Finding::Damage(found) => {
            let line = damage.damage(&found.path, &found.reason);
            if ended.is_ok() {
                ended = out.text(&line);
            }
        }
    });
    read.map_err(|error| unreadable(&reader.disk.0, &error))?;
    ended?;
    out.text(&reader.damage.end())
}

fn queue_of(entry: &QueueEntry) -> QueueName {
    match entry.hold {
        Some(_) => QueueName::Hold,
        None if reading::was_tried(entry) => QueueName::Deferred,
        None => QueueName::Incoming,
    }
}

/// A file spool, or another version's, is none that can be read here.
fn check_format(directory: &Path) -> Result<(), Failure> {
    const FORMAT: &str = "smtp-queue 1 log";
    let found = fs::read_to_string(directory.join("FORMAT"))
        .map_err(|error| unreadable(directory, &error))?;
    match found.trim_end() {
        FORMAT => Ok(()),
        other => Err(Failure::unreadable(format!(
            "the queue in {} is of the format '{other}', not '{FORMAT}'",
            directory.display()
        ))),
    }
}

fn unreadable(directory: &Path, error: &io::Error) -> Failure {
    let directory = directory.display();
    Failure::unreadable(match error.kind() {
        ErrorKind::NotFound => {
            format!("there is no queue in {directory}: --data names its directory")
        }
        _ => format!("cannot read the queue in {directory}: {error}"),
    })
}

/// A directory on a disk of which nothing but reading is done.
#[derive(Debug)]
struct ReadOnly(PathBuf);

impl Vfs for ReadOnly {
    fn open(&self, path: &str) -> io::Result<Arc<dyn VfsFile>> {
        Ok(Arc::new(File::open(self.0.join(path))?))
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.0.join(dir))? {
            // No name of the spool's is anything but ASCII.
            names.extend(entry?.file_name().into_string());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create_dir(&self, _name: &str) -> io::Result<()> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }

    fn create(&self, _path: &str) -> io::Result<Arc<dyn VfsFile>> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }

    fn rename(&self, _from: &str, _to: &str) -> io::Result<()> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }

    fn remove(&self, _path: &str) -> io::Result<()> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync_dir(&self, _dir: &str) -> io::Result<()> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }

    fn room(&self) -> io::Result<Room> {
        Ok(Room { bytes: 0, inodes: 0 })
    }

    fn lock(&self) -> io::Result<Box<dyn fmt::Debug + Send + Sync>> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }
}
