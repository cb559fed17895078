//! A session driven by hand: no socket, no task, no clock.

use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use smtp_server::proto::{ForwardPath, RcptParams, Reply, replies};
use smtp_server::session::Message;
use smtp_server::{
    Accepted, Action, Body, BodyError, CloseReason, ContentAction, CredentialAnswer, Effects,
    Envelope, EtrnAnswer, EvaluateAt, Expansion, HeaderField, HookFailure, Now, PollChunk,
    Question, Receipt, Recipient, RecipientClass, Rejection, RelayDecision, Session, SessionInfo,
    Stage, TlsInfo, Verdict, Verification,
};

use super::octets::Random;
use super::setup::Setup;

/// What the client does without waiting for a reply.
#[derive(Clone, Debug)]
pub(crate) enum Turn {
    Send(Vec<u8>),
    /// Its side of the TLS handshake.
    Tls,
}

impl Turn {
    pub(crate) fn send(octets: impl AsRef<[u8]>) -> Self {
        Self::Send(octets.as_ref().to_vec())
    }
}

/// How the octets of a turn arrive.
#[derive(Clone, Debug, Default)]
pub(crate) enum Cuts {
    /// All at once.
    #[default]
    None,
    /// One by one.
    All,
    /// At random places, by this seed.
    Random(u64),
    /// Once in each turn, so far from its start.
    At(usize),
}

/// What a session did.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// Octets written before the first turn and after each.
    pub(crate) output: Vec<Vec<u8>>,
    /// The same, as they were handed out.
    pub(crate) writes: Vec<Vec<u8>>,
    pub(crate) failures: Vec<HookFailure>,
    pub(crate) reason: Option<CloseReason>,
    /// The session closed although the client had not.
    pub(crate) closed: bool,
    /// The most that the input buffer held or had room for.
    pub(crate) input_capacity_max: usize,
}

impl Run {
    /// All that was written.
    pub(crate) fn text(&self) -> Vec<u8> {
        self.output.concat()
    }
}

/// Runs a session of `setup` to its end.
pub(crate) fn run(setup: &Setup, turns: &[Turn], cuts: Cuts) -> Run {
    let session = Session::new(Arc::new(setup.session_config()), setup.peer(), start());
    let client = Client { turns: turns.iter().cloned().collect(), cuts, ..Client::default() };
    let run = Run { output: vec![Vec::new()], ..Run::default() };
    let mut driver = Driver { setup, link: Link { session, client, run, now: start() } };
    driver.run();
    driver.link.run
}

/// The same moment for all runs, so that queue ids and dates agree.
pub(crate) fn start() -> Now {
    static START: std::sync::OnceLock<Now> = std::sync::OnceLock::new();
    *START.get_or_init(Now::system)
}

/// Runs a future that never waits for anything but itself.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    const POLLS_MAX: usize = 100_000;
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..POLLS_MAX {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("the future waits for something that does not come");
}

#[derive(Default)]
struct Client {
    turns: VecDeque<Turn>,
    current: VecDeque<u8>,
    /// Octets of the current turn that were sent.
    sent: usize,
    cuts: Cuts,
    gone: bool,
}

impl Client {
    fn next_piece(&mut self) -> Vec<u8> {
        let left = self.current.len();
        let length = match &mut self.cuts {
            Cuts::None => left,
            Cuts::All => 1,
            Cuts::Random(seed) => {
                let mut random = Random(*seed);
                let length = random.length(left);
                *seed = random.next();
                length
            }
            Cuts::At(at) if self.sent < *at => *at - self.sent,
            Cuts::At(_) => left,
        };
        let piece = self.current.drain(..length.min(left)).collect::<Vec<_>>();
        self.sent += piece.len();
        piece
    }
}

/// A session and its client.
struct Link {
    session: Session,
    client: Client,
    run: Run,
    now: Now,
}

impl Link {
    /// The session wants octets: the rest of this turn, or the next one, or the end.
    fn read(&mut self) {
        if self.client.current.is_empty() {
            match self.client.turns.pop_front() {
                Some(Turn::Send(octets)) => {
                    self.run.output.push(Vec::new());
                    self.client.current = octets.into();
                    self.client.sent = 0;
                }
                Some(Turn::Tls) | None => {
                    self.client.gone = true;
                    return self.session.handle_eof();
                }
            }
        }
        let piece = self.client.next_piece();
        let input = self.session.input();
        input.extend_from_slice(&piece);
        self.run.input_capacity_max = self.run.input_capacity_max.max(input.capacity());
    }

