//! Messages in memory: those that just came, and those that are being delivered.
//!
//! * **In**: messages, as they come and as the spool gives them back. **Out**: what a delivery needs of one.
//! * **Promises**: what a round of a row began with is what it goes on with; a row that was tried before is never taken
//!   from memory, since its recipients' states have changed. **Limits**: 16 MiB of content that just came.
//! * **Panics**: never. **Spec**: none.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use smtp_server::{QueueId, UnixMillis};

use crate::content::Content;
use crate::entry::{QueueEntry, RowKey, Rows};
use crate::spool::{Opened, Spool, SpoolError};

/// Content of messages that just came.
const RECENT_BYTES_MAX: u64 = 16 << 20;

/// A message with its content.
pub(super) struct Loaded {
    pub(super) entry: Arc<QueueEntry>,
    pub(super) content: Content,
    pub(super) rows: Rows,
}

/// One attempt for all pending recipients of a row.
pub(super) struct Round {
    pub(super) message: Arc<Loaded>,
    /// The indices of its recipients.
    pub(super) pending: Vec<u32>,
    pub(super) begun: UnixMillis,
}

#[derive(Default)]
pub(super) struct Messages {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    recent: HashMap<QueueId, Recent>,
    /// The oldest first; some may be gone already.
    order: VecDeque<QueueId>,
    bytes: u64,
    rounds: BTreeMap<RowKey, Arc<Round>>,
    /// Messages that were removed from the spool together with their last outcome.
    removed: HashSet<QueueId>,
}

struct Recent {
    message: Arc<Loaded>,
    /// The rows that were not tried yet.
    fresh: Vec<u32>,
}

impl Loaded {
    pub(super) fn new(entry: QueueEntry, content: Content) -> Self {
        Self { rows: entry.rows(), entry: Arc::new(entry), content }
    }

    /// The indices of the row's recipients that are pending.
    pub(super) fn pending(&self, row: u32) -> Vec<u32> {
        let recipients = (0..).zip(&self.entry.recipients).enumerate();
        recipients
            .filter(|(at, (_, one))| one.state.is_pending() && self.rows.has(row, *at))
            .map(|(_, (index, _))| index)
            .collect()
    }

    fn bytes(&self) -> u64 {
        self.content.bytes()
    }
}

impl Messages {
    /// Keeps a message that just came until each of its rows was tried once.
    pub(super) fn keep(&self, message: Arc<Loaded>) {
        let id = message.entry.id;
        let fresh = (0..).zip(&message.rows.rows).map(|(row, _)| row).collect();
        let mut state = self.state();
        state.bytes += message.bytes();
        state.recent.insert(id, Recent { message, fresh });
        state.order.push_back(id);
        while RECENT_BYTES_MAX < state.bytes {
            let Some(oldest) = state.order.pop_front() else { break };
            state.forget(oldest);
        }
    }

    /// The row's round, which begins with this unless it has begun; whether the message begins to be tried with it.
    pub(super) async fn round(
        &self,
        spool: &dyn Spool,
        key: RowKey,
        begins: bool,
        now: UnixMillis,
    ) -> Result<(Arc<Round>, bool), SpoolError> {
        let known = match begins {
            true => self.state().take_fresh(key),
            false => match self.state().rounds.get(&key) {
                Some(round) => return Ok((round.clone(), false)),
                None => None,
            },
        };
        let message = match known {
            Some(message) => message,
            None => {
                let Opened { entry, content } = spool.open(key.id).await?;
                Arc::new(Loaded::new(entry, content))
            }
        };
        let pending = message.pending(key.row);
        let round = Arc::new(Round { message, pending, begun: now });
        let all_of_it = RowKey { id: key.id, row: 0 }..=RowKey { id: key.id, row: u32::MAX };
        let mut state = self.state();
        let is_first = state.rounds.range(all_of_it).next().is_none();
        state.rounds.insert(key, round.clone());
        Ok((round, is_first))
    }

    /// The row's round is over.
    pub(super) fn end_round(&self, key: RowKey) {
        self.state().rounds.remove(&key);
    }

    /// The message left the spool with its last outcome.
    pub(super) fn set_removed(&self, id: QueueId) {
        self.state().removed.insert(id);
    }

    /// Whether it did. Asked once.
    pub(super) fn was_removed(&self, id: QueueId) -> bool {
        let mut state = self.state();
        state.forget(id);
        state.removed.remove(&id)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_fresh(&mut self, key: RowKey) -> Option<Arc<Loaded>> {
        let recent = self.recent.get_mut(&key.id)?;
        let at = recent.fresh.iter().position(|row| *row == key.row)?;
        recent.fresh.swap_remove(at);
        let message = recent.message.clone();
        if recent.fresh.is_empty() {
            self.forget(key.id);
        }
        Some(message)
    }

    fn forget(&mut self, id: QueueId) {
        if let Some(recent) = self.recent.remove(&id) {
            self.bytes -= recent.message.bytes();
        }
        // Ids that are gone are cleared from the front, where they gather.
        while self.order.front().is_some_and(|id| !self.recent.contains_key(id)) {
            self.order.pop_front();
        }
    }
}
