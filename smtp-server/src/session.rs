//! The session: bytes and answers in, actions out.
//!
//! * **In**: octets in [`Session::input`], answers to [`Question`]s, the passing of time. **Out**: one
//!   [`Action`] per [`Session::poll`].
//! * **Promises**: the replies depend on what the client sent and on the answers, never on how the
//!   network cut it (three rules look at unread input on purpose: octets before the greeting, behind
//!   STARTTLS, and behind another command that ends a group). One reply per command. Nothing that
//!   arrived in clear survives STARTTLS. After a refusal the session reads to the true end of the
//!   refused content.
//! * **Limits**: [`Limits`](crate::config::Limits); input and output are bounded. **Panics**: never.
//! * **Spec**: RFC 5321 3 and 4; RFC 2920, 3030, 3207, 4954, 2033.
//!
//! It knows no socket, no task and no clock. Whoever drives it repeats one loop:
//!
//! ```text
//!            +--------- Read: append octets to input(), or handle_eof()
//!            |  +------ Write(octets): write them all
//!  poll(now) +--+------ Ask(question): answer_*(..)
//!            |  +------ StartTls: do the handshake, then handle_tls(..)
//!            +--------- Close: close the connection
//! ```
//!
//! While [`Question::Message`] is open, [`Session::poll_content`] takes the place of `poll`: it gives
//! the content piece by piece, until [`Session::answer_message`]. `examples/blocking` is a whole
//! server on `std::net`; the tokio driver in this crate is the other user.
//!
//! Read in this order:

mod state;

mod command;

mod hello;

mod mail;

pub(crate) mod qualified;

mod offers;

mod opening;

mod framing;

mod content;

mod drain;

mod pace;

mod prdr;

mod auth;

mod misc;

mod extension;

mod etrn;

mod xclient;

mod xforward;

mod directory;

mod guard;

mod output;

#[cfg(feature = "testing")]
mod tap;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use smtp_proto::{EtrnArgument, ForwardPath, LineDecoder, RcptParams, Reply, XForward, replies};

use crate::body::BodyError;
use crate::command_counts::CommandCounts;
use crate::config::{BareNewline, SessionConfig};
use crate::envelope::{Envelope, QueueId};
use crate::header::HeaderField;
use crate::hooks::{CloseReason, CredentialQuery};
use crate::info::{Extensions, Hello, Peer, SessionInfo, TlsInfo};
use crate::time::Now;
use crate::verdict::Effects;

pub use content::ContentAction;
#[cfg(feature = "testing")]
pub(crate) use tap::Tap;

use guard::Guard;
use output::Output;
use state::{Asked, State};
use xclient::Claims;

/// What a silent client's session keeps of its input buffer.
const IDLE_BUFFER_BYTES_MAX: usize = 512;
/// How long a client is silent before its session gives a larger one back.
const SILENCE_BEFORE_SHRINKING: Duration = Duration::from_secs(1);

/// One client's session, from the greeting to the close.
pub struct Session {
    config: Arc<SessionConfig>,
    info: Arc<SessionInfo>,
    bare_newline: BareNewline,
    /// The connection's ends, whomever the client speaks for: what it may do rests on these.
    connection: Peer,
    /// What it said that its client calls itself.
    claims: Claims,
    /// What it told of the next message.
    forwarded: Option<Box<XForward<'static>>>,
    /// The last hello was EHLO or LHLO.
    extended: bool,
    /// What the client stage left: it outlives STARTTLS, since it rests on the address alone.
    client_extensions: Extensions,
    mechanisms: Vec<&'static str>,
    input: BytesMut,
    lines: LineDecoder,
    output: Output,
    state: State,
    guard: Guard,
    now: Now,
    /// Set while octets from the client are awaited.
    deadline: Option<Instant>,
    /// When a large input buffer that nobody uses is given back.
    shrink_at: Option<Instant>,
    shutting_down: bool,
    final_reply: Option<FinalReply>,
    /// Octets of an over-long line that were thrown away so far.
    discarded_line_bytes: u64,
    #[cfg(feature = "testing")]
    tap: Option<Box<Tap>>,
}