    fn write(&mut self, octets: &[u8]) {
        self.run.writes.push(octets.to_vec());
        self.run.output.last_mut().unwrap().extend_from_slice(octets);
        self.session.handle_written(octets.len());
    }

    /// False if the handshake fails, as it does when the client sends anything else.
    fn start_tls(&mut self) -> bool {
        let agreed = self.client.current.is_empty()
            && matches!(self.client.turns.pop_front(), Some(Turn::Tls));
        if agreed {
            self.session.handle_tls(TlsInfo::new("TLSv1.3", "test", None));
        }
        agreed
    }
}

impl PollChunk for Link {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyError>> {
        loop {
            let octets = match self.session.poll_content(self.now) {
                ContentAction::Chunk(chunk) => return Poll::Ready(Ok(Some(chunk))),
                ContentAction::End => return Poll::Ready(Ok(None)),
                ContentAction::Failed(error) => return Poll::Ready(Err(error)),
                ContentAction::Read => None,
                ContentAction::Write(octets) => Some(octets.to_vec()),
            };
            match octets {
                Some(octets) => self.write(&octets),
                None => self.read(),
            }
        }
    }

    fn header_fields(&self) -> &[HeaderField] {
        self.session.late_fields()
    }
}

struct Driver<'a> {
    setup: &'a Setup,
    link: Link,
}

enum Next {
    Read,
    Write(Vec<u8>),
    Answer(Answer),
    Message(Box<Message>),
    StartTls,
    Close(CloseReason),
}

enum Answer {
    Client(Verdict),
    Tls(Verdict),
    Hello(Verdict),
    Sender(Verdict),
    Recipient(Result<(RecipientClass, Option<Box<Effects>>), Rejection>),
    Data(Verdict),
    Command(Reply),
    Etrn(EtrnAnswer),
    Verification(Verification),
    Expansion(Expansion),
    Mechanism(&'static str),
    Credentials(CredentialAnswer),
}

impl Driver<'_> {
    fn run(&mut self) {
        loop {
            match self.next() {
                Next::Read => self.link.read(),
                Next::Write(octets) => self.link.write(&octets),
                Next::Answer(answer) => self.give(answer),
                Next::Message(message) => self.deliver(*message),
                Next::StartTls if self.link.start_tls() => {}
                Next::StartTls => return self.close(CloseReason::TlsFailed),
                Next::Close(reason) => return self.close(reason),
            }
        }
    }

    fn close(&mut self, reason: CloseReason) {
        self.link.run.reason = Some(reason);
        self.link.run.closed = !self.link.client.gone;
    }

    fn next(&mut self) -> Next {
        let info = self.link.session.info().clone();
        let now = self.link.now;
        match self.link.session.poll(now) {
            Action::Read => Next::Read,
            Action::Write(octets) => Next::Write(octets.to_vec()),
            Action::StartTls => Next::StartTls,
            Action::Close(reason) => Next::Close(reason),
            Action::Ask(Question::Message(message)) => Next::Message(message),
            Action::Ask(question) => Next::Answer(resolve(self.setup, &question, &info, now)),
        }
    }

    fn give(&mut self, answer: Answer) {
        let session = &mut self.link.session;
        match answer {
            Answer::Client(verdict) => session.answer_client(verdict),
            Answer::Tls(verdict) => session.answer_tls(verdict),
            Answer::Hello(verdict) => {
                let info = session.info();
                let offered = self.setup.authenticator.as_ref();
                let mechanisms = offered.map(|hook| hook.mechanisms(info)).unwrap_or_default();
                session.answer_hello(verdict, mechanisms);
            }
            Answer::Sender(verdict) => session.answer_sender(verdict),
            Answer::Recipient(decision) => session.answer_recipient(decision),
            Answer::Data(verdict) => {
                let failure = session.answer_data(verdict);
                self.link.run.failures.extend(failure);
            }
            Answer::Etrn(answer) => session.answer_etrn(answer),
            Answer::Command(reply) => {
                let failure = session.answer_command(reply);
                self.link.run.failures.extend(failure);
            }
            Answer::Verification(verification) => session.answer_verification(verification),
            Answer::Expansion(expansion) => session.answer_expansion(expansion),
            Answer::Mechanism(mechanism) => {
                let info = session.info().clone();
                let exchange = self.setup.authenticator.as_ref();
                session.answer_mechanism(exchange.and_then(|hook| hook.start(mechanism, &info)));
            }
            Answer::Credentials(answer) => session.answer_credentials(answer),
        }
    }

