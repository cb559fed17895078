//! When and how urgently to deliver: `BY`, `HOLDFOR`, `HOLDUNTIL`, `MT-PRIORITY`.
//!
//! * **In**: the values, as they stand in a line. **Out**: [`DeliverBy`], [`Hold`], [`MtPriority`].
//! * **Promises**: no value is out of the range that its RFC has, whoever makes it.
//! * **Limits**: 9 digits of seconds; years up to 9999. **Panics**: never.
//! * **Spec**: RFC 2852 4, RFC 4865 3 (with erratum 2040), RFC 6710 3.

use bytes::BytesMut;

use super::parse_number;
use crate::command::put_display;
use crate::date_time::DateTime;
use crate::limits::{SECONDS_DIGITS_MAX, SECONDS_MAX};

/// `BY`: deliver within some time, or else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeliverBy {
    seconds: i32,
    mode: ByMode,
    trace: bool,
}

/// What happens when the time of `BY` is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByMode {
    /// `N`: the sender is told, and delivery goes on.
    Notify,
    /// `R`: the message goes back.
    Return,
}

impl DeliverBy {
    /// Within so many `seconds` of now, as a relay counts them again for the next server; with
    /// `trace`, every server on the way reports that it passed the message on.
    ///
    /// `None` for more than 9 digits, and for the mode [`Return`](ByMode::Return) unless there is
    /// time left; the other mode may tell of time that is over.
    #[must_use]
    pub const fn new(seconds: i32, mode: ByMode, trace: bool) -> Option<Self> {
        let in_time = matches!(mode, ByMode::Notify) || 0 < seconds;
        if in_time && seconds.unsigned_abs() <= SECONDS_MAX {
            Some(Self { seconds, mode, trace })
        } else {
            None
        }
    }

    /// The seconds that were left when the command was sent.
    #[must_use]
    pub const fn seconds(self) -> i32 {
        self.seconds
    }

    /// What happens then.
    #[must_use]
    pub const fn mode(self) -> ByMode {
        self.mode
    }

    /// Whether every server on the way reports.
    #[must_use]
    pub const fn trace(self) -> bool {
        self.trace
    }

    pub(super) fn parse(value: &str) -> Option<Self> {
        let (time, mode) = value.split_once(';')?;
        let (sign, digits) = match time.split_at_checked(1)? {
            ("-", digits) => (-1, digits),
            ("+", digits) => (1, digits),
            _ => (1, time),
        };
        let seconds = i32::try_from(parse_number(digits, SECONDS_DIGITS_MAX)?).ok()?;
        let (mode, trace) = match mode.as_bytes() {
            [mode] => (mode, false),
            [mode, b'T' | b't'] => (mode, true),
            _ => return None,
        };
        let mode = match mode {
            b'N' | b'n' => ByMode::Notify,
            b'R' | b'r' => ByMode::Return,
            _ => return None,
        };
        Self::new(sign * seconds, mode, trace)
    }

    pub(super) fn encode(self, out: &mut BytesMut) {
        let mode = match self.mode {
            ByMode::Notify => 'N',
            ByMode::Return => 'R',
        };
        let trace = if self.trace { "T" } else { "" };
        put_display(format_args!(" BY={};{mode}{trace}", self.seconds), out);
    }
}

/// `HOLDFOR` or `HOLDUNTIL`: do not deliver before some time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hold<'a>(Release<'a>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Release<'a> {
    After(u32),
    At(DateTime<'a>),
}

impl<'a> Hold<'a> {
    /// `HOLDFOR`: for so many `seconds`; `None` unless they are 1 to 999,999,999.
    #[must_use]
    pub const fn for_seconds(seconds: u32) -> Option<Self> {
        match seconds {
            1..=SECONDS_MAX => Some(Self(Release::After(seconds))),
            _ => None,
        }
    }

    /// `HOLDUNTIL`: until `time`; `None` unless it is written in UTC.
    #[must_use]
    pub fn until(time: DateTime<'a>) -> Option<Self> {
        time.is_utc().then_some(Self(Release::At(time)))
    }

    /// When the message may go, for a command that came at `now`; both in seconds since
    /// 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn release(&self, now_unix_seconds: i64) -> i64 {
        match &self.0 {
            Release::After(seconds) => now_unix_seconds.saturating_add(*seconds as i64),
            Release::At(time) => time.unix_seconds(),
        }
    }

    /// The same without a borrow.
    #[must_use]
    pub fn into_owned(self) -> Hold<'static> {
        Hold(match self.0 {
            Release::After(seconds) => Release::After(seconds),
            Release::At(time) => Release::At(time.into_owned()),
        })
    }

    pub(super) fn parse_interval(value: &str) -> Option<Self> {
        let number = parse_number(value, SECONDS_DIGITS_MAX).filter(|_| !value.starts_with('0'))?;
        Self::for_seconds(u32::try_from(number).ok()?)
    }

    pub(super) fn parse_date_time(value: &'a str) -> Option<Self> {
        Self::until(DateTime::parse(value)?)
    }

    pub(super) fn encode(&self, out: &mut BytesMut) {
        match &self.0 {
            Release::After(seconds) => put_display(format_args!(" HOLDFOR={seconds}"), out),
            Release::At(time) => put_display(format_args!(" HOLDUNTIL={}", time.as_str()), out),
        }
    }
}

/// `MT-PRIORITY`: from -9, which waits for all others, to 9.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MtPriority(i8);

impl MtPriority {
    /// This priority; `None` unless it is -9 to 9.
    #[must_use]
    pub const fn new(priority: i8) -> Option<Self> {
        match priority {
            -9..=9 => Some(Self(priority)),
            _ => None,
        }
    }

    /// The priority; what has none counts as 0.
    #[must_use]
    pub const fn value(self) -> i8 {
        self.0
    }

    pub(super) fn parse(value: &str) -> Option<Self> {
        let value = value.as_bytes();
        match value {
            [digit @ b'0'..=b'9'] => Self::new((digit - b'0') as i8),
            [b'-', digit @ b'1'..=b'9'] => Self::new(-((digit - b'0') as i8)),
            _ => None,
        }
    }

    pub(super) fn encode(self, out: &mut BytesMut) {
        put_display(format_args!(" MT-PRIORITY={}", self.0), out);
    }
}
