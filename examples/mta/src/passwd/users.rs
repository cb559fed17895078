//! Checking passwords.
//!
//! * **In**: a name and a password. **Out**: an identity or nothing.
//! * **Promises**: an unknown name costs the same work as a wrong password, so that time does not tell who
//!   exists; the work is done where it blocks no connection.
//! * **Limits**: as many checks at once as there are processors, since each takes 19 MiB; the rest waits.
//! * **Panics**: never. **Spec**: RFC 4616, RFC 9106 4 (parameters are those in the file).

use std::collections::HashMap;
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;

use argon2::password_hash::{PasswordHashString, PasswordVerifier};
use argon2::{Argon2, password_hash};
use async_trait::async_trait;
use smtp_server::{CredentialStore, Identity, LookupError};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use super::format;
use crate::failure::Failure;

/// Users and the hashes of their passwords.
pub(crate) struct Users {
    hashes: HashMap<String, PasswordHashString>,
    /// Checked in place of an unknown user's; a match means nothing.
    decoy: Option<PasswordHashString>,
    checks: Arc<Semaphore>,
}

impl Users {
    /// Reads a password file.
    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let path = path.display();
            Failure::unreadable(format!("cannot read the passwords in {path}: {error}"))
        })?;
        let entries = format::entries(path, &text)?;
        let decoy = entries.first().map(|entry| entry.hash.clone());
        let hashes = entries.into_iter().map(|entry| (entry.user, entry.hash)).collect();
        Ok(Self { hashes, decoy, ..Self::nobody() })
    }

    /// No users: every password is wrong.
    pub(crate) fn nobody() -> Self {
        let checks = available_parallelism().map_or(1, NonZero::get);
        Self { hashes: HashMap::new(), decoy: None, checks: Arc::new(Semaphore::new(checks)) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }
}

#[async_trait]
impl CredentialStore for Users {
    async fn verify(&self, user: &str, password: &str) -> Result<Option<Identity>, LookupError> {
        let known = self.hashes.get(user);
        let Some(hash) = known.or(self.decoy.as_ref()).cloned() else {
            // Nobody exists, which is no secret.
            return Ok(None);
        };
        let password = Zeroizing::new(password.to_owned());
        let permit = self.checks.clone().acquire_owned().await.map_err(failed)?;
        let check = spawn_blocking(move || {
            let _permit = permit;
            Argon2::default().verify_password(password.as_bytes(), &hash.password_hash())
        });
        match check.await.map_err(failed)? {
            Ok(()) => Ok(known.map(|_| Identity::new(user))),
            Err(password_hash::Error::Password) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }
}

fn failed(error: impl ToString) -> LookupError {
    LookupError::new(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::format::tests::HASH;
    use super::*;

    fn users(text: &str) -> Users {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Users::load(file.path()).unwrap()
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_is_right() {
        let users = users(&format!("kim:{HASH}\nlee:{HASH}\n"));
        for (user, password, right) in [
            ("kim", "secret", true),
            ("lee", "secret", true),
            ("kim", "Secret", false),
            ("kim", "", false),
            ("kim", "secret\0", false),
            ("Kim", "secret", false),
            ("unknown", "secret", false),
            ("", "secret", false),
        ] {
            let identity = users.verify(user, password).await.unwrap();
            let expected = right.then(|| user.to_owned());
            assert_eq!(identity.map(|identity| identity.authcid), expected, "{user} {password}");
        }
    }

    #[tokio::test]
    async fn nobody_has_no_password() {
        assert!(Users::nobody().is_empty());
        for users in [Users::nobody(), users("# none\n")] {
            assert!(users.verify("kim", "secret").await.unwrap().is_none());
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let message =
            Users::load(Path::new("/missing/users")).err().map(|failure| failure.to_string());
        assert!(
            message.is_some_and(|text| text.contains("/missing/users") && text.ends_with("(66)"))
        );
    }
}
