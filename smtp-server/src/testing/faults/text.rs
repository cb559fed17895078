//! Rules as text, for flags, files and pages.
//!
//! * **In**: `rcpt nth=2 to=kim@example.org reply="451 4.2.1 try later"`. **Out**: [`Rule`], or the word that is wrong.
//! * **Promises**: what a rule displays as is read as the same rule.
//! * **Limits**: none. **Panics**: never. **Spec**: none.
//!
//! The point comes first, then conditions and one fault in any order. A value with white space stands in quotes,
//! where `\"`, `\\`, `\r`, `\n`, `\t` and `\xff` are read as in Rust.

use std::fmt::{self, Write};
use std::str::FromStr;
use std::time::Duration;

use smtp_proto::{EnhancedCode, Reply, ReplyCode};

use super::rule::{Fault, On, Rule, Trigger};
use crate::verdict::Rejection;

/// Why a text is no [`Rule`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{word}': expected {expected}")]
pub struct RuleError {
    /// The word that is wrong; empty if one is missing.
    pub word: String,
    /// What should stand there.
    pub expected: &'static str,
}

impl RuleError {
    pub(super) fn new(word: impl Into<String>, expected: &'static str) -> Self {
        Self { word: word.into(), expected }
    }
}

const POINT: &str = "connect, hello, starttls, tls-handshake, auth, mail, rcpt, data, content, end-of-data, rset, noop, \
                     quit, vrfy or any";
const FAULT: &str = "one fault: reply=, delay=, throttle=, close, half-close, reset, garbage=, truncate=, stall= or fail";
const CONDITION: &str = "to=, nth=, connection=, times=, probability=, after= or a fault";
const NUMBER: &str = "a number from 1";
const TIME: &str = "a time, such as 250ms, 5s or 2m";

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let mut words = Words(text);
        let Some(point) = words.next().transpose()? else { return Err(RuleError::new("", POINT)) };
        let on = On::ALL.into_iter().find(|on| point.value.is_none() && on.as_str() == point.key);
        let mut trigger = Self::at(on.ok_or_else(|| RuleError::new(point.text, POINT))?);
        let mut fault = None;
        for word in words {
            let word = word?;
            if word.add_to(&mut trigger)? {
                continue;
            }
            if fault.replace(word.fault()?).is_some() {
                return Err(RuleError::new(word.text, FAULT));
            }
        }
        Self::new(trigger, fault.ok_or_else(|| RuleError::new("", FAULT))?)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.trigger, self.fault)
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { on, to, nth, connection, times, probability, after } = self;
        f.write_str(on.as_str())?;
        let numbers = [("nth", nth), ("connection", connection), ("times", times)];
        for (key, number) in numbers {
            if let Some(number) = number {
                write!(f, " {key}={number}")?;
            }
        }
        if let Some(probability) = probability {
            write!(f, " probability={probability}")?;
        }
        if 0 < *after {
            write!(f, " after={after}")?;
        }
        match to {
            Some(to) => write!(f, " to={}", Quoted(to.as_bytes())),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(rejection) => {
                let reply = rejection.reply();
                let mut text = reply.code().to_string();
                let enhanced = reply.enhanced().map(|code| code.to_string());
                for part in enhanced.iter().map(String::as_str).chain([reply.text()]) {
                    write!(text, " {part}")?;
                }
                write!(f, "reply={}", Quoted(text.as_bytes()))
            }
            Self::Delay(time) => write!(f, "delay={}", Time(*time)),
            Self::Throttle(bytes) => write!(f, "throttle={bytes}"),
            Self::HalfClose => f.write_str("half-close"),
            Self::Close => f.write_str("close"),
            Self::Reset => f.write_str("reset"),
            Self::Garbage(octets) => write!(f, "garbage={}", Quoted(octets)),
            Self::Truncate(bytes) => write!(f, "truncate={bytes}"),
            Self::FailHandshake => f.write_str("fail"),
            Self::Stall(time) => write!(f, "stall={}", Time(*time)),
        }
    }
}

/// A 4yz or 5yz reply in one line, without its line ending.
pub(super) fn refusal(text: &str) -> Option<Rejection> {
    let (code, text) = text.split_once(' ').unwrap_or((text, ""));
    let code = code.parse().ok().filter(|_| code.len() == 3).and_then(ReplyCode::new)?;
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    let reply = match EnhancedCode::parse(first) {
        Some(enhanced) => Reply::new(code, Some(enhanced), rest.to_owned()),
        None => Reply::new(code, None, text.to_owned()),
    };
    Rejection::from_reply(reply)
}

/// `250ms`, `5s`, `2m`.
pub(super) fn time(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let number = number.parse().ok()?;
    Some(match unit {
        "ns" => Duration::from_nanos(number),
        "us" => Duration::from_micros(number),
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.checked_mul(60)?),
        _ => return None,
    })
}

/// A time in the largest unit that loses nothing of it.
struct Time(Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1000, "us")];
        let whole = units.into_iter().find(|(unit, _)| nanos.is_multiple_of(*unit));
        let (unit, name) = whole.unwrap_or((1, "ns"));
        write!(f, "{}{name}", nanos / unit)
    }
}

