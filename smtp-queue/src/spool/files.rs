//! A file for each message: every octet can be read with `ls` and `cat`.
//!
//! * **In**: sets of changes. **Out**: files that are written under another name, synced, renamed, and their
//!   directory synced. **Promises**: as [`Store`]; a set that changes more than one file is written down as a
//!   whole first and made again at the next start if it was cut short.
//! * **Limits**: [`Options`]; two flushes and more for each set. **Panics**: never. **Spec**: `SPOOL_FORMAT.md`.

mod format;
mod plan;

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use smtp_server::QueueId;

use self::format::Parts;
use self::plan::Step;
use super::message::{Message, Summary, check_known, id_of, lines_of};
use super::stage::{Stages, Staging};
use super::store::{self, Options, Poison, Store, refusal};
use super::vfs::{self, Vfs};
use super::{Change, Damage, Opened, SpoolError, open_format};
use crate::content::{Content, ContentBody, ReadAt};
use crate::entry::Row;

/// Ids are promised in steps of so many, about a minute, so that the promise is seldom written.
const ID_STEP: u64 = 1 << 26;

/// The spool with a file for each message.
#[derive(Debug)]
pub struct FileStore {
    vfs: Arc<dyn Vfs>,
    options: Options,
    stages: Stages,
    poison: Arc<Poison>,
    state: Mutex<State>,
    _lock: Box<dyn std::fmt::Debug + Send + Sync>,
}

#[derive(Debug)]
struct State {
    ids: BTreeSet<QueueId>,
    /// No id above this one was used.
    id_bound: u64,
    next_set: u64,
}

impl FileStore {
    /// Opens the spool in `vfs`, gives the rows of its messages, and says the largest id that was ever used, or a
    /// larger one. A message that cannot be read is told as `damaged` and left where it is.
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
        open_format(&*vfs, "files")?;
        for dir in ["queue", "sets", "tmp", "last"] {
            vfs.create_dir(dir)?;
        }
        vfs.sync_dir("")?;
        // What is shown is what is durable, also where a process was killed between a rename and its sync.
        for dir in ["sets", "queue", "last"] {
            vfs.sync_dir(dir)?;
        }
        plan::repeat(&*vfs)?;
        // What is shown is what is durable, also after the death of a process that had not synced it.
        vfs.sync_dir("queue")?;
        let ids = scan(&*vfs, give, damaged)?;
        let promised = vfs.list("last")?.iter().filter_map(|name| text_id(name)).max();
        let largest = ids.last().copied().max(promised).unwrap_or(QueueId(0));
        let poison = Arc::new(Poison::default());
        let stages = Stages::open(vfs.clone(), options, 0, poison.clone())?;
        let state = Mutex::new(State { ids, id_bound: largest.0, next_set: 1 });
        let store = Self { vfs, options, stages, poison, state, _lock: lock };
        Ok((store, largest))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commit_set(&self, state: &mut State, set: Vec<Change>) -> Result<(), SpoolError> {
        self.poison.check()?;
        check_known(&set, |id| state.ids.contains(&id))?;
        let steps = self.plan(&set)?;
        let made = self.promise_ids(state, &set).and_then(|()| self.make(state, &steps));
        made.map_err(|error| {
            self.poison.set(&error);
            refusal(&error)
        })?;
        for change in set {
            match change {
                Change::Accept(new) => {
                    state.ids.insert(new.entry.id);
                    if let crate::StagedBody::Stored { guard, .. } = new.content.body {
                        guard.disarm();
                    }
                }
                Change::Remove(id) => drop(state.ids.remove(&id)),
                _ => {}
            }
        }
        Ok(())
    }

    /// The files that a set changes, one step for each message.
    fn plan(&self, set: &[Change]) -> Result<Vec<Step>, SpoolError> {
        let mut steps: Vec<Step> = Vec::new();
        let mut changed: Vec<(QueueId, Message)> = Vec::new();
        for change in set {
            let id = id_of(change);
            match change {
                Change::Accept(new) => steps.push(Step::accept(new)),
                Change::Remove(_) => {
                    changed.retain(|(other, _)| *other != id);
                    steps.push(Step::Remove(id));
                }
                other => {
                    let at = match changed.iter().position(|(other, _)| *other == id) {
                        Some(at) => at,
                        None => {
                            changed.push((id, self.before(set, id)?));
                            changed.len() - 1
                        }
                    };
                    if let (Some((_, lines)), Some((_, message))) =
                        (lines_of(other), changed.get_mut(at))
                    {
                        lines.into_iter().for_each(|line| message.apply(line));
                    }
                }
            }
        }
        steps.extend(changed.iter().map(|(id, message)| Step::state(*id, message)));
        Ok(steps)
    }

    /// A message before a set, or as the set accepts it.
    fn before(&self, set: &[Change], id: QueueId) -> Result<Message, SpoolError> {
        let accepted = set.iter().find_map(|change| match change {
            Change::Accept(new) if new.entry.id == id => {
                Some(Message::accepted(new.entry.clone(), &new.due))
            }
            _ => None,
        });
        match accepted {
            Some(message) => Ok(message),
            None => Ok(read(&*self.vfs, id)?.0),
        }
    }

