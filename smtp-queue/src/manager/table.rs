//! The rows, in as few octets as will do, and lists that run through them.
//!
//! * **In**: a row's key. **Out**: its place, which stays the same until it is taken out.
//! * **Promises**: finding, adding and removing take constant time, growth never moves more than the heads of the
//!   index. **Limits**: 44 octets a row and 2.25 of index; 2^32 - 2 rows. **Panics**: never.

use std::ops::{Index, IndexMut};

use smtp_server::QueueId;

use crate::entry::RowKey;
use crate::retry::mix;

/// No place.
pub(super) const NIL: u32 = u32::MAX;

/// Rows for each head of the index.
const CHAIN_ROWS: usize = 2;

/// Rows are kept in pieces of this many, so that growth copies none.
const PIECE: u32 = 4096;

/// What is kept of a row.
///
/// The id is cut in two, or its alignment would cost four octets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    id_high: u32,
    id_low: u32,
    row: u32,
    /// Its domain's place.
    pub(super) domain: u32,
    /// The second in which it is due; its site's place while it is ready or under way.
    pub(super) place: u32,
    /// The second in which MAIL was accepted.
    pub(super) arrived: u32,
    /// How many recipients are pending.
    pub(super) pending: u32,
    /// How often it was tried.
    pub(super) attempts: u16,
    /// MT-PRIORITY.
    pub(super) priority: i8,
    bits: u8,
    previous: u32,
    next: u32,
    /// The next one with the same head in the index; the next free one once it is taken out.
    chain: u32,
}

const _: () = assert!(size_of::<Slot>() == 44, "memory for each message in the queue is promised");

/// Where a row is; it is in one list at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Place {
    /// Nowhere: on its way from one place to another.
    Loose,
    /// In the calendar.
    Waiting,
    /// With its domain, for want of a route.
    Unrouted,
    /// With its site.
    Ready,
    /// Its round has begun; with its site while there is more of it to begin.
    Round,
    /// To be returned.
    Doomed,
    /// Being returned.
    Returning,
    /// Held.
    Held,
}

impl Place {
    /// All of them, by their numbers.
    pub(super) const ALL: [Self; 8] = [
        Self::Loose,
        Self::Waiting,
        Self::Unrouted,
        Self::Ready,
        Self::Round,
        Self::Doomed,
        Self::Returning,
        Self::Held,
    ];
}

/// What is true of a row or not.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum Flag {
    Report = 0x08,
    Held = 0x10,
    Warned = 0x20,
    Expired = 0x40,
    Deleted = 0x80,
}

impl Slot {
    /// What is new in the table: nowhere yet.
    pub(super) fn new(key: RowKey, domain: u32, pending: u32, priority: i8) -> Self {
        Self {
            id_high: (key.id.0 >> 32) as u32,
            id_low: (key.id.0 & 0xffff_ffff) as u32,
            row: key.row,
            domain,
            place: 0,
            arrived: 0,
            pending,
            attempts: 0,
            priority,
            bits: 0,
            previous: NIL,
            next: NIL,
            chain: NIL,
        }
    }

    pub(super) fn key(&self) -> RowKey {
        let id = QueueId(u64::from(self.id_high) << 32 | u64::from(self.id_low));
        RowKey { id, row: self.row }
    }

    pub(super) fn state(&self) -> Place {
        Place::ALL[usize::from(self.bits & 0x07)]
    }

    pub(super) fn set_state(&mut self, state: Place) {
        self.bits = self.bits & !0x07 | state as u8;
    }

    pub(super) fn is(&self, flag: Flag) -> bool {
        self.bits & flag as u8 != 0
    }

    pub(super) fn set(&mut self, flag: Flag, is: bool) {
        self.bits = if is { self.bits | flag as u8 } else { self.bits & !(flag as u8) };
    }
}

/// All rows.
#[derive(Debug)]
pub(super) struct Table {
    pieces: Vec<Vec<Slot>>,
    free: u32,
    len: usize,
    /// How many places there are, free ones among them.
    places: u32,
    /// The index by key: the first row of each chain. It grows by one head at a time (linear hashing), so no insert
    /// has to wait until all rows were sorted anew.
    heads: Vec<u32>,
    seed: u64,
}

impl Table {
    pub(super) fn new(seed: u64) -> Self {
        Self { pieces: Vec::new(), free: NIL, len: 0, places: 0, heads: vec![NIL], seed }
    }

