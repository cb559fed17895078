//! TLS: the handshake, and which certificate is shown.
//!
//! * **In**: a certificate chain and key, a client's first message. **Out**: a TLS stream and its facts.
//! * **Promises**: nothing that was read in clear reaches the TLS stream or the session after it. A client
//!   that offers protocols (ALPN) without `smtp` among them is refused, so that a browser cannot be
//!   tricked into speaking to us under our certificate.
//! * **Limits**: [`Timeouts::handshake`](crate::config::Timeouts::handshake). **Panics**: never.
//! * **Spec**: RFC 3207, RFC 8314 3.3, RFC 7301, RFC 9325.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::Connection;
use super::wire::Stream;
use crate::hooks::{CloseReason, Event};
use crate::info::TlsInfo;

/// The server's side of TLS.
#[derive(Clone)]
pub struct TlsConfig(Arc<ServerConfig>);

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
}

impl TlsConfig {
    /// From a certificate chain and its private key in PEM; TLS 1.2 and 1.3, no client certificates.
    ///
    /// # Errors
    /// [`TlsConfigError`] if they cannot be read or do not belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsConfigError> {
        let chain = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| TlsConfigError::Certificate)?;
        if chain.is_empty() {
            return Err(TlsConfigError::Certificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsConfigError::Key)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        Ok(Self::new(config))
    }

    /// From a configuration of your own; its ALPN protocols are replaced by `smtp`.
    #[must_use]
    pub fn new(mut config: ServerConfig) -> Self {
        config.alpn_protocols = vec![b"smtp".to_vec()];
        Self(Arc::new(config))
    }
}

impl std::fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsConfig")
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    /// Does the handshake and tells the session.
    pub(super) async fn start_tls(&mut self) -> Result<(), CloseReason> {
        let Some(TlsConfig(config)) = self.context.tls.clone() else {
            return Err(CloseReason::TlsFailed);
        };
        let Stream::Plain(mut stream) = self.wire.take_stream() else {
            return Err(CloseReason::TlsFailed);
        };
        let limit = self.context.hooks.timeouts.handshake;
        let handshake = async {
            stream.flush().await?;
            accept(stream, config).await
        };
        let outcome = match tokio::time::timeout(limit, handshake).await {
            Ok(outcome) => outcome,
            Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
        };
        match outcome {
            Ok(stream) => {
                self.session.handle_tls(facts(&stream));
                self.wire.put_stream(Stream::Tls(Box::new(stream)));
                self.emit(&Event::TlsStarted, &self.session.info());
                Ok(())
            }
            Err(error) => {
                let error = error.to_string();
                self.emit(&Event::TlsFailed { error: &error }, &self.session.info());
                Err(CloseReason::TlsFailed)
            }
        }
    }
}

async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    config: Arc<ServerConfig>,
) -> std::io::Result<TlsStream<S>> {
    let mut acceptor = LazyConfigAcceptor::new(Acceptor::default(), stream);
    let start = match (&mut acceptor).await {
        Ok(start) => start,
        Err(error) => {
            if let Some(mut stream) = acceptor.take_io() {
                let _ = stream.shutdown().await;
            }
            return Err(error);
        }
    };
    start.into_stream(config).await
}

fn facts<S>(stream: &TlsStream<S>) -> TlsInfo {
    let (_, connection) = stream.get_ref();
    let protocol = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
        _ => "TLSv1.2",
    };
    let cipher = connection
        .negotiated_cipher_suite()
        .and_then(|suite| suite.suite().as_str())
        .unwrap_or("unknown");
    TlsInfo::new(protocol, cipher, connection.server_name().map(str::to_owned))
}
