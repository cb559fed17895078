//! How content begins: DATA, BDAT and the last question before it.
//!
//! * **In**: the command, a verdict. **Out**: 354 and the message question, or a refusal.
//! * **Promises**: the octets of a refused chunk are read in any case: they are on their way already. Only where
//!   BDAT was not offered (HELO) the connection closes instead.
//! * **Limits**: [`Limits::message_bytes_max`](crate::config::Limits::message_bytes_max). **Panics**: never.
//! * **Spec**: RFC 5321 4.1.1.4; RFC 3030 2; RFC 2033 4.2.

use smtp_proto::{Chunk, Reply, replies};

use super::content::Content;
use super::drain::MessageFacts;
use super::framing::Framing;
use super::pace::Pace;
use super::state::{Asked, Mail, State, Transaction};
use super::{Message, Next, Session};
use crate::envelope::Envelope;
use crate::hooks::{CloseReason, HookFailure};
use crate::in_flight::Share;
use crate::trace;
use crate::verdict::{Rejection, Verdict};

impl Session {
    pub(super) fn data(&mut self, mail: Mail) -> State {
        match self.ready_for_content(mail) {
            Ok(transaction) if transaction.is_binary() => {
                self.refuse(&replies::BINARY_NEEDS_BDAT);
                State::Command(Mail::Open(transaction))
            }
            Ok(transaction) if !self.has_room_for(&transaction) => {
                self.refuse(&replies::INSUFFICIENT_STORAGE);
                State::Command(Mail::None)
            }
            Ok(transaction) => State::Asked(Asked::Data { transaction, framing: Framing::data() }),
            Err((reply, mail)) => {
                self.refuse(&reply);
                State::Command(mail)
            }
        }
    }

    /// The octets of a refused chunk are on their way already, so they are read.
    pub(super) fn bdat(&mut self, chunk: Chunk, mail: Mail) -> State {
        if self.info.hello.is_some() && !self.extended {
            // To a client that knows no extensions these octets are something else than a chunk.
            self.output.push(&replies::CHUNKING_NOT_OFFERED);
            return State::Closing(CloseReason::Refused);
        }
        let framing = match &mail {
            Mail::Open(transaction) if transaction.is_binary() => Framing::binary_chunk(chunk),
            _ => Framing::chunk(chunk),
        };
        let after_refusal = framing.after_refusal();
        let (refusal, mail) = match mail {
            Mail::Refused => (Rejection::stock(replies::CHUNK_WITHOUT_TRANSACTION), Mail::Refused),
            Mail::Failed { refusal, replies } => {
                return self.drain_from_here(framing, *refusal, after_refusal, replies);
            }
            mail => match self.ready_for_content(mail) {
                Ok(transaction) if self.is_too_large(chunk.bytes) => {
                    let refusal = Rejection::stock(replies::MESSAGE_TOO_LARGE);
                    return self.refuse_chunk(framing, refusal, &transaction);
                }
                Ok(transaction) if !self.has_room_for(&transaction) => {
                    let refusal = Rejection::insufficient_storage();
                    return self.refuse_chunk(framing, refusal, &transaction);
                }
                Ok(transaction) => return State::Asked(Asked::Data { transaction, framing }),
                Err((reply, mail)) => (Rejection::stock(reply), mail),
            },
        };
        self.drain_from_here(framing, refusal, mail, 1)
    }

    /// Answers [`Question::Data`](super::Question::Data).
    ///
    /// A message that is to be handled as the delivery does not honour is refused: then access control and
    /// delivery do not fit, which is returned.
    pub fn answer_data(&mut self, verdict: Verdict) -> Option<HookFailure> {
        let (mut transaction, framing) = match self.take_state() {
            State::Asked(Asked::Data { transaction, framing }) => (transaction, framing),
            other => {
                self.state = other;
                return None;
            }
        };
        let (rejection, failure) = match self.keep_verdict(verdict, &mut transaction) {
            Ok(()) => {
                if self.config.capabilities.honours(&transaction.envelope.handling) {
                    self.state = self.open_content(transaction, framing);
                    return None;
                }
                let rejection = Rejection::stock(replies::CONFIGURATION_ERROR);
                (rejection, Some(HookFailure::UnhonouredHandling))
            }
            Err(rejection) => (rejection, None),
        };
        if framing.is_data() {
            self.refuse_with(&rejection, Mail::None);
        } else {
            self.state = self.refuse_chunk(framing, rejection, &transaction);
        }
        failure
    }

    /// Refuses a transaction's first chunk before a delivery saw any of it.
    fn refuse_chunk(
        &self,
        framing: Framing,
        refusal: Rejection,
        transaction: &Transaction,
    ) -> State {
        let mail = framing.after_refusal();
        let replies = self.replies_expected(&transaction.envelope);
        self.drain_from_here(framing, refusal, mail, replies)
    }

    fn has_room_for(&self, transaction: &Transaction) -> bool {
        Share::has_room(&self.config, transaction.envelope.params.size.unwrap_or(0))
    }

    /// One reply, or on LMTP one per recipient.
    pub(super) fn replies_expected(&self, envelope: &Envelope) -> usize {
        if self.config.is_lmtp() { envelope.recipients.len() } else { 1 }
    }

    fn open_content(&mut self, transaction: Box<Transaction>, framing: Framing) -> State {
        if framing.is_data() {
            self.output.push(&replies::START_MAIL_INPUT);
        }
        let envelope = &transaction.envelope;
        let mut fields = envelope.handling.prepend.clone();
        fields.push(trace::received(&self.info, envelope, self.now.wall));
        let replies = self.replies_expected(envelope);
        let prdr = self.prdr_recipients(envelope);
        let facts = MessageFacts::new(replies, prdr, envelope.queue_id);
        let pace = Pace::new(&self.config, self.now.monotonic);
        State::Asked(Asked::Message {
            message: Box::new(Message { envelope: transaction.envelope, fields }),
            content: Box::new(Content::new(framing, facts, pace)),
        })
    }

    /// Moves the message out; from here on `poll_content` is called.
    pub(super) fn begin_message(&mut self) -> Next {
        match self.take_state() {
            State::Asked(Asked::Message { message, content }) => {
                self.state = State::Content(content);
                Next::Message(message)
            }
            other => {
                self.state = other;
                Next::Ask
            }
        }
    }

    /// With a recipient there is; without one the reply is 554 if some were refused, but 503 on LMTP (RFC 2033 4.2).
    fn ready_for_content(&self, mail: Mail) -> Result<Box<Transaction>, (Reply, Mail)> {
        match mail {
            Mail::Open(mut transaction) if !transaction.envelope.recipients.is_empty() => {
                let envelope = &mut transaction.envelope;
                if !self.config.is_lmtp() && !self.agreed_on_prdr(envelope) {
                    envelope.drop_repeated_recipients();
                }
                Ok(transaction)
            }
            Mail::Open(transaction) if 0 < transaction.refused && !self.config.is_lmtp() => {
                Err((replies::NO_VALID_RECIPIENTS, Mail::Open(transaction)))
            }
            Mail::Open(transaction) => Err((replies::NEED_RECIPIENT, Mail::Open(transaction))),
            other => Err((replies::NEED_MAIL, other)),
        }
    }
}
