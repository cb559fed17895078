//! The driver: one connection's sockets and clock around a pure session.
//!
//! * **In**: a stream and a session. **Out**: the session's octets, hooks called, the reason of the close.
//! * **Promises**: this is the only place that reads and writes the stream. A hook that panics, hangs or
//!   fails costs one reply. Every await here may be dropped: the socket closes, and what a delivery
//!   had not begun to make durable is gone without a trace.
//! * **Limits**: [`Timeouts`](crate::config::Timeouts). **Panics**: never.
//! * **Spec**: RFC 5321 3.8, 4.5.3.2; RFC 3207.

mod admission;
mod content;
mod hook_clock;
mod resolve;
mod shutdown;
#[cfg(feature = "tls")]
mod tls;
mod wire;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::hooks::{CloseReason, Event};
use crate::info::SessionInfo;
use crate::session::{Action, Question, Session};

pub(crate) use admission::Admission;
pub(crate) use resolve::Hooks;
pub(crate) use shutdown::Shutdown;
pub(crate) use wire::now;
#[cfg(feature = "tls")]
pub use tls::{TlsConfig, TlsConfigError};

use wire::{Waited, Wire};

/// What a connection needs beside its stream.
pub(crate) struct Context {
    pub(crate) hooks: Arc<Hooks>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<TlsConfig>,
    pub(crate) shutdown: Shutdown,
}

pub(crate) struct Connection<S> {
    wire: Wire<S>,
    session: Session,
    context: Context,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    pub(crate) fn new(stream: S, session: Session, context: Context) -> Self {
        Self { wire: Wire::new(stream), session, context }
    }

    /// Serves a client that is expected to begin with a TLS handshake.
    #[cfg(feature = "tls")]
    pub(crate) async fn run_implicit_tls(mut self) {
        match self.start_tls().await {
            Ok(()) => self.run().await,
            Err(reason) => {
                let info = self.session.info();
                self.emit(&Event::Closed { reason, lasted: std::time::Duration::ZERO }, &info);
            }
        }
    }

    /// Serves the client until the connection is closed.
    pub(crate) async fn run(mut self) {
        let begun = now();
        self.emit(&Event::Connected, &self.session.info());
        let reason = self.serve().await;
        self.report_final_reply(false);
        self.wire.close().await;
        let lasted = now().monotonic.saturating_duration_since(begun.monotonic);
        self.emit(&Event::Closed { reason, lasted }, &self.session.info());
    }

    async fn serve(&mut self) -> CloseReason {
        loop {
            let info = self.session.info();
            match self.session.poll(now()) {
                Action::Read => self.read().await,
                Action::Write(bytes) => {
                    let timeout = self.context.hooks.timeouts.write;
                    match self.wire.write(bytes, timeout).await {
                        Ok(written) => {
                            self.session.handle_written(written);
                            self.report_final_reply(true);
                        }
                        Err(_) => return CloseReason::Disconnected,
                    }
                }
                Action::Ask(Question::Message(message)) => self.deliver(*message).await,
                Action::Ask(question) => {
                    let answer = self.context.hooks.resolve(question, &info).await;
                    answer.give(&mut self.session);
                }
                Action::StartTls => {
                    #[cfg(feature = "tls")]
                    if let Err(reason) = self.start_tls().await {
                        return reason;
                    }
                    #[cfg(not(feature = "tls"))]
                    return CloseReason::TlsFailed;
                }
                Action::Close(reason) => return reason,
            }
        }
    }

    /// Waits for octets, the session's deadline or the server's shutdown, whichever is first.
    async fn read(&mut self) {
        let Self { wire, session, context } = self;
        let deadline = session.poll_timeout();
        let waited = poll_fn(|cx| match wire.poll_read(cx, session.input(), deadline) {
            Poll::Ready(waited) => Poll::Ready(waited),
            Poll::Pending => context.shutdown.poll(cx).map(|()| Waited::ShutDown),
        })
        .await;
        waited.tell(session);
    }

    fn report_final_reply(&mut self, written: bool) {
        let Some(last) = self.session.take_final_reply() else { return };
        let event = Event::FinalReplyWritten {
            queue_id: last.queue_id,
            ok: last.accepted && written,
            reply: &last.reply,
            bytes: last.bytes,
        };
        self.emit(&event, &self.session.info());
    }

    fn emit(&self, event: &Event<'_>, info: &SessionInfo) {
        self.context.hooks.emit(event, info);
    }
}
