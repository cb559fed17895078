//! The search language: from text to a predicate.
//!
//! * **In**: `from:ann "two words" -is:read`. **Out**: a [`Query`] that a message matches or not.
//! * **Promises**: all terms have to hold; case and runs of white space do not matter. A word with a colon that is no
//!   field is looked for as it stands, unless [`check_fields`] is asked first. What cannot be understood (a date) is an
//!   error, never ignored.
//! * **Limits**: [`TEXT_BYTES_MAX`], [`TERMS_MAX`]. **Panics**: never.
//! * **Spec**: mailpit's search filters, and `body:`, `text:`.

use smtp_server::UnixMillis;
use thiserror::Error;
use time::UtcOffset;

use crate::message::{Field, normal};
use crate::moment;
use crate::store::Slot;

const TEXT_BYTES_MAX: usize = 4096;
const TERMS_MAX: usize = 64;

/// What may stand in front of a colon.
const FIELDS: [&str; 17] = [
    "from",
    "to",
    "cc",
    "bcc",
    "reply-to",
    "addressed",
    "subject",
    "body",
    "text",
    "message-id",
    "tag",
    "has",
    "is",
    "before",
    "after",
    "larger",
    "smaller",
];
/// What stands there in mail, and is no field that somebody misspelt.
const NO_FIELDS: [&str; 6] = ["http", "https", "re", "fwd", "fw", "aw"];

/// What to look for. Everything matches the empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<Term>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    negated: bool,
    wanted: Wanted,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    Anywhere(String),
    In(Vec<Field>, String),
    Attachment,
    Inline,
    Read,
    Unread,
    Tagged,
    Tag(String),
    Before(UnixMillis),
    After(UnixMillis),
    Larger(u64),
    Smaller(u64),
}

/// Why a query cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum QueryError {
    #[error("the search is longer than {TEXT_BYTES_MAX} octets or {TERMS_MAX} terms")]
    TooLong,
    #[error("'{0}' is not a time: write 2026-01-31, 2026-01-31T12:00:00Z, or seconds since 1970")]
    Time(String),
    #[error("'{0}' is not a size: write 2048, 20kb or 1mb")]
    Size(String),
    #[error("'{0}' is not a zone: write UTC or +02:00")]
    Zone(String),
    #[error("'{0}' is neither is:read, is:unread nor is:tagged")]
    Is(String),
    #[error("'{0}' is neither has:attachment nor has:inline")]
    Has(String),
    #[error("'{0}:' is no field; there are {fields}: and body:{0}: looks for the text", fields = FIELDS.join(": "))]
    Field(String),
}

/// Refuses `form:kim`, for whoever waits for a message and does not see that nothing is found: letters before a colon
/// that are no field.
pub(crate) fn check_fields(text: &str) -> Result<(), QueryError> {
    for word in words(text) {
        let Some((key, _)) = unnegated(&word).1.split_once(':') else { continue };
        let lower = key.to_lowercase();
        let is_word = !key.is_empty() && key.chars().all(char::is_alphabetic);
        if is_word && !FIELDS.contains(&lower.as_str()) && !NO_FIELDS.contains(&lower.as_str()) {
            return Err(QueryError::Field(key.to_owned()));
        }
    }
    Ok(())
}

impl Query {
    /// Reads a query; times in it that name no zone are in `zone`, or UTC.
    pub(crate) fn parse(text: &str, zone: Option<&str>) -> Result<Self, QueryError> {
        let zone = zone.unwrap_or_default();
        let zone = moment::parse_zone(zone).ok_or_else(|| QueryError::Zone(zone.to_owned()))?;
        if text.len() > TEXT_BYTES_MAX {
            return Err(QueryError::TooLong);
        }
        let words = words(text);
        let terms = words.iter().filter_map(|word| term(word, zone).transpose());
        let terms = terms.collect::<Result<Vec<_>, _>>()?;
        if terms.len() > TERMS_MAX {
            return Err(QueryError::TooLong);
        }
        Ok(Self(terms))
    }

    pub(crate) fn matches(&self, slot: &Slot) -> bool {
        self.0.iter().all(|term| term.negated != term.wanted.is_in(slot))
    }
}

impl Wanted {
    fn is_in(&self, slot: &Slot) -> bool {
        let entry = &slot.entry;
        match self {
            Self::Anywhere(text) => contains(entry.haystack.all(), text),
            Self::In(fields, text) => {
                fields.iter().any(|field| contains(entry.haystack.field(*field), text))
            }
            Self::Attachment => entry.facts.attachments > 0,
            Self::Inline => entry.facts.inlines > 0,
            Self::Read => slot.read,
            Self::Unread => !slot.read,
            Self::Tagged => !slot.tags.is_empty(),
            Self::Tag(tag) => slot.tags.iter().any(|known| normal(known) == *tag),
            Self::Before(time) => entry.created <= *time,
            Self::After(time) => entry.created >= *time,
            Self::Larger(bytes) => entry.size > *bytes,
            Self::Smaller(bytes) => entry.size < *bytes,
        }
    }
}

