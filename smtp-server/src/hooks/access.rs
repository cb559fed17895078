//! Access control: anything against this client, sender or recipient?
//!
//! * **In**: a [`Stage`] with what is known at it. **Out**: a [`Verdict`].
//! * **Promises**: an accepting verdict grants nothing. **Limits**: the hook timeout.
//! * **Panics**: caught. **Spec**: Postfix access(5) and `SMTPD_ACCESS_README` give the stages.

use async_trait::async_trait;
use smtp_proto::{EtrnArgument, ForwardPath};

use crate::envelope::Envelope;
use crate::info::{Hello, SessionInfo};
use crate::time::UnixMillis;
use crate::verdict::Verdict;

/// Refuses clients, names, senders, recipients or messages.
#[async_trait]
pub trait AccessControl: Send + Sync + 'static {
    /// Is there anything against what the client does at `stage`?
    async fn check(&self, stage: Stage<'_>, info: &SessionInfo) -> Verdict;

    /// Whether there ever is anything to check at `stage`; where not, `check` need not be called.
    ///
    /// A copy of the envelope is kept for [`StageKind::EndOfData`] only if this says so.
    fn checks(&self, stage: StageKind) -> bool {
        let _ = stage;
        true
    }
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
    /// A TLS handshake is done, and what was said before it is forgotten; where TLS begins with the connection, this
    /// comes before `Client`. [`SessionInfo::tls`] says what was agreed on.
    ///
    /// A permanent refusal is 554 to all but QUIT (RFC 3207 4.1), a transient one 421, which closes.
    Tls {
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
    /// The content is whole, and the delivery has not heard so yet.
    ///
    /// What is done with a message was settled before: of the effects only fields to prepend and
    /// [`Handling::discard`](crate::envelope::Handling::discard) can still be honoured. Any other
    /// [`Handling`](crate::envelope::Handling) is refused with 451, the rest is dropped.
    EndOfData {
        /// When.
        now: UnixMillis,
        /// The envelope, as it was when the content began.
        envelope: &'a Envelope,
        /// Octets of content.
        bytes: u64,
    },
    /// ETRN. A refusal is told as 459, or as 458 if it is transient (RFC 1985 5.2); effects are dropped.
    Etrn {
        /// When.
        now: UnixMillis,
        /// Whose messages are asked for.
        argument: &'a EtrnArgument<'a>,
    },
    /// VRFY or EXPN. A refusal is told as 252, which says nothing (RFC 5321 7.3); effects are dropped.
    Vrfy {
        /// When.
        now: UnixMillis,
        /// What the client asks about, as written.
        query: &'a str,
    },
}

impl Stage<'_> {
    /// The stage as a key.
    #[must_use]
    pub fn kind(&self) -> StageKind {
        match self {
            Self::Client { .. } => StageKind::Client,
            Self::Tls { .. } => StageKind::Tls,
            Self::Hello { .. } => StageKind::Hello,
            Self::Sender { .. } => StageKind::Sender,
            Self::Recipient { .. } => StageKind::Recipient,
            Self::Data { .. } => StageKind::Data,
            Self::EndOfData { .. } => StageKind::EndOfData,
            Self::Etrn { .. } => StageKind::Etrn,
            Self::Vrfy { .. } => StageKind::Vrfy,
        }
    }

    /// The envelope, where there is one.
    #[must_use]
    pub fn envelope(&self) -> Option<&Envelope> {
        match self {
            Self::Sender { envelope, .. }
            | Self::Recipient { envelope, .. }
            | Self::Data { envelope, .. }
            | Self::EndOfData { envelope, .. } => Some(envelope),
            _ => None,
        }
    }

    /// When the client got here.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        match self {
            Self::Client { now }
            | Self::Tls { now }
            | Self::Hello { now, .. }
            | Self::Sender { now, .. }
            | Self::Recipient { now, .. }
            | Self::Data { now, .. }
            | Self::EndOfData { now, .. }
            | Self::Etrn { now, .. }
            | Self::Vrfy { now, .. } => *now,
        }
    }
}

/// A [`Stage`] without its facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum StageKind {
    /// A client connected.
    Client,
    /// The end of a TLS handshake.
    Tls,
    /// EHLO, HELO or LHLO.
    Hello,
    /// MAIL.
    Sender,
    /// RCPT.
    Recipient,
    /// DATA or the first BDAT.
    Data,
    /// The end of the content.
    EndOfData,
    /// ETRN.
    Etrn,
    /// VRFY or EXPN.
    Vrfy,
}
