//! A manager with a clock that is set by hand, and a router that knows every domain.

use std::time::Duration;

use smtp_proto::EnhancedCode;
use smtp_queue::{
    DeliveryKey, Effect, Feedback, ManagerConfig, NextHop, QueueManager, Row, RowKey, Status,
};
use smtp_server::{QueueId, UnixMillis};

pub(super) const START: UnixMillis = UnixMillis(1_700_000_000_000);

pub(super) const MINUTE: u64 = 60_000;
pub(super) const HOUR: u64 = 60 * MINUTE;
pub(super) const DAY: u64 = 24 * HOUR;

pub(super) struct World {
    pub(super) manager: QueueManager,
    pub(super) now: UnixMillis,
}

pub(super) fn key(id: u64) -> RowKey {
    RowKey { id: QueueId(id), row: 0 }
}

pub(super) fn status(text: &str) -> Status {
    Status { code: EnhancedCode::new(4, 4, 1), text: text.to_owned(), reply: None, remote: None }
}

pub(super) fn unreachable() -> Feedback {
    Feedback::Unreachable(status("connect: refused"))
}

pub(super) fn next_hop(site: &str) -> NextHop {
    NextHop { site: site.into(), ..NextHop::on_this_host("smtp") }
}

impl World {
    pub(super) fn new(config: ManagerConfig) -> Self {
        Self { manager: QueueManager::new(config, 42), now: START }
    }

    /// A message of one row.
    pub(super) fn send(&mut self, id: u64, domain: &str, recipients: u32) {
        let row = Row::new(key(id), domain, recipients, self.now);
        self.manager.insert(row, self.now).unwrap();
    }

    /// The next effect; the site of a domain is what comes behind its last `@`, or the domain.
    pub(super) fn take(&mut self) -> Option<Effect> {
        loop {
            match self.manager.poll() {
                Some(Effect::Route { domain, is_local }) => {
                    let site = domain.rsplit('@').next().unwrap_or_default();
                    let answer = Ok(next_hop(site));
                    let hour = Duration::from_secs(3600);
                    self.manager.handle_routed(&domain, is_local, answer, self.now, hour);
                }
                None if self.manager.poll_timeout() == Some(self.now) => {
                    self.manager.handle_timeout(self.now);
                }
                other => return other,
            }
        }
    }

    pub(super) fn take_all(&mut self) -> Vec<Effect> {
        std::iter::from_fn(|| self.take()).collect()
    }

    /// The next effect, whenever it comes; `None` if none ever does.
    pub(super) fn next(&mut self) -> Option<Effect> {
        loop {
            if let Some(effect) = self.take() {
                return Some(effect);
            }
            self.now = self.manager.poll_timeout()?.max(self.now);
            self.manager.handle_timeout(self.now);
        }
    }

    /// The next effect, which is a delivery.
    #[track_caller]
    pub(super) fn take_delivery(&mut self) -> (DeliveryKey, RowKey) {
        match self.take() {
            Some(Effect::Deliver { delivery, key, .. }) => (delivery, key),
            other => panic!("not a delivery: {other:?}"),
        }
    }

    /// Nothing happens until then but what the manager does by itself; its effects on the way.
    pub(super) fn pass(&mut self, millis: u64) -> Vec<Effect> {
        let end = UnixMillis(self.now.0 + millis);
        let mut effects = self.take_all();
        while let Some(next) = self.manager.poll_timeout().filter(|next| *next <= end) {
            self.now = next.max(self.now);
            self.manager.handle_timeout(self.now);
            effects.extend(self.take_all());
        }
        self.now = end;
        self.manager.handle_timeout(end);
        effects.extend(self.take_all());
        effects
    }

    pub(super) fn finish(&mut self, delivery: DeliveryKey, deferred: u32, feedback: &Feedback) {
        self.manager.handle_finished(delivery, deferred, feedback, self.now);
    }

    /// Lets a row's attempt fail for its recipients alone; when it is tried next.
    #[track_caller]
    pub(super) fn defer_once(&mut self) -> UnixMillis {
        let (delivery, _) = self.take_delivery();
        self.finish(delivery, 1, &Feedback::Reached);
        match self.take() {
            Some(Effect::Reschedule { schedule, .. }) => schedule.due,
            other => panic!("not rescheduled: {other:?}"),
        }
    }
}
