//! Who is this client? SASL exchanges and the stores they ask.
//!
//! * **In**: a mechanism's name, then the client's responses. **Out**: challenges, a question to a
//!   store, an [`Identity`] or a failure.
//! * **Promises**: an exchange is pure and fresh for each AUTH; only stores are awaited; passwords sit
//!   in [`Zeroizing`](zeroize::Zeroizing) memory and never print. Whoever tried to prove something is
//!   asked about once more, right or wrong, so that each try is counted and told in one place.
//! * **Limits**: a response has at most 12,288 octets of base64 (RFC 4954 4). **Panics**: caught.
//! * **Spec**: RFC 4422 3, RFC 4954 4.

mod query;
mod store;

use async_trait::async_trait;
use smtp_proto::{Reply, replies};

use crate::info::{Identity, SessionInfo};

pub use query::{CredentialAnswer, CredentialQuery, CustomQuery};
pub use store::{
    CredentialStore, LookupError, ScramHash, ScramKeys, ScramParameters, TokenVerifier,
};

/// Offers mechanisms and answers what their exchanges ask.
///
/// Ready-made ones are in [`sasl`](crate::sasl): [`Passwords`](crate::sasl::Passwords) over any
/// [`CredentialStore`], [`Tokens`](crate::sasl::Tokens) over a [`TokenVerifier`], and others.
#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// The mechanisms to offer in this session, strongest first; names as in RFC 4422 3.1.
    fn mechanisms(&self, info: &SessionInfo) -> Vec<&'static str>;

    /// A fresh exchange, or `None` for a mechanism that is not offered.
    fn start(&self, mechanism: &str, info: &SessionInfo) -> Option<Box<dyn SaslExchange>>;

    /// Answers what an exchange asked with [`SaslStep::Ask`].
    async fn look_up(&self, query: &CredentialQuery, info: &SessionInfo) -> CredentialAnswer;
}

/// One run of a mechanism: octets in, steps out.
pub trait SaslExchange: Send {
    /// Takes the client's decoded response, the initial one included; `None` if AUTH had no initial response.
    fn step(&mut self, response: Option<&[u8]>) -> SaslStep;

    /// Takes the answer to the last [`SaslStep::Ask`].
    fn answer(&mut self, answer: CredentialAnswer) -> SaslStep;
}

/// What an exchange wants next.
#[derive(Debug)]
pub enum SaslStep {
    /// Send this to the client (334).
    Challenge(Vec<u8>),
    /// Ask the credential store.
    Ask(CredentialQuery),
    /// The client is who it says (235).
    Done(Identity),
    /// Wrong or malformed (535).
    Failed,
    /// Not now or not so, for a reason that the client may know.
    Refused(AuthRefusal),
    /// The store could not answer (454).
    Unavailable,
}

/// Why a client may not log in, apart from a wrong credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthRefusal {
    /// It sent a response where the server speaks first (501 5.7.0, RFC 4954 4).
    InitialResponse,
    /// This user needs a stronger mechanism (534 5.7.9, RFC 4954 6).
    MechanismTooWeak,
    /// The account is disabled (525 5.7.13, RFC 5248 2.4). Said only of a credential that is right, or anybody could
    /// find out which accounts there are.
    AccountDisabled,
    /// This user has to log in with PLAIN once, so that the store can keep another kind of hash
    /// (432 4.7.12, RFC 4954 6).
    TransitionNeeded,
    /// The client, or whoever tries this account, was wrong too often (450 4.7.1).
    TooManyFailures,
}

impl AuthRefusal {
    /// What the client is told.
    #[must_use]
    pub fn reply(self) -> Reply {
        match self {
            Self::InitialResponse => replies::AUTH_UNEXPECTED_RESPONSE,
            Self::MechanismTooWeak => replies::AUTH_MECHANISM_TOO_WEAK,
            Self::AccountDisabled => replies::AUTH_ACCOUNT_DISABLED,
            Self::TransitionNeeded => replies::AUTH_TRANSITION_NEEDED,
            Self::TooManyFailures => replies::AUTH_TOO_MANY_FAILURES,
        }
    }
}

impl From<CredentialAnswer> for SaslStep {
    /// What most exchanges make of the last answer; one that they did not ask for is a failure.
    fn from(answer: CredentialAnswer) -> Self {
        match answer {
            CredentialAnswer::Granted(identity) => Self::Done(identity),
            CredentialAnswer::Challenge(octets) => Self::Challenge(octets),
            CredentialAnswer::Refused(refusal) => Self::Refused(refusal),
            CredentialAnswer::Unavailable(_) => Self::Unavailable,
            CredentialAnswer::Denied | CredentialAnswer::ScramKeys(_) => Self::Failed,
        }
    }
}
