//! What a wire does only on purpose.
//!
//! * **In**: a wire. **Out**: half of it, or none. **Promises**: what is read here reaches no session.
//! * **Limits**: the caller's. **Panics**: never. **Spec**: tcp(7).

use std::future::poll_fn;
use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

use super::{COMMANDS_BYTES_MAX, Stream, Wire};

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Ends what we write, and reads until the client ends, too.
    pub(in super::super) async fn half_close(&mut self) {
        // A client that is gone already ends the reading as well.
        let _ = self.stream.shutdown().await;
        while self.read_once().await.is_ok_and(|bytes| 0 < bytes) {}
    }

    /// Reads some octets and forgets them.
    pub(in super::super) async fn read_once(&mut self) -> io::Result<usize> {
        let mut octets = Vec::with_capacity(COMMANDS_BYTES_MAX);
        poll_fn(|cx| self.stream.poll_read(cx, &mut octets)).await
    }

    /// Drops the stream without a goodbye, when `prepare` has seen its socket.
    pub(in super::super) fn drop_stream(&mut self, prepare: fn(&S)) {
        match std::mem::replace(&mut self.stream, Stream::Gone) {
            Stream::Plain(stream) => prepare(&stream),
            Stream::Tls(stream) => prepare(stream.get_ref().0),
            Stream::Gone => {}
        }
    }
}
