//! What a test hears of a session and does to it.
//!
//! * **In**: lines, replies and content as the session handles them; faults. **Out**: a transcript; a command that is
//!   answered by a fault, or a driver that is called to carry one out.
//! * **Promises**: a session without a tap does what it does without the feature `testing`. A command that a fault
//!   answers is not handled, so the state is what its client can know. What was answered before is written before
//!   the driver is called.
//! * **Limits**: the transcript's. **Panics**: never. **Spec**: none.

use std::sync::Arc;

use smtp_proto::{Command, SyntaxError};

use super::command::Start;
use super::framing::Framing;
use super::state::{Mail, State};
use super::{FinalReply, Next, Session};
use crate::hooks::CloseReason;
use crate::testing::{Fault, Occurrence, Script, Transcript};
use crate::time::Now;
use crate::verdict::Rejection;

/// What is attached to a session under test.
pub(crate) struct Tap {
    transcript: Option<Transcript>,
    script: Option<Script>,
    met: Option<Met>,
}

/// Where a fault is.
enum Met {
    /// The driver has to carry it out before the line at the front of the input is handled.
    AtLine(Fault),
    /// It has, and the line is handled next.
    Passed,
    /// The line is answered with this.
    Answered(Rejection),
    /// The driver has to carry it out before anything else is written.
    AtReply(Fault),
}

impl Tap {
    pub(crate) fn new(transcript: Option<Transcript>, script: Option<Script>) -> Self {
        Self { transcript, script, met: None }
    }
}

impl Session {
    /// The same session with a tap, before its first octet.
    pub(crate) fn with_tap(mut self, tap: Tap) -> Self {
        self.tap = Some(Box::new(tap));
        self.keep_transcript();
        self
    }

    /// The faults of this connection.
    pub(crate) fn script(&self) -> Option<Script> {
        self.tap.as_ref()?.script.clone()
    }

    /// The fault that the driver has to carry out, when [`poll`](Self::poll) says `Close`.
    pub(crate) fn take_fault(&mut self) -> Option<Fault> {
        let met = &mut self.tap.as_mut()?.met;
        let (fault, next) = match met.take()? {
            // The driver writes the garbage in place of this answer.
            Met::AtLine(fault @ Fault::Garbage(_)) => {
                (fault, Some(Met::Answered(Rejection::local_error())))
            }
            Met::AtLine(fault) => (fault, Some(Met::Passed)),
            Met::AtReply(fault) => (fault, None),
            other => {
                *met = Some(other);
                return None;
            }
        };
        *met = next;
        Some(fault)
    }

    /// Has the driver called for a fault that a message met.
    pub(crate) fn meet_due_fault(&mut self) {
        let Some(tap) = &mut self.tap else { return };
        if let Some(fault) = tap.script.as_ref().and_then(Script::take_due) {
            tap.met = Some(Met::AtReply(fault));
        }
    }

    /// Something else is written in place of the output. Gives the final reply that is not written therefore.
    pub(crate) fn replace_reply(&mut self, octets: &[u8]) -> Option<FinalReply> {
        if let Some(transcript) = self.transcript() {
            transcript.written(octets, self.now.monotonic);
        }
        self.output.clear();
        self.final_reply.take()
    }

    /// The time is `now`, between two polls.
    pub(crate) fn turn_to(&mut self, now: Now) {
        self.now = now;
    }

    /// The connection ends without another octet.
    pub(crate) fn cut(&mut self) {
        self.output.clear();
        self.state = State::Closing(CloseReason::Cut);
    }

    /// Leaves the transcript for hooks: all else that was known may be forgotten, but not that.
    pub(super) fn keep_transcript(&mut self) {
        let Some(transcript) = self.transcript().cloned() else { return };
        self.client_extensions.insert(transcript.clone());
        Arc::make_mut(&mut self.info).extensions.insert(transcript);
    }

    /// What comes before everything else: the driver, if a fault waits for it.
    pub(super) fn next_for_fault(&self) -> Option<Next> {
        match self.tap.as_ref()?.met.as_ref()? {
            Met::AtLine(_) if !self.output.is_empty() => Some(Next::Write),
            Met::AtLine(_) | Met::AtReply(_) => Some(Next::Close(CloseReason::Cut)),
            Met::Passed | Met::Answered(_) => None,
        }
    }

    /// Hears what the input begins with, and looks for a fault. True if the driver is needed first.
    pub(super) fn is_interrupted(&mut self, start: &Start) -> bool {
        if self.tap.as_ref().is_none_or(|tap| tap.met.is_some()) {
            return false;
        }
        self.hear(start);
        let Start::Line { bytes, .. } = start else { return false };
        let met = match self.fault_of_line(*bytes) {
            None => return false,
            Some(Fault::Answer(rejection)) => Met::Answered(rejection),
            Some(fault) => Met::AtLine(fault),
        };
        let is_interrupted = matches!(met, Met::AtLine(_));
        if let Some(tap) = &mut self.tap {
            tap.met = Some(met);
        }
        is_interrupted
    }

    /// The transaction, if the command is to be handled; otherwise a fault has answered it.
    pub(super) fn pass_fault(
        &mut self,
        parsed: &Result<Command<'_>, SyntaxError>,
        mail: Mail,
    ) -> Option<Mail> {
        let met = self.tap.as_mut().and_then(|tap| tap.met.take());
        let Some(Met::Answered(rejection)) = met else { return Some(mail) };
        let (rejection, mail) = match parsed {
            Ok(Command::Bdat(chunk)) => {
                let framing = Framing::chunk(*chunk);
                let after_refusal = framing.after_refusal();
                let replies = mail.envelope().map_or(1, |envelope| self.replies_expected(envelope));
                self.state = self.drain_from_here(framing, rejection, after_refusal, replies);
                return None;
            }
            Ok(Command::Data) => (rejection, Mail::None),
            Ok(Command::Ehlo(_) | Command::Helo(_) | Command::Lhlo(_)) => {
                (rejection.without_enhanced_code(), mail)
            }
            _ => (rejection, mail),
        };
        // It is no error of the client's, so it is not counted as one.
        self.output.push(rejection.reply());
        self.state = if rejection.closes() {
            State::Closing(CloseReason::Refused)
        } else {
            State::Command(mail)
        };
        None
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
            Start::TooLong => transcript.lost_line("a line that is too long", now),
            Start::Endless => transcript.lost_line("a line without an end", now),
            Start::BareLineFeed => transcript.lost_line("a bare line feed", now),
            Start::TlsHello => transcript.lost_line("the hello of a TLS client", now),
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

    /// A line that is no command meets none, nor does a chunk that nothing is done with, nor a client without service.
    fn fault_of_line(&self, bytes: usize) -> Option<Fault> {
        let script = self.tap.as_ref()?.script.as_ref()?;
        let State::Command(mail) = &self.state else { return None };
        let command = self.config.dialect.parse(self.input.get(..bytes)?).ok()?;
        let is_further_chunk = matches!(command, Command::Bdat(_))
            && matches!(mail, Mail::Failed { .. } | Mail::Refused);
        if is_further_chunk || matches!(mail, Mail::NoService(_)) {
            return None;
        }
        let occurrence = Occurrence::command(&command, mail.envelope());
        script.at(&occurrence, self.now.monotonic)
    }
}
