//! Operations: what an operator does with the queue by hand.
//!
//! * **In**: a message, a site, or a filter. **Out**: how many rows it concerned; the rows move.
//! * **Promises**: what is under way is not torn: see the contract of [the manager](super). A time that the sender
//!   asked for (FUTURERELEASE) is never hurried. **Limits**: an operation by filter looks at each row once.
//! * **Panics**: never. **Spec**: postsuper(1), postqueue(1); RFC 4865 4.2.

use std::sync::Arc;

use smtp_server::{QueueId, UnixMillis};

use super::census::Filter;
use super::domain::Route;
use super::site::Site;
use super::table::{Flag, Place, Slot};
use super::{Effect, QueueManager};

impl QueueManager {
    /// Nobody gets the message until it is [released](Self::release). What the runner keeps is
    /// [`Change::Hold`](crate::Change::Hold), made durable first; the same holds for the operations below.
    pub fn hold(&mut self, id: QueueId, now: UnixMillis) -> usize {
        self.alter(id, now, |slot| slot.set(Flag::Held, true))
    }

    /// A held message goes on, now.
    pub fn release(&mut self, id: QueueId, now: UnixMillis) -> usize {
        self.clock.read(now);
        let second = self.clock.second();
        self.alter(id, now, |slot| {
            if slot.is(Flag::Held) {
                slot.set(Flag::Held, false);
                hurry(slot, second);
            }
        })
    }

    /// The message goes back to its sender; a held one does when it is released.
    pub fn expire(&mut self, id: QueueId, now: UnixMillis) -> usize {
        self.alter(id, now, |slot| slot.set(Flag::Expired, true))
    }

    /// The message is gone, without a report. Each row ends in [`Effect::Done`], one under way when that has ended.
    pub fn delete(&mut self, id: QueueId, now: UnixMillis) -> usize {
        self.alter(id, now, |slot| slot.set(Flag::Deleted, true))
    }

    /// The message begins anew, as if it had just come: its attempts are forgotten, and the routes of its domains are
    /// asked for again. Rows that are held or under way only forget their routes.
    pub fn requeue(&mut self, id: QueueId, now: UnixMillis) -> usize {
        self.clock.read(now);
        let second = self.clock.second();
        let rows = self.rows_of(id);
        for at in &rows {
            self.forget_route(self.rows[*at].domain);
            if self.is_under_way(*at) || self.rows[*at].state() == Place::Held {
                continue;
            }
            self.withdraw(*at);
            hurry(&mut self.rows[*at], second);
            self.rows[*at].attempts = 0;
            let schedule = self.schedule(*at);
            self.effects.push_back(Effect::Reschedule { schedule, status: None });
            self.settle(*at);
        }
        rows.len()
    }

    /// Rows that wait after a failed attempt are tried now, and so are dead sites and domains without a route that
    /// they wait for.
    pub fn flush(&mut self, filter: &Filter, now: UnixMillis) -> usize {
        self.clock.read(now);
        let second = self.clock.second();
        let mut flushed = 0;
        for at in self.places(filter) {
            if !self.rows.live(at) || !self.matches(filter, at) {
                continue;
            }
            flushed += 1;
            self.wake_up(self.rows[at].domain, second);
            if self.rows[at].state() == Place::Waiting && second < self.rows[at].place {
                self.withdraw(at);
                hurry(&mut self.rows[at], second);
                self.settle(at);
            }
        }
        flushed
    }

    /// Nothing further is sent to a site, until it is [resumed](Self::resume). Its rows age, and are counted as
    /// deferred.
    pub fn suspend(&mut self, site: &str, now: UnixMillis) {
        self.clock.read(now);
        let at = match self.site_names.get(site) {
            Some(at) => *at,
            None => {
                let name: Arc<str> = site.into();
                let width = self.config.initial_destination_concurrency;
                let at = self.sites.insert(Site::new(name.clone(), width));
                self.site_names.insert(name, at);
                at
            }
        };
        if let Some(site) = self.sites.value_mut(at) {
            site.is_suspended = true;
        }
        self.halt_rounds(at);
    }

    /// A suspended site is sent to again. `false` if it was not suspended.
    pub fn resume(&mut self, site: &str, now: UnixMillis) -> bool {
        self.clock.read(now);
        let Some(at) = self.site_names.get(site).copied() else { return false };
        let Some(site) = self.sites.value_mut(at) else { return false };
        let was_suspended = std::mem::take(&mut site.is_suspended);
        self.enlist(at);
        self.forget_unused(at);
        was_suspended
    }

    fn alter(&mut self, id: QueueId, now: UnixMillis, change: impl Fn(&mut Slot)) -> usize {
        self.clock.read(now);
        let rows = self.rows_of(id);
        for at in &rows {
            let is_free = self.withdraw(*at);
            change(&mut self.rows[*at]);
            if is_free {
                self.settle(*at);
            }
        }
        rows.len()
    }

    fn is_under_way(&self, at: u32) -> bool {
        matches!(self.rows[at].state(), Place::Round | Place::Returning)
    }

    fn forget_route(&mut self, domain: u32) {
        if let Some(domain) = self.domains.arena.value_mut(domain)
            && !matches!(domain.route, Route::Queued | Route::Asked)
        {
            domain.route = Route::Unknown;
        }
        self.ask_if_waited_for(domain);
    }

    /// What is dead may be tried now.
    fn wake_up(&mut self, domain_at: u32, second: u32) {
        let Some(domain) = self.domains.arena.value_mut(domain_at) else { return };
        if let Route::Deferred(until, _) = &mut domain.route {
            *until = (*until).min(second);
        }
        let site = domain.next_hop.as_ref().map(|(_, site)| *site);
        self.ask_if_waited_for(domain_at);
        let Some(site_at) = site else { return };
        if let Some(dead) = self.sites.value_mut(site_at).and_then(|site| site.dead.as_mut()) {
            dead.until = dead.until.min(second);
        }
        self.enlist(site_at);
    }
}

/// A row that was not tried yet and waits nevertheless, waits for the time that its sender asked for.
fn hurry(slot: &mut Slot, second: u32) {
    if slot.attempts != 0 {
        slot.place = slot.place.min(second);
    }
}
