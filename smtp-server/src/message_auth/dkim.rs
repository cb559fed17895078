//! DKIM signatures and their keys.
//!
//! * **In**: a header section, hashes of the body, the DNS. **Out**: a [`DkimCheck`] for each signature.
//! * **Promises**: no signature is believed that RFC 6376 and 8301 do not allow: without From, over a part of the body,
//!   with SHA-1, with a key below 1024 bits. One that fails hides no other. Nobody is asked who wants reports.
//! * **Limits**: [`SIGNATURES_MAX`], one key for each. **Panics**: never.
//! * **Spec**: RFC 6376 3.5, 3.6, 6; RFC 8301; RFC 8463.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use mail_auth::common::crypto::{Algorithm, HashAlgorithm, HashContext as _, HashImpl, Sha256};
use mail_auth::common::headers::{Header, Writer as _};
use mail_auth::common::parse::TxtRecordParser as _;
use mail_auth::common::verify::{DomainKey, VerifySignature as _};
use mail_auth::dkim::{Canonicalization, DkimError, Signature};
use mail_auth::hickory_resolver::proto::op::ResponseCode;
use mail_auth::{
    AuthenticatedMessage, DkimOutput, DnsError as NoRecord, Error, ResolverCache, Txt,
};

use super::results::{DkimCheck, DkimResult};
use super::{SIGNATURES_MAX, tags};
use crate::content::CanonicalBody;
use crate::dns::{Dns, DnsError};

const KEY_BITS_MIN: usize = 1024;
const REQUIRED_TAGS: [&str; 7] = ["v", "a", "b", "bh", "d", "h", "s"];

/// The hashes of a body that passes, one for each canonical form that some signature wants.
#[derive(Default)]
pub(super) struct BodyHashes(Vec<Hashing>);

struct Hashing {
    kind: Canonicalization,
    body: CanonicalBody,
    hasher: <Sha256 as HashImpl>::Context,
}

impl BodyHashes {
    /// The hashes that the signatures in `header` want, and the relaxed one, which a seal may need.
    pub(super) fn of(header: &[u8]) -> Self {
        let message = parsed(header);
        let is_simple = |entry: &(Canonicalization, _, _, _)| entry.0 == Canonicalization::Simple;
        let simple = message.body_hashes.iter().any(is_simple);
        let kinds = [Some(Canonicalization::Relaxed), simple.then_some(Canonicalization::Simple)];
        let hashing = |kind| Hashing {
            kind,
            body: CanonicalBody::new(kind == Canonicalization::Relaxed),
            hasher: Sha256::hasher(),
        };
        Self(kinds.into_iter().flatten().map(hashing).collect())
    }

    pub(super) fn write(&mut self, chunk: &[u8]) {
        for Hashing { body, hasher, .. } in &mut self.0 {
            body.write(chunk, |piece| hasher.write(piece));
        }
    }

    pub(super) fn finish(self) -> Vec<(Canonicalization, Vec<u8>)> {
        let finish = |Hashing { kind, body, mut hasher }| {
            hasher.write(body.finish());
            (kind, hasher.complete().as_ref().to_vec())
        };
        self.0.into_iter().map(finish).collect()
    }
}

/// The header section as `mail-auth` reads it, but with names of tags in lower case alone, and without white space
/// behind the names of fields (RFC 5322 4.5.3).
fn parsed(header: &[u8]) -> AuthenticatedMessage<'_> {
    let mut message = AuthenticatedMessage::parse(header).unwrap_or_default();
    for (name, _) in &mut message.headers {
        *name = name.trim_ascii_end();
    }
    for header in &mut message.dkim_headers {
        let value = String::from_utf8_lossy(header.value);
        let is_ours = |tag: &&str| {
            let name = tag.split('=').next().unwrap_or_default();
            !name.bytes().any(|octet| octet.is_ascii_uppercase())
        };
        let kept = value.split(';').filter(is_ours).collect::<Vec<_>>().join(";");
        if kept.len() != value.len()
            && let Ok(signature) = Signature::parse(kept.as_bytes())
        {
            let (kind, algorithm) = (signature.cb, HashAlgorithm::from(signature.a));
            message.body_hashes.push((kind, algorithm, signature.l, Vec::new()));
            header.header = signature;
        }
    }
    message
}

/// The message with the hashes of the body that passed, and without the signatures that are out of the question; the
/// latter with why.
pub(super) fn prepare<'m>(
    header: &'m [u8],
    hashes: &[(Canonicalization, Vec<u8>)],
) -> (AuthenticatedMessage<'m>, Vec<DkimCheck>) {
    let mut message = parsed(header);
    for (kind, algorithm, _, hash) in &mut message.body_hashes {
        let known = hashes.iter().find(|(known, _)| known == kind);
        if let (HashAlgorithm::Sha256, Some((_, known))) = (*algorithm, known) {
            hash.clone_from(known);
        }
    }
    let mut refused = Vec::new();
    for error in std::mem::take(&mut message.errors) {
        if is_dkim(error.name) {
            refused.push(unusable(&Signature::default(), error.header.to_string()));
        } else {
            message.errors.push(error);
        }
    }
    for mut header in std::mem::take(&mut message.dkim_headers) {
        match fault(&header) {
            Some(reason) => refused.push(unusable(&header.header, reason.to_owned())),
            None if message.dkim_headers.len() < SIGNATURES_MAX => {
                header.header.r = false;
                header.header.atps = None;
                message.dkim_headers.push(header);
            }
            None => {}
        }
    }
    refused.truncate(SIGNATURES_MAX - message.dkim_headers.len());
    (message, refused)
}

