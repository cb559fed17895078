//! The client's side of an SMTP or LMTP session, without I/O.
//!
//! * **In**: the next hop's octets in any split, transactions, content. **Out**: [`Action`]s, and octets to write.
//! * **Promises**: replies are matched to commands by counting; nothing that came in clear is believed after
//!   STARTTLS; a command is sent only when its turn has come, several together only where PIPELINING was offered;
//!   content follows 354 and nothing else; what became of each recipient is told once.
//! * **Limits**: a reply has at most 64 KiB and 1000 lines; the commands of one transaction are held at once.
//! * **Panics**: never. **Spec**: RFC 5321 3 and 4, 2920, 3030, 3207, 4954, 2033.
//!
//! ```
//! use smtp_queue::transport::smtp::session::{Action, ClientSession, Hello, Stage, TlsUse};
//!
//! let hello = Hello::smtp("client.example.org", TlsUse::IfOffered).unwrap();
//! let mut session = ClientSession::new(hello);
//! assert!(matches!(session.poll(), Action::Exchange(Stage::Greeting)));
//! session.receive(b"220 mx.example.net ESMTP\r\n");
//! assert!(matches!(session.poll(), Action::Exchange(Stage::Hello)));
//! assert_eq!(&session.output().split()[..], b"EHLO client.example.org\r\n");
//! ```

mod auth;
mod facts;
mod failure;
mod header_fields;
mod offer;
mod plan;

mod replies;
mod transaction;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use smtp_proto::limits::REPLY_BYTES_MAX;
use smtp_proto::{ClientName, Command, Reply, SyntaxError, SyntaxErrorKind};
use smtp_server::UnixMillis;

pub use auth::Credentials;
pub use facts::{ContentFacts, ContentScan};
#[cfg(feature = "tokio")]
pub(crate) use failure::said;
pub use failure::{Cause, Failure, Stage};
pub use offer::Offer;
#[cfg(feature = "tokio")]
pub(crate) use plan::NO_VERIFIED_TLS;
pub use plan::{Refusal, Transaction};

use crate::entry::QueueEntry;
use auth::Exchange;
use transaction::Running;

/// How a session introduces itself.
#[derive(Clone, Debug)]
pub struct Hello {
    protocol: Protocol,
    client_name: ClientName<'static>,
    tls: TlsUse,
    credentials: Option<Arc<Credentials>>,
}

/// Which protocol is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// RFC 5321.
    Smtp,
    /// RFC 2033: a reply for each recipient at the end.
    Lmtp,
}

/// Whether a session begins TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsUse {
    /// No.
    Never,
    /// If it is offered and the next hop then agrees.
    IfOffered,
    /// Or nothing is sent.
    Required,
    /// Before anything is said (RFC 8314 3.3, where it is called Implicit TLS).
    Implicit,
}

/// What is known of the TLS connection around a session.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TlsFacts {
    /// Whether the certificate is good for the name that was asked for.
    pub is_verified: bool,
    /// The octets of `tls-exporter` (RFC 9266), in TLS 1.3.
    pub exporter: Option<[u8; 32]>,
}

/// What a session wants next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Write what [`output`](ClientSession::output) holds, and hand over what comes.
    Exchange(Stage),
    /// Do the TLS handshake, then say how it went.
    Handshake,
    /// A transaction may begin, or the session end.
    Ready,
    /// Write what [`output`](ClientSession::output) holds, then give content.
    Content,
    /// What became of a recipient.
    Recipient {
        /// Its index in the entry.
        recipient: u32,
        /// What the next hop said.
        answer: Answer,
    },
    /// The next hop said goodbye.
    Closed,
    /// The session is over; recipients that nothing was said of are as before.
    Failed(Failure),
}

/// What a next hop said of a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// In which words.
    pub reply: Reply,
    /// To what.
    pub stage: Stage,
    /// It had enough recipients: this one may be tried in another transaction right away.
    pub is_one_too_many: bool,
}

impl Answer {
    /// Whether the next hop took over the message for this recipient.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.stage == Stage::EndOfData && self.reply.code().is_positive_completion()
    }
}

/// A session.
pub struct ClientSession {
    hello: Hello,
    input: BytesMut,
    /// Octets of the input that end no line.
    searched: usize,
    output: BytesMut,
    /// The commands whose replies are still to come, in their order.
    expected: VecDeque<Expected>,
    events: VecDeque<Action>,
    state: State,
    is_ended: bool,
    steps: u64,
    offer: Offer,
    tls: Option<TlsFacts>,
    exchange: Option<Exchange>,
    /// What is sent once the next hop asks for it, being too long for the line of AUTH.
    initial_response: Option<String>,
    is_authenticated: bool,
    server_name: String,
}

enum State {
    Opening,
    Handshake,
    Ready,
    Running(Box<Running>),
    /// As `Running`, while content is given.
    Content(Box<Running>),
    Quitting,
    Failed(Failure),
    Closed,
}

