//! Delivery status notifications: who is told what became of a message.
//!
//! * **In**: an entry and what became of its recipients. **Out**: what is to be reported of each, and one message
//!   that does so.
//! * **Promises**: nothing is reported that NOTIFY forbids; nothing is sent to a null reverse-path, and a report
//!   about a report goes to the postmaster and is the last; nothing that a next hop said leaves its field.
//! * **Limits**: [`BOUNCE_BYTES_MAX`] of the original; what a next hop said counts up to 4096 octets.
//!   **Panics**: never.
//! * **Spec**: RFC 3461 5.2 and 6, 3464, 6522, 6533; RFC 2852 4.1; RFC 8689 5; RFC 3834 3.1.7.

mod compose;
mod fields;
mod original;
mod quoted_printable;
mod text;

use std::io;

use smtp_proto::{
    ByMode, Domain, EnhancedCode, LocalPart, Mailbox, Notify, RcptParams, ReversePath,
};
use smtp_server::{QueueId, UnixMillis};

use crate::content::Content;
use crate::entry::{QueueEntry, RecipientState};
use crate::spool::NewMessage;
use crate::status::{Outcome, Status};

#[cfg(feature = "tokio")]
pub(crate) use fields::original_recipient;
pub use original::Original;

/// The largest message that is returned whole, in octets, unless said otherwise.
pub const BOUNCE_BYTES_MAX: usize = 50_000;

/// Decides what is reported, and writes the reports.
///
/// ```
/// # fn example(
/// #     entry: smtp_queue::QueueEntry,
/// #     outcomes: Vec<(u32, smtp_queue::Outcome)>,
/// #     content: &smtp_queue::Content,
/// #     ids: &smtp_server::IdSource,
/// #     now: smtp_server::UnixMillis,
/// # ) -> std::io::Result<()> {
/// use smtp_queue::Change;
/// use smtp_queue::dsn::{Facts, Reporter};
/// use smtp_server::proto::Domain;
///
/// let host = Domain::parse("mx.example.org").expect("a name");
/// let reporter = Reporter::new(&host).expect("an ASCII name");
/// let reported = outcomes
///     .iter()
///     .filter_map(|(recipient, outcome)| reporter.outcome(&entry, *recipient, outcome))
///     .collect::<Vec<_>>();
/// let mut changes = Vec::new(); // with the outcomes themselves in it
/// if !reported.is_empty() {
///     // Reads at most `BOUNCE_BYTES_MAX` octets, and may block.
///     let original = reporter.original(content)?;
///     let facts =
///         Facts { entry: &entry, reported: &reported, original: &original, id: ids.next(now), now };
///     let report = reporter.compose(&facts, |domain| domain.as_str() == "example.org");
///     changes.extend(report.map(|report| Change::Accept(Box::new(report))));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Reporter {
    host: String,
    /// The reverse-path of what the postmaster is told: its failure is reported to nobody.
    double_bounce: Mailbox<'static>,
    bounce_bytes_max: usize,
}

/// What is said of a recipient (RFC 3464 2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// It was given up.
    Failed,
    /// It is late, and still tried.
    Delayed,
    /// It is in its mailbox.
    Delivered,
    /// It was taken over by a host that will not report.
    Relayed,
    /// It was passed on to the addresses that it stands for.
    Expanded,
}

impl Action {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
            Self::Relayed => "relayed",
            Self::Expanded => "expanded",
        }
    }
}

/// What is to be reported of one recipient; only a [`Reporter`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    recipient: u32,
    action: Action,
    status: Status,
    retry_until: Option<UnixMillis>,
}

impl Reported {
    /// The recipient's index in its entry.
    #[must_use]
    pub const fn recipient(&self) -> u32 {
        self.recipient
    }

    /// What is said of it.
    #[must_use]
    pub const fn action(&self) -> Action {
        self.action
    }
}

/// Why a sender is told that a message is late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lateness {
    /// It waits for longer than is usual (`delay_warning_time`).
    Unusual,
    /// The time of `BY` with the mode N is over (RFC 2852 4.1.3).
    DeadlineOver,
}

/// What a report is made of.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The message that is reported.
    pub entry: &'a QueueEntry,
    /// What is reported of its recipients, all in one.
    pub reported: &'a [Reported],
    /// The beginning of its content.
    pub original: &'a Original,
    /// The report's own id.
    pub id: QueueId,
    /// When it is made.
    pub now: UnixMillis,
}

impl Reporter {
    /// Reports as `host`; `None` for a name that cannot be written in ASCII.
    #[must_use]
    pub fn new(host: &Domain<'_>) -> Option<Self> {
        let host = host.to_ascii()?.into_owned();
        let domain = Domain::parse(&host).ok()?.into_owned();
        let double_bounce = Mailbox::new(LocalPart::new("double-bounce").ok()?, domain);
        Some(Self { host, double_bounce, bounce_bytes_max: BOUNCE_BYTES_MAX })
    }

    /// The same, but returns messages of up to `bytes_max` octets whole (`bounce_size_limit`).
    #[must_use]
    pub fn with_bounce_bytes_max(self, bytes_max: usize) -> Self {
        Self { bounce_bytes_max: bytes_max, ..self }
    }

