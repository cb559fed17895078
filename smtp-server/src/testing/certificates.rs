//! A root of a server's own, and the server's certificate under it.
//!
//! * **In**: the names and addresses at which clients may reach the server. **Out**: a [`TlsConfig`], and the root for
//!   clients.
//! * **Promises**: each server has a root of its own, so a client that trusts one server does not trust the next.
//! * **Limits**: made in about 0.2 ms, only for a server with TLS. **Panics**: never.
//! * **Spec**: RFC 5280 4.2 (a root that strict clients take), RFC 7468 (PEM).

use std::fmt;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

use super::error::StartError;
use crate::tls::TlsConfig;

/// The certificate that a client has to trust to take the server's for genuine.
#[derive(Clone)]
pub struct RootCertificate {
    der: Vec<u8>,
    pem: String,
}

impl RootCertificate {
    /// In DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// In PEM.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }
}

impl fmt::Debug for RootCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootCertificate")
    }
}

/// A fresh root, and a certificate under it for `names`, which are host names and addresses.
pub(super) fn issue(names: &[&str]) -> Result<(RootCertificate, TlsConfig), StartError> {
    let root = CertifiedIssuer::self_signed(root_params()?, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let leaf = leaf_params(names)?.signed_by(&key, &root)?;
    let tls = TlsConfig::from_pem(leaf.pem().as_bytes(), key.serialize_pem().as_bytes())?;
    Ok((RootCertificate { der: root.der().to_vec(), pem: root.pem() }, tls))
}

fn root_params() -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "Root of a test inbox");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn leaf_params(names: &[&str]) -> Result<CertificateParams, rcgen::Error> {
    let owned = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let mut params = CertificateParams::new(owned)?;
    params.distinguished_name.push(DnType::CommonName, "Test inbox");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}
