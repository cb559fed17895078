//! The two clocks, as values.
//!
//! * **In**: a reading that the caller took. **Out**: arithmetic on it.
//! * **Promises**: nothing in the pure half reads a clock; a test makes time pass by adding to a [`Now`].
//! * **Limits**: whole milliseconds on the wall clock. **Panics**: never.
//! * **Spec**: none; RFC 5321 4.5.3.2 gives the timeouts that are measured with it.

use std::fmt;
use std::ops::Add;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A point of wall-clock time: milliseconds since 1970-01-01T00:00:00Z.
///
/// Used for whatever is written down (header fields, queue ids); it may jump when the clock is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// Reads the system's wall clock; meant for drivers.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is where a driver reads the clock")]
    pub fn system() -> Self {
        Self(0) + SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Add<Duration> for UnixMillis {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// One reading of both clocks.
///
/// The session measures its timeouts with the monotonic one and dates its header fields with the
/// other. Adding a [`Duration`] moves both, so a test needs one reading and no sleep.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For timeouts: never jumps.
    pub monotonic: Instant,
    /// For header fields and queue ids.
    pub wall: UnixMillis,
}

impl Now {
    /// Reads both clocks of the system; meant for drivers and the first line of a test.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is where a driver reads the clocks")]
    pub fn system() -> Self {
        Self { monotonic: Instant::now(), wall: UnixMillis::system() }
    }
}

impl Add<Duration> for Now {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self { monotonic: self.monotonic + duration, wall: self.wall + duration }
    }
}
