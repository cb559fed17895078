//! One connection to a next hop.
//!
//! * **In**: a stream, a session, content. **Out**: the session's actions that are not about the stream.
//! * **Promises**: what the next hop says is read while something is written to it, so neither side waits for the other
//!   for ever; a reply that came before the connection broke counts. **Limits**: a time for each step, a piece of
//!   content in memory. **Panics**: never. **Spec**: RFC 5321 4.5.3.2, RFC 2920 3.1 (no deadlock).

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Buf;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout, timeout_at};

use super::reader::ContentReader;
use super::session::{Action, ClientSession, Stage};
use super::timeouts::ClientTimeouts;
#[cfg(feature = "tls")]
use super::{certificate_name::CertificateName, tls::ClientTls};
use crate::content::Content;
use crate::status::NextHost;

/// What one read may bring.
const READ_BYTES: usize = 4096;

pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Io for S {}

/// How TLS is done, if the session wants it.
#[cfg(feature = "tls")]
pub(super) struct Handshake {
    pub(super) tls: ClientTls,
    pub(super) host: String,
    pub(super) names: Vec<CertificateName>,
    pub(super) is_certificate_needed: bool,
}

/// A connection, from its making to its end.
pub(super) struct Connection {
    /// `None` after a handshake that failed.
    stream: Option<Box<dyn Io>>,
    pub(super) session: ClientSession,
    #[cfg(feature = "tls")]
    pub(super) handshake: Option<Handshake>,
    timeouts: ClientTimeouts,
    /// The session's steps when the time began to run out.
    steps: u64,
    deadline: Instant,
    is_unwritable: bool,
    is_unflushed: bool,
    pub(super) host: NextHost,
    /// When it was made.
    pub(super) since: Instant,
    /// How long that took.
    pub(super) set_up: Duration,
    /// How many messages it carried or carries.
    pub(super) uses: u32,
}

#[expect(clippy::disallowed_methods, reason = "the driver is the clock")]
pub(super) fn now() -> Instant {
    Instant::now()
}

impl Connection {
    pub(super) fn new(
        stream: Box<dyn Io>,
        session: ClientSession,
        host: NextHost,
        timeouts: ClientTimeouts,
    ) -> Self {
        Self {
            stream: Some(stream),
            session,
            #[cfg(feature = "tls")]
            handshake: None,
            timeouts,
            steps: u64::MAX,
            deadline: now(),
            is_unwritable: false,
            is_unflushed: false,
            host,
            since: now(),
            set_up: Duration::ZERO,
            uses: 0,
        }
    }

    /// The next action that is not about the stream; content is sent from `content`.
    pub(super) async fn next(&mut self, content: &Content) -> Action {
        let mut reader = None;
        loop {
            match self.session.poll() {
                Action::Exchange(stage) => self.exchange(stage, false).await,
                Action::Handshake => self.shake_hands().await,
                Action::Content => {
                    let reader = reader.get_or_insert_with(|| ContentReader::new(content));
                    self.send_piece(reader).await;
                }
                other => return other,
            }
        }
    }

    /// Whether it can be used once more; looks what came since it was last used.
    pub(super) async fn is_alive(&mut self) -> bool {
        let mut octets = [0; READ_BYTES];
        let polled = poll_fn(|cx| Poll::Ready(self.poll_read(cx, &mut octets))).await;
        polled.is_pending() && self.session.poll() == Action::Ready
    }

    /// Says goodbye and waits a little for the answer.
    pub(super) async fn close(mut self) {
        self.session.quit();
        // Ends with the time for QUIT at the latest.
        while let Action::Exchange(stage) = self.session.poll() {
            self.exchange(stage, false).await;
        }
        if let Some(mut stream) = self.stream {
            // The outcome does not matter: the stream is dropped next.
            let _ = timeout(self.timeouts.quit, stream.shutdown()).await;
        }
    }

    async fn send_piece(&mut self, reader: &mut ContentReader) {
        match reader.next().await {
            Ok(Some(piece)) => {
                self.session.content(&piece);
                self.exchange(Stage::Content, true).await;
            }
            Ok(None) => self.session.content_end(),
            Err(error) => self.session.handle_broken_content(error.to_string()),
        }
    }

    /// Writes what is to be written, and reads until something comes; `is_one_way` ends when all is written, too.
    async fn exchange(&mut self, stage: Stage, is_one_way: bool) {
        if self.steps != self.session.steps() {
            self.steps = self.session.steps();
            self.deadline = now() + self.timeouts.of(stage);
        }
        let mut octets = [0; READ_BYTES];
        let deadline = self.deadline;
        let transfer = poll_fn(|cx| self.poll_transfer(cx, &mut octets, is_one_way));
        match timeout_at(deadline, transfer).await {
            Ok(Some(Ok(0) | Err(_))) => self.session.handle_end(),
            Ok(Some(Ok(bytes))) => self.session.receive(octets.get(..bytes).unwrap_or_default()),
            Ok(None) => {}
            Err(_) => self.session.handle_timeout(),
        }
    }

    /// `None` if all is written.
    fn poll_transfer(
        &mut self,
        cx: &mut Context<'_>,
        octets: &mut [u8],
        is_one_way: bool,
    ) -> Poll<Option<io::Result<usize>>> {
        let written = self.poll_write(cx);
        if let Poll::Ready(read) = self.poll_read(cx, octets) {
            return Poll::Ready(Some(read));
        }
        match written {
            // Nothing more goes out, but a reply that says why may still come in.
            Poll::Ready(Err(_)) => {
                self.is_unwritable = true;
                Poll::Pending
            }
            Poll::Ready(Ok(())) if is_one_way && !self.is_unwritable => Poll::Ready(None),
            _ => Poll::Pending,
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(Ok(())) };
        let output = self.session.output();
        if self.is_unwritable {
            output.clear();
            return Poll::Ready(Ok(()));
        }
        while !output.is_empty() {
            match Pin::new(&mut *stream).poll_write(cx, output) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(bytes)) => output.advance(bytes),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
            self.is_unflushed = true;
        }
        if !self.is_unflushed {
            return Poll::Ready(Ok(()));
        }
        let flushed = Pin::new(stream).poll_flush(cx);
        self.is_unflushed = flushed.is_pending();
        flushed
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, octets: &mut [u8]) -> Poll<io::Result<usize>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(Ok(0)) };
        let mut buffer = ReadBuf::new(octets);
        Pin::new(stream).poll_read(cx, &mut buffer).map_ok(|()| buffer.filled().len())
    }

    #[cfg(feature = "tls")]
    async fn shake_hands(&mut self) {
        let (Some(stream), Some(handshake)) = (self.stream.take(), self.handshake.take()) else {
            return self.session.handle_handshake_failure("TLS is not set up".to_owned());
        };
        let Handshake { tls, host, names, is_certificate_needed } = handshake;
        let connect = tls.connect(stream, &host, names);
        match timeout(self.timeouts.starttls, connect).await {
            Ok(Ok((stream, facts, fault))) => {
                self.stream = Some(Box::new(stream));
                match fault {
                    Some(fault) if is_certificate_needed => self.session.handle_untrusted(fault),
                    _ => self.session.handle_tls(facts),
                }
            }
            Ok(Err(reason)) => self.session.handle_handshake_failure(reason),
            Err(_) => self.session.handle_timeout(),
        }
    }

    #[cfg(not(feature = "tls"))]
    async fn shake_hands(&mut self) {
        self.session.handle_handshake_failure("TLS is not compiled in".to_owned());
    }
}

#[cfg(test)]
mod tests;
