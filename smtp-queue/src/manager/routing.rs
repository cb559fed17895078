//! Routing: from a domain to a site.
//!
//! * **In**: rows that are due, and the router's answers. **Out**: questions, and rows at sites.
//! * **Promises**: one question for a domain at a time, and as many at once as deliveries; while there is no route for now, one row is deferred for each
//!   answer that says so. **Limits**: domains without rows are remembered up to a number. **Panics**: never.
//! * **Spec**: RFC 5321 5.1, 4.5.4.1.

use std::time::Duration;

use super::domain::Route;
use super::place::Timer;
use super::rounds::Step;
use super::site::Site;
use super::table::Place;
use super::{Effect, QueueManager};
use crate::retry::mix;
use crate::route::NextHop;
use crate::status::Outcome;

/// An answer is good for so long at least, so that what comes out of it is seen before it is asked for again.
const VALID_SECS_MIN: u32 = 60;

/// Domains without rows that are remembered.
const DOMAINS_IDLE_MAX: usize = 1024;

impl QueueManager {
    /// Brings a row that is nowhere, and due, to its site, or lets it wait until there is one.
    pub(super) fn seek_route(&mut self, at: u32, in_front: bool) {
        let now = self.clock.second();
        let place = self.rows[at].domain;
        let Some(domain) = self.domains.arena.value_mut(place) else { return };
        if domain.failed(now).is_some() {
            return self.doom(at);
        }
        if let Some(site) = domain.site(now) {
            return self.join_site(at, site, in_front);
        }
        match in_front {
            true => domain.unrouted.push_front(&mut self.rows, at),
            false => domain.unrouted.push_back(&mut self.rows, at),
        }
        self.set_state(at, Place::Unrouted);
        self.ask_if_waited_for(place);
    }

    /// Lets the router be asked, if rows wait for its answer and it can have another one.
    pub(super) fn ask_if_waited_for(&mut self, place: u32) {
        let now = self.clock.second();
        let Some(domain) = self.domains.arena.value_mut(place) else { return };
        if !domain.unrouted.is_empty() && domain.is_askable(now) {
            domain.route = Route::Queued;
            self.questions.push_back(place);
        }
    }

    /// Asks for the domain that is first in line.
    pub(super) fn next_question(&mut self) -> Step {
        while self.asked < self.config.default_process_limit {
            // Each one is taken out, so this ends.
            let Some(place) = self.questions.pop_front() else { break };
            let Some(domain) = self.domains.arena.value_mut(place) else { continue };
            if !matches!(domain.route, Route::Queued) {
                continue;
            }
            domain.route = Route::Unknown;
            // Nobody may wait for it any more.
            if !domain.unrouted.is_empty() {
                domain.route = Route::Asked;
                self.asked += 1;
                let (domain, is_local) = (domain.name.to_string(), domain.is_local);
                return Step::Effect(Effect::Route { domain, is_local });
            }
        }
        Step::Idle
    }

    pub(super) fn take_answer(
        &mut self,
        name: &str,
        is_local: bool,
        answer: Result<NextHop, Outcome>,
        valid_for: Duration,
    ) {
        let now = self.clock.second();
        let valid_secs = u32::try_from(valid_for.as_secs()).unwrap_or(u32::MAX);
        let until = now.saturating_add(valid_secs.max(VALID_SECS_MIN));
        let Some(place) = self.domains.find(name, is_local) else { return };
        let Some(domain) = self.domains.arena.value_mut(place) else { return };
        if !matches!(domain.route, Route::Asked) {
            return;
        }
        self.asked -= 1;
        let is_unused = domain.rows() == 0 && !domain.is_idle;
        if is_unused {
            domain.is_idle = true;
            self.idle.push_back(place);
        }
        match answer {
            Ok(next_hop) => {
                domain.failures = 0;
                domain.route = Route::Known(until);
                self.lead(place, Some(next_hop));
            }
            Err(Outcome::Failed(status)) => {
                domain.failures = 0;
                domain.route = Route::Failed(until, status);
                self.lead(place, None);
            }
            Err(outcome) => return self.put_off(place, &outcome),
        }
        self.routed.push_back(place);
    }

