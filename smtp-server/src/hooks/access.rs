//! Access control: anything against this client, sender or recipient?
//!
//! * **In**: a [`Stage`] with what is known at it. **Out**: a [`Verdict`].
//! * **Promises**: an accepting verdict grants nothing. **Limits**: the hook timeout.
//! * **Panics**: caught. **Spec**: Postfix access(5) and `SMTPD_ACCESS_README` give the stages.

use async_trait::async_trait;
use smtp_proto::ForwardPath;

use crate::envelope::Envelope;
use crate::info::{Hello, SessionInfo};
use crate::time::UnixMillis;
use crate::verdict::Verdict;

/// Refuses clients, names, senders, recipients or messages.
#[async_trait]
pub trait AccessControl: Send + Sync + 'static {
    /// Is there anything against what the client does at `stage`?
    async fn check(&self, stage: Stage<'_>, info: &SessionInfo) -> Verdict;
}

/// Where in a session a check happens, and what is known there.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Stage<'a> {
    /// A client connected.
    Client {
        /// When.
        now: UnixMillis,
    },
    /// It introduced itself.
    Hello {
        /// When.
        now: UnixMillis,
        /// As whom.
        hello: &'a Hello,
    },
    /// MAIL; the envelope has no recipients yet.
    Sender {
        /// When.
        now: UnixMillis,
        /// Holds the reverse-path and the parameters of MAIL.
        envelope: &'a Envelope,
    },
    /// RCPT, after the relay policy accepted the recipient.
    Recipient {
        /// When.
        now: UnixMillis,
        /// The recipient in question, not in the envelope yet.
        to: &'a ForwardPath<'static>,
        /// The recipients accepted so far.
        envelope: &'a Envelope,
    },
    /// DATA or the first BDAT: all recipients are known.
    Data {
        /// When.
        now: UnixMillis,
        /// The whole envelope.
        envelope: &'a Envelope,
    },
}

impl Stage<'_> {
    /// The stage as a key.
    #[must_use]
    pub fn kind(&self) -> StageKind {
        match self {
            Self::Client { .. } => StageKind::Client,
            Self::Hello { .. } => StageKind::Hello,
            Self::Sender { .. } => StageKind::Sender,
            Self::Recipient { .. } => StageKind::Recipient,
            Self::Data { .. } => StageKind::Data,
        }
    }

    /// When the client got here.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        match self {
            Self::Client { now }
            | Self::Hello { now, .. }
            | Self::Sender { now, .. }
            | Self::Recipient { now, .. }
            | Self::Data { now, .. } => *now,
        }
    }
}

/// A [`Stage`] without its facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum StageKind {
    /// A client connected.
    Client,
    /// EHLO, HELO or LHLO.
    Hello,
    /// MAIL.
    Sender,
    /// RCPT.
    Recipient,
    /// DATA or the first BDAT.
    Data,
}
