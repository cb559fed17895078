//! A whole session from any octets: no panic, bounded replies, and the same ones however the octets arrive.
//!
//! * **In**: two octets of configuration, then what the client sends. **Out**: nothing.
//! * **Promises**: one reply per line, besides the greeting and a farewell; no question while content is open; what is
//!   kept of the input, and said at once, is bounded.
//! * **Limits**: the steps of a session are bounded by its input. **Panics**: on a finding.
//! * **Spec**: RFC 5321 4.2; RFC 2920 3.2.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use smtp_proto::{Dialect, ForwardPath, Reply, ReplyCode, ServiceExtension, limits, replies};
use smtp_server::relay::Networks;
use smtp_server::{
    Accepted, Action, BareNewline, ContentAction, CredentialAnswer, CredentialQuery,
    DirectoryEntry, EtrnAnswer, Expansion, Identity, Now, OutOfTurn, Outcome, Peer, Question,
    Receipt, RecipientClass, Rejection, SaslExchange, SaslStep, Service, Session, SessionConfig,
    Verdict, Verification,
};

use crate::cuts::Cuts;

/// Whatever a session makes of its input, no more than the longest line is kept until the rest comes.
const UNREAD_BYTES_MAX: usize = limits::AUTH_LINE_BYTES_MAX;

/// What the delivery does with each message.
#[derive(Clone, Copy, Debug)]
enum Delivery {
    Takes,
    RefusesAtOnce,
    RefusesAfter(usize),
    SaysOkAfter(usize),
}

/// Runs a session whole and cut.
///
/// # Panics
/// On a finding.
pub fn session(input: &[u8]) {
    let [settings, delivery, octets @ ..] = input else { return };
    let delivery = match delivery % 4 {
        0 => Delivery::Takes,
        1 => Delivery::RefusesAtOnce,
        2 => Delivery::RefusesAfter(usize::from(delivery / 4)),
        _ => Delivery::SaysOkAfter(usize::from(delivery / 4)),
    };
    let config = Arc::new(config(*settings));
    let mut run = Run::new(&config, delivery, Cuts::Whole);
    let whole = run.finish(octets);
    for cuts in [Cuts::Octets, Cuts::Seed(u64::from(*settings)), Cuts::Seed(7)] {
        let cut = Run::new(&config, delivery, cuts).finish(octets);
        assert_eq!(
            String::from_utf8_lossy(&cut),
            String::from_utf8_lossy(&whole),
            "{cuts:?} {delivery:?} {}",
            octets.escape_ascii()
        );
    }
    check_count(&config, octets, &whole, run.reached_end);
}

fn peer() -> Peer {
    let end = |port| SocketAddr::from(([127, 0, 0, 1], port));
    Peer::new(end(40_000), end(25))
}

fn config(settings: u8) -> SessionConfig {
    let service = if settings & 1 == 0 { Service::Smtp } else { Service::Lmtp };
    let mut config = SessionConfig::new("mx.test", service);
    // One of the rules that look at unread input: what is refused depends on how the octets arrive.
    config.pipelining = OutOfTurn::Tolerate;
    let extension = ServiceExtension::new("XFUZZ").with_verb("XFUZZ").with_mail_parameter("XFUZZ");
    // The client may be anybody: XCLIENT begins sessions over and over.
    config.xclient_clients = Networks::new(["127.0.0.1"]).unwrap_or_default();
    config.xforward_clients = config.xclient_clients.clone();
    config.capabilities.etrn = true;
    config.dialect = Dialect::STANDARD.with(extension).unwrap_or_default();
    if settings & 2 != 0 {
        config.bare_newline = BareNewline::Normalize;
    }
    if settings & 4 != 0 {
        config.limits.message_bytes_max = Some(20);
    }
    if settings & 8 != 0 {
        config.limits.errors_max = Some(3);
        config.limits.idle_commands_max = Some(3);
    }
    if settings & 16 != 0 {
        config.auth.offered = true;
        config.auth.in_clear = true;
    }
    if settings & 32 != 0 {
        config.limits.discarded_bytes_max = Some(40);
    }
    config.directory = settings & 64 != 0;
    if settings & 128 != 0 {
        // On SMTP one recipient for each message, unless the client asks for PRDR.
        config.capabilities.outcome = Outcome::Each;
        config.capabilities.binary_mime = true;
    }
    config
}

