//! The keys of DKIM.
//!
//! * **In**: a domain, a selector, a private key in PEM. **Out**: [`DkimKeys`], which can be replaced under a running server.
//! * **Promises**: what cannot be used never takes the place of what can; no private key prints.
//! * **Limits**: none. **Panics**: never. **Spec**: RFC 6376 3.1, 3.6; RFC 8301; RFC 8463.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use mail_auth::common::crypto::{
    Algorithm, DkimKey as PrivateKey, Ed25519Key, RsaKey, Sha256, SigningKey,
};
use mail_auth::common::headers::Writable;
use mail_auth::dkim::{Canonicalization, DkimSigner, Done};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use smtp_proto::Domain;

/// What is signed of a header section, where it is there; where it is not, nobody may add it.
const FIELDS: [&str; 14] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
];
/// Signed only where the client wrote them: the server may add these.
const DATE: &str = "Date";
const MESSAGE_ID: &str = "Message-ID";

/// A private key with the name under which its public key is found: `selector._domainkey.domain`.
pub struct DkimKey {
    domain: String,
    selector: String,
    key: SharedKey,
    /// For messages without Date and Message-ID, with the one, with the other, and with both.
    signers: [Signer; 4],
}

pub(super) type Signer = DkimSigner<SharedKey, Done>;

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DkimKeyError {
    /// The domain is none, or not in ASCII.
    #[error("'{0}' is no domain in ASCII: write U-labels as A-labels (xn--...)")]
    Domain(String),
    /// The selector is not made of labels.
    #[error("'{0}' is no selector: use letters, digits and hyphens, like 2026a")]
    Selector(String),
    /// There is no private key in the text.
    #[error("there is no private key in PEM: a file that begins with -----BEGIN PRIVATE KEY-----")]
    Pem,
    /// The key is neither RSA of 1024 bits or more nor Ed25519.
    #[error("the private key is neither RSA nor Ed25519")]
    Kind,
}

impl DkimKey {
    /// A private key in PEM (PKCS #8, or PKCS #1 for RSA).
    ///
    /// # Errors
    /// [`DkimKeyError`].
    pub fn from_pem(domain: &str, selector: &str, pem: &[u8]) -> Result<Self, DkimKeyError> {
        let name = |text: &str| {
            let name = Domain::parse(text).ok().filter(|one| one.ip().is_none() && one.is_ascii());
            name.and_then(|name| name.to_ascii().map(|ascii| ascii.into_owned()))
        };
        let domain = name(domain).ok_or_else(|| DkimKeyError::Domain(domain.to_owned()))?;
        let selector = name(selector).ok_or_else(|| DkimKeyError::Selector(selector.to_owned()))?;
        let key = SharedKey(Arc::new(private_key(pem)?));
        let signers = [(false, false), (true, false), (false, true), (true, true)]
            .map(|(date, message_id)| signer(key.clone(), &domain, &selector, date, message_id));
        Ok(Self { domain, selector, key, signers })
    }

    /// The signer for a message that has Date and Message-ID, or not.
    pub(super) fn signer(&self, has_date: bool, has_message_id: bool) -> &Signer {
        let [neither, date, message_id, both] = &self.signers;
        match (has_date, has_message_id) {
            (false, false) => neither,
            (true, false) => date,
            (false, true) => message_id,
            (true, true) => both,
        }
    }
}

impl fmt::Debug for DkimKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DkimKey").field("domain", &self.domain).finish_non_exhaustive()
    }
}

/// Keys of any number of domains: a cheap handle, whose clones are one and the same.
#[derive(Clone, Debug, Default)]
pub struct DkimKeys(Arc<RwLock<Arc<Vec<DkimKey>>>>);

impl DkimKeys {
    /// These keys; several of one domain sign each message together, as RSA and Ed25519 do.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = DkimKey>) -> Self {
        let all = Self::default();
        all.replace(keys);
        all
    }

    /// From now on this handle and its clones sign with `keys`; a message in progress keeps what it began with.
    pub fn replace(&self, keys: impl IntoIterator<Item = DkimKey>) {
        let keys = Arc::new(keys.into_iter().collect());
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// The key for seals of `domain`: RSA, which every verifier knows, or else any.
    pub(crate) fn sealing_key(&self, domain: &str) -> Option<SealingKey> {
        let current = self.current();
        let keys = keys_of(&current, domain);
        let is_rsa = |key: &&&DkimKey| key.key.algorithm() == Algorithm::RsaSha256;
        let key = keys.iter().find(is_rsa).or(keys.first())?;
        let (domain, selector) = (key.domain.clone(), key.selector.clone());
        Some(SealingKey { domain, selector, key: key.key.clone() })
    }

    pub(super) fn current(&self) -> Arc<Vec<DkimKey>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The keys of `domain`, or of the nearest parent domain that has any.
pub(super) fn keys_of<'k>(keys: &'k [DkimKey], domain: &str) -> Vec<&'k DkimKey> {
    let of = |name: &str| keys.iter().filter(|key| key.domain == name).collect::<Vec<_>>();
    let mut names = std::iter::successors(Some(domain), |name| Some(name.split_once('.')?.1));
    names.find_map(|name| Some(of(name)).filter(|keys| !keys.is_empty())).unwrap_or_default()
}

/// What a seal is made with.
pub(crate) struct SealingKey {
    pub(crate) domain: String,
    pub(crate) selector: String,
    pub(crate) key: SharedKey,
}

/// One private key for several signers.
#[derive(Clone)]
pub(crate) struct SharedKey(Arc<PrivateKey>);

impl SigningKey for SharedKey {
    type Hasher = Sha256;

    fn sign(&self, input: impl Writable) -> mail_auth::Result<Vec<u8>> {
        self.0.sign(input)
    }

    fn algorithm(&self) -> Algorithm {
        self.0.algorithm()
    }
}

fn private_key(pem: &[u8]) -> Result<PrivateKey, DkimKeyError> {
    let der = PrivateKeyDer::from_pem_slice(pem).map_err(|_| DkimKeyError::Pem)?;
    if let PrivateKeyDer::Pkcs8(pkcs8) = &der
        && let Ok(key) = Ed25519Key::from_pkcs8_maybe_unchecked_der(pkcs8.secret_pkcs8_der())
    {
        return Ok(PrivateKey::Ed25519(key));
    }
    RsaKey::from_key_der(der).map(PrivateKey::Rsa).map_err(|_| DkimKeyError::Kind)
}

fn signer(
    key: SharedKey,
    domain: &str,
    selector: &str,
    has_date: bool,
    has_message_id: bool,
) -> Signer {
    let optional = [(has_date, DATE), (has_message_id, MESSAGE_ID)];
    let optional = optional.into_iter().filter(|(there, _)| *there).map(|(_, name)| name);
    DkimSigner::from_key(key)
        .domain(domain)
        .selector(selector)
        .headers(FIELDS.into_iter().chain(optional))
        .header_canonicalization(Canonicalization::Relaxed)
        .body_canonicalization(Canonicalization::Relaxed)
}
