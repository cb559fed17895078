//! The messages in memory, in the order in which they came.
//!
//! * **In**: slots. **Out**: slots. **Promises**: the counts agree with what is there.
//! * **Limits**: whoever inserts calls [`Index::shrink`]. **Panics**: never. **Spec**: none.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use smtp_server::{QueueId, UnixMillis};

use super::{Slot, StoreLimits};

#[derive(Debug, Default)]
pub(super) struct Index {
    slots: BTreeMap<u64, Slot>,
    sequences: HashMap<QueueId, u64>,
    tags: BTreeMap<String, usize>,
    unread: usize,
    bytes: u64,
}

impl Index {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn unread(&self) -> usize {
        self.unread
    }

    /// Octets of content.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn tags(&self) -> &BTreeMap<String, usize> {
        &self.tags
    }

    pub(super) fn insert(&mut self, slot: Slot) {
        self.unread += usize::from(!slot.read);
        self.bytes += slot.entry.size;
        count_tags(&mut self.tags, &slot.tags);
        self.sequences.insert(slot.entry.id, slot.entry.sequence);
        self.slots.insert(slot.entry.sequence, slot);
    }

    pub(super) fn find(&self, id: QueueId) -> Option<&Slot> {
        self.slots.get(self.sequences.get(&id)?)
    }

    pub(super) fn newest_first(&self) -> impl Iterator<Item = &Slot> {
        self.slots.values().rev()
    }

    /// The newest that came before the one of this sequence number.
    pub(super) fn chunk_before(&self, sequence: u64, slots_max: usize) -> Vec<Slot> {
        self.slots.range(..sequence).rev().take(slots_max).map(|(_, slot)| slot.clone()).collect()
    }

    /// Changes what is not counted of a message.
    pub(super) fn change<T>(
        &mut self,
        id: QueueId,
        change: impl FnOnce(&mut Slot) -> T,
    ) -> Option<T> {
        self.slots.get_mut(self.sequences.get(&id)?).map(change)
    }

    /// Whether this changed anything, as for the next one.
    pub(super) fn mark(&mut self, id: QueueId, read: bool) -> bool {
        let changed = self.change(id, |slot| std::mem::replace(&mut slot.read, read) != read);
        let changed = changed.unwrap_or(false);
        match read {
            true => self.unread -= usize::from(changed),
            false => self.unread += usize::from(changed),
        }
        changed
    }

    pub(super) fn retag(&mut self, id: QueueId, tags: Arc<[String]>) -> bool {
        let former = self.change(id, |slot| std::mem::replace(&mut slot.tags, tags.clone()));
        match former {
            Some(former) if former != tags => {
                uncount_tags(&mut self.tags, &former);
                count_tags(&mut self.tags, &tags);
                true
            }
            _ => false,
        }
    }

    pub(super) fn remove(&mut self, id: QueueId) -> Option<Slot> {
        let sequence = self.sequences.remove(&id)?;
        let slot = self.slots.remove(&sequence)?;
        self.unread -= usize::from(!slot.read);
        self.bytes -= slot.entry.size;
        uncount_tags(&mut self.tags, &slot.tags);
        Some(slot)
    }

    pub(super) fn clear(&mut self) -> Vec<Slot> {
        std::mem::take(self).slots.into_values().collect()
    }

    /// Removes the oldest until the rest is within the limits of number and size.
    pub(super) fn shrink(&mut self, limits: &StoreLimits) -> Vec<Slot> {
        let is_over = |index: &Self| {
            index.len() > 1
                && (limits.messages_max.is_some_and(|max| index.len() > max)
                    || limits.bytes_max.is_some_and(|max| index.bytes > max))
        };
        let mut removed = Vec::new();
        while is_over(self) {
            let Some(id) = self.oldest() else { break };
            removed.extend(self.remove(id));
        }
        removed
    }

    /// Removes what came before this time.
    pub(super) fn remove_before(&mut self, time: UnixMillis) -> Vec<Slot> {
        let old = self.slots.values().filter(|slot| slot.entry.created < time);
        let old: Vec<_> = old.map(|slot| slot.entry.id).collect();
        old.into_iter().filter_map(|id| self.remove(id)).collect()
    }

    fn oldest(&self) -> Option<QueueId> {
        self.slots.first_key_value().map(|(_, slot)| slot.entry.id)
    }
}

fn count_tags(counts: &mut BTreeMap<String, usize>, tags: &[String]) {
    for tag in tags {
        *counts.entry(tag.clone()).or_default() += 1;
    }
}

fn uncount_tags(counts: &mut BTreeMap<String, usize>, tags: &[String]) {
    for tag in tags {
        if let Some(count) = counts.get_mut(tag) {
            *count -= 1;
            if *count == 0 {
                counts.remove(tag);
            }
        }
    }
}
