//! The queue manager: which recipients of which message are tried next, where, and when. Pure.
//!
//! * **In**: rows, routes, results, operations, each with the time. **Out**: [`Effect`]s.
//! * **Promises**: below. **Limits**: 48 octets for a deferred row; [`ManagerConfig`] bounds what is under way.
//! * **Panics**: never. **Spec**: RFC 5321 4.5.4; RFC 2852 4.1; RFC 4865 4.2; RFC 6710.
//!
//! # What the caller does
//!
//! It tells the manager of each thing that happened (`insert`, `handle_*`, the operations), then takes effects with
//! [`poll`](QueueManager::poll) until there are none, then sleeps until [`poll_timeout`](QueueManager::poll_timeout)
//! or the next thing that happens, and then calls [`handle_timeout`](QueueManager::handle_timeout). It needs no
//! arithmetic. All rows of one message are inserted before the next `poll`.
//!
//! # Promises
//!
//! * A row ends in exactly one [`Effect::Done`], after a round without deferred recipients, after
//!   [`handle_returned`](QueueManager::handle_returned), or because it was deleted. Until then it is queued.
//! * At any time a row is in one place, and a recipient in one delivery at most.
//! * A round is one attempt for all pending recipients of a row, cut into deliveries. It ends with one
//!   [`Effect::Reschedule`], or with `Done`. While it goes on, the row's list of pending recipients stays as it was
//!   when the round began: [`Effect::Deliver::recipients`] count in it.
//! * Hold, expire, delete and the deadlines act at once on a row that waits. On a row under way they begin no further
//!   delivery and act when those that go on have ended. A row whose return could not
//!   be made durable is held, so that it is not tried for ever.
//! * A held row is not tried, not returned and does not age out; when it is released, all that is made up for.
//! * After `poll` gave `None`, the time of `poll_timeout` and `handle_timeout` bring a further step: there is no spin.
//! * A clock that is set back delays nothing and hurries nothing: the manager's own time never goes back.
//!
//! # How it chooses
//!
//! Rows become due by the calendar, get a route by domain, and then stand at a site: a set of hosts that is reached
//! in one way. Sites take turns, a delivery each, within a window each (see `window`). Within a site the priority
//! decides, then the age, and large messages let small ones pass (see `site`).
//!
//! A site where a whole window of deliveries in a row could not speak with anybody is dead. Its rows stay where they
//! are, at no cost; one delivery tries again after a back-off that grows like a row's. A domain that has no route for
//! now is treated alike: one row is deferred each time, with the reason, and the others wait for it.
//!
//! ```
//! use std::time::Duration;
//!
//! use smtp_queue::{Effect, Feedback, ManagerConfig, NextHop, QueueManager, Row, RowKey};
//! use smtp_server::{QueueId, UnixMillis};
//!
//! let mut now = UnixMillis(1_700_000_000_000);
//! let mut manager = QueueManager::new(ManagerConfig::default(), 7);
//! let key = RowKey { id: QueueId(1), row: 0 };
//! manager.insert(Row::new(key, "example.net", 1, now), now).unwrap();
//!
//! assert_eq!(manager.poll(), Some(Effect::Route { domain: "example.net".into(), is_local: false }));
//! let next_hop = NextHop::host("mx.example.net", "192.0.2.1:25".parse().unwrap());
//! manager.handle_routed("example.net", false, Ok(next_hop), now, Duration::from_secs(3600));
//!
//! let Some(Effect::Deliver { delivery, recipients, .. }) = manager.poll() else { panic!() };
//! assert_eq!(recipients, 0..1);
//! // One recipient was deferred, and the row waits four to six minutes.
//! manager.handle_finished(delivery, 1, &Feedback::Reached, now);
//! let Some(Effect::Reschedule { schedule, .. }) = manager.poll() else { panic!() };
//! assert!((240_000..=360_000).contains(&(schedule.due.0 - now.0)));
//!
//! now = schedule.due;
//! manager.handle_timeout(now);
//! let Some(Effect::Deliver { delivery, .. }) = manager.poll() else { panic!() };
//! manager.handle_finished(delivery, 0, &Feedback::Reached, now);
//! assert_eq!(manager.poll(), Some(Effect::Done { key, is_last: true }));
//! assert_eq!(manager.poll_timeout(), None);
//! ```

