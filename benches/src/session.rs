//! A session driven by hand: no socket, no task, no hook that waits.
//!
//! * **In**: the octets of a client. **Out**: replies and content, counted.
//! * **Promises**: what is left is the cost of the session itself: codec, state, envelope, replies. The
//!   client waits for every reply, as `smtp-source` does, and the session asks every question it has.
//! * **Limits**: allocates the messages. **Panics**: if the session says anything but what a good client
//!   must hear: a benchmark of refusals would be a lie.
//! * **Spec**: RFC 5321 3.3, 4.1.1.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use smtp_server::{
    Accepted, Action, ContentAction, Now, Peer, Question, Receipt, RecipientClass, Service,
    Session, SessionConfig, Verdict,
};

use crate::{base64_lines, with_end_of_data};

/// What a client sends for one message: each piece waits for the reply to the one before.
#[derive(Debug)]
pub struct Transaction([Vec<u8>; 4]);

impl Transaction {
    /// A message to one recipient with about `bytes` octets of content, by DATA.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let header = b"Subject: benchmark\r\n\r\n".to_vec();
        Self([
            b"MAIL FROM:<sender@client.example>\r\n".to_vec(),
            b"RCPT TO:<rcpt@sink.example>\r\n".to_vec(),
            b"DATA\r\n".to_vec(),
            with_end_of_data([header, base64_lines(76, bytes)].concat()),
        ])
    }
}

/// A session that knows its client and waits for commands.
#[derive(Debug)]
pub struct HandDriven {
    session: Session,
    now: Now,
    receiving: bool,
    content_bytes: usize,
    /// The first digit of the last reply.
    answered: Option<u8>,
}

impl HandDriven {
    /// Greeted and EHLO said.
    #[must_use]
    pub fn greeted() -> Self {
        let config = Arc::new(SessionConfig::new("mx.example.org", Service::Smtp));
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let now = Now::system();
        let session = Session::new(config, Peer::new(address(40_000), address(25)), now);
        let mut driven = Self { session, now, receiving: false, content_bytes: 0, answered: None };
        driven.run();
        driven.say(b"EHLO client.example\r\n");
        driven
    }

    /// Carries one message and returns the octets of its content.
    ///
    /// # Panics
    /// If the session does not accept it.
    pub fn carry(&mut self, transaction: &Transaction) -> usize {
        self.content_bytes = 0;
        for octets in &transaction.0 {
            self.say(octets);
        }
        self.content_bytes
    }

    fn say(&mut self, octets: &[u8]) {
        self.answered = None;
        self.session.input().extend_from_slice(octets);
        self.run();
        assert!(matches!(self.answered, Some(b'2' | b'3')), "the session refused");
    }

    /// Until the session wants to read. Ends: every turn is one step of the session, and its input is finite.
    fn run(&mut self) {
        loop {
            let wants_input =
                if self.receiving { self.step_content() } else { self.step_commands() };
            if wants_input {
                return;
            }
        }
    }

    fn step_commands(&mut self) -> bool {
        let session = &mut self.session;
        match session.poll(self.now) {
            Action::Read => return true,
            Action::Write(octets) => {
                self.answered = octets.first().copied();
                let written = octets.len();
                session.handle_written(written);
            }
            Action::Ask(Question::Message(_)) => self.receiving = true,
            Action::Ask(Question::Client(_)) => session.answer_client(Verdict::Accept),
            Action::Ask(Question::Hello(_)) => session.answer_hello(Verdict::Accept, Vec::new()),
            Action::Ask(Question::Sender(_)) => session.answer_sender(Verdict::Accept),
            Action::Ask(Question::Recipient { .. }) => {
                session.answer_recipient(Ok((RecipientClass::Local, None)));
            }
            Action::Ask(Question::Data(_)) => {
                session.answer_data(Verdict::Accept);
            }
            other => panic!("nothing here leads to {other:?}"),
        }
        false
    }

    fn step_content(&mut self) -> bool {
        let session = &mut self.session;
        match session.poll_content(self.now) {
            ContentAction::Read => return true,
            ContentAction::Write(octets) => {
                self.answered = octets.first().copied();
                let written = octets.len();
                session.handle_written(written);
            }
            ContentAction::Chunk(chunk) => self.content_bytes += chunk.len(),
            ContentAction::End => {
                self.receiving = false;
                session.answer_message(Ok(Receipt::from(Accepted::new())));
            }
            ContentAction::Failed(error) => panic!("the content was fine: {error}"),
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::{HandDriven, Transaction};

    #[test]
    fn messages_of_one_session_arrive_whole() {
        let mut driven = HandDriven::greeted();
        for bytes in [1_000, 4_000, 100_000] {
            let content = Transaction::new(bytes).0[3].len() - b".\r\n".len();
            for _ in 0..3 {
                assert_eq!(driven.carry(&Transaction::new(bytes)), content);
            }
        }
    }
}
