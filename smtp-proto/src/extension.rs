//! Extensions: the lines of an EHLO reply behind the first.
//!
//! * **In**: text such as `SIZE 1000`, without the reply code. **Out**: [`Extension`], and back.
//! * **Promises**: keywords match without case; text that we write is one line of printable words.
//! * **Limits**: one vector for AUTH, MT-PRIORITY, XCLIENT and XFORWARD; the rest
//!   borrows. **Panics**: never.
//! * **Spec**: RFC 5321 4.1.1.1; the RFCs of the extensions are named at their variants.

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
    /// `DELIVERBY`, with the least time in seconds that the server can deliver by (RFC 2852 2).
    DeliverBy(Option<u32>),
    /// `FUTURERELEASE` (RFC 4865 4.2).
    FutureRelease {
        /// How long a message may be held, in seconds.
        interval_max: u32,
        /// Until when a message may be held: a date and time of RFC 3339, as written.
        date_time_max: Cow<'a, str>,
    },
    /// `MT-PRIORITY`, with the names of the policies that give the priorities their meaning (RFC 6710).
    MtPriority(Vec<Cow<'a, str>>),
    /// `REQUIRETLS` (RFC 8689).
    RequireTls,
    /// `RRVS` (RFC 7293).
    Rrvs,
    /// `PRDR`: a reply for each recipient after the content (draft-hall-prdr).
    Prdr,
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
    /// `VRFY` (RFC 5321).
    Vrfy,
    /// `EXPN` (RFC 5321).
    Expn,
    /// `ETRN` (RFC 1985).
    Etrn,
    /// `XCLIENT`, with the names of the attributes (Postfix's `XCLIENT_README`).
    XClient(Vec<Cow<'a, str>>),
    /// `XFORWARD`, with the names of the attributes (Postfix's `XFORWARD_README`).
    XForward(Vec<Cow<'a, str>>),
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
    /// if the argument of `SIZE`, `DELIVERBY` or `FUTURERELEASE` is malformed, and
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
        let is = |known: &str| keyword.eq_ignore_ascii_case(known);
        if let Some((_, simple)) = Self::SIMPLE.iter().find(|(known, _)| is(known)) {
            return Ok(simple.clone());
        }
        let words = || arguments.split(' ').filter(|word| !word.is_empty());
        let names = || words().map(Cow::Borrowed).collect();
        let parsed = if is("SIZE") {
            optional(arguments, parse_size).map(Self::Size)
        } else if is("AUTH") {
            Some(Self::Auth(words().filter_map(|name| Mechanism::new(name).ok()).collect()))
        } else if is("LIMITS") {
            Some(parse_limits(arguments))
        } else if is("DELIVERBY") {
            optional(arguments, parse_delivery_time).map(Self::DeliverBy)
        } else if is("FUTURERELEASE") {
            parse_future_release(arguments)
        } else if is("MT-PRIORITY") {
            Some(Self::MtPriority(names()))
        } else if is("XCLIENT") {
            Some(Self::XClient(names()))
        } else if is("XFORWARD") {
            Some(Self::XForward(names()))
        } else {
            let (keyword, arguments) = (Cow::Borrowed(keyword), Cow::Borrowed(arguments));
            Some(Self::Other { keyword, arguments })
        };
        parsed.ok_or(SyntaxError::new(SyntaxErrorKind::ParameterValue, keyword.len() + 1))
    }

    const SIMPLE: [(&'static str, Extension<'static>); 15] = [
        ("PIPELINING", Extension::Pipelining),
        ("8BITMIME", Extension::EightBitMime),
        ("SMTPUTF8", Extension::SmtpUtf8),
        ("STARTTLS", Extension::StartTls),
        ("ENHANCEDSTATUSCODES", Extension::EnhancedStatusCodes),
        ("CHUNKING", Extension::Chunking),
        ("BINARYMIME", Extension::BinaryMime),
        ("DSN", Extension::Dsn),
        ("REQUIRETLS", Extension::RequireTls),
        ("RRVS", Extension::Rrvs),
        ("PRDR", Extension::Prdr),
        ("HELP", Extension::Help),
        ("VRFY", Extension::Vrfy),
        ("EXPN", Extension::Expn),
        ("ETRN", Extension::Etrn),
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
            Self::DeliverBy(None) => formatter.write_str("DELIVERBY"),
            Self::DeliverBy(Some(seconds_min)) => write!(formatter, "DELIVERBY {seconds_min}"),
            Self::FutureRelease { interval_max, date_time_max } => {
                write!(formatter, "FUTURERELEASE {interval_max}")?;
                write_words([date_time_max], formatter)
            }
            Self::MtPriority(policies) => {
                formatter.write_str("MT-PRIORITY")?;
                write_words(policies, formatter)
            }
            Self::XClient(names) => {
                formatter.write_str("XCLIENT")?;
                write_words(names, formatter)
            }
            Self::XForward(names) => {
                formatter.write_str("XFORWARD")?;
                write_words(names, formatter)
            }
            Self::Other { keyword, arguments } => {
                write_printable(keyword, formatter)?;
                write_words((!arguments.is_empty()).then_some(arguments), formatter)
            }
            simple => {
                let known = Self::SIMPLE.iter().find(|(_, extension)| extension == simple);
                known.map_or(Ok(()), |(keyword, _)| formatter.write_str(keyword))
            }
        }
    }
}

/// An argument that may be missing: `None` if it is there and malformed.
fn optional<T>(argument: &str, parse: fn(&str) -> Option<T>) -> Option<Option<T>> {
    if argument.is_empty() { Some(None) } else { parse(argument).map(Some) }
}

/// RFC 2852 2: one to nine digits; what may follow behind a comma is not defined yet.
fn parse_delivery_time(arguments: &str) -> Option<u32> {
    parse_number(arguments.split(',').next().unwrap_or_default())
}

fn parse_future_release(arguments: &str) -> Option<Extension<'_>> {
    let (interval, date_time) = arguments.split_once(' ')?;
    let date_time_max = Cow::Borrowed(date_time.split(' ').next().filter(|one| !one.is_empty())?);
    Some(Extension::FutureRelease { interval_max: parse_number(interval)?, date_time_max })
}

fn parse_number(digits: &str) -> Option<u32> {
    let well_formed =
        matches!(digits.len(), 1..=9) && digits.bytes().all(|octet| octet.is_ascii_digit());
    well_formed.then(|| digits.parse().ok()).flatten()
}

/// RFC 9422 3.7: a list with an item that is neither `name` nor `name=value` counts for nothing; a
/// limit that is malformed or unknown is left out.
fn parse_limits<'a>(arguments: &str) -> Extension<'a> {
    let items = || arguments.split(' ').filter(|item| !item.is_empty());
    let well_formed = items().all(|item| {
        let name = item.split_once('=').map_or(item, |(name, _)| name);
        class::is_keyword(name) && !item.contains(';')
    });
    let limit = |name: &str| {
        items()
            .filter(|_| well_formed)
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
    let well_formed = matches!(value.len(), 1..=6) && !value.starts_with('0');
    well_formed.then(|| parse_number(value)).flatten()
}

fn write_words<'t>(
    words: impl IntoIterator<Item = &'t Cow<'t, str>>,
    formatter: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    words.into_iter().try_for_each(|word| {
        formatter.write_str(" ")?;
        write_printable(word, formatter)
    })
}

fn write_printable(text: &str, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    use fmt::Write as _;
    text.chars().try_for_each(|c| formatter.write_char(if c.is_control() { '?' } else { c }))
}