    fn deliver(&mut self, message: Message) {
        let Message { envelope, fields } = message;
        let info = self.link.session.info().clone();
        let delivery = self.setup.delivery.clone();
        let mut body = Body::new(&mut self.link, fields);
        let delivered = catch_unwind(AssertUnwindSafe(|| {
            block_on(async {
                if envelope.handling.discard {
                    body.drain().await?;
                    return Ok(Receipt::from(Accepted::new()));
                }
                delivery.deliver(envelope, &mut body, &info).await
            })
        }));
        let result = delivered.unwrap_or_else(|_| {
            self.link.run.failures.push(HookFailure::Panicked);
            Err(Rejection::local_error())
        });
        let failure = self.link.session.answer_message(result);
        self.link.run.failures.extend(failure);
    }
}

/// What the driver of the crate does, in line.
fn resolve(setup: &Setup, question: &Question<'_>, info: &SessionInfo, now: Now) -> Answer {
    let now = now.wall;
    let early_by = |stage, info| match setup.evaluate_at {
        EvaluateAt::OwnStage => check(setup, stage, info),
        EvaluateAt::Recipient => Verdict::Accept,
    };
    let early = |stage| early_by(stage, info);
    match question {
        Question::Client(info) => Answer::Client(early_by(Stage::Client { now }, info)),
        Question::Tls(info) => Answer::Tls(check(setup, Stage::Tls { now }, info)),
        Question::Hello(hello) => Answer::Hello(early(Stage::Hello { now, hello })),
        Question::Sender(envelope) => Answer::Sender(early(Stage::Sender { now, envelope })),
        Question::Recipient { to, params, envelope } => {
            let all = decide(setup, to, params, envelope, info);
            Answer::Recipient(all)
        }
        Question::Data(envelope) => Answer::Data(check(setup, Stage::Data { now, envelope }, info)),
        Question::Command { verb, argument, envelope } => {
            let hook = setup.extension.as_ref().unwrap();
            Answer::Command(block_on(hook.command(verb, argument, *envelope, info)))
        }
        Question::Etrn(argument) => Answer::Etrn(block_on(setup.delivery.etrn(argument, info))),
        Question::Verification(query) => {
            let hook = setup.directory.as_ref().unwrap();
            Answer::Verification(block_on(hook.verify(query, info)))
        }
        Question::Expansion(query) => {
            let hook = setup.directory.as_ref().unwrap();
            Answer::Expansion(block_on(hook.expand(query, info)))
        }
        Question::Mechanism(mechanism) => Answer::Mechanism(mechanism),
        Question::Credentials { query, .. } => {
            let hook = setup.authenticator.as_ref().unwrap();
            Answer::Credentials(block_on(hook.look_up(query, info)))
        }
        Question::Message(_) => unreachable!("taken out before"),
    }
}

fn check(setup: &Setup, stage: Stage<'_>, info: &SessionInfo) -> Verdict {
    setup.access.as_ref().map_or(Verdict::Accept, |hook| block_on(hook.check(stage, info)))
}

fn decide(
    setup: &Setup,
    to: &ForwardPath<'static>,
    params: &RcptParams<'static>,
    envelope: &Envelope,
    info: &SessionInfo,
) -> Result<(RecipientClass, Option<Box<Effects>>), Rejection> {
    let now = start().wall;
    let mut effects = Effects::default();
    if setup.evaluate_at == EvaluateAt::Recipient {
        effects.merge(check(setup, Stage::Client { now }, info).into_result()?);
        let hello = info.hello.as_ref().unwrap();
        effects.merge(check(setup, Stage::Hello { now, hello }, info).into_result()?);
        effects.merge(check(setup, Stage::Sender { now, envelope }, info).into_result()?);
    }
    let class = match block_on(setup.relay.decide(to, envelope, info)) {
        RelayDecision::Local => RecipientClass::Local,
        RelayDecision::Relay { because } => RecipientClass::Relay { because },
        RelayDecision::Deny => return Err(Rejection::from_reply(replies::RELAY_DENIED).unwrap()),
        RelayDecision::Defer(rejection) => return Err(rejection),
    };
    let stage = Stage::Recipient { now, to, envelope };
    effects.merge(check(setup, stage, info).into_result()?);
    let recipient = Recipient { path: to.clone(), params: params.clone(), class };
    effects.merge(block_on(setup.delivery.verify(&recipient, info)).into_result()?);
    Ok((recipient.class, effects.boxed()))
}
