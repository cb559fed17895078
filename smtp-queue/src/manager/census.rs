//! What is in the queue: counts, ages, rows.
//!
//! * **In**: a filter. **Out**: values. **Promises**: a row is in one queue at any time, so that the counts add up,
//!   for each site and in all. **Limits**: counts look at each domain once, ages and lists at each row.
//! * **Panics**: never. **Spec**: postqueue(1), qshape(1).

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

use smtp_server::{QueueId, UnixMillis};

use super::QueueManager;
use super::domain::{Domain, Route};
use super::site::Site;
use super::table::{Flag, Place};
use crate::entry::RowKey;
use crate::status::Status;

/// Where a row is, by Postfix's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueueName {
    /// Due, and waiting for its route.
    Incoming,
    /// Being delivered or returned, or waiting for its turn.
    Active,
    /// Waiting for its time, or for a site or a route that is not there now.
    Deferred,
    /// Held.
    Hold,
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Incoming => "incoming",
            Self::Active => "active",
            Self::Deferred => "deferred",
            Self::Hold => "hold",
        })
    }
}

/// Rows by queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// In [`QueueName::Incoming`].
    pub incoming: u64,
    /// In [`QueueName::Active`].
    pub active: u64,
    /// In [`QueueName::Deferred`].
    pub deferred: u64,
    /// In [`QueueName::Hold`].
    pub hold: u64,
}

impl Counts {
    /// All rows.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.incoming + self.active + self.deferred + self.hold
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.incoming += other.incoming;
        self.active += other.active;
        self.deferred += other.deferred;
        self.hold += other.hold;
    }
}

/// A site, and the rows of the domains that it serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteInfo {
    /// Its name, as in [`NextHop::site`](crate::NextHop::site); empty for rows whose domain has no route yet.
    pub name: String,
    /// Its rows.
    pub counts: Counts,
    /// Deliveries that go on.
    pub in_flight: u32,
    /// Deliveries that may go on at once.
    pub concurrency: u32,
    /// When it is tried again, and why it was found dead.
    pub dead: Option<(UnixMillis, Status)>,
    /// Whether the operator stopped it.
    pub is_suspended: bool,
}

/// The rows of a domain by their age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgeCounts {
    /// The domain.
    pub domain: String,
    /// Rows that are younger than 5, 10, 20 minutes and so on, each twice the one before, to 1280, and the rest.
    pub counts: [u64; 10],
}

impl AgeCounts {
    /// All rows.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// Which rows; all of them by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this message.
    pub id: Option<QueueId>,
    /// Of this domain, in lower case.
    pub domain: Option<String>,
    /// Of domains that this site serves.
    pub site: Option<String>,
    /// In this queue.
    pub queue: Option<QueueName>,
    /// Of messages that came before this time.
    pub arrived_before: Option<UnixMillis>,
}

/// What is known of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowInfo<'a> {
    /// Which row of which message.
    pub key: RowKey,
    /// The domain of its recipients.
    pub domain: &'a str,
    /// Whether they are ours.
    pub is_local: bool,
    /// How many of them are pending.
    pub recipients_pending: u32,
    /// Where it is.
    pub queue: QueueName,
    /// The site that serves its domain, if that is known.
    pub site: Option<&'a str>,
    /// When the message came, to the second.
    pub arrived: UnixMillis,
    /// When it is tried next, if it waits for that.
    pub due: Option<UnixMillis>,
    /// How often it was tried.
    pub attempts: u16,
    /// MT-PRIORITY.
    pub priority: i8,
    /// Whether it is to be returned, whatever its age.
    pub is_expired: bool,
    /// The last failure of the site or the route that it waits for.
    pub blocked_by: Option<&'a Status>,
}

