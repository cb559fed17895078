//! Who is this client? SASL exchanges and the stores they ask.
//!
//! * **In**: a mechanism's name, then the client's responses. **Out**: challenges, a question to a
//!   store, an [`Identity`] or a failure.
//! * **Promises**: an exchange is pure and fresh for each AUTH; only stores are awaited; passwords sit
//!   in [`Zeroizing`] memory and never print.
//! * **Limits**: a response has at most 12,288 octets of base64 (RFC 4954 4). **Panics**: caught.
//! * **Spec**: RFC 4422 3, RFC 4954 4.

use std::fmt;

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::info::{Identity, SessionInfo};

/// Offers mechanisms and answers what their exchanges ask.
///
/// [`Passwords`](crate::sasl::Passwords) is the ready-made one, over any [`CredentialStore`].
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
    /// The store could not answer (454).
    Unavailable,
}

/// A question to a credential store.
#[derive(Clone)]
#[non_exhaustive]
pub enum CredentialQuery {
    /// Is this the password of `authcid`, and may it act as `authzid`?
    Verify {
        /// Whose password it is said to be.
        authcid: String,
        /// Whom it wants to act as, if someone else.
        authzid: Option<String>,
        /// The password.
        password: Zeroizing<String>,
    },
}

impl CredentialQuery {
    /// The name to which the credential is said to belong.
    #[must_use]
    pub fn authcid(&self) -> &str {
        match self {
            Self::Verify { authcid, .. } => authcid,
        }
    }
}

impl fmt::Debug for CredentialQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialQuery").field("authcid", &self.authcid()).finish_non_exhaustive()
    }
}

/// What a store says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CredentialAnswer {
    /// Right.
    Granted(Identity),
    /// Wrong password, unknown user or not allowed: the client is not told which.
    Denied,
    /// The store cannot say now, for a reason that the log gets.
    Unavailable(LookupError),
}

/// Where passwords are checked. It is the one thing most embedders write.
///
/// ```
/// use async_trait::async_trait;
/// use smtp_server::{CredentialStore, Identity, LookupError};
///
/// struct OneUser;
///
/// #[async_trait]
/// impl CredentialStore for OneUser {
///     async fn verify(&self, user: &str, password: &str) -> Result<Option<Identity>, LookupError> {
///         Ok((user == "kim" && password == "secret").then(|| Identity::new(user)))
///     }
/// }
/// ```
#[async_trait]
pub trait CredentialStore: Send + Sync + 'static {
    /// The identity of `user` if `password` is right, `None` if not.
    ///
    /// Both are as the client sent them: a store that asks LDAP or SQL passes them as values, or escapes them.
    /// Do the same work for an unknown user as for a known one, or the time taken tells them apart.
    ///
    /// # Errors
    /// [`LookupError`] if the store cannot say; the client is told to try again.
    async fn verify(&self, user: &str, password: &str) -> Result<Option<Identity>, LookupError>;

    /// Whether `identity` may act as `authzid`. Only as itself, unless a store says more.
    async fn may_act_as(&self, identity: &Identity, authzid: &str) -> Result<bool, LookupError> {
        Ok(identity.authcid == authzid)
    }
}

/// A table or store could not be asked. The detail is for the log; the peer never sees it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("look-up failed: {0}")]
pub struct LookupError(String);

impl LookupError {
    /// A failure, with what the log should say of it.
    #[must_use]
    pub fn new(detail: impl Into<String>) -> Self {
        Self(detail.into())
    }
}
