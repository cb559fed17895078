//! Passwords as a way to authenticate.
//!
//! * **In**: a [`CredentialStore`]. **Out**: an [`Authenticator`] that offers PLAIN and LOGIN.
//! * **Promises**: a store that fails is "try again", never "wrong password".
//! * **Limits**: none of its own. **Panics**: never. **Spec**: RFC 4616, RFC 4954.

use async_trait::async_trait;

use super::login::Login;
use super::plain::Plain;
use crate::hooks::{
    Authenticator, CredentialAnswer, CredentialQuery, CredentialStore, LookupError, SaslExchange,
};
use crate::info::{Identity, SessionInfo};

/// Authenticates with a name and a password.
#[derive(Clone, Debug)]
pub struct Passwords<S> {
    store: S,
}

impl<S: CredentialStore> Passwords<S> {
    /// Asks `store`.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self { store }
    }

    async fn verify(
        &self,
        authcid: &str,
        authzid: Option<&str>,
        password: &str,
    ) -> Result<Option<Identity>, LookupError> {
        let Some(mut identity) = self.store.verify(authcid, password).await? else {
            return Ok(None);
        };
        if let Some(authzid) = authzid {
            if !self.store.may_act_as(&identity, authzid).await? {
                return Ok(None);
            }
            identity.authzid = Some(authzid.to_owned());
        }
        Ok(Some(identity))
    }
}

#[async_trait]
impl<S: CredentialStore> Authenticator for Passwords<S> {
    fn mechanisms(&self, _info: &SessionInfo) -> Vec<&'static str> {
        vec!["PLAIN", "LOGIN"]
    }

    fn start(&self, mechanism: &str, _info: &SessionInfo) -> Option<Box<dyn SaslExchange>> {
        match mechanism {
            "PLAIN" => Some(Box::new(Plain::default())),
            "LOGIN" => Some(Box::new(Login::default())),
            _ => None,
        }
    }

    async fn look_up(&self, query: &CredentialQuery, _info: &SessionInfo) -> CredentialAnswer {
        let CredentialQuery::Verify { authcid, authzid, password } = query;
        match self.verify(authcid, authzid.as_deref(), password).await {
            Ok(Some(identity)) => CredentialAnswer::Granted(identity),
            Ok(None) => CredentialAnswer::Denied,
            Err(error) => CredentialAnswer::Unavailable(error),
        }
    }
}
