//! Where a row belongs: the one place that decides it, and the one that takes a row out of where it is.
//!
//! * **In**: a row that is nowhere. **Out**: the row in its place, and what the sender is to be told.
//! * **Promises**: flags and deadlines are looked at whenever a row is placed. **Limits**: none.
//! * **Panics**: never. **Spec**: RFC 2852 4.1.3; RFC 4865 4.2.

use smtp_proto::ByMode;
use smtp_server::QueueId;

use super::table::{Flag, Place};
use super::{DelayCause, Effect, QueueManager, ReturnCause, Rows};
use crate::entry::RowKey;
use crate::retry::mix;
use crate::status::Status;

/// Rows that stand somewhere are all looked over once in this time.
const PATROL_SECS: u32 = 600;

/// How often a part of them is.
const PATROL_STEP_SECS: u32 = 10;

/// Where rows are in no calendar, and age.
const STANDS: [Place; 3] = [Place::Unrouted, Place::Ready, Place::Round];

/// What has a second of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A row's BY; taken out with the row.
    Row(u32),
    /// A dead site's next try; firing late or for another one does no harm.
    Site(u32),
    /// The same for a domain without a route.
    Domain(u32),
}

impl QueueManager {
    /// Puts a row that is nowhere into its place. What it does not touch is a row that is under way.
    pub(super) fn settle(&mut self, at: u32) {
        let slot = self.rows[at];
        if slot.is(Flag::Deleted) {
            return self.finish_row(at);
        }
        if slot.is(Flag::Held) {
            return self.set_state(at, Place::Held);
        }
        if self.cause(at).is_some() {
            return self.doom(at);
        }
        self.warn_if_late(at);
        if self.clock.second() < slot.place {
            self.wait(at);
        } else {
            self.seek_route(at, false);
        }
    }

    /// Puts a row that is nowhere into the calendar.
    pub(super) fn wait(&mut self, at: u32) {
        let wake = self.wake(at);
        self.set_state(at, Place::Waiting);
        self.calendar.insert(&mut self.rows, wake, at);
    }

    /// Takes a row out of its place. `false` if it is under way; then nothing further of it begins, and what its
    /// flags say is done when it has ended.
    pub(super) fn withdraw(&mut self, at: u32) -> bool {
        let slot = self.rows[at];
        match slot.state() {
            Place::Waiting => {
                let wake = self.wake(at);
                self.calendar.remove(&mut self.rows, wake, at);
            }
            Place::Unrouted => {
                if let Some(domain) = self.domains.arena.value_mut(slot.domain) {
                    domain.unrouted.remove(&mut self.rows, at);
                }
            }
            Place::Ready => self.leave_site(at),
            Place::Round => return self.halt(at) && self.close_round(at),
            Place::Returning => return false,
            Place::Doomed => self.doomed.remove(&mut self.rows, at),
            Place::Held | Place::Loose => {}
        }
        self.set_state(at, Place::Loose);
        true
    }

    pub(super) fn doom(&mut self, at: u32) {
        self.set_state(at, Place::Doomed);
        self.doomed.push_back(&mut self.rows, at);
    }

    /// Why the row is to be returned, whether it is due or not.
    pub(super) fn cause(&self, at: u32) -> Option<ReturnCause> {
        let now = self.clock.second();
        if self.rows[at].is(Flag::Expired) {
            return Some(ReturnCause::Operator);
        }
        if let Some((second, ByMode::Return)) = self.deliver_by.get(&at)
            && *second <= now
        {
            return Some(ReturnCause::DeliverBy);
        }
        (self.too_old(at) <= now).then_some(ReturnCause::TooOld)
    }

    /// The last failure of what the row waits for.
    pub(super) fn blocked_by(&self, at: u32) -> Option<&Status> {
        use super::domain::Route;

        let domain = self.domains.arena.value(self.rows[at].domain)?;
        if let Route::Deferred(_, status) | Route::Failed(_, status) = &domain.route {
            return Some(status);
        }
        let site = self.sites.value(domain.next_hop.as_ref()?.1)?;
        site.dead.as_ref().map(|dead| &dead.status)
    }

    /// Tells the sender of a delay, unless it was told.
    pub(super) fn warn_if_late(&mut self, at: u32) {
        let now = self.clock.second();
        let late = self.warning(at).filter(|(second, _)| *second <= now);
        if let Some((_, cause)) = late
            && !self.rows[at].is(Flag::Held)
        {
            let id = self.rows[at].key().id;
            self.effects.push_back(Effect::DelayWarning { id, cause });
            for at in self.rows_of(id) {
                self.set_warned(at);
            }
        }
    }

    /// The places of a message's rows.
    pub(super) fn rows_of(&self, id: QueueId) -> Vec<u32> {
        let end = self.messages.get(&id).map_or(1, |rows| rows.end);
        (0..end).filter_map(|row| self.rows.find(RowKey { id, row })).collect()
    }

    pub(super) fn set_state(&mut self, at: u32, state: Place) {
        let before = self.rows[at].state();
        self.rows[at].set_state(state);
        self.counts[before as usize] -= 1;
        self.counts[state as usize] += 1;
        if let Some(domain) = self.domains.arena.value_mut(self.rows[at].domain) {
            domain.counts[before as usize] -= 1;
            domain.counts[state as usize] += 1;
        }
    }

