//! The course of a mail transaction.
//!
//! * **In**: a [`Transaction`], replies, content. **Out**: commands, [`Action::Recipient`].
//! * **Promises**: MAIL, RCPT, DATA in this order; with PIPELINING in one group that DATA ends, BDAT after all
//!   their replies; a transaction that led to nothing is followed by RSET; content that is broken off never looks whole.
//! * **Limits**: content is passed on as it comes. **Panics**: never.
//! * **Spec**: RFC 5321 3.3, 4.5.2 and 4.5.3.1.10, RFC 2920 3.1, RFC 3030 2, RFC 2033 4.2.

use std::collections::VecDeque;

use smtp_proto::{Chunk, Command, DataEncoder, Reply, ReplyCode};

use super::{Action, Answer, Cause, ClientSession, Expected, Protocol, Stage, State, Transaction};

/// A transaction on its way.
pub(super) struct Running {
    transaction: Transaction,
    /// Commands that were sent: MAIL, then the recipients, then DATA or BDAT.
    sent: usize,
    /// The recipients that the next hop accepted so far, by their index in the entry.
    accepted: VecDeque<u32>,
    /// MAIL was refused, and so are all recipients.
    is_refused: bool,
    /// As DATA wants it.
    encoder: DataEncoder,
    /// Octets that the chunk still needs.
    chunk_bytes_left: u64,
}

impl Running {
    pub(super) fn new(transaction: Transaction) -> Self {
        Self {
            chunk_bytes_left: transaction.chunk_bytes.unwrap_or_default(),
            transaction,
            sent: 0,
            accepted: VecDeque::new(),
            is_refused: false,
            encoder: DataEncoder::new(),
        }
    }

    /// The next command, unless all were sent or it has to wait for replies.
    fn next_command(
        &mut self,
        pipelining: bool,
        is_waiting: bool,
    ) -> Option<(Command<'static>, Expected)> {
        if is_waiting && !pipelining {
            return None;
        }
        let place = self.sent;
        let recipients = &self.transaction.recipients;
        let next = match place.checked_sub(1) {
            None => (self.transaction.mail.clone(), Expected::Mail),
            Some(_) if self.is_refused => return None,
            Some(recipient) if recipient < recipients.len() => {
                (recipients.get(recipient)?.1.clone(), Expected::Rcpt(recipient))
            }
            Some(recipient) if recipient > recipients.len() => return None,
            Some(_) if self.transaction.chunk_bytes.is_some() => return None,
            Some(_) if !is_waiting && self.accepted.is_empty() => return None,
            Some(_) => (Command::Data, Expected::Data),
        };
        self.sent += 1;
        Some(next)
    }
}

impl ClientSession {
    /// Takes the next piece of content; only after [`Action::Content`].
    pub fn content(&mut self, octets: &[u8]) {
        let State::Content(running) = &mut self.state else { return };
        self.steps += 1;
        if running.transaction.chunk_bytes.is_none() {
            return running.encoder.encode(octets, &mut self.output);
        }
        match running.chunk_bytes_left.checked_sub(octets.len() as u64) {
            Some(left) => {
                running.chunk_bytes_left = left;
                self.output.extend_from_slice(octets);
            }
            None => self.handle_broken_content("it is longer than it was".to_owned()),
        }
    }

