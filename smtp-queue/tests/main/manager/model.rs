//! The manager beside a reference that knows each row and nothing of scheduling.
//!
//! Any order of messages, answers, failures, operations and crashes: no row is lost, none is tried twice at once,
//! the counts add up, and in the end everything is done.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use smtp_proto::ByMode;
use smtp_queue::{
    DeliveryKey, Effect, Feedback, Filter, ManagerConfig, Outcome, QueueManager, Row, RowKey,
};
use smtp_server::{QueueId, UnixMillis};

use super::support::{DAY, START, next_hop, status, unreachable};

const DOMAINS: [&str; 4] = ["a.example", "b.example", "c@a.example", "d.example"];

const PROCESS_LIMIT: u32 = 7;

#[derive(Clone, Debug)]
enum Step {
    Insert { rows: u32, recipients: u32, domain: usize, priority: i8, future_secs: u64, by: u8 },
    Poll,
    Finish { which: usize, deferred: u32, is_reached: bool },
    Returned { which: usize },
    Routed { which: usize, kind: u8 },
    Pass { secs: u64 },
    Hold { id: u64 },
    Release { id: u64 },
    Expire { id: u64 },
    Delete { id: u64 },
    Requeue { id: u64 },
    Flush,
    Suspend { site: usize },
    Resume { site: usize },
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let id = 0..30_u64;
    prop_oneof![
        6 => (1..4_u32, 1..130_u32, 0..4_usize, -9..10_i8, 0..3_u64, 0..4_u8).prop_map(
            |(rows, recipients, domain, priority, future, by)| Step::Insert {
                rows, recipients, domain, priority, future_secs: future * 1800, by,
            }
        ),
        20 => Just(Step::Poll),
        12 => (any::<usize>(), 0..60_u32, any::<bool>())
            .prop_map(|(which, deferred, is_reached)| Step::Finish { which, deferred, is_reached }),
        4 => any::<usize>().prop_map(|which| Step::Returned { which }),
        6 => (any::<usize>(), 0..4_u8).prop_map(|(which, kind)| Step::Routed { which, kind }),
        4 => (0..20_000_u64).prop_map(|secs| Step::Pass { secs }),
        1 => id.clone().prop_map(|id| Step::Hold { id }),
        1 => id.clone().prop_map(|id| Step::Release { id }),
        1 => id.clone().prop_map(|id| Step::Expire { id }),
        1 => id.clone().prop_map(|id| Step::Delete { id }),
        1 => id.prop_map(|id| Step::Requeue { id }),
        1 => Just(Step::Flush),
        1 => (0..4_usize).prop_map(|site| Step::Suspend { site }),
        1 => (0..4_usize).prop_map(|site| Step::Resume { site }),
        1 => Just(Step::Crash),
    ]
}

/// What a spool would know of a row, and what the runner has begun for it.
#[derive(Clone, Debug)]
struct Known {
    domain: &'static str,
    arrived: UnixMillis,
    due: UnixMillis,
    attempts: u16,
    priority: i8,
    deliver_by: Option<(UnixMillis, ByMode)>,
    is_warned: bool,
    is_held: bool,
    is_expired: bool,
    is_deleted: bool,
    pending: u32,
    /// Total and next of the round.
    round: Option<(u32, u32)>,
    in_flight: u32,
    is_returning: bool,
}

struct Model {
    manager: QueueManager,
    now: UnixMillis,
    rows: BTreeMap<RowKey, Known>,
    deliveries: BTreeMap<DeliveryKey, (RowKey, u32)>,
    returns: BTreeMap<DeliveryKey, RowKey>,
    questions: Vec<(String, bool)>,
    ids: u64,
    crashes: u64,
}

fn manager(crashes: u64) -> QueueManager {
    let config = ManagerConfig { default_process_limit: PROCESS_LIMIT, ..Default::default() };
    QueueManager::new(config, crashes)
}

/// One of a map, if it has any.
fn pick<K: Copy, V>(map: &BTreeMap<K, V>, which: usize) -> Option<K> {
    map.keys().nth(which.checked_rem(map.len())?).copied()
}

impl Model {
    fn new() -> Self {
        Self {
            manager: manager(0),
            now: START,
            rows: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            returns: BTreeMap::new(),
            questions: Vec::new(),
            ids: 0,
            crashes: 0,
        }
    }