impl QueueManager {
    /// How many rows there are.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (_, domain) in self.domains.arena.iter() {
            counts += self.domain_counts(domain);
        }
        counts
    }

    /// All sites, and what has no site yet; their counts add up to [`counts`](Self::counts).
    #[must_use]
    pub fn sites(&self) -> Vec<SiteInfo> {
        let mut counts: BTreeMap<Option<u32>, Counts> = BTreeMap::new();
        for (_, domain) in self.domains.arena.iter() {
            let site = domain.next_hop.as_ref().map(|(_, site)| *site);
            *counts.entry(site).or_default() += self.domain_counts(domain);
        }
        let sites = self.sites.iter().map(|(at, site)| SiteInfo {
            name: site.name.to_string(),
            counts: counts.get(&Some(at)).copied().unwrap_or_default(),
            in_flight: site.in_flight,
            concurrency: site.window.width(),
            dead: site
                .dead
                .as_ref()
                .map(|dead| (self.clock.wall_of(dead.until), dead.status.clone())),
            is_suspended: site.is_suspended,
        });
        let unrouted = counts.get(&None).filter(|counts| counts.total() != 0);
        let unrouted = unrouted.map(|counts| SiteInfo {
            name: String::new(),
            counts: *counts,
            in_flight: 0,
            concurrency: 0,
            dead: None,
            is_suspended: false,
        });
        unrouted.into_iter().chain(sites).collect()
    }

    /// How old the rows of each domain are, the largest domain first.
    #[must_use]
    pub fn shape(&self, filter: &Filter) -> Vec<AgeCounts> {
        let now = self.clock.second();
        let mut domains: BTreeMap<u32, [u64; 10]> = BTreeMap::new();
        for at in self.places(filter).filter(|at| self.rows.live(*at) && self.matches(filter, *at))
        {
            let minutes = now.saturating_sub(self.rows[at].arrived) / 60;
            let bucket = (minutes / 5).checked_ilog2().map_or(0, |log| log + 1).min(9);
            domains.entry(self.rows[at].domain).or_default()[bucket as usize] += 1;
        }
        let named = |(at, counts)| {
            let domain = self.domains.arena.value(at)?.name.to_string();
            Some(AgeCounts { domain, counts })
        };
        let mut shape: Vec<AgeCounts> = domains.into_iter().filter_map(named).collect();
        shape.sort_by(|one, other| {
            other.total().cmp(&one.total()).then_with(|| one.domain.cmp(&other.domain))
        });
        shape
    }

    /// The rows that a filter lets through.
    pub fn list<'a>(&'a self, filter: &'a Filter) -> impl Iterator<Item = RowInfo<'a>> + 'a {
        let places = self.places(filter);
        let places = places.filter(|at| self.rows.live(*at) && self.matches(filter, *at));
        places.filter_map(|at| self.info(at))
    }

    /// Messages with rows that the filter lets through, each once, found among `rows_max` rows from the place `from` on
    /// (0 is the first); and the place to go on at, unless that was all. A message whose rows come or end between two
    /// calls may be named twice.
    #[must_use]
    pub fn messages(
        &self,
        filter: &Filter,
        from: u32,
        rows_max: u32,
    ) -> (Vec<QueueId>, Option<u32>) {
        let end = from.saturating_add(rows_max).min(self.rows.places());
        let places: Box<dyn Iterator<Item = u32>> = match filter.id {
            Some(id) => {
                Box::new(self.rows_of(id).into_iter().filter(|at| (from..end).contains(at)))
            }
            None => Box::new(from..end),
        };
        let is_let_through = |at: &u32| self.rows.live(*at) && self.matches(filter, *at);
        let is_first = |at: &u32| {
            let RowKey { id, row } = self.rows[*at].key();
            let mut before = (0..row).filter_map(|row| self.rows.find(RowKey { id, row }));
            !before.any(|at| self.matches(filter, at))
        };
        let firsts = places.filter(|at| is_let_through(at) && is_first(at));
        let ids = firsts.map(|at| self.rows[at].key().id).collect();
        (ids, (end < self.rows.places()).then_some(end))
    }

    pub(super) fn places(&self, filter: &Filter) -> Box<dyn Iterator<Item = u32>> {
        match filter.id {
            Some(id) => Box::new(self.rows_of(id).into_iter()),
            None => Box::new(0..self.rows.places()),
        }
    }

    pub(super) fn matches(&self, filter: &Filter, at: u32) -> bool {
        let slot = &self.rows[at];
        let Some(domain) = self.domains.arena.value(slot.domain) else { return false };
        filter.id.is_none_or(|id| id == slot.key().id)
            && filter.domain.as_ref().is_none_or(|name| **name == *domain.name)
            && filter.site.as_ref().is_none_or(|name| self.site_of(domain) == Some(name))
            && filter.queue.is_none_or(|queue| queue == self.queue_of(slot.state(), domain))
            && filter.arrived_before.is_none_or(|time| self.clock.wall_of(slot.arrived) < time)
    }

    fn info(&self, at: u32) -> Option<RowInfo<'_>> {
        let slot = &self.rows[at];
        let domain = self.domains.arena.value(slot.domain)?;
        let waits = slot.state() == Place::Waiting;
        Some(RowInfo {
            key: slot.key(),
            domain: &domain.name,
            is_local: domain.is_local,
            recipients_pending: slot.pending,
            queue: self.queue_of(slot.state(), domain),
            site: self.site_of(domain),
            arrived: self.clock.wall_of(slot.arrived),
            due: waits.then(|| self.clock.wall_of(slot.place)),
            attempts: slot.attempts,
            priority: slot.priority,
            is_expired: slot.is(Flag::Expired),
            blocked_by: self.blocked_by(at),
        })
    }

    fn site_of(&self, domain: &Domain) -> Option<&str> {
        let (_, site) = domain.next_hop.as_ref()?;
        self.sites.value(*site).map(|site| &*site.name)
    }

    fn queue_of(&self, state: Place, domain: &Domain) -> QueueName {
        match state {
            Place::Loose | Place::Round | Place::Doomed | Place::Returning => QueueName::Active,
            Place::Waiting => QueueName::Deferred,
            Place::Held => QueueName::Hold,
            Place::Unrouted if matches!(domain.route, Route::Deferred(..)) => QueueName::Deferred,
            Place::Unrouted => QueueName::Incoming,
            Place::Ready => {
                let site = domain.next_hop.as_ref().and_then(|(_, site)| self.sites.value(*site));
                let is_parked = site.is_some_and(Site::is_parked);
                if is_parked { QueueName::Deferred } else { QueueName::Active }
            }
        }
    }

    fn domain_counts(&self, domain: &Domain) -> Counts {
        let mut counts = Counts::default();
        for (state, rows) in Place::ALL.into_iter().zip(domain.counts) {
            let count = match self.queue_of(state, domain) {
                QueueName::Incoming => &mut counts.incoming,
                QueueName::Active => &mut counts.active,
                QueueName::Deferred => &mut counts.deferred,
                QueueName::Hold => &mut counts.hold,
            };
            *count += u64::from(rows);
        }
        counts
    }
}
