//! Faults while content comes.
//!
//! * **In**: how many octets came. **Out**: when to read on, and how many octets, or that it is over.
//! * **Promises**: no more is read than comes before the next fault. The client is not charged for a stall.
//! * **Limits**: none. **Panics**: never. **Spec**: none.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::Sleep;

use super::{Fault, Occurrence, Script, now, pieces};
use crate::envelope::Envelope;
use crate::testing::recipients;

/// The faults that one message's content may meet.
pub(in super::super) struct ContentFaults(Option<State>);

struct State {
    script: Script,
    recipients: Vec<String>,
    received: u64,
    /// So many octets were looked at, and less.
    checked: u64,
    rate: Option<u32>,
    sleep: Option<Pin<Box<Sleep>>>,
    ended: bool,
}

/// Content that goes on is read so.
pub(in super::super) struct Admitted {
    /// So many octets at most.
    pub(in super::super) bytes_max: usize,
    /// The clock went on.
    pub(in super::super) waited: bool,
}

impl ContentFaults {
    pub(in super::super) fn new(script: Option<Script>, envelope: &Envelope) -> Self {
        Self(script.map(|script| State {
            script,
            recipients: recipients(envelope),
            received: 0,
            checked: 0,
            rate: None,
            sleep: None,
            ended: false,
        }))
    }

    /// Octets of content were handed out.
    pub(in super::super) fn received(&mut self, bytes: usize) {
        let Some(state) = &mut self.0 else { return };
        state.received += bytes as u64;
        if let Some(rate) = state.rate {
            let (piece, pause) = pieces(rate);
            let pieces = u32::try_from(bytes.div_ceil(piece)).unwrap_or(u32::MAX);
            state.sleep = Some(Box::pin(tokio::time::sleep(pause.saturating_mul(pieces))));
        }
    }

    /// Ready when the content goes on; `None` if it does not.
    pub(in super::super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Admitted>> {
        let Some(state) = &mut self.0 else {
            return Poll::Ready(Some(Admitted { bytes_max: usize::MAX, waited: false }));
        };
        let mut waited = false;
        loop {
            if let Some(sleep) = &mut state.sleep {
                ready!(sleep.as_mut().poll(cx));
                state.sleep = None;
                waited = true;
            }
            if state.checked <= state.received && !state.ended {
                state.look();
                continue;
            }
            let admitted = Admitted { bytes_max: state.bytes_max(), waited };
            return Poll::Ready((!state.ended).then_some(admitted));
        }
    }
}

impl State {
    /// Meets what happens at the octets that were passed since it was called last.
    fn look(&mut self) {
        let passed = self.checked..self.received + 1;
        self.checked = passed.end;
        let occurrence = Occurrence::content(&self.recipients, passed);
        match self.script.at(&occurrence, now().monotonic) {
            None => {}
            Some(Fault::Stall(time)) => self.sleep = Some(Box::pin(tokio::time::sleep(time))),
            Some(Fault::Throttle(rate)) => self.rate = Some(rate),
            Some(fault) => {
                self.script.set_due(fault);
                self.ended = true;
            }
        }
    }

    fn bytes_max(&self) -> usize {
        let before_fault = self.script.content_offset(self.received).map(|at| at - self.received);
        let before_fault = before_fault.and_then(|bytes| usize::try_from(bytes).ok());
        let before_pause = self.rate.map(|rate| pieces(rate).0);
        before_fault.into_iter().chain(before_pause).min().unwrap_or(usize::MAX)
    }
}