/// What came of a signature.
pub(super) fn check(output: &DkimOutput<'_>) -> DkimCheck {
    let empty = Signature::default();
    let signature = output.signature().unwrap_or(&empty);
    let (result, error) = match output.result() {
        mail_auth::DkimResult::Pass => (DkimResult::Pass, None),
        mail_auth::DkimResult::TempError(error) => (DkimResult::TempError, Some(error)),
        mail_auth::DkimResult::Neutral(error @ Error::Dkim(DkimError::FailedBodyHashMatch))
        | mail_auth::DkimResult::Fail(error @ Error::Crypto(_)) => (DkimResult::Fail, Some(error)),
        mail_auth::DkimResult::Neutral(error)
        | mail_auth::DkimResult::Fail(error)
        | mail_auth::DkimResult::PermError(error) => (DkimResult::PermError, Some(error)),
        mail_auth::DkimResult::None => (DkimResult::PermError, None),
    };
    DkimCheck { result, reason: error.map(ToString::to_string), ..named(signature) }
}

/// The keys under these names, each asked for once, in the form in which `mail-auth` asks a cache.
pub(super) async fn keys(dns: &Dns, names: impl IntoIterator<Item = String>) -> KnownTexts {
    let mut names = names.into_iter().collect::<Vec<_>>();
    names.sort();
    names.dedup();
    let keys = join_all(names.iter().map(|name| key(dns, name))).await;
    KnownTexts(names.into_iter().map(String::into_boxed_str).zip(keys).collect())
}

pub(super) fn key_names(message: &AuthenticatedMessage<'_>) -> Vec<String> {
    message.dkim_headers.iter().map(|header| header.header.domain_key()).collect()
}

/// What was looked up beforehand.
pub(super) struct KnownTexts(pub(super) HashMap<Box<str>, Txt>);

impl ResolverCache<Box<str>, Txt> for KnownTexts {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.0.get(name).cloned()
    }

    fn remove<Q>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    /// What is asked on the way is kept by the resolver.
    fn insert(&self, _: Box<str>, _: Txt, _: Instant) {}
}

/// What `mail-auth` would have said of this failure.
pub(super) fn failed(error: &DnsError) -> Error {
    Error::Dns(match error {
        DnsError::NoSuchName => NoRecord::RecordNotFound(ResponseCode::NXDomain),
        DnsError::NoRecords => NoRecord::RecordNotFound(ResponseCode::NoError),
        error => NoRecord::Resolver(error.to_string()),
    })
}

/// The first text that is a key, or why there is none.
async fn key(dns: &Dns, name: &str) -> Txt {
    match dns.texts(name).await {
        Err(error) => Txt::Error(failed(&error)),
        Ok(texts) => {
            let keys = texts.iter().map(|text| parse_key(text)).collect::<Vec<_>>();
            let first = keys.iter().position(Result::is_ok).unwrap_or_default();
            let no_key = Err(Error::Dns(NoRecord::InvalidRecordType));
            match keys.into_iter().nth(first).unwrap_or(no_key) {
                Ok(key) => Txt::DomainKey(Arc::new(key)),
                Err(error) => Txt::Error(error),
            }
        }
    }
}

/// A key for signatures of mail with SHA-256 (RFC 6376 3.6.1).
fn parse_key(text: &str) -> Result<DomainKey, Error> {
    let invalid = || Error::Dns(NoRecord::InvalidRecordType);
    let tags = tags::parse(text).ok_or_else(invalid)?;
    let version_at = tags.iter().position(|(name, _)| *name == "v");
    if version_at.is_some_and(|at| at != 0) {
        return Err(invalid());
    }
    let allows = |name: &str, wanted: &[&str]| {
        tags::find(&tags, name)
            .is_none_or(|list| list.split(':').any(|item| wanted.contains(&item.trim())))
    };
    if !allows("h", &["sha256"]) || !allows("s", &["email", "*"]) {
        return Err(Error::Dkim(DkimError::UnsupportedAlgorithm));
    }
    let key = DomainKey::parse(text.as_bytes())?;
    if key.p.public_key_bits() < KEY_BITS_MIN {
        return Err(Error::Dkim(DkimError::UnsupportedKeyType));
    }
    Ok(key)
}

/// Why a signature is out of the question, whatever its key says.
fn fault(header: &Header<'_, Signature>) -> Option<&'static str> {
    let value = String::from_utf8_lossy(header.value);
    let Some(tags) = tags::parse(&value) else { return Some("Malformed list of tags") };
    if REQUIRED_TAGS.iter().any(|name| tags::find(&tags, name).is_none()) {
        return Some("Required tag missing");
    }
    if tags::find(&tags, "v") != Some("1") {
        return Some("Unsupported version");
    }
    if header.header.a == Algorithm::RsaSha1 {
        return Some("SHA-1 is not secure");
    }
    if header.header.l != 0 {
        return Some("Only a part of the body is signed");
    }
    let signs_from = header.header.h.iter().any(|name| name.eq_ignore_ascii_case("from"));
    (!signs_from).then_some("From is not signed")
}

fn unusable(signature: &Signature, reason: String) -> DkimCheck {
    DkimCheck { reason: Some(reason), ..named(signature) }
}

fn named(signature: &Signature) -> DkimCheck {
    let mut start = STANDARD.encode(&signature.b);
    start.truncate(8);
    DkimCheck {
        result: DkimResult::PermError,
        domain: signature.d.clone(),
        selector: signature.s.clone(),
        reason: None,
        signature: start,
    }
}

fn is_dkim(name: &[u8]) -> bool {
    name.trim_ascii_end().eq_ignore_ascii_case(b"DKIM-Signature")
}
