//! How long a session may go nowhere.
//!
//! * **In**: errors and commands without progress. **Out**: when it is enough.
//! * **Promises**: both are counted from the last message that was accepted.
//! * **Limits**: [`Limits::errors_max`], [`Limits::idle_commands_max`]. **Panics**: never.
//! * **Spec**: RFC 5321 4.3.2 (421), 7.8.

use crate::config::Limits;
use crate::hooks::CloseReason;

pub(super) struct Guard {
    errors: u32,
    errors_max: u32,
    idle_commands: u32,
    idle_commands_max: u32,
}

impl Guard {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            errors: 0,
            errors_max: limits.errors_max.unwrap_or(u32::MAX),
            idle_commands: 0,
            idle_commands_max: limits.idle_commands_max.unwrap_or(u32::MAX),
        }
    }

    pub(super) fn count_error(&mut self) {
        self.errors = self.errors.saturating_add(1);
    }

    pub(super) fn count_idle_command(&mut self) {
        self.idle_commands = self.idle_commands.saturating_add(1);
        if self.idle_commands_max < self.idle_commands {
            self.count_error();
        }
    }

    /// Whoever delivers may stay, as Postfix has it: the connection of a relay carries mail for many recipients, of
    /// whom some are unknown.
    pub(super) fn message_accepted(&mut self) {
        self.errors = 0;
        self.idle_commands = 0;
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.errors_max != u32::MAX && self.errors_max <= self.errors
    }

    pub(super) fn close_reason(&self, shutting_down: bool) -> CloseReason {
        if shutting_down && !self.is_exhausted() {
            CloseReason::ShuttingDown
        } else {
            CloseReason::TooManyErrors
        }
    }
}

/// Whether a line that is no command comes from something that speaks another protocol: a browser or a
/// proxy that was tricked into sending here what its user typed.
pub(super) fn is_foreign_protocol(line: &[u8]) -> bool {
    const METHODS: [&[u8]; 9] =
        [b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH"];
    let word = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    let looks_like_header = 1 < word.len()
        && word.ends_with(b":")
        && word[..word.len() - 1].iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    METHODS.contains(&word) || looks_like_header || line.starts_with(b"{")
}
