//! Which certificate is shown.
//!
//! * **In**: chains and keys in PEM, the name that a client asks for (SNI). **Out**: one of them.
//! * **Promises**: a name that is known exactly comes before a wildcard; a wildcard stands for one label; whoever
//!   asks for an unknown name, or for none, is shown the default. Names are compared, nothing else is
//!   done with them.
//! * **Limits**: none. **Panics**: never. **Spec**: RFC 6066 3, RFC 9525 6.3 (wildcards), RFC 7468 (PEM).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, DnsName, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use webpki::EndEntityCert;

use super::{TlsConfigError, provider};

/// A server's certificates: a default one, and others for clients that ask for their names.
#[derive(Clone)]
pub struct Certificates {
    default: Arc<CertifiedKey>,
    /// In lower case; a wildcard begins with `*.`, which a client's name cannot.
    by_name: HashMap<String, Arc<CertifiedKey>>,
}

impl Certificates {
    /// The default: a chain and its private key in PEM, shown to whoever asks for nothing else.
    ///
    /// # Errors
    /// [`TlsConfigError`] if they cannot be read or do not belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsConfigError> {
        let default = certified_key(chain, key)?;
        let names = own_names(&default)?;
        Ok(Self { default: default.clone(), by_name: HashMap::new() }.with(names, &default))
    }

    /// Another one, for the host names in it (its DNS names). A name that has a certificate keeps it.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem), and [`TlsConfigError::Nameless`] if there is no name in it.
    pub fn with_pem(self, chain: &[u8], key: &[u8]) -> Result<Self, TlsConfigError> {
        let certificate = certified_key(chain, key)?;
        let names = own_names(&certificate)?;
        if names.is_empty() {
            return Err(TlsConfigError::Nameless);
        }
        Ok(self.with(names, &certificate))
    }

    /// Another one, for `names` such as `mx.example.org` or `*.example.org`, whatever it says itself. A name
    /// that has a certificate keeps it.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem), and [`TlsConfigError::Name`].
    pub fn with_pem_for<N: AsRef<str>>(
        self,
        names: impl IntoIterator<Item = N>,
        chain: &[u8],
        key: &[u8],
    ) -> Result<Self, TlsConfigError> {
        let certificate = certified_key(chain, key)?;
        let names = names.into_iter().map(|name| checked(name.as_ref()));
        let names = names.collect::<Result<Vec<_>, _>>()?;
        Ok(self.with(names, &certificate))
    }

    fn with(mut self, names: Vec<String>, certificate: &Arc<CertifiedKey>) -> Self {
        for name in names {
            self.by_name.entry(name).or_insert_with(|| certificate.clone());
        }
        self
    }

    /// The certificate for a name that rustls took for a DNS name and wrote in lower case.
    fn find(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        let name = name.strip_suffix('.').unwrap_or(name);
        self.by_name.get(name).or_else(|| {
            let (_, parent) = name.split_once('.')?;
            self.by_name.get(&format!("*.{parent}"))
        })
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asked_for = client_hello.server_name().and_then(|name| self.find(name));
        Some(asked_for.unwrap_or(&self.default).clone())
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_name.keys()).finish()
    }
}

fn certified_key(chain: &[u8], key: &[u8]) -> Result<Arc<CertifiedKey>, TlsConfigError> {
    let chain = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| TlsConfigError::Certificate)?;
    if chain.is_empty() {
        return Err(TlsConfigError::Certificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsConfigError::Key)?;
    Ok(Arc::new(CertifiedKey::from_der(chain, key, &provider())?))
}

fn own_names(certificate: &CertifiedKey) -> Result<Vec<String>, TlsConfigError> {
    let parsed = EndEntityCert::try_from(certificate.end_entity_cert()?)
        .map_err(|_| TlsConfigError::Certificate)?;
    Ok(parsed.valid_dns_names().map(str::to_ascii_lowercase).collect())
}

fn checked(name: &str) -> Result<String, TlsConfigError> {
    let host = name.strip_prefix("*.").unwrap_or(name);
    match DnsName::try_from(host) {
        Ok(_) if !host.ends_with('.') => Ok(name.to_ascii_lowercase()),
        _ => Err(TlsConfigError::Name(name.to_owned())),
    }
}