    /// Moves one row of a domain that has its answer.
    pub(super) fn move_routed(&mut self) -> bool {
        let Some(place) = self.routed.front().copied() else { return false };
        let first = match self.is_answered(place) {
            true => self.domains.arena.value(place).and_then(|domain| domain.unrouted.first()),
            false => None,
        };
        match first {
            Some(at) => {
                self.withdraw(at);
                self.settle(at);
            }
            None => {
                self.routed.pop_front();
                self.ask_if_waited_for(place);
            }
        }
        true
    }

    /// A domain has one row less.
    pub(super) fn leave_domain(&mut self, place: u32) {
        let Some(domain) = self.domains.arena.value_mut(place) else { return };
        domain.counts[Place::Loose as usize] -= 1;
        if domain.rows() != 0 || domain.is_idle {
            return;
        }
        domain.is_idle = true;
        self.idle.push_back(place);
        while DOMAINS_IDLE_MAX < self.idle.len() {
            let Some(place) = self.idle.pop_front() else { return };
            let Some(domain) = self.domains.arena.value_mut(place) else { continue };
            domain.is_idle = false;
            // One that was asked for goes after its answer.
            if domain.rows() == 0 && !matches!(domain.route, Route::Asked) {
                self.lead(place, None);
                self.domains.remove(place);
            }
        }
    }

    fn join_site(&mut self, at: u32, site_at: u32, in_front: bool) {
        let is_large = self.is_large(at);
        let Some(site) = self.sites.value_mut(site_at) else { return };
        site.push(&mut self.rows, at, is_large, in_front);
        self.rows[at].place = site_at;
        self.set_state(at, Place::Ready);
        self.enlist(site_at);
    }

    /// Lets a domain lead to another site, or to none.
    fn lead(&mut self, place: u32, next_hop: Option<NextHop>) {
        let next_hop = next_hop.map(|next_hop| {
            let site = self.site_named(&next_hop);
            if let Some(site) = self.sites.value_mut(site) {
                site.domains += 1;
            }
            (next_hop, site)
        });
        let Some(domain) = self.domains.arena.value_mut(place) else { return };
        if let Some((_, site_at)) = std::mem::replace(&mut domain.next_hop, next_hop) {
            if let Some(site) = self.sites.value_mut(site_at) {
                site.domains -= 1;
            }
            self.forget_unused(site_at);
        }
    }

    fn site_named(&mut self, next_hop: &NextHop) -> u32 {
        if let Some(at) = self.site_names.get(&next_hop.site) {
            return *at;
        }
        let width = self.config.initial_destination_concurrency;
        let at = self.sites.insert(Site::new(next_hop.site.clone(), width));
        self.site_names.insert(next_hop.site.clone(), at);
        at
    }

    /// There is no route for now: the first row that waits for it was tried, the others wait on.
    fn put_off(&mut self, place: u32, outcome: &Outcome) {
        let now = self.clock.second();
        let status = outcome.status();
        let Some(domain) = self.domains.arena.value_mut(place) else { return };
        domain.failures = domain.failures.saturating_add(1);
        let chance = mix(self.seed ^ u64::from(place)) ^ u64::from(now);
        let until = now.saturating_add(self.config.retry.backoff_secs(domain.failures, chance));
        domain.route = Route::Deferred(until, status.clone());
        let first = domain.unrouted.first();
        let status = Some(Box::new(status.clone()));
        self.timers.insert((until, Timer::Domain(place)));
        if let Some(at) = first {
            self.withdraw(at);
            self.back_off(at);
            let schedule = self.schedule(at);
            self.effects.push_back(Effect::Reschedule { schedule, status });
            self.settle(at);
        }
    }
}
