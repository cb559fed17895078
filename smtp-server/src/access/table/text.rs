//! A table of exact keys.
//!
//! * **In**: lines `key action`. **Out**: the action for a key. **Promises**: a key that stands twice is a fault.
//! * **Limits**: 4 GiB of keys; a key costs its octets and 15 to 30 more. **Panics**: never.
//! * **Spec**: Postfix postmap(1), `DATABASE_README` (texthash); Sendmail makemap(8) and cf/README.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use ipnet::IpNet;

use super::super::{AccessAction, TableError, key, sendmail};
use super::actions::Actions;
use super::coverage;
use super::lines::{Line, Source};

/// All keys lie in one text, each with a line feed behind it, which no key holds. What finds them holds numbers
/// only, and all that a look-up needs in one place: each place more is another wait for memory. A million keys as
/// strings of their own would be three times as large.
pub(super) struct TextTable {
    keys: String,
    places: HashTable<Place>,
    hasher: RandomState,
    actions: Vec<AccessAction>,
}

/// Where a key begins, and the number of its action.
struct Place {
    start: u32,
    action: u32,
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
        self.places.iter().filter_map(|place| {
            Some((key_at(&self.keys, place), self.actions.get(place.action as usize)?))
        })
    }

    pub(super) fn find(&self, key: &str) -> Option<AccessAction> {
        let hash = self.hasher.hash_one(key);
        // Or it could be found in two keys, one behind the other.
        let is_key = !key.contains('\n');
        let place = self.places.find(hash, |place| is_key && is_at(&self.keys, place, key))?;
        self.actions.get(place.action as usize).cloned()
    }

    fn with_capacity(source: &Source<'_>) -> Self {
        Self {
            keys: String::with_capacity(source.bytes() / 2),
            places: HashTable::with_capacity(source.line_count()),
            hasher: RandomState::new(),
            actions: Vec::new(),
        }
    }

    fn insert(&mut self, line: &Line<'_>, key: &str, action: u32) -> Result<(), TableError> {
        let full = |_| line.expected(0, "fewer keys in one table");
        let start = u32::try_from(self.keys.len()).map_err(full)?;
        let Self { keys, places, hasher, .. } = self;
        let is_same = |place: &Place| is_at(keys, place, key);
        let entry = places
            .entry(hasher.hash_one(key), is_same, |place| hasher.hash_one(key_at(keys, place)));
        let Entry::Vacant(entry) = entry else {
            return Err(line.expected(0, "a key that is not in the table yet"));
        };
        entry.insert(Place { start, action });
        self.keys.extend([key, "\n"]);
        Ok(())
    }

    fn finish(mut self, actions: Actions) -> Self {
        self.actions = actions.into_vec();
        self.keys.shrink_to_fit();
        self
    }
}

fn is_at(keys: &str, place: &Place, key: &str) -> bool {
    let rest = keys
        .as_bytes()
        .get(place.start as usize..)
        .and_then(|rest| rest.strip_prefix(key.as_bytes()));
    rest.is_some_and(|rest| rest.first() == Some(&b'\n'))
}

fn key_at<'a>(keys: &'a str, place: &Place) -> &'a str {
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
