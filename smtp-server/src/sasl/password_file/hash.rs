//! One hash of a password.
//!
//! * **In**: its text, or a password. **Out**: whether a password is the one; a new hash as text.
//! * **Promises**: compared in constant time. **Limits**: bcrypt sees the first 72 octets of a password, as everywhere.
//! * **Panics**: never. **Spec**: PHC string format, crypt(5), RFC 5803.

use argon2::password_hash::{
    PasswordHash, PasswordHashString, PasswordHasher, PasswordVerifier, SaltString,
};
use argon2::{Algorithm, Argon2, Params};
use bcrypt::HashParts;
use sha_crypt::Sha512Params;
use subtle::ConstantTimeEq;

use super::PasswordFileError;
use crate::hooks::{ScramHash, ScramKeys};
use crate::sasl::prepare::prepared;
use crate::sasl::scram::{are_of, random};

/// What a new password is stored as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HashKind {
    /// The hardest to guess for whoever steals the file. Such users can log in with PLAIN and LOGIN alone.
    Argon2id,
    /// Keys for SCRAM-SHA-256, with which PLAIN and LOGIN work, too.
    ScramSha256,
}

pub(super) enum Hash {
    Argon2(PasswordHashString),
    Bcrypt(String),
    Sha512Crypt { rounds: Sha512Params, salt: String, hash: String },
    Scram(ScramHash, ScramKeys),
}

impl Hash {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.starts_with("$argon2") {
            let hash = PasswordHash::new(text).ok()?;
            let is_argon2 =
                Algorithm::try_from(hash.algorithm).is_ok() && Params::try_from(&hash).is_ok();
            let is_whole = is_argon2 && hash.salt.is_some() && hash.hash.is_some();
            return is_whole.then(|| Self::Argon2(hash.serialize()));
        }
        if text.starts_with("$2") {
            return text.parse::<HashParts>().is_ok().then(|| Self::Bcrypt(text.to_owned()));
        }
        match text.strip_prefix("$6$") {
            Some(rest) => sha512_crypt(rest),
            None => ScramKeys::from_text(text).map(|(hash, keys)| Self::Scram(hash, keys)),
        }
    }

    /// Whether it is the hash of a password, which was prepared before.
    pub(super) fn is_of(&self, password: &str) -> bool {
        match self {
            Self::Argon2(hash) => Argon2::default()
                .verify_password(password.as_bytes(), &hash.password_hash())
                .is_ok(),
            Self::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Self::Sha512Crypt { rounds, salt, hash } => {
                sha_crypt::sha512_crypt_b64(password.as_bytes(), salt.as_bytes(), rounds)
                    .is_ok_and(|own| own.as_bytes().ct_eq(hash.as_bytes()).into())
            }
            Self::Scram(hash, keys) => are_of(*hash, keys, password),
        }
    }
}

/// A new hash, as it is written into the file.
pub(super) fn made(kind: HashKind, password: &str) -> Result<String, PasswordFileError> {
    /// As long as a good guesser's time is worth, as short as a phone's patience.
    const ITERATIONS: u32 = 100_000;
    let password = prepared(password).ok_or(PasswordFileError::Password)?;
    match kind {
        HashKind::Argon2id => {
            let salt = random::<16>().and_then(|octets| SaltString::encode_b64(&octets).ok());
            let salt = salt.ok_or(PasswordFileError::Hashing)?;
            let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
            hash.map(|hash| hash.to_string()).map_err(|_| PasswordFileError::Hashing)
        }
        HashKind::ScramSha256 => {
            let keys = ScramKeys::derive(ScramHash::Sha256, &password, ITERATIONS);
            let text = keys.map(|keys| keys.to_text(ScramHash::Sha256));
            text.ok_or(PasswordFileError::Hashing)
        }
    }
}

/// `[rounds=N$]salt$hash`
fn sha512_crypt(text: &str) -> Option<Hash> {
    const ROUNDS: usize = 5000;
    const HASH_BYTES: usize = 86;
    let (rounds, text) = match text.strip_prefix("rounds=") {
        Some(text) => {
            let (rounds, text) = text.split_once('$')?;
            (rounds.parse().ok()?, text)
        }
        None => (ROUNDS, text),
    };
    let (salt, hash) = text.split_once('$')?;
    let is_digit = |octet: u8| octet.is_ascii_alphanumeric() || b"./".contains(&octet);
    let is_whole = hash.len() == HASH_BYTES && hash.bytes().all(is_digit) && salt.len() <= 16;
    let rounds = Sha512Params::new(rounds).ok().filter(|_| is_whole)?;
    Some(Hash::Sha512Crypt { rounds, salt: salt.to_owned(), hash: hash.to_owned() })
}
