//! A site: the hosts of a next hop, and the rows that are ready to go there.
//!
//! * **In**: rows, and whether deliveries reached it. **Out**: which row is next.
//! * **Promises**: a higher priority goes first; of one priority the oldest message. A row of many deliveries lets
//!   one row of a single delivery pass after each four of its own, so a small message waits for four deliveries of a
//!   large one at most, and a large one takes a quarter longer at most. **Limits**: none of its own; rows are linked,
//!   not copied. **Panics**: never. **Spec**: RFC 6710 (order by priority); RFC 5321 4.5.4.1 (unreachable
//!   hosts are remembered).

use std::sync::Arc;

use super::table::{List, Table};
use super::window::Window;
use crate::status::Status;

/// Deliveries of a large row that let a small one pass.
const PASS_AFTER: u8 = 4;

#[derive(Debug)]
pub(super) struct Site {
    pub(super) name: Arc<str>,
    /// Highest priority first.
    levels: Vec<Level>,
    /// Rows that have a delivery left to begin.
    pub(super) ready: u32,
    /// Deliveries that go on.
    pub(super) in_flight: u32,
    /// Domains whose route leads here.
    pub(super) domains: u32,
    pub(super) window: Window,
    pub(super) dead: Option<Dead>,
    pub(super) is_suspended: bool,
    /// Whether it waits for its turn.
    pub(super) is_enlisted: bool,
}

/// Nobody there spoke with us.
#[derive(Debug)]
pub(super) struct Dead {
    /// The second in which one delivery tries again.
    pub(super) until: u32,
    /// How often that failed, the first time included.
    pub(super) failures: u16,
    pub(super) status: Status,
}

#[derive(Debug)]
struct Level {
    priority: i8,
    /// Rows of a single delivery.
    small: List,
    /// Rows of more.
    large: List,
    /// Deliveries of large rows since a small one passed.
    passed_over: u8,
}

impl Site {
    pub(super) fn new(name: Arc<str>, width: u32) -> Self {
        Self {
            name,
            levels: Vec::new(),
            ready: 0,
            in_flight: 0,
            domains: 0,
            window: Window::new(width),
            dead: None,
            is_suspended: false,
            is_enlisted: false,
        }
    }

    /// Whether a delivery may begin: within the window, or the one that tries whether it is alive again.
    pub(super) fn may_deliver(&self, now: u32) -> bool {
        let room = match &self.dead {
            None => self.in_flight < self.window.width(),
            Some(dead) => dead.until <= now && self.in_flight == 0,
        };
        room && 0 < self.ready && !self.is_suspended
    }

    /// Whether its rows have to wait, although they are due.
    pub(super) fn is_parked(&self) -> bool {
        self.is_suspended || self.dead.is_some()
    }

    /// Whether it can be forgotten.
    pub(super) fn is_unused(&self) -> bool {
        self.ready == 0 && self.in_flight == 0 && self.domains == 0 && !self.is_suspended
    }

    pub(super) fn push(&mut self, rows: &mut Table, at: u32, is_large: bool, in_front: bool) {
        let list = self.list(rows[at].priority, is_large);
        if in_front {
            list.push_front(rows, at);
        } else {
            list.push_back(rows, at);
        }
        self.ready += 1;
    }

    /// Takes out a row that was pushed with the same size.
    pub(super) fn remove(&mut self, rows: &mut Table, at: u32, is_large: bool) {
        self.list(rows[at].priority, is_large).remove(rows, at);
        self.levels.retain(|level| !level.small.is_empty() || !level.large.is_empty());
        self.ready -= 1;
    }

    /// The row whose turn it is.
    pub(super) fn next(&self, rows: &Table) -> Option<u32> {
        let level = self.levels.first()?;
        match (level.small.first(), level.large.first()) {
            (Some(small), Some(large)) => {
                let passes = PASS_AFTER <= level.passed_over;
                let is_older = rows[small].arrived < rows[large].arrived;
                Some(if passes || is_older { small } else { large })
            }
            (small, large) => small.or(large),
        }
    }

    /// A delivery of the row whose turn it was begins.
    pub(super) fn count(&mut self, is_large: bool) {
        if let Some(level) = self.levels.first_mut() {
            level.passed_over = match is_large {
                true => (level.passed_over + 1).min(PASS_AFTER),
                false => 0,
            };
        }
        self.in_flight += 1;
    }

    fn list(&mut self, priority: i8, is_large: bool) -> &mut List {
        let found = self.levels.binary_search_by(|level| priority.cmp(&level.priority));
        let index = found.unwrap_or_else(|index| {
            let level = Level { priority, small: List::EMPTY, large: List::EMPTY, passed_over: 0 };
            self.levels.insert(index, level);
            index
        });
        let level = &mut self.levels[index];
        if is_large { &mut level.large } else { &mut level.small }
    }
}
