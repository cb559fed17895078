//! A table that forgets what was not used for the longest time.
//!
//! * **In**: keys and values. **Out**: the values of the keys that were written last.
//! * **Promises**: never more than the given number of entries, whoever thinks up the keys.
//! * **Limits**: that number; logarithmic time. **Panics**: never. **Spec**: none.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

#[derive(Debug)]
pub(crate) struct Bounded<K, V> {
    entries: HashMap<K, (u64, V)>,
    /// Keys in the order of their last writing.
    order: BTreeMap<u64, K>,
    writings: u64,
    entries_max: usize,
}

impl<K: Clone + Eq + Hash, V> Bounded<K, V> {
    pub(crate) fn new(entries_max: usize) -> Self {
        Self { entries: HashMap::new(), order: BTreeMap::new(), writings: 0, entries_max }
    }

    pub(crate) fn find(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, value)| value)
    }

    pub(crate) fn put(&mut self, key: K, value: V) {
        self.writings += 1;
        self.order.insert(self.writings, key.clone());
        if let Some((former, _)) = self.entries.insert(key, (self.writings, value)) {
            self.order.remove(&former);
        }
        if self.entries_max < self.entries.len()
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.entries.remove(&oldest);
        }
    }

    pub(crate) fn remove(&mut self, key: &K) {
        if let Some((written, _)) = self.entries.remove(key) {
            self.order.remove(&written);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_last_stays() {
        let mut table = Bounded::new(3);
        for key in ["a", "b", "c", "a", "d"] {
            table.put(key, key.len());
        }
        assert_eq!(
            ["a", "b", "c", "d"].map(|key| table.find(&key).is_some()),
            [true, false, true, true]
        );
        table.remove(&"a");
        table.put("e", 1);
        assert_eq!(
            ["a", "c", "d", "e"].map(|key| table.find(&key).is_some()),
            [false, true, true, true]
        );
        assert_eq!((table.entries.len(), table.order.len()), (3, 3));
    }
}