    /// Makes sure that no later start gives out an id of this set again, even if all else of it is gone.
    fn promise_ids(&self, state: &mut State, set: &[Change]) -> io::Result<()> {
        let accepted = set.iter().filter(|change| matches!(change, Change::Accept(_)));
        let Some(largest) = accepted.map(|change| id_of(change).0).max() else { return Ok(()) };
        if largest <= state.id_bound {
            return Ok(());
        }
        let bound = largest.saturating_add(ID_STEP);
        self.vfs.create(&format!("last/{}", QueueId(bound)))?;
        self.vfs.sync_dir("last")?;
        for name in self.vfs.list("last")? {
            if text_id(&name).is_none_or(|id| id.0 < bound) {
                self.vfs.remove(&format!("last/{name}"))?;
            }
        }
        state.id_bound = bound;
        Ok(())
    }

    fn make(&self, state: &mut State, steps: &[Step]) -> io::Result<()> {
        if let [_] = steps {
            // One file, which is there or is not, so nothing else need say so.
            return plan::make(&*self.vfs, steps);
        }
        let number = state.next_set;
        state.next_set += 1;
        plan::write_down(&*self.vfs, number, steps)?;
        plan::make(&*self.vfs, steps)?;
        plan::forget(&*self.vfs, number)
    }
}

impl Store for FileStore {
    fn commit(&self, sets: Vec<Vec<Change>>) -> Vec<Result<(), SpoolError>> {
        let mut state = self.state();
        sets.into_iter().map(|set| self.commit_set(&mut state, set)).collect()
    }

    fn open(&self, id: QueueId) -> Result<Opened, SpoolError> {
        // No set is made meanwhile, so the files of the message agree.
        let state = self.state();
        if !state.ids.contains(&id) {
            return Err(SpoolError::NotFound(id));
        }
        let (message, parts) = read(&*self.vfs, id)?;
        let body = match parts.body {
            None => ContentBody::Memory(parts.inline),
            Some(body) => {
                let file = self.vfs.open(&plan::body_path(id))?;
                ContentBody::Stored(Arc::new(StoredBody { file, bytes: body.bytes }))
            }
        };
        Ok(Opened { entry: message.entry, content: Content { fields: parts.fields, body } })
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
        Ok(false)
    }
}

/// A body in a file of its own.
#[derive(Debug)]
pub(super) struct StoredBody {
    pub(super) file: Arc<dyn vfs::VfsFile>,
    pub(super) bytes: u64,
}

impl ReadAt for StoredBody {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }
}

/// Reads all messages, takes away what belongs to none, and gives the rows of the others.
fn scan(
    vfs: &dyn Vfs,
    give: &mut dyn FnMut(Row<'_>),
    damaged: &mut dyn FnMut(Damage),
) -> Result<BTreeSet<QueueId>, SpoolError> {
    let names = vfs.list("queue")?;
    let ids = names.iter().filter_map(|name| text_id(name)).collect::<BTreeSet<_>>();
    for name in names {
        let owner = name.split_once('.').and_then(|(id, _)| text_id(id));
        if owner.is_some_and(|owner| !ids.contains(&owner)) {
            vfs.remove(&format!("queue/{name}"))?;
        }
    }
    for &id in &ids {
        match read(vfs, id) {
            Ok((message, parts)) => {
                let mut summary = Summary::of(&message, parts.body);
                summary.finish();
                summary.rows(give);
            }
            Err(SpoolError::Damaged { reason, .. }) => {
                damaged(Damage { path: plan::entry_path(id), reason });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(ids)
}

/// Reads a message from its files.
fn read(vfs: &dyn Vfs, id: QueueId) -> Result<(Message, Parts), SpoolError> {
    let damage = |reason: &str| SpoolError::Damaged { id, reason: reason.to_owned() };
    let octets = read_file(vfs, &plan::entry_path(id))?.ok_or(SpoolError::NotFound(id))?;
    let parts = format::read(&Bytes::from(octets)).ok_or_else(|| damage("its file"))?;
    let mut message = Message::new(parts.entry.clone());
    if message.entry.id != id {
        return Err(damage("its file is that of another message"));
    }
    match read_file(vfs, &plan::state_path(id))? {
        None => message.apply_text(&parts.state),
        Some(octets) => {
            let state = format::read_sealed(&octets).ok_or_else(|| damage("its state"))?;
            message.apply_text(state);
        }
    }
    if let Some(body) = parts.body {
        let stored = vfs.open(&plan::body_path(id)).and_then(|file| file.bytes());
        if stored.ok() != Some(body.bytes) {
            return Err(damage("its body"));
        }
    }
    Ok((message, parts))
}

fn read_file(vfs: &dyn Vfs, path: &str) -> io::Result<Option<Vec<u8>>> {
    match vfs.open(path) {
        Ok(file) => vfs::read_range(&*file, 0, u64::MAX).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The id that is the whole of a file's name.
fn text_id(name: &str) -> Option<QueueId> {
    super::text::read_id(name).filter(|id| id.to_string() == name)
}
