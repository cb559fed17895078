//! What exchanges ask, and what they are told.
//!
//! * **In**: what a client claims. **Out**: values for an [`Authenticator`](super::Authenticator).
//! * **Promises**: neither prints a secret. **Limits**: those of the exchange. **Panics**: never.
//! * **Spec**: RFC 4422 3.4, 3.6.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::{AuthRefusal, LookupError, ScramHash, ScramKeys};
use crate::info::Identity;

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
    /// What is kept to check a proof of `authcid`? Answered with keys for unknown users, too.
    ScramKeys {
        /// Who it says it is.
        authcid: String,
        /// The hash of the mechanism.
        hash: ScramHash,
    },
    /// A proof was right or wrong: who is this then, and may it act as `authzid`? A wrong one is told
    /// about so that it is counted; the answer to that is [`CredentialAnswer::Denied`].
    Proof {
        /// Who it says it is.
        authcid: String,
        /// Whom it wants to act as, if someone else.
        authzid: Option<String>,
        /// Whether it proved that it knows the password.
        is_right: bool,
    },
    /// Is `digest` HMAC-MD5 of `challenge` under the password of `authcid` (RFC 2195)?
    CramMd5 {
        /// Who it says it is.
        authcid: String,
        /// What it was sent.
        challenge: Vec<u8>,
        /// What it sent back.
        digest: [u8; 16],
    },
    /// Whose is this token (RFC 7628)?
    Token {
        /// Who it says it is; empty if it leaves that to the token.
        authcid: String,
        /// The bearer token.
        token: Zeroizing<String>,
    },
    /// Who shows the client certificate of this session, and may it act as `authzid` (RFC 4422 A)?
    External {
        /// SHA-256 of the certificate.
        fingerprint: String,
        /// Whom it wants to act as, if it says so.
        authzid: Option<String>,
    },
    /// A question of an embedder's own exchange to the authenticator that started it.
    Custom(Arc<dyn CustomQuery>),
}

/// A question that only the authenticator whose exchange asks it understands: it casts it back by way of [`Any`].
pub trait CustomQuery: Any + Send + Sync {
    /// The name to which the credential is said to belong; empty as long as it is not known.
    fn authcid(&self) -> &str;
}

impl CredentialQuery {
    /// The name to which the credential is said to belong; empty if the client said none.
    #[must_use]
    pub fn authcid(&self) -> &str {
        match self {
            Self::Verify { authcid, .. }
            | Self::ScramKeys { authcid, .. }
            | Self::Proof { authcid, .. }
            | Self::CramMd5 { authcid, .. }
            | Self::Token { authcid, .. }
            | Self::External { fingerprint: authcid, .. } => authcid,
            Self::Custom(query) => query.authcid(),
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
    /// What a SCRAM exchange checks the client's proof with.
    ScramKeys(ScramKeys),
    /// The exchange goes on with this challenge, to [`CredentialQuery::Custom`].
    Challenge(Vec<u8>),
    /// Not now or not so, for a reason that the client is told.
    Refused(AuthRefusal),
    /// The store cannot say now, for a reason that the log gets.
    Unavailable(LookupError),
}

/// What a store says that knows identities and nothing else.
impl From<Result<Option<Identity>, LookupError>> for CredentialAnswer {
    fn from(found: Result<Option<Identity>, LookupError>) -> Self {
        match found {
            Ok(Some(identity)) => Self::Granted(identity),
            Ok(None) => Self::Denied,
            Err(error) => Self::Unavailable(error),
        }
    }
}
