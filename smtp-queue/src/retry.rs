//! Retry: how long a message waits, and when it has waited long enough.
//!
//! * **In**: how often it was tried, and a number for chance. **Out**: seconds.
//! * **Promises**: the same numbers give the same answer; a wait is at most `maximal_backoff_time`.
//! * **Limits**: whole seconds. **Panics**: never. **Spec**: RFC 5321 4.5.4.1.

use std::time::Duration;

/// How long to wait, by Postfix's names. Parts of a second are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The wait after the first failure; each further one doubles it.
    pub minimal_backoff_time: Duration,
    /// No wait is longer.
    pub maximal_backoff_time: Duration,
    /// A message goes back after this time.
    pub maximal_queue_lifetime: Duration,
    /// The same for a message with the null reverse-path.
    pub bounce_queue_lifetime: Duration,
    /// Its sender is told of the delay after this time; never if zero.
    pub delay_warning_time: Duration,
}

impl Default for RetryPolicy {
    /// 5, 10, 20, 40, 67 minutes, and so on for five days, with no word of a delay.
    fn default() -> Self {
        const DAY_SECS: u64 = 86_400;
        Self {
            minimal_backoff_time: Duration::from_secs(300),
            maximal_backoff_time: Duration::from_secs(4000),
            maximal_queue_lifetime: Duration::from_secs(5 * DAY_SECS),
            bounce_queue_lifetime: Duration::from_secs(5 * DAY_SECS),
            delay_warning_time: Duration::ZERO,
        }
    }
}

impl RetryPolicy {
    /// The wait after so many attempts, in seconds: up to a fifth less or more, as `chance` has it, so that what
    /// failed together is not tried together again. At least 1.
    ///
    /// ```
    /// let policy = smtp_queue::RetryPolicy::default();
    /// assert!((240..=360).contains(&policy.backoff_secs(1, 0xfeed)));
    /// assert!((3200..=4000).contains(&policy.backoff_secs(100, 0xfeed)));
    /// ```
    #[must_use]
    pub fn backoff_secs(&self, attempts: u16, chance: u64) -> u32 {
        let longest = secs(self.maximal_backoff_time).max(1);
        let doublings = u32::from(attempts.saturating_sub(1)).min(32);
        let nominal = (u64::from(secs(self.minimal_backoff_time)) << doublings).min(longest.into());
        let from = nominal - nominal / 5;
        let to = (nominal + nominal / 5).min(longest.into());
        u32::try_from(from + mix(chance) % (to - from + 1)).unwrap_or(longest).max(1)
    }

    /// How long it is tried, in seconds.
    #[must_use]
    pub fn lifetime_secs(&self, is_report: bool) -> u32 {
        secs(if is_report { self.bounce_queue_lifetime } else { self.maximal_queue_lifetime })
    }

    /// After how many seconds its sender is told, if at all; of a report nobody is told.
    #[must_use]
    pub fn warning_secs(&self, is_report: bool) -> Option<u32> {
        let after = secs(self.delay_warning_time);
        (!is_report && after != 0).then_some(after)
    }
}

/// Spreads a number over all 64 bits, so that neighbours have nothing in common (the last step of `SplitMix64`).
pub(crate) fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn secs(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}
