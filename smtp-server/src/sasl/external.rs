//! EXTERNAL: the client is who its certificate says.
//!
//! * **In**: the certificate of the session, an identity that is asked for or none. **Out**: an [`Authenticator`] over
//!   [`CertificateIdentities`]. **Promises**: offered only to clients that showed a certificate, which TLS found valid.
//! * **Limits**: the AUTH line's. **Panics**: never. **Spec**: RFC 4422 A, RFC 8314 4.2.

use async_trait::async_trait;

use super::prepare::prepared;
use crate::hooks::{
    Authenticator, CredentialAnswer, CredentialQuery, LookupError, SaslExchange, SaslStep,
};
use crate::info::{ClientCertificate, Identity, SessionInfo};

/// Whose certificate is it?
#[async_trait]
pub trait CertificateIdentities: Send + Sync + 'static {
    /// The identity that `certificate` proves; `None` if it belongs to nobody who may log in.
    ///
    /// # Errors
    /// [`LookupError`] if that cannot be said now; the client is told to try again.
    async fn identity(
        &self,
        certificate: &ClientCertificate,
    ) -> Result<Option<Identity>, LookupError>;

    /// Whether `identity` may act as `authzid`. Only as itself, unless more is said.
    ///
    /// # Errors
    /// As for [`identity`](Self::identity).
    async fn may_act_as(&self, identity: &Identity, authzid: &str) -> Result<bool, LookupError> {
        Ok(identity.authcid == authzid)
    }
}

/// Authenticates with the client certificate
/// ([`TlsConfig::with_client_certificates`](crate::TlsConfig::with_client_certificates)).
#[derive(Clone, Debug)]
pub struct External<I> {
    identities: I,
}

impl<I: CertificateIdentities> External<I> {
    /// Asks `identities` whose certificate it is.
    #[must_use]
    pub fn new(identities: I) -> Self {
        Self { identities }
    }

    async fn identity(
        &self,
        certificate: &ClientCertificate,
        authzid: Option<&str>,
    ) -> Result<Option<Identity>, LookupError> {
        let Some(mut identity) = self.identities.identity(certificate).await? else {
            return Ok(None);
        };
        if let Some(authzid) = authzid.filter(|authzid| *authzid != identity.authcid) {
            if !self.identities.may_act_as(&identity, authzid).await? {
                return Ok(None);
            }
            identity.authzid = Some(authzid.to_owned());
        }
        Ok(Some(identity))
    }
}

#[async_trait]
impl<I: CertificateIdentities> Authenticator for External<I> {
    fn mechanisms(&self, info: &SessionInfo) -> Vec<&'static str> {
        certificate(info).map(|_| "EXTERNAL").into_iter().collect()
    }

    fn start(&self, mechanism: &str, info: &SessionInfo) -> Option<Box<dyn SaslExchange>> {
        let certificate = certificate(info).filter(|_| mechanism == "EXTERNAL")?;
        let fingerprint = certificate.sha256.clone();
        Some(Box::new(Exchange { fingerprint, is_prompted: false }))
    }

    async fn look_up(&self, query: &CredentialQuery, info: &SessionInfo) -> CredentialAnswer {
        let (CredentialQuery::External { authzid, .. }, Some(certificate)) =
            (query, certificate(info))
        else {
            return CredentialAnswer::Denied;
        };
        self.identity(certificate, authzid.as_deref()).await.into()
    }
}

struct Exchange {
    fingerprint: String,
    is_prompted: bool,
}

impl SaslExchange for Exchange {
    fn step(&mut self, response: Option<&[u8]>) -> SaslStep {
        match response {
            None if !self.is_prompted => {
                self.is_prompted = true;
                SaslStep::Challenge(Vec::new())
            }
            None => SaslStep::Failed,
            Some(response) => self.ask(response).map_or(SaslStep::Failed, SaslStep::Ask),
        }
    }

    fn answer(&mut self, answer: CredentialAnswer) -> SaslStep {
        answer.into()
    }
}

impl Exchange {
    /// `None` for what is no identity.
    fn ask(&mut self, response: &[u8]) -> Option<CredentialQuery> {
        let authzid = match std::str::from_utf8(response).ok()? {
            "" => None,
            text => Some(prepared(text)?.to_string()),
        };
        let fingerprint = std::mem::take(&mut self.fingerprint);
        Some(CredentialQuery::External { fingerprint, authzid })
    }
}

fn certificate(info: &SessionInfo) -> Option<&ClientCertificate> {
    info.tls.as_ref()?.client_certificate.as_deref()
}
