//! Passwords as a way to authenticate.
//!
//! * **In**: a [`CredentialStore`]. **Out**: an [`Authenticator`] that offers PLAIN and LOGIN, SCRAM where the store
//!   has keys for it, and CRAM-MD5 if that was asked for.
//! * **Promises**: a store that fails is "try again", never "wrong password". An unknown user is given keys, and a
//!   digest is compared for it, as for a known one.
//! * **Limits**: none of its own. **Panics**: never. **Spec**: RFC 4616, RFC 4954, RFC 5802, RFC 7677, RFC 2195.

use async_trait::async_trait;

#[cfg(feature = "scram")]
use super::cram_md5::{self, CramMd5};
use super::login::Login;
use super::plain::Plain;
#[cfg(feature = "scram")]
use super::scram::{self, Scram};
use crate::hooks::{
    Authenticator, CredentialAnswer, CredentialQuery, CredentialStore, LookupError, SaslExchange,
};
#[cfg(feature = "scram")]
use crate::hooks::{ScramHash, ScramParameters};
use crate::info::{Identity, SessionInfo};

/// Authenticates with a name and a password.
#[derive(Clone, Debug)]
pub struct Passwords<S> {
    store: S,
    #[cfg(feature = "scram")]
    cram_md5: bool,
}

impl<S: CredentialStore> Passwords<S> {
    /// Asks `store`.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self {
            store,
            #[cfg(feature = "scram")]
            cram_md5: false,
        }
    }

    /// Offers CRAM-MD5, too, for which the store has to keep the passwords themselves
    /// ([`CredentialStore::password`]). It is weak: only for clients that speak nothing else.
    #[cfg(feature = "scram")]
    #[must_use]
    pub fn with_cram_md5(mut self) -> Self {
        self.cram_md5 = true;
        self
    }

    async fn answer(&self, query: &CredentialQuery) -> Result<CredentialAnswer, LookupError> {
        match query {
            CredentialQuery::Verify { authcid, authzid, password } => {
                let identity = self.store.verify(authcid, password).await?;
                self.granted(identity, authzid.as_deref()).await
            }
            #[cfg(feature = "scram")]
            CredentialQuery::ScramKeys { authcid, hash } => {
                let Some(parameters) = self.parameters(*hash) else {
                    return Ok(CredentialAnswer::Denied);
                };
                // Made for everybody, so that it takes as long for a known user.
                let decoy = scram::decoy(&parameters, authcid);
                let keys = self.store.scram_keys(authcid, *hash).await?;
                Ok(CredentialAnswer::ScramKeys(keys.unwrap_or(decoy)))
            }
            CredentialQuery::Proof { authcid, authzid, is_right: true } => {
                let identity = self.store.identity(authcid).await?;
                self.granted(identity, authzid.as_deref()).await
            }
            #[cfg(feature = "scram")]
            CredentialQuery::CramMd5 { authcid, challenge, digest } if self.cram_md5 => {
                let password = self.store.password(authcid).await?;
                if !cram_md5::is_right(password.as_deref().map(String::as_str), challenge, digest) {
                    return Ok(CredentialAnswer::Denied);
                }
                let identity = self.store.identity(authcid).await?;
                self.granted(identity, None).await
            }
            _ => Ok(CredentialAnswer::Denied),
        }
    }

    async fn granted(
        &self,
        identity: Option<Identity>,
        authzid: Option<&str>,
    ) -> Result<CredentialAnswer, LookupError> {
        let Some(mut identity) = identity else { return Ok(CredentialAnswer::Denied) };
        if let Some(authzid) = authzid {
            if !self.store.may_act_as(&identity, authzid).await? {
                return Ok(CredentialAnswer::Denied);
            }
            identity.authzid = Some(authzid.to_owned());
        }
        Ok(CredentialAnswer::Granted(identity))
    }

    #[cfg(feature = "scram")]
    fn parameters(&self, hash: ScramHash) -> Option<ScramParameters> {
        self.store.scram_parameters().into_iter().find(|parameters| parameters.hash == hash)
    }
}

#[async_trait]
impl<S: CredentialStore> Authenticator for Passwords<S> {
    #[cfg_attr(
        not(feature = "scram"),
        expect(unused_variables, reason = "SCRAM asks for the TLS facts")
    )]
    fn mechanisms(&self, info: &SessionInfo) -> Vec<&'static str> {
        let mut mechanisms = Vec::new();
        #[cfg(feature = "scram")]
        {
            for parameters in self.store.scram_parameters() {
                mechanisms.extend(scram::mechanisms(parameters.hash, info));
            }
        }
        mechanisms.extend(["PLAIN", "LOGIN"]);
        #[cfg(feature = "scram")]
        if self.cram_md5 {
            mechanisms.push("CRAM-MD5");
        }
        mechanisms
    }

    #[cfg_attr(
        not(feature = "scram"),
        expect(unused_variables, reason = "SCRAM asks for the TLS facts")
    )]
    fn start(&self, mechanism: &str, info: &SessionInfo) -> Option<Box<dyn SaslExchange>> {
        match mechanism {
            "PLAIN" => Some(Box::new(Plain::default())),
            "LOGIN" => Some(Box::new(Login::default())),
            #[cfg(feature = "scram")]
            "CRAM-MD5" if self.cram_md5 => Some(Box::new(CramMd5::new(&info.server_name)?)),
            #[cfg(feature = "scram")]
            scram => {
                let exchange = Scram::start(scram, info)?;
                self.parameters(exchange.hash())?;
                Some(Box::new(exchange))
            }
            #[cfg(not(feature = "scram"))]
            _ => None,
        }
    }

    async fn look_up(&self, query: &CredentialQuery, _info: &SessionInfo) -> CredentialAnswer {
        self.answer(query).await.unwrap_or_else(CredentialAnswer::Unavailable)
    }
}
