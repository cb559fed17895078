//! Where credentials are kept.
//!
//! * **In**: a name, a password or a token. **Out**: an identity, keys, or nothing.
//! * **Promises**: a store that fails is "try again", never "wrong password"; keys do not print.
//! * **Limits**: each call has [`Timeouts::hook`](crate::config::Timeouts::hook). **Panics**: caught.
//! * **Spec**: RFC 4422 3.4, RFC 5802 3 (keys), RFC 7628 (tokens).

use std::fmt;

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::info::{Identity, SessionInfo};

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
    /// Both are prepared (`SASLprep`, RFC 4013), as what is stored should be, and otherwise as the client sent
    /// them: a store that asks LDAP or SQL passes them as values, or escapes them. Do the same work for an
    /// unknown user as for a known one, or the time taken tells them apart.
    ///
    /// # Errors
    /// [`LookupError`] if the store cannot say; the client is told to try again.
    async fn verify(&self, user: &str, password: &str) -> Result<Option<Identity>, LookupError>;

    /// Whether `identity` may act as `authzid`. Only as itself, unless a store says more.
    async fn may_act_as(&self, identity: &Identity, authzid: &str) -> Result<bool, LookupError> {
        Ok(identity.authcid == authzid)
    }

    /// The hashes for which [`scram_keys`](Self::scram_keys) has keys of every user, strongest first; the
    /// mechanisms of these are offered. A client that sees one uses no other, so a store in which some
    /// users lack keys names none. None, unless a store says more.
    fn scram_parameters(&self) -> Vec<ScramParameters> {
        Vec::new()
    }

    /// The keys of `user`, `None` if there is no such user.
    ///
    /// # Errors
    /// [`LookupError`] if the store cannot say; the client is told to try again.
    async fn scram_keys(
        &self,
        user: &str,
        hash: ScramHash,
    ) -> Result<Option<ScramKeys>, LookupError> {
        let _ = (user, hash);
        Ok(None)
    }

    /// The password of `user` itself, for CRAM-MD5 alone. Only a store that keeps it has one.
    ///
    /// # Errors
    /// [`LookupError`] if the store cannot say; the client is told to try again.
    async fn password(&self, user: &str) -> Result<Option<Zeroizing<String>>, LookupError> {
        let _ = user;
        Ok(None)
    }

    /// The identity of a user who proved to know the password without showing it (SCRAM, CRAM-MD5); `None` if
    /// that is not enough. One without a record, unless a store says more.
    ///
    /// # Errors
    /// [`LookupError`] if the store cannot say; the client is told to try again.
    async fn identity(&self, user: &str) -> Result<Option<Identity>, LookupError> {
        Ok(Some(Identity::new(user)))
    }
}

/// Where bearer tokens are checked: a signature, or a question to whoever issued them (RFC 7662).
#[async_trait]
pub trait TokenVerifier: Send + Sync + 'static {
    /// The identity for whom `token` was issued, if it is valid for this service and, where the client says who
    /// it is, if that is `user`.
    ///
    /// # Errors
    /// [`LookupError`] if that cannot be said now; the client is told to try again.
    async fn verify(
        &self,
        token: &str,
        user: Option<&str>,
        info: &SessionInfo,
    ) -> Result<Option<Identity>, LookupError>;
}

/// The hash of a SCRAM mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScramHash {
    /// RFC 7677.
    Sha256,
    /// RFC 5802.
    Sha1,
}

/// What the keys of a store look like for one hash, so that unknown users can be given such ones, too.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramParameters {
    /// The hash.
    pub hash: ScramHash,
    /// How often most passwords were hashed.
    pub iterations: u32,
    /// Octets of most salts, 32 at most.
    pub salt_bytes: usize,
    /// The salts of unknown users are made from it; best the same after a restart.
    pub secret: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for ScramParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramParameters").field("hash", &self.hash).finish_non_exhaustive()
    }
}

/// What a server keeps of a password for SCRAM (RFC 5802 3): enough to check a proof, not enough to log in elsewhere.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKeys {
    /// Random octets, per user.
    pub salt: Vec<u8>,
    /// How often the password was hashed; at least 4096 (RFC 5802 5.1).
    pub iterations: u32,
    /// Checks the client's proof.
    pub stored_key: Vec<u8>,
    /// Makes the server's signature.
    pub server_key: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramKeys").field("iterations", &self.iterations).finish_non_exhaustive()
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
