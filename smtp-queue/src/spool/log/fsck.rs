//! Reads everything there is in a log, without opening it.
//!
//! * **In**: a spool that nobody writes. **Out**: each message that can be read, and all that cannot.
//! * **Promises**: changes nothing; reads past whatever is damaged. **Limits**: memory of a segment and of the
//!   states. **Panics**: never. **Spec**: `SPOOL_FORMAT.md`.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use smtp_server::QueueId;

use super::frame::{self, FrameKind, ItemKind, SegmentHeader};
use super::read::{Accept, read_accept};
use super::recover::numbers;
use super::{blob_path, path};
use crate::content::{Content, ContentBody};
use crate::spool::files::StoredBody;
use crate::spool::message::Message;
use crate::spool::text::BodyRef;
use crate::spool::vfs::{self, Vfs};
use crate::spool::{Damage, Opened};

/// What was found.
#[derive(Debug)]
pub enum Finding {
    /// A message of the queue that can be read, as a start would find it.
    Message(Box<Opened>),
    /// Something that cannot.
    Damage(Damage),
}

/// States of messages as they were read: the lines, and whether they say all.
type States = HashMap<QueueId, (Vec<Bytes>, bool)>;

/// What is known while the messages are read.
struct Check<'a> {
    vfs: &'a dyn Vfs,
    found: &'a mut dyn FnMut(Finding),
    states: States,
    /// Messages that are removed, or that were told of.
    over: HashSet<QueueId>,
}

/// Reads all segments of both logs and all bodies, checks every checksum, and tells what it finds: the messages of the
/// newest segment first.
///
/// # Errors
/// What the storage reports.
pub fn fsck(vfs: &dyn Vfs, found: &mut dyn FnMut(Finding)) -> io::Result<()> {
    let mut check = Check { vfs, found, states: States::new(), over: HashSet::new() };
    let mut among_states = Vec::new();
    for number in numbers(vfs, true)? {
        for payload in payloads(vfs, true, number, check.found)? {
            for item in frame::items(&payload) {
                let lines = payload.slice_ref(item.head);
                let states = &mut check.states;
                match item.kind {
                    ItemKind::Accept => {
                        among_states.extend(check.accepted(&payload, item.id, true, number));
                    }
                    ItemKind::Change => states.entry(item.id).or_default().0.push(lines),
                    ItemKind::State => drop(states.insert(item.id, (vec![lines], true))),
                    ItemKind::Remove => drop(check.over.insert(item.id)),
                    ItemKind::Unknown(_) => {}
                }
            }
        }
    }
    // The newest first, so that of two copies of a message the later one counts.
    for number in numbers(vfs, false)?.into_iter().rev() {
        for payload in payloads(vfs, false, number, check.found)? {
            for item in frame::items(&payload).filter(|item| item.kind == ItemKind::Accept) {
                if let Some((message, accept)) = check.accepted(&payload, item.id, false, number) {
                    check.tell(message, accept);
                }
            }
        }
    }
    among_states.into_iter().for_each(|(message, accept)| check.tell(message, accept));
    Ok(())
}

impl Check<'_> {
    fn accepted(
        &mut self,
        payload: &Bytes,
        id: QueueId,
        in_states: bool,
        number: u32,
    ) -> Option<(Message, Accept)> {
        let message = read_accept(payload, id);
        if message.is_none() {
            let reason = format!("the envelope of message {id} does not read");
            (self.found)(damage(path(in_states, number), reason));
        }
        message
    }

    /// Tells of a message as it stands after all that was said of it, unless it is gone.
    fn tell(&mut self, mut message: Message, accept: Accept) {
        let id = message.entry.id;
        if !self.over.insert(id) {
            return;
        }
        let (lines, is_complete) = self.states.remove(&id).unwrap_or_default();
        if !is_complete {
            message.apply_text(&accept.state);
        }
        lines.iter().for_each(|lines| message.apply_text(lines));
        let body = match accept.body_ref {
            None => ContentBody::Memory(accept.inline),
            Some(body) => match read_body(self.vfs, body) {
                Ok(stored) => stored,
                Err(reason) => {
                    let reason = format!("the body of message {id}: {reason}");
                    return (self.found)(damage(blob_path(body.key), reason));
                }
            },
        };
        let content = Content { fields: accept.fields, body };
        (self.found)(Finding::Message(Box::new(Opened { entry: message.entry, content })));
    }
}

/// The sets of a segment.
fn payloads(
    vfs: &dyn Vfs,
    in_states: bool,
    number: u32,
    found: &mut dyn FnMut(Finding),
) -> io::Result<Vec<Bytes>> {
    let path = path(in_states, number);
    let file = vfs.open(&path)?;
    let octets = Bytes::from(vfs::read_range(&*file, 0, u64::MAX)?);
    if SegmentHeader::read(&octets).is_none_or(|header| header.segment != number) {
        found(damage(path.clone(), "its header does not read".to_owned()));
    }
    let (frames, gaps) = frame::scan(&octets, number);
    for gap in gaps.iter().filter(|gap| gap.is_damage) {
        let (from, bytes) = (gap.range.start, gap.range.len());
        found(damage(path.clone(), format!("{bytes} octets from {from} on are no frame")));
    }
    let sets = frames.into_iter().filter(|frame| frame.kind == FrameKind::Set);
    Ok(sets.map(|frame| octets.slice(frame.payload)).collect())
}

/// A body whose octets are those that were written.
fn read_body(vfs: &dyn Vfs, body: BodyRef) -> Result<ContentBody, String> {
    let file = vfs.open(&blob_path(body.key)).map_err(|error| error.to_string())?;
    let mut buffer = vec![0; 1 << 16];
    let (mut bytes, mut checksum) = (0, 0);
    loop {
        match file.read_at(&mut buffer, bytes).map_err(|error| error.to_string())? {
            0 => break,
            read => {
                let octets = buffer.get(..read).unwrap_or_default();
                checksum = crc32c::crc32c_append(checksum, octets);
                bytes += read as u64;
            }
        }
    }
    if (bytes, checksum) != (body.bytes, body.checksum) {
        return Err("not the octets that were written".to_owned());
    }
    Ok(ContentBody::Stored(Arc::new(StoredBody { file, bytes })))
}

fn damage(path: String, reason: String) -> Finding {
    Finding::Damage(Damage { path, reason })
}
