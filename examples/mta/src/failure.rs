//! Why the program cannot go on, and how it says so.
//!
//! * **In**: a reason in words. **Out**: one line on standard error and an exit code.
//! * **Promises**: exactly one line whatever the words contain; writing it never fails or panics, also when
//!   nobody reads standard error any more.
//! * **Limits**: none. **Panics**: never.
//! * **Spec**: the codes are those of BSD sysexits(3), as Postfix uses them.

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
    /// 64 (`EX_USAGE`): an unknown option or name, or a bad value.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { code: 64, message: message.into() }
    }

    /// 66 (`EX_NOINPUT`): a file that cannot be read or understood.
    pub(crate) fn unreadable(message: impl Into<String>) -> Self {
        Self { code: 66, message: message.into() }
    }

    /// 69 (`EX_UNAVAILABLE`): a port or socket that is taken or not permitted.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self { code: 69, message: message.into() }
    }

    /// 75 (`EX_TEMPFAIL`): something cannot be written now: a data directory that is in use, a full disk.
    pub(crate) fn temporary(message: impl Into<String>) -> Self {
        Self { code: 75, message: message.into() }
    }

    /// 78 (`EX_CONFIG`): options that do not fit together.
    pub(crate) fn configuration(message: impl Into<String>) -> Self {
        Self { code: 78, message: message.into() }
    }

    /// The words alone, where nothing ends.
    pub(crate) fn message(&self) -> &str {
        &self.message
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
    // In one piece, so that no line of the log gets into it.
    let line = format!("mta: {}\n", message.replace(char::is_control, "?"));
    // A program that serves must not end because nobody reads what it says.
    let _ = std::io::stderr().write_all(line.as_bytes());
}
