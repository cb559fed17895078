//! Observers: what happened, as typed events.
//!
//! * **In**: one [`Event`] at a time. **Out**: nothing.
//! * **Promises**: an observer cannot change a session; no event holds a password or content.
//! * **Limits**: called on the connection's task, so it must not block. **Panics**: caught.
//! * **Spec**: none; logs and metrics are renderings of these.

use std::time::Duration;

use smtp_proto::{ForwardPath, Reply};

use crate::command_counts::CommandCounts;
use crate::envelope::{Envelope, QueueId, RecipientClass};
use crate::hooks::{AuthRefusal, LookupError, StageKind};
use crate::info::{Identity, Peer, SessionInfo};
use crate::verdict::{Note, Rejection};

/// Is told what happens. `tracing` and metrics are two observers of many.
pub trait Observer: Send + Sync + 'static {
    /// Takes note; the default does not.
    fn on_event(&self, event: &Event<'_>, info: &SessionInfo) {
        let _ = (event, info);
    }
}

/// Something that happened in a session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A client connected and was admitted.
    Connected,
    /// A client that may do so speaks for another one from now on, whose facts are in the session's info
    /// (XCLIENT).
    ClientReplaced {
        /// Whom the session was about before.
        former: &'a Peer,
    },
    /// A client was turned away before its session began.
    ConnectionRefused {
        /// What it was told.
        reply: &'a Reply,
    },
    /// The client sent octets before the greeting was written.
    EarlyTalk {
        /// How many were there.
        bytes: usize,
    },
    /// The TLS handshake ended well; the facts are in the session's info.
    TlsStarted,
    /// The TLS handshake failed.
    TlsFailed {
        /// The TLS library's reason.
        error: &'a str,
    },
    /// The client authenticated.
    Authenticated {
        /// As whom.
        identity: &'a Identity,
        /// How.
        mechanism: &'a str,
    },
    /// The client failed to authenticate.
    AuthenticationFailed {
        /// The name it tried. The client's address, for tools that ban, is in the session's info.
        authcid: &'a str,
        /// How it tried.
        mechanism: &'a str,
    },
    /// The client was not told whether its credential is right, for a reason that it was told.
    AuthenticationRefused {
        /// The name it tried.
        authcid: &'a str,
        /// How it tried.
        mechanism: &'a str,
        /// Why; too many failures among it.
        refusal: AuthRefusal,
    },
    /// A credential store could not be asked; the client was told to try again.
    CredentialsUnavailable {
        /// Why.
        error: &'a LookupError,
    },
    /// Access control refused the client, its name, the sender or the content.
    Refused {
        /// Where.
        stage: StageKind,
        /// The refusal, with its detail for the log.
        rejection: &'a Rejection,
        /// The envelope, where there is one.
        envelope: Option<&'a Envelope>,
        /// Whether it was asked at RCPT only, so that it is the refusal of a recipient, too.
        at_recipient: bool,
    },
    /// Access control remarked something about what it let pass. What it remarked before a refusal is in
    /// the refusal's detail.
    Noted {
        /// Where.
        stage: StageKind,
        /// What.
        note: &'a Note,
    },
    /// A recipient was refused, by whichever hook.
    RecipientRefused {
        /// Who.
        to: &'a ForwardPath<'static>,
        /// The refusal, with its detail for the log.
        rejection: &'a Rejection,
        /// The envelope, without that recipient.
        envelope: &'a Envelope,
    },
    /// A delivery refused a message.
    MessageRefused {
        /// The message.
        queue_id: Option<QueueId>,
        /// The refusal, with its detail for the log.
        rejection: &'a Rejection,
    },
    /// A recipient was accepted.
    RecipientAccepted {
        /// Who.
        to: &'a ForwardPath<'static>,
        /// Local, or why it may be relayed.
        class: &'a RecipientClass,
        /// The message it belongs to.
        queue_id: Option<QueueId>,
    },
    /// A delivery is about to be asked.
    MessageStarted {
        /// The whole envelope.
        envelope: &'a Envelope,
    },
    /// The final reply of a message was given to the client's connection.
    FinalReplyWritten {
        /// The message.
        queue_id: Option<QueueId>,
        /// Whether it was an acceptance and every octet of it was written. Only then may a test or a
        /// log say "received".
        ok: bool,
        /// The (last) reply.
        reply: &'a Reply,
        /// Octets of content.
        bytes: u64,
    },
    /// A hook misbehaved; the client got a 4xx.
    HookFailed {
        /// Which hook.
        hook: HookKind,
        /// How.
        failure: HookFailure,
    },
    /// The connection is closed.
    Closed {
        /// Why.
        reason: CloseReason,
        /// How long it lasted.
        lasted: Duration,
        /// What the client sent.
        commands: &'a CommandCounts,
    },
}

/// One of the hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HookKind {
    /// [`AccessControl`](super::AccessControl).
    Access,
    /// [`RelayPolicy`](super::RelayPolicy).
    Relay,
    /// [`Authenticator`](super::Authenticator).
    Authenticator,
    /// [`Delivery::verify`](super::Delivery::verify).
    Verify,
    /// [`Delivery::etrn`](super::Delivery::etrn).
    Etrn,
    /// [`Delivery::deliver`](super::Delivery::deliver).
    Delivery,
    /// [`ExtensionHandler`](super::ExtensionHandler).
    Extension,
    /// [`Directory`](super::Directory).
    Directory,
    /// All that were asked about one recipient, of which none took too long by itself.
    Recipient,
}

/// How a hook misbehaved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HookFailure {
    /// It panicked.
    Panicked,
    /// It took longer than its limit.
    TimedOut,
    /// A delivery said `Ok` before the content's end.
    AcknowledgedEarly,
    /// A delivery's receipt does not fit its envelope or its capabilities.
    MismatchedReceipt,
    /// The reply to a command of a service extension is neither 2yz, 4yz nor 5yz.
    UnfitReply,
    /// Access control asked for what the delivery does not honour
    /// ([`Capabilities::honours`](super::Capabilities::honours)): the message was refused.
    UnhonouredHandling,
}

/// Why a connection was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// QUIT.
    Quit,
    /// The client went away.
    Disconnected,
    /// A time limit ran out.
    TimedOut,
    /// A reply said that the connection ends (421, 521, a protocol violation).
    Refused,
    /// The client made more errors than it may (421).
    TooManyErrors,
    /// The client sent what it may send only after a reply, under
    /// [`OutOfTurn::Refuse`](crate::config::OutOfTurn::Refuse).
    OutOfTurn,
    /// The server shuts down.
    ShuttingDown,
    /// The server's shutdown deadline cut it.
    Cut,
    /// The TLS handshake failed.
    TlsFailed,
}