fn contains(haystack: &str, needle: &str) -> bool {
    memchr::memmem::find(haystack.as_bytes(), needle.as_bytes()).is_some()
}

/// The term of a word; `None` for one that asks for nothing.
fn term(word: &str, zone: UtcOffset) -> Result<Option<Term>, QueryError> {
    let (negated, word) = unnegated(word);
    let (key, value) = word.split_once(':').unwrap_or(("", word));
    let text = normal(value);
    if text.is_empty() {
        return Ok(None);
    }
    let fields = |fields: &[Field]| Wanted::In(fields.to_vec(), text.clone());
    let time =
        || moment::parse(value.trim(), zone).ok_or_else(|| QueryError::Time(value.to_owned()));
    let size = || size(value).ok_or_else(|| QueryError::Size(value.to_owned()));
    let wanted = match key.to_ascii_lowercase().as_str() {
        "from" => fields(&[Field::From]),
        "to" => fields(&[Field::To]),
        "cc" => fields(&[Field::Cc]),
        "bcc" => fields(&[Field::Bcc]),
        "reply-to" => fields(&[Field::ReplyTo]),
        "addressed" => fields(&[Field::From, Field::To, Field::Cc, Field::Bcc, Field::ReplyTo]),
        "subject" => fields(&[Field::Subject]),
        "message-id" => fields(&[Field::MessageId]),
        "body" | "text" => fields(&[Field::Body]),
        "tag" => Wanted::Tag(text),
        "before" => Wanted::Before(time()?),
        "after" => Wanted::After(time()?),
        "larger" => Wanted::Larger(size()?),
        "smaller" => Wanted::Smaller(size()?),
        "is" => match text.as_str() {
            "read" => Wanted::Read,
            "unread" => Wanted::Unread,
            "tagged" => Wanted::Tagged,
            _ => return Err(QueryError::Is(word.to_owned())),
        },
        "has" => match text.as_str() {
            "attachment" | "attachments" => Wanted::Attachment,
            "inline" | "inlines" => Wanted::Inline,
            _ => return Err(QueryError::Has(word.to_owned())),
        },
        _ => Wanted::Anywhere(normal(word)),
    };
    Ok(Some(Term { negated, wanted }))
}

/// Whether a word is negated, and the rest of it.
fn unnegated(word: &str) -> (bool, &str) {
    match word.strip_prefix(['-', '!']) {
        Some(rest) if !rest.is_empty() => (true, rest),
        _ => (false, word),
    }
}

/// Words at white space, which quotes keep together; the quotes themselves are dropped.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for character in text.chars() {
        if character == '"' {
            quoted = !quoted;
        } else if character.is_whitespace() && !quoted {
            words.push(String::new());
        } else if let Some(word) = words.last_mut() {
            word.push(character);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// `2048`, `20kb`, `1.5m`.
fn size(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let shift = match text.get(digits.len()..)? {
        "" | "b" => 0,
        "k" | "kb" => 10,
        "m" | "mb" => 20,
        _ => return None,
    };
    let (whole, tenths) = match digits.split_once('.') {
        Some((whole, tenths)) if tenths.len() == 1 => (whole, tenths.parse::<u64>().ok()?),
        Some(_) => return None,
        None => (digits, 0),
    };
    let whole: u64 = whole.parse().ok().filter(|whole| *whole < 1 << 32)?;
    Some((whole << shift) + (tenths << shift) / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_looks_like_a_field_and_is_none_is_told() {
        for good in [
            "kim",
            "from:kim -Subject:welcome !to:lee",
            "re:hello Fwd:x https://example.org/a 12:30 a1:b :x",
            "body:form:kim subject:\"order: 12\"",
        ] {
            assert_eq!(check_fields(good), Ok(()), "{good}");
        }
        for (bad, word) in
            [("form:kim", "form"), ("x -Subjcet:y", "Subjcet"), ("replyto:", "replyto")]
        {
            assert_eq!(check_fields(bad), Err(QueryError::Field(word.to_owned())), "{bad}");
        }
    }

    #[test]
    fn every_field_is_one() {
        for field in FIELDS {
            let value = if field == "is" { "read" } else { "inline" };
            let text = format!("{field}:{value}");
            // What needs a time or a size says so, which is proof enough.
            if let Ok(Query(terms)) = Query::parse(&text, None) {
                assert_ne!(terms[0].wanted, Wanted::Anywhere(text));
            }
        }
    }
}
