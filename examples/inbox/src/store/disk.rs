//! The messages on disk: one redb database.
//!
//! * **In**: messages and changes. **Out**: the same at the next start.
//! * **Promises**: what [`Disk::add`] and [`Disk::write`] returned `Ok` for is synced; a kill at any time leaves each
//!   change made or not. Changes that come while others are being synced are synced together.
//! * **Limits**: [`BATCH_MAX`] changes or [`BATCH_BYTES_MAX`] at once; as many wait, then senders do.
//! * **Panics**: never. **Spec**: none; the tables are [`HEADS`], [`CONTENTS`] and [`STATES`], by sequence number.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use super::Slot;
use crate::failure::{Failure, say};
use crate::message::envelope::EnvelopeFacts;

/// Ids, times and envelopes, as JSON.
const HEADS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("heads");
/// Content as it was received.
const CONTENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("contents");
/// What was done to a message, as JSON; none for one that nobody touched.
const STATES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("states");

const BATCH_MAX: usize = 512;
const BATCH_BYTES_MAX: usize = 32 << 20;

pub(super) struct Disk {
    database: Arc<Database>,
    path: PathBuf,
    /// Taken at the end alone.
    orders: Option<mpsc::Sender<Order>>,
    writer: Option<JoinHandle<()>>,
}

/// A row of [`HEADS`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) id: u64,
    /// Milliseconds since 1970.
    pub(super) arrived: u64,
    pub(super) envelope: EnvelopeFacts,
}

/// A row of [`STATES`].
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) read: bool,
    pub(super) tags: Vec<String>,
}

/// A message as it was found at the start, without its content.
pub(super) struct Kept {
    pub(super) head: Head,
    pub(super) state: State,
}

/// One change.
pub(super) enum Write {
    Add { sequence: u64, head: Vec<u8>, state: Option<Vec<u8>>, content: Bytes },
    State { sequence: u64, state: Vec<u8> },
    Remove(Vec<u64>),
}

struct Order {
    writes: Vec<Write>,
    done: Option<oneshot::Sender<Result<(), DiskError>>>,
}

/// The database said no, or is no more.
#[derive(Clone, Debug, Error)]
#[error("the database: {0}")]
pub(crate) struct DiskError(String);

impl Disk {
    /// Opens or makes the database below `directory`, and shows each message in it, the oldest first.
    pub(super) fn open(
        directory: &Path,
        mut each: impl FnMut(u64, Kept, &[u8]),
    ) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::temporary(format!(
                "cannot use the directory {}: {error} (--data)",
                directory.display()
            ))
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|error| failed(&error))?;
        let path = directory.join("inbox.redb");
        let database = Database::create(&path).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => failed(&"another inbox uses it"),
            error => failed(&error),
        })?;
        load(&database, &mut each).map_err(|error| failed(&error))?;
        let database = Arc::new(database);
        let (orders, received) = mpsc::channel(BATCH_MAX);
        let written = database.clone();
        let writer = std::thread::Builder::new()
            .name("disk".to_owned())
            .spawn(move || write_all(&written, received))
            .map_err(|error| failed(&error))?;
        Ok(Self { database, path, orders: Some(orders), writer: Some(writer) })
    }

    /// Keeps a message.
    pub(super) async fn add(
        &self,
        sequence: u64,
        head: &Head,
        tags: &[String],
        content: Bytes,
    ) -> Result<(), DiskError> {
        let head = json(head);
        let state = State { read: false, tags: tags.to_vec() };
        let state = (!tags.is_empty()).then(|| json(&state));
        self.write(vec![Write::Add { sequence, head, state, content }]).await
    }

    /// Makes these changes, all or none.
    pub(super) async fn write(&self, writes: Vec<Write>) -> Result<(), DiskError> {
        let (done, result) = oneshot::channel();
        self.send(Order { writes, done: Some(done) }).await?;
        result.await.map_err(|_| gone())?
    }

    /// The same for whoever does not wait for the end; a failure is said.
    pub(super) async fn order(&self, writes: Vec<Write>) -> Result<(), DiskError> {
        self.send(Order { writes, done: None }).await
    }

    async fn send(&self, order: Order) -> Result<(), DiskError> {
        let orders = self.orders.as_ref().ok_or_else(gone)?;
        orders.send(order).await.map_err(|_| gone())
    }

    /// A message's octets.
    pub(super) async fn content(&self, sequence: u64) -> Result<Bytes, DiskError> {
        let database = self.database.clone();
        let read = move || -> Result<Bytes, redb::Error> {
            let table = database.begin_read()?.open_table(CONTENTS)?;
            let content = table.get(sequence)?;
            Ok(content.map(|content| Bytes::copy_from_slice(content.value())).unwrap_or_default())
        };
        let content = tokio::task::spawn_blocking(read).await.map_err(|_| gone())?;
        content.map_err(|error| DiskError(error.to_string()))
    }

    /// The size of its file.
    pub(super) fn bytes(&self) -> u64 {
        std::fs::metadata(&self.path).map(|metadata| metadata.len()).unwrap_or_default()
    }
}