    /// What is to be reported of an attempt's outcome, if anything.
    ///
    /// A message whose retries ran out is [`Outcome::Failed`] with [`expired`].
    #[must_use]
    pub fn outcome(
        &self,
        entry: &QueueEntry,
        recipient: u32,
        outcome: &Outcome,
    ) -> Option<Reported> {
        let params = self.params(entry, recipient)?;
        let action = match outcome {
            // A report never asks for one (NOTIFY=NEVER), but the postmaster wants to know.
            Outcome::Failed(_) if entry.reverse_path == ReversePath::Null => Some(Action::Failed),
            _ if entry.reverse_path == ReversePath::Null => None,
            Outcome::Failed(_) => {
                params.notify.is_none_or(|asked| asked.failure).then_some(Action::Failed)
            }
            Outcome::Delivered(_) => wants_success(params).then_some(Action::Delivered),
            Outcome::Expanded(_) => wants_success(params).then_some(Action::Expanded),
            Outcome::Relayed { reports, .. } => {
                is_relay_reported(entry, params, *reports).then_some(Action::Relayed)
            }
            Outcome::Deferred(_) => None,
        }?;
        let status = outcome.status().clone();
        Some(Reported { recipient, action, status, retry_until: None })
    }

    /// What is to be reported of a pending recipient that is late, if anything; it is tried until `retry_until`.
    #[must_use]
    pub fn delay(
        &self,
        entry: &QueueEntry,
        recipient: u32,
        lateness: Lateness,
        retry_until: UnixMillis,
    ) -> Option<Reported> {
        let params = self.params(entry, recipient)?;
        let is_wanted = entry.reverse_path != ReversePath::Null
            && params.notify.is_none_or(|asked| asked.delay);
        let index = usize::try_from(recipient).ok()?;
        let RecipientState::Pending(last) = &entry.recipients.get(index)?.state else {
            return None;
        };
        let mut status = last.as_deref().cloned().unwrap_or_else(too_long);
        if lateness == Lateness::DeadlineOver {
            status.code = DELIVERY_TIME_EXPIRED;
        }
        let action = Action::Delayed;
        let retry_until = Some(retry_until);
        is_wanted.then_some(Reported { recipient, action, status, retry_until })
    }

    /// The beginning of a message's content, as much as a report may have of it. May block.
    ///
    /// # Errors
    /// What the storage reports.
    pub fn original(&self, content: &Content) -> io::Result<Original> {
        Original::read(content, self.bounce_bytes_max)
    }

    /// The report to the message's sender, or to our postmaster if that is nobody; `None` if there is nothing
    /// to report. Its content is in memory.
    ///
    /// `is_ours` says whether a domain's mail is delivered here, which gives the report's recipient its class.
    pub fn compose(
        &self,
        facts: &Facts<'_>,
        is_ours: impl FnOnce(&Domain<'_>) -> bool,
    ) -> Option<NewMessage> {
        (!facts.reported.is_empty()).then(|| compose::message(self, facts, is_ours))
    }

    /// The parameters of a recipient of whom something may be reported.
    fn params<'a>(&self, entry: &'a QueueEntry, recipient: u32) -> Option<&'a RcptParams<'static>> {
        let is_last = entry.reverse_path.mailbox() == Some(&self.double_bounce);
        let recipient = entry.recipients.get(usize::try_from(recipient).ok()?)?;
        (!is_last).then_some(&recipient.recipient.params)
    }
}

/// Why a message is given up whose retries ran out: its last failure, transient as it was (RFC 3463 3.5, RFC 3464 2.3.4).
#[must_use]
pub fn expired(state: &RecipientState) -> Status {
    match state {
        RecipientState::Pending(Some(last)) => last.as_ref().clone(),
        _ => too_long(),
    }
}

/// Why a message is given up when the time of `BY` with the mode R is over (RFC 2852 4.1.3).
#[must_use]
pub fn deadline_over() -> Status {
    let text = "delivery time expired".to_owned();
    Status { code: DELIVERY_TIME_EXPIRED.with_class(5), text, reply: None, remote: None }
}

const DELIVERY_TIME_EXPIRED: EnhancedCode = EnhancedCode::new(4, 4, 7);

fn too_long() -> Status {
    let text = "message has been in the queue too long".to_owned();
    Status { code: DELIVERY_TIME_EXPIRED, text, reply: None, remote: None }
}

fn wants_success(params: &RcptParams<'_>) -> bool {
    params.notify.is_some_and(|asked| asked.success)
}

/// RFC 3461 5.2.2; RFC 2852 4.1.4.2, and 4.1.4.1 for the trace, which any NOTIFY but NEVER lets through.
fn is_relay_reported(entry: &QueueEntry, params: &RcptParams<'_>, reports: bool) -> bool {
    let by_deadline =
        entry.params.by.is_some_and(|by| by.trace() || (!reports && by.mode() == ByMode::Notify));
    (wants_success(params) && !reports) || (by_deadline && params.notify != Some(Notify::NEVER))
}
