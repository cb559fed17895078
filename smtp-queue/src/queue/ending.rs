//! What happens to a row without an attempt: it is returned, its sender is told of a delay, it waits, it is done.
//!
//! * **In**: the manager's other effects. **Out**: change sets, then word to the manager. **Promises**: giving up and the
//!   report of it are one change set. **Limits**: none of its own. **Panics**: never.
//! * **Spec**: RFC 3461 5.2.3 and 5.2.8; RFC 2852 4.1.3.

use std::time::Duration;

use smtp_server::QueueId;

use super::attempt::between;
use super::messages::Loaded;
use super::shared::Shared;
use crate::dsn::{self, Lateness};
use crate::entry::{QueueEntry, RecipientState, RowKey};
use crate::events::QueueEvent;
use crate::manager::{DelayCause, DeliveryKey, ReturnCause};
use crate::route::NextHop;
use crate::spool::{Change, Opened, Schedule, SpoolError};
use crate::status::{Outcome, Status};
use crate::transport::Report;

impl Shared {
    /// Gives up the pending recipients of a row and reports that.
    pub(super) async fn give_back(
        &self,
        delivery: DeliveryKey,
        key: RowKey,
        cause: ReturnCause,
        status: Option<Box<Status>>,
    ) {
        let Opened { entry, content } = match self.spool.open(key.id).await {
            Ok(opened) => opened,
            Err(error) => return self.end_return(delivery, key.id, Err(error)),
        };
        let message = Loaded::new(entry, content);
        if !matches!(cause, ReturnCause::Unroutable(_)) {
            self.emit(&QueueEvent::Expired { entry: &message.entry });
        }
        let failure = |state: &RecipientState| match (&cause, &status) {
            (ReturnCause::DeliverBy, _) => dsn::deadline_over(),
            (ReturnCause::Unroutable(status), _) => status.as_ref().clone(),
            (_, Some(status)) if *state == RecipientState::Pending(None) => status.as_ref().clone(),
            _ => dsn::expired(state),
        };
        let mut states = Vec::new();
        let mut reported = Vec::new();
        for recipient in self.messages.pending(&message, key.row) {
            let at = usize::try_from(recipient).ok();
            let Some(queued) = at.and_then(|at| message.entry.recipients.get(at)) else { continue };
            let outcome = Outcome::Failed(failure(&queued.state));
            reported.extend(self.reporter.outcome(&message.entry, recipient, &outcome));
            if matches!(cause, ReturnCause::Unroutable(_)) {
                self.emit_unroutable("error", &message.entry, recipient, outcome);
            }
            states.push((recipient, RecipientState::Failed));
        }
        let arrivals = self.report(&message.entry, &message.content, &reported).await;
        let change = Change::Recipients { id: key.id, states };
        let applied = self.apply(vec![change], arrivals).await;
        self.end_return(delivery, key.id, applied);
    }

    /// What could not be returned, or not durably, waits for somebody who looks at it or for the next start.
    fn end_return(&self, delivery: DeliveryKey, id: QueueId, result: Result<(), SpoolError>) {
        match result {
            // If it is not there any more, somebody deleted it.
            Ok(()) | Err(SpoolError::NotFound(_)) => {
                self.manager().handle_returned(delivery, self.now());
            }
            Err(error) => {
                self.manager().handle_return_failed(delivery, self.now());
                self.emit(&QueueEvent::Held { id, reason: &error.to_string() });
            }
        }
        self.wake.notify_one();
    }

    /// Takes note that the spool could not give a message for an attempt.
    pub(super) fn set_unreadable(&self, id: QueueId, error: &SpoolError) {
        match error {
            // Somebody deleted it.
            SpoolError::NotFound(_) => drop(self.manager().delete(id, self.now())),
            // It stays in the spool as it is, and is not tried until somebody has mended it.
            SpoolError::Damaged { .. } => {
                self.manager().hold(id, self.now());
                self.emit(&QueueEvent::Held { id, reason: &error.to_string() });
            }
            // It may do better later.
            _ => {}
        }
    }

    /// Tells the sender that the message is late.
    pub(super) async fn warn_of_delay(&self, id: QueueId, cause: DelayCause) {
        let Ok(Opened { entry, content }) = self.spool.open(id).await else { return };
        let lateness = match cause {
            DelayCause::Warning => Lateness::Unusual,
            DelayCause::DeliverBy => Lateness::DeadlineOver,
        };
        let retry_until = entry.arrived + self.lifetime;
        let pending = (0..).zip(&entry.recipients).filter(|(_, one)| one.state.is_pending());
        let reported: Vec<_> = pending
            .filter_map(|(index, _)| self.reporter.delay(&entry, index, lateness, retry_until))
            .collect();
        let arrivals = self.report(&entry, &content, &reported).await;
        // If it fails the sender learns of it after the next start, or from the end of it all.
        let _ = self.apply(vec![Change::DelayWarned(id)], arrivals).await;
    }

    /// Makes durable when a row is tried next, and why all of it was deferred.
    pub(super) async fn reschedule(&self, schedule: Schedule, status: Option<Box<Status>>) {
        let mut changes = vec![Change::Schedule(schedule)];
        if let Some(status) = status
            && let Ok(Opened { entry, content }) = self.spool.open(schedule.key.id).await
        {
            let message = Loaded::new(entry, content);
            let pending = self.messages.pending(&message, schedule.key.row);
            for recipient in &pending {
                let outcome = Outcome::Deferred((*status).clone());
                self.emit_unroutable("retry", &message.entry, *recipient, outcome);
            }
            let state = |index| (index, RecipientState::Pending(Some(status.clone())));
            let states = pending.into_iter().map(state).collect();
            changes.push(Change::Recipients { id: schedule.key.id, states });
        }
        // If it fails the row is tried earlier after the next start.
        let _ = self.apply(changes, Vec::new()).await;
    }

    /// Without a next hop, the attempt is one of Postfix's error(8) or retry(8).
    fn emit_unroutable(&self, by: &str, entry: &QueueEntry, recipient: u32, outcome: Outcome) {
        self.emit(&QueueEvent::Attempted {
            entry,
            next_hop: &NextHop::on_this_host(by),
            report: &Report::without_attempt(recipient, outcome),
            before_active: between(entry.arrived, self.now()),
            in_active: Duration::ZERO,
        });
    }

    /// Takes a message whose last row is done out of the spool. If it fails, the next start does it.
    pub(super) async fn remove(&self, id: QueueId) {
        if self.apply(vec![Change::Remove(id)], Vec::new()).await.is_ok() {
            self.emit(&QueueEvent::Removed { id });
        }
    }
}
