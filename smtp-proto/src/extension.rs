//! Extensions: the lines of an EHLO reply behind the first.
//!
//! * **In**: text such as `SIZE 1000`, without the reply code. **Out**: [`Extension`], and back.
//! * **Promises**: keywords match without case; text that we write is one line of printable words.
//! * **Limits**: one vector for AUTH; the rest borrows. **Panics**: never.
//! * **Spec**: RFC 5321 4.1.1.1; RFC 1870 3, 4954 3, 9422 3 and 4 for arguments; RFC 2920, 6152,
//!   6531, 3207, 2034, 3030, 3461 for the keywords.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

use crate::class;
use crate::error::{SyntaxError, SyntaxErrorKind};
use crate::params::parse_size;
use crate::sasl::Mechanism;

/// Something that a server offers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Extension<'a> {
    /// `PIPELINING` (RFC 2920).
    Pipelining,
    /// `SIZE`, with the limit in octets where the server tells one; 0 means that there is none
    /// (RFC 1870).
    Size(Option<u64>),
    /// `8BITMIME` (RFC 6152).
    EightBitMime,
    /// `SMTPUTF8` (RFC 6531).
    SmtpUtf8,
    /// `STARTTLS` (RFC 3207).
    StartTls,
    /// `AUTH`, with the mechanisms (RFC 4954).
    Auth(Vec<Mechanism<'a>>),
    /// `ENHANCEDSTATUSCODES` (RFC 2034).
    EnhancedStatusCodes,
    /// `CHUNKING` (RFC 3030).
    Chunking,
    /// `BINARYMIME` (RFC 3030).
    BinaryMime,
    /// `DSN` (RFC 3461).
    Dsn,
    /// `LIMITS`; limits that are unknown or malformed are left out (RFC 9422).
    Limits {
        /// `MAILMAX`: MAIL commands in a session.
        mail_max: Option<u32>,
        /// `RCPTMAX`: RCPT commands in a transaction.
        rcpt_max: Option<u32>,
        /// `RCPTDOMAINMAX`: different recipient domains in a session.
        rcpt_domain_max: Option<u32>,
    },
    /// `HELP` (RFC 5321).
    Help,
    /// Any other.
    Other {
        /// The keyword as written; compare it without case.
        keyword: Cow<'a, str>,
        /// What follows it, possibly nothing.
        arguments: Cow<'a, str>,
    },
}

impl<'a> Extension<'a> {
    /// Parses one line of text.
    ///
    /// Arguments that an extension does not have are ignored, and so are mechanism names and
    /// limits that are malformed.
    ///
    /// # Errors
    ///
    /// [`Parameter`](SyntaxErrorKind::Parameter) if there is no keyword (as in the old
    /// `AUTH=LOGIN`, which repeats an `AUTH` line), [`ParameterValue`](SyntaxErrorKind::ParameterValue)
    /// if the argument of `SIZE` is no number, and
    /// [`ControlCharacter`](SyntaxErrorKind::ControlCharacter). A client skips such a line.
    pub fn parse(text: &'a str) -> Result<Self, SyntaxError> {
        if let Some(offset) = class::find_control(text) {
            return Err(SyntaxError::new(SyntaxErrorKind::ControlCharacter, offset));
        }
        let text = text.trim_end_matches(' ');
        let (keyword, arguments) = text.split_once(' ').unwrap_or((text, ""));
        if !class::is_keyword(keyword) {
            return Err(SyntaxError::new(SyntaxErrorKind::Parameter, 0));
        }
        let simple = Self::SIMPLE
            .iter()
            .find(|(known, _)| keyword.eq_ignore_ascii_case(known))
            .map(|(_, extension)| extension.clone());
        if let Some(extension) = simple {
            return Ok(extension);
        }
        if keyword.eq_ignore_ascii_case("SIZE") {
            return parse_size_argument(arguments)
                .ok_or(SyntaxError::new(SyntaxErrorKind::ParameterValue, keyword.len() + 1));
        }
        if keyword.eq_ignore_ascii_case("AUTH") {
            let names = arguments.split(' ').filter_map(|name| Mechanism::new(name).ok());
            return Ok(Self::Auth(names.collect()));
        }
        if keyword.eq_ignore_ascii_case("LIMITS") {
            return Ok(parse_limits(arguments));
        }
        Ok(Self::Other { keyword: Cow::Borrowed(keyword), arguments: Cow::Borrowed(arguments) })
    }

    const SIMPLE: [(&'static str, Extension<'static>); 9] = [
        ("PIPELINING", Extension::Pipelining),
        ("8BITMIME", Extension::EightBitMime),
        ("SMTPUTF8", Extension::SmtpUtf8),
        ("STARTTLS", Extension::StartTls),
        ("ENHANCEDSTATUSCODES", Extension::EnhancedStatusCodes),
        ("CHUNKING", Extension::Chunking),
        ("BINARYMIME", Extension::BinaryMime),
        ("DSN", Extension::Dsn),
        ("HELP", Extension::Help),
    ];
}

/// The text of the line, without the reply code.
impl fmt::Display for Extension<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size(None) => formatter.write_str("SIZE"),
            Self::Size(Some(bytes_max)) => write!(formatter, "SIZE {bytes_max}"),
            Self::Auth(mechanisms) => {
                formatter.write_str("AUTH")?;
                mechanisms.iter().try_for_each(|mechanism| write!(formatter, " {mechanism}"))
            }
            Self::Limits { mail_max, rcpt_max, rcpt_domain_max } => {
                formatter.write_str("LIMITS")?;
                [("MAILMAX", mail_max), ("RCPTMAX", rcpt_max), ("RCPTDOMAINMAX", rcpt_domain_max)]
                    .into_iter()
                    .filter_map(|(name, value)| value.map(|value| (name, value)))
                    .try_for_each(|(name, value)| write!(formatter, " {name}={value}"))
            }
            Self::Other { keyword, arguments } => {
                write_printable(keyword, formatter)?;
                if !arguments.is_empty() {
                    formatter.write_str(" ")?;
                    write_printable(arguments, formatter)?;
                }
                Ok(())
            }
            simple => {
                let known = Self::SIMPLE.iter().find(|(_, extension)| extension == simple);
                known.map_or(Ok(()), |(keyword, _)| formatter.write_str(keyword))
            }
        }
    }
}

fn parse_size_argument<'a>(arguments: &str) -> Option<Extension<'a>> {
    if arguments.is_empty() {
        return Some(Extension::Size(None));
    }
    parse_size(arguments).map(|bytes_max| Extension::Size(Some(bytes_max)))
}

fn parse_limits<'a>(arguments: &str) -> Extension<'a> {
    let limit = |name: &str| {
        arguments
            .split(' ')
            .filter_map(|item| item.split_once('='))
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .and_then(|(_, value)| parse_limit(value))
    };
    Extension::Limits {
        mail_max: limit("MAILMAX"),
        rcpt_max: limit("RCPTMAX"),
        rcpt_domain_max: limit("RCPTDOMAINMAX"),
    }
}

/// RFC 9422 4: a number of one to six digits that does not begin with 0.
fn parse_limit(value: &str) -> Option<u32> {
    let well_formed = matches!(value.len(), 1..=6)
        && !value.starts_with('0')
        && value.bytes().all(|octet| octet.is_ascii_digit());
    well_formed.then(|| value.parse().ok()).flatten()
}

fn write_printable(text: &str, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    use fmt::Write as _;
    text.chars().try_for_each(|c| formatter.write_char(if c.is_control() { '?' } else { c }))
}
