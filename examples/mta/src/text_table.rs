//! Tables of a key and a value on each line: `texthash:`.
//!
//! * **In**: a file. **Out**: its entries in their order. **Promises**: a line that has no value is an error with its place.
//! * **Limits**: the file is read into memory. **Panics**: never.
//! * **Spec**: Postfix postmap(1): `#` begins a comment line, white space at the start continues the line before.

use std::path::Path;

use crate::failure::Failure;

/// One entry, and where it stands, for whoever finds a fault in its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) value: String,
    /// `FILE:LINE`.
    pub(crate) place: String,
}

/// Reads a file.
pub(crate) fn read(file: &Path) -> Result<Vec<Entry>, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::unreadable(format!("cannot read {}: {error}", file.display())))?;
    let mut entries: Vec<Entry> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let place = format!("{}:{}", file.display(), index + 1);
        if line.starts_with([' ', '\t']) {
            let last = entries.last_mut().ok_or_else(|| {
                Failure::unreadable(format!("{place}: expected a key at the start of the line"))
            })?;
            last.value = format!("{} {content}", last.value);
            continue;
        }
        let (key, value) = content.split_once([' ', '\t']).ok_or_else(|| {
            Failure::unreadable(format!("{place}: expected a value behind '{content}'"))
        })?;
        entries.push(Entry { key: key.to_owned(), value: value.trim().to_owned(), place });
    }
    Ok(entries)
}

impl Entry {
    /// The value is not what it should be.
    pub(crate) fn wrong(&self, why: impl std::fmt::Display) -> Failure {
        Failure::unreadable(format!("{}: {why}", self.place))
    }
}
