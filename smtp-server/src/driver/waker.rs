//! Who is woken by what was polled before.
//!
//! * **In**: the waker of each poll. **Out**: whether it is that of the last one.
//! * **Promises**: what a connection always waits for beside octets, its timer and the server's end, is registered once
//!   and not again with each command. **Limits**: one waker. **Panics**: never. **Spec**: none.

use std::task::{Context, Waker};

#[derive(Default)]
pub(super) struct KnownWaker(Option<Waker>);

impl KnownWaker {
    pub(super) fn is(&self, cx: &Context<'_>) -> bool {
        self.0.as_ref().is_some_and(|known| known.will_wake(cx.waker()))
    }

    pub(super) fn learn(&mut self, cx: &Context<'_>) {
        match &mut self.0 {
            Some(known) => known.clone_from(cx.waker()),
            None => self.0 = Some(cx.waker().clone()),
        }
    }
}
