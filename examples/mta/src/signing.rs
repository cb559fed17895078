//! DKIM signatures on what our own users send: `dkim_keys`.
//!
//! * **In**: domains, selectors, files of private keys. **Out**: a delivery that signs. **Promises**: files that do not fit
//!   never take the place of the keys in use: all of them are read again, or none.
//! * **Limits**: those of [`Sign`]. **Panics**: never. **Spec**: RFC 6376, RFC 8463.

use std::path::PathBuf;
use std::sync::Arc;

use smtp_server::Delivery;
use smtp_server::proto::Domain;
use smtp_server::signing::{DkimKey, DkimKeys, Sign};

use crate::delivery::Intake;
use crate::failure::Failure;
use crate::options::values::Wrong;

/// One entry of the parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyFile {
    domain: String,
    selector: String,
    file: PathBuf,
}

/// The keys, and the files that they came from.
#[derive(Clone)]
pub(crate) struct SigningKeys {
    files: Vec<KeyFile>,
    keys: DkimKeys,
}

impl KeyFile {
    /// `example.org:selector:FILE`.
    pub(crate) fn parse(entry: &str) -> Result<Self, Wrong> {
        let wrong = || format!("'{entry}' is not a key: write DOMAIN:SELECTOR:FILE");
        let (domain, rest) = entry.split_once(':').ok_or_else(wrong)?;
        let (selector, file) = rest.split_once(':').ok_or_else(wrong)?;
        let is_name = |name: &str| matches!(Domain::parse(name), Ok(Domain::Name(_)));
        if !is_name(domain) || !is_name(selector) || file.is_empty() {
            return Err(wrong());
        }
        Ok(Self { domain: domain.to_owned(), selector: selector.to_owned(), file: file.into() })
    }
}

impl SigningKeys {
    pub(crate) fn load(files: Vec<KeyFile>) -> Result<Self, Failure> {
        let keys = DkimKeys::new(read(&files)?);
        Ok(Self { files, keys })
    }

    /// Reads the files again; the keys in use stay if one of them does not fit.
    pub(crate) fn reload(&self) -> Result<(), Failure> {
        self.keys.replace(read(&self.files)?);
        Ok(())
    }

    /// The delivery that signs, if there is a key.
    pub(crate) fn sign(self, delivery: Intake) -> Arc<dyn Delivery> {
        if self.files.is_empty() {
            return Arc::new(delivery);
        }
        Arc::new(Sign::new(delivery, self.keys))
    }
}

fn read(files: &[KeyFile]) -> Result<Vec<DkimKey>, Failure> {
    let key = |KeyFile { domain, selector, file }: &KeyFile| {
        let place = file.display();
        let pem = std::fs::read(file)
            .map_err(|error| Failure::unreadable(format!("cannot read {place}: {error}")))?;
        DkimKey::from_pem(domain, selector, &pem)
            .map_err(|error| Failure::unreadable(format!("-o dkim_keys: {place}: {error}")))
    };
    files.iter().map(key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_domain_a_selector_and_a_file() {
        let key = KeyFile::parse("example.org:2026a:/etc/a:b").unwrap();
        assert_eq!((&*key.domain, &*key.selector), ("example.org", "2026a"));
        assert_eq!(key.file, PathBuf::from("/etc/a:b"));
        for wrong in [
            "",
            "example.org",
            "example.org:2026a",
            "example.org:2026a:",
            "a b:c:d",
            "[1.2.3.4]:a:b",
        ] {
            assert!(KeyFile::parse(wrong).is_err(), "{wrong}");
        }
    }
}
