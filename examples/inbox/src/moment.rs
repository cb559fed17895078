//! Points of time, as they are written.
//!
//! * **In**: milliseconds, text. **Out**: RFC 3339, or milliseconds. **Promises**: nothing here reads a clock.
//! * **Limits**: years 0 to 9999. **Panics**: never. **Spec**: RFC 3339; ISO 8601 dates alone.

use std::time::Duration;

use smtp_server::UnixMillis;
use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime, Time, UtcOffset};

/// As the API writes it, to the millisecond.
pub(crate) fn rfc3339(at: UnixMillis) -> String {
    let nanos = i128::from(at.0) * 1_000_000;
    let moment =
        OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    moment.format(&Rfc3339).unwrap_or_default()
}

/// What RFC 3339 has.
pub(crate) fn parse_rfc3339(text: &str) -> Option<UnixMillis> {
    millis(OffsetDateTime::parse(text, &Rfc3339).ok()?)
}

/// RFC 3339, a date (its midnight), a date with a time, or seconds since 1970; where it names no zone, in `zone`.
pub(crate) fn parse(text: &str, zone: UtcOffset) -> Option<UnixMillis> {
    if let Some(moment) = parse_rfc3339(text) {
        return Some(moment);
    }
    if text.len() > 8 && text.bytes().all(|octet| octet.is_ascii_digit()) {
        return text.parse::<u64>().ok()?.checked_mul(1000).map(UnixMillis);
    }
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let [year, month, day] = numbers(date, '-')?[..] else { return None };
    let time = match numbers(time, ':')?[..] {
        [hour, minute] => (hour, minute, 0),
        [hour, minute, second] => (hour, minute, second),
        _ => return None,
    };
    let small = |number: u32| u8::try_from(number).ok();
    let month = Month::try_from(small(month)?).ok()?;
    let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, small(day)?).ok()?;
    let time = Time::from_hms(small(time.0)?, small(time.1)?, small(time.2)?).ok()?;
    millis(date.with_time(time).assume_offset(zone))
}

/// `UTC`, or `+02:00`.
pub(crate) fn parse_zone(text: &str) -> Option<UtcOffset> {
    if ["", "utc", "z", "gmt", "etc/utc"].contains(&text.to_ascii_lowercase().as_str()) {
        return Some(UtcOffset::UTC);
    }
    // A plus sign that nobody encoded comes as a space.
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+" | " ", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let [hours, minutes] = numbers(rest, ':')?[..] else { return None };
    let hours = i8::try_from(hours).ok()?;
    UtcOffset::from_hms(sign * hours, sign * i8::try_from(minutes).ok()?, 0).ok()
}

/// `500ms`, `10s`, `5m`, `2h`, `7d`; a number alone is seconds.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let number: u64 = digits.parse().ok()?;
    let millis = match text.get(digits.len()..)? {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

fn millis(moment: OffsetDateTime) -> Option<UnixMillis> {
    u64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok().map(UnixMillis)
}

fn numbers(text: &str, separator: char) -> Option<Vec<u32>> {
    text.split(separator)
        .map(|word| {
            let is_number =
                (1..=4).contains(&word.len()) && word.bytes().all(|octet| octet.is_ascii_digit());
            if is_number { word.parse().ok() } else { None }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        assert_eq!(rfc3339(UnixMillis(1_767_225_600_123)), "2026-01-01T00:00:00.123Z");
        let utc = UtcOffset::UTC;
        let new_year = Some(UnixMillis(1_767_225_600_000));
        for text in [
            "2026-01-01",
            "2026-1-1",
            "2026-01-01 00:00",
            "2026-01-01T00:00:00",
            "2026-01-01T01:00:00+01:00",
            "1767225600",
        ] {
            assert_eq!(parse(text, utc), new_year, "{text}");
        }
        let zone = parse_zone("+02:00").unwrap();
        assert_eq!(parse("2026-01-01 02:00", zone), new_year);
        for text in
            ["", "yesterday", "2026", "2026-13-01", "2026-02-30", "2026-01-01 25:00", "1960-01-01"]
        {
            assert_eq!(parse(text, utc), None, "{text}");
        }
        for text in ["Europe/Berlin", "+2", "x", "+99:00"] {
            assert_eq!(parse_zone(text), None, "{text}");
        }
    }

    #[test]
    fn durations() {
        for (text, millis) in
            [("500ms", 500), ("10s", 10_000), ("7", 7000), ("2h", 7_200_000), ("1d", 86_400_000)]
        {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "1.5s", "-1s", "1 s", "10y", "99999999999999999999d"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
