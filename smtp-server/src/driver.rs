//! The driver: one connection's sockets and clock around a pure session.
//!
//! * **In**: a stream and a session. **Out**: the session's octets, hooks called, the reason of the close.
//! * **Promises**: this is the only place that reads and writes the stream. A hook that panics, hangs or
//!   fails costs one reply. Every await here may be dropped: the socket closes, and what a delivery
//!   had not begun to make durable is gone without a trace.
//! * **Limits**: [`Timeouts`](crate::config::Timeouts). **Panics**: never.
//! * **Spec**: RFC 5321 3.8, 4.5.3.2; RFC 3207.

mod admission;
mod buffers;
mod content;
mod deferral;
mod end_of_data;
mod explain;
#[cfg(feature = "testing")]
mod faults;
mod hook_clock;
mod resolve;
mod shutdown;
#[cfg(feature = "tls")]
mod tls;
mod waker;
mod wire;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use smtp_proto::replies;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::command_counts::CommandCounts;
use crate::config::OutOfTurn;
use crate::envelope::Recipient;
use crate::hooks::{CloseReason, Event};
#[cfg(feature = "tls")]
use crate::info::Service;
use crate::info::{Peer, SessionInfo};
use crate::session::{Action, FinalReply, Question, Session};
#[cfg(feature = "tls")]
use crate::tls::ListenerTls;
use crate::verdict::Rejection;

pub(crate) use admission::{Admission, Permit};
pub(crate) use buffers::Buffers;
pub(crate) use resolve::Hooks;
pub(crate) use shutdown::Shutdown;
pub(crate) use wire::now;

use resolve::Answer;
use wire::{Waited, Wire};

/// What a connection needs beside its stream.
pub(crate) struct Context {
    pub(crate) hooks: Arc<Hooks>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Arc<ListenerTls>>,
    pub(crate) buffers: Arc<Buffers>,
    /// `None` for a connection that is not counted.
    pub(crate) permit: Option<Permit>,
    pub(crate) shutdown: Shutdown,
}

pub(crate) struct Connection<S> {
    wire: Wire<S>,
    session: Session,
    context: Context,
    #[cfg(feature = "testing")]
    faulty: faults::Faulty<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    pub(crate) fn new(stream: S, session: Session, context: Context) -> Self {
        Self {
            wire: Wire::new(stream),
            session,
            context,
            #[cfg(feature = "testing")]
            faulty: faults::Faulty::default(),
        }
    }

    /// Serves the client until the connection is closed.
    ///
    /// By reference: a future that takes the connection by value has room for it twice.
    pub(crate) async fn run(&mut self) {
        let mut farewell = Farewell::new(self);
        farewell.reason = self.converse().await;
        farewell.info = self.session.info().clone();
        farewell.commands = *self.session.commands();
    }

    async fn converse(&mut self) -> CloseReason {
        #[cfg(feature = "tls")]
        if self.session.config().service == Service::Submissions
            && let Err(reason) = Box::pin(self.start_tls()).await
        {
            return reason;
        }
        self.emit(&Event::Connected, self.session.info());
        let reason = self.serve().await;
        if let Some(reply) = self.session.take_unwritten_reply() {
            self.report_final_reply(&reply, false);
        }
        self.wire.close().await;
        reason
    }

    async fn serve(&mut self) -> CloseReason {
        #[cfg(feature = "testing")]
        Box::pin(self.meet_connect()).await;
        let mut now = now();
        let mut info = self.session.info().clone();
        loop {
            // What a client's line changes by itself (a last step of SASL) has its reply written before anything is
            // asked. Only XCLIENT asks at once: its question brings the new facts, and these are the former ones.
            if !Arc::ptr_eq(&info, self.session.info()) {
                info = self.session.info().clone();
            }
            match self.session.poll(now) {
                Action::Read => {
                    self.read().await;
                    now = wire::now();
                }
                Action::Write(bytes) => {
                    #[cfg(feature = "testing")]
                    if let Some(fault) = self.faulty.take_at_write() {
                        let octets = bytes.to_vec();
                        Box::pin(self.write_with(fault, &octets)).await;
                        now = wire::now();
                        continue;
                    }
                    let timeout = self.context.hooks.timeouts.write;
                    let (written, waited) = noting_wait(|| self.wire.write(bytes, timeout)).await;
                    let Ok(written) = written else { return CloseReason::Disconnected };
                    now = if waited { wire::now() } else { now };
                    if let Some(reply) = self.session.handle_written(written) {
                        self.report_final_reply(&reply, true);
                    }
                }
                Action::Ask(Question::Message(message)) => {
                    self.deliver(message, &info, now).await;
                    now = wire::now();
                }
                Action::Ask(Question::Client(facts)) if facts.peer != info.peer => {
                    let former = std::mem::replace(&mut info, self.session.info().clone()).peer;
                    self.readmit(&former, &info);
                }
                Action::Ask(question) => {
                    let recipients = recipients(&question);
                    let precedes_greeting = matches!(question, Question::Client(_));
                    let hooks = &self.context.hooks;
                    let (answer, waited) =
                        noting_wait(|| hooks.resolve(question, &info, now.wall)).await;
                    if precedes_greeting {
                        self.note_early_talk(&info).await;
                    }
                    self.answer(answer, recipients, &info);
                    now = if waited { wire::now() } else { now };
                }
                Action::StartTls => {
                    if let Err(reason) = Box::pin(self.start_tls()).await {
                        return reason;
                    }
                    now = wire::now();
                }
                Action::Close(reason) => {
                    #[cfg(feature = "testing")]
                    if let Some(fault) = self.session.take_fault() {
                        Box::pin(self.carry_out(fault)).await;
                        now = wire::now();
                        continue;
                    }
                    return reason;
                }
            }
        }
    }

