//! Which logins may send as an address: `smtpd_sender_login_maps`.
//!
//! * **In**: a file. **Out**: the owners of a sender. **Promises**: a line that is none is an error with its place; a file
//!   that cannot be read again leaves what was read before. **Limits**: the file is read into memory.
//! * **Panics**: never.
//! * **Spec**: Postfix postconf(5) `smtpd_sender_login_maps`, postmap(1) for the file's form: an address, or `@domain`
//!   for all others there, then logins, separated by commas or white space.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use smtp_server::LookupError;
use smtp_server::access::SenderOwners;
use smtp_server::proto::{Domain, Mailbox};

use crate::failure::Failure;
use crate::text_table::{self, Entry};

type Owners = HashMap<String, Vec<String>>;

/// The table, and the file that it came from.
pub(crate) struct SenderLogins {
    file: PathBuf,
    owners: RwLock<Arc<Owners>>,
}

impl SenderLogins {
    pub(crate) fn load(file: PathBuf) -> Result<Self, Failure> {
        let owners = RwLock::new(Arc::new(read(&file)?));
        Ok(Self { file, owners })
    }

    /// Reads the file again; what was read before stays if it has a fault.
    pub(crate) fn reload(&self) -> Result<(), Failure> {
        let owners = Arc::new(read(&self.file)?);
        *self.owners.write().unwrap_or_else(PoisonError::into_inner) = owners;
        Ok(())
    }
}

#[async_trait]
impl SenderOwners for SenderLogins {
    async fn owners(&self, sender: &Mailbox<'_>) -> Result<Vec<String>, LookupError> {
        let owners = Arc::clone(&self.owners.read().unwrap_or_else(PoisonError::into_inner));
        owners.owners(sender).await
    }
}

fn read(file: &Path) -> Result<Owners, Failure> {
    owners(&text_table::read(file)?)
}

fn owners(entries: &[Entry]) -> Result<Owners, Failure> {
    let mut owners = Owners::new();
    for entry in entries {
        let Some(key) = key(&entry.key) else {
            return Err(
                entry.wrong(format!("expected an address, or @domain, not '{}'", entry.key))
            );
        };
        let logins = entry.required("the logins that may send as it,")?;
        let logins = logins.split([',', ' ', '\t']).filter(|login| !login.is_empty());
        if owners.insert(key, logins.map(str::to_owned).collect()).is_some() {
            return Err(entry.wrong(format!("'{}' is in the table already", entry.key)));
        }
    }
    Ok(owners)
}

fn key(word: &str) -> Option<String> {
    if let Some(domain) = word.strip_prefix('@') {
        return Domain::parse(domain).ok().map(|domain| format!("@{}", folded(&domain)));
    }
    let mailbox = Mailbox::parse(word).ok()?;
    let local_part = mailbox.local_part.unquoted().to_lowercase();
    Some(format!("{local_part}@{}", folded(&mailbox.domain)))
}

fn folded(domain: &Domain<'_>) -> String {
    domain.to_ascii().map_or_else(|| domain.as_str().to_lowercase(), |name| name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Owners, String> {
        let entries = text_table::parse(Path::new("logins"), text);
        entries.and_then(|entries| owners(&entries)).map_err(|failure| failure.to_string())
    }

    #[test]
    fn lines_are_addresses_and_logins() {
        let owners = parse("# x\nKim@Example.org kim, lee\n  max\n@shop.test\tkim\n").unwrap();
        assert_eq!(owners["kim@example.org"], ["kim", "lee", "max"]);
        assert_eq!(owners["@shop.test"], ["kim"]);
        for (text, fault) in [
            ("kim x", "logins:1: expected an address"),
            ("\n kim", "logins:2: expected a key"),
            ("kim@a.test x\nKIM@a.test y", "logins:2: 'KIM@a.test' is in the table already"),
            ("kim@a.test", "logins:1: expected the logins"),
        ] {
            let told = parse(text).expect_err(text);
            assert!(told.starts_with(fault), "{text}: {told}");
        }
    }
}
