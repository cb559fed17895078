//! Who may log in at a test server.
//!
//! * **In**: names and passwords, or everybody. **Out**: a [`CredentialStore`]; a record of those who failed.
//! * **Promises**: no password is in the record. **Limits**: none. **Panics**: never. **Spec**: RFC 4954.

use std::net::SocketAddr;

use async_trait::async_trait;

use crate::hooks::{CredentialStore, LookupError};
use crate::info::Identity;

/// A login that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedLogin {
    /// The name that was tried.
    pub user: String,
    /// How: `PLAIN` or `LOGIN`.
    pub mechanism: String,
    /// Who tried.
    pub client: Option<SocketAddr>,
}

impl FailedLogin {
    pub(super) fn new(user: &str, mechanism: &str, client: Option<SocketAddr>) -> Self {
        Self { user: user.to_owned(), mechanism: mechanism.to_owned(), client }
    }
}

/// The logins that are right.
#[derive(Clone)]
pub(super) enum Logins {
    Any,
    These(Vec<(String, String)>),
}

impl Logins {
    /// These and another one; after "any", that one alone.
    pub(super) fn and(self, user: String, password: String) -> Self {
        let mut known = match self {
            Self::Any => Vec::new(),
            Self::These(known) => known,
        };
        known.push((user, password));
        Self::These(known)
    }
}

#[async_trait]
impl CredentialStore for Logins {
    async fn verify(&self, user: &str, password: &str) -> Result<Option<Identity>, LookupError> {
        let is_right = match self {
            Self::Any => true,
            Self::These(known) => known.iter().any(|(u, p)| u == user && p == password),
        };
        Ok(is_right.then(|| Identity::new(user)))
    }
}
