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
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::unreadable(format!("cannot read {}: {error}", file.display())))?;
    parse(&text).map_err(|(line, column, expected)| {
        Failure::unreadable(format!("{}:{line}:{column}: expected {expected}", file.display()))
    })
}

/// The table, or the line and column of its first fault and what should stand there.
fn parse(text: &str) -> Result<Owners, (usize, usize, &'static str)> {
    let mut owners = Owners::new();
    let mut last: Option<String> = None;
    for (index, line) in text.lines().enumerate() {
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let (key, logins) = if line.starts_with([' ', '\t']) {
            let key = last.clone().ok_or((index + 1, 1, "an address at the start of the line"))?;
            (key, content)
        } else {
            let (word, rest) = content.split_once([' ', '\t']).unwrap_or((content, ""));
            let key = key(word).ok_or((index + 1, 1, "an address, or @domain"))?;
            if owners.contains_key(&key) {
                return Err((index + 1, 1, "an address that is not in the table yet"));
            }
            if rest.trim().is_empty() {
                return Err((
                    index + 1,
                    line.chars().count() + 1,
                    "the logins that may send as it",
                ));
            }
            (key, rest)
        };
        let logins = logins.split([',', ' ', '\t']).filter(|login| !login.is_empty());
        owners.entry(key.clone()).or_default().extend(logins.map(str::to_owned));
        last = Some(key);
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

    #[test]
    fn lines_are_addresses_and_logins() {
        let owners = parse("# x\nKim@Example.org kim, lee\n  max\n@shop.test\tkim\n").unwrap();
        assert_eq!(owners["kim@example.org"], ["kim", "lee", "max"]);
        assert_eq!(owners["@shop.test"], ["kim"]);
        for (text, line, column) in [
            ("kim x", 1, 1),
            ("\n kim", 2, 1),
            ("kim@a.test x\nkim@a.test y", 2, 1),
            ("kim@a.test", 1, 11),
        ] {
            let fault = parse(text).expect_err(text);
            assert_eq!((fault.0, fault.1), (line, column), "{text}");
        }
    }
}
