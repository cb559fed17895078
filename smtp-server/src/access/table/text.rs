//! A table of exact keys.
//!
//! * **In**: lines `key action`. **Out**: the action for a key. **Promises**: a key that stands twice is a fault.
//! * **Limits**: 4 GiB of keys, 2^24 different actions; a key costs its octets and 17 to 33 more. **Panics**: never.
//! * **Spec**: Postfix postmap(1), `DATABASE_README` (texthash); Sendmail makemap(8) and cf/README.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;

use ipnet::IpNet;

use super::super::{AccessAction, TableError, key, sendmail};
use super::actions::Actions;
use super::coverage;
use super::lines::{Line, Source};

/// All keys lie in one text, each with a line feed behind it, which no key holds. What finds them holds numbers
/// only, and all that a look-up needs in one place: each place more is another wait for memory, which is nearly all
/// that a look-up takes. A million keys as strings of their own would be three times as large.
pub(super) struct TextTable {
    keys: String,
    /// A power of two of them, of which at least half are empty; a key is at the place that its hash says, or at the
    /// first free one behind it.
    places: Vec<Option<Place>>,
    hasher: RandomState,
    actions: Vec<AccessAction>,
}

/// Where a key begins; eight bits of its hash, above the number of its action.
#[derive(Clone, Copy)]
struct Place {
    start: u32,
    tag_and_action: NonZeroU32,
}

const ACTION_BITS: u32 = 24;

impl Place {
    /// `None` for too many actions.
    fn new(start: u32, hash: u64, action: u32) -> Option<Self> {
        let number = action.checked_add(1).filter(|number| *number < 1 << ACTION_BITS)?;
        let tag_and_action = NonZeroU32::new(tag(hash) << ACTION_BITS | number)?;
        Some(Self { start, tag_and_action })
    }

    fn action(self) -> usize {
        (self.tag_and_action.get() & ((1 << ACTION_BITS) - 1)) as usize - 1
    }

    fn has_tag(self, hash: u64) -> bool {
        self.tag_and_action.get() >> ACTION_BITS == tag(hash)
    }
}

/// Bits that do not say the place. Without them every key on the way would have to be read.
fn tag(hash: u64) -> u32 {
    (hash >> 56) as u32
}

impl TextTable {
    pub(super) fn parse(source: &Source<'_>, mut actions: Actions) -> Result<Self, TableError> {
        let mut table = Self::with_capacity(source);
        for line in source.lines() {
            let line = line?;
            let (key, offset, value) = line.split()?;
            let action = actions.number(&line, offset, value)?;
            table.insert(&line, &key::fold(key), action)?;
        }
        Ok(table.finish(actions))
    }

    /// Entries whose tag says that they are about something else than access are passed over. `RELAY` for
    /// everybody is a fault.
    pub(super) fn parse_sendmail(source: &Source<'_>) -> Result<Self, TableError> {
        let mut actions = Actions::of_sendmail();
        let mut table = Self::with_capacity(source);
        for line in source.lines() {
            let line = line?;
            let (key, offset, value) = line.split()?;
            let Some(key) = sendmail_key(&line, key)? else { continue };
            let action = actions.number(&line, offset, value)?;
            table.insert(&line, &key, action)?;
        }
        let table = table.finish(actions);
        let relayed = table.entries().filter(|(_, action)| **action == AccessAction::Relay);
        let networks: Vec<_> = relayed.filter_map(|(key, _)| coverage::network_of(key)).collect();
        coverage::check(source.name(), &networks)?;
        Ok(table)
    }

    /// Whether a relay policy may believe it.
    pub(super) fn check_relaying(&self, name: &str) -> Result<(), TableError> {
        if !self.actions.iter().all(coverage::is_for_relaying) {
            return Err(TableError::NotForRelaying { table: name.to_owned() });
        }
        coverage::check(name, &self.granted_networks())
    }