/// Waits for the last changes, and closes the database so that the next start need not check it.
impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has nothing more to write.
            let _ = writer.join();
        }
    }
}

impl Write {
    pub(super) fn state(slot: &Slot) -> Self {
        let state = State { read: slot.read, tags: slot.tags.to_vec() };
        Self::State { sequence: slot.entry.sequence, state: json(&state) }
    }

    pub(super) fn remove(slots: &[Slot]) -> Self {
        Self::Remove(slots.iter().map(|slot| slot.entry.sequence).collect())
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Add { content, .. } => content.len(),
            Self::State { .. } | Self::Remove(_) => 0,
        }
    }
}

fn load(database: &Database, each: &mut impl FnMut(u64, Kept, &[u8])) -> Result<(), redb::Error> {
    // A table is there once it was opened for writing.
    let transaction = database.begin_write()?;
    for table in [HEADS, CONTENTS, STATES] {
        transaction.open_table(table)?;
    }
    transaction.commit()?;
    let transaction = database.begin_read()?;
    let heads = transaction.open_table(HEADS)?;
    let contents = transaction.open_table(CONTENTS)?;
    let states = transaction.open_table(STATES)?;
    for row in heads.iter()? {
        let (sequence, head) = row?;
        let sequence = sequence.value();
        let damaged = |error: serde_json::Error| {
            redb::Error::Corrupted(format!("message {sequence}: {error}"))
        };
        let head = serde_json::from_slice(head.value()).map_err(damaged)?;
        let state = match states.get(sequence)? {
            Some(state) => serde_json::from_slice(state.value()).map_err(damaged)?,
            None => State::default(),
        };
        if let Some(content) = contents.get(sequence)? {
            each(sequence, Kept { head, state }, content.value());
        }
    }
    Ok(())
}

/// Until nobody can order anything more.
fn write_all(database: &Database, mut orders: mpsc::Receiver<Order>) {
    while let Some(first) = orders.blocking_recv() {
        let mut batch = vec![first];
        let mut bytes = 0;
        while batch.len() < BATCH_MAX && bytes < BATCH_BYTES_MAX {
            let Ok(next) = orders.try_recv() else { break };
            bytes += next.writes.iter().map(Write::bytes).sum::<usize>();
            batch.push(next);
        }
        let result = write_batch(database, &batch).map_err(|error| DiskError(error.to_string()));
        for order in batch {
            match (order.done, &result) {
                // Who ordered it may be gone.
                (Some(done), _) => drop(done.send(result.clone())),
                (None, Err(error)) => say(&error.to_string()),
                (None, Ok(())) => {}
            }
        }
    }
}

fn write_batch(database: &Database, batch: &[Order]) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut heads = transaction.open_table(HEADS)?;
        let mut contents = transaction.open_table(CONTENTS)?;
        let mut states = transaction.open_table(STATES)?;
        for write in batch.iter().flat_map(|order| &order.writes) {
            match write {
                Write::Add { sequence, head, state, content } => {
                    heads.insert(sequence, head.as_slice())?;
                    contents.insert(sequence, content.as_ref())?;
                    if let Some(state) = state {
                        states.insert(sequence, state.as_slice())?;
                    }
                }
                Write::State { sequence, state } => {
                    // It may have been deleted since.
                    if heads.get(sequence)?.is_some() {
                        states.insert(sequence, state.as_slice())?;
                    }
                }
                Write::Remove(sequences) => {
                    for sequence in sequences {
                        heads.remove(sequence)?;
                        contents.remove(sequence)?;
                        states.remove(sequence)?;
                    }
                }
            }
        }
    }
    transaction.commit()?;
    Ok(())
}

/// These values have no maps with keys that are not text, so there is no error to pass on.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

fn gone() -> DiskError {
    DiskError("it is being closed".to_owned())
}
