//! What makes room again: bodies and segments of nobody, sparse segments, old states.
//!
//! * **In**: a log. **Out**: a smaller one. **Promises**: nothing is taken away before what replaces it is durable;
//!   what says that a message is gone outlives every copy of the message. **Limits**: a step reads at most one
//!   segment. **Panics**: never. **Spec**: `SPOOL_FORMAT.md`, *Cleaning*.

use std::io;

use bytes::{Bytes, BytesMut};
use smtp_server::QueueId;

use super::batch::Batch;
use super::frame::{self, FrameKind, Item, ItemKind};
use super::index::{Place, Slot};
use super::read::{Payload, read_accept};
use super::{LogStore, Writer, blob_path, path};
use crate::spool::SpoolError;
use crate::spool::message::Summary;
use crate::spool::vfs;

/// A frame of copies is ended after so many octets, or a sixteenth of a segment.
const COPY_BYTES: u64 = 1 << 20;

/// A message's part that is to be written again.
struct Copy {
    kind: ItemKind,
    id: QueueId,
    link: u64,
    head: Bytes,
    fields: Bytes,
    body: Bytes,
    summary: Option<Summary>,
}

impl LogStore {
    /// Does the first thing that there is to do; whether there was any.
    pub(super) fn tidy_once(&self, writer: &mut Writer) -> Result<bool, SpoolError> {
        Ok(self.remove_bodies(writer)?
            || self.remove_dead(writer)?
            || self.clean_states(writer)?
            || self.compact(writer)?)
    }

    /// Takes away the bodies of messages that are gone.
    fn remove_bodies(&self, writer: &mut Writer) -> Result<bool, SpoolError> {
        let dead = std::mem::take(&mut writer.dead_bodies);
        for &(id, place) in &dead {
            // A frame that cannot be read leaves its body to the next start.
            if let Payload::Whole(payload) = self.payload(place)?
                && let Some((_, accept)) = read_accept(&Bytes::from(payload), id)
                && let Some(body) = accept.body_ref
            {
                self.vfs.remove(&blob_path(body.key))?;
            }
        }
        Ok(!dead.is_empty())
    }

    /// Takes away segments in which no message lies any more. The segment that is being written stays, since it
    /// knows the largest id.
    fn remove_dead(&self, writer: &mut Writer) -> Result<bool, SpoolError> {
        let current = writer.messages.current.as_ref().filter(|current| current.is_durable());
        let Some(current) = current else { return Ok(false) };
        let mut dead = Vec::new();
        self.shared().messages.retain(|&number, segment| {
            let keep = number == current.number || 0 < segment.live;
            if !keep {
                dead.push(number);
            }
            keep
        });
        writer.is_unlinked |= !dead.is_empty();
        for &number in &dead {
            self.poisoned(self.vfs.remove(&path(false, number)))?;
        }
        Ok(!dead.is_empty())
    }

    /// Writes the states that are still needed out of the oldest segment, and takes it away. Begins when there
    /// is twice of what was left the last time, and goes on up to the segment that was the last one then.
    fn clean_states(&self, writer: &mut Writer) -> Result<bool, SpoolError> {
        // The segment that is being written stays, since it knows the largest id.
        let current = writer.states.current.as_ref().filter(|current| current.is_durable());
        let Some(current) = current.map(|current| current.number) else { return Ok(false) };
        let (oldest, bytes) = {
            let shared = self.shared();
            let bytes = shared.states.values().map(|segment| segment.bytes).sum::<u64>();
            (shared.states.keys().next().copied(), bytes)
        };
        let Some(oldest) = oldest.filter(|&oldest| oldest != current) else { return Ok(false) };
        if writer.clean_until < oldest {
            let limit = 2 * (writer.states_cleaned_bytes + self.options.state_bytes);
            if bytes <= limit {
                return Ok(false);
            }
            writer.clean_until = writer.states.next - 1;
        }
        // No copy of a removed message may come back when what says so is dropped.
        if std::mem::take(&mut writer.is_unlinked) {
            self.poisoned(self.vfs.sync_dir("seg"))?;
        }
        let Some((messages, states)) = self.still_needed(oldest)? else { return Ok(false) };
        self.copy(writer, false, messages)?;
        self.copy(writer, true, states)?;
        self.shared().states.remove(&oldest);
        // Were it there again while a later one is gone, messages would be there again that the later one ended.
        let removed = self.vfs.remove(&path(true, oldest));
        self.poisoned(removed.and_then(|()| self.vfs.sync_dir("st")))?;
        if writer.clean_until <= oldest {
            let shared = self.shared();
            writer.states_cleaned_bytes = shared.states.values().map(|one| one.bytes).sum();
        }
        Ok(true)
    }