/// What the driver does next.
#[derive(Debug)]
#[must_use = "an action that is not carried out stops the session"]
pub enum Action<'a> {
    /// Read more octets into [`Session::input`], or report [`Session::handle_eof`] or
    /// [`Session::handle_timeout`].
    Read,
    /// Write these and report with [`Session::handle_written`] how many were.
    Write(&'a [u8]),
    /// Find an answer and give it with the `answer_*` named at the question.
    Ask(Question<'a>),
    /// Do a TLS handshake as the server, then call [`Session::handle_tls`].
    StartTls,
    /// Close the connection.
    Close(CloseReason),
}

/// What the session cannot know by itself.
#[derive(Debug)]
pub enum Question<'a> {
    /// May this client have a session? Asked again after XCLIENT, about the client that these facts name:
    /// a snapshot that was taken before is about another one. [`Session::answer_client`]
    Client(&'a SessionInfo),
    /// Is the TLS session good enough? Asked after each handshake: after that of STARTTLS, and, where TLS begins with the
    /// connection, before `Client`. [`Session::answer_tls`]
    Tls(&'a SessionInfo),
    /// May it call itself so, and what is it offered? [`Session::answer_hello`]
    Hello(&'a Hello),
    /// May it send as this? [`Session::answer_sender`]
    Sender(&'a Envelope),
    /// Whose recipient is this, and is there anything against it? [`Session::answer_recipient`]
    Recipient {
        /// The recipient.
        to: &'a ForwardPath<'static>,
        /// The parameters of RCPT.
        params: &'a RcptParams<'static>,
        /// The envelope so far.
        envelope: &'a Envelope,
    },
    /// May the content come? [`Session::answer_data`]
    Data(&'a Envelope),
    /// What is the reply to this command of a service extension? [`Session::answer_command`]
    Command {
        /// The verb, as the extension registered it.
        verb: &'a str,
        /// What follows the verb, possibly nothing; no control characters.
        argument: &'a str,
        /// The envelope of the open mail transaction.
        envelope: Option<&'a Envelope>,
    },
    /// Can what waits for this host be sent to it now? [`Session::answer_etrn`]
    Etrn(&'a EtrnArgument<'static>),
    /// Whose mailbox is meant by this name? [`Session::answer_verification`]
    Verification(&'a str),
    /// Who is on the list of this name? [`Session::answer_expansion`]
    Expansion(&'a str),
    /// An exchange for this mechanism. [`Session::answer_mechanism`]
    Mechanism(&'static str),
    /// Is this credential right? [`Session::answer_credentials`]
    Credentials {
        /// What the exchange asked.
        query: &'a CredentialQuery,
        /// The mechanism of the exchange.
        mechanism: &'static str,
    },
    /// Take this message: [`Session::poll_content`] gives its content, [`Session::answer_message`] ends it.
    Message(Box<Message>),
}

/// A message at the beginning of its content.
#[derive(Debug)]
pub struct Message {
    /// Sender, recipients and parameters.
    pub envelope: Envelope,
    /// Fields to write above the content: `Received`, and what access control prepends.
    pub fields: Vec<HeaderField>,
}

/// The final reply to a message, for whoever must know when it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FinalReply {
    /// The message.
    pub queue_id: Option<QueueId>,
    /// Whether it says that the message was accepted (for one recipient at least, on LMTP).
    pub accepted: bool,
    /// The reply; the last one, on LMTP.
    pub reply: Reply,
    /// Octets of content.
    pub bytes: u64,
}

/// Where [`Session::advance`] stopped.
enum Next {
    Read,
    Write,
    Ask,
    Message(Box<Message>),
    StartTls,
    Close(CloseReason),
}

impl Session {
    /// A session with `peer` that begins `now`. The first poll asks [`Question::Client`].
    #[must_use]
    pub fn new(config: Arc<SessionConfig>, peer: Peer, now: Now) -> Self {
        let info = SessionInfo::new(config.server_name.clone(), config.service, peer);
        Self {
            bare_newline: config.bare_newline_of(&peer),
            guard: Guard::new(&config.limits),
            output: Output::new(config.server_name.clone()),
            config,
            info: Arc::new(info),
            connection: peer,
            claims: Claims::default(),
            forwarded: None,
            extended: false,
            client_extensions: Extensions::default(),
            mechanisms: Vec::new(),
            input: BytesMut::new(),
            lines: LineDecoder::default(),
            state: State::Asked(Asked::Client),
            now,
            deadline: None,
            shrink_at: None,
            shutting_down: false,
            final_reply: None,
            discarded_line_bytes: 0,
            #[cfg(feature = "testing")]
            tap: None,
        }
    }

    /// What is known about the session; a later change does not touch a clone of it.
    #[must_use]
    pub fn info(&self) -> &Arc<SessionInfo> {
        &self.info
    }

    /// The envelope of the open mail transaction, while commands are awaited.
    #[must_use]
    pub fn envelope(&self) -> Option<&Envelope> {
        match &self.state {
            State::Command(mail) => mail.envelope(),
            _ => None,
        }
    }

    /// The commands that came so far.
    #[must_use]
    pub fn commands(&self) -> &CommandCounts {
        self.output.commands()
    }

    /// The configuration it was made with.
    #[must_use]
    pub fn config(&self) -> &SessionConfig {
        &self.config
    }

    /// The one input buffer: append what was read.
    ///
    /// The session never reserves room in it, so a driver decides what a read may bring. Content is handed
    /// out as slices of this buffer; where a driver wants them to be large, it reserves room while a
    /// message is open. Of a buffer that holds nothing no more than 512 octets are kept once the client was
    /// silent for a second (by [`handle_timeout`](Self::handle_timeout)).
    pub fn input(&mut self) -> &mut BytesMut {
        &mut self.input
    }

    /// The next thing to do, at the time `now`.
    ///
    /// A question that was not answered is asked again. Polling while a message's content is open
    /// abandons the message as if its delivery had failed.
    pub fn poll(&mut self, now: Now) -> Action<'_> {
        self.now = now;
        match self.advance() {
            Next::Read => Action::Read,
            Next::Write => Action::Write(self.output.bytes()),
            Next::Message(message) => Action::Ask(Question::Message(message)),
            Next::StartTls => Action::StartTls,
            Next::Close(reason) => Action::Close(reason),
            Next::Ask => match self.state.question(&self.info) {
                Some(question) => Action::Ask(question),
                None => Action::Close(CloseReason::Refused),
            },
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due, while octets are awaited.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadline.map(|deadline| self.shrink_at.map_or(deadline, |at| at.min(deadline)))
    }

    /// Time has passed; does nothing before [`poll_timeout`](Self::poll_timeout).
    pub fn handle_timeout(&mut self, now: Now) {
        let passed = |at: &Instant| *at <= now.monotonic;
        if self.shrink_at.take_if(|at| passed(at)).is_some() && self.input.is_empty() {
            self.input = BytesMut::new();
        }
        if self.deadline.take_if(|at| passed(at)).is_none() {
            return;
        }
        if !self.fail_open_content(BodyError::Slow) {
            self.close_with(&replies::TIMED_OUT, CloseReason::TimedOut);
        }
    }

    /// So many octets of the last `Write` were written. Gives a message's final reply once its last octet is.
    pub fn handle_written(&mut self, bytes: usize) -> Option<FinalReply> {
        #[cfg(feature = "testing")]
        self.hear_written(bytes);
        self.output.written(bytes);
        if self.output.is_empty() { self.final_reply.take() } else { None }
    }

    /// The client will send no more.
    pub fn handle_eof(&mut self) {
        self.deadline = None;
        if !self.fail_open_content(BodyError::Disconnected) {
            self.output.clear();
            self.state = State::Closing(CloseReason::Disconnected);
        }
    }

    /// The TLS handshake is done. Everything that was learnt in clear is forgotten (RFC 3207 4.2), except
    /// the client's address and name in the DNS and what the client stage left, which rests on these.
    pub fn handle_tls(&mut self, tls: TlsInfo) {
        self.input.clear();
        self.lines = LineDecoder::default();
        self.mechanisms = Vec::new();
        self.claims = Claims::default();
        self.forwarded = None;
        self.extended = false;
        let client_extensions = self.client_extensions.clone();
        let info = Arc::make_mut(&mut self.info);
        info.tls = Some(tls);
        info.hello = None;
        info.identity = None;
        info.mechanism = None;
        info.extensions = client_extensions;
        match self.state {
            State::Upgrading => self.state = State::Asked(Asked::Tls { greeted: true }),
            State::Asked(Asked::Client) => self.state = State::Asked(Asked::Tls { greeted: false }),
            _ => {}
        }
    }

    /// The server shuts down: 421 at the next moment without a message in flight.
    pub fn handle_shutdown(&mut self) {
        self.shutting_down = true;
    }

    /// The final reply that could not be written, for whoever closes the connection.
    pub fn take_unwritten_reply(&mut self) -> Option<FinalReply> {
        self.final_reply.take()
    }

    /// Goes on until the driver is needed. Ends, since every turn consumes input, changes the state
    /// towards a question or the close, or returns.
    fn advance(&mut self) -> Next {
        loop {
            #[cfg(feature = "testing")]
            if let Some(next) = self.next_for_fault() {
                return next;
            }
            match &self.state {
                State::Asked(Asked::Message { .. }) if self.output.is_urgent() => {
                    return Next::Write;
                }
                State::Asked(Asked::Message { .. }) => return self.begin_message(),
                State::Asked(_) => return Next::Ask,
                State::Content(_) => self.abandon_content(),
                State::Closing(_) | State::Upgrading if !self.output.is_empty() => {
                    return Next::Write;
                }
                State::Closing(reason) => return Next::Close(*reason),
                State::Upgrading => return Next::StartTls,
                State::Command(_) | State::Exchange(_) | State::Draining(_) => {
                    if self.output.is_urgent() {
                        return Next::Write;
                    }
                    if let Some(next) = self.read() {
                        return next;
                    }
                }
            }
        }
    }

    /// Consumes input, or says that more is needed.
    fn read(&mut self) -> Option<Next> {
        if let Some(reply) = self.reason_to_end() {
            self.close_with(&reply, self.guard.close_reason(self.shutting_down));
            return None;
        }
        let progressed =
            if matches!(self.state, State::Draining(_)) { self.drain() } else { self.read_line() };
        if progressed {
            self.deadline = None;
            return None;
        }
        if !self.output.is_empty() {
            return Some(Next::Write);
        }
        let now = self.now.monotonic;
        let deadline = match &mut self.state {
            State::Draining(draining) => draining.pace.deadline(now),
            _ => now + self.config.timeouts.command,
        };
        let is_large = IDLE_BUFFER_BYTES_MAX < self.input.capacity();
        self.shrink_at = is_large.then(|| now + SILENCE_BEFORE_SHRINKING);
        self.await_input(deadline);
        Some(Next::Read)
    }

    /// The state, to be consumed; whoever takes it puts the next one in its place.
    fn take_state(&mut self) -> State {
        std::mem::replace(&mut self.state, State::Closing(CloseReason::Refused))
    }

    fn await_input(&mut self, deadline: Instant) {
        self.deadline.get_or_insert(deadline);
    }

    fn reason_to_end(&self) -> Option<Reply> {
        if self.guard.is_exhausted() {
            return Some(replies::TOO_MANY_ERRORS);
        }
        let idle = matches!(self.state, State::Command(_) | State::Exchange(_));
        (self.shutting_down && idle).then_some(replies::SHUTTING_DOWN)
    }

    /// Answers with a 4xx or 5xx and counts it.
    fn refuse(&mut self, reply: &Reply) {
        self.guard.count_error();
        self.output.push(reply);
    }

    fn close_with(&mut self, reply: &Reply, reason: CloseReason) {
        self.output.push(reply);
        self.state = State::Closing(reason);
    }

    /// Joins what a verdict left to the session's facts; the rest belongs to the transaction.
    fn keep_session_effects(&mut self, effects: &mut Effects) {
        if !effects.session.is_empty() {
            let left = std::mem::take(&mut effects.session);
            Arc::make_mut(&mut self.info).extensions.merge(left);
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("info", &self.info).finish_non_exhaustive()
    }
}
