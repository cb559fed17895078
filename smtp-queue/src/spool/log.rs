//! The log: messages in segments, their states in others, one flush for all that waits.
//!
//! * **In**: sets of changes. **Out**: frames, a set in each. **Promises**: as [`Store`]; of a damaged segment all
//!   frames that are whole are read. **Limits**: [`Options`]; 24 octets of memory for each message.
//! * **Panics**: never. **Spec**: `SPOOL_FORMAT.md`.

// Where things are.
mod frame;
mod index;

// Its life: written, read, found again, and what is done meanwhile.
mod batch;
mod current;
mod footer;
mod fsck;
mod read;
mod recover;
mod tidy;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use smtp_server::QueueId;

use self::batch::{Batch, Effect};
use self::current::Current;
use self::index::{Index, Place};
use super::message::check_known;
use super::stage::{self, Stages, Staging};
use super::store::{self, Options, Poison, Store, refusal};
use super::vfs::{Vfs, VfsFile};
use super::{Change, Damage, Opened, SpoolError};
use crate::entry::Row;

pub use fsck::{Finding, fsck};

/// The spool in a log.
#[derive(Debug)]
pub struct LogStore {
    vfs: Arc<dyn Vfs>,
    options: Options,
    stages: Stages,
    poison: Arc<Poison>,
    /// Taken before `shared` by whoever takes both.
    writer: Mutex<Writer>,
    shared: Mutex<Shared>,
    _lock: Box<dyn std::fmt::Debug + Send + Sync>,
}

/// What readers need.
#[derive(Debug, Default)]
struct Shared {
    index: Index,
    messages: BTreeMap<u32, Segment>,
    states: BTreeMap<u32, Segment>,
}

#[derive(Debug)]
struct Segment {
    file: Arc<dyn VfsFile>,
    bytes: u64,
    /// How many messages were accepted here, and how many of them still lie here.
    total: u32,
    live: u32,
    /// Whether it has messages of which a copy lies in a later segment, so that what says they are gone must
    /// outlive it.
    has_copies: bool,
}

/// What only the committer needs.
#[derive(Debug)]
struct Writer {
    messages: Head,
    states: Head,
    last_id: QueueId,
    /// Removed messages with a body of their own.
    dead_bodies: Vec<(QueueId, Place)>,
    /// Whether a segment of messages was taken away since their directory was synced.
    is_unlinked: bool,
    /// How many octets of states there were when they were last cleaned, and up to where they are being cleaned.
    states_cleaned_bytes: u64,
    clean_until: u32,
}

/// Where a log goes on.
#[derive(Debug)]
struct Head {
    next: u32,
    current: Option<Current>,
}

