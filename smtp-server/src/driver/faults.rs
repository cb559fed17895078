//! Faults, carried out on a connection.
//!
//! * **In**: a fault that a [`Script`] decided. **Out**: the wire as the fault says; a session that was cut, if that
//!   is the connection's end.
//! * **Promises**: what was answered before is written first. A wait ends when the server shuts down.
//! * **Limits**: the write timeout for each piece; the command timeout for a client that does not close its half.
//! * **Panics**: never. **Spec**: RFC 8446 6 (the alert).

mod content;

mod held_back;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Connection, now};
use crate::hooks::Event;
use crate::testing::{Fault, Occurrence, Script};

pub(super) use content::ContentFaults;
pub(super) use held_back::HeldBack;

/// A TLS record: the alert `handshake_failure`.
const HANDSHAKE_FAILURE: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];
/// So many pieces a second are written and read under a throttle.
const PIECES_PER_SECOND: u32 = 10;

/// What a connection keeps for its faults.
pub(super) struct Faulty<S> {
    /// Makes a socket send a reset when it is dropped.
    resets: fn(&S),
    /// What happens to the next octets that are written.
    at_write: Option<Fault>,
}

impl<S> Default for Faulty<S> {
    fn default() -> Self {
        // A stream that is not TCP knows no reset: it is dropped.
        Self { resets: |_| {}, at_write: None }
    }
}

impl<S> Faulty<S> {
    pub(super) fn take_at_write(&mut self) -> Option<Fault> {
        self.at_write.take()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    pub(crate) fn with_reset(mut self, resets: fn(&S)) -> Self {
        self.faulty.resets = resets;
        self
    }

    /// Before the session is asked for anything.
    pub(super) async fn meet_connect(&mut self) {
        let Some(script) = self.session.script() else { return };
        match script.at(&Occurrence::connect(), now().monotonic) {
            None => {}
            Some(Fault::Answer(rejection)) => {
                // Whichever of the two is asked first; the other one no longer is.
                self.session.answer_tls(rejection.clone().into());
                self.session.answer_client(rejection.into());
            }
            Some(fault) => self.carry_out(fault).await,
        }
    }

    /// Before a handshake. False if it has failed.
    pub(super) async fn meet_handshake(&mut self) -> bool {
        let script = self.session.script();
        let met = script.and_then(|it| it.at(&Occurrence::tls_handshake(), now().monotonic));
        let Some(fault) = met else { return true };
        if let Fault::Delay(time) = fault {
            self.pause(time).await;
            return true;
        }
        self.emit(&Event::TlsFailed { error: "a fault on purpose" }, self.session.info());
        match fault {
            Fault::FailHandshake => self.answer_handshake(&HANDSHAKE_FAILURE).await,
            Fault::Garbage(octets) => self.answer_handshake(&octets).await,
            fault => self.carry_out(fault).await,
        }
        self.wire.close().await;
        false
    }

    /// A client that has sent its first message reads what answers it.
    async fn answer_handshake(&mut self, octets: &[u8]) {
        let limit = self.context.hooks.timeouts.handshake;
        if tokio::time::timeout(limit, self.wire.read_once()).await.is_ok() {
            self.write_all(octets).await;
            self.half_close().await;
        }
    }

    /// Does what the session waits for.
    pub(super) async fn carry_out(&mut self, fault: Fault) {
        match fault {
            Fault::Delay(time) | Fault::Stall(time) => return self.pause(time).await,
            Fault::Garbage(_) | Fault::Truncate(_) | Fault::Throttle(_) => {
                return self.faulty.at_write = Some(fault);
            }
            Fault::HalfClose => self.half_close().await,
            Fault::Reset => self.wire.drop_stream(self.faulty.resets),
            // A handshake is somewhere else, and of an answer is nothing left to do but to end.
            Fault::Close | Fault::Answer(_) | Fault::FailHandshake => {}
        }
        self.session.cut();
    }

    /// Writes the session's `octets` as the fault says.
    pub(super) async fn write_with(&mut self, fault: Fault, octets: &[u8]) {
        match fault {
            Fault::Garbage(garbage) => {
                if let Some(reply) = self.session.replace_reply(&garbage) {
                    self.report_final_reply(&reply, false);
                }
                self.write_all(&garbage).await;
            }
            Fault::Throttle(rate) => {
                let (piece, pause) = pieces(rate);
                for piece in octets.chunks(piece) {
                    if !self.write_replies(piece).await {
                        return;
                    }
                    self.pause(pause).await;
                }
            }
            Fault::Truncate(bytes) => {
                let bytes = bytes.min(octets.len().saturating_sub(1));
                self.write_replies(octets.get(..bytes).unwrap_or_default()).await;
                self.session.cut();
            }
            _ => {}
        }
    }

    /// Octets that the session has to write. False if the client does not take them.
    async fn write_replies(&mut self, octets: &[u8]) -> bool {
        let taken = self.write_all(octets).await;
        self.session.turn_to(now());
        if taken && let Some(reply) = self.session.handle_written(octets.len()) {
            self.report_final_reply(&reply, true);
        }
        taken
    }

    /// False if the client does not take it.
    async fn write_all(&mut self, octets: &[u8]) -> bool {
        let timeout = self.context.hooks.timeouts.write;
        let mut rest = octets;
        while !rest.is_empty() {
            let Ok(written) = self.wire.write(rest, timeout).await else {
                self.session.cut();
                return false;
            };
            rest = rest.get(written..).unwrap_or_default();
        }
        true
    }

    async fn half_close(&mut self) {
        let patience = self.context.hooks.timeouts.command;
        let Self { wire, context, .. } = self;
        let mut ending = pin!(tokio::time::timeout(patience, wire.half_close()));
        poll_fn(|cx| {
            let ended = ending.as_mut().poll(cx).is_ready() || context.shutdown.poll(cx).is_ready();
            if ended { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    async fn pause(&mut self, time: Duration) {
        let Self { session, context, .. } = self;
        let mut pause = pin!(tokio::time::sleep(time));
        poll_fn(|cx| {
            if context.shutdown.poll(cx).is_ready() {
                session.handle_shutdown();
                return Poll::Ready(());
            }
            pause.as_mut().poll(cx)
        })
        .await;
    }
}

/// How many octets at once, and how long to wait behind them, so that `rate` come a second.
fn pieces(rate: u32) -> (usize, Duration) {
    let rate = rate.max(1);
    let piece = (rate / PIECES_PER_SECOND).max(1);
    (piece as usize, Duration::from_secs(1) * piece / rate)
}
