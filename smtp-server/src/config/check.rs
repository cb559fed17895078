//! Whether anybody could be served with a configuration.
//!
//! * **In**: limits and times. **Out**: the first that makes no sense, by name.
//! * **Promises**: zero never means "no limit" by accident, and no time is too long for a clock to add up.
//! * **Limits**: these. **Panics**: never. **Spec**: RFC 5321 4.5.3 has minima; what lies below them is allowed.

use std::time::Duration;

use super::{Limits, SessionConfig, Timeouts};
use crate::error::ConfigError;

const TIME_MAX: Duration = Duration::from_hours(30 * 24);
const BYTES_PER_SECOND_MIN_MAX: u32 = 1_000_000;

impl SessionConfig {
    /// Whether the limits and times make sense; a `Server` asks when it is built.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] names the first that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        check_limits(&self.limits)?;
        check_timeouts(&self.timeouts)
    }
}

fn check_limits(limits: &Limits) -> Result<(), ConfigError> {
    const RULE: &str = "nobody could be served with 0; None means no limit";
    let counts = [
        ("message_bytes_max", limits.message_bytes_max == Some(0)),
        ("recipients_max", limits.recipients_max == Some(0)),
        ("errors_max", limits.errors_max == Some(0)),
        ("content_bytes_per_second_min", limits.content_bytes_per_second_min == Some(0)),
        ("connections_max", limits.connections_max == Some(0)),
        ("connections_per_client_max", limits.connections_per_client_max == Some(0)),
        ("connections_per_network_max", limits.connections_per_network_max == Some(0)),
        ("bytes_in_flight_max", limits.bytes_in_flight_max == Some(0)),
    ];
    for (name, is_zero) in counts {
        in_range(name, !is_zero, RULE)?;
    }
    let rate = limits.content_bytes_per_second_min.unwrap_or(1);
    let rule = "more than 1,000,000 octets a second would refuse most clients";
    in_range("content_bytes_per_second_min", rate <= BYTES_PER_SECOND_MIN_MAX, rule)?;
    let line_bytes = 64..=64 << 10;
    let rule = "a command line has 64 to 65,536 octets";
    in_range("command_line_bytes_max", line_bytes.contains(&limits.command_line_bytes_max), rule)?;
    let (ipv4, ipv6) = (limits.ipv4_network_prefix_bits, limits.ipv6_network_prefix_bits);
    in_range("ipv4_network_prefix_bits", (1..=32).contains(&ipv4), "a prefix has 1 to 32 bits")?;
    in_range("ipv6_network_prefix_bits", (1..=128).contains(&ipv6), "a prefix has 1 to 128 bits")
}

fn check_timeouts(timeouts: &Timeouts) -> Result<(), ConfigError> {
    let times = [
        ("command", timeouts.command),
        ("content_idle", timeouts.content_idle),
        ("content_total", timeouts.content_total),
        ("write", timeouts.write),
        ("handshake", timeouts.handshake),
        ("hook", timeouts.hook),
        ("commit", timeouts.commit),
    ];
    for (name, time) in times {
        in_range(name, !time.is_zero(), "nobody is served in no time")?;
        in_range(name, time <= TIME_MAX, "30 days are the longest time")?;
    }
    in_range("shutdown", timeouts.shutdown <= TIME_MAX, "30 days are the longest time")
}

fn in_range(name: &'static str, is_in_range: bool, rule: &'static str) -> Result<(), ConfigError> {
    if is_in_range { Ok(()) } else { Err(ConfigError::OutOfRange { name, rule }) }
}
