//! What was said on each connection.
//!
//! * **In**: lines as a session hears and writes them, events. **Out**: the same lines for people, with their times.
//! * **Promises**: no password, token or SASL message is in it, nor any content: of these it says that they came,
//!   and how large they were. No line holds a control character.
//! * **Limits**: [`BYTES_MAX`] octets of text a connection, of which the oldest are left out first;
//!   [`CONNECTIONS_MAX`] connections. **Panics**: never. **Spec**: none.

mod redaction;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::driver::now;
use crate::hooks::{Event, Observer};
use crate::info::SessionInfo;

use redaction::Redaction;

const CONNECTIONS_MAX: usize = 100;
const BYTES_MAX: usize = 64 * 1024;

/// The transcripts of a server's newest connections: a handle, whose clones are one and the same.
///
/// Give it to [`ServerBuilder::transcripts`](crate::ServerBuilder::transcripts). A hook finds the transcript of its own
/// connection with `info.extensions.find::<Transcript>()`.
#[derive(Clone, Debug, Default)]
pub struct Transcripts(Arc<Mutex<VecDeque<Transcript>>>);

/// What was said on one connection so far: a handle, which goes on while the connection does.
///
/// It displays as text, one line each.
#[derive(Clone)]
pub struct Transcript(Arc<Shared>);

struct Shared {
    begun: Instant,
    said: Mutex<Said>,
}

#[derive(Default)]
struct Said {
    lines: VecDeque<TranscriptLine>,
    bytes: usize,
    left_out: usize,
    redaction: Redaction,
    /// What the server wrote of a line that has not ended.
    unfinished: Vec<u8>,
}

/// One line of a [`Transcript`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TranscriptLine {
    /// When, in milliseconds since the connection began.
    pub at_millis: u64,
    /// Who said it.
    pub from: Speaker,
    /// What, without the line ending.
    pub text: String,
}

/// Who says a line of a [`Transcript`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The client, on the wire.
    Client,
    /// The server, on the wire.
    Server,
    /// Nobody: something that happened, such as a handshake.
    Note,
}

impl Transcripts {
    /// The newest connections, 100 at most, in the order in which they began.
    #[must_use]
    pub fn recent(&self) -> Vec<Transcript> {
        self.lock().iter().cloned().collect()
    }

