//! Opening: the segments that a run left behind become an index and rows.
//!
//! * **In**: files. **Out**: what is there, and what is damaged. **Promises**: of sealed segments only footers are
//!   read; damage costs the frame that it is in. **Limits**: memory for the states of all messages, while it runs.
//! * **Panics**: never. **Spec**: `SPOOL_FORMAT.md`, *Opening*.

use std::collections::{HashMap, HashSet};
use std::io;

use bytes::Bytes;
use smtp_server::QueueId;

use super::frame::{self, FrameKind, Gap, ItemKind, SegmentHeader};
use super::index::{Place, Slot};
use super::read::read_accept;
use super::{Segment, Shared, blob_path, dir, footer, path};
use crate::entry::Row;
use crate::spool::message::Summary;
use crate::spool::text;
use crate::spool::vfs::{self, Vfs, VfsFile};
use crate::spool::{Damage, SpoolError};

/// What was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) shared: Shared,
    pub(super) last_messages: u32,
    pub(super) last_states: u32,
    pub(super) last_id: QueueId,
    pub(super) last_key: u64,
}

struct Recovery<'a> {
    vfs: &'a dyn Vfs,
    give: &'a mut dyn FnMut(Row<'_>),
    damaged: &'a mut dyn FnMut(Damage),
    found: Found,
    changes: HashMap<QueueId, Changes>,
    removed: HashSet<QueueId>,
    /// Messages that lie among the states.
    accepted: Vec<(Summary, Place)>,
    bodies: HashSet<u64>,
    bodies_used: HashSet<u64>,
    is_damaged: bool,
}

/// What the states say of a message, without words.
#[derive(Default)]
struct Changes {
    place: Place,
    lines: Vec<u8>,
    /// Whether the lines say all of the state.
    is_complete: bool,
}

