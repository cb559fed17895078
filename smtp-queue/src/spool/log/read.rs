//! A message out of the log: its envelope, then its states from the oldest on.
//!
//! * **In**: an id. **Out**: the message. **Promises**: reads while the log is written and cleaned; of a chain of
//!   states in which one is damaged, the newer ones count. **Limits**: the message's. **Panics**: never.
//! * **Spec**: `SPOOL_FORMAT.md`, *States*.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use smtp_server::QueueId;

use super::frame::{self, Item, ItemKind};
use super::index::{Place, Slot};
use super::{LogStore, blob_path};
use crate::content::{Content, ContentBody};
use crate::spool::files::StoredBody;
use crate::spool::message::Message;
use crate::spool::text::{self, BodyRef};
use crate::spool::{Opened, SpoolError};

/// So often a reader looks again for what was moved meanwhile.
const MOVES_MAX: usize = 16;

/// Octets at a place of the log.
pub(super) enum Payload {
    Whole(Vec<u8>),
    Damaged,
    /// The segment is gone; so is the message, or it was moved.
    Gone,
}

/// The states of a message from the newest on.
pub(super) struct Chain {
    pub(super) states: Vec<(Place, Vec<u8>)>,
    /// Whether the oldest says all that there was before it.
    pub(super) is_complete: bool,
}

impl LogStore {
    pub(super) fn read(&self, id: QueueId) -> Result<Opened, SpoolError> {
        for _ in 0..MOVES_MAX {
            let Some(slot) = self.shared().index.find(id) else {
                return Err(SpoolError::NotFound(id));
            };
            if let Some((message, accept)) = self.read_slot(slot)? {
                let body = match accept.body_ref {
                    None => ContentBody::Memory(accept.inline),
                    Some(body) => match self.open_body(id, body)? {
                        Some(stored) => ContentBody::Stored(Arc::new(stored)),
                        // Removed meanwhile, with the message.
                        None if self.shared().index.find(id).is_none() => continue,
                        None => return Err(damage(id, "its body is gone or too short")),
                    },
                };
                let content = Content { fields: accept.fields, body };
                return Ok(Opened { entry: message.entry, content });
            }
        }
        Err(damage(id, "its segment is gone"))
    }

    /// The message with its state; `None` if it was moved meanwhile.
    pub(super) fn read_slot(&self, slot: Slot) -> Result<Option<(Message, Accept)>, SpoolError> {
        let payload = match self.payload(slot.place)? {
            Payload::Whole(payload) => Bytes::from(payload),
            Payload::Damaged => return Err(damage(slot.id, "its frame")),
            Payload::Gone => return Ok(None),
        };
        let Some((mut message, accept)) = read_accept(&payload, slot.id) else {
            return Err(damage(slot.id, "its envelope"));
        };
        let Some(chain) = self.chain(slot)? else { return Ok(None) };
        if !chain.is_complete {
            message.apply_text(&accept.state);
        }
        for (_, lines) in chain.states.iter().rev() {
            message.apply_text(lines);
        }
        Ok(Some((message, accept)))
    }

    /// The states of a message; `None` if they were moved meanwhile.
    pub(super) fn chain(&self, slot: Slot) -> io::Result<Option<Chain>> {
        let mut chain = Chain { states: Vec::new(), is_complete: false };
        let mut place = slot.state;
        while !place.is_none() {
            let payload = match self.payload(place)? {
                Payload::Whole(payload) => payload,
                Payload::Damaged => break,
                Payload::Gone => return Ok(None),
            };
            let is_state = |item: &Item<'_>| {
                item.id == slot.id && matches!(item.kind, ItemKind::Change | ItemKind::State)
            };
            let Some(item) = frame::items(&payload).find(is_state) else { break };
            chain.states.push((place, item.head.to_vec()));
            if item.kind == ItemKind::State {
                chain.is_complete = true;
                break;
            }
            // Links lead backwards, so this ends whatever they say.
            if place <= Place(item.link) {
                break;
            }
            place = Place(item.link);
        }
        Ok(Some(chain))
    }

    pub(super) fn payload(&self, place: Place) -> io::Result<Payload> {
        let file = self.shared().segment(place).map(|segment| segment.file.clone());
        let Some(file) = file else { return Ok(Payload::Gone) };
        let read = frame::read_frame(&*file, place.offset(), place.segment())?;
        Ok(read.map_or(Payload::Damaged, |(_, payload)| Payload::Whole(payload)))
    }

    /// A body in a file of its own, if all of it is there.
    fn open_body(&self, id: QueueId, body: BodyRef) -> Result<Option<StoredBody>, SpoolError> {
        match self.vfs.open(&blob_path(body.key)) {
            Ok(file) if file.bytes()? == body.bytes => {
                Ok(Some(StoredBody { file, bytes: body.bytes }))
            }
            Ok(_) => Err(damage(id, "its body is too short")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// The parts of an accepted message beside its envelope.
pub(super) struct Accept {
    pub(super) state: Bytes,
    pub(super) fields: Bytes,
    pub(super) inline: Bytes,
    pub(super) body_ref: Option<BodyRef>,
}

/// The message that a frame accepts under this id, without its state.
pub(super) fn read_accept(payload: &Bytes, id: QueueId) -> Option<(Message, Accept)> {
    let is_accept = |item: &Item<'_>| item.kind == ItemKind::Accept && item.id == id;
    let item = frame::items(payload).find(is_accept)?;
    let (envelope, state) = text::split_head(item.head)?;
    let (entry, body_ref) = text::read_envelope(envelope)?;
    let accept = Accept {
        state: payload.slice_ref(state),
        fields: payload.slice_ref(item.fields),
        inline: payload.slice_ref(item.body),
        body_ref,
    };
    (entry.id == id).then(|| (Message::new(entry), accept))
}

fn damage(id: QueueId, what: &str) -> SpoolError {
    SpoolError::Damaged { id, reason: what.to_owned() }
}
