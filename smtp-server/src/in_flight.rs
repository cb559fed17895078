//! How much content all sessions hold at once.
//!
//! * **In**: octets that a delivery was handed. **Out**: whether there is room for them.
//! * **Promises**: octets count until the delivery has answered, or its session is gone. A client reserves
//!   nothing by announcing a size: it would hold the room without sending a single octet. A message
//!   that is alone always has room, or one larger than the limit could never come in.
//! * **Limits**: [`Limits::bytes_in_flight_max`](crate::config::Limits::bytes_in_flight_max), in steps of 256 KiB. The
//!   first step of each message is free: read buffers are as large, and the limit of connections
//!   bounds them. So most messages touch no counter that is shared. **Panics**: never.
//! * **Spec**: RFC 5321 4.2.2 (452), 7.8.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::SessionConfig;

const STEP_BYTES: u64 = 256 * 1024;

/// The content that the sessions of a server hold for deliveries which have not answered.
///
/// Sessions that share it share [`Limits::bytes_in_flight_max`](crate::config::Limits::bytes_in_flight_max).
#[derive(Debug, Default)]
pub struct InFlight {
    bytes: AtomicU64,
}

impl InFlight {
    fn has_room(&self, bytes: u64, bytes_max: u64) -> bool {
        let held = self.bytes.load(Ordering::Relaxed);
        held == 0 || (held < bytes_max && held.saturating_add(bytes) <= bytes_max)
    }

    /// Room for `bytes` more of a message that has `own`.
    fn reserve(&self, bytes: u64, own: u64, bytes_max: u64) -> bool {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = before == own || before.saturating_add(bytes) <= bytes_max;
        if !fits {
            self.release(bytes);
        }
        fits
    }

    fn release(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// What one message has of it; given back when dropped.
#[derive(Default)]
pub(crate) struct Share {
    reserved: u64,
    of: Option<Arc<InFlight>>,
}

impl Share {
    /// Whether a message may begin that is said to have `bytes`.
    pub(crate) fn has_room(config: &SessionConfig, bytes: u64) -> bool {
        let bytes_max = config.limits.bytes_in_flight_max;
        bytes_max.is_none_or(|bytes_max| config.in_flight.has_room(bytes, bytes_max))
    }

    /// Room for a message of `bytes` so far. False if there is none.
    pub(crate) fn grow_to(&mut self, bytes: u64, config: &SessionConfig) -> bool {
        let Some(bytes_max) = config.limits.bytes_in_flight_max else { return true };
        if bytes <= self.reserved.max(STEP_BYTES) {
            return true;
        }
        let missing = bytes.next_multiple_of(STEP_BYTES) - self.reserved;
        let fits = config.in_flight.reserve(missing, self.reserved, bytes_max);
        if fits {
            self.reserved += missing;
            self.of.get_or_insert_with(|| config.in_flight.clone());
        }
        fits
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(of) = &self.of {
            of.release(self.reserved);
        }
    }
}
