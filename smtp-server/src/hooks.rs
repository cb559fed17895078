//! The hooks: what an embedder decides.
//!
//! * **In**: values (`&SessionInfo`, `&Envelope`, `&mut Body`). **Out**: verdicts.
//! * **Promises**: each hook has one authority and no other. Only a [`RelayPolicy`] opens the way to
//!   other hosts, only a [`Delivery`] takes responsibility for a message, and [`AccessControl`] can
//!   only refuse. A hook that panics, hangs or fails costs one 4xx reply (252, to VRFY
//!   and EXPN), never the process.
//! * **Limits**: each call has [`Timeouts::hook`](crate::config::Timeouts::hook). A hook that blocks
//!   its thread cannot be cut off: send such work to a blocking pool. **Panics**: caught per call.
//! * **Spec**: RFC 5321 3.3, 3.6; RFC 4422; Postfix's separation of relay and recipient restrictions.
//!
//! | hook | question | may |
//! |---|---|---|
//! | [`RelayPolicy`] | whose recipient is this? | accept it as local, let it out, deny |
//! | [`AccessControl`] | anything against it? | refuse, leave effects |
//! | [`Authenticator`] | who is this client? | prove an identity |
//! | [`Delivery`] | will you take it? | take responsibility |
//! | [`ExtensionHandler`] | what is the reply to this command of its own? | add commands and parameters |
//! | [`Directory`] | who is behind this name? | tell mailboxes to VRFY and EXPN |
//! | [`Observer`] | | nothing: it is told |

mod access;
mod delivery;
mod directory;
mod extension;
mod observer;
mod relay;
mod sasl;

pub use access::{AccessControl, Stage, StageKind};
pub use delivery::{Capabilities, Delivery, EtrnAnswer, Outcome};
pub use directory::{Directory, DirectoryEntry, Expansion, Verification};
pub use extension::ExtensionHandler;
pub use observer::{CloseReason, Event, HookFailure, HookKind, Observer};
pub use relay::RelayPolicy;
pub use sasl::{
    AuthRefusal, Authenticator, CredentialAnswer, CredentialQuery, CredentialStore, CustomQuery,
    LookupError, SaslExchange, SaslStep, ScramHash, ScramKeys, ScramParameters, TokenVerifier,
};
