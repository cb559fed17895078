//! The server's wish to end, as a connection or a listener hears it.
//!
//! * **In**: the server's signal. **Out**: once, that it came.
//! * **Promises**: a connection that waits for a command hears it at once. **Limits**: none.
//! * **Panics**: never. **Spec**: RFC 5321 3.8 (421).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::watch;

pub(crate) struct Shutdown(Option<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Shutdown {
    pub(crate) fn new(mut signal: watch::Receiver<bool>) -> Self {
        Self(Some(Box::pin(async move {
            // A server that is gone without a word ends its connections, too.
            let _ = signal.wait_for(|down| *down).await;
        })))
    }

    /// Ready once, when the signal came.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(signal) = &mut self.0 else { return Poll::Pending };
        let came = signal.as_mut().poll(cx);
        if came.is_ready() {
            self.0 = None;
        }
        came
    }
}
