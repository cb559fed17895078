//! Certificates of clients: who vouches for them, and which of them may relay.
//!
//! * **In**: a file of authorities in PEM, a table of fingerprints. **Out**: what TLS and the relay policy are told.
//! * **Promises**: clients are asked for a certificate only if somebody is named who vouches for it, and one that nobody
//!   vouches for ends the handshake. A line that is no fingerprint is an error with its place.
//! * **Limits**: SHA-256. The table is read once, at the start. **Panics**: never.
//! * **Spec**: Postfix postconf(5) `smtpd_tls_CAfile`, `smtpd_tls_ask_ccert`, `smtpd_tls_req_ccert`, `relay_clientcerts`.

use std::path::{Path, PathBuf};

use smtp_server::ClientCertificates;
use smtp_server::relay::CertificateHolders;

use crate::failure::Failure;
use crate::options::parameters::Parameters;

/// Who vouches for clients, and what becomes of those for whom nobody does.
#[derive(Clone, Debug)]
pub(crate) struct ClientAuthorities {
    /// In PEM.
    pub(crate) file: PathBuf,
    pub(crate) wanted: ClientCertificates,
}

impl ClientAuthorities {
    /// `None` if clients are not asked.
    pub(crate) fn load(parameters: &Parameters) -> Result<Option<Self>, Failure> {
        let wanted = match (parameters.smtpd_tls_ask_ccert, parameters.smtpd_tls_req_ccert) {
            (_, true) => Some(ClientCertificates::Required),
            (true, false) => Some(ClientCertificates::Optional),
            (false, false) => None,
        };
        match (wanted, &parameters.smtpd_tls_ca_file) {
            (Some(wanted), Some(file)) => Ok(Some(Self { file: file.clone(), wanted })),
            (Some(_), None) => Err(Failure::configuration(
                "-o smtpd_tls_ask_ccert or smtpd_tls_req_ccert without -o smtpd_tls_CAfile: say who \
                 vouches for the clients, too",
            )),
            (None, Some(_)) => Err(Failure::configuration(
                "-o smtpd_tls_CAfile without -o smtpd_tls_ask_ccert=yes: nobody would be asked for a \
                 certificate",
            )),
            (None, None) if parameters.relay_clientcerts.is_some() => Err(Failure::configuration(
                "-o relay_clientcerts without -o smtpd_tls_ask_ccert=yes: nobody would be asked for a \
                 certificate",
            )),
            (None, None) => Ok(None),
        }
    }
}

/// Whom `permit_tls_clientcerts` means.
pub(crate) fn holders(file: Option<&Path>) -> Result<CertificateHolders, Failure> {
    let Some(file) = file else { return Ok(CertificateHolders::default()) };
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::unreadable(format!("cannot read {}: {error}", file.display())))?;
    let mut fingerprints = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let is_comment = line.trim().is_empty() || line.trim_start().starts_with('#');
        // What follows a fingerprint, also on further lines, is for whoever reads the file.
        if is_comment || line.starts_with([' ', '\t']) {
            continue;
        }
        let word = line.split_ascii_whitespace().next().unwrap_or_default();
        if CertificateHolders::with_fingerprints([word]).is_err() {
            let (file, line) = (file.display(), index + 1);
            return Err(Failure::unreadable(format!(
                "{file}:{line}:1: expected the SHA-256 fingerprint of a certificate, 64 hexadecimal digits"
            )));
        }
        fingerprints.push(word);
    }
    CertificateHolders::with_fingerprints(fingerprints)
        .map_err(|error| Failure::unreadable(format!("{}: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_fingerprints_is_read_or_its_fault_is_placed() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("certificates");
        let digits = "0123456789abcdef".repeat(4);
        let colons = ["AB"; 32].join(":");
        for (text, fault) in [
            (format!("# whose\n\n{digits} mx.example.net\n   and more\n{colons}\n"), None),
            (format!("{digits} a\nmx.example.net b\n"), Some(":2:1: expected the SHA-256 ")),
            (format!("{} a\n", &digits[1..]), Some(":1:1: expected the SHA-256 ")),
        ] {
            std::fs::write(&file, &text).unwrap();
            let failed = holders(Some(&file)).err().map(|failure| failure.to_string());
            match fault {
                None => assert_eq!(failed, None, "{text}"),
                Some(part) => assert!(failed.is_some_and(|failed| failed.contains(part)), "{text}"),
            }
        }
        assert!(holders(None).is_ok());
    }
}