/// One reply per line, the greeting, and 421 or 500 at the end; LMTP and PRDR have more after the content.
///
/// No line is left without one, unless it is content or part of an exchange, or the session was closed before.
fn check_count(config: &SessionConfig, octets: &[u8], output: &[u8], reached_end: bool) {
    let mut rest = output;
    let mut count = 0;
    while let Some((reply, consumed)) = Reply::parse(rest).ok().flatten() {
        count += 1;
        assert!(reply.code().value() >= 200);
        rest = &rest[consumed..];
    }
    assert!(rest.is_empty(), "{} is no reply", rest.escape_ascii());
    let lines = octets.iter().filter(|octet| **octet == b'\n').count();
    let tells_each =
        config.service == Service::Lmtp || config.capabilities.outcome == Outcome::Each;
    let replies_max = if tells_each { lines + 2 } else { 1 };
    assert!(count <= 2 + lines * replies_max, "{count} replies to {lines} lines");
    let may_hold = |verb: &[u8]| octets.windows(verb.len()).any(|o| o.eq_ignore_ascii_case(verb));
    if reached_end && !["DATA", "BDAT", "AUTH"].iter().any(|verb| may_hold(verb.as_bytes())) {
        assert_eq!(count, 1 + lines, "replies to {}", octets.escape_ascii());
    }
}

struct Run<'a> {
    session: Session,
    delivery: Delivery,
    cuts: Cuts,
    rest: &'a [u8],
    output: Vec<u8>,
    /// The session heard that the client sends no more.
    reached_end: bool,
}

/// What a step asks for; the session is free again.
enum Step {
    Read,
    Written(usize),
    Chunk(usize),
    End,
    Failed,
    Close,
    /// With so many recipients.
    Message(usize),
    Answered,
}

enum Answer {
    Client,
    Hello,
    Sender,
    Recipient(bool),
    Data,
    Command(Reply),
    Etrn(u64),
    Verification(Verification),
    Expansion(Expansion),
    Mechanism,
    Credentials(bool),
}

impl<'a> Run<'a> {
    fn new(config: &Arc<SessionConfig>, delivery: Delivery, cuts: Cuts) -> Self {
        // A source of ids of its own, so that all runs give the same ones.
        let mut config = SessionConfig::clone(config);
        config.ids = Arc::default();
        let session = Session::new(Arc::new(config), peer(), now());
        Self { session, delivery, cuts, rest: &[], output: Vec::new(), reached_end: false }
    }

    fn finish(&mut self, octets: &'a [u8]) -> Vec<u8> {
        self.rest = octets;
        // Each step takes a line, some content or a piece of the input, or is an answer to one.
        for _ in 0..20 * (octets.len() + 20) {
            match self.step() {
                Step::Read => self.read(),
                Step::Written(length) => drop(self.session.handle_written(length)),
                Step::Message(recipients) => self.deliver(recipients),
                Step::Close => return std::mem::take(&mut self.output),
                _ => {}
            }
        }
        panic!("the session does not end");
    }

    fn step(&mut self) -> Step {
        let answer = match self.session.poll(now()) {
            Action::Read => return Step::Read,
            Action::Close(_) => return Step::Close,
            Action::StartTls => panic!("TLS is not offered"),
            Action::Write(octets) => {
                assert!(octets.len() <= 64 * 1024, "{} octets at once", octets.len());
                self.output.extend_from_slice(octets);
                return Step::Written(octets.len());
            }
            Action::Ask(Question::Message(message)) => {
                return Step::Message(message.envelope.recipients.len());
            }
            Action::Ask(question) => Answer::to(&question),
        };
        answer.give(&mut self.session);
        Step::Answered
    }

    fn read(&mut self) {
        if self.rest.is_empty() {
            self.reached_end = true;
            return self.session.handle_eof();
        }
        let (piece, after) = self.cuts.split(self.rest);
        let input = self.session.input();
        assert!(input.len() < UNREAD_BYTES_MAX, "{} octets wait for more", input.len());
        input.extend_from_slice(piece);
        self.rest = after;
    }

    fn deliver(&mut self, recipients: usize) {
        let mut taken = 0;
        let result = loop {
            match self.delivery {
                Delivery::RefusesAtOnce => break Err(Rejection::local_error()),
                Delivery::RefusesAfter(octets) if octets <= taken => {
                    break Err(Rejection::insufficient_storage());
                }
                Delivery::SaysOkAfter(octets) if octets <= taken => {
                    break Ok(Receipt::from(Accepted::new()));
                }
                _ => {}
            }
            match self.content() {
                Step::Read => self.read(),
                Step::Written(length) => drop(self.session.handle_written(length)),
                Step::Chunk(length) => taken += length,
                Step::End => break Ok(self.receipt(recipients)),
                _ => break Err(Rejection::local_error()),
            }
        };
        let _ = self.session.answer_message(result);
    }

    /// For each recipient, if the delivery does that: every other one gets the message.
    fn receipt(&self, recipients: usize) -> Receipt {
        let accepted = || Accepted::with_text("Taken");
        if self.session.config().capabilities.outcome == Outcome::Whole {
            return accepted().into();
        }
        let result = |at| if at % 2 == 0 { Ok(accepted()) } else { Err(Rejection::local_error()) };
        Receipt::Each((0..recipients).map(result).collect())
    }

    fn content(&mut self) -> Step {
        match self.session.poll_content(now()) {
            ContentAction::Read => Step::Read,
            ContentAction::Chunk(chunk) => Step::Chunk(chunk.len()),
            ContentAction::End => Step::End,
            ContentAction::Failed(_) => Step::Failed,
            ContentAction::Write(octets) => {
                assert!(octets.len() <= 64 * 1024, "{} octets at once", octets.len());
                self.output.extend_from_slice(octets);
                Step::Written(octets.len())
            }
        }
    }
}

