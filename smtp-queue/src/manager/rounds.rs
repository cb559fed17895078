//! Rounds: an attempt for all pending recipients of a row, cut into deliveries.
//!
//! * **In**: turns of sites, and ended deliveries. **Out**: the next delivery, and what comes of a round.
//! * **Promises**: a recipient is in one delivery of a round at most; those that no delivery was begun for are
//!   pending as before. **Limits**: the configuration's. **Panics**: never. **Spec**: RFC 5321 4.5.4.1.

use super::domain::Route;
use super::place::Timer;
use super::site::Dead;
use super::table::Place;
use super::window::Window;
use super::{DeliveryKey, Effect, QueueManager, ReturnCause};
use crate::retry::mix;
use crate::route::NextHop;
use crate::spool::Schedule;
use crate::transport::Feedback;

/// What one step brought.
#[derive(Debug)]
pub(super) enum Step {
    Effect(Effect),
    /// A row is in another place.
    Moved,
    /// There is nothing to do.
    Idle,
}

/// A round that goes on.
#[derive(Debug)]
pub(super) struct Round {
    site: u32,
    next_hop: NextHop,
    /// How many recipients were pending when it began.
    total: u32,
    /// The first one that no delivery was begun for.
    next: u32,
    /// Recipients that are still pending, of deliveries that have ended.
    deferred: u32,
    in_flight: u32,
    /// Whether no further delivery is begun.
    is_halted: bool,
}

/// What goes on for a row.
#[derive(Debug)]
pub(super) enum Delivery {
    Attempt { at: u32, recipients: u32 },
    Return { at: u32 },
}

impl QueueManager {
    /// Begins to return a row.
    pub(super) fn next_return(&mut self) -> Step {
        if self.config.default_process_limit <= self.returning {
            return Step::Idle;
        }
        let Some(at) = self.doomed.first() else { return Step::Idle };
        self.withdraw(at);
        let Some(cause) = self.cause(at).or_else(|| self.unroutable(at)) else {
            self.settle(at);
            return Step::Moved;
        };
        let status = self.blocked_by(at).cloned().map(Box::new);
        self.set_state(at, Place::Returning);
        self.returning += 1;
        let delivery = self.name(Delivery::Return { at });
        let key = self.rows[at].key();
        Step::Effect(Effect::Return { delivery, key, cause, status })
    }

    /// The row of a return that has ended; it is nowhere now.
    pub(super) fn end_return(&mut self, delivery: DeliveryKey) -> Option<u32> {
        let Some(Delivery::Return { at }) = self.deliveries.get(&delivery) else { return None };
        let at = *at;
        self.deliveries.remove(&delivery);
        self.returning -= 1;
        self.set_state(at, Place::Loose);
        Some(at)
    }

    /// Begins a delivery for the site whose turn it is.
    pub(super) fn next_delivery(&mut self) -> Step {
        let now = self.clock.second();
        while self.in_flight < self.config.default_process_limit {
            // Each turn is taken out, and comes back only for a site that moved a row.
            let Some(turn) = self.turns.pop_front() else { break };
            let Some(site) = self.sites.value_mut(turn) else { continue };
            site.is_enlisted = false;
            let next = if site.may_deliver(now) { site.next(&self.rows) } else { None };
            let Some(at) = next else {
                self.forget_unused(turn);
                continue;
            };
            let step = self.claim(turn, at);
            self.enlist(turn);
            return step;
        }
        Step::Idle
    }

    /// Lets a site have a turn, if it can use one.
    pub(super) fn enlist(&mut self, at: u32) {
        let now = self.clock.second();
        if let Some(site) = self.sites.value_mut(at)
            && !site.is_enlisted
            && site.may_deliver(now)
        {
            site.is_enlisted = true;
            self.turns.push_back(at);
        }
    }

    /// Whether the row takes more than one delivery.
    pub(super) fn is_large(&self, at: u32) -> bool {
        self.recipients_max() < self.rows[at].pending
    }

