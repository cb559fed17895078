//! Bearer tokens as a way to authenticate.
//!
//! * **In**: a [`TokenVerifier`]. **Out**: an [`Authenticator`] that offers OAUTHBEARER and XOAUTH2.
//! * **Promises**: nothing is offered in clear, whatever is allowed to passwords; a verifier that fails is "try again".
//! * **Limits**: the AUTH line's. **Panics**: never. **Spec**: RFC 7628 3, XOAUTH2 (Google).

use async_trait::async_trait;

use super::oauth::{Form, OAuth};
use crate::hooks::{Authenticator, CredentialAnswer, CredentialQuery, SaslExchange, TokenVerifier};
use crate::info::SessionInfo;

/// Authenticates with a token that someone else issued.
#[derive(Clone, Debug)]
pub struct Tokens<V> {
    verifier: V,
}

impl<V: TokenVerifier> Tokens<V> {
    /// Asks `verifier`.
    #[must_use]
    pub fn new(verifier: V) -> Self {
        Self { verifier }
    }
}

#[async_trait]
impl<V: TokenVerifier> Authenticator for Tokens<V> {
    fn mechanisms(&self, info: &SessionInfo) -> Vec<&'static str> {
        if info.tls.is_some() { vec!["OAUTHBEARER", "XOAUTH2"] } else { Vec::new() }
    }

    fn start(&self, mechanism: &str, info: &SessionInfo) -> Option<Box<dyn SaslExchange>> {
        info.tls.as_ref()?;
        let form = match mechanism {
            "OAUTHBEARER" => Form::OAuthBearer {
                host: info.server_name.clone(),
                port: info.peer.local.map(|local| local.port()),
            },
            "XOAUTH2" => Form::XOAuth2,
            _ => return None,
        };
        Some(Box::new(OAuth::new(form)))
    }

    async fn look_up(&self, query: &CredentialQuery, info: &SessionInfo) -> CredentialAnswer {
        let CredentialQuery::Token { authcid, token } = query else {
            return CredentialAnswer::Denied;
        };
        let user = Some(authcid.as_str()).filter(|authcid| !authcid.is_empty());
        self.verifier.verify(token, user, info).await.into()
    }
}
