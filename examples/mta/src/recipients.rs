//! Which local recipients exist: `local_recipient_maps`.
//!
//! * **In**: the parameter, a file. **Out**: does this local-part exist in this local domain?
//! * **Promises**: a line that is no local-part and no address is an error that names it, never skipped.
//! * **Limits**: the file is read once, into memory. **Panics**: never.
//! * **Spec**: Postfix postconf(5) `local_recipient_maps`, postmap(1) for the file's form: the first word of a
//!   line is the key, `#` begins a comment line, a line that begins with white space continues the last one.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use smtp_server::proto::{LocalPart, Mailbox};

use crate::accounts;
use crate::failure::Failure;

/// The parameter's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RecipientMaps {
    /// Nobody is unknown.
    Everyone,
    /// Those in a file.
    File(PathBuf),
}

/// The same, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KnownRecipients {
    Everyone,
    /// Folded local-parts, with their domain in A-labels if they exist in one domain alone.
    Listed(HashSet<(String, Option<String>)>),
}

impl KnownRecipients {
    /// Reads the file, if there is one.
    pub(crate) fn load(maps: &RecipientMaps) -> Result<Self, Failure> {
        let RecipientMaps::File(path) = maps else { return Ok(Self::Everyone) };
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::unreadable(format!(
                "cannot read the recipients in {}: {error}",
                path.display()
            ))
        })?;
        Self::parse(path, &text)
    }

    /// Whether `local_part` (without quotes, folded) exists in `domain` (in A-labels): as it is, or without
    /// its extension.
    pub(crate) fn contains(&self, local_part: &str, domain: &str) -> bool {
        let Self::Listed(known) = self else { return true };
        [local_part, accounts::without_extension(local_part)].into_iter().any(|local_part| {
            known.contains(&(local_part.to_owned(), Some(domain.to_owned())))
                || known.contains(&(local_part.to_owned(), None))
        })
    }

    fn parse(path: &Path, text: &str) -> Result<Self, Failure> {
        let mut known = HashSet::new();
        for (index, line) in text.lines().enumerate() {
            if line.starts_with([' ', '\t', '#']) || line.is_empty() {
                continue;
            }
            let word = first_word(line);
            let key = key(word).ok_or_else(|| {
                let place = format!("{}:{}", path.display(), index + 1);
                Failure::unreadable(format!(
                    "{place}: '{word}' is neither a local-part nor an address"
                ))
            })?;
            known.insert(key);
        }
        Ok(Self::Listed(known))
    }
}

/// Up to the first white space that is not in a quoted local-part.
fn first_word(line: &str) -> &str {
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
    &line[..end.unwrap_or(line.len())]
}

fn key(word: &str) -> Option<(String, Option<String>)> {
    match Mailbox::parse(word) {
        Ok(mailbox) => {
            let domain = mailbox.domain.to_ascii()?.into_owned();
            Some((accounts::fold(&mailbox.local_part.unquoted()), Some(domain)))
        }
        Err(_) => {
            let local_part = LocalPart::new(word).ok()?;
            Some((accounts::fold(&local_part.unquoted()), None))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# our users\n\nkim x\nLee@Example.ORG\ty\n\tcontinues\n\"a b\"@example.org 1\n\
                        list+admin 2\njörg@bücher.example 3\r\n";

    fn parse(text: &str) -> Result<KnownRecipients, String> {
        KnownRecipients::parse(Path::new("users"), text).map_err(|failure| failure.to_string())
    }

    #[test]
    fn first_words_are_keys() {
        let known = parse(FILE).unwrap();
        for (local_part, domain, exists) in [
            ("kim", "example.org", true),
            ("kim", "example.net", true),
            ("kim+news", "example.net", true),
            ("lee", "example.org", true),
            ("lee+x", "example.org", true),
            ("lee", "example.net", false),
            ("x", "example.org", false),
            ("continues", "example.org", false),
            ("a b", "example.org", true),
            ("list+admin", "example.org", true),
            ("list", "example.org", false),
            ("list+other", "example.org", false),
            ("jörg", "xn--bcher-kva.example", true),
            ("", "example.org", false),
        ] {
            assert_eq!(known.contains(local_part, domain), exists, "{local_part}@{domain}");
        }
    }

    #[test]
    fn an_empty_file_knows_nobody() {
        assert!(!parse("").unwrap().contains("kim", "example.org"));
        assert!(KnownRecipients::Everyone.contains("kim", "example.org"));
    }

    #[test]
    fn bad_lines_are_named() {
        for (text, place) in [
            ("kim\n@example.org x\n", "users:2: '@example.org'"),
            ("a..b", "users:1: 'a..b'"),
            ("#\n\n\"open x", "users:3:"),
            ("kim@-bad-", "users:1:"),
        ] {
            let message = parse(text).expect_err(text);
            assert!(message.starts_with(place) && message.ends_with("(66)"), "{text:?}: {message}");
        }
    }
}
