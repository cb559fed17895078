//! What is written and synced at once.
//!
//! * **In**: sets. **Out**: frames for both logs, and what readers see once they are durable.
//! * **Promises**: a set is one frame: of the messages if it only accepts, of the states otherwise.
//! * **Limits**: the caller's. **Panics**: never. **Spec**: `SPOOL_FORMAT.md`, *Frames*.

use std::collections::HashMap;
use std::io;

use bytes::{Bytes, BytesMut};
use smtp_server::QueueId;

use super::frame::{self, FrameKind, Item, ItemKind};
use super::index::{Index, Place, Slot};
use super::{Current, Writer};
use crate::content::{StagedBody, StagedGuard};
use crate::spool::message::{Message, Summary, lines_of};
use crate::spool::text::{self, BodyRef};
use crate::spool::{Change, NewMessage};

#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) messages: Vec<u8>,
    pub(super) states: Vec<u8>,
    pub(super) effects: Vec<Effect>,
    /// Staged bodies that get their names.
    pub(super) bodies: Vec<u64>,
    pub(super) guards: Vec<StagedGuard>,
    /// Messages as they are after the sets before.
    slots: HashMap<QueueId, Option<Slot>>,
}

/// What readers see when the batch is durable.
#[derive(Debug)]
pub(super) enum Effect {
    /// A message lies here, with what a footer says of it unless it lies among the states.
    Place { slot: Slot, summary: Option<Box<Summary>> },
    /// Its newest state lies here.
    State { id: QueueId, place: Place },
    /// It is gone.
    Remove(QueueId),
}

/// A frame that is being written, and how far the batch was before.
struct Open {
    in_states: bool,
    start: usize,
    effects: usize,
    place: Place,
}

impl Batch {
    /// A message as the sets before leave it.
    pub(super) fn find(&self, index: &Index, id: QueueId) -> Option<Slot> {
        self.slots.get(&id).copied().unwrap_or_else(|| index.find(id))
    }

    /// Adds a set that can be made.
    pub(super) fn encode(
        &mut self,
        set: Vec<Change>,
        in_states: bool,
        writer: &mut Writer,
        index: &Index,
    ) -> io::Result<()> {
        let Some(current) = &writer.head(in_states).current else { return Ok(()) };
        let frame = self.begin(in_states, current);
        let (mut staged, mut slots) = (Vec::new(), HashMap::new());
        let put = self.put_set(set, &frame, index, &mut staged, &mut slots);
        let ended = put.and_then(|()| self.end(&frame, current));
        if let Err(error) = ended {
            // As if this set had never come; what it staged goes with its guards.
            self.log(in_states).truncate(frame.start);
            self.effects.truncate(frame.effects);
            return Err(error);
        }
        for (key, guard) in staged {
            self.bodies.push(key);
            self.guards.push(guard);
        }
        self.slots.extend(slots);
        Ok(())
    }