    /// What of a segment of states must be written again: messages, and states and ends.
    fn still_needed(&self, number: u32) -> io::Result<Option<(Vec<Copy>, Vec<Copy>)>> {
        let Some(file) = self.shared().states.get(&number).map(|one| one.file.clone()) else {
            return Ok(None);
        };
        let octets = Bytes::from(vfs::read_range(&*file, 0, u64::MAX)?);
        let (mut messages, mut states): (Vec<Copy>, Vec<Copy>) = (Vec::new(), Vec::new());
        let mut seen = std::collections::HashSet::new();
        let (frames, _) = frame::scan(&octets, number);
        for found in frames.iter().filter(|found| found.kind == FrameKind::Set) {
            let payload = octets.slice(found.payload.clone());
            let place = Place::new(true, number, found.offset);
            for item in frame::items(&payload) {
                let slot = self.shared().index.find(item.id);
                match (item.kind, slot) {
                    (ItemKind::Accept, Some(slot))
                        if slot.place == place.with_body(slot.place.has_body()) =>
                    {
                        messages.extend(Copy::of_message(&payload, item));
                    }
                    (ItemKind::Change | ItemKind::State, Some(slot))
                        if seen.insert(item.id) && self.leads_to(slot, number)? =>
                    {
                        states.extend(self.whole_state(slot)?);
                    }
                    (ItemKind::Remove, None) if self.is_needed(Place(item.link)) => {
                        states.push(Copy::plain(
                            ItemKind::Remove,
                            item.id,
                            item.link,
                            Bytes::new(),
                        ));
                    }
                    (ItemKind::Unknown(_), Some(_)) => {
                        states.push(Copy::of_unknown(&payload, item));
                    }
                    _ => {}
                }
            }
        }
        Ok(Some((messages, states)))
    }

    /// Whether the states of a message go back into a segment.
    fn leads_to(&self, slot: Slot, number: u32) -> io::Result<bool> {
        let chain = self.chain(slot)?;
        let mut places = chain.iter().flat_map(|chain| &chain.states);
        Ok(places.any(|(place, _)| place.segment() == number))
    }

    fn whole_state(&self, slot: Slot) -> io::Result<Option<Copy>> {
        let mut state = BytesMut::new();
        match self.read_slot(slot) {
            Ok(Some((message, _))) => message.put_state(&mut state),
            Err(SpoolError::Io(error)) => return Err(error),
            // Without its envelope it is as many lines as it was.
            Ok(None) | Err(_) => {
                let Some(chain) = self.chain(slot)? else { return Ok(None) };
                chain.states.iter().rev().for_each(|(_, lines)| state.extend_from_slice(lines));
            }
        }
        Ok(Some(Copy::plain(ItemKind::State, slot.id, 0, state.freeze())))
    }

    /// Whether a copy of a removed message may still lie somewhere.
    fn is_needed(&self, place: Place) -> bool {
        if place.is_in_states() {
            // Older states go first, so it went before this.
            return false;
        }
        let shared = self.shared();
        let mut earlier = shared.messages.range(..=place.segment());
        earlier.any(|(&number, segment)| number == place.segment() || segment.has_copies)
    }

