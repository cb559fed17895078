//! The stream and its timer.
//!
//! * **In**: octets and deadlines. **Out**: octets, or what happened instead.
//! * **Promises**: a read or write that does not have to wait touches no timer. Cleartext and TLS are
//!   never mixed: once the stream is TLS there is no way back.
//! * **Limits**: the deadlines given. **Panics**: never. **Spec**: RFC 5321 4.5.3.2.

#[cfg(feature = "testing")]
mod faults;

use std::future::{Future, poll_fn};
use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::Sleep;

use super::buffers::CONTENT_BUFFER_BYTES;
use super::waker::KnownWaker;
use crate::session::Session;
use crate::time::{Now, UnixMillis};

/// What one read of commands may bring.
const COMMANDS_BYTES_MAX: usize = 8 * 1024;
/// Less room than this is not worth a read of content.
const CONTENT_ROOM_BYTES_MIN: usize = CONTENT_BUFFER_BYTES / 4;

/// The clocks as the runtime sees them, so that a paused runtime pauses the session, too.
#[expect(clippy::disallowed_methods, reason = "the driver is the clock")]
pub(crate) fn now() -> Now {
    Now { monotonic: tokio::time::Instant::now().into_std(), wall: UnixMillis::system() }
}

pub(super) enum Stream<S> {
    Plain(S),
    #[cfg(feature = "tls")]
    Tls(Box<tokio_rustls::server::TlsStream<S>>),
    /// In the middle of a handshake, or after one that failed.
    #[cfg(feature = "tls")]
    Gone,
}

/// What came of waiting for octets.
pub(super) enum Waited {
    Read,
    Ended,
    TimedOut,
    ShutDown,
}

impl Waited {
    pub(super) fn tell(self, session: &mut Session) {
        match self {
            Self::Read => {}
            Self::Ended => session.handle_eof(),
            Self::TimedOut => session.handle_timeout(now()),
            Self::ShutDown => session.handle_shutdown(),
        }
    }
}

pub(super) struct Wire<S> {
    stream: Stream<S>,
    timer: Timer,
    unflushed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream: Stream::Plain(stream), timer: Timer::default(), unflushed: false }
    }

    #[cfg(feature = "tls")]
    pub(super) fn take_stream(&mut self) -> Stream<S> {
        std::mem::replace(&mut self.stream, Stream::Gone)
    }

    #[cfg(feature = "tls")]
    pub(super) fn put_stream(&mut self, stream: Stream<S>) {
        self.stream = stream;
    }

    /// Reads commands, by way of the stack: a connection that waits for one holds no buffer.
    pub(super) fn poll_read_commands(
        &mut self,
        cx: &mut Context<'_>,
        session: &mut Session,
    ) -> Poll<Waited> {
        let mut octets = [const { MaybeUninit::uninit() }; COMMANDS_BYTES_MAX];
        let mut buffer = ReadBuf::uninit(&mut octets);
        let polled = self.poll_read(cx, &mut buffer, session.poll_timeout());
        session.input().extend_from_slice(buffer.filled());
        polled
    }

    /// Reads content, straight to where a delivery will see it.
    pub(super) fn poll_read_content(
        &mut self,
        cx: &mut Context<'_>,
        session: &mut Session,
        #[cfg(feature = "testing")] bytes_max: usize,
    ) -> Poll<Waited> {
        let deadline = session.poll_timeout();
        let input = session.input();
        if input.capacity() - input.len() < CONTENT_ROOM_BYTES_MIN {
            // Reclaims the whole buffer if no chunk of it is alive.
            input.reserve(CONTENT_BUFFER_BYTES);
        }
        #[cfg(feature = "testing")]
        let input = &mut input.limit(bytes_max);
        self.poll_read(cx, input, deadline)
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut impl BufMut,
        deadline: Option<Instant>,
    ) -> Poll<Waited> {
        if self.unflushed && self.stream.poll_flush(cx).is_ready() {
            self.unflushed = false;
        }
        match self.stream.poll_read(cx, buffer) {
            Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(Waited::Ended),
            Poll::Ready(Ok(_)) => Poll::Ready(Waited::Read),
            Poll::Pending => {
                let Some(deadline) = deadline else { return Poll::Pending };
                self.timer.poll(cx, deadline).map(|()| Waited::TimedOut)
            }
        }
    }

    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        octets: &[u8],
        timeout: Duration,
    ) -> Poll<io::Result<usize>> {
        match self.stream.poll_write(cx, octets) {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(result) => {
                self.timer.write_deadline = None;
                self.unflushed = true;
                Poll::Ready(result)
            }
            Poll::Pending => {
                let deadline =
                    *self.timer.write_deadline.get_or_insert_with(|| now().monotonic + timeout);
                self.timer.poll(cx, deadline).map(|()| Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }

    pub(super) async fn write(&mut self, octets: &[u8], timeout: Duration) -> io::Result<usize> {
        poll_fn(|cx| self.poll_write(cx, octets, timeout)).await
    }

    /// Says goodbye; a client that does not listen is not waited for long.
    pub(super) async fn close(&mut self) {
        const LINGER: Duration = Duration::from_secs(2);
        // The outcome does not matter: the stream is dropped next.
        let _ = tokio::time::timeout(LINGER, self.stream.shutdown()).await;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream<S> {
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut impl BufMut,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => pin!(stream.read_buf(buffer)).poll(cx),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => {
                let read = pin!(stream.read_buf(buffer)).poll(cx);
                if read.is_pending() && stream.get_ref().1.wants_write() {
                    // TLS answers something by itself (renegotiation is refused, a key is renewed): that
                    // does not wait for our next reply. If it fails, so will that.
                    let _ = Pin::new(stream.as_mut()).poll_flush(cx);
                }
                read
            }
            #[cfg(feature = "tls")]
            Self::Gone => Poll::Ready(Ok(0)),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, octets),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write(cx, octets),
            #[cfg(feature = "tls")]
            Self::Gone => Poll::Ready(Ok(0)),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
            #[cfg(feature = "tls")]
            Self::Gone => Poll::Ready(Ok(())),
        }
    }

    async fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.shutdown().await,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.shutdown().await,
            #[cfg(feature = "tls")]
            Self::Gone => Ok(()),
        }
    }
}

/// One timer per connection, which is set later than asked rather than reset for each read.
#[derive(Default)]
struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    waker: KnownWaker,
    write_deadline: Option<Instant>,
}

impl Timer {
    /// Ready once `deadline` has passed.
    fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let deadline = tokio::time::Instant::from_std(deadline);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if deadline < sleep.deadline() {
            sleep.as_mut().reset(deadline);
        } else if self.waker.is(cx) && !sleep.is_elapsed() {
            return Poll::Pending;
        }
        self.waker.learn(cx);
        ready!(sleep.as_mut().poll(cx));
        if sleep.deadline() < deadline {
            sleep.as_mut().reset(deadline);
            return sleep.as_mut().poll(cx);
        }
        Poll::Ready(())
    }
}
