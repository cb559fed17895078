//! The envelope: what travels beside a message, never inside it.
//!
//! * **In**: accepted MAIL and RCPT commands and what hooks decided about them. **Out**: one value that a
//!   [`Delivery`](crate::hooks::Delivery) owns.
//! * **Promises**: every recipient keeps the class that the relay policy gave it; queue ids are never reused.
//! * **Limits**: recipients are bounded by [`Limits`](crate::config::Limits). **Panics**: never.
//! * **Spec**: RFC 5321 2.3.1, 3.3.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use smtp_proto::{ForwardPath, MailParams, Mailbox, RcptParams, ReversePath, XForward};

use crate::header::HeaderField;
use crate::info::Extensions;
use crate::time::UnixMillis;

/// A mail transaction's sender, recipients and parameters.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Envelope {
    /// Where failures are reported; null for a report itself.
    pub reverse_path: ReversePath<'static>,
    /// The parameters of MAIL.
    pub params: MailParams<'static>,
    /// The accepted recipients, in the client's order. For a delivery each is there once, however often it was
    /// named with the same parameters, unless each time has a reply of its own (LMTP, PRDR).
    pub recipients: Vec<Recipient>,
    /// Set when the first recipient is accepted, so always there for a delivery.
    pub queue_id: Option<QueueId>,
    /// When MAIL was accepted.
    pub arrived: UnixMillis,
    /// Where a filter says that the message came from (XFORWARD): for logs and further filters. It is a
    /// claim about an earlier hop and gives no right here.
    pub forwarded: Option<Box<XForward<'static>>>,
    /// What access control asked to be done with the message.
    pub handling: Handling,
    /// Values left by hooks for this transaction.
    pub extensions: Extensions,
}

impl Envelope {
    /// An envelope without recipients yet.
    #[must_use]
    pub fn new(reverse_path: ReversePath<'static>, arrived: UnixMillis) -> Self {
        Self {
            reverse_path,
            params: MailParams::default(),
            recipients: Vec::new(),
            queue_id: None,
            arrived,
            forwarded: None,
            handling: Handling::default(),
            extensions: Extensions::default(),
        }
    }

    /// Leaves the first of those recipients that are the same, with the same parameters.
    pub(crate) fn drop_repeated_recipients(&mut self) {
        if self.recipients.len() < 2 {
            return;
        }
        let mut seen = HashSet::with_capacity(self.recipients.len());
        let recipients = self.recipients.iter();
        let is_new: Vec<_> = recipients.map(|one| seen.insert((&one.path, &one.params))).collect();
        let mut is_new = is_new.into_iter();
        self.recipients.retain(|_| is_new.next().unwrap_or(true));
    }
}

/// One accepted recipient.
#[derive(Clone, Debug)]
pub struct Recipient {
    /// Where the message goes.
    pub path: ForwardPath<'static>,
    /// The parameters of RCPT.
    pub params: RcptParams<'static>,
    /// What the relay policy said; a router must refuse a remote next hop for `Local`.
    pub class: RecipientClass,
}

/// Whether a recipient is ours, or why it may be relayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecipientClass {
    /// Delivered here.
    Local,
    /// Sent on to another host.
    Relay {
        /// What gave the right.
        because: RelayReason,
    },
}

/// What gave a client the right to relay.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RelayReason {
    /// The client's address lies in this network.
    Network(ipnet::IpNet),
    /// The client authenticated under this name.
    Authenticated(String),
    /// The client showed the certificate with this SHA-256, in lower-case hexadecimal.
    Certificate(String),
    /// The client showed a certificate of this name.
    CertificateName(String),
    /// Mail for this domain is passed on for everybody.
    Domain(String),
    /// A reason of the embedder's own.
    Other(Cow<'static, str>),
}

impl fmt::Display for RelayReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => write!(f, "client is in {network}"),
            Self::Authenticated(name) => write!(f, "authenticated as {name}"),
            Self::Certificate(sha256) => write!(f, "client showed the certificate {sha256}"),
            Self::CertificateName(name) => write!(f, "client showed a certificate of {name}"),
            Self::Domain(domain) => write!(f, "recipient is in {domain}"),
            Self::Other(reason) => f.write_str(reason),
        }
    }
}

/// What access control asked to be done with a message (the actions of Postfix access(5)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Handling {
    /// Answer 250 and deliver nowhere.
    pub discard: bool,
    /// Fields for the top of the message.
    pub prepend: Vec<HeaderField>,
    /// Keep the message from going on until somebody lets it go; the reason, possibly empty.
    pub hold: Option<String>,
    /// Send the message here and to none of its recipients.
    pub redirect: Option<Box<Mailbox<'static>>>,
    /// Send copies here, too, of which nobody is told.
    pub bcc: Vec<Mailbox<'static>>,
    /// Send the whole message through this content filter.
    pub filter: Option<Box<FilterRoute>>,
}

/// How a message reaches a content filter: `transport:destination` of access(5). What the two mean is for
/// the delivery to say.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FilterRoute {
    /// By what; never empty.
    pub transport: String,
    /// Where to; empty for each recipient's own destination.
    pub destination: String,
}

impl fmt::Display for FilterRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.transport, self.destination)
    }
}

impl Handling {
    /// Whether the message is treated like any other.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn merge(&mut self, mut later: Self) {
        self.discard |= later.discard;
        self.prepend.append(&mut later.prepend);
        self.hold = later.hold.or(self.hold.take());
        self.redirect = later.redirect.or(self.redirect.take());
        self.bcc.append(&mut later.bcc);
        self.filter = later.filter.or(self.filter.take());
    }
}

/// The name of one message in logs, in `Received` and in the final reply; 64 bits, printed in upper-case hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId(pub u64);

impl QueueId {
    /// As it is printed. By hand, since it is written twice for each message and the general way costs as much
    /// as the rest of such a line.
    pub(crate) fn digits(self, room: &mut [u8; 16]) -> &str {
        let length = (u64::BITS - self.0.leading_zeros()).div_ceil(4).max(1) as usize;
        let digits = room.get_mut(16 - length..).unwrap_or_default();
        let mut rest = self.0;
        for digit in digits.iter_mut().rev() {
            *digit = b"0123456789ABCDEF"[(rest & 0xf) as usize];
            rest >>= 4;
        }
        std::str::from_utf8(digits).unwrap_or_default()
    }
}

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.digits(&mut [0; 16]))
    }
}

/// The one source of queue ids: the time in microseconds, or the last id plus one, whichever is larger.
#[derive(Debug, Default)]
pub struct IdSource {
    last: AtomicU64,
    salt: RandomState,
}

impl IdSource {
    /// Continues after `last`, the largest id that was ever given out (a queue's recovery knows it).
    #[must_use]
    pub fn after(last: QueueId) -> Self {
        Self { last: AtomicU64::new(last.0), salt: RandomState::new() }
    }

    /// A number that nobody outside can tell from the id, the same each time: two hosts of one name, or one
    /// whose clock was set back, do not give two messages one Message-ID.
    pub(crate) fn salt(&self, id: QueueId) -> u64 {
        self.salt.hash_one(id)
    }

    /// An id that this source never gave before, also when the clock was set back.
    pub fn next(&self, now: UnixMillis) -> QueueId {
        let floor = now.0.saturating_mul(1000);
        let next = |last: u64| last.saturating_add(1).max(floor);
        // `fetch_update` repeats only while other threads make progress.
        let last = self
            .last
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)))
            .unwrap_or_else(|last| last);
        QueueId(next(last))
    }
}
