//! What a set does to files, in steps that can be made again.
//!
//! * **In**: steps. **Out**: files, or a file that says what to do with them. **Promises**: made twice, the steps
//!   lead where they lead once. **Limits**: a set is written in one piece. **Panics**: never.
//! * **Spec**: `SPOOL_FORMAT.md`, *A file for each message*.

use std::io;

use bytes::BytesMut;
use smtp_server::QueueId;

use super::format;
use super::{read_file, text_id};
use crate::content::StagedBody;
use crate::spool::NewMessage;
use crate::spool::message::Message;
use crate::spool::stage;
use crate::spool::vfs::{self, Vfs};

/// A change of one message's files.
#[derive(Debug)]
pub(super) enum Step {
    /// A new message: its file, and the key of a body that lies elsewhere.
    Accept { id: QueueId, file: Vec<u8>, body: Option<u64> },
    /// A new state.
    State { id: QueueId, file: Vec<u8> },
    /// An end.
    Remove(QueueId),
}

impl Step {
    pub(super) fn accept(new: &NewMessage) -> Self {
        let body = match new.content.body {
            StagedBody::Inline(_) => None,
            StagedBody::Stored { key, .. } => Some(key),
        };
        let file = format::write(&Message::accepted(new.entry.clone(), &new.due), &new.content);
        Self::Accept { id: new.entry.id, file, body }
    }

    pub(super) fn state(id: QueueId, message: &Message) -> Self {
        let mut state = BytesMut::new();
        message.put_state(&mut state);
        Self::State { id, file: format::seal(&state) }
    }
}

pub(super) fn entry_path(id: QueueId) -> String {
    format!("queue/{id}")
}

pub(super) fn state_path(id: QueueId) -> String {
    format!("queue/{id}.state")
}

pub(super) fn body_path(id: QueueId) -> String {
    format!("queue/{id}.body")
}

/// Makes the steps; after that all of it is durable.
pub(super) fn make(vfs: &dyn Vfs, steps: &[Step]) -> io::Result<()> {
    let mut bodies = false;
    for step in steps {
        if let Step::Accept { id, body: Some(key), .. } = step {
            match vfs.rename(&stage::path(*key), &body_path(*id)) {
                // Made before, when the same set is made again.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other?,
            }
            bodies = true;
        }
    }
    if bodies {
        // A message must not be there before its body is.
        vfs.sync_dir("queue")?;
    }
    for step in steps {
        match step {
            Step::Accept { id, file, .. } => replace(vfs, &entry_path(*id), file)?,
            Step::State { id, file } => replace(vfs, &state_path(*id), file)?,
            Step::Remove(id) => remove(vfs, &entry_path(*id))?,
        }
    }
    vfs.sync_dir("queue")?;
    for step in steps {
        if let Step::Remove(id) = step {
            // Nobody's now; what a crash leaves of them goes at the next start.
            remove(vfs, &state_path(*id))?;
            remove(vfs, &body_path(*id))?;
        }
    }
    Ok(())
}

/// Writes a set down, so that it is made whatever happens from now on.
pub(super) fn write_down(vfs: &dyn Vfs, number: u64, steps: &[Step]) -> io::Result<()> {
    let mut octets = Vec::new();
    let mut put = |word: &str, id: QueueId, key: u64, file: &[u8]| {
        let line = format!("{word} {id} {key:X} {}\r\n", file.len());
        octets.extend_from_slice(line.as_bytes());
        octets.extend_from_slice(file);
    };
    for step in steps {
        match step {
            Step::Accept { id, file, body } => put("accept", *id, body.unwrap_or(0), file),
            Step::State { id, file } => put("state", *id, 0, file),
            Step::Remove(id) => put("remove", *id, 0, &[]),
        }
    }
    if steps.iter().any(|step| matches!(step, Step::Accept { body: Some(_), .. })) {
        vfs.sync_dir("tmp")?;
    }
    replace(vfs, &format!("sets/{number:016X}"), &format::seal(&octets))?;
    vfs.sync_dir("sets")
}

/// The set was made. It must not be made again over what comes after it.
pub(super) fn forget(vfs: &dyn Vfs, number: u64) -> io::Result<()> {
    vfs.remove(&format!("sets/{number:016X}"))?;
    vfs.sync_dir("sets")
}

/// Makes the set again that was cut short, if there is one.
pub(super) fn repeat(vfs: &dyn Vfs) -> io::Result<()> {
    for name in vfs.list("sets")? {
        let path = format!("sets/{name}");
        // What has no name of its own was perhaps not synced, and nothing of it was made.
        if name != "new" {
            let octets = read_file(vfs, &path)?.unwrap_or_default();
            // A name is given only to what was synced, so what does not read is damaged, and its messages are as
            // they were before.
            if let Some(steps) = format::read_sealed(&octets).and_then(read_steps) {
                make(vfs, &steps)?;
            }
        }
        vfs.remove(&path)?;
    }
    vfs.sync_dir("sets")
}

fn read_steps(mut octets: &[u8]) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    while !octets.is_empty() {
        let end = octets.windows(2).position(|pair| pair == b"\r\n")?;
        let line = std::str::from_utf8(octets.get(..end)?).ok()?;
        let mut words = line.split(' ');
        let (word, id) = (words.next()?, text_id(words.next()?)?);
        let key = u64::from_str_radix(words.next()?, 16).ok()?;
        let bytes: usize = words.next()?.parse().ok()?;
        let (file, rest) = octets.get(end + 2..)?.split_at_checked(bytes)?;
        let file = file.to_vec();
        steps.push(match word {
            "accept" => Step::Accept { id, file, body: Some(key).filter(|&key| key != 0) },
            "state" => Step::State { id, file },
            "remove" => Step::Remove(id),
            _ => return None,
        });
        octets = rest;
    }
    Some(steps)
}

/// Writes a file under another name, syncs it and renames it; its directory is for the caller to sync.
fn replace(vfs: &dyn Vfs, path: &str, octets: &[u8]) -> io::Result<()> {
    let (dir, _) = path.split_once('/').unwrap_or_default();
    let new = format!("{dir}/new");
    remove(vfs, &new)?;
    let file = vfs.create(&new)?;
    vfs::write_all(&*file, octets, 0)?;
    file.sync()?;
    vfs.rename(&new, path)
}

fn remove(vfs: &dyn Vfs, path: &str) -> io::Result<()> {
    match vfs.remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
