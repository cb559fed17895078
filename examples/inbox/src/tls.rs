//! A certificate for an inbox that has none.
//!
//! * **In**: nothing. **Out**: a leaf for `localhost` and its root, which clients may be told to believe.
//! * **Promises**: the keys stay in this process; every start makes others. **Limits**: none. **Panics**: never.
//! * **Spec**: RFC 5280, RFC 3207.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use smtp_server::TlsConfig;

use crate::failure::Failure;

/// What the server shows, and the root in PEM.
pub(crate) fn make() -> Result<(TlsConfig, String), Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::temporary(format!("cannot make a certificate: {error} (--tls)"))
    };
    let (chain, key, root) = pair().map_err(|error| failed(&error))?;
    let config =
        TlsConfig::from_pem(chain.as_bytes(), key.as_bytes()).map_err(|error| failed(&error))?;
    Ok((config, root))
}

fn pair() -> Result<(String, String, String), rcgen::Error> {
    let mut root = CertificateParams::new(Vec::new())?;
    root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    root.distinguished_name.push(DnType::CommonName, "inbox: root of this run");
    let root = CertifiedIssuer::self_signed(root, KeyPair::generate()?)?;
    let names = ["localhost", "inbox.localhost", "inbox", "127.0.0.1", "::1"].map(str::to_owned);
    let mut leaf = CertificateParams::new(names)?;
    leaf.distinguished_name.push(DnType::CommonName, "localhost");
    let key = KeyPair::generate()?;
    let leaf = leaf.signed_by(&key, &root)?;
    Ok((leaf.pem(), key.serialize_pem(), root.pem()))
}