    /// The number of places, for going through all: those below it may be asked for with [`live`](Self::live).
    pub(super) fn places(&self) -> u32 {
        self.places
    }

    /// Whether there is a row at this place.
    pub(super) fn live(&self, at: u32) -> bool {
        at < self.places && self[at].state() != Place::Loose
    }

    pub(super) fn find(&self, key: RowKey) -> Option<u32> {
        let mut at = self.heads[self.head(key)];
        while at != NIL {
            if self[at].key() == key {
                return Some(at);
            }
            at = self[at].chain;
        }
        None
    }

    /// Adds a row that is not there; `None` if there is no more room.
    pub(super) fn add(&mut self, slot: Slot) -> Option<u32> {
        if self.len.div_ceil(CHAIN_ROWS) >= self.heads.len() {
            self.grow();
        }
        let at = if self.free == NIL {
            let at = self.places;
            self.places = at.checked_add(1).filter(|places| *places != NIL)?;
            if at.is_multiple_of(PIECE) {
                self.pieces.push(Vec::with_capacity(PIECE as usize));
            }
            self.pieces.last_mut()?.push(slot);
            at
        } else {
            let at = self.free;
            self.free = self[at].chain;
            self[at] = slot;
            at
        };
        let head = self.head(slot.key());
        self[at].chain = std::mem::replace(&mut self.heads[head], at);
        self.len += 1;
        Some(at)
    }

    /// Takes out a row that is in no list.
    pub(super) fn remove(&mut self, at: u32) {
        let chain = self[at].chain;
        let head = self.head(self[at].key());
        if self.heads[head] == at {
            self.heads[head] = chain;
        } else {
            let mut before = self.heads[head];
            while self[before].chain != at {
                before = self[before].chain;
            }
            self[before].chain = chain;
        }
        self[at].set_state(Place::Loose);
        self[at].chain = std::mem::replace(&mut self.free, at);
        self.len -= 1;
    }

    fn head(&self, key: RowKey) -> usize {
        let hash = mix(self.seed ^ key.id.0 ^ mix(key.row.into())) as usize;
        let wide = self.heads.len().next_power_of_two() - 1;
        if hash & wide < self.heads.len() { hash & wide } else { hash & (wide >> 1) }
    }

    /// One head more, which takes its rows from the one that had them until now.
    fn grow(&mut self) {
        let new = self.heads.len();
        if self.heads.capacity() == new {
            self.heads.reserve_exact(new / 8 + 64);
        }
        self.heads.push(NIL);
        let old = new - (new + 1).next_power_of_two() / 2;
        let mut at = std::mem::replace(&mut self.heads[old], NIL);
        while at != NIL {
            let next = self[at].chain;
            let head = self.head(self[at].key());
            self[at].chain = std::mem::replace(&mut self.heads[head], at);
            at = next;
        }
    }
}

impl Index<u32> for Table {
    type Output = Slot;

    fn index(&self, at: u32) -> &Slot {
        &self.pieces[(at / PIECE) as usize][(at % PIECE) as usize]
    }
}

impl IndexMut<u32> for Table {
    fn index_mut(&mut self, at: u32) -> &mut Slot {
        &mut self.pieces[(at / PIECE) as usize][(at % PIECE) as usize]
    }
}

/// A list of rows, a ring: the one before the first is the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct List(u32);

impl List {
    pub(super) const EMPTY: Self = Self(NIL);

    pub(super) fn first(self) -> Option<u32> {
        (self.0 != NIL).then_some(self.0)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == NIL
    }

    pub(super) fn push_back(&mut self, rows: &mut Table, at: u32) {
        let first = if self.0 == NIL { at } else { self.0 };
        let last = if self.0 == NIL { at } else { rows[first].previous };
        rows[at].next = first;
        rows[at].previous = last;
        rows[last].next = at;
        rows[first].previous = at;
        self.0 = first;
    }

    pub(super) fn push_front(&mut self, rows: &mut Table, at: u32) {
        self.push_back(rows, at);
        self.0 = at;
    }

    /// Takes out a row that is in this list.
    pub(super) fn remove(&mut self, rows: &mut Table, at: u32) {
        let (previous, next) = (rows[at].previous, rows[at].next);
        rows[previous].next = next;
        rows[next].previous = previous;
        if self.0 == at {
            self.0 = if next == at { NIL } else { next };
        }
    }
}
