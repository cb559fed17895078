//! The words of `Authentication-Results`.
//!
//! * **In**: [`AuthResults`]. **Out**: a field, or its value for a seal.
//! * **Promises**: what a message, a signature or a client says stands in its place as a token or a quoted string and
//!   cannot leave it. **Limits**: folded below 78 columns where the values allow it. **Panics**: never.
//! * **Spec**: RFC 8601 2.2, 2.7; RFC 6008 (`header.b`); RFC 8616 (A-labels).

use std::borrow::Cow;

use super::results::{AuthResults, DkimCheck, DmarcPolicy, SpfOutcome};
use crate::header::HeaderField;

/// Lines are no longer, where there is a place to break them.
const COLUMNS_MAX: usize = 76;
const FOLD: &str = "\r\n\t";
/// The longest value; what is longer is nobody's name.
const VALUE_BYTES_MAX: usize = 320;

/// The field's value: our own name, then what was found out; `none` if nothing was looked at.
pub(super) fn value_of(server_name: &str, results: Option<&AuthResults>) -> Field {
    let mut field = Field::new(format!("{};", value(server_name)));
    let Some(results) = results else {
        field.push("none");
        return field;
    };
    let mut all = Vec::new();
    all.extend(results.spf.as_ref().map(spf).unwrap_or_default());
    if results.dkim.is_empty() {
        all.push(vec!["dkim=none".to_owned()]);
    }
    all.extend(results.dkim.iter().map(dkim));
    all.push(dmarc(results));
    all.push(vec![format!("arc={}", results.arc)]);
    let last = all.len().saturating_sub(1);
    for (index, words) in all.iter().enumerate() {
        field.fold();
        for (word_index, word) in words.iter().enumerate() {
            let ends = index != last && word_index + 1 == words.len();
            field.push(&format!("{word}{}", if ends { ";" } else { "" }));
        }
    }
    field
}

/// A value that grows word by word and is folded as it does.
pub(super) struct Field {
    text: String,
    columns: usize,
}

impl Field {
    pub(super) fn new(first: impl Into<String>) -> Self {
        let text = first.into();
        // The longest name that stands before it.
        let columns = "ARC-Authentication-Results: i=50; ".len() + text.len();
        Self { text, columns }
    }

    /// Adds a word behind a space or, if it would not fit, on a line of its own.
    pub(super) fn push(&mut self, word: &str) {
        if COLUMNS_MAX < self.columns + 1 + word.len() {
            self.fold();
        }
        if !self.text.ends_with('\t') {
            self.text.push(' ');
            self.columns += 1;
        }
        self.text.push_str(word);
        self.columns += word.len();
    }

    pub(super) fn fold(&mut self) {
        if !self.text.ends_with('\t') {
            self.text.push_str(FOLD);
            self.columns = 1;
        }
    }

    /// Adds to the last word.
    pub(super) fn append(&mut self, text: &str) {
        self.text.push_str(text);
        self.columns += text.len();
    }

    pub(super) fn into_string(self) -> String {
        self.text
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn finish(self, name: &'static str) -> HeaderField {
        HeaderField::trusted(name, self.text)
    }
}

/// A `value` of RFC 2045 5.1: a token, or else a quoted string.
pub(super) fn value(text: &str) -> Cow<'_, str> {
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-._+".contains(&octet);
    if !text.is_empty() && text.len() <= VALUE_BYTES_MAX && text.bytes().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut quoted = String::from("\"");
    for character in text.chars().take(VALUE_BYTES_MAX) {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' '..='~' => quoted.push(character),
            _ => quoted.push('?'),
        }
    }
    quoted.push('"');
    Cow::Owned(quoted)
}

fn spf(outcome: &SpfOutcome) -> Vec<Vec<String>> {
    let said = |result, property, name: &str| {
        vec![format!("spf={result}"), format!("smtp.{property}={}", value(name))]
    };
    let mut all = Vec::new();
    if let Some(domain) = &outcome.mail_from {
        all.push(said(outcome.mail_from_result, "mailfrom", domain));
    }
    if let Some(name) = &outcome.helo {
        all.push(said(outcome.helo_result, "helo", name));
    }
    all
}

fn dkim(check: &DkimCheck) -> Vec<String> {
    let mut words = vec![format!("dkim={}", check.result)];
    if let Some(reason) = &check.reason {
        words.push(format!("reason={}", value(reason)));
    }
    if !check.domain.is_empty() {
        words.push(format!("header.d={}", value(&check.domain)));
        words.push(format!("header.s={}", value(&check.selector)));
        words.push(format!("header.b={}", value(&check.signature)));
    }
    words
}

fn dmarc(results: &AuthResults) -> Vec<String> {
    let check = &results.dmarc;
    let mut words = vec![format!("dmarc={}", check.result)];
    if !check.domain.is_empty() {
        words.push(format!("header.from={}", value(&check.domain)));
    }
    match check.policy {
        DmarcPolicy::None => {}
        DmarcPolicy::Quarantine => words.push("policy.dmarc=quarantine".to_owned()),
        DmarcPolicy::Reject => words.push("policy.dmarc=reject".to_owned()),
    }
    words
}
