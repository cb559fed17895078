//! TLS as an embedder sets it up: certificates, client certificates, and their replacement.
//!
//! * **In**: PEM, or a rustls configuration. **Out**: a [`TlsConfig`], or what is wrong with the PEM.
//! * **Promises**: TLS 1.2 and 1.3 alone, without compression, renegotiation or early data. A client that offers
//!   protocols (ALPN) without `smtp` among them is refused, so that a browser cannot be tricked into
//!   speaking to us under our certificate. A client is asked for a certificate only if that was set
//!   up. What cannot be used never takes the place of what can.
//! * **Limits**: sessions kept for resumption, see the listener's part. **Panics**: never.
//! * **Spec**: RFC 8446, RFC 9325 3.1.1, RFC 7301, RFC 8314 4.2.

mod certificates;

mod listener;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};

pub use certificates::Certificates;
pub(crate) use listener::ListenerTls;

/// The server's side of TLS: a cheap handle, whose clones are one and the same.
///
/// [`replace`](Self::replace) changes it under a running server:
///
/// ```
/// # fn load() -> Result<smtp_server::TlsConfig, smtp_server::TlsConfigError> {
/// #     Err(smtp_server::TlsConfigError::Certificate)
/// # }
/// # fn reload(tls: &smtp_server::TlsConfig) -> Result<(), smtp_server::TlsConfigError> {
/// tls.replace(&load()?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TlsConfig(Arc<RwLock<Arc<ServerConfig>>>);

/// Whether a client without a certificate is served, where clients are asked for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// It is: [`TlsInfo::client_certificate`](crate::TlsInfo::client_certificate) tells who had one.
    Optional,
    /// It is not: the handshake fails.
    Required,
}

/// Why a [`TlsConfig`] could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsConfigError {
    /// The chain is not PEM, or holds no certificate.
    #[error("no certificate could be read from the PEM text")]
    Certificate,
    /// The key is not PEM, or of a kind that is not supported.
    #[error("no private key could be read from the PEM text")]
    Key,
    /// The key does not belong to the certificate, or is too weak.
    #[error("the certificate and the key cannot be used together: {0}")]
    Unusable(#[from] rustls::Error),
    /// A certificate beside the default one has no host name in it, so no client would be shown it.
    #[error("the certificate names no host: say for which names it is shown")]
    Nameless,
    /// Not a host name, nor one with `*` for its first label.
    #[error("'{0}' is not a host name: write mx.example.org or *.example.org")]
    Name(String),
    /// The authorities for client certificates are not PEM, or there is none that can be used.
    #[error("no certificate authority could be read from the PEM text")]
    Authorities,
}

impl TlsConfig {
    /// With these certificates; clients are not asked for theirs.
    ///
    /// # Errors
    /// [`TlsConfigError::Unusable`] if rustls objects.
    pub fn new(certificates: Certificates) -> Result<Self, TlsConfigError> {
        Ok(server_config(certificates, Arc::new(NoClientAuth))?.into())
    }

    /// With one certificate, a chain and its private key in PEM.
    ///
    /// # Errors
    /// [`TlsConfigError`] if they cannot be read or do not belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsConfigError> {
        Self::new(Certificates::from_pem(chain, key)?)
    }

    /// Asks clients for a certificate, too, that one of the `authorities` (in PEM) vouches for.
    ///
    /// One that no authority vouches for, or that is not valid now, fails the handshake, also where none
    /// would do. Ask only where someone maps certificates to identities (RFC 8314 4.2). Sessions
    /// are not resumed: every connection proves anew who it comes from.
    ///
    /// # Errors
    /// [`TlsConfigError::Authorities`] if there is none among them that can be used.
    pub fn with_client_certificates(
        certificates: Certificates,
        authorities: &[u8],
        wanted: ClientCertificates,
    ) -> Result<Self, TlsConfigError> {
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(authorities) {
            let authority = authority.map_err(|_| TlsConfigError::Authorities)?;
            roots.add(authority).map_err(|_| TlsConfigError::Authorities)?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider());
        let verifier = match wanted {
            ClientCertificates::Optional => verifier.allow_unauthenticated(),
            ClientCertificates::Required => verifier,
        };
        let verifier = verifier.build().map_err(|_| TlsConfigError::Authorities)?;
        let mut config = server_config(certificates, verifier)?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config.into())
    }

    /// From now on this handle and its clones do what `new` does. Connections in progress keep what they
    /// have; sessions that began before are not resumed.
    pub fn replace(&self, new: &Self) {
        let new = new.current();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = new;
    }

    fn current(&self) -> Arc<ServerConfig> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// For what [`TlsConfig::new`] has no words. The protocols (ALPN) are replaced by `smtp`, early data is
/// not taken, and sessions are kept in memory for resumption at the same listener if they are kept at all.
impl From<ServerConfig> for TlsConfig {
    fn from(mut config: ServerConfig) -> Self {
        config.alpn_protocols = vec![b"smtp".to_vec()];
        config.max_early_data_size = 0;
        config.ticketer = Arc::new(NoTickets);
        Self(Arc::new(RwLock::new(Arc::new(config))))
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsConfig")
    }
}

/// No tickets that carry a session to wherever their key is known.
#[derive(Debug)]
struct NoTickets;

impl ProducesTickets for NoTickets {
    fn enabled(&self) -> bool {
        false
    }

    fn lifetime(&self) -> u32 {
        0
    }

    fn encrypt(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn decrypt(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

fn server_config(
    certificates: Certificates,
    verifier: Arc<dyn ClientCertVerifier>,
) -> Result<ServerConfig, TlsConfigError> {
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(certificates));
    Ok(config)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