mod calendar;
mod clock;
mod domain;
mod site;
mod table;
mod window;

mod place;
mod rounds;
mod routing;

mod census;
mod operate;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use smtp_proto::ByMode;
use smtp_server::{QueueId, UnixMillis};

pub use census::{AgeCounts, Counts, Filter, QueueName, RowInfo, SiteInfo};

use self::calendar::Calendar;
use self::clock::Clock;
use self::domain::{Arena, Domains};
use self::place::Timer;
use self::rounds::{Delivery, Round, Step};
use self::site::Site;
use self::table::{Flag, List, Place, Slot, Table};
use crate::entry::{Row, RowKey};
use crate::retry::RetryPolicy;
use crate::route::NextHop;
use crate::spool::Schedule;
use crate::status::{Outcome, Status};
use crate::transport::Feedback;

/// Rows that are moved on before a delivery is chosen among them: when a million become due at once, a delivery to
/// somewhere else does not wait for all of them.
const MOVES_MAX: u32 = 64;

/// How often that is repeated while there is nothing to be done.
const POLL_STEPS_MAX: u32 = 16;

/// What bounds the deliveries, by Postfix's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagerConfig {
    /// How long a message waits.
    pub retry: RetryPolicy,
    /// Deliveries at once, to all sites together; and as many returns, and questions for a route.
    pub default_process_limit: u32,
    /// Deliveries at once to a site that was not tried yet, or is alive again.
    pub initial_destination_concurrency: u32,
    /// Deliveries at once to a site, however well it goes.
    pub default_destination_concurrency_limit: u32,
    /// Recipients of one delivery.
    pub default_destination_recipient_limit: u32,
}

impl Default for ManagerConfig {
    fn default() -> Self {
        Self {
            retry: RetryPolicy::default(),
            default_process_limit: 100,
            initial_destination_concurrency: 5,
            default_destination_concurrency_limit: 20,
            default_destination_recipient_limit: 50,
        }
    }
}

/// Names a delivery or a return that goes on; never given out twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryKey(u64);

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Ask the router, then call [`QueueManager::handle_routed`] with the same domain, whatever it said.
    Route {
        /// The domain, as the row had it.
        domain: String,
        /// Whether its recipients are ours.
        is_local: bool,
    },
    /// Try once, then call [`QueueManager::handle_finished`].
    Deliver {
        /// Its name.
        delivery: DeliveryKey,
        /// The row.
        key: RowKey,
        /// Where to.
        next_hop: NextHop,
        /// Which of the recipients that were pending when the round began; a round begins with 0.
        recipients: Range<u32>,
    },
    /// Give up all pending recipients of the row and report that to the sender; when both are durable, call
    /// [`QueueManager::handle_returned`]; [`QueueManager::handle_return_failed`] if they cannot be.
    Return {
        /// Its name.
        delivery: DeliveryKey,
        /// The row.
        key: RowKey,
        /// Why now.
        cause: ReturnCause,
        /// Why it was not delivered, for recipients that were never tried themselves: the failure of their site or
        /// domain.
        status: Option<Box<Status>>,
    },
    /// Tell the sender of the delay of all pending recipients; once for each message.
    DelayWarning {
        /// The message.
        id: QueueId,
        /// Why now.
        cause: DelayCause,
    },
    /// Make durable when the row is tried next.
    Reschedule {
        /// When, and how often it was tried.
        schedule: Schedule,
        /// What became of all its pending recipients, if there was no delivery to say so: the route was missing.
        status: Option<Box<Status>>,
    },
    /// The row is done with.
    Done {
        /// The row.
        key: RowKey,
        /// Whether it was the message's last, so that the message is to be removed.
        is_last: bool,
    },
}

/// Why a row goes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReturnCause {
    /// It waited as long as the configuration lets it.
    TooOld,
    /// The time of BY in mode R is over (RFC 2852 4.1.3, code 5.4.7).
    DeliverBy,
    /// The operator said so.
    Operator,
    /// There is no way to its domain, and will be none.
    Unroutable(Box<Status>),
}

/// Why the sender is told of a delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DelayCause {
    /// The configuration's `delay_warning_time` is over.
    Warning,
    /// The time of BY in mode N is over (RFC 2852 4.1.3, code 4.4.7).
    DeliverBy,
}

