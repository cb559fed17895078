//! One call of a hook: its time and its panics.
//!
//! * **In**: a hook's future. **Out**: its answer, or how it failed.
//! * **Promises**: a panic stays in the call; the clock stands still while a delivery waits for the
//!   client. A call that is ready at once touches no timer.
//! * **Limits**: [`Timeouts::hook`](crate::config::Timeouts::hook), then
//!   [`Timeouts::commit`](crate::config::Timeouts::commit). **Panics**: caught. **Spec**: RFC 5321 4.5.3.2.6.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::now;
use crate::config::Timeouts;
use crate::hooks::HookFailure;

/// Who is being waited for while a hook is pending.
#[derive(Default)]
pub(super) struct Turn(AtomicU8);

const HOOK: u8 = 0;
const CLIENT: u8 = 1;
const COMMIT: u8 = 2;

impl Turn {
    /// The hook's, unless it commits: the client is waited for only if the hook says so again.
    fn hook(&self) {
        if self.0.load(Ordering::Relaxed) != COMMIT {
            self.0.store(HOOK, Ordering::Relaxed);
        }
    }

    pub(super) fn client(&self) {
        self.0.store(CLIENT, Ordering::Relaxed);
    }

    pub(super) fn commit(&self) {
        self.0.store(COMMIT, Ordering::Relaxed);
    }
}

/// Calls a hook that may wait for the client, as `turn` tells.
///
/// It is pinned by the caller: a future that takes another by value has room for it twice.
pub(super) async fn call<T>(
    timeouts: &Timeouts,
    turn: &Turn,
    mut hook: Pin<&mut impl Future<Output = T>>,
) -> Result<T, HookFailure> {
    let mut clock = HookClock::default();
    poll_fn(|cx| {
        turn.hook();
        match catch_unwind(AssertUnwindSafe(|| hook.as_mut().poll(cx))) {
            Err(_) => Poll::Ready(Err(HookFailure::Panicked)),
            Ok(Poll::Ready(answer)) => Poll::Ready(Ok(answer)),
            Ok(Poll::Pending) => {
                let turn = turn.0.load(Ordering::Relaxed);
                clock.poll(cx, timeouts, turn).map(|()| Err(HookFailure::TimedOut))
            }
        }
    })
    .await
}

#[derive(Default)]
struct HookClock {
    spent: Duration,
    running_since: Option<Instant>,
    committing: bool,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl HookClock {
    fn poll(&mut self, cx: &mut Context<'_>, timeouts: &Timeouts, turn: u8) -> Poll<()> {
        if turn == CLIENT {
            if let Some(since) = self.running_since.take() {
                self.spent += Instant::from_std(now().monotonic) - since;
            }
            return Poll::Pending;
        }
        if turn == COMMIT && !self.committing {
            *self = Self { committing: true, ..Self::default() };
        }
        let limit = if self.committing { timeouts.commit } else { timeouts.hook };
        let since = *self.running_since.get_or_insert_with(|| Instant::from_std(now().monotonic));
        let deadline = since + limit.saturating_sub(self.spent);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() != deadline {
            sleep.as_mut().reset(deadline);
        }
        sleep.as_mut().poll(cx)
    }
}
