//! The lines of a password file.
//!
//! * **In**: the file's text. **Out**: users and their hashes, or the line that is wrong.
//! * **Promises**: comments and empty lines are passed over; a user, in the prepared form, has one line.
//! * **Limits**: none. **Panics**: never. **Spec**: `#` begins a comment line; RFC 4013 (names).

use super::PasswordFileError;
use super::hash::Hash;
use crate::sasl::prepare::prepared;

/// One line that is no comment.
pub(super) struct Entry {
    /// Prepared.
    pub(super) user: String,
    /// At least one, all of the same password.
    pub(super) hashes: Vec<Hash>,
    /// Counted from 0.
    pub(super) line: usize,
}

pub(super) fn entries(text: &str) -> Result<Vec<Entry>, PasswordFileError> {
    let mut entries: Vec<Entry> = Vec::new();
    for (line, content) in text.lines().enumerate() {
        let content = content.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let wrong = |wrong| PasswordFileError::Line { line: line + 1, wrong };
        let entry = entry(content, line).map_err(wrong)?;
        if let Some(earlier) = entries.iter().find(|earlier| earlier.user == entry.user) {
            return Err(wrong(format!("'{}' has line {} already", entry.user, earlier.line + 1)));
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// The prepared form of what can be the first part of a line.
pub(super) fn user(user: &str) -> Result<String, PasswordFileError> {
    let wrong = || PasswordFileError::User(user.to_owned());
    let prepared = prepared(user).ok_or_else(wrong)?;
    let fits =
        prepared.trim() == *prepared && !prepared.starts_with('#') && !prepared.contains(':');
    if fits { Ok(prepared.to_string()) } else { Err(wrong()) }
}

fn entry(content: &str, line: usize) -> Result<Entry, String> {
    let (name, hashes) = content.split_once(':').ok_or("no colon")?;
    let user = user(name).map_err(|error| error.to_string())?;
    // What stands in the file is a secret: no message shows it.
    let hashes = hashes.split_ascii_whitespace().map(Hash::parse).collect::<Option<Vec<_>>>();
    match hashes {
        Some(hashes) if !hashes.is_empty() => Ok(Entry { user, hashes, line }),
        _ => Err("not a password hash of a kind that is known".to_owned()),
    }
}
