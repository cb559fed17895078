//! One delivery: a transport's attempt, and what came of it, made durable.
//!
//! * **In**: [`Effect::Deliver`](crate::Effect::Deliver). **Out**: a change set, then word to the manager.
//! * **Promises**: outcomes and the report that they cause are one change set. A recipient that is ours is never
//!   given to a next hop that has hosts, whatever the router says. What a transport forgot to report is deferred.
//! * **Limits**: none of its own. **Panics**: a transport's are caught. **Spec**: RFC 3461 5.2; RFC 5321 3.6.2.

use std::sync::Arc;
use std::time::Duration;

use smtp_proto::EnhancedCode;
use smtp_server::UnixMillis;

use super::catch::catch;
use super::messages::{Round, Tried};
use super::shared::Shared;
use crate::entry::{QueueEntry, RecipientState, RowKey};
use crate::events::QueueEvent;
use crate::manager::DeliveryKey;
use crate::route::NextHop;
use crate::spool::{Change, SpoolError};
use crate::status::{Outcome, Status};
use crate::transport::{Feedback, Job, Outcomes, Report};

/// What a delivery is about.
pub(super) struct Task {
    pub(super) delivery: DeliveryKey,
    pub(super) key: RowKey,
    pub(super) next_hop: NextHop,
    pub(super) recipients: std::ops::Range<u32>,
    pub(super) round: Arc<Round>,
}

impl Shared {
    /// Tries once and tells the manager.
    pub(super) async fn attempt(&self, task: Task) {
        let active = |entry: &QueueEntry| self.emit(&QueueEvent::Active { entry });
        let tried = self.messages.tried(&*self.spool, task.key, &task.round, active).await;
        let (deferred, feedback) = match tried {
            Ok(tried) => self.attempt_in(tried, &task).await,
            Err(error) => {
                self.set_unreadable(task.key.id, &error);
                (task.recipients.end - task.recipients.start, Feedback::Reached)
            }
        };
        self.manager().handle_finished(task.delivery, deferred, &feedback, self.now());
        self.wake.notify_one();
    }

    async fn attempt_in(&self, tried: &Tried, task: &Task) -> (u32, Feedback) {
        let range = task.recipients.start as usize..task.recipients.end as usize;
        let job = Job {
            entry: tried.message.entry.clone(),
            recipients: tried.pending.get(range).unwrap_or_default().to_vec(),
            content: tried.message.content.clone(),
            next_hop: task.next_hop.clone(),
        };
        let entry = &*job.entry;
        let begun = self.now();
        let mut reports = Reports::default();
        let feedback = self.try_once(&job, &mut reports).await;
        let reports = reports.complete(&job);
        for report in &reports {
            self.emit(&QueueEvent::Attempted {
                entry,
                next_hop: &job.next_hop,
                report,
                before_active: between(entry.arrived, task.round.begun),
                in_active: between(task.round.begun, begun),
            });
        }
        self.settle(tried, task, &reports).await;
        let deferred = reports.iter().filter(|report| is_deferred(report)).count();
        (u32::try_from(deferred).unwrap_or(u32::MAX), feedback)
    }

    async fn try_once(&self, job: &Job, reports: &mut Reports) -> Feedback {
        let Some(transport) = self.transports.get(&*job.next_hop.transport) else {
            let name = &job.next_hop.transport;
            reports.rest = Some(status((4, 3, 5), format!("there is no transport '{name}'")));
            return Feedback::Reached;
        };
        let is_ours = |index: &u32| {
            let recipient =
                usize::try_from(*index).ok().and_then(|at| job.entry.recipients.get(at));
            recipient.is_none_or(|recipient| recipient.is_local())
        };
        // A content filter may be another host's; it sends the message back.
        let leaves = !job.next_hop.hosts.is_empty() && job.entry.filter.is_none();
        if leaves && job.recipients.iter().any(is_ours) {
            let text = "a recipient of this host was routed to another one";
            reports.rest = Some(status((4, 3, 5), text.to_owned()));
            return Feedback::Reached;
        }
        catch(transport.attempt(job, reports)).await.unwrap_or(Feedback::Reached)
    }

    /// Makes what became of the recipients durable. If that fails, they are not tried again by this process: the next
    /// one will, for it knows no better.
    async fn settle(&self, tried: &Tried, task: &Task, reports: &[Report]) {
        let entry = &*tried.message.entry;
        let reported: Vec<_> = reports
            .iter()
            .filter_map(|report| self.reporter.outcome(entry, report.recipient, &report.outcome))
            .collect();
        let arrivals = self.report(entry, &tried.message.content, &reported).await;
        let is_all = reports.len() == tried.pending.len() && tried.message.rows.rows.len() == 1;
        let is_last =
            is_all && !reports.iter().any(is_deferred) && !self.messages.is_unsettled(task.key.id);
        let change = if is_last {
            Change::Remove(task.key.id)
        } else {
            let states = reports.iter().map(|report| (report.recipient, state(&report.outcome)));
            Change::Recipients { id: task.key.id, states: states.collect() }
        };
        match self.apply(vec![change], arrivals).await {
            Ok(()) if is_last => {
                self.messages.set_removed(task.key.id);
                self.emit(&QueueEvent::Removed { id: task.key.id });
            }
            // Deleted meanwhile, and nobody is to be told.
            Ok(()) | Err(SpoolError::NotFound(_)) => {}
            Err(_) => {
                for report in reports.iter().filter(|report| !is_deferred(report)) {
                    self.messages.set_unsettled(task.key.id, report.recipient);
                }
            }
        }
    }
}

/// What a transport reported.
#[derive(Default)]
struct Reports {
    list: Vec<Report>,
    /// Why there is none.
    rest: Option<Status>,
}

impl Outcomes for Reports {
    fn report(&mut self, report: Report) {
        self.list.push(report);
    }
}

impl Reports {
    /// One report for each recipient, in the job's order; the first counts if there were more.
    fn complete(mut self, job: &Job) -> Vec<Report> {
        let rest = self.rest.take().unwrap_or_else(|| {
            status((4, 3, 0), "the attempt broke off without an outcome".to_owned())
        });
        let mut complete = Vec::with_capacity(job.recipients.len());
        for &recipient in &job.recipients {
            let at = self.list.iter().position(|report| report.recipient == recipient);
            complete.push(match at {
                Some(at) => self.list.swap_remove(at),
                None => Report::without_attempt(recipient, Outcome::Deferred(rest.clone())),
            });
        }
        complete
    }
}

pub(super) fn between(earlier: UnixMillis, later: UnixMillis) -> Duration {
    Duration::from_millis(later.0.saturating_sub(earlier.0))
}

fn is_deferred(report: &Report) -> bool {
    matches!(report.outcome, Outcome::Deferred(_))
}

fn state(outcome: &Outcome) -> RecipientState {
    match outcome {
        Outcome::Deferred(status) => RecipientState::Pending(Some(Box::new(status.clone()))),
        Outcome::Failed(_) => RecipientState::Failed,
        _ => RecipientState::Delivered,
    }
}

fn status((class, subject, detail): (u8, u16, u16), text: String) -> Status {
    let code = EnhancedCode::new(class, subject, detail);
    Status { code, text, reply: None, remote: None }
}
