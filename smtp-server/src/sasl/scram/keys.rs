//! The arithmetic of SCRAM, and keys as text.
//!
//! * **In**: passwords, salts, messages. **Out**: keys, signatures, whether a proof is right.
//! * **Promises**: proofs are compared in constant time. The arithmetic is that of the crates `hmac`, `pbkdf2`, `sha1` and
//!   `sha2`. **Limits**: as many iterations as a `u32` holds. **Panics**: never.
//! * **Spec**: RFC 5802 3, RFC 5803 (text), RFC 7677 3.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::super::prepare::prepared;
use crate::hooks::{ScramHash, ScramKeys, ScramParameters};

/// Octets of random salts.
const SALT_BYTES: usize = 16;

impl ScramKeys {
    /// The keys of `password`, which is prepared first, with a new salt; `None` if it cannot be prepared or the system gives
    /// no random numbers. It takes long by design: not for a thread that serves connections.
    #[must_use]
    pub fn derive(hash: ScramHash, password: &str, iterations: u32) -> Option<Self> {
        let salt = random::<SALT_BYTES>()?;
        Some(derive(hash, &prepared(password)?, &salt, iterations))
    }

    /// As text for a file of `hash`, in the format of RFC 5803: `SCRAM-SHA-256$4096:SALT$KEY:KEY`.
    #[must_use]
    pub fn to_text(&self, hash: ScramHash) -> String {
        let [salt, stored_key, server_key] =
            [&self.salt, &self.stored_key, &*self.server_key].map(|key| STANDARD.encode(key));
        format!("{}{}:{salt}${stored_key}:{server_key}", prefix(hash), self.iterations)
    }

    /// The hash and the keys of a text in that format.
    #[must_use]
    pub fn from_text(text: &str) -> Option<(ScramHash, Self)> {
        let hash = [ScramHash::Sha256, ScramHash::Sha1]
            .into_iter()
            .find(|hash| text.starts_with(prefix(*hash)))?;
        let (parameters, keys) = text.strip_prefix(prefix(hash))?.split_once('$')?;
        let (iterations, salt) = parameters.split_once(':')?;
        let (stored_key, server_key) = keys.split_once(':')?;
        let decode = |text: &str| STANDARD.decode(text).ok().filter(|octets| !octets.is_empty());
        let keys = Self {
            salt: decode(salt)?,
            iterations: u32::from_str(iterations).ok().filter(|count| *count > 0)?,
            stored_key: decode(stored_key)?,
            server_key: Zeroizing::new(decode(server_key)?),
        };
        let is_whole = [keys.stored_key.len(), keys.server_key.len()] == [bytes(hash); 2];
        is_whole.then_some((hash, keys))
    }
}

/// Whether these are the keys of `password`, which was prepared before.
#[cfg(feature = "password-hashes")]
pub(in crate::sasl) fn are_of(hash: ScramHash, keys: &ScramKeys, password: &str) -> bool {
    let own = derive(hash, password, &keys.salt, keys.iterations);
    own.stored_key.ct_eq(&keys.stored_key).into()
}

pub(super) fn derive(hash: ScramHash, password: &str, salt: &[u8], iterations: u32) -> ScramKeys {
    let salted = salted(hash, password, salt, iterations);
    let client_key = Zeroizing::new(hmac(hash, &salted, b"Client Key"));
    ScramKeys {
        salt: salt.to_vec(),
        iterations,
        stored_key: digest(hash, &client_key),
        server_key: Zeroizing::new(hmac(hash, &salted, b"Server Key")),
    }
}

/// Keys that nobody can prove to know, always the same for a name.
pub(in crate::sasl) fn decoy(parameters: &ScramParameters, name: &str) -> ScramKeys {
    let of = |what: &str| {
        hmac(ScramHash::Sha256, &parameters.secret, format!("{what} {name}").as_bytes())
    };
    let mut salt = of("salt");
    salt.truncate(parameters.salt_bytes);
    let [mut stored_key, mut server_key] = [of("stored key"), of("server key")];
    stored_key.truncate(bytes(parameters.hash));
    server_key.truncate(bytes(parameters.hash));
    let iterations = parameters.iterations;
    ScramKeys { salt, iterations, stored_key, server_key: Zeroizing::new(server_key) }
}

/// Whether whoever made `proof` of what is signed knows the password.
pub(super) fn proves(hash: ScramHash, keys: &ScramKeys, signed: &[u8], proof: &[u8]) -> bool {
    let signature = hmac(hash, &keys.stored_key, signed);
    let client_key: Zeroizing<Vec<u8>> =
        Zeroizing::new(signature.iter().zip(proof).map(|(one, other)| one ^ other).collect());
    let is_right = digest(hash, &client_key).ct_eq(&keys.stored_key);
    bool::from(is_right) && proof.len() == bytes(hash)
}

/// The server's.
pub(super) fn signature(hash: ScramHash, keys: &ScramKeys, signed: &[u8]) -> Vec<u8> {
    hmac(hash, &keys.server_key, signed)
}

/// `None` if the system gives no random numbers.
pub(in crate::sasl) fn random<const N: usize>() -> Option<[u8; N]> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets).ok()?;
    Some(octets)
}

fn salted(hash: ScramHash, password: &str, salt: &[u8], iterations: u32) -> Zeroizing<Vec<u8>> {
    let mut salted = Zeroizing::new(vec![0; bytes(hash)]);
    let password = password.as_bytes();
    match hash {
        ScramHash::Sha256 => {
            pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut salted);
        }
        ScramHash::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, iterations, &mut salted),
    }
    salted
}

fn prefix(hash: ScramHash) -> &'static str {
    match hash {
        ScramHash::Sha256 => "SCRAM-SHA-256$",
        ScramHash::Sha1 => "SCRAM-SHA-1$",
    }
}

fn bytes(hash: ScramHash) -> usize {
    match hash {
        ScramHash::Sha256 => 32,
        ScramHash::Sha1 => 20,
    }
}

fn digest(hash: ScramHash, octets: &[u8]) -> Vec<u8> {
    match hash {
        ScramHash::Sha256 => Sha256::digest(octets).to_vec(),
        ScramHash::Sha1 => Sha1::digest(octets).to_vec(),
    }
}

fn hmac(hash: ScramHash, key: &[u8], octets: &[u8]) -> Vec<u8> {
    match hash {
        ScramHash::Sha256 => mac::<Hmac<Sha256>>(key, octets),
        ScramHash::Sha1 => mac::<Hmac<Sha1>>(key, octets),
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn mac<M: Mac + hmac::digest::KeyInit>(key: &[u8], octets: &[u8]) -> Vec<u8> {
    let mac = <M as Mac>::new_from_slice(key).expect("any length is taken");
    mac.chain_update(octets).finalize().into_bytes().to_vec()
}

/// What a client that knows the password sends, and what it has to be answered with.
pub(super) fn prove(
    hash: ScramHash,
    password: &str,
    salt: &[u8],
    iterations: u32,
    signed: &[u8],
) -> (Vec<u8>, Vec<u8>) {
    let salted = salted(hash, password, salt, iterations);
    let client_key = Zeroizing::new(hmac(hash, &salted, b"Client Key"));
    let client_signature = hmac(hash, &digest(hash, &client_key), signed);
    let proof = client_key.iter().zip(&client_signature).map(|(one, other)| one ^ other).collect();
    let server_key = Zeroizing::new(hmac(hash, &salted, b"Server Key"));
    (proof, hmac(hash, &server_key, signed))
}

/// Whether two signatures are the same.
pub(super) fn are_equal(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}