    /// The content is whole; only after [`Action::Content`].
    pub fn content_end(&mut self) {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Content(running) if running.chunk_bytes_left > 0 => {
                self.state = State::Content(running);
                self.handle_broken_content("it is shorter than it was".to_owned());
            }
            State::Content(mut running) => {
                if running.transaction.chunk_bytes.is_none() {
                    std::mem::take(&mut running.encoder).finish(&mut self.output);
                }
                self.expect_end(running);
            }
            other => self.state = other,
        }
    }

    /// The content could not be read to its end: the connection is of no use any more, since what was sent has to
    /// stay a fragment.
    pub fn handle_broken_content(&mut self, reason: String) {
        if matches!(self.state, State::Content(_)) {
            self.fail(Stage::Content, Cause::Content(reason));
        }
    }

    pub(super) fn advance(&mut self) {
        // Ends, since each turn sends one of the transaction's commands.
        loop {
            let State::Running(running) = &mut self.state else { return };
            let is_waiting = !self.expected.is_empty();
            match running.next_command(self.offer.pipelining, is_waiting) {
                Some((command, expected)) => self.send(&command, expected),
                None if is_waiting => return,
                None => return self.handle_group_end(),
            }
        }
    }

    pub(super) fn handle_in_transaction(&mut self, expected: Expected, reply: Reply) {
        match expected {
            Expected::Reset => return self.handle_reset(reply),
            Expected::Data => return self.handle_data(reply),
            Expected::EndOfData => return self.handle_end_of_data(reply),
            _ => {}
        }
        if reply.code().is_intermediate() {
            return self.fail(expected.stage(), Cause::OutOfSync);
        }
        if let Expected::Rcpt(place) = expected {
            self.handle_rcpt(place, reply);
        } else if !reply.code().is_positive_completion() {
            self.handle_mail_refused(&reply);
        }
        self.advance();
    }

    fn handle_mail_refused(&mut self, reply: &Reply) {
        let State::Running(running) = &mut self.state else { return };
        running.is_refused = true;
        let recipients = running.transaction.recipients.iter().map(|(index, _)| *index);
        let recipients = recipients.collect::<Vec<_>>();
        recipients
            .into_iter()
            .for_each(|recipient| self.tell(recipient, reply, Stage::Mail, false));
    }

    fn handle_rcpt(&mut self, place: usize, reply: Reply) {
        let State::Running(running) = &mut self.state else { return };
        let Some((recipient, _)) = running.transaction.recipients.get(place) else { return };
        let recipient = *recipient;
        if running.is_refused {
            return;
        }
        if reply.code().is_positive_completion() {
            return running.accepted.push_back(recipient);
        }
        // RFC 5321 4.5.3.1.10: 552 once meant what 452 means.
        let is_full = matches!(reply.code().value(), 452 | 552);
        let is_of_policy =
            reply.enhanced().is_none_or(|code| (code.subject(), code.detail()) == (5, 3));
        let is_one_too_many = is_full && is_of_policy && !running.accepted.is_empty();
        self.tell(recipient, &reply, Stage::Rcpt, is_one_too_many);
    }

    /// MAIL and all RCPT are answered, and DATA was not sent.
    fn handle_group_end(&mut self) {
        let State::Running(running) = &self.state else { return };
        let chunk = running.transaction.chunk_bytes.map(|bytes| Chunk { bytes, last: true });
        match chunk {
            Some(chunk) if !running.accepted.is_empty() => {
                if !self.input.is_empty() {
                    return self.fail(Stage::Data, Cause::OutOfSync);
                }
                Command::Bdat(chunk).encode(&mut self.output);
                self.take_content();
            }
            _ => self.reset(),
        }
    }

    fn handle_data(&mut self, reply: Reply) {
        let State::Running(running) = &mut self.state else { return };
        let code = reply.code();
        let nobody = running.accepted.is_empty();
        if code == ReplyCode::START_MAIL_INPUT {
            if !nobody {
                return self.take_content();
            }
            if self.hello.protocol == Protocol::Lmtp {
                return self.fail(Stage::Data, Cause::OutOfSync);
            }
            // RFC 2920 3.1: nobody gets it, but the next hop waits for it.
            self.output.extend_from_slice(b".\r\n");
            self.steps += 1;
            return self.expected.push_back(Expected::EndOfData);
        }
        if code.is_intermediate() || (code.is_positive_completion() && !running.is_refused) {
            return self.fail(Stage::Data, Cause::OutOfSync);
        }
        self.tell_accepted(&reply, Stage::Data);
        self.reset();
    }

    fn handle_end_of_data(&mut self, reply: Reply) {
        let State::Running(running) = &mut self.state else { return };
        let code = reply.code();
        let is_closing = code == ReplyCode::SERVICE_NOT_AVAILABLE;
        if code.is_intermediate() {
            return self.fail(Stage::EndOfData, Cause::OutOfSync);
        }
        let is_failed_chunk =
            running.transaction.chunk_bytes.is_some() && !code.is_positive_completion();
        match self.hello.protocol {
            Protocol::Smtp => self.tell_accepted(&reply, Stage::EndOfData),
            Protocol::Lmtp => {
                if let Some(recipient) = running.accepted.pop_front() {
                    self.tell(recipient, &reply, Stage::EndOfData, false);
                }
            }
        }
        if is_closing {
            return self.fail(Stage::EndOfData, Cause::Reply(reply));
        }
        if !self.expected.is_empty() {
            return;
        }
        if is_failed_chunk {
            // RFC 3030 2: the next hop may still be waiting for more of them.
            self.reset();
        } else {
            self.state = State::Ready;
        }
    }

    fn handle_reset(&mut self, reply: Reply) {
        if reply.code().is_positive_completion() {
            self.state = State::Ready;
        } else {
            self.fail(Stage::Reset, Cause::Reply(reply));
        }
    }

    /// A refusal while content is sent: all that is left is to close.
    pub(super) fn refuse_content(&mut self, reply: Reply) {
        self.tell_accepted(&reply, Stage::EndOfData);
        self.fail(Stage::Content, Cause::Reply(reply));
    }

    fn take_content(&mut self) {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Running(running) => self.state = State::Content(running),
            other => self.state = other,
        }
        self.steps += 1;
    }

    fn expect_end(&mut self, running: Box<Running>) {
        let replies = match self.hello.protocol {
            Protocol::Smtp => 1,
            Protocol::Lmtp => running.accepted.len(),
        };
        self.expected.extend(std::iter::repeat_n(Expected::EndOfData, replies));
        self.state = State::Running(running);
        self.steps += 1;
    }

    fn reset(&mut self) {
        self.send(&Command::Rset, Expected::Reset);
    }

    fn tell_accepted(&mut self, reply: &Reply, stage: Stage) {
        let (State::Running(running) | State::Content(running)) = &mut self.state else { return };
        let accepted = std::mem::take(&mut running.accepted);
        accepted.into_iter().for_each(|recipient| self.tell(recipient, reply, stage, false));
    }

    fn tell(&mut self, recipient: u32, reply: &Reply, stage: Stage, is_one_too_many: bool) {
        let answer = Answer { reply: reply.clone(), stage, is_one_too_many };
        self.events.push_back(Action::Recipient { recipient, answer });
    }
}
