//! The certificate: the user's, or one of our own.
//!
//! * **In**: files in PEM, or a directory to keep a self-signed certificate in; who vouches for clients. **Out**: a
//!   [`TlsConfig`].
//! * **Promises**: files that do not fit never take the place of what is in use. The self-signed one stays the same from start to start, so that a client may pin it; the key
//!   can be read by its owner alone, which the process's umask sees to. **Limits**: none. **Panics**: never.
//! * **Spec**: RFC 7468 (PEM), RFC 6125 (names), Postfix `smtpd_tls_cert_file`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, DnType, KeyPair};
use smtp_server::{Certificates, TlsConfig, TlsConfigError};

use crate::client_certificates::ClientAuthorities;
use crate::failure::Failure;

/// A certificate in use, and the files that it came from.
pub(crate) struct Certificate {
    config: TlsConfig,
    chain: PathBuf,
    key: PathBuf,
    authorities: Option<ClientAuthorities>,
}

impl Certificate {
    /// From a chain and a key in PEM; clients are asked for a certificate if there are authorities for them.
    pub(crate) fn load(
        chain: PathBuf,
        key: PathBuf,
        authorities: Option<ClientAuthorities>,
    ) -> Result<Self, Failure> {
        let config = from_files(&chain, &key, authorities.as_ref())?;
        Ok(Self { config, chain, key, authorities })
    }

    /// The one kept in `data`, which no authority vouches for, made if there is none for `host_name`.
    pub(crate) fn self_signed(
        data: &Path,
        host_name: &str,
        authorities: Option<ClientAuthorities>,
    ) -> Result<Self, Failure> {
        let directory = data.join("tls");
        let certificate = directory.join(format!("{host_name}.crt"));
        let key = directory.join(format!("{host_name}.key"));
        if !certificate.exists() || !key.exists() {
            make(&directory, host_name, &certificate, &key).map_err(|error| {
                let place = directory.display();
                Failure::temporary(format!(
                    "cannot keep a self-signed certificate in {place}: {error}"
                ))
            })?;
        }
        Self::load(certificate, key, authorities)
    }

    /// What the server is given; it changes with [`reload`](Self::reload).
    pub(crate) fn config(&self) -> TlsConfig {
        self.config.clone()
    }

    /// The certificate's file, for clients that want to trust it.
    pub(crate) fn chain(&self) -> &Path {
        &self.chain
    }

    /// Reads the files again; what was in use stays in use if they do not fit.
    pub(crate) fn reload(&self) -> Result<(), Failure> {
        self.config.replace(&from_files(&self.chain, &self.key, self.authorities.as_ref())?);
        Ok(())
    }
}

fn from_files(
    chain: &Path,
    key: &Path,
    authorities: Option<&ClientAuthorities>,
) -> Result<TlsConfig, Failure> {
    let read = |path: &Path| {
        fs::read(path).map_err(|error| {
            Failure::unreadable(format!("cannot read {}: {error}", path.display()))
        })
    };
    let certificates = Certificates::from_pem(&read(chain)?, &read(key)?);
    let config = match authorities {
        None => certificates.and_then(TlsConfig::new),
        Some(ClientAuthorities { file, wanted }) => {
            let pem = read(file)?;
            certificates.and_then(|all| TlsConfig::with_client_certificates(all, &pem, *wanted))
        }
    };
    config.map_err(|error| match error {
        TlsConfigError::Authorities => {
            let file = authorities.map(|authorities| authorities.file.display().to_string());
            let file = file.unwrap_or_default();
            Failure::unreadable(format!("{file} holds no certificate of an authority in PEM"))
        }
        TlsConfigError::Certificate => {
            Failure::unreadable(format!("{} holds no certificate in PEM", chain.display()))
        }
        TlsConfigError::Key => {
            Failure::unreadable(format!("{} holds no private key in PEM", key.display()))
        }
        _ => Failure::configuration(format!(
            "the certificate in {} and the key in {} do not fit together ({error}): give a key and \
             the certificate that was made for it",
            chain.display(),
            key.display()
        )),
    })
}

/// Makes a pair; the certificate comes last, so that one without its key is never found.
fn make(directory: &Path, host_name: &str, certificate: &Path, key: &Path) -> io::Result<()> {
    let (certificate_pem, key_pem) = pair(host_name).map_err(io::Error::other)?;
    fs::create_dir_all(directory)?;
    let _ = fs::remove_file(certificate);
    write(key, &key_pem)?;
    write(certificate, &certificate_pem)?;
    File::open(directory)?.sync_all()
}

fn pair(host_name: &str) -> Result<(String, String), rcgen::Error> {
    let names = [host_name, "localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, host_name);
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let partial = path.with_extension("partial");
    let mut file = File::create(&partial)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&partial, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_self_signed_certificate_is_kept() {
        let data = tempfile::tempdir().unwrap();
        let first = Certificate::self_signed(data.path(), "mx.example.org", None).unwrap();
        let kept = fs::read(first.chain()).unwrap();
        let second = Certificate::self_signed(data.path(), "mx.example.org", None).unwrap();
        assert_eq!(fs::read(second.chain()).unwrap(), kept);
        let other = Certificate::self_signed(data.path(), "mx.example.net", None).unwrap();
        assert_ne!(fs::read(other.chain()).unwrap(), kept);
    }

    #[test]
    fn a_pair_that_lost_a_half_is_made_anew() {
        let data = tempfile::tempdir().unwrap();
        let first = Certificate::self_signed(data.path(), "mx.example.org", None).unwrap();
        fs::remove_file(first.chain().with_extension("key")).unwrap();
        assert!(Certificate::self_signed(data.path(), "mx.example.org", None).is_ok());
    }

    #[test]
    fn what_does_not_fit_is_told_apart() {
        let data = tempfile::tempdir().unwrap();
        let path = |name: &str| data.path().join(name);
        let (certificate, key) = pair("mx.example.org").unwrap();
        let (_, other_key) = pair("mx.example.org").unwrap();
        for (name, text) in [("crt", &certificate), ("key", &key), ("other", &other_key)] {
            fs::write(path(name), text).unwrap();
        }
        fs::write(path("both"), format!("{key}{certificate}")).unwrap();
        for (chain, key, expected) in [
            ("crt", "key", None),
            ("both", "both", None),
            ("crt", "other", Some("(78)")),
            ("crt", "crt", Some("(66)")),
            ("key", "key", Some("(66)")),
            ("crt", "missing", Some("(66)")),
            ("missing", "key", Some("(66)")),
        ] {
            let code =
                from_files(&path(chain), &path(key), None).err().map(|failure| failure.to_string());
            assert_eq!(
                code.as_deref().map(|text| &text[text.len() - 4..]),
                expected,
                "{chain} {key}"
            );
        }
    }
}