    /// Takes a row that is ready out of its site, as one that is due.
    pub(super) fn leave_site(&mut self, at: u32) {
        let is_large = self.is_large(at);
        let place = self.rows[at].place;
        if let Some(site) = self.sites.value_mut(place) {
            site.remove(&mut self.rows, at, is_large);
        }
        self.rows[at].place = self.clock.second();
        self.forget_unused(place);
    }

    /// Begins no further delivery of a round. `true` if none goes on.
    pub(super) fn halt(&mut self, at: u32) -> bool {
        let is_large = self.is_large(at);
        let Some(round) = self.rounds.get_mut(&at) else { return true };
        if !round.is_halted
            && round.next < round.total
            && let Some(site) = self.sites.value_mut(round.site)
        {
            site.remove(&mut self.rows, at, is_large);
        }
        round.is_halted = true;
        round.in_flight == 0
    }

    /// Ends a round that has nothing in flight; the row is nowhere then. `false` if no recipient is left, and the
    /// row with them.
    pub(super) fn close_round(&mut self, at: u32) -> bool {
        self.set_state(at, Place::Loose);
        let Some(round) = self.rounds.remove(&at) else { return true };
        self.forget_unused(round.site);
        let left = round.deferred + (round.total - round.next);
        if left == 0 {
            self.finish_row(at);
            return false;
        }
        self.rows[at].pending = left;
        self.back_off(at);
        let schedule = self.schedule(at);
        self.effects.push_back(Effect::Reschedule { schedule, status: None });
        true
    }

    /// Counts an attempt that failed; the row is due after a while.
    pub(super) fn back_off(&mut self, at: u32) {
        let attempts = self.rows[at].attempts.saturating_add(1);
        let chance = self.chance(self.rows[at].key(), attempts);
        let wait = self.config.retry.backoff_secs(attempts, chance);
        self.rows[at].attempts = attempts;
        self.rows[at].place = self.clock.second().saturating_add(wait);
    }

    /// When a row that is nowhere, or waits, is tried next.
    pub(super) fn schedule(&self, at: u32) -> Schedule {
        let slot = &self.rows[at];
        let due = self.clock.wall_of(slot.place);
        Schedule { key: slot.key(), due, attempts: slot.attempts }
    }

    pub(super) fn finish(&mut self, delivery: DeliveryKey, deferred: u32, feedback: &Feedback) {
        let Some(Delivery::Attempt { at, recipients }) = self.deliveries.get(&delivery) else {
            return;
        };
        let (at, recipients) = (*at, *recipients);
        self.deliveries.remove(&delivery);
        self.in_flight -= 1;
        let Some(round) = self.rounds.get_mut(&at) else { return };
        round.in_flight -= 1;
        round.deferred += deferred.min(recipients);
        let site = round.site;
        if let Some(site) = self.sites.value_mut(site) {
            site.in_flight -= 1;
        }
        self.feed(site, feedback);
        self.end_round_if_over(at);
        self.enlist(site);
        self.forget_unused(site);
    }

    /// Begins no further delivery of the rounds of a site.
    pub(super) fn halt_rounds(&mut self, site: u32) {
        let rounds = self.rounds.iter().filter(|(_, round)| round.site == site);
        for at in rounds.map(|(at, _)| *at).collect::<Vec<_>>() {
            self.halt(at);
            self.end_round_if_over(at);
        }
    }

    fn end_round_if_over(&mut self, at: u32) {
        let is_over = self.rounds.get(&at).is_some_and(|round| {
            round.in_flight == 0 && (round.is_halted || round.next == round.total)
        });
        if is_over && self.close_round(at) {
            self.settle(at);
        }
    }

    fn unroutable(&self, at: u32) -> Option<ReturnCause> {
        let domain = self.domains.arena.value(self.rows[at].domain)?;
        let status = domain.failed(self.clock.second())?;
        Some(ReturnCause::Unroutable(Box::new(status.clone())))
    }

    fn recipients_max(&self) -> u32 {
        self.config.default_destination_recipient_limit.max(1)
    }

    fn name(&mut self, delivery: Delivery) -> DeliveryKey {
        self.delivery_last += 1;
        let key = DeliveryKey(self.delivery_last);
        self.deliveries.insert(key, delivery);
        key
    }