pub(super) fn recover(
    vfs: &dyn Vfs,
    give: &mut dyn FnMut(Row<'_>),
    damaged: &mut dyn FnMut(Damage),
) -> Result<Found, SpoolError> {
    let bodies = vfs.list("blob")?;
    let bodies = bodies.iter().filter_map(|name| u64::from_str_radix(name, 16).ok());
    let mut recovery = Recovery {
        vfs,
        give,
        damaged,
        found: Found {
            shared: Shared::default(),
            last_messages: 0,
            last_states: 0,
            last_id: QueueId(0),
            last_key: 0,
        },
        changes: HashMap::new(),
        removed: HashSet::new(),
        accepted: Vec::new(),
        bodies: bodies.collect(),
        bodies_used: HashSet::new(),
        is_damaged: false,
    };
    // What is shown is what is durable, also where a process was killed between a write and its sync.
    for in_states in [true, false] {
        if let Some(&last) = numbers(vfs, in_states)?.last() {
            vfs.open(&path(in_states, last))?.sync()?;
        }
        vfs.sync_dir(dir(in_states))?;
    }
    let states = numbers(vfs, true)?;
    for &number in &states {
        recovery.read_states(number, states.last() == Some(&number))?;
    }
    // The newest first, so that of two copies of a message the later one counts.
    for number in numbers(vfs, false)?.into_iter().rev() {
        recovery.read_messages(number)?;
    }
    for (summary, place) in std::mem::take(&mut recovery.accepted) {
        recovery.add(summary, place);
    }
    recovery.remove_bodies()?;
    Ok(recovery.found)
}

/// The segments of a log.
pub(super) fn numbers(vfs: &dyn Vfs, in_states: bool) -> io::Result<Vec<u32>> {
    let names = vfs.list(dir(in_states))?;
    let mut numbers = names.iter().filter_map(|name| name.parse().ok()).collect::<Vec<u32>>();
    numbers.retain(|&number| 0 < number && number < 1 << 30);
    numbers.sort_unstable();
    Ok(numbers)
}

impl Recovery<'_> {
    fn read_states(&mut self, number: u32, is_last: bool) -> Result<(), SpoolError> {
        let (file, octets) = self.open(number, true)?;
        self.found.last_states = number;
        let (frames, gaps) = frame::scan(&octets, number);
        self.report(number, true, &octets, &gaps)?;
        for found in frames.iter().filter(|found| found.kind == FrameKind::Set) {
            let place = Place::new(true, number, found.offset);
            let payload = octets.slice(found.payload.clone());
            for item in frame::items(&payload) {
                self.see(item.id);
                match item.kind {
                    ItemKind::Accept => self.accept(&payload, item.id, place),
                    ItemKind::Change | ItemKind::State => {
                        let changes = self.changes.entry(item.id).or_default();
                        changes.place = place;
                        if item.kind == ItemKind::State {
                            changes.lines.clear();
                            changes.is_complete = true;
                        }
                        put_words(item.head, &mut changes.lines);
                    }
                    ItemKind::Remove => {
                        self.changes.remove(&item.id);
                        self.removed.insert(item.id);
                    }
                    ItemKind::Unknown(_) => {}
                }
            }
        }
        if is_last {
            file.sync()?;
        }
        let bytes = octets.len() as u64;
        let segment = Segment { file, bytes, total: 0, live: 0, has_copies: false };
        self.found.shared.states.insert(number, segment);
        Ok(())
    }

    fn accept(&mut self, payload: &Bytes, id: QueueId, place: Place) {
        let Some((mut message, accept)) = read_accept(payload, id) else { return };
        message.apply_text(&accept.state);
        let summary = Summary::of(&message, accept.body_ref);
        self.accepted.push((summary, place.with_body(accept.body_ref.is_some())));
    }

    fn read_messages(&mut self, number: u32) -> Result<(), SpoolError> {
        let file = self.vfs.open(&path(false, number))?;
        let mut header = [0; frame::SEGMENT_HEADER];
        vfs::read_full(&*file, &mut header, 0)?;
        if let Some(header) = SegmentHeader::read(&header) {
            self.see(header.last_id);
        }
        self.found.last_messages = self.found.last_messages.max(number);
        let bytes = file.bytes()?;
        let segment = Segment { file: file.clone(), bytes, total: 0, live: 0, has_copies: false };
        self.found.shared.messages.insert(number, segment);
        let summaries = match footer::read(&*file, number)? {
            Some(summaries) => summaries,
            None => self.read_unsealed(number, &*file)?,
        };
        for (summary, offset) in footer::summaries(&summaries) {
            self.see(summary.id);
            let place = Place::new(false, number, offset).with_body(summary.body.is_some());
            self.add(summary, place);
        }
        Ok(())
    }

    /// Reads a segment from its beginning, and seals it.
    fn read_unsealed(&mut self, number: u32, file: &dyn VfsFile) -> Result<Vec<u8>, SpoolError> {
        let octets = Bytes::from(vfs::read_range(file, 0, u64::MAX)?);
        let (frames, gaps) = frame::scan(&octets, number);
        self.report(number, false, &octets, &gaps)?;
        let mut summaries = Vec::new();
        for found in frames.iter().filter(|found| found.kind == FrameKind::Set) {
            let payload = octets.slice(found.payload.clone());
            for item in frame::items(&payload).filter(|item| item.kind == ItemKind::Accept) {
                let Some((mut message, accept)) = read_accept(&payload, item.id) else { continue };
                message.apply_text(&accept.state);
                let summary = Summary::of(&message, accept.body_ref);
                footer::put_summary(&summary, found.offset, &mut summaries);
            }
        }
        let end = octets.len().max(frame::SEGMENT_HEADER).next_multiple_of(8) as u64;
        let batch = frames.last().map_or(0, |last| last.batch) + 1;
        let sealed = footer::seal(&summaries, number, end, batch)?;
        match vfs::write_all(file, &sealed, end) {
            // It is read in the same way the next time.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {}
            other => other?,
        }
        file.sync()?;
        Ok(summaries)
    }

    /// Adds a message unless it is gone, or a later copy of it was seen.
    fn add(&mut self, mut summary: Summary, place: Place) {
        let id = summary.id;
        let is_copied = self.found.shared.index.find(id).is_some();
        let is_dead = is_copied || self.removed.contains(&id);
        if let Some(segment) = self.found.shared.messages_at(place) {
            segment.total += 1;
            segment.live += u32::from(!is_dead);
            segment.has_copies |= is_copied;
        }
        if is_dead {
            return;
        }
        let changes = self.changes.remove(&id).unwrap_or_default();
        self.found.shared.index.insert(Slot { id, place, state: changes.place });
        if changes.is_complete {
            summary.forget_state();
        }
        for line in text::lines(&changes.lines) {
            summary.apply(&text::read_line(line));
        }
        summary.finish();
        if let Some(body) = summary.body {
            self.bodies_used.insert(body.key);
            if !self.bodies.contains(&body.key) {
                let reason = format!("the body of message {id} is gone");
                self.is_damaged = true;
                return (self.damaged)(Damage { path: blob_path(body.key), reason });
            }
        }
        summary.rows(self.give);
    }

    /// Bodies of no message go, unless a message may be among what is damaged.
    fn remove_bodies(&mut self) -> io::Result<()> {
        self.found.last_key = self.bodies.union(&self.bodies_used).copied().max().unwrap_or(0);
        if !self.is_damaged {
            for key in self.bodies.difference(&self.bodies_used) {
                self.vfs.remove(&blob_path(*key))?;
            }
        }
        Ok(())
    }

    fn open(
        &mut self,
        number: u32,
        in_states: bool,
    ) -> io::Result<(std::sync::Arc<dyn VfsFile>, Bytes)> {
        let file = self.vfs.open(&path(in_states, number))?;
        let octets = Bytes::from(vfs::read_range(&*file, 0, u64::MAX)?);
        if let Some(header) = SegmentHeader::read(&octets) {
            self.see(header.last_id);
        }
        Ok((file, octets))
    }

    fn see(&mut self, id: QueueId) {
        self.found.last_id = self.found.last_id.max(id);
    }

    /// Keeps what is damaged, for somebody to look at.
    fn report(
        &mut self,
        number: u32,
        in_states: bool,
        octets: &[u8],
        gaps: &[Gap],
    ) -> io::Result<()> {
        for Gap { range, .. } in gaps.iter().filter(|gap| gap.is_damage) {
            self.is_damaged = true;
            let path = path(in_states, number);
            let name = format!("corrupt/{}-{}", path.replace('/', "-"), range.start);
            let kept = self.vfs.create(&name).and_then(|file| {
                vfs::write_all(&*file, octets.get(range.clone()).unwrap_or_default(), 0)
            });
            // It is still where it was, so an error here loses nothing.
            let kept = kept.map_or(String::new(), |()| format!(", kept as {name}"));
            let (from, bytes) = (range.start, range.len());
            let reason = format!("{bytes} octets from {from} on are no frame{kept}");
            (self.damaged)(Damage { path, reason });
        }
        Ok(())
    }
}

/// Lines without the words of statuses, which only a reader of the message needs.
fn put_words(lines: &[u8], out: &mut Vec<u8>) {
    for line in text::lines(lines) {
        let end = line.iter().position(|&octet| octet == b'\t').unwrap_or(line.len());
        out.extend_from_slice(line.get(..end).unwrap_or_default());
        out.push(b'\n');
    }
}
