//! The log as Postfix writes it, for all that reads Postfix's logs.
//!
//! * **In**: events of sessions and of the queue. **Out**: lines without date and host.
//! * **Promises**: one event is one line, or none, and a close at most two; control characters come out as `?`, and so does
//!   what turns the direction of writing, so nobody can forge a line or its look. **Limits**: what the session and the reply limit. **Panics**: never.
//! * **Spec**: Postfix 3.10's smtpd(8), cleanup(8), qmgr(8), smtp(8), local(8), bounce(8), postsuper(1).

use std::fmt;
use std::time::Duration;

use smtp_server::{Event, Observer, QueueId, SessionInfo};

use super::{QueueEvent, QueueObserver, seconds, smtpd};
use crate::dsn::Action;
use crate::entry::QueueEntry;
use crate::route::NextHop;
use crate::status::Outcome;
use crate::transport::Report;

/// Writes events as Postfix would; observes servers and queues alike.
///
/// ```
/// use smtp_queue::events::{LogLine, PostfixLog};
///
/// let log = PostfixLog::new(|line: &LogLine<'_>| {
///     eprintln!("{}", line.tagged("postfix", std::process::id()));
/// });
/// # fn observe(_: impl smtp_server::Observer, _: impl smtp_queue::QueueObserver) {}
/// observe(log.clone(), log);
/// ```
#[derive(Clone)]
pub struct PostfixLog<F>(F);

impl<F: Fn(&LogLine<'_>) + Send + Sync + 'static> PostfixLog<F> {
    /// Gives each line to `sink`, which must not block.
    pub fn new(sink: F) -> Self {
        Self(sink)
    }

    pub(super) fn write(&self, service: &str, is_warning: bool, text: &str) {
        // Character by character only where it must be.
        let text = match text.contains(is_unfit) {
            true => text.replace(is_unfit, "?"),
            false => text.to_owned(),
        };
        (self.0)(&LogLine { service, is_warning, text });
    }
}

impl<F> fmt::Debug for PostfixLog<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostfixLog")
    }
}

/// A line, without a control character in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogLine<'a> {
    /// Which of Postfix's programs would write it.
    pub service: &'a str,
    /// Whether somebody should have a look.
    pub is_warning: bool,
    /// What it says.
    pub text: String,
}

impl LogLine<'_> {
    /// The line behind its tag, as syslog has it: `postfix/smtpd[123]: text`.
    #[must_use]
    pub fn tagged(&self, syslog_name: &str, process_id: u32) -> String {
        let warning = if self.is_warning { "warning: " } else { "" };
        format!("{syslog_name}/{}[{process_id}]: {warning}{}", self.service, self.text)
    }
}

impl<F: Fn(&LogLine<'_>) + Send + Sync + 'static> Observer for PostfixLog<F> {
    fn on_event(&self, event: &Event<'_>, info: &SessionInfo) {
        smtpd::write(self, event, info);
    }
}

impl<F: Fn(&LogLine<'_>) + Send + Sync + 'static> QueueObserver for PostfixLog<F> {
    fn on_queue_event(&self, event: &QueueEvent<'_>) {
        let line = |service: &str, id: QueueId, text: &str| {
            self.write(service, false, &format!("{id}: {text}"));
        };
        match event {
            QueueEvent::Accepted { entry, message_id } => {
                let text = format!("message-id={}", message_id.unwrap_or("<>"));
                line("cleanup", entry.id, &text);
            }
            QueueEvent::Active { entry } => {
                let (bytes, count) = (entry.content_bytes, entry.recipients.len());
                let text = format!("{}, size={bytes}, nrcpt={count} (queue active)", from(entry));
                line("qmgr", entry.id, &text);
            }
            QueueEvent::Attempted { entry, next_hop, report, before_active, in_active } => {
                let delays = [*before_active, *in_active, report.set_up, report.transmission];
                if let Some(text) = attempt(entry, next_hop, report, delays) {
                    line(&next_hop.transport, entry.id, &text);
                }
            }
            QueueEvent::Expired { entry } => {
                let forced = if entry.expired { "force-" } else { "" };
                let text = format!("{}, status={forced}expired, returned to sender", from(entry));
                line("qmgr", entry.id, &text);
            }
            QueueEvent::Reported { entry, report, action } => {
                let whom =
                    if entry.reverse_path.mailbox().is_some() { "sender" } else { "postmaster" };
                let what = match action {
                    Action::Failed => "non-delivery",
                    Action::Delayed => "delay",
                    _ => "delivery status",
                };
                line("bounce", entry.id, &format!("{whom} {what} notification: {report}"));
            }
            QueueEvent::Held { id, .. } => line("postsuper", *id, "placed on hold"),
            QueueEvent::Released { id } => line("postsuper", *id, "released from hold"),
            QueueEvent::Deleted { id } => line("postsuper", *id, "removed"),
            QueueEvent::Removed { id } => line("qmgr", *id, "removed"),
        }
    }
}

/// `to=<r>, relay=host[ip]:port, conn_use=N, delay=T, delays=a/b/c/d, dsn=2.0.0, status=sent (250 ...)`
fn attempt(
    entry: &QueueEntry,
    next_hop: &NextHop,
    report: &Report,
    delays: [Duration; 4],
) -> Option<String> {
    let recipient = entry.recipients.get(usize::try_from(report.recipient).ok()?)?;
    let status = report.outcome.status();
    let word = match report.outcome {
        Outcome::Deferred(_) => "deferred",
        Outcome::Failed(_) => "bounced",
        _ => "sent",
    };
    let uses = match report.connection_uses {
        0 | 1 => String::new(),
        uses => format!(" conn_use={uses},"),
    };
    let total = seconds::format(delays.iter().sum());
    Some(format!(
        "to=<{}>, relay={},{uses} delay={total}, delays={}, dsn={}, status={word} ({})",
        recipient.address(),
        relay(next_hop, report),
        delays.map(seconds::format).join("/"),
        status.code,
        status.text,
    ))
}

/// Who was spoken with; the transport's name for one that stays on this host.
fn relay(next_hop: &NextHop, report: &Report) -> String {
    match &report.outcome.status().remote {
        Some(remote) if report.connection_uses > 0 => remote.to_string(),
        _ if !next_hop.hosts.is_empty() => "none".to_owned(),
        _ if ["error", "retry", "discard"].contains(&&*next_hop.transport) => "none".to_owned(),
        _ => next_hop.transport.as_ref().to_owned(),
    }
}

/// Ends a line, or shows its characters in another order than they have.
fn is_unfit(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn from(entry: &QueueEntry) -> String {
    let sender = entry.reverse_path.mailbox().map(ToString::to_string).unwrap_or_default();
    format!("from=<{sender}>")
}
