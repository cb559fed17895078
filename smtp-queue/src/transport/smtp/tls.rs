//! TLS to next hops, with rustls.
//!
//! * **In**: a connection, the names that are good. **Out**: the TLS connection and facts about it.
//! * **Promises**: where a certificate is needed, one that no authority vouches for or that has none of the names ends
//!   the handshake; where it is not, whether it would have been good is told all the same. No session is resumed, so a
//!   certificate is looked at on each connection. **Limits**: TLS 1.2 and 1.3. **Panics**: never.
//! * **Spec**: RFC 3207 4, RFC 7817 3 (no partial wildcards), RFC 8446, RFC 9266 4.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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

    /// Does the handshake with a host of this name or address.
    pub(super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        host: &str,
        names: Vec<CertificateName>,
        is_certificate_needed: bool,
    ) -> Result<(TlsStream<S>, TlsFacts), String> {
        let host = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
        let verifier = Arc::new(Verifier {
            provider: self.provider.clone(),
            authorities: self.authorities.clone(),
            names,
            is_certificate_needed,
            is_verified: AtomicBool::new(false),
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
        let facts = TlsFacts {
            is_verified: verifier.is_verified.load(Ordering::Relaxed),
            exporter: is_unique.then(export).flatten(),
        };
        Ok((stream, facts))
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientTls")
    }
}

/// Judges the certificate of one connection. Where none is needed it accepts any, and says whether it was good.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    authorities: Option<Arc<WebPkiServerVerifier>>,
    names: Vec<CertificateName>,
    is_certificate_needed: bool,
    is_verified: AtomicBool,
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
        self.is_verified.store(outcome.is_ok(), Ordering::Relaxed);
        match outcome {
            Err(_) if !self.is_certificate_needed => Ok(ServerCertVerified::assertion()),
            outcome => outcome,
        }
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
