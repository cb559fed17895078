//! A message's content, from its first octet to the delivery's answer.
//!
//! * **In**: content octets, the delivery's result. **Out**: [`ContentAction`]s, then the final reply.
//! * **Promises**: while content is open no question is asked; between chunks only BDAT, NOOP, RSET,
//!   QUIT and EHLO act. 250 only for an `Ok` after the end. A refusal is answered at the true end.
//! * **Limits**: [`Limits::message_bytes_max`](crate::config::Limits::message_bytes_max), the content
//!   timeouts. **Panics**: never.
//! * **Spec**: RFC 5321 4.1.1.4, 4.5.2; RFC 3030 2; RFC 2033 4.2.

use bytes::{Buf, Bytes};
use smtp_proto::{Chunk, ClientName, Command, Reply, Verb, replies};

use super::Session;
use super::drain::{Draining, MessageFacts};
use super::framing::{Framing, Place};
use super::pace::Pace;
use super::state::{Mail, State};
use crate::body::{AbortedBy, BodyError};
use crate::config::{BareNewline, NulPolicy};
use crate::header::HeaderField;
use crate::hooks::{CloseReason, HookFailure};
use crate::in_flight::Share;
use crate::time::Now;
use crate::trace;
use crate::verdict::{Delivered, Rejection};

/// What the driver does next while a message's content is open.
#[derive(Debug)]
#[must_use = "an action that is not carried out stops the content"]
pub enum ContentAction<'a> {
    /// Read more octets into [`Session::input`], or report [`Session::handle_eof`] or
    /// [`Session::handle_timeout`].
    Read,
    /// Write these and report with [`Session::handle_written`] how many were.
    Write(&'a [u8]),
    /// The next piece of content: a slice of the input buffer, decoded in place.
    Chunk(Bytes),
    /// The content is whole. Said again on each further poll.
    End,
    /// The content will never be whole. Said again on each further poll.
    Failed(BodyError),
}

/// The content of one message, while a delivery takes it.
pub(super) struct Content {
    framing: Framing,
    progress: Progress,
    /// Carried out once the delivery has returned.
    next_command: Option<NextCommand>,
    message: MessageFacts,
    pace: Pace,
    /// What it takes of the room for content in flight, until the delivery has answered.
    share: Share,
    late_fields: Vec<HeaderField>,
}

enum Progress {
    Open,
    /// The last octet was handed out; `told` once the delivery asked for more and heard of the end.
    Ended {
        told: bool,
    },
    /// `at_end` if nothing of the refused data or chunk is left to read.
    Failed {
        error: BodyError,
        at_end: bool,
    },
}

enum NextCommand {
    Rset,
    Quit,
    Hello(Verb, ClientName<'static>),
    Close(Reply, CloseReason),
}

impl Content {
    pub(super) fn new(framing: Framing, message: MessageFacts, pace: Pace) -> Self {
        let (progress, share) = (Progress::Open, Share::default());
        let late_fields = Vec::new();
        Self { framing, progress, next_command: None, message, pace, share, late_fields }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.progress, Progress::Open)
    }

    /// Ends the connection with `reply`, once the delivery has returned.
    pub(super) fn close_with(&mut self, reply: Reply, reason: CloseReason) {
        self.abort(AbortedBy::Quit, NextCommand::Close(reply, reason));
    }

    fn abort(&mut self, by: AbortedBy, next: NextCommand) {
        self.progress = Progress::Failed { error: BodyError::Aborted(by), at_end: true };
        self.next_command = Some(next);
    }
}

/// Where one step through the content led.
enum Step {
    Again,
    Starved,
    Chunk(Bytes),
}