/// A value, in quotes if it needs them.
struct Quoted<'a>(&'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(text) = str::from_utf8(self.0) else {
            return write!(f, "\"{}\"", self.0.escape_ascii());
        };
        let needs_none =
            |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '\\');
        if !text.is_empty() && text.chars().all(needs_none) {
            return f.write_str(text);
        }
        f.write_char('"')?;
        for character in text.chars() {
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                c if c.is_ascii_control() => write!(f, "{}", (c as u8).escape_ascii())?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

/// The words that a text begins with.
struct Words<'a>(&'a str);

struct Word<'a> {
    text: &'a str,
    key: &'a str,
    value: Option<Vec<u8>>,
}

impl<'a> Iterator for Words<'a> {
    type Item = Result<Word<'a>, RuleError>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.0.trim_start();
        if text.is_empty() {
            return None;
        }
        let end = text.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(text.len());
        let (key, rest) = text.split_at(end);
        let (value, rest) = match rest.strip_prefix('=') {
            None => (None, rest),
            Some(rest) => match split_value(rest) {
                Some((value, rest)) => (Some(value), rest),
                None => {
                    self.0 = "";
                    let expected = "a value whose quotes and escapes are complete";
                    return Some(Err(RuleError::new(text, expected)));
                }
            },
        };
        self.0 = rest;
        let text = &text[..text.len() - rest.len()];
        Some(Ok(Word { text, key, value }))
    }
}

/// The value that `text` begins with, and what follows.
fn split_value(text: &str) -> Option<(Vec<u8>, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return Some((value.as_bytes().to_vec(), rest));
    };
    let mut value = Vec::new();
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => break,
            '\\' => value.push(escaped(&mut characters)?),
            c => value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    let rest = characters.as_str();
    rest.chars().next().is_none_or(char::is_whitespace).then_some((value, rest))
}

/// The octet that stands behind a backslash.
fn escaped(characters: &mut std::str::Chars<'_>) -> Option<u8> {
    Some(match characters.next()? {
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'x' => {
            let mut digit =
                || characters.next()?.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            digit()? * 16 + digit()?
        }
        c @ ('"' | '\'' | '\\') => u8::try_from(c).ok()?,
        _ => return None,
    })
}

impl Word<'_> {
    /// True if it is a condition.
    fn add_to(&self, trigger: &mut Trigger) -> Result<bool, RuleError> {
        match self.key {
            "to" => trigger.to = Some(self.text_value("an address")?.to_owned()),
            "nth" => trigger.nth = Some(self.number(NUMBER)?),
            "connection" => trigger.connection = Some(self.number(NUMBER)?),
            "times" => trigger.times = Some(self.number(NUMBER)?),
            "after" => trigger.after = self.parsed("a number of octets")?,
            "probability" => {
                trigger.probability = Some(self.parsed("a probability from 0 to 1")?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn fault(&self) -> Result<Fault, RuleError> {
        let refusal_text = "a refusal, such as \"451 4.2.1 try later\"";
        Ok(match (self.key, &self.value) {
            ("reply", _) => {
                let text = self.text_value(refusal_text)?;
                Fault::Answer(refusal(text).ok_or_else(|| self.error(refusal_text))?)
            }
            ("delay", _) => Fault::Delay(self.time()?),
            ("stall", _) => Fault::Stall(self.time()?),
            ("throttle", _) => Fault::Throttle(self.number(NUMBER)?),
            ("truncate", _) => Fault::Truncate(self.parsed("a number of octets")?),
            ("garbage", Some(octets)) => Fault::Garbage(octets.clone()),
            ("garbage", None) => return Err(self.error("garbage=, the octets to write")),
            ("close", None) => Fault::Close,
            ("half-close", None) => Fault::HalfClose,
            ("reset", None) => Fault::Reset,
            ("fail", None) => Fault::FailHandshake,
            _ => return Err(self.error(CONDITION)),
        })
    }

    fn time(&self) -> Result<Duration, RuleError> {
        time(self.text_value(TIME)?).ok_or_else(|| self.error(TIME))
    }

    fn number<T: FromStr + From<u8> + PartialOrd>(
        &self,
        expected: &'static str,
    ) -> Result<T, RuleError> {
        let number = self.parsed::<T>(expected)?;
        if number < T::from(1) { Err(self.error(expected)) } else { Ok(number) }
    }

    fn parsed<T: FromStr>(&self, expected: &'static str) -> Result<T, RuleError> {
        self.text_value(expected)?.parse().map_err(|_| self.error(expected))
    }

    fn text_value(&self, expected: &'static str) -> Result<&str, RuleError> {
        let octets = self.value.as_deref().ok_or_else(|| self.error(expected))?;
        str::from_utf8(octets).map_err(|_| self.error(expected))
    }

    fn error(&self, expected: &'static str) -> RuleError {
        RuleError::new(self.text, expected)
    }
}
