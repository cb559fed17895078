//! The password file: `user:$argon2id$...`, one line each.
//!
//! * **In**: the file's text. **Out**: users and their hashes, or the line that is wrong.
//! * **Promises**: comments and empty lines are kept where they stand; a user has one line.
//! * **Limits**: none. **Panics**: never.
//! * **Spec**: PHC string format, RFC 9106; `#` begins a comment line.

use std::path::Path;

use argon2::password_hash::{PasswordHash, PasswordHashString};
use argon2::{Algorithm, Params};

use crate::failure::Failure;

/// One line that is no comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) user: String,
    pub(super) hash: PasswordHashString,
    /// Counted from 0.
    pub(super) line: usize,
}

/// The entries of `text`, which is the content of `path`.
pub(super) fn entries(path: &Path, text: &str) -> Result<Vec<Entry>, Failure> {
    let mut entries: Vec<Entry> = Vec::new();
    for (line, content) in text.lines().enumerate() {
        let content = content.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let entry = entry(content, line)
            .and_then(|entry| match entries.iter().find(|earlier| earlier.user == entry.user) {
                Some(earlier) => {
                    Err(format!("'{}' has line {} already", entry.user, earlier.line + 1))
                }
                None => Ok(entry),
            })
            .map_err(|wrong| {
                Failure::unreadable(format!("{}:{}: {wrong}", path.display(), line + 1))
            })?;
        entries.push(entry);
    }
    Ok(entries)
}

/// Whether `user` can be the first part of a line.
pub(super) fn check_user(user: &str) -> Result<(), String> {
    if user.is_empty() || user.trim() != user || user.starts_with('#') {
        return Err(format!(
            "'{user}' is not a user name: it is empty or begins or ends with a space or #"
        ));
    }
    if user.contains(|c: char| c == ':' || c.is_control()) {
        return Err(format!("'{user}' is not a user name: it has a colon or a control character"));
    }
    Ok(())
}

fn entry(content: &str, line: usize) -> Result<Entry, String> {
    const RIGHT: &str = "write user:HASH as mta passwd FILE USER does";
    let (user, hash) = content.split_once(':').ok_or_else(|| format!("no colon: {RIGHT}"))?;
    check_user(user)?;
    // What stands in the file is a secret: no message shows it.
    let hash = PasswordHash::new(hash).map_err(|_| format!("not a password hash: {RIGHT}"))?;
    let is_argon2 = Algorithm::try_from(hash.algorithm).is_ok() && Params::try_from(&hash).is_ok();
    if !is_argon2 || hash.salt.is_none() || hash.hash.is_none() {
        return Err(format!("not a whole argon2 hash: {RIGHT}"));
    }
    Ok(Entry { user: user.to_owned(), hash: hash.serialize(), line })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Of the password `secret`, as cheap as argon2 allows.
    pub(in crate::passwd) const HASH: &str =
        "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$QQCd8VPOryZiCF3MtwQnPTK7odKCaPcXJGplgNEuj1A";

    fn check(text: &str) -> Result<Vec<String>, String> {
        entries(Path::new("users"), text)
            .map(|entries| {
                entries.iter().map(|entry| format!("{} {}", entry.line, entry.user)).collect()
            })
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn lines_are_users() {
        let text = format!("# who\n\nkim:{HASH}\n  lee@example.org:{HASH}  \r\nдима x:{HASH}");
        assert_eq!(check(&text).unwrap(), ["2 kim", "3 lee@example.org", "4 дима x"]);
        assert_eq!(check("").unwrap(), [""; 0]);
    }

    #[test]
    fn bad_lines_are_named_and_no_hash_is_shown() {
        let other = HASH.replace("argon2id", "scrypt");
        let no_output = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ";
        for (text, place, reason) in [
            ("kim".to_owned(), "users:1: ", "no colon"),
            (format!("#\n:{HASH}"), "users:2: ", "not a user name"),
            ("kim:secret".to_owned(), "users:1: ", "not a password hash"),
            (format!("kim:{other}"), "users:1: ", "not a whole argon2 hash"),
            (format!("kim:{no_output}"), "users:1: ", "not a whole argon2 hash"),
            (format!("kim:{HASH}\nkim:{HASH}"), "users:2: ", "has line 1"),
        ] {
            let message = check(&text).expect_err(&text);
            assert!(message.starts_with(place) && message.contains(reason), "{message}");
            assert!(
                message.ends_with("(66)")
                    && !message.contains("c2VjcmV0")
                    && !message.contains("secret")
            );
        }
    }

    #[test]
    fn user_names() {
        for user in ["kim", "kim@example.org", "a b", "дима"] {
            assert!(check_user(user).is_ok(), "{user}");
        }
        for user in ["", " kim", "kim ", "#kim", "a:b", "a\nb", "a\0b"] {
            assert!(check_user(user).is_err(), "{user}");
        }
    }
}