/// Why a row is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InsertError {
    /// The row is here.
    #[error("the row is in the queue already")]
    Duplicate,
    /// None of its recipients is pending.
    #[error("the row has no pending recipients")]
    Empty,
    /// There are 2^32 rows.
    #[error("the queue has no room for another row")]
    Full,
}

/// Decides; does nothing itself.
#[derive(Debug)]
pub struct QueueManager {
    config: ManagerConfig,
    seed: u64,
    clock: Clock,

    rows: Table,
    /// Messages that have, or had, more than their row 0.
    messages: BTreeMap<QueueId, Rows>,
    /// What BY asked for, in seconds.
    deliver_by: BTreeMap<u32, (u32, ByMode)>,
    /// Rows by [`Place`].
    counts: [u64; Place::ALL.len()],

    calendar: Calendar,
    timers: BTreeSet<(u32, Timer)>,
    /// The next second in which rows that stand somewhere are looked over, and where that goes on.
    patrol: (u32, u32),

    domains: Domains,
    /// Domains that the router is to be asked for, and how many it was.
    questions: VecDeque<u32>,
    asked: u32,
    /// Domains whose rows are to be moved on.
    routed: VecDeque<u32>,
    /// Domains without rows, the first one to be forgotten in front.
    idle: VecDeque<u32>,

    sites: Arena<Site>,
    site_names: BTreeMap<Arc<str>, u32>,
    /// Sites whose turn comes.
    turns: VecDeque<u32>,

    /// Rows whose round has begun.
    rounds: BTreeMap<u32, Round>,
    doomed: List,
    deliveries: BTreeMap<DeliveryKey, Delivery>,
    delivery_last: u64,
    in_flight: u32,
    returning: u32,

    effects: VecDeque<Effect>,
}

/// Which rows of a message there can be, and how many there are.
#[derive(Clone, Copy, Debug)]
struct Rows {
    end: u32,
    live: u32,
}

impl QueueManager {
    /// An empty one. The same calls with the same `seed` have the same effects.
    #[must_use]
    pub fn new(config: ManagerConfig, seed: u64) -> Self {
        Self {
            config,
            seed,
            clock: Clock::default(),
            rows: Table::new(seed),
            messages: BTreeMap::new(),
            deliver_by: BTreeMap::new(),
            counts: [0; Place::ALL.len()],
            calendar: Calendar::default(),
            timers: BTreeSet::new(),
            patrol: (0, 0),
            domains: Domains::new(),
            questions: VecDeque::new(),
            asked: 0,
            routed: VecDeque::new(),
            idle: VecDeque::new(),
            sites: Arena::new(),
            site_names: BTreeMap::new(),
            turns: VecDeque::new(),
            rounds: BTreeMap::new(),
            doomed: List::EMPTY,
            deliveries: BTreeMap::new(),
            delivery_last: 0,
            in_flight: 0,
            returning: 0,
            effects: VecDeque::new(),
        }
    }

    /// Takes a row of a new message, or one that recovery found. All rows of a message come before the next
    /// [`poll`](Self::poll), or the message would be done before they are there.
    ///
    /// # Errors
    /// [`InsertError`]; the row, if it is here, stays as it is.
    pub fn insert(&mut self, row: Row<'_>, now: UnixMillis) -> Result<(), InsertError> {
        self.clock.read(now);
        if row.recipients_pending == 0 {
            return Err(InsertError::Empty);
        }
        if self.rows.find(row.key).is_some() {
            return Err(InsertError::Duplicate);
        }
        let domain = self.domains.find_or_insert(row.domain, row.is_local);
        let mut slot = Slot::new(row.key, domain, row.recipients_pending, row.priority);
        slot.place =
            if row.due <= now { self.clock.second() } else { self.clock.second_of(row.due) };
        slot.arrived = self.clock.second_of(row.arrived);
        slot.attempts = row.attempts;
        slot.set(Flag::Report, row.is_report);
        slot.set(Flag::Held, row.is_held);
        slot.set(Flag::Warned, row.is_delay_warned);
        slot.set(Flag::Expired, row.is_expired);
        let at = self.rows.add(slot).ok_or(InsertError::Full)?;
        self.count_in(at, row.key);
        if let Some((time, mode)) = row.deliver_by {
            let second = self.clock.second_of(time);
            self.deliver_by.insert(at, (second, mode));
            self.timers.insert((second, Timer::Row(at)));
        }
        // Placed by the next poll, when all rows of the message are here.
        if row.is_held {
            self.settle(at);
        } else {
            self.wait(at);
        }
        Ok(())
    }

