//! Delays as Postfix's log has them.
//!
//! * **In**: a duration. **Out**: seconds with two digits that count, and none below a hundredth.
//! * **Promises**: rounded, not cut; no zeros at the end. **Limits**: none. **Panics**: never.
//! * **Spec**: postconf(5), `delay_logging_resolution_limit`.

use std::fmt::Write as _;
use std::time::Duration;

const MICROS: u128 = 1_000_000;

/// `0`, `0.01`, `1.3`, `12`, `4000`.
pub(super) fn format(duration: Duration) -> String {
    let resolution = match duration.as_secs() {
        0 => MICROS / 100,
        1..=9 => MICROS / 10,
        _ => MICROS,
    };
    let rounded = duration.as_micros() + resolution / 2;
    let (seconds, micros) = (rounded / MICROS, rounded % MICROS);
    let mut text = seconds.to_string();
    if micros >= resolution {
        let hundredths = micros / resolution * resolution / (MICROS / 100);
        // Writing to a string cannot fail.
        let _ = write!(text, ".{hundredths:02}");
        text.truncate(text.trim_end_matches('0').len());
    }
    text
}
