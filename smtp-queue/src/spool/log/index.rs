//! Where each message lies: 24 octets for each, sorted by id.
//!
//! * **In**: ids, mostly rising. **Out**: places. **Promises**: every call is O(log n), but for moving at most
//!   one block. **Limits**: memory. **Panics**: never. **Spec**: none.

use smtp_server::QueueId;

/// Slots in a block.
const BLOCK: usize = 512;

/// A frame's place: which log, whether the body is elsewhere, which segment, which offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place(pub(super) u64);

impl Place {
    pub(super) const NONE: Self = Self(0);
    const IN_STATES: u64 = 1 << 63;
    const HAS_BODY: u64 = 1 << 62;

    pub(super) fn new(in_states: bool, segment: u32, offset: u64) -> Self {
        let log = if in_states { Self::IN_STATES } else { 0 };
        Self(log | (u64::from(segment) << 32) | (offset & 0xffff_ffff))
    }

    pub(super) fn with_body(self, has_body: bool) -> Self {
        Self(self.0 | if has_body { Self::HAS_BODY } else { 0 })
    }

    pub(super) fn is_in_states(self) -> bool {
        self.0 & Self::IN_STATES != 0
    }

    pub(super) fn has_body(self) -> bool {
        self.0 & Self::HAS_BODY != 0
    }

    pub(super) fn segment(self) -> u32 {
        u32::try_from(self.0 >> 32 & 0x3fff_ffff).unwrap_or_default()
    }

    pub(super) fn offset(self) -> u64 {
        self.0 & 0xffff_ffff
    }

    pub(super) fn is_none(self) -> bool {
        self == Self::NONE
    }
}

/// A message: its envelope, and the newest of its states if there is one behind the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) id: QueueId,
    pub(super) place: Place,
    pub(super) state: Place,
}

#[derive(Debug, Default)]
pub(super) struct Index {
    /// Sorted, none empty.
    blocks: Vec<Vec<Slot>>,
}

impl Index {
    pub(super) fn find(&self, id: QueueId) -> Option<Slot> {
        let block = self.blocks.get(self.block_of(id))?;
        let at = block.binary_search_by_key(&id, |slot| slot.id).ok()?;
        block.get(at).copied()
    }

    pub(super) fn find_mut(&mut self, id: QueueId) -> Option<&mut Slot> {
        let number = self.block_of(id);
        let block = self.blocks.get_mut(number)?;
        let at = block.binary_search_by_key(&id, |slot| slot.id).ok()?;
        block.get_mut(at)
    }

    /// Adds a message, or replaces it.
    pub(super) fn insert(&mut self, slot: Slot) {
        let number = self.block_of(slot.id);
        let Some(block) = self.blocks.get_mut(number) else {
            return self.blocks.push(Self::block(slot));
        };
        let at = match block.binary_search_by_key(&slot.id, |slot| slot.id) {
            Ok(at) => {
                if let Some(place) = block.get_mut(at) {
                    *place = slot;
                }
                return;
            }
            Err(at) => at,
        };
        if block.len() < BLOCK {
            return block.insert(at, slot);
        }
        // Ids that come in order, or nearly so, go behind the last block or near its end, which leaves it full; other
        // blocks are halved.
        let is_last = number + 1 == self.blocks.len();
        let Some(block) = self.blocks.get_mut(number) else { return };
        if at == 0 {
            return self.blocks.insert(number, Self::block(slot));
        }
        let kept = if is_last || at == BLOCK { at.max(BLOCK / 2) } else { BLOCK / 2 };
        let mut upper = Vec::with_capacity(BLOCK);
        upper.extend(block.drain(kept..));
        match at.checked_sub(kept) {
            Some(at) => upper.insert(at, slot),
            None => block.insert(at, slot),
        }
        self.blocks.insert(number + 1, upper);
    }

    pub(super) fn remove(&mut self, id: QueueId) -> Option<Slot> {
        let number = self.block_of(id);
        let block = self.blocks.get_mut(number)?;
        let at = block.binary_search_by_key(&id, |slot| slot.id).ok()?;
        let slot = block.remove(at);
        let left = block.len();
        if left == 0 {
            self.blocks.remove(number);
        } else if left < BLOCK / 4 {
            self.join(number);
        } else if 2 * left < block.capacity() {
            block.shrink_to(left + left / 4);
        }
        Some(slot)
    }

    fn block(slot: Slot) -> Vec<Slot> {
        let mut block = Vec::with_capacity(BLOCK);
        block.push(slot);
        block
    }

    /// The block that has the id if any has it: the last that begins at or below it, or else the first.
    fn block_of(&self, id: QueueId) -> usize {
        let begins = |block: &Vec<Slot>| block.first().is_some_and(|slot| slot.id <= id);
        self.blocks.partition_point(begins).saturating_sub(1)
    }

    /// Moves a block's slots into the next, if they are so few that it stays roomy.
    fn join(&mut self, number: usize) {
        let length = |number: usize| self.blocks.get(number).map_or(BLOCK, Vec::len);
        if length(number) + length(number + 1) <= BLOCK / 2 {
            let upper = self.blocks.remove(number + 1);
            if let Some(block) = self.blocks.get_mut(number) {
                block.extend(upper);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// What 1,000,000 messages take, in octets for each.
    fn octets_each(index: &Index) -> usize {
        let slots = index.blocks.iter().map(Vec::capacity).sum::<usize>() * size_of::<Slot>();
        let messages = index.blocks.iter().map(Vec::len).sum::<usize>();
        (slots + index.blocks.capacity() * size_of::<Vec<Slot>>()) / messages
    }

    #[test]
    fn takes_little_more_than_a_slot_for_a_message() {
        let slot = |number: u64| {
            // Ids come in order but for a few sessions that took longer.
            let id = QueueId(number.wrapping_mul(40) ^ (number % 16 * 50));
            Slot { id, place: Place(number), state: Place::NONE }
        };
        let (mut up, mut down) = (Index::default(), Index::default());
        (0..1_000_000).for_each(|number| up.insert(slot(number)));
        (0..1_000_000).rev().for_each(|number| down.insert(slot(number)));
        for (index, octets_max) in [(&mut up, 26), (&mut down, 48)] {
            assert!(octets_each(index) <= octets_max, "{}", octets_each(index));
            // Half of them go, one here and one there.
            for number in (0..1_000_000_u64).filter(|number| number.count_ones() % 2 == 0) {
                index.remove(slot(number).id).unwrap();
            }
            assert!(octets_each(index) <= 64, "{}", octets_each(index));
        }
    }

    #[test]
    fn agrees_with_a_map_in_any_order() {
        for order in 0..4_u64 {
            let (mut index, mut map) = (Index::default(), BTreeMap::new());
            for step in 0..20_000_u64 {
                let chance = step.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
                let id = QueueId(match order {
                    0 => step,
                    1 => 20_000 - step,
                    2 => chance % 4000,
                    _ => step ^ 0x7f,
                });
                if chance % 3 == 0 || (order == 0 && step > 15_000) {
                    let oldest = map.keys().next().copied().unwrap_or(id);
                    let id = if order == 0 { oldest } else { id };
                    assert_eq!(index.remove(id).map(|slot| slot.place.0), map.remove(&id));
                } else {
                    let place = Place(step);
                    index.insert(Slot { id, place, state: Place::NONE });
                    map.insert(id, step);
                }
            }
            assert_eq!(index.blocks.iter().map(Vec::len).sum::<usize>(), map.len());
            for (id, place) in map {
                assert_eq!(index.find(id).map(|slot| slot.place.0), Some(place));
            }
        }
    }
}
