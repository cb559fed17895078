//! Tables of a key and a value on each line: `texthash:`.
//!
//! * **In**: a file. **Out**: its entries in their order. **Promises**: a line that is no entry is an error with its place.
//! * **Limits**: the file is read into memory. **Panics**: never.
//! * **Spec**: Postfix postmap(1): `#` begins a comment line, white space at the start continues the line before, and a
//!   key may have a quoted local-part.

use std::path::Path;

use crate::failure::Failure;

/// One entry, and where it stands, for whoever finds a fault in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// Not there in lists, which have keys alone.
    pub(crate) value: Option<String>,
    /// `FILE:LINE`.
    place: String,
}

/// Reads a file.
pub(crate) fn read(file: &Path) -> Result<Vec<Entry>, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::unreadable(format!("cannot read {}: {error}", file.display())))?;
    parse(file, &text)
}

pub(crate) fn parse(file: &Path, text: &str) -> Result<Vec<Entry>, Failure> {
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
            let value = last.value.take().map_or(String::new(), |value| value + " ");
            last.value = Some(value + content);
            continue;
        }
        let (key, value) = content.split_at(key_length(content));
        let value = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
        entries.push(Entry { key: key.to_owned(), value, place });
    }
    Ok(entries)
}

impl Entry {
    /// The value of a table that has one for each key; `what` it is.
    pub(crate) fn required(&self, what: &str) -> Result<&str, Failure> {
        let missing = || self.wrong(format!("expected {what} behind '{}'", self.key));
        self.value.as_deref().ok_or_else(missing)
    }

    /// The entry is not what it should be.
    pub(crate) fn wrong(&self, why: impl std::fmt::Display) -> Failure {
        Failure::unreadable(format!("{}: {why}", self.place))
    }
}

/// Up to the first white space that is not in a quoted local-part.
fn key_length(line: &str) -> usize {
    let mut quoted = false;
    let mut escaped = false;
    let end = line.find(|character: char| {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => return !quoted && character.is_whitespace(),
        }
        false
    });
    end.unwrap_or(line.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_keys_and_values() {
        let text = "# x\n\na b  c\n  d\n\ne\n\"f \\\" g\"@h.test i\r\nj\n\tk\n";
        let entries = parse(Path::new("t"), text).unwrap();
        let read: Vec<_> = entries
            .iter()
            .map(|entry| (&*entry.key, entry.value.as_deref(), &*entry.place))
            .collect();
        let expected = [
            ("a", Some("b  c d"), "t:3"),
            ("e", None, "t:6"),
            ("\"f \\\" g\"@h.test", Some("i"), "t:7"),
            ("j", Some("k"), "t:8"),
        ];
        assert_eq!(read, expected);
        let missing = entries[1].required("a route").unwrap_err().to_string();
        assert_eq!(missing, "t:6: expected a route behind 'e' (66)");
        let loose = parse(Path::new("t"), "#\n x\n").unwrap_err().to_string();
        assert_eq!(loose, "t:2: expected a key at the start of the line (66)");
    }
}