/// A command whose reply is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Greeting,
    Hello,
    /// After EHLO was not understood.
    Helo,
    StartTls,
    Auth,
    /// After `*`.
    AuthCancelled,
    Mail,
    /// With its place in the transaction.
    Rcpt(usize),
    Data,
    EndOfData,
    Reset,
    Quit,
}

impl Hello {
    /// For SMTP, under a name that is a domain or an address literal.
    ///
    /// # Errors
    /// [`SyntaxErrorKind::ClientName`] for any other name (RFC 5321 4.1.1.1).
    pub fn smtp(client_name: &str, tls: TlsUse) -> Result<Self, SyntaxError> {
        Self::new(Protocol::Smtp, client_name, tls)
    }

    /// For LMTP.
    ///
    /// # Errors
    /// As [`smtp`](Self::smtp).
    pub fn lmtp(client_name: &str, tls: TlsUse) -> Result<Self, SyntaxError> {
        Self::new(Protocol::Lmtp, client_name, tls)
    }

    /// The same, with TLS as it is said here.
    #[must_use]
    pub fn with_tls(self, tls: TlsUse) -> Self {
        Self { tls, ..self }
    }

    /// The same, authenticating if the next hop offers AUTH.
    #[must_use]
    pub fn with_credentials(self, credentials: Option<Arc<Credentials>>) -> Self {
        Self { credentials, ..self }
    }

    fn new(protocol: Protocol, client_name: &str, tls: TlsUse) -> Result<Self, SyntaxError> {
        let client_name = ClientName::new(client_name.to_owned())?;
        if client_name.domain().is_none() {
            return Err(SyntaxError { kind: SyntaxErrorKind::ClientName, offset: 0 });
        }
        Ok(Self { protocol, client_name, tls, credentials: None })
    }
}

impl ClientSession {
    /// A session that waits for the greeting.
    #[must_use]
    pub fn new(hello: Hello) -> Self {
        let state = match hello.tls {
            TlsUse::Implicit => State::Handshake,
            TlsUse::Never | TlsUse::IfOffered | TlsUse::Required => State::Opening,
        };
        Self {
            hello,
            input: BytesMut::new(),
            searched: 0,
            output: BytesMut::new(),
            expected: VecDeque::from([Expected::Greeting]),
            events: VecDeque::new(),
            state,
            is_ended: false,
            steps: 0,
            offer: Offer::default(),
            tls: None,
            exchange: None,
            initial_response: None,
            is_authenticated: false,
            server_name: String::new(),
        }
    }

    /// Takes octets of the next hop.
    pub fn receive(&mut self, octets: &[u8]) {
        self.input.extend_from_slice(octets);
    }

    /// What is to be written; whoever writes takes it out.
    pub fn output(&mut self) -> &mut BytesMut {
        &mut self.output
    }

    /// The next hop sends nothing more, or the connection is broken.
    pub fn handle_end(&mut self) {
        self.is_ended = true;
    }

    /// The next hop took too long.
    pub fn handle_timeout(&mut self) {
        self.fail(self.stage(), Cause::TimedOut);
    }

    /// The handshake is done.
    pub fn handle_tls(&mut self, facts: TlsFacts) {
        if !matches!(self.state, State::Handshake) {
            return;
        }
        if !self.input.is_empty() {
            return self.fail(Stage::StartTls, Cause::ClearTextBeforeTls);
        }
        // RFC 3207 4.2: what was learnt in clear counts for nothing.
        self.offer = Offer::default();
        self.tls = Some(facts);
        self.state = State::Opening;
        if self.hello.tls != TlsUse::Implicit {
            self.say_hello();
        }
    }

    /// The handshake is done, but the certificate is not good and has to be, for a reason in words: then there is
    /// nothing left to say but QUIT.
    pub fn handle_untrusted(&mut self, reason: String) {
        if matches!(self.state, State::Handshake) {
            self.fail(Stage::StartTls, Cause::Untrusted(reason));
        }
    }

    /// The handshake failed, for a reason in words.
    pub fn handle_handshake_failure(&mut self, reason: String) {
        self.fail(Stage::StartTls, Cause::Handshake(reason));
    }

    /// What the next hop calls itself.
    #[must_use]
    pub fn server_name(&self) -> &str {
        &self.server_name
    }

    /// What the next hop offers, as it last said.
    #[must_use]
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    /// What is known of the TLS connection, if there is one.
    #[must_use]
    pub fn tls(&self) -> Option<&TlsFacts> {
        self.tls.as_ref()
    }

