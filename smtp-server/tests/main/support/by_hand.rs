//! A session one step at a time, for tests that look between the steps.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use smtp_server::session::FinalReply;
use smtp_server::{
    Action, BodyError, CloseReason, ContentAction, Now, Peer, Question, RecipientClass, Session,
    SessionConfig, Verdict,
};

use super::pure::start;
use super::setup::Setup;

/// A session whose every question but that for a message is answered with yes.
pub(crate) struct ByHand {
    pub(crate) session: Session,
    pub(crate) now: Now,
    /// The final replies that were written whole.
    pub(crate) final_replies: Vec<FinalReply>,
}

/// Where a session waits.
#[derive(Debug)]
pub(crate) enum Stop {
    Read,
    /// A message begins: its content is next.
    Message,
    Close(CloseReason),
    StartTls,
}

/// Where a message's content waits.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Read,
    Chunk(Bytes),
    End,
    Failed(BodyError),
}

impl ByHand {
    pub(crate) fn new(setup: &Setup) -> Self {
        Self::from(Session::new(Arc::new(setup.session_config()), setup.peer(), start()))
    }

    /// One of several sessions with the same configuration.
    pub(crate) fn with(config: Arc<SessionConfig>) -> Self {
        Self::from(Session::new(config, Peer::default(), start()))
    }

    fn from(session: Session) -> Self {
        Self { session, now: start(), final_replies: Vec::new() }
    }

    /// Time passes, and the session is told so if it asked for it.
    pub(crate) fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
        self.session.handle_timeout(self.now);
    }

    /// How long until the session's deadline.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let deadline = self.session.poll_timeout()?;
        Some(deadline.saturating_duration_since(self.now.monotonic))
    }

    pub(crate) fn send(&mut self, octets: impl AsRef<[u8]>) -> (String, Stop) {
        self.session.input().extend_from_slice(octets.as_ref());
        self.run()
    }

    /// Goes on until the session waits; what it wrote meanwhile.
    pub(crate) fn run(&mut self) -> (String, Stop) {
        let mut written = String::new();
        loop {
            let length = match self.session.poll(self.now) {
                Action::Read => return (written, Stop::Read),
                Action::Close(reason) => return (written, Stop::Close(reason)),
                Action::StartTls => return (written, Stop::StartTls),
                Action::Ask(Question::Message(_)) => return (written, Stop::Message),
                Action::Write(octets) => {
                    written.push_str(std::str::from_utf8(octets).unwrap());
                    octets.len()
                }
                Action::Ask(question) => {
                    let kind = Kind::of(&question);
                    self.accept(kind);
                    continue;
                }
            };
            self.final_replies.extend(self.session.handle_written(length));
        }
    }

    fn accept(&mut self, kind: Kind) {
        let session = &mut self.session;
        match kind {
            Kind::Client => session.answer_client(Verdict::Accept),
            Kind::Tls => session.answer_tls(Verdict::Accept),
            Kind::Hello => session.answer_hello(Verdict::Accept, Vec::new()),
            Kind::Sender => session.answer_sender(Verdict::Accept),
            Kind::Recipient => {
                session.answer_recipient(Ok((RecipientClass::Local, None)));
            }
            Kind::Data => {
                session.answer_data(Verdict::Accept);
            }
            Kind::Other => panic!("no such question is expected here"),
        }
    }

    /// The next that the content says; what was written meanwhile.
    pub(crate) fn content(&mut self) -> (String, Content) {
        let mut written = String::new();
        loop {
            let length = match self.session.poll_content(self.now) {
                ContentAction::Read => return (written, Content::Read),
                ContentAction::Chunk(chunk) => return (written, Content::Chunk(chunk)),
                ContentAction::End => return (written, Content::End),
                ContentAction::Failed(error) => return (written, Content::Failed(error)),
                ContentAction::Write(octets) => {
                    written.push_str(std::str::from_utf8(octets).unwrap());
                    octets.len()
                }
            };
            self.final_replies.extend(self.session.handle_written(length));
        }
    }

    /// To the point where the content of a message may come, by DATA.
    pub(crate) fn at_data(setup: &Setup) -> Self {
        let mut hand = Self::new(setup);
        hand.run();
        let (written, stop) =
            hand.send("EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<kim@local.test>\r\nDATA\r\n");
        assert!(matches!(stop, Stop::Message), "{written}");
        assert_eq!(hand.content().1, Content::Read);
        hand
    }
}

enum Kind {
    Client,
    Tls,
    Hello,
    Sender,
    Recipient,
    Data,
    Other,
}

impl Kind {
    fn of(question: &Question<'_>) -> Self {
        match question {
            Question::Client(_) => Self::Client,
            Question::Tls(_) => Self::Tls,
            Question::Hello(_) => Self::Hello,
            Question::Sender(_) => Self::Sender,
            Question::Recipient { .. } => Self::Recipient,
            Question::Data(_) => Self::Data,
            _ => Self::Other,
        }
    }
}