    pub(crate) fn begin(&self, info: &SessionInfo, now: Instant) -> Transcript {
        let transcript =
            Transcript(Arc::new(Shared { begun: now, said: Mutex::new(Said::default()) }));
        let client = info.peer.remote.map_or_else(String::new, |remote| format!(" from {remote}"));
        transcript.note(format!("{} connection{client}", info.service), now);
        let mut recent = self.lock();
        if CONNECTIONS_MAX <= recent.len() {
            recent.pop_front();
        }
        recent.push_back(transcript.clone());
        transcript
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Transcript>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells of what is not a line.
impl Observer for Transcripts {
    fn on_event(&self, event: &Event<'_>, info: &SessionInfo) {
        let Some(transcript) = info.extensions.find::<Transcript>() else { return };
        let note = match (event, &info.tls) {
            (Event::TlsStarted, Some(tls)) => format!("{} with {}", tls.protocol, tls.cipher),
            (Event::TlsFailed { error }, _) => format!("the TLS handshake failed: {error}"),
            (Event::HookFailed { hook, failure }, _) => format!("{hook:?} {failure:?}"),
            (Event::Closed { reason, .. }, _) => format!("closed: {reason:?}"),
            _ => return,
        };
        transcript.note(note, now().monotonic);
    }
}

impl Transcript {
    /// The lines so far. If there were too many, a note in front says how many are left out.
    #[must_use]
    pub fn lines(&self) -> Vec<TranscriptLine> {
        let said = self.lock();
        let left_out = (0 < said.left_out).then(|| TranscriptLine {
            at_millis: 0,
            from: Speaker::Note,
            text: format!("{} lines are left out here", said.left_out),
        });
        left_out.into_iter().chain(said.lines.iter().cloned()).collect()
    }

    /// A line in place of a command.
    pub(crate) fn command(&self, line: &[u8], now: Instant) {
        let mut said = self.lock();
        let text = said.redaction.command(line);
        said.push(self.line(Speaker::Client, text, now));
    }

    /// A line that was thrown away, for this reason.
    pub(crate) fn lost_line(&self, reason: &str, now: Instant) {
        let mut said = self.lock();
        said.redaction.lost();
        said.push(self.line(Speaker::Note, reason.to_owned(), now));
    }

    /// A line in a SASL exchange.
    pub(crate) fn response(&self, line: &[u8], now: Instant) {
        let text = redaction::response(line);
        self.lock().push(self.line(Speaker::Client, text, now));
    }

    pub(crate) fn content(&self, bytes: u64, now: Instant) {
        let octets = if bytes == 1 { "octet" } else { "octets" };
        let text = format!("({} {octets} of content)", grouped(bytes));
        self.lock().push(self.line(Speaker::Client, text, now));
    }

    /// Octets that were written, in pieces of any size.
    pub(crate) fn written(&self, octets: &[u8], now: Instant) {
        let mut said = self.lock();
        for piece in octets.split_inclusive(|octet| *octet == b'\n') {
            said.unfinished.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let text = said.take_unfinished();
                said.push(self.line(Speaker::Server, text, now));
            }
        }
    }

    pub(crate) fn note(&self, text: String, now: Instant) {
        self.lock().push(self.line(Speaker::Note, text, now));
    }

    fn line(&self, from: Speaker, text: String, now: Instant) -> TranscriptLine {
        let millis = now.saturating_duration_since(self.0.begun).as_millis();
        TranscriptLine { at_millis: u64::try_from(millis).unwrap_or(u64::MAX), from, text }
    }

    fn lock(&self) -> MutexGuard<'_, Said> {
        self.0.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Said {
    fn push(&mut self, line: TranscriptLine) {
        if !self.unfinished.is_empty() && line.from != Speaker::Server {
            let text = self.take_unfinished();
            self.keep(TranscriptLine { from: Speaker::Server, text, ..line });
        }
        self.keep(line);
    }

    fn keep(&mut self, line: TranscriptLine) {
        self.bytes += line.text.len();
        self.lines.push_back(line);
        while BYTES_MAX < self.bytes {
            let Some(oldest) = self.lines.pop_front() else { return };
            self.bytes -= oldest.text.len();
            self.left_out += 1;
        }
    }

    fn take_unfinished(&mut self) -> String {
        redaction::reply(&std::mem::take(&mut self.unfinished))
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines().iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl fmt::Debug for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lines()).finish()
    }
}

impl fmt::Display for TranscriptLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = match self.from {
            Speaker::Client => "C:",
            Speaker::Server => "S:",
            Speaker::Note => "--",
        };
        write!(f, "{:>6} ms {from} {}", self.at_millis, self.text)
    }
}

/// A number for people: 1234567 is `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if 0 < index && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn the_oldest_lines_are_left_out() {
        let now = now().monotonic;
        let transcript =
            Transcript(Arc::new(Shared { begun: now, said: Mutex::new(Said::default()) }));
        for index in 0..200 {
            transcript.note(format!("{index:01000}"), now);
        }
        let lines = transcript.lines();
        assert_eq!(lines.len(), 1 + BYTES_MAX / 1000);
        assert_eq!(lines[0].text, format!("{} lines are left out here", 200 - BYTES_MAX / 1000));
        assert!(lines.last().is_some_and(|line| line.text.ends_with("00199")));
    }

    #[test]
    fn a_reply_that_was_cut_is_a_line() {
        let now = now().monotonic;
        let transcript =
            Transcript(Arc::new(Shared { begun: now, said: Mutex::new(Said::default()) }));
        transcript.written(b"250-mx", now);
        transcript.written(b".test\r\n250 SI", now);
        transcript.note("closed".to_owned(), now);
        let texts = transcript.lines().into_iter().map(|line| line.text).collect::<Vec<_>>();
        assert_eq!(texts, ["250-mx.test", "250 SI", "closed"]);
    }
}
