//! Points in time as parameters carry them.
//!
//! * **In**: `2026-12-31T23:59:59Z`, with any offset, with or without a fraction; or seconds.
//!   **Out**: [`DateTime`], which keeps the form that was read.
//! * **Promises**: the day exists in its month; the form is kept octet for octet. Nothing here
//!   knows what time it is now.
//! * **Limits**: years 0 to 9999; the digits of a fraction are those of the line. **Panics**: never.
//! * **Spec**: RFC 3339 5.6 and 5.7.

use alloc::borrow::Cow;
use alloc::format;

const SECONDS_PER_DAY: i64 = 86_400;
/// Days from 0000-12-31 to 1970-01-01.
const EPOCH_DAY: i64 = 719_163;
const DAYS_PER_400_YEARS: i64 = 146_097;

/// A `date-time`: `2026-12-31T23:59:59Z`, `2026-12-31T18:59:59.5-05:00`.
///
/// Equality goes by what is written; compare [`unix_seconds`](Self::unix_seconds) for the time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DateTime<'a> {
    text: Cow<'a, str>,
    unix_seconds: i64,
}

impl<'a> DateTime<'a> {
    /// Parses a whole text; `None` if it breaks the grammar or names a time that does not exist.
    ///
    /// A leap second is taken at the end of any day in UTC: nothing here knows which days had one.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let unix_seconds = parse_unix_seconds(text)?;
        Some(Self { text: Cow::Borrowed(text), unix_seconds })
    }

    /// The time in UTC that lies this far from 1970-01-01T00:00:00Z; `None` outside of the years 0
    /// to 9999.
    #[must_use]
    pub fn from_unix_seconds(unix_seconds: i64) -> Option<DateTime<'static>> {
        let days = unix_seconds.div_euclid(SECONDS_PER_DAY);
        let second_of_day = unix_seconds.rem_euclid(SECONDS_PER_DAY);
        let (year, month, day) = date_of(days)?;
        let (hour, minute) = (second_of_day / 3_600, second_of_day / 60 % 60);
        let second = second_of_day % 60;
        let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
        Some(DateTime { text: Cow::Owned(text), unix_seconds })
    }

    /// The time as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Seconds since 1970-01-01T00:00:00Z. A fraction counts as a whole second, so that what waits
    /// for this time is never early.
    #[must_use]
    pub const fn unix_seconds(&self) -> i64 {
        self.unix_seconds
    }

    /// Whether the time is written in UTC, that is with `Z` or an offset of zero.
    #[must_use]
    pub fn is_utc(&self) -> bool {
        ["Z", "z", "+00:00", "-00:00"].iter().any(|offset| self.text.ends_with(offset))
    }

    /// Whether the time has a fraction of a second.
    #[must_use]
    pub fn has_fraction(&self) -> bool {
        self.text.contains('.')
    }

    /// The same time without a borrow.
    #[must_use]
    pub fn into_owned(self) -> DateTime<'static> {
        DateTime { text: Cow::Owned(self.text.into_owned()), unix_seconds: self.unix_seconds }
    }
}

fn parse_unix_seconds(text: &str) -> Option<i64> {
    const LAYOUT: &str = "YYYY-MM-DDTHH:MM:SS";
    let (date_time, rest) = text.split_at_checked(LAYOUT.len())?;
    for (found, wanted) in date_time.bytes().zip(LAYOUT.bytes()) {
        if matches!(wanted, b'-' | b':' | b'T') && !found.eq_ignore_ascii_case(&wanted) {
            return None;
        }
    }
    let field = |from, to, range: core::ops::RangeInclusive<i64>| {
        parse_number(date_time.get(from..to)?).filter(|number| range.contains(number))
    };
    let (year, month) = (field(0, 4, 0..=9_999)?, field(5, 7, 1..=12)?);
    let day = field(8, 10, 1..=days_in_month(year, month))?;
    let (hour, minute, second) =
        (field(11, 13, 0..=23)?, field(14, 16, 0..=59)?, field(17, 19, 0..=60)?);

    let (fraction_seconds, offset) = parse_fraction(rest)?;
    let minutes = hour * 60 + minute - parse_offset_minutes(offset)?;
    if second == 60 && minutes.rem_euclid(24 * 60) != 24 * 60 - 1 {
        return None;
    }
    let days = first_day_of(year, month) + day - 1;
    Some(days * SECONDS_PER_DAY + minutes * 60 + second + fraction_seconds)
}

/// The seconds that a fraction counts for, and what stands behind it.
fn parse_fraction(text: &str) -> Option<(i64, &str)> {
    let Some(fraction) = text.strip_prefix('.') else { return Some((0, text)) };
    let offset = fraction.trim_start_matches(|character: char| character.is_ascii_digit());
    let digits = fraction.strip_suffix(offset)?;
    let counts = digits.bytes().any(|digit| digit != b'0');
    (!digits.is_empty()).then_some((i64::from(counts), offset))
}

fn parse_offset_minutes(text: &str) -> Option<i64> {
    if text.eq_ignore_ascii_case("Z") {
        return Some(0);
    }
    let (sign, offset) = match text.split_at_checked(1)? {
        ("+", offset) => (1, offset),
        ("-", offset) => (-1, offset),
        _ => return None,
    };
    let (hours, minutes) = offset.split_once(':')?;
    if (hours.len(), minutes.len()) != (2, 2) {
        return None;
    }
    let hours = parse_number(hours).filter(|hours| *hours <= 23)?;
    let minutes = parse_number(minutes).filter(|minutes| *minutes <= 59)?;
    Some(sign * (hours * 60 + minutes))
}

fn parse_number(digits: &str) -> Option<i64> {
    digits.bytes().all(|octet| octet.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

const fn is_leap_year(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap_year(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The first day of a month, in days from 1970-01-01.
fn first_day_of(year: i64, month: i64) -> i64 {
    let before = year - 1;
    let leap_days = before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400);
    let months = (1..month).map(|month| days_in_month(year, month)).sum::<i64>();
    before * 365 + leap_days + months + 1 - EPOCH_DAY
}

/// Year, month and day, of days from 1970-01-01.
fn date_of(days: i64) -> Option<(i64, i64, i64)> {
    let in_range = first_day_of(0, 1) <= days && days < first_day_of(10_000, 1);
    if !in_range {
        return None;
    }
    // The average year is off by less than a year, so each loop turns once at most.
    let mut year = 1970 + days * 400 / DAYS_PER_400_YEARS;
    while days < first_day_of(year, 1) {
        year -= 1;
    }
    while first_day_of(year + 1, 1) <= days {
        year += 1;
    }
    let month = (1..=12).rev().find(|month| first_day_of(year, *month) <= days)?;
    Some((year, month, days - first_day_of(year, month) + 1))
}