    /// A session that offers no STARTTLS never asks for it.
    #[cfg(not(feature = "tls"))]
    async fn start_tls(&mut self) -> Result<(), CloseReason> {
        Err(CloseReason::TlsFailed)
    }

    /// Gives the answer and tells of the recipients that it added to the `known` ones.
    fn answer(&mut self, answer: Answer, known: usize, info: &SessionInfo) {
        if let Some((hook, failure)) = answer.give(&mut self.session) {
            self.emit(&Event::HookFailed { hook, failure }, info);
        }
        if self.context.hooks.observers.is_empty() {
            return;
        }
        let Some(envelope) = self.session.envelope() else { return };
        for Recipient { path, class, .. } in envelope.recipients.iter().skip(known) {
            let queue_id = envelope.queue_id;
            let accepted = Event::RecipientAccepted { to: path, class, queue_id };
            self.emit(&accepted, info);
        }
    }

    /// Takes what the client sent before the greeting, without waiting for more.
    async fn note_early_talk(&mut self, info: &SessionInfo) {
        if self.session.config().early_talk == OutOfTurn::Refuse {
            // The runtime learns from the system only between turns that a new socket can be read.
            tokio::task::yield_now().await;
        }
        let Self { wire, session, .. } = self;
        let polled = poll_fn(|cx| Poll::Ready(wire.poll_read_commands(cx, session))).await;
        if let Poll::Ready(waited) = polled {
            waited.tell(session);
        }
        let bytes = self.session.input().len();
        if 0 < bytes {
            self.emit(&Event::EarlyTalk { bytes }, info);
        }
    }

    /// Counts the connection for the client that it is about after XCLIENT, unless that one has too many.
    fn readmit(&mut self, former: &Peer, info: &SessionInfo) {
        self.emit(&Event::ClientReplaced { former }, info);
        let Some(ip) = info.peer.ip() else { return };
        let Some(permit) = self.context.permit.take() else { return };
        self.context.permit = permit.move_to(ip);
        if self.context.permit.is_none() {
            let reply = replies::TOO_MANY_CONNECTIONS;
            self.emit(&Event::ConnectionRefused { reply: &reply }, info);
            self.session.answer_client(Rejection::stock(reply).into());
        }
    }

    /// Waits for octets, the session's deadline or the server's shutdown, whichever is first.
    async fn read(&mut self) {
        let Self { wire, session, context, .. } = self;
        let waited = poll_fn(|cx| match wire.poll_read_commands(cx, session) {
            Poll::Ready(waited) => Poll::Ready(waited),
            Poll::Pending => context.shutdown.poll(cx).map(|()| Waited::ShutDown),
        })
        .await;
        waited.tell(session);
    }

    fn report_final_reply(&self, last: &FinalReply, written: bool) {
        let event = Event::FinalReplyWritten {
            queue_id: last.queue_id,
            ok: last.accepted && written,
            reply: &last.reply,
            bytes: last.bytes,
        };
        self.emit(&event, self.session.info());
    }

    fn emit(&self, event: &Event<'_>, info: &SessionInfo) {
        self.context.hooks.emit(event, info);
    }
}

/// How many recipients the envelope has before the question is answered; only one about a recipient adds any.
fn recipients(question: &Question<'_>) -> usize {
    match question {
        Question::Recipient { envelope, .. } => envelope.recipients.len(),
        _ => usize::MAX,
    }
}

/// A future's output, and whether it had to wait. It is made here, so that what the caller awaits at other times can
/// take its room.
async fn noting_wait<F: Future>(make: impl FnOnce() -> F) -> (F::Output, bool) {
    let mut future = pin!(make());
    let mut waited = false;
    let output = poll_fn(|cx| {
        let polled = future.as_mut().poll(cx);
        waited |= polled.is_pending();
        polled
    })
    .await;
    (output, waited)
}

/// Tells the observers of the close, also of a connection that is cut off by dropping it.
struct Farewell {
    hooks: Arc<Hooks>,
    info: Arc<SessionInfo>,
    reason: CloseReason,
    begun: Instant,
    commands: CommandCounts,
}

impl Farewell {
    fn new<S>(connection: &Connection<S>) -> Self {
        Self {
            hooks: connection.context.hooks.clone(),
            info: connection.session.info().clone(),
            reason: CloseReason::Cut,
            begun: now().monotonic,
            commands: CommandCounts::default(),
        }
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        let lasted = now().monotonic.saturating_duration_since(self.begun);
        let event = Event::Closed { reason: self.reason, lasted, commands: &self.commands };
        self.hooks.emit(&event, &self.info);
    }
}
