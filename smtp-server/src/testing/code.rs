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
        let words = words(sentence);
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
    text.lines().find_map(|line| only_code(&words(line)))
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

/// What spaces part, but for two groups of three digits, which are one word unless more digits stand beside them.
fn words(text: &str) -> Vec<&str> {
    let mut words: Vec<&str> = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = word_bytes(rest);
        let after_number = words.last().is_some_and(|word| word.ends_with(is_digit));
        let end = if after_number { end } else { two_groups(rest, end).unwrap_or(end) };
        let (word, after) = rest.split_at(end);
        words.push(word);
        rest = after.trim_start();
    }
    words
}

fn word_bytes(text: &str) -> usize {
    text.find(char::is_whitespace).unwrap_or(text.len())
}

/// Where the second group ends, if the text begins with `482 913`, whatever surrounds it.
fn two_groups(text: &str, first_end: usize) -> Option<usize> {
    let (first, rest) = text.split_at(first_end);
    let second = rest.strip_prefix([' ', '\u{a0}'])?;
    let (second, after) = second.split_at(word_bytes(second));
    let is_group = |group: &str| group.len() == 3 && group.chars().all(is_digit);
    let is_whole = is_group(first.trim_start_matches(|c: char| !c.is_alphanumeric()))
        && is_group(second.trim_end_matches(|c: char| !c.is_alphanumeric()))
        && !(second.ends_with(is_digit) && after.trim_start().starts_with(is_digit));
    is_whole.then_some(text.len() - after.len())
}

fn is_digit(character: char) -> bool {
    character.is_ascii_digit()
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
    let is_code = match word.contains('-') {
        true => is_grouped(word),
        // A word has a space in it only between two groups.
        false => is_number(word) || word.contains(char::is_whitespace),
    };
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