impl LogStore {
    /// Opens the spool in `vfs`, gives the rows of its messages, and says the largest id that was ever used. What
    /// is damaged is told, kept in `corrupt`, and otherwise left out.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] while another process has it open; what the storage reports.
    pub fn open(
        vfs: Arc<dyn Vfs>,
        options: Options,
        give: &mut dyn FnMut(Row<'_>),
        damaged: &mut dyn FnMut(Damage),
    ) -> Result<(Self, QueueId), SpoolError> {
        let lock = vfs.lock()?;
        super::open_format(&*vfs, "log")?;
        for dir in ["seg", "st", "blob", "corrupt", "tmp"] {
            vfs.create_dir(dir)?;
        }
        vfs.sync_dir("")?;
        let found = recover::recover(&*vfs, give, damaged)?;
        let poison = Arc::new(Poison::default());
        let stages = Stages::open(vfs.clone(), options, found.last_key, poison.clone())?;
        let head = |last: u32| Head { next: last + 1, current: None };
        let states_bytes = found.shared.states.values().map(|segment| segment.bytes).sum();
        let writer = Writer {
            messages: head(found.last_messages),
            states: head(found.last_states),
            last_id: found.last_id,
            dead_bodies: Vec::new(),
            is_unlinked: false,
            states_cleaned_bytes: states_bytes,
            clean_until: 0,
        };
        let (writer, shared) = (Mutex::new(writer), Mutex::new(found.shared));
        let store = Self { vfs, options, stages, poison, writer, shared, _lock: lock };
        Ok((store, found.last_id))
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A failed write or sync ends all writing.
    fn poisoned<T>(&self, result: io::Result<T>) -> Result<T, SpoolError> {
        result.map_err(|error| {
            self.poison.set(&error);
            refusal(&error)
        })
    }

    /// Makes ready a segment for at least a frame. That there can be no new file now loses nothing, so it can be
    /// tried again.
    fn prepare(&self, writer: &mut Writer, in_states: bool) -> Result<(), SpoolError> {
        let last_id = writer.last_id;
        let head = writer.head(in_states);
        let bytes_max = match in_states {
            true => self.options.state_bytes,
            false => self.options.segment_bytes,
        };
        if let Some(full) = head.current.take_if(|current| current.is_full())
            && !in_states
        {
            self.poisoned(full.seal())?;
        }
        if head.current.is_some() {
            return Ok(());
        }
        let number = head.next;
        head.next += 1;
        let file = self.vfs.create(&path(in_states, number)).map_err(|error| refusal(&error))?;
        let current = Current::begin(file.clone(), number, in_states, last_id, bytes_max);
        let current = self.poisoned(current)?;
        let bytes = current.bytes();
        let segment = Segment { file, bytes, total: 0, live: 0, has_copies: false };
        self.shared().log(in_states).insert(number, segment);
        head.current = Some(current);
        Ok(())
    }

    /// Writes what was encoded, syncs it, and lets readers see it.
    fn write(&self, writer: &mut Writer, batch: Batch) -> io::Result<()> {
        for key in &batch.bodies {
            self.vfs.rename(&stage::path(*key), &blob_path(*key))?;
        }
        if !batch.bodies.is_empty() {
            // A frame must not be there before the body that it names.
            self.vfs.sync_dir("blob")?;
        }
        for (in_states, octets) in [(false, &batch.messages), (true, &batch.states)] {
            if octets.is_empty() {
                continue;
            }
            let Some(current) = &mut writer.head(in_states).current else { continue };
            current.append(octets)?;
            if std::mem::take(&mut current.is_new) {
                self.vfs.sync_dir(dir(in_states))?;
            }
            let (number, bytes) = (current.number, current.bytes());
            if let Some(segment) = self.shared().log(in_states).get_mut(&number) {
                segment.bytes = bytes;
            }
        }
        let mut shared = self.shared();
        for effect in batch.effects {
            writer.show(&mut shared, effect);
        }
        drop(shared);
        batch.guards.into_iter().for_each(crate::StagedGuard::disarm);
        Ok(())
    }
}

impl Store for LogStore {
    fn commit(&self, sets: Vec<Vec<Change>>) -> Vec<Result<(), SpoolError>> {
        let mut writer = self.writer();
        let mut batch = Batch::default();
        let mut answers = Vec::with_capacity(sets.len());
        for set in sets {
            let answer = self.poison.check().and_then(|()| {
                check_known(&set, |id| batch.find(&self.shared().index, id).is_some())?;
                let in_states = !set.iter().all(|change| matches!(change, Change::Accept(_)));
                self.prepare(&mut writer, in_states)?;
                let shared = self.shared();
                Ok(batch.encode(set, in_states, &mut writer, &shared.index)?)
            });
            answers.push(answer);
        }
        // What failed while one set was made ready ends all.
        if self.poison.check().is_err() {
            for answer in answers.iter_mut().filter(|answer| answer.is_ok()) {
                *answer = self.poison.check();
            }
        } else if let Err(error) = self.write(&mut writer, batch) {
            self.poison.set(&error);
            for answer in answers.iter_mut().filter(|answer| answer.is_ok()) {
                *answer = Err(refusal(&error));
            }
        }
        answers
    }

    fn open(&self, id: QueueId) -> Result<Opened, SpoolError> {
        self.read(id)
    }

    fn options(&self) -> &Options {
        &self.options
    }

    fn stage(&self) -> Result<Staging, SpoolError> {
        self.stages.begin()
    }

    fn check_room(&self, bytes: u64) -> Result<(), SpoolError> {
        self.poison.check()?;
        store::check_room(&*self.vfs, &self.options, bytes)
    }

    fn tidy(&self) -> Result<bool, SpoolError> {
        self.poison.check()?;
        self.tidy_once(&mut self.writer())
    }
}

impl Writer {
    fn head(&mut self, in_states: bool) -> &mut Head {
        if in_states { &mut self.states } else { &mut self.messages }
    }

    /// What was written is now so.
    fn show(&mut self, shared: &mut Shared, effect: Effect) {
        match effect {
            Effect::Place { slot, summary } => {
                self.last_id = self.last_id.max(slot.id);
                if let Some(before) = shared.index.find(slot.id) {
                    shared.leave(before.place);
                }
                if let Some(segment) = shared.messages_at(slot.place) {
                    segment.total += 1;
                    segment.live += 1;
                }
                if let (Some(summary), Some(current)) = (summary, &mut self.messages.current) {
                    footer::put_summary(&summary, slot.place.offset(), &mut current.summaries);
                }
                shared.index.insert(slot);
            }
            Effect::State { id, place } => {
                if let Some(slot) = shared.index.find_mut(id) {
                    slot.state = place;
                }
            }
            Effect::Remove(id) => {
                let Some(slot) = shared.index.remove(id) else { return };
                shared.leave(slot.place);
                if slot.place.has_body() {
                    self.dead_bodies.push((id, slot.place));
                }
            }
        }
    }
}

impl Shared {
    fn log(&mut self, in_states: bool) -> &mut BTreeMap<u32, Segment> {
        if in_states { &mut self.states } else { &mut self.messages }
    }

    fn segment(&self, place: Place) -> Option<&Segment> {
        let log = if place.is_in_states() { &self.states } else { &self.messages };
        log.get(&place.segment())
    }

    fn messages_at(&mut self, place: Place) -> Option<&mut Segment> {
        let place = Some(place).filter(|place| !place.is_in_states())?;
        self.messages.get_mut(&place.segment())
    }

    fn leave(&mut self, place: Place) {
        if let Some(segment) = self.messages_at(place) {
            segment.live = segment.live.saturating_sub(1);
        }
    }
}

fn dir(in_states: bool) -> &'static str {
    if in_states { "st" } else { "seg" }
}

fn path(in_states: bool, number: u32) -> String {
    format!("{}/{number:08}", dir(in_states))
}

fn blob_path(key: u64) -> String {
    format!("blob/{key:016X}")
}
