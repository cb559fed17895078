//! How often something may happen.
//!
//! * **In**: a [`Rate`], events with their time. **Out**: whether each is within it.
//! * **Promises**: a quiet client may do all of a period's events at once, then one whenever its share of the period is
//!   over; so there are never more than twice the events in one period. What is refused does not count. A clock that is
//!   set back costs one period at most.
//! * **Limits**: eight octets for each client. **Panics**: never.
//! * **Spec**: the generic cell rate algorithm of ITU-T I.371, as a leaky bucket.

use std::time::Duration;

use crate::time::UnixMillis;

/// Thousands of years; less than the share of an event that must not happen.
const PERIOD_MICROS_MAX: u64 = u64::MAX / 4;

/// So many events in so much time.
///
/// ```
/// use std::time::Duration;
/// use smtp_server::UnixMillis;
/// use smtp_server::access::{Rate, Usage};
///
/// let rate = Rate::new(2, Duration::from_secs(60));
/// let mut usage = Usage::default();
/// let at = |seconds: u64| UnixMillis(seconds * 1000);
/// let allowed = [0, 1, 2, 29, 30, 31].map(|second| usage.take(rate, at(second)));
/// assert_eq!(allowed, [true, true, false, false, true, false]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    period_micros: u64,
    /// The share of one event.
    share_micros: u64,
}

impl Rate {
    /// At most `events` in `period`; with none, nothing may happen.
    #[must_use]
    pub fn new(events: u32, period: Duration) -> Self {
        let period_micros = u64::try_from(period.as_micros()).unwrap_or(u64::MAX);
        let period_micros = period_micros.clamp(1, PERIOD_MICROS_MAX);
        let share_micros = match events {
            0 => u64::MAX,
            _ => (period_micros / u64::from(events)).max(1),
        };
        Self { period_micros, share_micros }
    }

    /// The period.
    #[must_use]
    pub fn period(&self) -> Duration {
        Duration::from_micros(self.period_micros)
    }
}

/// What one client has used of a [`Rate`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Until when the events so far last, in microseconds since 1970.
    used_until_micros: u64,
}

impl Usage {
    /// Counts an event at `now` if there is room for it.
    pub fn take(&mut self, rate: Rate, now: UnixMillis) -> bool {
        let with_event = self.with_event(rate, now);
        if let Some(used_until_micros) = with_event {
            self.used_until_micros = used_until_micros;
        }
        with_event.is_some()
    }

    /// Whether there is room for an event at `now`.
    pub fn has_room(&mut self, rate: Rate, now: UnixMillis) -> bool {
        self.with_event(rate, now).is_some()
    }

    /// Until when the events last with one more, if that fits. What lies further in the future than a period, a
    /// clock that was set back left there: it is forgotten, or it would count until the clock comes by again.
    fn with_event(&mut self, rate: Rate, now: UnixMillis) -> Option<u64> {
        let now_micros = now.0.saturating_mul(1000);
        let latest = now_micros.saturating_add(rate.period_micros);
        self.used_until_micros = self.used_until_micros.clamp(now_micros, latest);
        let used_until = self.used_until_micros.checked_add(rate.share_micros)?;
        (used_until <= latest).then_some(used_until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_clock_that_is_set_back_costs_one_period_at_most() {
        let rate = Rate::new(1, Duration::from_secs(60));
        let mut usage = Usage::default();
        assert!(usage.take(rate, UnixMillis(86_400_000)));
        assert!(!usage.take(rate, UnixMillis(0)));
        assert!(!usage.take(rate, UnixMillis(59_999)));
        assert!(usage.take(rate, UnixMillis(60_000)));
    }

    #[test]
    fn the_ends_of_the_scale_are_no_special_case() {
        let mut usage = Usage::default();
        assert!(!usage.take(Rate::new(0, Duration::from_secs(60)), UnixMillis(1)));
        assert!(usage.take(Rate::new(u32::MAX, Duration::from_secs(1)), UnixMillis(1)));
        let mut usage = Usage::default();
        assert!(usage.take(Rate::new(1, Duration::MAX), UnixMillis(0)));
        assert!(!usage.take(Rate::new(1, Duration::MAX), UnixMillis(1)));
        assert!(!Usage::default().take(Rate::new(0, Duration::MAX), UnixMillis(0)));
    }

    proptest! {
        #[test]
        fn no_period_has_more_than_twice_the_events(
            events in 1_u32..20,
            gaps in prop::collection::vec(0_u64..5_000, 1..200),
        ) {
            let rate = Rate::new(events, Duration::from_secs(10));
            let mut usage = Usage::default();
            let mut now = 0;
            let mut allowed = Vec::new();
            for gap in gaps {
                now += gap;
                let room = usage.has_room(rate, UnixMillis(now));
                prop_assert_eq!(usage.take(rate, UnixMillis(now)), room);
                if room {
                    allowed.push(now);
                }
            }
            for start in &allowed {
                let within = allowed.iter().filter(|at| (*start..start + 10_000).contains(*at)).count();
                prop_assert!(within <= 2 * events as usize);
            }
        }
    }
}
