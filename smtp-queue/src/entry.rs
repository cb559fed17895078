//! Queue entries: one message, its recipients, and what is known of each.
//!
//! * **In**: an accepted envelope. **Out**: what a spool keeps and a transport sends.
//! * **Promises**: a recipient keeps its relay class for as long as the message lives; recipients keep their
//!   order, so an index names one for good. **Limits**: as many recipients as the server accepted.
//! * **Panics**: never. **Spec**: RFC 5321 2.3.1; RFC 3461 4 (what must outlive the session).

use std::collections::HashMap;

use smtp_proto::{ByMode, MailParams, MtPriority, ReversePath};
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
    /// The domain in lower case, an address literal with its brackets, or nothing for `<postmaster>`; for a message that
    /// goes through a content filter that filter, as `transport:destination`.
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
    /// When it must be delivered by, and what happens then (RFC 2852), if that was asked for.
    pub deliver_by: Option<(UnixMillis, ByMode)>,
    /// Whether the reverse-path is null: a report, with a lifetime of its own.
    pub is_report: bool,
    /// Whether somebody must let it go first.
    pub is_held: bool,
    /// Whether the sender was told of a delay.
    pub is_delay_warned: bool,
    /// Whether it is to be returned at its next attempt, whatever its age.
    pub is_expired: bool,
}

impl<'a> Row<'a> {
    /// A row of a message that came now: due at once, with nothing asked for.
    #[must_use]
    pub fn new(key: RowKey, domain: &'a str, recipients_pending: u32, now: UnixMillis) -> Self {
        Self {
            key,
            domain,
            is_local: false,
            recipients_pending,
            arrived: now,
            due: now,
            attempts: 0,
            priority: 0,
            deliver_by: None,
            is_report: false,
            is_held: false,
            is_delay_warned: false,
            is_expired: false,
        }
    }
}

/// The recipients of an entry by the row that they belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// The rows in their order.
    pub rows: Vec<RowDomain>,
    /// Each recipient's row; empty if there is but one.
    pub row_of: Vec<u32>,
}

/// The recipients of an entry that share a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowDomain {
    /// As in [`Row::domain`].
    pub domain: String,
    /// Whether one of them is ours, so that none of them may leave.
    pub is_local: bool,
    /// How many they are, done or not.
    pub recipients: u32,
}

impl Rows {
    /// Whether the recipient of this index belongs to the row.
    #[must_use]
    pub fn has(&self, row: u32, recipient: usize) -> bool {
        match self.row_of.as_slice() {
            [] => row == 0,
            row_of => row_of.get(recipient) == Some(&row),
        }
    }
}

impl QueueEntry {
    /// What a recipient is scheduled under: its domain, or the content filter that it goes through as
    /// `transport:destination`, which no domain can look like. And whether it must stay on this host.
    fn key(&self, recipient: &QueuedRecipient) -> (String, bool) {
        let domain = recipient.domain();
        match &self.filter {
            None => (domain, recipient.is_local()),
            Some(FilterRoute { transport, destination }) if destination.is_empty() => {
                (format!("{transport}:{domain}"), false)
            }
            Some(filter) => (filter.to_string(), false),
        }
    }

    /// Which recipient belongs to which row.
    #[must_use]
    pub fn rows(&self) -> Rows {
        let mut rows: Vec<RowDomain> = Vec::new();
        let mut row_of = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        for (index, recipient) in self.recipients.iter().enumerate() {
            let (domain, is_local) = self.key(recipient);
            // Most messages have one domain, and lists come sorted by domain.
            let number = match rows.last() {
                Some(last) if last.domain == domain => rows.len() - 1,
                _ => known.get(&domain).copied().unwrap_or(rows.len()),
            };
            if number == rows.len() {
                if number == 1 {
                    row_of = vec![0; index];
                }
                known.insert(domain.clone(), number);
                rows.push(RowDomain { domain, is_local: false, recipients: 0 });
            }
            if let Some(row) = rows.get_mut(number) {
                row.recipients += 1;
                row.is_local |= is_local;
            }
            if rows.len() > 1 {
                row_of.push(u32::try_from(number).unwrap_or(u32::MAX));
            }
        }
        Rows { rows, row_of }
    }

    /// What scheduling has to know of a message that nothing was tried of yet; `due` has a time for each of its rows.
    pub fn each_row(&self, rows: &Rows, due: &[UnixMillis], give: &mut dyn FnMut(Row<'_>)) {
        for ((number, row), due) in (0..).zip(&rows.rows).zip(due) {
            let key = RowKey { id: self.id, row: number };
            give(Row {
                is_local: row.is_local,
                due: *due,
                priority: self.params.mt_priority.map_or(0, MtPriority::value),
                deliver_by: self.deliver_by(),
                is_report: self.reverse_path == ReversePath::Null,
                is_held: self.hold.is_some(),
                is_delay_warned: self.delay_warned,
                is_expired: self.expired,
                ..Row::new(key, &row.domain, row.recipients, self.arrived)
            });
        }
    }

    /// Before which its rows must not be tried: when it came, or the time of HOLDFOR or HOLDUNTIL (RFC 4865).
    #[must_use]
    pub fn not_before(&self) -> UnixMillis {
        // HOLDFOR counts whole seconds, and the message must not go early.
        let arrived_secs = i64::try_from(self.arrived.0.div_ceil(1000)).unwrap_or(i64::MAX);
        let release = self.params.hold.as_ref().map(|hold| hold.release(arrived_secs));
        let release = release.and_then(|secs| u64::try_from(secs).ok()).unwrap_or(0);
        UnixMillis(release.saturating_mul(1000).max(self.arrived.0))
    }

    /// When it must be delivered by, and what happens then (RFC 2852).
    #[must_use]
    pub fn deliver_by(&self) -> Option<(UnixMillis, ByMode)> {
        let by = self.params.by?;
        let time = self.arrived.0.saturating_add_signed(i64::from(by.seconds()) * 1000);
        Some((UnixMillis(time), by.mode()))
    }
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