    /// Grows with each command, reply and piece of content: a time limit begins anew when it did.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// What is going on.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match (&self.state, self.expected.front()) {
            (State::Failed(failure), _) => failure.stage,
            (State::Content(_), _) => Stage::Content,
            (State::Handshake, _) => Stage::StartTls,
            (_, Some(expected)) => expected.stage(),
            (_, None) => Stage::Ready,
        }
    }

    /// A transaction for these recipients of the entry, as this next hop can take it.
    ///
    /// # Errors
    /// [`Refusal`] if it cannot take the message at all.
    pub fn plan(
        &self,
        entry: &QueueEntry,
        recipients: &[u32],
        facts: &ContentFacts,
        now: UnixMillis,
    ) -> Result<Transaction, Refusal> {
        let terms = plan::Terms {
            offer: &self.offer,
            is_tls: self.tls.is_some(),
            is_verified_tls: self.tls.is_some_and(|tls| tls.is_verified),
            is_authenticated: self.is_authenticated,
            now,
        };
        Transaction::plan(entry, recipients, facts, &terms)
    }

    /// Begins a transaction; one without recipients is none. Only after [`Action::Ready`].
    pub fn begin(&mut self, transaction: Transaction) {
        if matches!(self.state, State::Ready) && !transaction.recipients.is_empty() {
            self.state = State::Running(Box::new(Running::new(transaction)));
            self.advance();
        }
    }

    /// Says goodbye, unless the connection does not allow that any more.
    pub fn quit(&mut self) {
        let is_polite = match &self.state {
            State::Ready => true,
            State::Failed(failure) => failure.leaves_a_connection(),
            _ => false,
        };
        if !is_polite || self.is_ended || !self.input.is_empty() {
            self.state = State::Closed;
            return;
        }
        self.state = State::Quitting;
        self.expected.clear();
        self.output.clear();
        self.send(&Command::Quit, Expected::Quit);
    }

    /// What to do next.
    pub fn poll(&mut self) -> Action {
        // Each turn takes an event or a reply, or returns.
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            match &self.state {
                State::Failed(failure) => return Action::Failed(failure.clone()),
                State::Closed => return Action::Closed,
                State::Handshake => return Action::Handshake,
                _ => {}
            }
            let stage = self.stage();
            match self.take_reply() {
                Err(cause) => self.fail(stage, cause),
                Ok(Some(reply)) => self.handle_reply(reply),
                Ok(None) if self.is_ended => self.handle_loss(),
                Ok(None) => return self.idle(stage),
            }
        }
    }

    fn idle(&self, stage: Stage) -> Action {
        match &self.state {
            State::Ready => Action::Ready,
            State::Content(_) => Action::Content,
            _ => Action::Exchange(stage),
        }
    }

    fn handle_loss(&mut self) {
        match self.state {
            // The other side need not wait until we read its goodbye.
            State::Quitting => self.state = State::Closed,
            _ => self.fail(self.stage(), Cause::Lost),
        }
    }

    fn take_reply(&mut self) -> Result<Option<Reply>, Cause> {
        let fresh = self.input.get(self.searched..).unwrap_or_default();
        if !fresh.contains(&b'\n') && self.input.len() < REPLY_BYTES_MAX {
            self.searched = self.input.len();
            return Ok(None);
        }
        match Reply::parse(&self.input).map_err(Cause::Malformed)? {
            Some((reply, consumed)) => {
                self.input.advance(consumed);
                self.searched = 0;
                self.steps += 1;
                Ok(Some(reply))
            }
            None => {
                self.searched = self.input.len();
                Ok(None)
            }
        }
    }

    /// Sends a command whose reply is `expected`.
    fn send(&mut self, command: &Command<'_>, expected: Expected) {
        // Whoever spoke before it was asked would be taken to have answered this.
        if self.expected.is_empty() && !self.input.is_empty() {
            return self.fail(expected.stage(), Cause::OutOfSync);
        }
        command.encode(&mut self.output);
        self.expected.push_back(expected);
        self.steps += 1;
    }

    fn say_hello(&mut self) {
        let name = self.hello.client_name.clone();
        let hello = match self.hello.protocol {
            Protocol::Smtp => Command::Ehlo(name),
            Protocol::Lmtp => Command::Lhlo(name),
        };
        self.send(&hello, Expected::Hello);
    }

    fn fail(&mut self, stage: Stage, cause: Cause) {
        if matches!(self.state, State::Failed(_) | State::Closed) {
            return;
        }
        self.state = match self.state {
            State::Quitting => State::Closed,
            _ => State::Failed(Failure { stage, cause }),
        };
        self.expected.clear();
        self.output.clear();
    }
}

impl Expected {
    fn stage(self) -> Stage {
        match self {
            Self::Greeting => Stage::Greeting,
            Self::Hello | Self::Helo => Stage::Hello,
            Self::StartTls => Stage::StartTls,
            Self::Auth | Self::AuthCancelled => Stage::Auth,
            Self::Mail => Stage::Mail,
            Self::Rcpt(_) => Stage::Rcpt,
            Self::Data => Stage::Data,
            Self::EndOfData => Stage::EndOfData,
            Self::Reset => Stage::Reset,
            Self::Quit => Stage::Quit,
        }
    }
}

impl fmt::Debug for ClientSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSession").field("stage", &self.stage()).finish_non_exhaustive()
    }
}

impl fmt::Debug for TlsFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsFacts").field("is_verified", &self.is_verified).finish_non_exhaustive()
    }
}
