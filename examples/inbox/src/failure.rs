//! Why the program cannot go on, and how it says so.
//!
//! * **In**: a reason in words. **Out**: one line on standard error and an exit code.
//! * **Promises**: exactly one line whatever the words contain. **Limits**: none. **Panics**: never.
//! * **Spec**: the codes of BSD sysexits(3).

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

/// An end that the user can do something about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// 1: what was waited for did not come.
    pub(crate) fn in_vain(message: impl Into<String>) -> Self {
        Self { code: 1, message: message.into() }
    }

    /// 64 (`EX_USAGE`): an unknown option, or a bad value.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { code: 64, message: message.into() }
    }

    /// 66 (`EX_NOINPUT`): a file that cannot be read.
    pub(crate) fn unreadable(message: impl Into<String>) -> Self {
        Self { code: 66, message: message.into() }
    }

    /// 69 (`EX_UNAVAILABLE`): a port that is taken or not permitted; no inbox to ask.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self { code: 69, message: message.into() }
    }

    /// 75 (`EX_TEMPFAIL`): a data directory that is in use or cannot be written.
    pub(crate) fn temporary(message: impl Into<String>) -> Self {
        Self { code: 75, message: message.into() }
    }

    /// 78 (`EX_CONFIG`): options that do not fit together.
    pub(crate) fn configuration(message: impl Into<String>) -> Self {
        Self { code: 78, message: message.into() }
    }

    /// Says why, and gives the code to end with.
    pub(crate) fn report(&self) -> ExitCode {
        say(&self.message);
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

/// Writes one line for the user to standard error.
pub(crate) fn say(message: &str) {
    let line = format!("inbox: {}\n", message.replace(char::is_control, "?"));
    // A program that serves must not end because nobody reads what it says.
    let _ = std::io::stderr().write_all(line.as_bytes());
}