impl Session {
    /// The next piece of content, while [`Question::Message`](super::Question::Message) is open.
    ///
    /// Without an open message it says `Failed`.
    pub fn poll_content(&mut self, now: Now) -> ContentAction<'_> {
        self.now = now;
        let mut content = match self.take_state() {
            State::Content(content) => content,
            other => {
                self.state = other;
                return ContentAction::Failed(BodyError::Disconnected);
            }
        };
        let step = self.advance_content(&mut content);
        let finished = match (&step, &mut content.progress) {
            (Step::Chunk(_), _) | (_, Progress::Open) => None,
            (_, Progress::Ended { told }) => {
                *told = true;
                Some(ContentAction::End)
            }
            (_, Progress::Failed { error, .. }) => Some(ContentAction::Failed(error.clone())),
        };
        self.state = State::Content(content);
        match (step, finished) {
            (Step::Chunk(chunk), _) => ContentAction::Chunk(chunk),
            (_, Some(finished)) => finished,
            _ if !self.output.is_empty() => ContentAction::Write(self.output.bytes()),
            _ => ContentAction::Read,
        }
    }

    /// Goes on until there is something to say. Ends, since each turn consumes input.
    fn advance_content(&mut self, content: &mut Content) -> Step {
        while content.is_open() {
            if self.output.is_urgent() {
                return Step::Starved;
            }
            let step = match content.framing.place() {
                Place::Inside => self.decode_content(content),
                Place::AtEnd => self.acknowledge_chunk(content),
                Place::Between if self.read_line_between_chunks(content) => Step::Again,
                Place::Between => Step::Starved,
            };
            match step {
                Step::Again => self.deadline = None,
                Step::Chunk(chunk) => {
                    self.deadline = None;
                    return Step::Chunk(chunk);
                }
                Step::Starved => {
                    self.await_content(content);
                    return Step::Starved;
                }
            }
        }
        Step::Again
    }

    fn await_content(&mut self, content: &mut Content) {
        if !self.output.is_empty() {
            return;
        }
        let now = self.now.monotonic;
        let deadline = match content.framing.place() {
            Place::Between => (now + self.config.timeouts.command).min(content.pace.ends_before()),
            _ => content.pace.deadline(now),
        };
        self.await_input(deadline);
    }

    fn decode_content(&mut self, content: &mut Content) -> Step {
        let decoded = content.framing.decode(&mut self.input);
        if decoded.consumed == 0 && !decoded.end {
            return Step::Starved;
        }
        content.message.count(&decoded, &self.input);
        content.pace.received(decoded.consumed, self.now.monotonic);
        let fits = content.share.grow_to(content.message.bytes, &self.config);
        let no_room = (!fits).then_some(BodyError::InsufficientStorage);
        if let Some(error) = self.judge_content(&content.message).or(no_room) {
            self.input.advance(decoded.consumed);
            content.progress = Progress::Failed { error, at_end: decoded.end };
            return Step::Again;
        }
        if decoded.end && content.framing.ends_message() {
            content.progress = Progress::Ended { told: false };
            content.late_fields = self.missing_fields(&content.message);
        }
        if decoded.content == 0 {
            self.input.advance(decoded.consumed);
            return Step::Again;
        }
        let mut piece = self.input.split_to(decoded.consumed);
        piece.truncate(decoded.content);
        Step::Chunk(piece.freeze())
    }

    /// The fields that became known with the content, complete once [`poll_content`](Self::poll_content)
    /// said `End`; they go behind those of [`Message::fields`](super::Message::fields).
    #[must_use]
    pub fn late_fields(&self) -> &[HeaderField] {
        match &self.state {
            State::Content(content) => &content.late_fields,
            _ => &[],
        }
    }

    /// What a message lacks that its writer should have given it (RFC 6409 8.2, 8.3).
    fn missing_fields(&self, message: &MessageFacts) -> Vec<HeaderField> {
        let mut fields = Vec::new();
        if !self.config.is_submission() {
            return fields;
        }
        if !message.header.has_date {
            fields.push(trace::date_field(self.now.wall));
        }
        if let (false, Some(queue_id)) = (message.header.has_message_id, message.queue_id) {
            let salt = self.config.ids.salt(queue_id);
            fields.push(trace::message_id(queue_id, salt, &self.info.server_name));
        }
        fields
    }

    fn acknowledge_chunk(&mut self, content: &mut Content) -> Step {
        self.output.push_held(&replies::chunk_ok(content.framing.acknowledge()));
        Step::Again
    }

    /// What is wrong with the content so far. The order is fixed, or the reply to a message with
    /// several faults would depend on where the network cut it.
    pub(super) fn judge_content(&self, message: &MessageFacts) -> Option<BodyError> {
        if self.is_too_large(message.bytes) {
            return Some(BodyError::TooLarge);
        }
        if message.flaws.nul && self.config.nul == NulPolicy::Reject {
            return Some(BodyError::Nul);
        }
        let bare = message.flaws.bare_lf || message.flaws.bare_cr;
        if bare && self.bare_newline == BareNewline::Reject {
            return Some(BodyError::BareNewline);
        }
        let hops_max = self.config.limits.hops_max;
        hops_max.is_some_and(|max| max < message.header.hops).then_some(BodyError::TooManyHops)
    }

    pub(super) fn is_too_large(&self, bytes: u64) -> bool {
        self.config.limits.message_bytes_max.is_some_and(|max| max < bytes)
    }

    pub(super) fn handle_between_chunks(&mut self, command: Command<'_>, content: &mut Content) {
        let mut hello = |verb, name: ClientName<'_>| {
            if self.is_hello_of_service(verb) {
                content.abort(AbortedBy::Hello, NextCommand::Hello(verb, name.into_owned()));
            } else {
                self.refuse_hello();
            }
        };
        match command {
            Command::Ehlo(name) => hello(Verb::Ehlo, name),
            Command::Helo(name) => hello(Verb::Helo, name),
            Command::Lhlo(name) => hello(Verb::Lhlo, name),
            Command::Bdat(chunk) => self.next_chunk(chunk, content),
            Command::Noop => {
                self.guard.count_idle_command();
                self.output.push(&replies::OK);
            }
            Command::Rset => content.abort(AbortedBy::Rset, NextCommand::Rset),
            Command::Quit => content.abort(AbortedBy::Quit, NextCommand::Quit),
            _ => self.refuse(&replies::AFTER_BDAT),
        }
    }

    fn next_chunk(&mut self, chunk: Chunk, content: &mut Content) {
        if chunk.bytes == 0 && !chunk.last {
            self.guard.count_idle_command();
        }
        content.framing.next_chunk(chunk);
        if self.is_too_large(content.message.bytes.saturating_add(chunk.bytes)) {
            content.progress = Progress::Failed { error: BodyError::TooLarge, at_end: false };
        }
    }

    /// Answers [`Question::Message`](super::Question::Message) with the delivery's result.
    ///
    /// An `Ok` counts only if [`poll_content`](Self::poll_content) said `End` before: otherwise the client
    /// gets 451, and what the delivery did wrong is returned.
    pub fn answer_message(&mut self, result: Delivered) -> Option<HookFailure> {
        let content = match self.take_state() {
            State::Content(content) => content,
            other => {
                self.state = other;
                return None;
            }
        };
        let Content { framing, progress, next_command, message, pace, .. } = *content;
        let early = result.is_ok().then_some(HookFailure::AcknowledgedEarly);
        match progress {
            Progress::Ended { told: true } => return self.answer_heard(result, &message),
            Progress::Ended { told: false } => {
                self.conclude_unread(&refusal(result), &message, Mail::None);
            }
            Progress::Open => self.refuse_rest(framing, refusal(result), message, pace),
            Progress::Failed { error, at_end } => match next_command {
                Some(next) => self.carry_out(next),
                None => self.fail_message(error, at_end, framing, message, pace),
            },
        }
        early
    }

    /// The result of a delivery that heard of the end: the only one that may be an acceptance.
    fn answer_heard(&mut self, result: Delivered, message: &MessageFacts) -> Option<HookFailure> {
        match result {
            Ok(receipt) => {
                let (results, failure) = message.results(receipt, self.config.is_lmtp());
                self.conclude(&results, message, Mail::None);
                failure
            }
            Err(rejection) => {
                self.conclude_refused(&rejection, message, Mail::None);
                None
            }
        }
    }

    fn carry_out(&mut self, next: NextCommand) {
        self.state = match next {
            NextCommand::Rset => self.rset(),
            NextCommand::Quit => self.quit(),
            NextCommand::Hello(verb, name) => self.hello(verb, name, Mail::None),
            NextCommand::Close(reply, reason) => {
                self.output.push(&reply);
                State::Closing(reason)
            }
        };
    }

    fn fail_message(
        &mut self,
        error: BodyError,
        at_end: bool,
        framing: Framing,
        message: MessageFacts,
        pace: Pace,
    ) {
        #[cfg(feature = "testing")]
        if matches!(error, BodyError::Disconnected | BodyError::Slow) {
            // What else is refused is concluded first.
            self.hear_content(message.bytes);
        }
        match error {
            BodyError::Disconnected => {
                self.output.clear();
                self.state = State::Closing(CloseReason::Disconnected);
            }
            BodyError::Slow => self.close_with(&replies::TIMED_OUT, CloseReason::TimedOut),
            error if at_end => {
                let mail = framing.after_refusal();
                self.conclude_unread(&error.into(), &message, mail);
            }
            error => self.refuse_rest(framing, error.into(), message, pace),
        }
    }

    /// Reads the rest of refused content before the refusal is sent.
    fn refuse_rest(
        &mut self,
        framing: Framing,
        refusal: Rejection,
        message: MessageFacts,
        pace: Pace,
    ) {
        let mail = framing.after_refusal();
        match framing.place() {
            Place::Between => {
                let failed = Mail::Failed { refusal: Box::new(refusal), replies: message.replies };
                return self.state = State::Command(failed);
            }
            Place::AtEnd => return self.conclude_unread(&refusal, &message, mail),
            Place::Inside => {}
        }
        let draining = Draining { framing, refusal, message, mail, pace, judged: true };
        self.state = State::Draining(Box::new(draining));
    }

    /// The content is open no more. False if there was none.
    pub(super) fn fail_open_content(&mut self, error: BodyError) -> bool {
        let State::Content(content) = &mut self.state else { return false };
        if content.is_open() {
            content.progress = Progress::Failed { error, at_end: true };
        }
        true
    }

    /// Whoever drives the session went on without answering.
    pub(super) fn abandon_content(&mut self) {
        self.answer_message(Err(Rejection::local_error()));
    }
}

/// What a result is worth that came before the end: an `Ok` is a failure of the delivery.
fn refusal(result: Delivered) -> Rejection {
    result.err().unwrap_or_else(Rejection::local_error)
}