    fn apply(&mut self, step: Step) {
        let now = self.now;
        match step {
            Step::Insert { rows, recipients, domain, priority, future_secs, by } => {
                self.insert(rows, recipients, domain, priority, future_secs, by);
            }
            Step::Poll => drop(self.poll()),
            Step::Finish { which, deferred, is_reached } => {
                self.finish(which, deferred, is_reached);
            }
            Step::Returned { which } => self.returned(which),
            Step::Routed { which, kind } => self.routed(which, kind),
            Step::Pass { secs } => {
                self.now = now + Duration::from_secs(secs);
                self.manager.handle_timeout(self.now);
            }
            Step::Hold { id } => self.operate(id, |row| row.is_held = true, QueueManager::hold),
            Step::Release { id } => {
                self.operate(id, |row| row.is_held = false, QueueManager::release);
            }
            Step::Expire { id } => {
                self.operate(id, |row| row.is_expired = true, QueueManager::expire);
            }
            Step::Delete { id } => {
                self.operate(id, |row| row.is_deleted = true, QueueManager::delete);
            }
            Step::Requeue { id } => self.operate(id, |_| {}, QueueManager::requeue),
            Step::Flush => drop(self.manager.flush(&Filter::default(), now)),
            Step::Suspend { site } => self.manager.suspend(DOMAINS[site], now),
            Step::Resume { site } => drop(self.manager.resume(DOMAINS[site], now)),
            Step::Crash => self.crash(),
        }
        self.check();
    }

    fn insert(
        &mut self,
        rows: u32,
        pending: u32,
        domain: usize,
        priority: i8,
        future: u64,
        by: u8,
    ) {
        self.ids += 1;
        let deliver_by = match by {
            0 => Some((self.now + Duration::from_secs(600), ByMode::Return)),
            1 => Some((self.now + Duration::from_secs(600), ByMode::Notify)),
            _ => None,
        };
        for row in 0..rows {
            let known = Known {
                domain: DOMAINS[(domain + row as usize) % DOMAINS.len()],
                arrived: self.now,
                due: self.now + Duration::from_secs(future),
                attempts: 0,
                priority,
                deliver_by,
                is_warned: false,
                is_held: false,
                is_expired: false,
                is_deleted: false,
                pending,
                round: None,
                in_flight: 0,
                is_returning: false,
            };
            let key = RowKey { id: QueueId(self.ids - 1), row };
            self.rows.insert(key, known);
            self.tell(key);
        }
    }

    /// Gives a row to the manager, as a spool has it.
    fn tell(&mut self, key: RowKey) {
        let known = &self.rows[&key];
        let row = Row {
            due: known.due,
            attempts: known.attempts,
            priority: known.priority,
            deliver_by: known.deliver_by,
            is_held: known.is_held,
            is_delay_warned: known.is_warned,
            is_expired: known.is_expired,
            ..Row::new(key, known.domain, known.pending, known.arrived)
        };
        self.manager.insert(row, self.now).unwrap();
    }

    fn poll(&mut self) -> Option<Effect> {
        let effect = self.manager.poll()?;
        match effect.clone() {
            Effect::Route { domain, is_local } => {
                assert!(!self.questions.contains(&(domain.clone(), is_local)), "asked twice");
                self.questions.push((domain, is_local));
                assert!(self.questions.len() <= PROCESS_LIMIT as usize);
            }
            Effect::Deliver { delivery, key, recipients, .. } => {
                let row = self.rows.get_mut(&key).unwrap();
                assert!(!row.is_held && !row.is_expired && !row.is_returning && !row.is_deleted);
                let (total, next) = row.round.unwrap_or((row.pending, 0));
                assert_eq!(recipients.start, next, "no recipient twice, none left out");
                assert!(recipients.start < recipients.end && recipients.end <= total);
                assert!(recipients.len() <= 50);
                row.round = Some((total, recipients.end));
                row.in_flight += 1;
                assert!(self.deliveries.len() < PROCESS_LIMIT as usize);
                let old = self.deliveries.insert(delivery, (key, recipients.len() as u32));
                assert_eq!(old, None, "a name is given out once");
            }
            Effect::Return { delivery, key, .. } => {
                let row = self.rows.get_mut(&key).unwrap();
                assert!(!row.is_held && !row.is_returning && row.in_flight == 0);
                row.is_returning = true;
                self.returns.insert(delivery, key);
            }
            Effect::DelayWarning { id, .. } => {
                for (_, row) in self.rows.iter_mut().filter(|(key, _)| key.id == id) {
                    assert!(!std::mem::replace(&mut row.is_warned, true), "told twice");
                }
            }
            Effect::Reschedule { schedule, .. } => {
                let row = self.rows.get_mut(&schedule.key).unwrap();
                assert_eq!(row.in_flight, 0);
                row.round = None;
                row.due = schedule.due;
                row.attempts = schedule.attempts;
            }
            Effect::Done { key, is_last } => {
                let row = self.rows.remove(&key).unwrap();
                assert!(row.pending == 0 || row.is_deleted, "lost: {row:?}");
                assert_eq!(row.in_flight, 0);
                let left = self.rows.keys().any(|other| other.id == key.id);
                assert_eq!(is_last, !left);
            }
        }
        Some(effect)
    }