    /// Begins the next delivery of a row, unless there is something else to do with it first.
    fn claim(&mut self, site: u32, at: u32) -> Step {
        let is_stale = match self.rounds.get(&at) {
            Some(_) => false,
            None => {
                let domain = self.domains.arena.value(self.rows[at].domain);
                domain.and_then(|domain| domain.site(self.clock.second())) != Some(site)
            }
        };
        if self.cause(at).is_some() {
            if self.withdraw(at) {
                self.settle(at);
            }
            return Step::Moved;
        }
        if is_stale {
            self.withdraw(at);
            self.seek_route(at, true);
            return Step::Moved;
        }
        self.begin(site, at)
    }

    fn begin(&mut self, site_at: u32, at: u32) -> Step {
        let is_large = self.is_large(at);
        let most = self.recipients_max();
        if !self.rounds.contains_key(&at) && !self.begin_round(site_at, at) {
            return Step::Moved;
        }
        let (Some(round), Some(site)) = (self.rounds.get_mut(&at), self.sites.value_mut(site_at))
        else {
            return Step::Moved;
        };
        let end = round.next.saturating_add(most).min(round.total);
        let recipients = round.next..end;
        round.next = end;
        round.in_flight += 1;
        let next_hop = round.next_hop.clone();
        site.count(is_large);
        if end == round.total {
            site.remove(&mut self.rows, at, is_large);
        }
        self.in_flight += 1;
        let recipients_count = recipients.end - recipients.start;
        let delivery = self.name(Delivery::Attempt { at, recipients: recipients_count });
        let key = self.rows[at].key();
        Step::Effect(Effect::Deliver { delivery, key, next_hop, recipients })
    }

    /// The row stays in its site's list, where it is the first of its size.
    fn begin_round(&mut self, site: u32, at: u32) -> bool {
        let domain = self.domains.arena.value(self.rows[at].domain);
        let Some((next_hop, _)) = domain.and_then(|domain| domain.next_hop.clone()) else {
            return false;
        };
        let total = self.rows[at].pending;
        let round =
            Round { site, next_hop, total, next: 0, deferred: 0, in_flight: 0, is_halted: false };
        self.rounds.insert(at, round);
        self.set_state(at, Place::Round);
        true
    }

    /// What a delivery says of its site.
    fn feed(&mut self, at: u32, feedback: &Feedback) {
        let now = self.clock.second();
        let first = self.config.initial_destination_concurrency;
        let limit = self.config.default_destination_concurrency_limit;
        let Some(site) = self.sites.value_mut(at) else { return };
        let status = match feedback {
            Feedback::Reached => {
                match site.dead.take() {
                    Some(_) => site.window = Window::new(first),
                    None => site.window.reached(site.in_flight + 1, first, limit),
                }
                return;
            }
            Feedback::Unreachable(status) => status.clone(),
        };
        let failures = match &site.dead {
            // It began before the site was found dead.
            Some(dead) if now < dead.until => return,
            Some(dead) => dead.failures.saturating_add(1),
            None if site.window.missed() => 1,
            None => return,
        };
        let chance = mix(self.seed ^ u64::from(at)) ^ u64::from(now);
        let until = now.saturating_add(self.config.retry.backoff_secs(failures, chance));
        site.dead = Some(Dead { until, failures, status });
        self.timers.insert((until, Timer::Site(at)));
        self.halt_rounds(at);
    }

    /// Takes a site out that nothing names any more. One that waits for its turn goes when that comes.
    pub(super) fn forget_unused(&mut self, at: u32) {
        if self.sites.value(at).is_some_and(|site| site.is_unused() && !site.is_enlisted)
            && let Some(site) = self.sites.remove(at)
        {
            self.site_names.remove(&site.name);
        }
    }

    /// Whether the domain's rows can be moved on from it.
    pub(super) fn is_answered(&self, domain: u32) -> bool {
        self.domains.arena.value(domain).is_some_and(|domain| {
            let is_answer = matches!(domain.route, Route::Known(_) | Route::Failed(..));
            is_answer && !domain.is_askable(self.clock.second()) && !domain.unrouted.is_empty()
        })
    }
}