    /// The router's answer to [`Effect::Route`], good for `valid_for` (a minute at least). An answer that nobody
    /// asked for is ignored.
    pub fn handle_routed(
        &mut self,
        domain: &str,
        is_local: bool,
        answer: Result<NextHop, Outcome>,
        now: UnixMillis,
        valid_for: Duration,
    ) {
        self.clock.read(now);
        self.take_answer(domain, is_local, answer, valid_for);
    }

    /// A delivery has ended, and all that became of its recipients is durable; `deferred` of them are still pending.
    /// A delivery that is not known is ignored.
    pub fn handle_finished(
        &mut self,
        delivery: DeliveryKey,
        deferred: u32,
        feedback: &Feedback,
        now: UnixMillis,
    ) {
        self.clock.read(now);
        self.finish(delivery, deferred, feedback);
    }

    /// The recipients of an [`Effect::Return`] are given up, and that and the report of it are durable. A return
    /// that is not known is ignored.
    pub fn handle_returned(&mut self, delivery: DeliveryKey, now: UnixMillis) {
        self.clock.read(now);
        if let Some(at) = self.end_return(delivery) {
            self.finish_row(at);
        }
    }

    /// An [`Effect::Return`] could not be made: the message is held as by [`hold`](Self::hold). A return that is not
    /// known is ignored.
    pub fn handle_return_failed(&mut self, delivery: DeliveryKey, now: UnixMillis) {
        self.clock.read(now);
        if let Some(at) = self.end_return(delivery) {
            self.hold(self.rows[at].key().id, now);
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: UnixMillis) {
        self.clock.read(now);
        let second = self.clock.second();
        // Each one goes and none comes for this second or before.
        while let Some((_, timer)) = self.timers.first().filter(|(due, _)| *due <= second).copied()
        {
            self.timers.pop_first();
            self.fire(timer);
        }
        self.look_over(second);
    }

    /// What is to be done next; `None` if nothing is before [`poll_timeout`](Self::poll_timeout), which may be now:
    /// when very many rows become due at once, they are gone through in portions.
    pub fn poll(&mut self) -> Option<Effect> {
        for _ in 0..POLL_STEPS_MAX {
            let is_moved = self.effects.is_empty() && self.move_rows();
            if let Some(effect) = self.effects.pop_front() {
                return Some(effect);
            }
            match self.step() {
                Step::Effect(effect) => return Some(effect),
                Step::Idle if !is_moved => return None,
                Step::Moved | Step::Idle => {}
            }
        }
        None
    }

    /// When [`handle_timeout`](Self::handle_timeout) and [`poll`](Self::poll) are to be called at the latest, as
    /// the caller's clock shows it.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<UnixMillis> {
        if self.has_work() {
            return Some(self.clock.wall());
        }
        let next = [
            self.calendar.first().map(|(second, _)| second),
            self.timers.first().map(|(second, _)| *second),
            self.any_stands().then_some(self.patrol.0),
        ];
        next.into_iter().flatten().min().map(|second| self.clock.wall_of(second))
    }

    /// Moves rows on that are due or have a route now.
    fn move_rows(&mut self) -> bool {
        (0..MOVES_MAX).take_while(|_| self.move_due() || self.move_routed()).count() != 0
    }

    fn step(&mut self) -> Step {
        match self.next_return() {
            Step::Idle => {}
            step => return step,
        }
        match self.next_question() {
            Step::Idle => self.next_delivery(),
            step => step,
        }
    }

    fn has_work(&self) -> bool {
        let second = self.clock.second();
        let most = self.config.default_process_limit;
        !self.effects.is_empty()
            || !self.routed.is_empty()
            || self.calendar.first().is_some_and(|(due, _)| due <= second)
            || !self.questions.is_empty() && self.asked < most
            || !self.turns.is_empty() && self.in_flight < most
            || !self.doomed.is_empty() && self.returning < most
    }
}
