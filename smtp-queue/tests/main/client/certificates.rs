//! An authority, and servers that it vouches for.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use smtp_queue::transport::smtp::ClientTls;
use smtp_server::TlsConfig;

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// The server's side, for these names.
    pub(crate) fn server(&self, names: &[&str]) -> TlsConfig {
        let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.0).unwrap();
        TlsConfig::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap()
    }

    /// The client's side, which believes this authority.
    pub(crate) fn client(&self) -> ClientTls {
        ClientTls::from_pem(self.0.pem().as_bytes()).unwrap()
    }
}
