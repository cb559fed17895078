//! Certificates, `mx.test`'s among them, and clients that trust that one.

use std::sync::{Arc, OnceLock};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use smtp_server::{Certificates, ClientCertificates, TlsConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A certificate and its key.
pub(crate) struct Pair {
    pub(crate) chain: String,
    pub(crate) key: String,
    pub(crate) der: CertificateDer<'static>,
}

impl Pair {
    pub(crate) fn for_names(names: &[&str]) -> Self {
        let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        Self {
            chain: made.cert.pem(),
            key: made.signing_key.serialize_pem(),
            der: made.cert.der().clone(),
        }
    }

    pub(crate) fn config(&self) -> TlsConfig {
        TlsConfig::from_pem(self.chain.as_bytes(), self.key.as_bytes()).unwrap()
    }

    pub(crate) fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap()
    }
}

/// An authority, and certificates from it.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn client(&self, names: &[&str]) -> (Arc<ClientConfig>, Vec<u8>) {
        let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(names).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let der = certificate.der().to_vec();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = trusting(rustls::ALL_VERSIONS)
            .with_client_auth_cert(vec![certificate.der().clone()], key)
            .unwrap();
        (Arc::new(config), der)
    }

    pub(crate) fn config(&self, wanted: ClientCertificates) -> TlsConfig {
        let pair = own();
        let own = Certificates::from_pem(pair.chain.as_bytes(), pair.key.as_bytes()).unwrap();
        TlsConfig::with_client_certificates(own, self.0.pem().as_bytes(), wanted).unwrap()
    }
}

/// The server's own.
pub(crate) fn own() -> &'static Pair {
    static OWN: OnceLock<Pair> = OnceLock::new();
    OWN.get_or_init(|| Pair::for_names(&["mx.test"]))
}

/// The server's side.
pub(crate) fn server() -> TlsConfig {
    own().config()
}

/// The client's side, without a certificate of its own.
pub(crate) fn client(versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    trusting(versions).with_no_client_auth()
}

/// The client's side, still to be told which certificate to show.
pub(crate) fn trusting(
    versions: &[&'static SupportedProtocolVersion],
) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    let mut roots = RootCertStore::empty();
    roots.add(own().der.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
}

/// Does the client's side of a handshake, offering `alpn`.
pub(crate) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    alpn: &[&[u8]],
) -> std::io::Result<TlsStream<S>> {
    let mut config = client(rustls::ALL_VERSIONS);
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    connect_with(&Arc::new(config), stream).await
}

/// Does the client's side of a handshake.
pub(crate) async fn connect_with<S: AsyncRead + AsyncWrite + Unpin>(
    config: &Arc<ClientConfig>,
    stream: S,
) -> std::io::Result<TlsStream<S>> {
    let name = ServerName::try_from("mx.test").unwrap();
    TlsConnector::from(config.clone()).connect(name, stream).await
}
