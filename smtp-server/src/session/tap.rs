//! What a test hears of a session.
//!
//! * **In**: lines, replies and content as the session handles them. **Out**: a transcript.
//! * **Promises**: a session without a tap does what it does without the feature `testing`.
//! * **Limits**: the transcript's. **Panics**: never. **Spec**: none.

use std::sync::Arc;

use super::Session;
use super::command::Start;
use super::state::State;
use crate::testing::Transcript;

/// What is attached to a session under test.
pub(crate) struct Tap {
    transcript: Option<Transcript>,
}

impl Tap {
    pub(crate) fn new(transcript: Option<Transcript>) -> Self {
        Self { transcript }
    }
}

impl Session {
    /// The same session with a tap, before its first octet.
    pub(crate) fn with_tap(mut self, tap: Tap) -> Self {
        self.tap = Some(Box::new(tap));
        self.keep_transcript();
        self
    }

    /// Leaves the transcript for hooks: all else that was known may be forgotten, but not that.
    pub(super) fn keep_transcript(&mut self) {
        let Some(transcript) = self.transcript().cloned() else { return };
        self.client_extensions.insert(transcript.clone());
        Arc::make_mut(&mut self.info).extensions.insert(transcript);
    }

    pub(super) fn hear(&self, start: &Start) {
        let Some(transcript) = self.transcript() else { return };
        let now = self.now.monotonic;
        match start {
            Start::Incomplete => {}
            Start::Line { bytes, .. } => {
                let line = self.input.get(..*bytes).unwrap_or_default();
                if matches!(self.state, State::Exchange(_)) {
                    transcript.response(line, now);
                } else {
                    transcript.command(line, now);
                }
            }
            Start::TooLong => transcript.note("a line that is too long".to_owned(), now),
            Start::Endless => transcript.note("a line without an end".to_owned(), now),
            Start::BareLineFeed => transcript.note("a bare line feed".to_owned(), now),
        }
    }

    /// So many octets of the output were written.
    pub(super) fn hear_written(&self, bytes: usize) {
        let Some(transcript) = self.transcript() else { return };
        let octets = self.output.bytes();
        transcript.written(octets.get(..bytes).unwrap_or(octets), self.now.monotonic);
    }

    pub(super) fn hear_content(&self, bytes: u64) {
        let Some(transcript) = self.transcript() else { return };
        transcript.content(bytes, self.now.monotonic);
    }

    fn transcript(&self) -> Option<&Transcript> {
        self.tap.as_ref()?.transcript.as_ref()
    }
}