    fn finish(&mut self, which: usize, deferred: u32, is_reached: bool) {
        let Some(delivery) = pick(&self.deliveries, which) else { return };
        let (key, recipients) = self.deliveries.remove(&delivery).unwrap();
        let deferred = deferred.min(recipients);
        let row = self.rows.get_mut(&key).unwrap();
        row.pending -= recipients - deferred;
        row.in_flight -= 1;
        let feedback = if is_reached { Feedback::Reached } else { unreachable() };
        self.manager.handle_finished(delivery, deferred, &feedback, self.now);
    }

    fn returned(&mut self, which: usize) {
        let Some(delivery) = pick(&self.returns, which) else { return };
        let key = self.returns.remove(&delivery).unwrap();
        self.rows.get_mut(&key).unwrap().pending = 0;
        self.manager.handle_returned(delivery, self.now);
    }

    fn routed(&mut self, which: usize, kind: u8) {
        let Some(index) = which.checked_rem(self.questions.len()) else { return };
        let (domain, is_local) = self.questions.remove(index);
        let answer = match kind {
            0 => Err(Outcome::Deferred(status("later"))),
            1 => Err(Outcome::Failed(status("never"))),
            _ => Ok(next_hop(domain.rsplit('@').next().unwrap())),
        };
        let valid_for = Duration::from_secs(60 * u64::from(kind));
        self.manager.handle_routed(&domain, is_local, answer, self.now, valid_for);
    }

    fn operate(
        &mut self,
        id: u64,
        change: impl Fn(&mut Known),
        operation: impl Fn(&mut QueueManager, QueueId, UnixMillis) -> usize,
    ) {
        let rows = self.rows.iter_mut().filter(|(key, _)| key.id.0 == id);
        rows.for_each(|(_, row)| change(row));
        operation(&mut self.manager, QueueId(id), self.now);
    }

    /// All that the manager knew is gone, and all that was under way.
    fn crash(&mut self) {
        self.crashes += 1;
        self.manager = manager(self.crashes);
        self.deliveries.clear();
        self.returns.clear();
        self.questions.clear();
        self.rows.retain(|_, row| !row.is_deleted && row.pending != 0);
        for key in self.rows.keys().copied().collect::<Vec<_>>() {
            let row = self.rows.get_mut(&key).unwrap();
            (row.round, row.in_flight, row.is_returning) = (None, 0, false);
            self.tell(key);
        }
    }

    fn check(&self) {
        let counts = self.manager.counts();
        // What is done is told by an effect that may not have been taken yet.
        let unsure = self.rows.values().filter(|row| row.pending == 0 || row.is_deleted).count();
        let (least, most) = (self.rows.len() - unsure, self.rows.len());
        assert!((least as u64..=most as u64).contains(&counts.total()), "{counts:?}");
        let mut sum = smtp_queue::Counts::default();
        self.manager.sites().iter().for_each(|site| sum += site.counts);
        assert_eq!(sum, counts, "sites add up");
        for name in [
            smtp_queue::QueueName::Incoming,
            smtp_queue::QueueName::Active,
            smtp_queue::QueueName::Deferred,
            smtp_queue::QueueName::Hold,
        ] {
            let filter = Filter { queue: Some(name), ..Filter::default() };
            let expected = match name {
                smtp_queue::QueueName::Incoming => counts.incoming,
                smtp_queue::QueueName::Active => counts.active,
                smtp_queue::QueueName::Deferred => counts.deferred,
                smtp_queue::QueueName::Hold => counts.hold,
            };
            assert_eq!(self.manager.list(&filter).count() as u64, expected);
        }
    }

    /// From here on everything goes well.
    fn end_well(&mut self) {
        let end = self.now + Duration::from_millis(10 * DAY);
        for id in 0..self.ids {
            self.apply(Step::Release { id });
        }
        (0..DOMAINS.len()).for_each(|site| self.apply(Step::Resume { site }));
        let mut idle = 0;
        // Each turn of it takes an effect or lets time pass, and neither goes on for ever.
        for _ in 0..1_000_000 {
            if self.poll().is_some() {
                idle = 0;
                continue;
            }
            if !self.questions.is_empty() {
                self.routed(0, 3);
            } else if !self.deliveries.is_empty() {
                self.finish(0, 0, true);
            } else if !self.returns.is_empty() {
                self.returned(0);
            } else if let Some(next) = self.manager.poll_timeout() {
                idle = if next <= self.now { idle + 1 } else { 0 };
                assert!(idle < 3, "it spins");
                self.now = next.max(self.now);
                assert!(self.now < end, "it hangs: {:?}", self.rows);
                self.manager.handle_timeout(self.now);
            } else {
                break;
            }
        }
        assert!(self.rows.is_empty(), "left: {:?}", self.rows);
        assert_eq!(self.manager.counts().total(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_nothing_is_twice_and_everything_ends(
        steps in proptest::collection::vec(step(), 1..300)
    ) {
        let mut model = Model::new();
        for step in steps {
            model.apply(step);
        }
        model.end_well();
    }
}
