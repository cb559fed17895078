//! A file of users and hashes of their passwords.
//!
//! * **In**: the file's text. **Out**: a [`CredentialStore`], or the line that is wrong; the text with another password.
//! * **Promises**: an unknown name costs the work of some known one, always the same; hashing blocks no connection. No
//!   message shows a hash. **Limits**: as many checks at once as there are processors, since argon2 takes 19 MiB for
//!   each; the rest waits. **Panics**: never.
//! * **Spec**: RFC 9106 (argon2), RFC 5803 (keys of SCRAM), crypt(5) (bcrypt, sha512-crypt).

mod format;
mod hash;

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::hint::black_box;
use std::num::NonZero;
use std::str::FromStr;
use std::sync::Arc;
use std::thread::available_parallelism;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use crate::hooks::{CredentialStore, LookupError, ScramHash, ScramKeys, ScramParameters};
use crate::info::Identity;
use format::Entry;
use hash::Hash;
pub use hash::HashKind;

/// Users and the hashes of their passwords, `user:HASH` on each line.
///
/// A hash is argon2 (`$argon2id$`), bcrypt (`$2b$`), sha512-crypt (`$6$`) or keys of SCRAM (`SCRAM-SHA-256$`,
/// `SCRAM-SHA-1$`). There may be several of the same password, with spaces between: the first one is what
/// PLAIN and LOGIN are checked with. SCRAM is offered if everybody has keys for it. Empty lines and those that
/// begin with `#` are passed over.
///
/// ```
/// use smtp_server::sasl::{HashKind, PasswordFile, Passwords};
///
/// let text = PasswordFile::with_password("", "kim", "secret", HashKind::ScramSha256)?;
/// let users: PasswordFile = text.parse()?;
/// let authenticator = Passwords::new(users);
/// # let _ = authenticator;
/// # Ok::<(), smtp_server::sasl::PasswordFileError>(())
/// ```
pub struct PasswordFile {
    users: Vec<Arc<Entry>>,
    /// Places in `users`.
    by_name: HashMap<String, usize>,
    parameters: Vec<ScramParameters>,
    /// Chooses whose hash is checked in place of an unknown user's.
    decoys: RandomState,
    checks: Arc<Semaphore>,
}

/// What is wrong with a password file, or with what is to be written into it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordFileError {
    /// A line, counted from 1, is not `user:HASH`.
    #[error("line {line}: {wrong}")]
    Line {
        /// Which one.
        line: usize,
        /// Why.
        wrong: String,
    },
    /// Not a name that a client could send, or that could be written.
    #[error(
        "'{0}' is not a user name: it is empty, has a colon, or begins or ends with a space or #"
    )]
    User(String),
    /// Not a password that a client could send.
    #[error("the password is empty, or has a character that no client can send")]
    Password,
    /// The system gave no random numbers, or no memory.
    #[error("the password cannot be hashed now")]
    Hashing,
}

impl PasswordFile {
    /// Whether nobody can log in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// The text of a file with the line of `user` replaced, or added at the end. It takes long by design.
    ///
    /// # Errors
    /// [`PasswordFileError`], whose text says what is wrong with the file, the name or the password.
    pub fn with_password(
        text: &str,
        user: &str,
        password: &str,
        kind: HashKind,
    ) -> Result<String, PasswordFileError> {
        let user = format::user(user)?;
        let hash = hash::made(kind, password)?;
        let entries = format::entries(text)?;
        let replaced = entries.iter().find(|entry| entry.user == user).map(|entry| entry.line);
        let new = format!("{user}:{hash}");
        let mut lines: Vec<&str> = text.lines().collect();
        match replaced {
            Some(line) => lines[line] = &new,
            None => lines.push(&new),
        }
        Ok(lines.join("\n") + "\n")
    }

    /// Who is asked about, or somebody in place of an unknown one; `None` if there is nobody.
    fn entry(&self, user: &str) -> Option<(&Arc<Entry>, bool)> {
        let known = self.by_name.get(user).copied();
        // Chosen for everybody, so that it takes as long for a known user.
        let users = u64::try_from(self.users.len()).ok()?;
        let decoy = usize::try_from(self.decoys.hash_one(user).checked_rem(users)?).ok()?;
        let place = known.unwrap_or(decoy);
        Some((self.users.get(place)?, known.is_some()))
    }
}

impl FromStr for PasswordFile {
    type Err = PasswordFileError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::of(format::entries(text)?.into_iter().map(Arc::new).collect()))
    }
}

impl Default for PasswordFile {
    /// Nobody: every password is wrong.
    fn default() -> Self {
        Self::of(Vec::new())
    }
}

impl PasswordFile {
    fn of(users: Vec<Arc<Entry>>) -> Self {
        let names = users.iter().enumerate().map(|(place, entry)| (entry.user.clone(), place));
        let checks = available_parallelism().map_or(1, NonZero::get);
        Self {
            by_name: names.collect(),
            parameters: [ScramHash::Sha256, ScramHash::Sha1]
                .into_iter()
                .filter_map(|hash| parameters(&users, hash))
                .collect(),
            users,
            decoys: RandomState::new(),
            checks: Arc::new(Semaphore::new(checks)),
        }
    }
}

/// What the keys look like, if everybody has some.
fn parameters(users: &[Arc<Entry>], hash: ScramHash) -> Option<ScramParameters> {
    let first = users.first()?.scram_keys(hash)?;
    users.iter().all(|entry| entry.scram_keys(hash).is_some()).then(|| ScramParameters {
        hash,
        iterations: first.iterations,
        salt_bytes: first.salt.len(),
        secret: first.server_key.clone(),
    })
}

impl fmt::Debug for PasswordFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_name.keys()).finish()
    }
}

#[async_trait]
impl CredentialStore for PasswordFile {
    async fn verify(&self, user: &str, password: &str) -> Result<Option<Identity>, LookupError> {
        let Some((entry, is_known)) = self.entry(user) else {
            // Nobody exists, which is no secret.
            return Ok(None);
        };
        let entry = entry.clone();
        let password = Zeroizing::new(password.to_owned());
        let failed = |reason: &str| LookupError::new(reason);
        let permit = self.checks.clone().acquire_owned().await;
        let permit = permit.map_err(|_| failed("checks are closed"))?;
        let check = spawn_blocking(move || {
            let _permit = permit;
            entry.hashes.first().is_some_and(|hash| hash.is_of(&password))
        });
        let is_right = check.await.map_err(|_| failed("the check of a password ended early"))?;
        Ok((is_right && is_known).then(|| Identity::new(user)))
    }

    fn scram_parameters(&self) -> Vec<ScramParameters> {
        self.parameters.clone()
    }

    async fn scram_keys(
        &self,
        user: &str,
        hash: ScramHash,
    ) -> Result<Option<ScramKeys>, LookupError> {
        let Some((entry, is_known)) = self.entry(user) else { return Ok(None) };
        // Copied for an unknown user, too: it is time that can be measured.
        let keys = black_box(entry.scram_keys(hash).cloned());
        Ok(keys.filter(|_| is_known))
    }

    async fn identity(&self, user: &str) -> Result<Option<Identity>, LookupError> {
        Ok(self.by_name.contains_key(user).then(|| Identity::new(user)))
    }
}

impl Entry {
    fn scram_keys(&self, wanted: ScramHash) -> Option<&ScramKeys> {
        self.hashes.iter().find_map(|hash| match hash {
            Hash::Scram(hash, keys) if *hash == wanted => Some(keys),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests;