    /// Adds items that take the place of what they were copied from, in a frame of their own.
    pub(super) fn copy(
        &mut self,
        items: &[(Item<'_>, Option<Summary>)],
        in_states: bool,
        writer: &mut Writer,
        index: &Index,
    ) -> io::Result<()> {
        let Some(current) = &writer.head(in_states).current else { return Ok(()) };
        let frame = self.begin(in_states, current);
        for (item, summary) in items {
            frame::put_item(*item, self.log(in_states))?;
            let effect = match item.kind {
                ItemKind::Accept => {
                    let Some(slot) = index.find(item.id) else { continue };
                    let place = frame.place.with_body(slot.place.has_body());
                    let summary = summary.clone().map(Box::new);
                    Effect::Place { slot: Slot { place, ..slot }, summary }
                }
                ItemKind::State => Effect::State { id: item.id, place: frame.place },
                _ => continue,
            };
            self.effects.push(effect);
        }
        self.end(&frame, current)
    }

    fn begin(&mut self, in_states: bool, current: &Current) -> Open {
        let effects = self.effects.len();
        let start = frame::begin_frame(self.log(in_states));
        let place = Place::new(in_states, current.number, current.end + start as u64);
        Open { in_states, start, effects, place }
    }

    fn end(&mut self, frame: &Open, current: &Current) -> io::Result<()> {
        let offset = current.end + frame.start as u64;
        let Current { number, batch, .. } = *current;
        let log = self.log(frame.in_states);
        frame::end_frame(log, frame.start, FrameKind::Set, number, offset, batch)
    }

    fn put_set(
        &mut self,
        set: Vec<Change>,
        frame: &Open,
        index: &Index,
        staged: &mut Vec<(u64, StagedGuard)>,
        slots: &mut HashMap<QueueId, Option<Slot>>,
    ) -> io::Result<()> {
        let mut changed: Vec<(QueueId, BytesMut)> = Vec::new();
        for change in set {
            if let Some((id, lines)) = lines_of(&change) {
                let at = changed.iter().position(|(other, _)| *other == id);
                let at = at.unwrap_or_else(|| {
                    changed.push((id, BytesMut::new()));
                    changed.len() - 1
                });
                if let Some((_, out)) = changed.get_mut(at) {
                    lines.iter().for_each(|line| text::put_line(line, out));
                }
                continue;
            }
            match change {
                Change::Accept(new) => {
                    let slot = self.put_accept(*new, frame, staged)?;
                    slots.insert(slot.id, Some(slot));
                }
                Change::Remove(id) => {
                    changed.retain(|(other, _)| *other != id);
                    let found = slots.get(&id).copied();
                    let slot = found.unwrap_or_else(|| self.find(index, id));
                    let link = slot.map_or(0, |slot| slot.place.0);
                    self.put(frame, ItemKind::Remove, id, link, &[])?;
                    self.effects.push(Effect::Remove(id));
                    slots.insert(id, None);
                }
                _ => {}
            }
        }
        for (id, lines) in changed {
            let found = slots.get(&id).copied();
            let Some(slot) = found.unwrap_or_else(|| self.find(index, id)) else { continue };
            self.put(frame, ItemKind::Change, id, slot.state.0, &lines)?;
            self.effects.push(Effect::State { id, place: frame.place });
            slots.insert(id, Some(Slot { state: frame.place, ..slot }));
        }
        Ok(())
    }

    fn put_accept(
        &mut self,
        new: NewMessage,
        frame: &Open,
        staged: &mut Vec<(u64, StagedGuard)>,
    ) -> io::Result<Slot> {
        let message = Message::accepted(new.entry, &new.due);
        let (body, inline) = match new.content.body {
            StagedBody::Inline(octets) => (None, octets),
            StagedBody::Stored { key, bytes, checksum, guard } => {
                staged.push((key, guard));
                (Some(BodyRef { key, bytes, checksum }), Bytes::new())
            }
        };
        let id = message.entry.id;
        let mut head = BytesMut::new();
        text::put_envelope(&message.entry, body, &mut head);
        head.extend_from_slice(b"\r\n");
        message.put_state(&mut head);
        let item = Item {
            kind: ItemKind::Accept,
            id,
            link: 0,
            head: &head,
            fields: &new.content.fields,
            body: &inline,
        };
        frame::put_item(item, self.log(frame.in_states))?;
        let place = frame.place.with_body(body.is_some());
        let slot = Slot { id, place, state: Place::NONE };
        let summary = (!frame.in_states).then(|| Box::new(Summary::of(&message, body)));
        self.effects.push(Effect::Place { slot, summary });
        Ok(slot)
    }

    fn put(
        &mut self,
        frame: &Open,
        kind: ItemKind,
        id: QueueId,
        link: u64,
        head: &[u8],
    ) -> io::Result<()> {
        let item = Item { kind, id, link, head, fields: &[], body: &[] };
        frame::put_item(item, self.log(frame.in_states))
    }

    fn log(&mut self, in_states: bool) -> &mut Vec<u8> {
        if in_states { &mut self.states } else { &mut self.messages }
    }
}
