//! A spool in memory: for tests, and the model that the spools on disk are compared with.
//!
//! * **In**: changes. **Out**: messages. **Promises**: as [`Spool`], as long as the process lives.
//! * **Limits**: octets of content, given when it is made. **Panics**: never. **Spec**: none.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use smtp_server::QueueId;

use super::message::{Message, check_known, lines_of};
use super::{Change, ContentWriter, Opened, Spool, SpoolError};
use crate::content::{Content, ContentBody, StagedBody, StagedContent};
use crate::entry::Row;

/// Keeps messages in memory.
#[derive(Debug)]
pub struct MemorySpool {
    bytes_max: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    messages: BTreeMap<QueueId, (Message, Content)>,
    bytes: u64,
    /// The largest id that was ever seen.
    last: u64,
}

impl MemorySpool {
    /// Keeps at most `bytes_max` octets of content.
    #[must_use]
    pub fn new(bytes_max: u64) -> Self {
        Self { bytes_max, state: Mutex::default() }
    }

    /// Makes all changes, or none.
    ///
    /// # Errors
    /// [`SpoolError::Full`], [`SpoolError::NotFound`].
    pub fn commit(&self, changes: Vec<Change>) -> Result<(), SpoolError> {
        let mut state = self.state();
        check_known(&changes, |id| state.messages.contains_key(&id))?;
        let accepted = changes.iter().map(bytes_accepted).sum::<Result<u64, _>>()?;
        if self.bytes_max < state.bytes.saturating_add(accepted) {
            return Err(SpoolError::Full);
        }
        for change in changes {
            state.make(change);
        }
        Ok(())
    }

    /// Gives the rows of all messages, and the largest id that was ever used.
    pub fn rows(&self, give: &mut dyn FnMut(Row<'_>)) -> QueueId {
        let state = self.state();
        for (message, _) in state.messages.values() {
            message.rows(give);
        }
        QueueId(state.last)
    }

    /// As [`Spool::open`].
    ///
    /// # Errors
    /// [`SpoolError::NotFound`]
    pub fn read(&self, id: QueueId) -> Result<Opened, SpoolError> {
        let state = self.state();
        let (message, content) = state.messages.get(&id).ok_or(SpoolError::NotFound(id))?;
        Ok(Opened { entry: message.entry.clone(), content: content.clone() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Makes a change that was checked.
    fn make(&mut self, change: Change) {
        match change {
            Change::Accept(new) => {
                let message = Message::accepted(new.entry.clone(), &new.due);
                let StagedBody::Inline(body) = new.content.body else { return };
                let body = ContentBody::Memory(body);
                let content = Content { fields: new.content.fields, body };
                self.bytes += content.bytes();
                self.last = self.last.max(new.entry.id.0);
                self.messages.insert(new.entry.id, (message, content));
            }
            Change::Remove(id) => {
                let removed = self.messages.remove(&id);
                self.bytes -= removed.map_or(0, |(_, content)| content.bytes());
            }
            other => {
                let Some((id, lines)) = lines_of(&other) else { return };
                let Some((message, _)) = self.messages.get_mut(&id) else { return };
                for line in lines {
                    message.apply(line);
                }
            }
        }
    }
}

/// How many octets a change adds.
fn bytes_accepted(change: &Change) -> Result<u64, SpoolError> {
    let Change::Accept(new) = change else { return Ok(0) };
    let StagedBody::Inline(body) = &new.content.body else {
        let why = "the content was staged in another spool";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why).into());
    };
    Ok(new.content.fields.len() as u64 + body.len() as u64)
}

#[async_trait]
impl Spool for MemorySpool {
    fn writer(&self, bytes_expected: u64) -> Result<Box<dyn ContentWriter>, SpoolError> {
        let bytes_left = self.bytes_max.saturating_sub(self.state().bytes);
        if bytes_left < bytes_expected {
            return Err(SpoolError::Full);
        }
        Ok(Box::new(MemoryWriter { bytes_left, body: BytesMut::new() }))
    }

    async fn apply(&self, changes: Vec<Change>) -> Result<(), SpoolError> {
        self.commit(changes)
    }

    async fn open(&self, id: QueueId) -> Result<Opened, SpoolError> {
        self.read(id)
    }
}

#[derive(Debug)]
struct MemoryWriter {
    bytes_left: u64,
    body: BytesMut,
}

#[async_trait]
impl ContentWriter for MemoryWriter {
    async fn write(&mut self, octets: &[u8]) -> Result<(), SpoolError> {
        self.bytes_left =
            self.bytes_left.checked_sub(octets.len() as u64).ok_or(SpoolError::Full)?;
        self.body.extend_from_slice(octets);
        Ok(())
    }

    async fn finish(self: Box<Self>, fields: Bytes) -> Result<StagedContent, SpoolError> {
        Ok(StagedContent { fields, body: StagedBody::Inline(self.body.freeze()) })
    }
}