    /// Counts a new row, which is nowhere yet.
    pub(super) fn count_in(&mut self, at: u32, key: RowKey) {
        self.counts[Place::Loose as usize] += 1;
        if let Some(domain) = self.domains.arena.value_mut(self.rows[at].domain) {
            domain.counts[Place::Loose as usize] += 1;
        }
        if let Some(rows) = self.messages.get_mut(&key.id) {
            rows.live += 1;
            rows.end = rows.end.max(key.row.saturating_add(1));
        } else if key.row != 0 {
            let first = self.rows.find(RowKey { id: key.id, row: 0 });
            let rows =
                Rows { end: key.row.saturating_add(1), live: 1 + u32::from(first.is_some()) };
            self.messages.insert(key.id, rows);
        }
    }

    /// The end of a row that is nowhere.
    pub(super) fn finish_row(&mut self, at: u32) {
        let slot = self.rows[at];
        let key = slot.key();
        self.counts[Place::Loose as usize] -= 1;
        if let Some((second, _)) = self.deliver_by.remove(&at) {
            self.timers.remove(&(second, Timer::Row(at)));
        }
        self.rows.remove(at);
        let is_last = match self.messages.get_mut(&key.id) {
            Some(rows) => {
                rows.live -= 1;
                rows.live == 0
            }
            None => true,
        };
        if is_last {
            self.messages.remove(&key.id);
        }
        self.effects.push_back(Effect::Done { key, is_last });
        self.leave_domain(slot.domain);
    }

    /// Takes a row out of the calendar whose second has come, and places it.
    pub(super) fn move_due(&mut self) -> bool {
        let now = self.clock.second();
        let Some((_, at)) = self.calendar.first().filter(|(second, _)| *second <= now) else {
            return false;
        };
        self.withdraw(at);
        self.settle(at);
        true
    }

    pub(super) fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::Row(at) => self.look_at(at),
            Timer::Site(at) => self.enlist(at),
            Timer::Domain(at) => self.ask_if_waited_for(at),
        }
    }

    /// Looks over a part of the rows that stand somewhere and so are in no calendar: they age, too.
    pub(super) fn look_over(&mut self, now: u32) {
        let (due, mut at) = self.patrol;
        if now < due {
            return;
        }
        self.patrol.0 = now.saturating_add(PATROL_STEP_SECS);
        if !self.any_stands() {
            return;
        }
        let steps = (now - due) / PATROL_STEP_SECS + 1;
        let places = self.rows.places();
        let share = places / (PATROL_SECS / PATROL_STEP_SECS) + 1;
        for _ in 0..share.saturating_mul(steps).min(places) {
            at = if at < places { at } else { 0 };
            if self.rows.live(at) {
                self.look_at(at);
            }
            at += 1;
        }
        self.patrol.1 = at;
    }

    /// Whether there are rows in no calendar that age.
    pub(super) fn any_stands(&self) -> bool {
        STANDS.iter().any(|place| self.counts[*place as usize] != 0)
    }

    /// A number for chance that belongs to a row and its attempt.
    pub(super) fn chance(&self, key: RowKey, attempts: u16) -> u64 {
        mix(self.seed ^ key.id.0) ^ u64::from(key.row) << 16 ^ u64::from(attempts)
    }

    fn look_at(&mut self, at: u32) {
        if !STANDS.contains(&self.rows[at].state()) {
            return;
        }
        if self.cause(at).is_none() {
            self.warn_if_late(at);
        } else if self.withdraw(at) {
            self.settle(at);
        }
    }

    fn too_old(&self, at: u32) -> u32 {
        let slot = &self.rows[at];
        slot.arrived.saturating_add(self.config.retry.lifetime_secs(slot.is(Flag::Report)))
    }

    /// When the sender is to be told of the delay. Who gave a time with BY is told then and not before.
    fn warning(&self, at: u32) -> Option<(u32, DelayCause)> {
        let slot = &self.rows[at];
        if slot.is(Flag::Warned) {
            return None;
        }
        if let Some((second, ByMode::Notify)) = self.deliver_by.get(&at) {
            return Some((*second, DelayCause::DeliverBy));
        }
        let after = self.config.retry.warning_secs(slot.is(Flag::Report))?;
        Some((slot.arrived.saturating_add(after), DelayCause::Warning))
    }

    /// The second in which a row that waits is looked at: when it is due, or a deadline comes.
    fn wake(&self, at: u32) -> u32 {
        let returned = match self.deliver_by.get(&at) {
            Some((second, ByMode::Return)) => *second,
            _ => u32::MAX,
        };
        let warned = self.warning(at).map_or(u32::MAX, |(second, _)| second);
        self.rows[at].place.min(self.too_old(at)).min(returned).min(warned)
    }

    fn set_warned(&mut self, at: u32) {
        let waits = self.rows[at].state() == Place::Waiting;
        if waits {
            self.withdraw(at);
        }
        self.rows[at].set(Flag::Warned, true);
        if waits {
            self.wait(at);
        }
    }
}
