//! What can go wrong in a test, told so that the reason can be seen.
//!
//! * **In**: what was waited for and what came instead. **Out**: typed errors; printed, they show each message that did
//!   arrive and why it was not the one, and what was said on the last connections, without secrets.
//! * **Promises**: `Debug` of an [`InboxError`] is its text, so that `unwrap` shows it.
//! * **Limits**: [`MESSAGES_SHOWN_MAX`], [`TRANSCRIPTS_SHOWN_MAX`], [`LINES_SHOWN_MAX`]. **Panics**: never. **Spec**: none.

use std::fmt;
use std::io;
use std::time::Duration;

use super::message::TestMessage;
use super::transcript::Transcript;
use crate::error::ConfigError;
use crate::tls::TlsConfigError;

/// How many messages an error shows; the rest is counted.
pub const MESSAGES_SHOWN_MAX: usize = 20;
/// Of how many connections an error shows what was said: the last ones.
pub const TRANSCRIPTS_SHOWN_MAX: usize = 3;
/// How many lines of a connection an error shows: the last ones.
pub const LINES_SHOWN_MAX: usize = 50;

/// Why a test server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// No port of the loopback, no thread, or no runtime was to be had.
    #[error("the test server cannot run here: {0}")]
    Io(#[from] io::Error),
    /// The certificates could not be made.
    #[error("the test server's certificates cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The certificates cannot be used.
    #[error("the test server's certificates cannot be used: {0}")]
    Tls(#[from] TlsConfigError),
    /// What was asked for makes no server.
    #[error("the test server cannot be built: {0}")]
    Config(#[from] ConfigError),
}

/// An inbox did not get what the test expects.
pub struct InboxError(Box<Report>);

/// In which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InboxErrorKind {
    /// No message was the one waited for.
    NoMatch,
    /// Some of the expected messages are not there.
    Incomplete {
        /// How many are there.
        found: usize,
        /// How many were expected.
        expected: usize,
    },
    /// There is a message where none should be.
    Unexpected,
}

/// All that an error tells.
pub(super) struct Report {
    pub(super) kind: InboxErrorKind,
    /// How long it was waited.
    pub(super) within: Duration,
    /// Whose messages the inbox shows, as the inbox prints it; empty for everybody's.
    pub(super) view: String,
    /// The messages of the view, and why each was not the one, where a matcher says so.
    pub(super) arrived: Vec<(TestMessage, Option<String>)>,
    /// How many messages came for others than the view's.
    pub(super) elsewhere: usize,
    /// The connections on which a recipient of the view was named, in the order in which they began.
    pub(super) transcripts: Vec<Transcript>,
}

impl InboxError {
    pub(super) fn new(report: Report) -> Self {
        Self(Box::new(report))
    }

    /// In which way the expectation was missed.
    #[must_use]
    pub fn kind(&self) -> InboxErrorKind {
        self.0.kind
    }

    /// The messages that did arrive.
    pub fn arrived(&self) -> impl Iterator<Item = &TestMessage> {
        self.0.arrived.iter().map(|(message, _)| message)
    }

    /// What was said on the newest connections; of a view, on those that named one of its recipients.
    #[must_use]
    pub fn transcripts(&self) -> &[Transcript] {
        &self.0.transcripts
    }
}

impl std::error::Error for InboxError {}

impl fmt::Debug for InboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for InboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { kind, within, view, .. } = &*self.0;
        match kind {
            InboxErrorKind::NoMatch => write!(f, "no such message came{view} within {within:?}")?,
            InboxErrorKind::Incomplete { found, expected } => {
                write!(f, "{found} of {expected} expected messages came{view} within {within:?}")?;
            }
            InboxErrorKind::Unexpected => write!(f, "a message came{view} where none should")?,
        }
        self.0.fmt_messages(f)?;
        self.0.fmt_transcripts(f)
    }
}

impl Report {
    fn fmt_messages(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.arrived.len() {
            0 => f.write_str("; nothing arrived")?,
            count => write!(f, "; {count} arrived:")?,
        }
        let shown = self.arrived.iter().take(MESSAGES_SHOWN_MAX);
        for (number, (message, reason)) in shown.enumerate() {
            write!(f, "\n{:3}. {}", number + 1, message.summary())?;
            for line in reason.iter().flat_map(|reason| reason.lines()) {
                write!(f, "\n     {line}")?;
            }
        }
        match self.arrived.len().saturating_sub(MESSAGES_SHOWN_MAX) {
            0 => {}
            more => write!(f, "\n     and {more} more")?,
        }
        match self.elsewhere {
            0 => Ok(()),
            count => write!(f, "\n{count} arrived for other recipients"),
        }
    }

    fn fmt_transcripts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.transcripts.is_empty() {
            return write!(f, "\nno client wanted to send{}", self.view);
        }
        let left_out = self.transcripts.len().saturating_sub(TRANSCRIPTS_SHOWN_MAX);
        for transcript in &self.transcripts[left_out..] {
            let lines = transcript.lines();
            f.write_str("\n")?;
            for line in &lines[lines.len().saturating_sub(LINES_SHOWN_MAX)..] {
                write!(f, "\n{line}")?;
            }
        }
        Ok(())
    }
}
