//! Which local recipients exist: `local_recipient_maps`.
//!
//! * **In**: the parameter, a file. **Out**: does this local-part exist in this local domain?
//! * **Promises**: a line that is no local-part and no address is an error that names it, never skipped.
//! * **Limits**: the file is read once, into memory. **Panics**: never.
//! * **Spec**: Postfix postconf(5) `local_recipient_maps`; of the file only the keys count.

use std::collections::HashSet;
use std::path::PathBuf;

use smtp_server::proto::{LocalPart, Mailbox};

use crate::accounts;
use crate::failure::Failure;
use crate::text_table::{self, Entry};

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
        Self::of(&text_table::read(path)?)
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

    fn of(entries: &[Entry]) -> Result<Self, Failure> {
        let known = entries.iter().map(|entry| {
            key(&entry.key).ok_or_else(|| {
                entry.wrong(format!("'{}' is neither a local-part nor an address", entry.key))
            })
        });
        known.collect::<Result<_, _>>().map(Self::Listed)
    }
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
    use std::path::Path;

    use super::*;

    const FILE: &str = "# our users\n\nkim x\nLee@Example.ORG\ty\n\tcontinues\n\"a b\"@example.org 1\n\
                        list+admin 2\njörg@bücher.example 3\r\n";

    fn parse(text: &str) -> Result<KnownRecipients, String> {
        let entries = text_table::parse(Path::new("users"), text);
        let known = entries.and_then(|entries| KnownRecipients::of(&entries));
        known.map_err(|failure| failure.to_string())
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
