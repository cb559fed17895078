//! SIGTERM and SIGINT.
//!
//! * **In**: signals. **Out**: a number that everybody can wait for. **Promises**: none is missed once this is
//!   installed. **Limits**: none. **Panics**: never. **Spec**: signal(7).

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How often the program was asked to end.
#[derive(Clone)]
pub(crate) struct Signals(watch::Receiver<usize>);

impl Signals {
    /// Takes the signals from here on; until then they end the process.
    pub(crate) fn install() -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (count, received) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                count.send_modify(|count| *count += 1);
            }
        });
        Ok(Self(received))
    }

    /// Ready once `times` signals came.
    pub(crate) async fn wait_for(mut self, times: usize) {
        // The task that counts ends only with the runtime, and so does whoever waits.
        let _ = self.0.wait_for(|count| times <= *count).await;
    }
}
