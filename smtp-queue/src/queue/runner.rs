//! The runner: the manager's hands.
//!
//! * **In**: the manager's effects. **Out**: tasks. **Promises**: it decides nothing. After the shutdown signal nothing
//!   new begins, and what goes on has until the grace is over.
//! * **Limits**: the manager's. **Panics**: a task's end that task alone. **Spec**: none.

use std::sync::Arc;
use std::time::Duration;

use smtp_proto::EnhancedCode;
use tokio::task::JoinSet;

use super::Queue;
use super::attempt::Task;
use super::catch::catch;
use super::shared::Shared;
use crate::manager::Effect;
use crate::spool::Schedule;
use crate::status::{Outcome, Status};

/// The clock is looked at this often, since it may be set.
const NAP_MAX: Duration = Duration::from_secs(60);

/// How long a route is good for.
const ROUTE_VALID: Duration = Duration::from_secs(300);

impl Queue {
    /// Delivers until `shutdown` comes, then lets deliveries end for `grace`. Call it once; a message that is being sent
    /// when the grace is over comes again after the next start, if its next hop took it.
    pub async fn run(&self, shutdown: impl Future<Output = ()>, grace: Duration) {
        let mut shutdown = std::pin::pin!(shutdown);
        let mut tasks = JoinSet::new();
        let finished = std::mem::take(
            &mut *self.shared.finished.lock().unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        for id in finished {
            self.shared.remove(id).await;
        }
        loop {
            let nap = self.begin_all(&mut tasks);
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                () = self.shared.wake.notified() => {}
                () = tokio::time::sleep(nap) => {}
                Some(_) = tasks.join_next() => {}
            }
        }
        let _ =
            tokio::time::timeout(grace, async { while tasks.join_next().await.is_some() {} }).await;
    }

    /// Begins what is to be done, and says for how long nothing is.
    fn begin_all(&self, tasks: &mut JoinSet<()>) -> Duration {
        while tasks.try_join_next().is_some() {}
        let mut manager = self.shared.manager();
        let now = self.shared.now();
        manager.handle_timeout(now);
        while let Some(effect) = manager.poll() {
            let shared = self.shared.clone();
            match effect {
                Effect::Deliver { delivery, key, next_hop, recipients } => {
                    let round = shared.messages.round(key, recipients.start == 0, now);
                    let task = Task { delivery, key, next_hop, recipients, round };
                    tasks.spawn(async move { shared.attempt(task).await });
                }
                other => {
                    shared.end_round(&other);
                    tasks.spawn(async move { shared.carry_out(other).await });
                }
            }
        }
        let next = [manager.poll_timeout(), self.shared.messages.forget_old(now)];
        let next = next.into_iter().flatten().min().map(|next| next.0.saturating_sub(now.0));
        next.map_or(NAP_MAX, |millis| Duration::from_millis(millis).min(NAP_MAX))
    }
}

impl Shared {
    /// A row's round is over as soon as the manager says so, before its next one may begin.
    fn end_round(&self, effect: &Effect) {
        if let Effect::Reschedule { schedule: Schedule { key, .. }, .. }
        | Effect::Done { key, .. } = effect
        {
            self.messages.end_round(*key);
        }
    }

    async fn carry_out(self: Arc<Self>, effect: Effect) {
        match effect {
            Effect::Route { domain, is_local } => self.route(domain, is_local).await,
            Effect::Return { delivery, key, cause, status } => {
                self.give_back(delivery, key, cause, status).await;
            }
            Effect::DelayWarning { id, cause } => self.warn_of_delay(id, cause).await,
            Effect::Reschedule { schedule, status } => self.reschedule(schedule, status).await,
            Effect::Done { key, is_last: true } if self.messages.is_to_remove(key.id) => {
                self.remove(key.id).await;
            }
            // A delivery was begun in its place, and of other rows there is more to come.
            Effect::Deliver { .. } | Effect::Done { .. } => {}
        }
    }

    async fn route(&self, domain: String, is_local: bool) {
        let routed = match &self.router {
            Some(router) => catch(router.route(&domain, is_local)).await,
            None => None,
        };
        let answer = match routed {
            Some(answer) => answer,
            None => Err(Outcome::Deferred(Status {
                code: EnhancedCode::new(4, 3, 5),
                text: "there is no route".to_owned(),
                reply: None,
                remote: None,
            })),
        };
        let now = self.now();
        self.manager().handle_routed(&domain, is_local, answer, now, ROUTE_VALID);
        self.wake.notify_one();
    }
}
