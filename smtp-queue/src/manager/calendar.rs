//! The calendar: which rows wait for which second.
//!
//! * **In**: a second and a row. **Out**: the rows whose second has come, one at a time.
//! * **Promises**: adding, removing and taking cost the logarithm of the number of different seconds.
//! * **Limits**: a few octets for each second in which anything waits. **Panics**: never.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::table::{List, Table};

#[derive(Debug, Default)]
pub(super) struct Calendar(BTreeMap<u32, List>);

impl Calendar {
    pub(super) fn insert(&mut self, rows: &mut Table, second: u32, at: u32) {
        self.0.entry(second).or_insert(List::EMPTY).push_back(rows, at);
    }

    /// Takes out a row that waits for this second.
    pub(super) fn remove(&mut self, rows: &mut Table, second: u32, at: u32) {
        if let Entry::Occupied(mut list) = self.0.entry(second) {
            list.get_mut().remove(rows, at);
            if list.get().is_empty() {
                list.remove();
            }
        }
    }

    /// The first second in which anything waits, and a row of it.
    pub(super) fn first(&self) -> Option<(u32, u32)> {
        let (second, list) = self.0.first_key_value()?;
        Some((*second, list.first()?))
    }
}
