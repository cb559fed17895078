//! SIGTERM and SIGINT, the first and the second time; SIGHUP each time.
//!
//! * **In**: signals. **Out**: futures, one for each time.
//! * **Promises**: none is missed once this is installed.
//! * **Limits**: none. **Panics**: never. **Spec**: signal(7).

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// How often the program was asked to end.
#[derive(Clone)]
pub(crate) struct Signals(watch::Receiver<usize>);

/// How often the program was asked to read its files again.
pub(crate) struct Hangups(Signal);

impl Hangups {
    /// Takes SIGHUP from here on; until then it ends the process.
    pub(crate) fn install() -> io::Result<Self> {
        Ok(Self(signal(SignalKind::hangup())?))
    }

    /// Ready when the next one came; several that came meanwhile are one.
    pub(crate) async fn next(&mut self) {
        // Nothing that is received is nothing more to come, which the runtime does not let happen.
        let _ = self.0.recv().await;
    }
}

impl Signals {
    /// Takes the signals from here on; until then they end the process.
    pub(crate) fn install() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        let (count, received) = watch::channel(0);
        tokio::spawn(watch_for(terminate, interrupt, count));
        Ok(Self(received))
    }

    /// Ready once `times` signals came.
    pub(crate) async fn wait_for(mut self, times: usize) {
        // The task that counts ends only with the runtime, and so does whoever waits.
        let _ = self.0.wait_for(|count| times <= *count).await;
    }
}

async fn watch_for(mut terminate: Signal, mut interrupt: Signal, count: watch::Sender<usize>) {
    loop {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "asked to end");
        count.send_modify(|count| *count += 1);
    }
}
