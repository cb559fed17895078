//! A table of regular expressions.
//!
//! * **In**: lines `/pattern/flags action`, `!/pattern/flags action`, `if /pattern/flags`, `endif`. **Out**: the action of
//!   the first pattern that matches the key. **Promises**: what a group matched becomes part of an action only where
//!   the table says so. A pattern that cannot be decided in time is an error, not a miss.
//! * **Limits**: a million steps of backtracking for each pattern, and none for those without look-around and
//!   back-references, which take linear time. **Panics**: never. **Spec**: Postfix `regexp_table`(5), `pcre_table`(5).

use fancy_regex::{Captures, Regex, RegexBuilder};

use super::super::{AccessAction, TableError};
use super::actions::Actions;
use super::lines::{Line, Source};
use super::program::{Builder, Program};
use crate::hooks::LookupError;

/// Steps after which a pattern is given up: some tens of milliseconds.
const BACKTRACK_STEPS_MAX: usize = 1_000_000;

/// Whose flags a table has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    Regexp,
    Pcre,
}

pub(super) struct PatternTable {
    program: Program<Pattern, Rule>,
    actions: Vec<AccessAction>,
}

struct Pattern {
    regex: Regex,
    is_negated: bool,
}

struct Rule {
    pattern: Pattern,
    outcome: Outcome,
}

enum Outcome {
    Action(u32),
    /// The action's text, with groups of the match in it.
    Template(Vec<Part>),
}

enum Part {
    Text(String),
    Group(usize),
}

impl PatternTable {
    pub(super) fn parse(source: &Source<'_>, syntax: Syntax) -> Result<Self, TableError> {
        let mut actions = Actions::of_postfix();
        let mut builder = Builder::new();
        for line in source.lines() {
            let line = line?;
            let text = line.text.trim_ascii_end();
            if text.eq_ignore_ascii_case("endif") {
                builder.end(&line)?;
                continue;
            }
            let condition = text.get(..2).filter(|word| word.eq_ignore_ascii_case("if"));
            if condition.is_some_and(|_| text[2..].starts_with([' ', '\t', '!', '/'])) {
                let offset = text.len() - text[2..].trim_ascii_start().len();
                let (pattern, end) = pattern(&line, offset, syntax)?;
                if end != text.len() {
                    return Err(line.expected(end, "the end of the line behind an if"));
                }
                builder.begin(&line, pattern);
                continue;
            }
            let (pattern, end) = pattern(&line, 0, syntax)?;
            let action = text[end..].trim_ascii_start();
            let offset = text.len() - action.len();
            if action.is_empty() || offset == end {
                return Err(line.expected(end, "white space and an action behind the pattern"));
            }
            let outcome = match parts(&line, offset, action, &pattern)? {
                parts if parts.iter().any(|part| matches!(part, Part::Group(_))) => {
                    Outcome::Template(parts)
                }
                parts => Outcome::Action(actions.number(&line, offset, &joined(&parts, None))?),
            };
            builder.push(Rule { pattern, outcome });
        }
        Ok(Self { program: builder.finish()?, actions: actions.into_vec() })
    }

    pub(super) fn find(&self, key: &str) -> Result<Option<AccessAction>, LookupError> {
        self.program.first(|condition| condition.matches(key), |rule| self.apply(rule, key))
    }

    fn apply(&self, rule: &Rule, key: &str) -> Result<Option<AccessAction>, LookupError> {
        match &rule.outcome {
            Outcome::Action(number) => {
                let matches = rule.pattern.matches(key)?;
                Ok(self.actions.get(*number as usize).filter(|_| matches).cloned())
            }
            Outcome::Template(parts) => {
                let Some(captures) = rule.pattern.regex.captures(key).map_err(given_up)? else {
                    return Ok(None);
                };
                let text = joined(parts, Some(&captures));
                let error = |error| LookupError::new(format!("the action {text:?}: {error}"));
                AccessAction::parse(&text).map(Some).map_err(error)
            }
        }
    }
}

impl Pattern {
    fn matches(&self, key: &str) -> Result<bool, LookupError> {
        Ok(self.regex.is_match(key).map_err(given_up)? != self.is_negated)
    }
}

fn given_up(error: fancy_regex::Error) -> LookupError {
    LookupError::new(format!("a pattern was given up: {error}"))
}

