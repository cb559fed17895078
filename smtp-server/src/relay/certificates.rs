//! Relaying for clients that show a certificate.
//!
//! * **In**: fingerprints or names; the certificate of the session. **Out**: `Relay` or `Deny`.
//! * **Promises**: only a certificate that the TLS configuration found valid counts, never a name that the client
//!   says by itself. Names are compared as wholes, so a wildcard in a certificate is none of them.
//! * **Limits**: one look-up per name of the certificate. **Panics**: never.
//! * **Spec**: RFC 8314 4.2; Postfix `permit_tls_clientcerts`.

use std::collections::HashSet;

use async_trait::async_trait;
use smtp_proto::{Domain, ForwardPath};

use crate::envelope::{Envelope, RelayReason};
use crate::error::ConfigError;
use crate::hooks::RelayPolicy;
use crate::info::{ClientCertificate, SessionInfo};
use crate::verdict::RelayDecision;

/// Clients that show one of these certificates may send anywhere; the default is none.
///
/// Clients are asked for one only where the TLS configuration says so
/// (`TlsConfig::with_client_certificates`).
#[derive(Clone, Debug, Default)]
pub struct CertificateHolders {
    accepted: Accepted,
}

#[derive(Clone, Debug)]
enum Accepted {
    Fingerprints(HashSet<String>),
    Names(HashSet<Domain<'static>>),
    Any,
}

impl Default for Accepted {
    fn default() -> Self {
        Self::Fingerprints(HashSet::new())
    }
}

impl CertificateHolders {
    /// Certificates with one of these SHA-256 fingerprints: 64 hexadecimal digits, with or without colons.
    ///
    /// # Errors
    /// [`ConfigError::Fingerprint`] for text that is none.
    pub fn with_fingerprints<F: AsRef<str>>(
        fingerprints: impl IntoIterator<Item = F>,
    ) -> Result<Self, ConfigError> {
        let fingerprints = fingerprints
            .into_iter()
            .map(|text| fingerprint(text.as_ref()))
            .collect::<Result<_, _>>()?;
        Ok(Self { accepted: Accepted::Fingerprints(fingerprints) })
    }

    /// Certificates that an authority of the TLS configuration issued to one of these host names.
    ///
    /// # Errors
    /// [`ConfigError::Domain`] for text that is no name.
    pub fn with_names<N: AsRef<str>>(
        names: impl IntoIterator<Item = N>,
    ) -> Result<Self, ConfigError> {
        let names = names
            .into_iter()
            .map(|name| super::parse_domain(name.as_ref()))
            .collect::<Result<_, _>>()?;
        Ok(Self { accepted: Accepted::Names(names) })
    }

    /// Whatever certificate an authority of the TLS configuration issued: only for authorities that issue to
    /// nobody but one's own clients (Postfix `permit_tls_all_clientcerts`).
    #[must_use]
    pub fn of_every_authority() -> Self {
        Self { accepted: Accepted::Any }
    }

    pub(crate) fn reason(&self, certificate: &ClientCertificate) -> Option<RelayReason> {
        let sha256 = || RelayReason::Certificate(certificate.sha256.clone());
        match &self.accepted {
            Accepted::Any => Some(sha256()),
            Accepted::Fingerprints(known) => known.contains(&certificate.sha256).then(sha256),
            Accepted::Names(known) => {
                let is_known = |name: &&String| {
                    Domain::parse(name).is_ok_and(|name| known.contains(&name.into_owned()))
                };
                let name = certificate.dns_names.iter().find(is_known)?;
                Some(RelayReason::CertificateName(name.clone()))
            }
        }
    }
}

#[async_trait]
impl RelayPolicy for CertificateHolders {
    async fn decide(
        &self,
        _to: &ForwardPath<'_>,
        _envelope: &Envelope,
        info: &SessionInfo,
    ) -> RelayDecision {
        let certificate = info.tls.as_ref().and_then(|tls| tls.client_certificate.as_deref());
        match certificate.map(|certificate| self.reason(certificate)) {
            Some(Some(because)) => RelayDecision::Relay { because },
            Some(None) => {
                info.note(|| "certificates: the client's is none of them".to_owned());
                RelayDecision::Deny
            }
            None => {
                info.note(|| "certificates: the client showed none".to_owned());
                RelayDecision::Deny
            }
        }
    }
}

/// In lower case and without colons.
fn fingerprint(text: &str) -> Result<String, ConfigError> {
    let digits: String = text.trim().chars().filter(|c| *c != ':').collect();
    if digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        Ok(digits.to_ascii_lowercase())
    } else {
        Err(ConfigError::Fingerprint(text.to_owned()))
    }
}
