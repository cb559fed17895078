//! A domain: where its mail goes, as far as that is known, and the rows that wait to know.
//!
//! * **In**: what the router said. **Out**: a site, a wait, or a failure.
//! * **Promises**: an answer is forgotten when it is no longer valid, a failure for now after a wait that grows.
//! * **Limits**: domains that no row names are forgotten beyond a number. **Panics**: never.
//! * **Spec**: RFC 5321 5.1.

use std::collections::BTreeMap;

use super::table::{List, Place};
use crate::route::NextHop;
use crate::status::Status;

#[derive(Debug)]
pub(super) struct Domain {
    pub(super) name: Box<str>,
    pub(super) is_local: bool,
    pub(super) route: Route,
    /// The last good answer, and its site's place; for rows whose round goes on, and so that the site is not
    /// forgotten while it is asked for again.
    pub(super) next_hop: Option<(NextHop, u32)>,
    /// How often in a row the router had no answer.
    pub(super) failures: u16,
    /// The rows that are due.
    pub(super) unrouted: List,
    /// Rows by [`Place`].
    pub(super) counts: [u32; Place::ALL.len()],
    /// Whether it may be forgotten, and waits for it.
    pub(super) is_idle: bool,
}

/// What is known of a domain's next hop.
#[derive(Debug)]
pub(super) enum Route {
    Unknown,
    /// It is in the line of those that the router is asked for.
    Queued,
    Asked,
    /// As in [`Domain::next_hop`], until this second.
    Known(u32),
    /// Not to be asked for again before this second.
    Deferred(u32, Status),
    /// There is none, until this second.
    Failed(u32, Status),
}

impl Domain {
    fn new(name: &str, is_local: bool) -> Self {
        Self {
            name: name.into(),
            is_local,
            route: Route::Unknown,
            next_hop: None,
            failures: 0,
            unrouted: List::EMPTY,
            counts: [0; Place::ALL.len()],
            is_idle: false,
        }
    }

    pub(super) fn rows(&self) -> u64 {
        self.counts.iter().map(|count| u64::from(*count)).sum()
    }

    /// The site's place, while the route is valid.
    pub(super) fn site(&self, now: u32) -> Option<u32> {
        match (&self.route, &self.next_hop) {
            (Route::Known(until), Some((_, site))) if now < *until => Some(*site),
            _ => None,
        }
    }

    /// Why there is no route, while that is valid.
    pub(super) fn failed(&self, now: u32) -> Option<&Status> {
        match &self.route {
            Route::Failed(until, status) if now < *until => Some(status),
            _ => None,
        }
    }

    /// Whether the router is to be asked: there is no valid answer, nor one on its way.
    pub(super) fn is_askable(&self, now: u32) -> bool {
        match self.route {
            Route::Unknown => true,
            Route::Queued | Route::Asked => false,
            Route::Known(until) | Route::Deferred(until, _) | Route::Failed(until, _) => {
                until <= now
            }
        }
    }
}

/// Values with a place of their own each, until they are taken out.
#[derive(Debug)]
pub(super) struct Arena<T> {
    values: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Arena<T> {
    pub(super) fn new() -> Self {
        Self { values: Vec::new(), free: Vec::new() }
    }

    pub(super) fn insert(&mut self, value: T) -> u32 {
        if let Some(at) = self.free.pop() {
            self.values[at as usize] = Some(value);
            return at;
        }
        self.values.push(Some(value));
        // There are no more of them than rows and remembered domains.
        u32::try_from(self.values.len() - 1).unwrap_or(u32::MAX)
    }

    pub(super) fn remove(&mut self, at: u32) -> Option<T> {
        let value = self.values[at as usize].take();
        if value.is_some() {
            self.free.push(at);
        }
        value
    }

    pub(super) fn value(&self, at: u32) -> Option<&T> {
        self.values.get(at as usize)?.as_ref()
    }

    pub(super) fn value_mut(&mut self, at: u32) -> Option<&mut T> {
        self.values.get_mut(at as usize)?.as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0_u32..).zip(&self.values).filter_map(|(at, value)| Some((at, value.as_ref()?)))
    }
}

/// All domains, those that are ours apart from the others.
#[derive(Debug)]
pub(super) struct Domains {
    pub(super) arena: Arena<Domain>,
    names: [BTreeMap<Box<str>, u32>; 2],
}

impl Domains {
    pub(super) fn new() -> Self {
        Self { arena: Arena::new(), names: [BTreeMap::new(), BTreeMap::new()] }
    }

    pub(super) fn find(&self, name: &str, is_local: bool) -> Option<u32> {
        self.names[usize::from(is_local)].get(name).copied()
    }

    pub(super) fn find_or_insert(&mut self, name: &str, is_local: bool) -> u32 {
        self.find(name, is_local).unwrap_or_else(|| {
            let at = self.arena.insert(Domain::new(name, is_local));
            self.names[usize::from(is_local)].insert(name.into(), at);
            at
        })
    }

    pub(super) fn remove(&mut self, at: u32) -> Option<Domain> {
        let domain = self.arena.remove(at)?;
        self.names[usize::from(domain.is_local)].remove(&domain.name);
        Some(domain)
    }
}
