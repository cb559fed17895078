//! TLS to next hops, with rustls.
//!
//! * **In**: a connection, the names that are good. **Out**: the TLS connection and facts about it.
//! * **Promises**: a certificate that no authority vouches for or that has none of the names does not end the handshake,
//!   and is told; so whoever needs a good one can say goodbye (RFC 3207 4.1). No session is resumed, so a
//!   certificate is looked at on each connection. **Limits**: TLS 1.2 and 1.3. **Panics**: never.
//! * **Spec**: RFC 3207 4, RFC 7817 3 (no partial wildcards), RFC 8446, RFC 9266 4.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, ProtocolVersion, RootCertStore,
    SignatureScheme,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use webpki::EndEntityCert;

use super::certificate_name::CertificateName;
use super::session::TlsFacts;

/// The client's side of TLS: which authorities are believed. Clones share them.
#[derive(Clone)]
pub struct ClientTls {
    provider: Arc<CryptoProvider>,
    /// `None` where no authority is known, so that no certificate is good.
    authorities: Option<Arc<WebPkiServerVerifier>>,
}

/// No authority could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no certificate authority could be read from the PEM text")]
pub struct AuthoritiesError;

impl ClientTls {
    /// Believes the authorities that the system does. If it has none, no certificate is good, which matters to
    /// [`TlsLevel::Verify`](super::TlsLevel::Verify) and above.
    #[must_use]
    pub fn from_system() -> Self {
        Self::believing(rustls_native_certs::load_native_certs().certs)
    }

    /// Believes the authorities of a text in PEM.
    ///
    /// # Errors
    /// [`AuthoritiesError`] if there is none in it.
    pub fn from_pem(authorities: &[u8]) -> Result<Self, AuthoritiesError> {
        let authorities =
            CertificateDer::pem_slice_iter(authorities).collect::<Result<Vec<_>, _>>();
        let tls = Self::believing(authorities.map_err(|_| AuthoritiesError)?);
        if tls.authorities.is_some() { Ok(tls) } else { Err(AuthoritiesError) }
    }

    fn believing(authorities: Vec<CertificateDer<'static>>) -> Self {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone());
        Self { provider, authorities: verifier.build().ok() }
    }

    /// Does the handshake with a host of this name or address. Last comes what is wrong with its certificate.
    pub(super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        host: &str,
        names: Vec<CertificateName>,
    ) -> Result<(TlsStream<S>, TlsFacts, Option<String>), String> {
        let host = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
        let verifier = Arc::new(Verifier {
            provider: self.provider.clone(),
            authorities: self.authorities.clone(),
            names,
            outcome: OnceLock::new(),
        });
        let mut config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone())
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector.connect(host, stream).await.map_err(|error| error.to_string())?;
        let (_, connection) = stream.get_ref();
        let is_unique = connection.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        let export = || {
            connection.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b"")).ok()
        };
        let fault = verifier.fault();
        let exporter = is_unique.then(export).flatten();
        Ok((stream, TlsFacts { is_verified: fault.is_none(), exporter }, fault))
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientTls")
    }
}

/// Judges the certificate of one connection. It accepts any, and says what was wrong with it.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    authorities: Option<Arc<WebPkiServerVerifier>>,
    names: Vec<CertificateName>,
    outcome: OnceLock<Result<(), Error>>,
}

impl Verifier {
    /// `None` for a good certificate alone.
    fn fault(&self) -> Option<String> {
        match self.outcome.get() {
            Some(Ok(())) => None,
            Some(Err(error)) => Some(error.to_string()),
            None => Some("there was no certificate".to_owned()),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verify = |name: &ServerName<'_>| {
            let authorities = self.authorities.as_ref();
            let authorities = authorities.ok_or(Error::from(CertificateError::UnknownIssuer))?;
            authorities.verify_server_cert(end_entity, intermediates, name, ocsp_response, now)
        };
        let mut outcome = Err(Error::from(CertificateError::NotValidForName));
        for name in self.names.iter().flat_map(|name| candidates(name, end_entity)) {
            outcome = verify(&name);
            if outcome.is_ok() {
                break;
            }
        }
        // The first one counts; there is no second in a connection that renegotiates nothing.
        let _ = self.outcome.set(outcome.map(|_| ()));
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The names to try: the one that is wanted, or those of the certificate that are below it.
fn candidates(
    name: &CertificateName,
    certificate: &CertificateDer<'_>,
) -> Vec<ServerName<'static>> {
    let names = match name {
        CertificateName::Is(name) => vec![name.clone()],
        CertificateName::IsBelow(domain) => {
            let Ok(certificate) = EndEntityCert::try_from(certificate) else { return Vec::new() };
            let suffix = format!(".{domain}").to_ascii_lowercase();
            let names = certificate.valid_dns_names().map(str::to_ascii_lowercase);
            // One name stands for all that a wildcard covers.
            names
                .filter(|name| name.ends_with(&suffix))
                .map(
                    |name| if name.starts_with("*.") { name.replacen('*', "any", 1) } else { name },
                )
                .collect()
        }
    };
    names.into_iter().filter_map(|name| ServerName::try_from(name).ok()).collect()
}
