//! Messages in memory: those that just came, and those that are being delivered.
//!
//! * **In**: messages, as they come and as the spool gives them back. **Out**: what a delivery needs of one.
//! * **Promises**: what a round of a row began with is what it goes on with, however late its content comes; a row that
//!   was tried before is never taken from memory, since its recipients' states have changed; a recipient that is done is
//!   not pending, whether the spool could be told or not. **Limits**: 16 MiB of messages that came in the last seconds.
//! * **Panics**: never. **Spec**: none.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use smtp_server::{QueueId, UnixMillis};
use tokio::sync::OnceCell;

use crate::content::Content;
use crate::entry::{QueueEntry, QueuedRecipient, RowKey, Rows};
use crate::spool::{Opened, Spool, SpoolError};

/// Messages that just came, in octets of content and envelope.
const RECENT_BYTES_MAX: u64 = 16 << 20;
/// What was not tried by then waits for something, and is read again when its time comes.
const RECENT_MILLIS_MAX: u64 = 5_000;

/// A message with its content.
pub(super) struct Loaded {
    pub(super) entry: Arc<QueueEntry>,
    pub(super) content: Content,
    pub(super) rows: Rows,
}

/// One attempt for all pending recipients of a row. It begins in the order of the manager's effects; what it is about is
/// loaded once, by the first of its deliveries that comes so far.
pub(super) struct Round {
    pub(super) begun: UnixMillis,
    /// Whether no other row of the message was being tried.
    is_first: bool,
    tried: OnceCell<Tried>,
}

/// What a round is about.
pub(super) struct Tried {
    pub(super) message: Arc<Loaded>,
    /// The indices of its recipients.
    pub(super) pending: Vec<u32>,
}

#[derive(Default)]
pub(super) struct Messages {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    recent: HashMap<QueueId, Recent>,
    /// The oldest first, and when they came; some may be gone already.
    order: VecDeque<(QueueId, UnixMillis)>,
    bytes: u64,
    rounds: BTreeMap<RowKey, Arc<Round>>,
    /// Messages that were removed from the spool together with their last outcome.
    removed: HashSet<QueueId>,
    /// Recipients that are done although the spool could not be told.
    unsettled: BTreeSet<(QueueId, u32)>,
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

    fn bytes(&self) -> u64 {
        let recipients = self.entry.recipients.len() * size_of::<QueuedRecipient>();
        self.content.bytes() + (size_of::<QueueEntry>() + recipients) as u64
    }
}

impl Messages {
    /// Keeps a message that just came until each of its rows was tried once, or for a while.
    pub(super) fn keep(&self, message: Arc<Loaded>, now: UnixMillis) {
        let id = message.entry.id;
        let fresh = (0..).zip(&message.rows.rows).map(|(row, _)| row).collect();
        let mut state = self.state();
        state.bytes += message.bytes();
        state.recent.insert(id, Recent { message, fresh });
        state.order.push_back((id, now));
        while RECENT_BYTES_MAX < state.bytes {
            let Some((oldest, _)) = state.order.pop_front() else { break };
            state.forget(oldest);
        }
    }

    /// Forgets what came a while ago, and says when to do so again.
    pub(super) fn forget_old(&self, now: UnixMillis) -> Option<UnixMillis> {
        let mut state = self.state();
        while let Some(&(oldest, came)) = state.order.front() {
            let end = came + Duration::from_millis(RECENT_MILLIS_MAX);
            if now < end {
                return Some(end);
            }
            state.order.pop_front();
            state.forget(oldest);
        }
        None
    }

    /// The row's round, which begins with this delivery unless it has begun. The manager's effects say so in their order.
    pub(super) fn round(&self, key: RowKey, begins: bool, now: UnixMillis) -> Arc<Round> {
        let mut state = self.state();
        if let Some(round) = state.rounds.get(&key).filter(|_| !begins) {
            return round.clone();
        }
        let all_of_it = RowKey { id: key.id, row: 0 }..=RowKey { id: key.id, row: u32::MAX };
        let is_first = state.rounds.range(all_of_it).next().is_none();
        let round = Arc::new(Round { begun: now, is_first, tried: OnceCell::new() });
        state.rounds.insert(key, round.clone());
        round
    }

    /// What the round is about. `active` hears of the message if it begins to be tried with it.
    pub(super) async fn tried<'a>(
        &self,
        spool: &dyn Spool,
        key: RowKey,
        round: &'a Round,
        active: impl FnOnce(&QueueEntry),
    ) -> Result<&'a Tried, SpoolError> {
        let load = || async {
            let fresh = self.state().take_fresh(key);
            let message = match fresh {
                Some(message) => message,
                None => {
                    let Opened { entry, content } = spool.open(key.id).await?;
                    Arc::new(Loaded::new(entry, content))
                }
            };
            if round.is_first {
                active(&message.entry);
            }
            let pending = self.pending(&message, key.row);
            Ok(Tried { message, pending })
        };
        round.tried.get_or_try_init(load).await
    }

    /// The indices of a row's recipients that are pending.
    pub(super) fn pending(&self, message: &Loaded, row: u32) -> Vec<u32> {
        let Loaded { entry, rows, .. } = message;
        let state = self.state();
        let recipients = (0..).zip(&entry.recipients).enumerate();
        recipients
            .filter(|(at, (_, one))| one.state.is_pending() && rows.has(row, *at))
            .map(|(_, (index, _))| index)
            .filter(|index| !state.unsettled.contains(&(entry.id, *index)))
            .collect()
    }

    /// The row's round is over.
    pub(super) fn end_round(&self, key: RowKey) {
        self.state().rounds.remove(&key);
    }

    /// The message left the spool with its last outcome.
    pub(super) fn set_removed(&self, id: QueueId) {
        self.state().removed.insert(id);
    }

    /// The recipient is done, and the spool could not be told: only the next start tries it again.
    pub(super) fn set_unsettled(&self, id: QueueId, recipient: u32) {
        self.state().unsettled.insert((id, recipient));
    }

    /// Whether there is something that the spool could not be told of this message.
    pub(super) fn is_unsettled(&self, id: QueueId) -> bool {
        self.state().unsettled.range((id, 0)..=(id, u32::MAX)).next().is_some()
    }

    /// Whether a message whose rows are all done is still to be removed: it was not yet, and the spool knows all that
    /// became of it. Asked once.
    pub(super) fn is_to_remove(&self, id: QueueId) -> bool {
        let mut state = self.state();
        state.forget(id);
        let mut later = state.unsettled.split_off(&(id, 0));
        let mut others = later.split_off(&(id, u32::MAX));
        state.unsettled.append(&mut others);
        !state.removed.remove(&id) && later.is_empty()
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
        while self.order.front().is_some_and(|(id, _)| !self.recent.contains_key(id)) {
            self.order.pop_front();
        }
    }
}
