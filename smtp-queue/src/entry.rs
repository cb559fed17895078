//! Queue entries: one message, its recipients, and what is known of each.
//!
//! * **In**: an accepted envelope. **Out**: what a spool keeps and a transport sends.
//! * **Promises**: a recipient keeps its relay class for as long as the message lives; recipients keep their
//!   order, so an index names one for good. **Limits**: as many recipients as the server accepted.
//! * **Panics**: never. **Spec**: RFC 5321 2.3.1; RFC 3461 4 (what must outlive the session).

use smtp_proto::{MailParams, ReversePath};
use smtp_server::{FilterRoute, QueueId, Recipient, RecipientClass, UnixMillis};

use crate::status::Status;

/// A message in the queue, without its content.
#[derive(Clone, Debug)]
pub struct QueueEntry {
    /// The message's name; never given out twice.
    pub id: QueueId,
    /// When MAIL was accepted.
    pub arrived: UnixMillis,
    /// Where failures are reported; null for a report itself.
    pub reverse_path: ReversePath<'static>,
    /// The parameters of MAIL.
    pub params: MailParams<'static>,
    /// All recipients, those that are done among them.
    pub recipients: Vec<QueuedRecipient>,
    /// Header fields and body together, in octets.
    pub content_bytes: u64,
    /// Why it waits for somebody to let it go, possibly in no words.
    pub hold: Option<String>,
    /// The content filter that all of it goes through, if one was asked for.
    pub filter: Option<FilterRoute>,
    /// Whether its sender was told of a delay.
    pub delay_warned: bool,
    /// Whether it is to be returned at its next attempt, whatever its age.
    pub expired: bool,
}

/// A recipient of a message in the queue.
#[derive(Clone, Debug)]
pub struct QueuedRecipient {
    /// The path, its parameters, and why it may be relayed.
    pub recipient: Recipient,
    /// What became of it.
    pub state: RecipientState,
}

/// What became of a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecipientState {
    /// Still to be delivered; the last attempt's failure, if there was one.
    Pending(Option<Box<Status>>),
    /// Delivered, or taken over by a next hop.
    Delivered,
    /// Given up.
    Failed,
}

impl RecipientState {
    /// Whether it is still to be delivered.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        matches!(self, Self::Pending(_))
    }
}

/// Names the recipients of one message that share a domain: the unit of scheduling.
///
/// Rows are counted in the order in which their domains first appear among the recipients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// The message.
    pub id: QueueId,
    /// Which of its rows.
    pub row: u32,
}

/// What scheduling knows of the recipients of one message that share a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Which row of which message.
    pub key: RowKey,
    /// The domain in lower case, an address literal with its brackets, or nothing for `<postmaster>`.
    pub domain: &'a str,
    /// Whether its recipients are ours, and so must not leave this host.
    pub is_local: bool,
    /// How many of its recipients are pending.
    pub recipients_pending: u32,
    /// When MAIL was accepted.
    pub arrived: UnixMillis,
    /// Not to be tried before.
    pub due: UnixMillis,
    /// How often it was tried.
    pub attempts: u16,
    /// MT-PRIORITY, 0 where none was given (RFC 6710).
    pub priority: i8,
    /// When it must be delivered by (RFC 2852), if that was asked for.
    pub deliver_by: Option<UnixMillis>,
    /// Whether the reverse-path is null: a report, with a lifetime of its own.
    pub is_report: bool,
    /// Whether somebody must let it go first.
    pub is_held: bool,
    /// Whether the sender was told of a delay.
    pub is_delay_warned: bool,
    /// Whether it is to be returned at its next attempt, whatever its age.
    pub is_expired: bool,
}

impl QueuedRecipient {
    /// Its address, without brackets and source route; `postmaster` for `<postmaster>`.
    #[must_use]
    pub fn address(&self) -> String {
        let mailbox = self.recipient.path.mailbox();
        mailbox.map_or_else(|| "postmaster".to_owned(), ToString::to_string)
    }

    /// The domain that it is scheduled under: in lower case, empty for `<postmaster>`.
    #[must_use]
    pub fn domain(&self) -> String {
        let domain = self.recipient.path.domain();
        domain.map(|domain| domain.to_string().to_ascii_lowercase()).unwrap_or_default()
    }

    /// Whether it is ours.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.recipient.class == RecipientClass::Local
    }
}