/// `/pattern/flags` or `!/pattern/flags`, which begins at this octet of the line, and where it ends.
fn pattern(line: &Line<'_>, offset: usize, syntax: Syntax) -> Result<(Pattern, usize), TableError> {
    let text = &line.text[offset..];
    let unnegated = text.strip_prefix('!').map(str::trim_ascii_start);
    let start = offset + text.len() - unnegated.unwrap_or(text).len();
    let mut characters = line.text[start..].char_indices();
    let no_pattern = || line.expected(start, "a pattern in delimiters, /pattern/");
    let (_, delimiter) = characters.next().ok_or_else(no_pattern)?;
    if delimiter.is_ascii_alphanumeric() || delimiter.is_whitespace() || delimiter == '\\' {
        return Err(no_pattern());
    }
    let inner = start + delimiter.len_utf8();
    let mut is_escaped = false;
    let closing = characters.find(|(_, c)| {
        let closes = *c == delimiter && !is_escaped;
        is_escaped = *c == '\\' && !is_escaped;
        closes
    });
    let Some((length, _)) = closing else {
        return Err(line.expected(line.text.len(), "the pattern's closing delimiter"));
    };
    let (closing, flags_start) = (start + length, start + length + delimiter.len_utf8());
    let rest = &line.text[flags_start..];
    let flags = &rest[..rest.find([' ', '\t']).unwrap_or(rest.len())];
    let mut builder = RegexBuilder::new(&line.text[inner..closing]);
    set_flags(&mut builder, line, flags_start, flags, syntax)?;
    let regex = builder.build().map_err(|error| line.expected(inner, &describe(&error)))?;
    Ok((Pattern { regex, is_negated: unnegated.is_some() }, flags_start + flags.len()))
}

/// Each flag turns its default round.
fn set_flags(
    builder: &mut RegexBuilder,
    line: &Line<'_>,
    start: usize,
    flags: &str,
    syntax: Syntax,
) -> Result<(), TableError> {
    let is_pcre = syntax == Syntax::Pcre;
    let (mut ignores_case, mut is_multi_line) = (true, false);
    let (mut dot_is_all, mut is_verbose) = (true, false);
    for (at, flag) in flags.char_indices() {
        match flag {
            'i' => ignores_case = !ignores_case,
            'm' => is_multi_line = !is_multi_line,
            's' if is_pcre => dot_is_all = !dot_is_all,
            'x' if is_pcre => is_verbose = !is_verbose,
            _ => {
                let known = if is_pcre { "i, m, s and x" } else { "i and m" };
                let expected = format!("white space, or one of the flags {known}");
                return Err(line.expected(start + at, &expected));
            }
        }
    }
    builder
        .case_insensitive(ignores_case)
        .multi_line(is_multi_line)
        .dot_matches_new_line(dot_is_all)
        .verbose_mode(is_verbose)
        .backtrack_limit(BACKTRACK_STEPS_MAX);
    Ok(())
}

/// On one line: the library draws pictures.
fn describe(error: &fancy_regex::Error) -> String {
    let text = error.to_string();
    let words: Vec<_> = text.split_ascii_whitespace().collect();
    format!("a pattern that can be understood: {}", words.join(" "))
}

/// The action's text cut up at `$1`, `${1}` and `$(1)`; `$$` is a dollar sign.
fn parts(
    line: &Line<'_>,
    offset: usize,
    action: &str,
    pattern: &Pattern,
) -> Result<Vec<Part>, TableError> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut rest = action;
    while let Some((before, behind)) = rest.split_once('$') {
        text.push_str(before);
        if let Some(behind) = behind.strip_prefix('$') {
            text.push('$');
            rest = behind;
            continue;
        }
        let at = offset + action.len() - behind.len();
        let (number, behind) = group(behind)
            .ok_or_else(|| line.expected(at, "the number of a group, or another $"))?;
        if pattern.is_negated || pattern.regex.captures_len() <= number {
            return Err(line.expected(at, "a group that the pattern has and that can match"));
        }
        parts.extend([Part::Text(std::mem::take(&mut text)), Part::Group(number)]);
        rest = behind;
    }
    text.push_str(rest);
    parts.push(Part::Text(text));
    Ok(parts)
}

/// `1`, `{1}` or `(1)` at the start of the text, and the rest.
fn group(text: &str) -> Option<(usize, &str)> {
    let closing = match text.bytes().next()? {
        b'{' => Some('}'),
        b'(' => Some(')'),
        _ => None,
    };
    let digits = if closing.is_some() { &text[1..] } else { text };
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let rest = &digits[end..];
    let rest = closing.map_or(Some(rest), |closing| rest.strip_prefix(closing))?;
    Some((digits[..end].parse().ok()?, rest))
}

fn joined(parts: &[Part], captures: Option<&Captures<'_, str>>) -> String {
    let text = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Group(number) => {
            let group = captures.and_then(|captures| captures.get(*number));
            group.map_or_else(String::new, |group| group.as_str().to_owned())
        }
    };
    parts.iter().map(text).collect()
}
