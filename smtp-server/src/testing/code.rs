//! The one-time code of a message; the rule stands at [`TestMessage::code`](super::TestMessage::code).
//!
//! * **In**: text, subject. **Out**: a code as it is written, or none. **Promises**: a number that nobody calls a code is
//!   none unless it stands alone on a line. **Limits**: texts in English, for what names a code; its time grows with
//!   the text, not faster. **Panics**: never.
//! * **Spec**: none; it is what people write.

const DIGITS: std::ops::RangeInclusive<usize> = 4..=8;
const GROUPS: std::ops::RangeInclusive<usize> = 2..=5;
const GROUP_CHARACTERS_MAX: usize = 8;
/// Fewer than these is a name such as UTF-8.
const GROUPED_CHARACTERS_MIN: usize = 5;
/// What makes another thing of a number: a price, an order, a telephone.
const SAYS_OTHERWISE: &str = "$€£#+%@/&=";
const NAMES: [&str; 7] = ["code", "codes", "passcode", "password", "pin", "otp", "token"];

pub(super) fn find(text: &str, subject: &str) -> Option<String> {
    let found = named(text).or_else(|| named(subject)).or_else(|| alone(text));
    found.map(str::to_owned)
}

/// A code that the text calls one.
fn named(text: &str) -> Option<&str> {
    let mut after_name = false;
    for sentence in sentences(text) {
        let words = sentence.split_whitespace().collect::<Vec<_>>();
        if after_name && let Some(code) = only_code(&words) {
            return Some(code);
        }
        let names = positions(&words, is_name);
        let codes = positions(&words, |word| code(word).is_some());
        // Of two that are as near, the later one: "Your code is 482913".
        let nearest = codes.into_iter().rev().min_by_key(|at| distance(*at, &names));
        if let Some(at) = nearest.filter(|_| !names.is_empty()) {
            return code(words[at]);
        }
        after_name = !names.is_empty();
    }
    None
}

/// A code on a line of its own.
fn alone(text: &str) -> Option<&str> {
    text.lines().find_map(|line| only_code(&line.split_whitespace().collect::<Vec<_>>()))
}

fn only_code<'a>(words: &[&'a str]) -> Option<&'a str> {
    match words {
        [word] => code(word),
        _ => None,
    }
}

/// Lines that follow each other are one text; a blank line, or a full stop before a space, ends a sentence.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = sentence_bytes(rest);
        let (sentence, after) = rest.split_at(end);
        rest = after;
        Some(sentence)
    })
    .filter(|sentence| !sentence.trim().is_empty())
}

fn sentence_bytes(text: &str) -> usize {
    let mut line_is_blank = false;
    let mut last = ' ';
    for (at, character) in text.char_indices() {
        if character == '\n' {
            if line_is_blank {
                return at + 1;
            }
            line_is_blank = true;
        } else if !character.is_whitespace() {
            line_is_blank = false;
        }
        if character.is_whitespace() && matches!(last, '.' | '!' | '?') {
            return at + character.len_utf8();
        }
        last = character;
    }
    text.len()
}

fn positions(words: &[&str], is_wanted: impl Fn(&str) -> bool) -> Vec<usize> {
    (0..words.len()).filter(|at| is_wanted(words[*at])).collect()
}

/// To the nearest of the names, which are in order.
fn distance(at: usize, names: &[usize]) -> usize {
    let (before, after) = names.split_at(names.partition_point(|name| *name < at));
    let nearest = before.last().into_iter().chain(after.first());
    nearest.map(|name| name.abs_diff(at)).min().unwrap_or(usize::MAX)
}

fn is_name(word: &str) -> bool {
    let mut parts = word.split(|c: char| !c.is_alphanumeric());
    parts.any(|part| NAMES.iter().any(|name| part.eq_ignore_ascii_case(name)))
}

/// The code that a word is, without what surrounds it.
fn code(word: &str) -> Option<&str> {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric() && !SAYS_OTHERWISE.contains(c));
    let is_code = if word.contains('-') { is_grouped(word) } else { is_number(word) };
    is_code.then_some(word)
}

fn is_number(word: &str) -> bool {
    DIGITS.contains(&word.len()) && word.bytes().all(|octet| octet.is_ascii_digit())
}

fn is_grouped(word: &str) -> bool {
    let groups = word.split('-').collect::<Vec<_>>();
    let is_code_character = |octet: u8| octet.is_ascii_uppercase() || octet.is_ascii_digit();
    let is_group = |group: &&str| {
        (1..=GROUP_CHARACTERS_MAX).contains(&group.len()) && group.bytes().all(is_code_character)
    };
    let characters = word.len() + 1 - groups.len();
    GROUPS.contains(&groups.len())
        && groups.iter().all(is_group)
        && GROUPED_CHARACTERS_MIN <= characters
        && word.bytes().any(|octet| octet.is_ascii_digit())
        && !is_date(&groups)
}

/// A date in digits: the year before month and day, or behind them.
fn is_date(groups: &[&str]) -> bool {
    let digits = groups.iter().map(|group| group.len()).collect::<Vec<_>>();
    let is_all_digits =
        groups.iter().all(|group| group.bytes().all(|octet| octet.is_ascii_digit()));
    is_all_digits && matches!(digits.as_slice(), [4, 1..=2, 1..=2] | [1..=2, 1..=2, 4])
}