    /// Writes the messages of a sparse segment again, if there is much dead weight altogether.
    fn compact(&self, writer: &mut Writer) -> Result<bool, SpoolError> {
        let Some(current) = writer.messages.current.as_ref().map(|current| current.number) else {
            return Ok(false);
        };
        let Some(number) = self.sparsest(current) else { return Ok(false) };
        let Some(file) = self.shared().messages.get(&number).map(|one| one.file.clone()) else {
            return Ok(false);
        };
        let octets = Bytes::from(vfs::read_range(&*file, 0, u64::MAX)?);
        let (frames, _) = frame::scan(&octets, number);
        let mut copies = Vec::new();
        for found in frames.iter().filter(|found| found.kind == FrameKind::Set) {
            let payload = octets.slice(found.payload.clone());
            let place = Place::new(false, number, found.offset);
            for item in frame::items(&payload) {
                let slot = self.shared().index.find(item.id);
                let lies_here = |slot: Slot| slot.place == place.with_body(slot.place.has_body());
                match item.kind {
                    ItemKind::Accept if slot.is_some_and(lies_here) => {
                        copies.extend(Copy::of_message(&payload, item));
                    }
                    ItemKind::Unknown(_) if slot.is_some() => {
                        copies.push(Copy::of_unknown(&payload, item));
                    }
                    _ => {}
                }
            }
        }
        self.copy(writer, false, copies)?;
        if let Some(segment) = self.shared().messages.get_mut(&number)
            && 0 < segment.live
        {
            // What is damaged stays where it is; as a full segment it is not come back to.
            segment.total = segment.live;
            segment.has_copies = true;
        }
        Ok(true)
    }

    /// A segment that is at most a quarter full, if the messages take less than half of the room.
    fn sparsest(&self, current: u32) -> Option<u32> {
        let shared = self.shared();
        let sealed = || shared.messages.iter().filter(|(number, _)| **number != current);
        let bytes = sealed().map(|(_, segment)| segment.bytes).sum::<u64>();
        let live = sealed().map(|(_, segment)| segment.live_bytes()).sum::<u64>();
        if bytes <= 2 * live + 2 * self.options.segment_bytes {
            return None;
        }
        let fullness = |segment: &super::Segment| {
            u64::from(segment.live) * 1024 / u64::from(segment.total.max(1))
        };
        let sparse = sealed().min_by_key(|(_, segment)| fullness(segment));
        sparse.filter(|(_, segment)| fullness(segment) <= 512).map(|(&number, _)| number)
    }

    /// Writes copies at the end of a log, and makes them count.
    fn copy(
        &self,
        writer: &mut Writer,
        in_states: bool,
        copies: Vec<Copy>,
    ) -> Result<(), SpoolError> {
        if copies.is_empty() {
            return Ok(());
        }
        self.prepare(writer, in_states)?;
        let mut batch = Batch::default();
        let bytes_max = COPY_BYTES.min(self.options.segment_bytes / 16);
        let mut rest = copies.as_slice();
        while !rest.is_empty() {
            let mut bytes = 0;
            let count = rest.iter().take_while(|copy| {
                let room = bytes == 0 || bytes < bytes_max;
                bytes += (copy.head.len() + copy.body.len()) as u64;
                room
            });
            let (now, later) = rest.split_at(count.count());
            let items = now.iter().map(|copy| (copy.item(), copy.summary.clone()));
            let items = items.collect::<Vec<_>>();
            batch.copy(&items, in_states, writer, &self.shared().index)?;
            rest = later;
        }
        let written = self.write(writer, batch);
        self.poisoned(written)
    }
}

impl Copy {
    /// A message as it was accepted, for a segment of messages.
    fn of_message(payload: &Bytes, item: Item<'_>) -> Option<Self> {
        let (mut message, accept) = read_accept(payload, item.id)?;
        message.apply_text(&accept.state);
        Some(Self {
            kind: ItemKind::Accept,
            id: item.id,
            link: 0,
            head: payload.slice_ref(item.head),
            fields: accept.fields,
            body: accept.inline,
            summary: Some(Summary::of(&message, accept.body_ref)),
        })
    }

    /// What a later version wrote of a message, as it is.
    fn of_unknown(payload: &Bytes, item: Item<'_>) -> Self {
        let Item { kind, id, link, .. } = item;
        let (head, fields) = (payload.slice_ref(item.head), payload.slice_ref(item.fields));
        Self { kind, id, link, head, fields, body: payload.slice_ref(item.body), summary: None }
    }

    fn plain(kind: ItemKind, id: QueueId, link: u64, head: Bytes) -> Self {
        Self { kind, id, link, head, fields: Bytes::new(), body: Bytes::new(), summary: None }
    }

    fn item(&self) -> Item<'_> {
        let Self { kind, id, link, head, fields, body, .. } = self;
        Item { kind: *kind, id: *id, link: *link, head, fields, body }
    }
}

impl super::Segment {
    /// About how many octets are still needed.
    fn live_bytes(&self) -> u64 {
        self.bytes * u64::from(self.live) / u64::from(self.total.max(1))
    }
}