impl Answer {
    fn to(question: &Question<'_>) -> Self {
        match question {
            Question::Client(_) => Self::Client,
            Question::Hello(_) => Self::Hello,
            Question::Sender(_) => Self::Sender,
            Question::Recipient { to, .. } => Self::Recipient(is_local(to)),
            Question::Data(_) => Self::Data,
            Question::Command { verb, argument, envelope } => {
                assert_eq!(*verb, "XFUZZ");
                let text = format!("{argument} {}", envelope.is_some());
                // Every class of code, the ones that do not fit as well.
                let code = ReplyCode::new(200 + (text.len() % 4 * 100) as u16);
                Self::Command(Reply::new(code.unwrap_or(ReplyCode::OK), None, text))
            }
            Question::Etrn(argument) => Self::Etrn(argument.as_str().len() as u64),
            Question::Verification(query) => Self::Verification(verification(query)),
            Question::Expansion(query) => Self::Expansion(expansion(query)),
            Question::Mechanism(_) => Self::Mechanism,
            Question::Credentials { query, .. } => Self::Credentials(query.authcid() == "kim"),
            Question::Message(_) => panic!("it is taken out before"),
            Question::Tls(_) => panic!("no handshake is done here"),
        }
    }

    fn give(self, session: &mut Session) {
        match self {
            Self::Client => session.answer_client(Verdict::Accept),
            Self::Hello => session.answer_hello(Verdict::Accept, vec!["PLAIN", "LOGIN"]),
            Self::Sender => session.answer_sender(Verdict::Accept),
            Self::Recipient(true) => {
                session.answer_recipient(Ok((RecipientClass::Local, None)));
            }
            Self::Recipient(false) => {
                let denied = Rejection::from_reply(replies::RELAY_DENIED);
                session.answer_recipient(Err(denied.unwrap_or_else(Rejection::local_error)));
            }
            Self::Data => {
                session.answer_data(Verdict::Accept);
            }
            Self::Command(reply) => drop(session.answer_command(reply)),
            Self::Etrn(messages) => session.answer_etrn(EtrnAnswer::Pending(messages)),
            Self::Verification(verification) => session.answer_verification(verification),
            Self::Expansion(expansion) => session.answer_expansion(expansion),
            Self::Mechanism => session.answer_mechanism(Some(Box::new(TwoSteps))),
            Self::Credentials(true) => {
                session.answer_credentials(CredentialAnswer::Granted(Identity::new("kim")));
            }
            Self::Credentials(false) => session.answer_credentials(CredentialAnswer::Denied),
        }
    }
}

/// Every answer there is, with the query as a name and, where it is one, as the mailbox.
fn verification(query: &str) -> Verification {
    match query.len() % 6 {
        0 => Verification::CannotVerify,
        1 => Verification::Unknown,
        2 => Verification::Ambiguous(entries(query)),
        kind => match (kind, entries(query).pop()) {
            (_, None) => Verification::CannotVerify,
            (3, Some(entry)) => Verification::Mailbox(entry),
            (4, Some(entry)) => Verification::WillForward(entry),
            (_, Some(entry)) => Verification::Moved(entry),
        },
    }
}

fn expansion(query: &str) -> Expansion {
    match query.len() % 3 {
        0 => Expansion::CannotExpand,
        1 => Expansion::Unknown,
        _ => Expansion::Members(entries(query)),
    }
}

/// As many as the query has words.
fn entries(query: &str) -> Vec<DirectoryEntry> {
    let entry = |word: &str| {
        let mailbox = word.parse().or_else(|_| "kim@a.example".parse()).ok()?;
        DirectoryEntry::new(mailbox).map(|entry| entry.with_name(query))
    };
    query.split(' ').filter_map(entry).collect()
}

/// A mechanism that asks for a name and has it looked up.
struct TwoSteps;

impl SaslExchange for TwoSteps {
    fn step(&mut self, response: Option<&[u8]>) -> SaslStep {
        let Some(response) = response else { return SaslStep::Challenge(b"name".to_vec()) };
        SaslStep::Ask(CredentialQuery::Verify {
            authcid: String::from_utf8_lossy(response).into_owned(),
            authzid: None,
            password: String::new().into(),
        })
    }

    fn answer(&mut self, answer: CredentialAnswer) -> SaslStep {
        match answer {
            CredentialAnswer::Granted(identity) => SaslStep::Done(identity),
            _ => SaslStep::Failed,
        }
    }
}

fn is_local(to: &ForwardPath<'_>) -> bool {
    to.domain().is_none_or(|domain| domain.as_str().ends_with("local.test"))
}

/// The same moment in all runs.
fn now() -> Now {
    static NOW: OnceLock<Now> = OnceLock::new();
    *NOW.get_or_init(Now::system)
}
