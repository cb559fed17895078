//! The server's wish to end, as a connection or a listener hears it.
//!
//! * **In**: the server's signal. **Out**: once, that it came.
//! * **Promises**: a connection that waits for a command hears it at once. **Limits**: none.
//! * **Panics**: never. **Spec**: RFC 5321 3.8 (421).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::sync::watch;

use super::waker::KnownWaker;

pub(crate) struct Shutdown {
    signal: watch::Receiver<bool>,
    /// `None` once it came.
    coming: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    waker: KnownWaker,
}

impl Shutdown {
    pub(crate) fn new(signal: watch::Receiver<bool>) -> Self {
        let mut down = signal.clone();
        let coming = Box::pin(async move {
            // A server that is gone without a word ends its connections, too.
            let _ = down.wait_for(|down| *down).await;
        });
        Self { signal, coming: Some(coming), waker: KnownWaker::default() }
    }

    /// Ready once, when the signal came.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(coming) = &mut self.coming else { return Poll::Pending };
        if self.waker.is(cx) && matches!(self.signal.has_changed(), Ok(false)) {
            return Poll::Pending;
        }
        self.waker.learn(cx);
        ready!(coming.as_mut().poll(cx));
        self.coming = None;
        Poll::Ready(())
    }
}
