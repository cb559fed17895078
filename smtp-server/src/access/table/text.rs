//! A table of exact keys.
//!
//! * **In**: lines `key action`. **Out**: the action for a key. **Promises**: a key that stands twice is a fault.
//! * **Limits**: 4 GiB of keys; a key costs its octets and 15 to 30 more. **Panics**: never.
//! * **Spec**: Postfix postmap(1), `DATABASE_README` (texthash); Sendmail makemap(8) and cf/README.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::super::{AccessAction, TableError, key, sendmail};
use super::actions::Actions;
use super::lines::{Line, Source};

/// All keys lie in one text; what finds them holds numbers only. A million keys as strings of their own would be
/// three times as large.
pub(super) struct TextTable {
    keys: String,
    places: Vec<Place>,
    numbers: HashTable<u32>,
    hasher: RandomState,
    actions: Vec<AccessAction>,
}

/// Where a key ends (it begins where the one before ends), and the number of its action.
struct Place {
    end: u32,
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

    /// Entries whose tag says that they are about something else than access are passed over.
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
        Ok(table.finish(actions))
    }

    pub(super) fn find(&self, key: &str) -> Option<AccessAction> {
        let hash = self.hasher.hash_one(key);
        let number = self.numbers.find(hash, |number| self.key(*number) == Some(key))?;
        let place = self.places.get(*number as usize)?;
        self.actions.get(place.action as usize).cloned()
    }

    fn with_capacity(source: &Source<'_>) -> Self {
        Self {
            keys: String::with_capacity(source.bytes() / 2),
            places: Vec::with_capacity(source.line_count()),
            numbers: HashTable::with_capacity(source.line_count()),
            hasher: RandomState::new(),
            actions: Vec::new(),
        }
    }

    fn insert(&mut self, line: &Line<'_>, key: &str, action: u32) -> Result<(), TableError> {
        let full = |_| line.expected(0, "fewer keys in one table");
        let number = u32::try_from(self.places.len()).map_err(full)?;
        let end = u32::try_from(self.keys.len() + key.len()).map_err(full)?;
        let Self { keys, places, numbers, hasher, .. } = self;
        let key_of = |number: &u32| key_at(keys, places, *number).unwrap_or_default();
        let is_same = |number: &u32| key_of(number) == key;
        let entry =
            numbers.entry(hasher.hash_one(key), is_same, |number| hasher.hash_one(key_of(number)));
        let Entry::Vacant(entry) = entry else {
            return Err(line.expected(0, "a key that is not in the table yet"));
        };
        entry.insert(number);
        self.keys.push_str(key);
        self.places.push(Place { end, action });
        Ok(())
    }

    fn finish(mut self, actions: Actions) -> Self {
        self.actions = actions.into_vec();
        self.keys.shrink_to_fit();
        self.places.shrink_to_fit();
        self
    }

    fn key(&self, number: u32) -> Option<&str> {
        key_at(&self.keys, &self.places, number)
    }
}

fn key_at<'a>(keys: &'a str, places: &[Place], number: u32) -> Option<&'a str> {
    let number = number as usize;
    let start = match number.checked_sub(1) {
        Some(before) => places.get(before)?.end as usize,
        None => 0,
    };
    keys.get(start..places.get(number)?.end as usize)
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
