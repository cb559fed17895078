//! How slowly content may come.
//!
//! * **In**: when octets are awaited, and how many came. **Out**: until when to wait for the next ones.
//! * **Promises**: only the time that the client is waited for counts, so a slow delivery never makes a
//!   client look slow. How the octets are cut makes no difference.
//! * **Limits**: [`Timeouts::content_idle`], [`Timeouts::content_total`], [`Limits::content_bytes_per_second_min`].
//! * **Panics**: never. **Spec**: RFC 5321 4.5.3.2.5.

use std::time::{Duration, Instant};

use crate::config::{Limits, SessionConfig, Timeouts};

/// The time that a client has left: each octet earns it some, silence costs it.
///
/// It never has more than [`Timeouts::content_idle`], so what it sent fast cannot be spent on a long
/// drip afterwards.
#[derive(Clone)]
pub(super) struct Pace {
    left: Duration,
    left_max: Duration,
    /// What an octet earns; all of `left_max` where no rate is asked for.
    per_octet: Duration,
    awaited_since: Option<Instant>,
    ends_before: Instant,
}

impl Pace {
    pub(super) fn new(config: &SessionConfig, now: Instant) -> Self {
        let Timeouts { content_idle, content_total, .. } = config.timeouts;
        let Limits { content_bytes_per_second_min: rate, .. } = config.limits;
        let second = Duration::from_secs(1);
        Self {
            left: content_idle,
            left_max: content_idle,
            per_octet: rate.and_then(|rate| second.checked_div(rate)).unwrap_or(content_idle),
            awaited_since: None,
            ends_before: now + content_total,
        }
    }

    /// Until when the next octets are awaited.
    pub(super) fn deadline(&mut self, now: Instant) -> Instant {
        let since = *self.awaited_since.get_or_insert(now);
        (since + self.left).min(self.ends_before)
    }

    /// When the content has to be whole.
    pub(super) fn ends_before(&self) -> Instant {
        self.ends_before
    }

    /// Octets came.
    pub(super) fn received(&mut self, bytes: usize, now: Instant) {
        if let Some(since) = self.awaited_since.take() {
            self.left = self.left.saturating_sub(now.saturating_duration_since(since));
        }
        if self.left < self.left_max {
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            let earned = self.per_octet.saturating_mul(bytes);
            self.left = self.left.saturating_add(earned).min(self.left_max);
        }
    }
}
