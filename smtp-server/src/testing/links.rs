//! The links of a message.
//!
//! * **In**: its bodies. **Out**: absolute URLs, each once, in the order in which a reader meets them: first those of the
//!   text, then the targets of links (`href`) in the HTML.
//! * **Promises**: punctuation around a URL in a text is none of it: a full stop at its end, brackets that were opened
//!   before it. **Limits**: its time grows with the text, not faster. **Panics**: never.
//! * **Spec**: RFC 3986 3 and appendix C.

use std::collections::HashSet;

use super::html;

const SEPARATOR: &str = "://";
/// What cannot stand in a URL, so that it ends there (RFC 3986 2).
const DELIMITERS: [char; 8] = ['<', '>', '"', '`', '{', '}', '|', '\\'];
/// What ends a sentence and, if it is the last character, hardly a URL.
const PUNCTUATION: [char; 8] = ['.', ',', ';', ':', '!', '?', '\'', '*'];

pub(super) fn find(text: &str, html: &str) -> Vec<String> {
    let targets = html::targets(html).into_iter().map(|target| target.trim().to_owned());
    let targets = targets.filter(|target| is_absolute(target));
    let mut known = HashSet::new();
    let mut links = in_text(text).map(str::to_owned).chain(targets).collect::<Vec<_>>();
    links.retain(|link| known.insert(link.clone()));
    links
}

fn in_text(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let (before, from_colon) = rest.split_at(rest.find(SEPARATOR)?);
            let start = before.len() - scheme(before).len();
            let end = from_colon.find(is_delimiter).unwrap_or(from_colon.len());
            let url = without_punctuation(rest.get(start..before.len() + end)?);
            rest = from_colon.get(end..)?;
            if is_absolute(url) {
                return Some(url);
            }
        }
    })
}

/// Whether something stands before and behind the separator, and the first is a scheme.
fn is_absolute(url: &str) -> bool {
    url.split_once(SEPARATOR).is_some_and(|(before, after)| {
        !before.is_empty() && scheme(before) == before && !after.is_empty()
    })
}

fn is_delimiter(character: char) -> bool {
    character.is_whitespace() || character.is_control() || DELIMITERS.contains(&character)
}

/// What of the end of this text is a scheme: a letter, then letters, digits, `+`, `-` and `.`.
fn scheme(text: &str) -> &str {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let allowed = text.trim_end_matches(is_allowed).len();
    text[allowed..].trim_start_matches(|c: char| !c.is_ascii_alphabetic())
}

fn without_punctuation(mut url: &str) -> &str {
    let count = |bracket: char| url.matches(bracket).count();
    let mut round = count(')').saturating_sub(count('('));
    let mut square = count(']').saturating_sub(count('['));
    while let Some(last) = url.chars().next_back() {
        let is_outside = match last {
            ')' => take_one(&mut round),
            ']' => take_one(&mut square),
            _ => PUNCTUATION.contains(&last),
        };
        if !is_outside {
            break;
        }
        url = &url[..url.len() - last.len_utf8()];
    }
    url
}

/// Whether there was one to take.
fn take_one(count: &mut usize) -> bool {
    let there_is = 0 < *count;
    *count = count.saturating_sub(1);
    there_is
}