    pub(super) fn granted_networks(&self) -> Vec<IpNet> {
        let granted = self.entries().filter(|(_, action)| coverage::grants(action));
        granted.filter_map(|(key, _)| coverage::network_of(key)).collect()
    }

    fn entries(&self) -> impl Iterator<Item = (&str, &AccessAction)> {
        self.places.iter().flatten().filter_map(|place| {
            Some((key_at(&self.keys, *place), self.actions.get(place.action())?))
        })
    }

    pub(super) fn find(&self, key: &str) -> Option<AccessAction> {
        // It could be found in two keys, one behind the other.
        if key.contains('\n') {
            return None;
        }
        let place = self.probe(self.hasher.hash_one(key), key).ok()?;
        self.actions.get(place.action()).cloned()
    }

    /// The place of the key, or the number of the free one that it would have, if there is one.
    fn probe(&self, hash: u64, key: &str) -> Result<Place, Option<usize>> {
        let mask = self.places.len() - 1;
        let first = usize::try_from(hash & mask as u64).unwrap_or_default();
        for step in 0..self.places.len() {
            let at = (first + step) & mask;
            match self.places.get(at) {
                Some(Some(place)) if place.has_tag(hash) && is_at(&self.keys, *place, key) => {
                    return Ok(*place);
                }
                Some(Some(_)) => {}
                _ => return Err(Some(at)),
            }
        }
        Err(None)
    }

    fn with_capacity(source: &Source<'_>) -> Self {
        Self {
            keys: String::with_capacity(source.bytes() / 2),
            // The last line may have no end.
            places: vec![None; ((source.line_count() + 1) * 2).next_power_of_two()],
            hasher: RandomState::new(),
            actions: Vec::new(),
        }
    }

    fn insert(&mut self, line: &Line<'_>, key: &str, action: u32) -> Result<(), TableError> {
        let hash = self.hasher.hash_one(key);
        let Err(free) = self.probe(hash, key) else {
            return Err(line.expected(0, "a key that is not in the table yet"));
        };
        let start = u32::try_from(self.keys.len()).ok();
        let place = start.and_then(|start| Place::new(start, hash, action));
        let free = free.and_then(|at| self.places.get_mut(at));
        let (Some(free), Some(place)) = (free, place) else {
            return Err(line.expected(0, "fewer keys and actions in one table"));
        };
        *free = Some(place);
        self.keys.extend([key, "\n"]);
        Ok(())
    }

    fn finish(mut self, actions: Actions) -> Self {
        self.actions = actions.into_vec();
        self.keys.shrink_to_fit();
        self
    }
}

fn is_at(keys: &str, place: Place, key: &str) -> bool {
    let rest = keys
        .as_bytes()
        .get(place.start as usize..)
        .and_then(|rest| rest.strip_prefix(key.as_bytes()));
    rest.is_some_and(|rest| rest.first() == Some(&b'\n'))
}

fn key_at(keys: &str, place: Place) -> &str {
    keys.get(place.start as usize..).and_then(|rest| rest.lines().next()).unwrap_or_default()
}

/// The key with its tag in lower case, or `None` if the tag is about something else.
fn sendmail_key(line: &Line<'_>, key: &str) -> Result<Option<String>, TableError> {
    let (tag, rest) = key.find(':').map_or(("", key), |at| key.split_at(at + 1));
    let tag = tag.to_ascii_lowercase();
    match tag.as_str() {
        // "IPv6:" begins an address.
        "" | "ipv6:" => Ok(Some(key::fold(key).into_owned())),
        tag if sendmail::OTHER_TAGS.contains(&tag) => Ok(None),
        tag if sendmail::TAGS.contains(&tag) => Ok(Some(format!("{tag}{}", key::fold(rest)))),
        _ => {
            Err(line.expected(0, "one of the tags Connect:, From: and To:, or a key without a tag"))
        }
    }
}
