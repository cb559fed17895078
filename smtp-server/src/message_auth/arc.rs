//! Chains of seals: verified, and continued.
//!
//! * **In**: a message, the state of its chain, our key. **Out**: an [`ArcResult`]; the three fields of our own set.
//! * **Promises**: nothing is put upon a chain that is said to have failed. One that we find broken is sealed as such,
//!   over our own set alone.
//! * **Limits**: 50 sets. **Panics**: never. **Spec**: RFC 8617 4.1, 5.1, 5.2.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_auth::arc::ChainValidation;
use mail_auth::common::crypto::{Algorithm, SigningKey as _};
use mail_auth::common::headers::{Writable, Writer};
use mail_auth::common::verify::VerifySignature as _;
use mail_auth::dkim::Canonicalization;
use mail_auth::{ArcOutput, AuthenticatedMessage, DkimResult};

use super::field::Field;
use super::results::{ArcResult, AuthResults};
use crate::header::HeaderField;
use crate::signing::SealingKey;
use crate::time::UnixMillis;
use crate::verdict::Rejection;

/// The longest chain (RFC 8617 5.2).
const SETS_MAX: usize = 50;

const AAR: &str = "ARC-Authentication-Results";
const AMS: &str = "ARC-Message-Signature";
const AS: &str = "ARC-Seal";

/// What our own signature covers, as often as it is there. Neither fields of ARC nor `Authentication-Results`: others
/// add and remove those (RFC 8617 4.1.2).
const FIELDS: [&str; 13] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "DKIM-Signature",
];

/// The names of the keys of a chain.
pub(super) fn key_names(message: &AuthenticatedMessage<'_>) -> Vec<String> {
    if SETS_MAX < message.as_headers.len() {
        return Vec::new();
    }
    let seals = message.as_headers.iter().map(|seal| seal.header.domain_key());
    let newest = message.ams_headers.last().map(|signature| signature.header.domain_key());
    seals.chain(newest).collect()
}

/// The state of the chain. What the DNS does not answer fails for good (RFC 8617 5.2).
pub(super) fn result(message: &AuthenticatedMessage<'_>, chain: &ArcOutput<'_>) -> ArcResult {
    let uses_sha1 = message.as_headers.iter().any(|seal| seal.header.a == Algorithm::RsaSha1)
        || message.ams_headers.iter().any(|one| one.header.a == Algorithm::RsaSha1);
    let is_arc =
        |name: &String| name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("arc-"));
    let covers_arc = message.ams_headers.last().is_some_and(|one| one.header.h.iter().any(is_arc));
    match chain.result() {
        DkimResult::None if !has_set(message) => ArcResult::None,
        DkimResult::Pass if !uses_sha1 && !covers_arc => ArcResult::Pass,
        _ => ArcResult::Fail,
    }
}

/// Our own set, the seal first; none on top of a chain that failed before or is full.
pub(super) fn seal(
    message: &AuthenticatedMessage<'_>,
    hashes: &[(Canonicalization, Vec<u8>)],
    results: &AuthResults,
    value: &str,
    key: &SealingKey,
    now: UnixMillis,
) -> Result<Vec<HeaderField>, Rejection> {
    let number = highest(message) + 1;
    let is_over = message.as_headers.iter().any(|seal| seal.header.cv == ChainValidation::Fail);
    let hash = hashes.iter().find(|(kind, _)| *kind == Canonicalization::Relaxed);
    let Some((_, hash)) = hash.filter(|_| !is_over && number <= SETS_MAX) else {
        return Ok(Vec::new());
    };
    let set = Set { message, key, number, seconds: now.0 / 1000 };
    let authentication = format!("i={number}; {value}");
    let signature = set.signature(&STANDARD.encode(hash))?;
    let seal = set.seal(results.arc, &authentication, &signature)?;
    Ok(vec![
        HeaderField::trusted(AS, seal),
        HeaderField::trusted(AMS, signature),
        HeaderField::trusted(AAR, authentication),
    ])
}

/// A set that is made.
struct Set<'a> {
    message: &'a AuthenticatedMessage<'a>,
    key: &'a SealingKey,
    number: usize,
    /// When the message arrived.
    seconds: u64,
}

impl Set<'_> {
    /// The value of `ARC-Message-Signature`.
    fn signature(&self, body_hash: &str) -> Result<String, Rejection> {
        let covered = self.message.headers.iter().rev().filter(|(name, _)| {
            FIELDS.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name.trim_ascii_end()))
        });
        let covered = covered.copied().collect::<Vec<_>>();
        let mut field = self.begin();
        field.push("c=relaxed/relaxed;");
        field.push(&format!("t={};", self.seconds));
        let last = covered.len().saturating_sub(1);
        for (index, (name, _)) in covered.iter().enumerate() {
            let name = String::from_utf8_lossy(name.trim_ascii_end()).into_owned();
            let start = if index == 0 { "h=" } else { "" };
            let end = if index == last { ";" } else { ":" };
            field.push(&format!("{start}{name}{end}"));
        }
        field.push(&format!("bh={body_hash};"));
        self.signed(field, |unsigned, writer| {
            let own = (AMS.as_bytes(), unsigned);
            canonical(covered.iter().copied().chain([own]), writer);
        })
    }

    /// The value of `ARC-Seal`.
    fn seal(
        &self,
        state: ArcResult,
        authentication: &str,
        signature: &str,
    ) -> Result<String, Rejection> {
        let mut field = self.begin();
        field.push(&format!("t={};", self.seconds));
        field.push(&format!("cv={state};"));
        let message = self.message;
        // A broken chain cannot be told what it consists of: our own set alone (RFC 8617 5.1.2).
        let earlier = if state == ArcResult::Fail { 0 } else { message.as_headers.len() };
        self.signed(field, |unsigned, writer| {
            let sets = message.aar_headers.iter().zip(&message.ams_headers);
            let sets =
                sets.zip(&message.as_headers).take(earlier).flat_map(|((aar, ams), seal)| {
                    [(aar.name, aar.value), (ams.name, ams.value), (seal.name, seal.value)]
                });
            let own = [
                (AAR.as_bytes(), authentication.as_bytes()),
                (AMS.as_bytes(), signature.as_bytes()),
                (AS.as_bytes(), unsigned),
            ];
            canonical(sets.chain(own), writer);
        })
    }

    fn begin(&self) -> Field {
        let mut field = Field::new(format!("i={};", self.number));
        let algorithm = self.key.key.algorithm().name();
        field.push(&format!("a={algorithm};"));
        field.push(&format!("d={};", self.key.domain));
        field.push(&format!("s={};", self.key.selector));
        field
    }

    /// The value with its signature over what `write` writes for the value with an empty one.
    fn signed(
        &self,
        mut field: Field,
        write: impl FnOnce(&[u8], &mut Vec<u8>),
    ) -> Result<String, Rejection> {
        field.fold();
        field.push("b=");
        let mut octets = Vec::new();
        write(field.as_str().as_bytes(), &mut octets);
        // The last field is signed without its line ending (RFC 6376 3.7).
        octets.truncate(octets.trim_ascii_end().len());
        let signature = self.key.key.sign(Octets(&octets));
        let signature = STANDARD.encode(signature.map_err(|_| Rejection::local_error())?);
        let mut rest = signature.as_str();
        while !rest.is_empty() {
            let (line, behind) = rest.split_at_checked(LINE_BYTES).unwrap_or((rest, ""));
            field.append(line);
            if !behind.is_empty() {
                field.fold();
            }
            rest = behind;
        }
        Ok(field.into_string())
    }
}

/// How much of a signature stands on a line.
const LINE_BYTES: usize = 70;

struct Octets<'a>(&'a [u8]);

impl Writable for Octets<'_> {
    fn write(self, writer: &mut impl Writer) {
        writer.write(self.0);
    }
}

/// Each field in relaxed form with its line ending.
fn canonical<'f>(fields: impl Iterator<Item = (&'f [u8], &'f [u8])>, writer: &mut Vec<u8>) {
    for (name, value) in fields {
        let mut ended = value.to_vec();
        if !ended.ends_with(b"\r\n") {
            ended.extend_from_slice(b"\r\n");
        }
        let field = std::iter::once((name, ended.as_slice()));
        Canonicalization::Relaxed.canonicalize_headers(field, writer);
    }
}

fn has_set(message: &AuthenticatedMessage<'_>) -> bool {
    let counts = [message.as_headers.len(), message.ams_headers.len(), message.aar_headers.len()];
    message.has_arc_errors || counts != [0; 3]
}

/// The highest number of a set that can be read.
fn highest(message: &AuthenticatedMessage<'_>) -> usize {
    let seals = message.as_headers.iter().map(|one| one.header.i);
    let signatures = message.ams_headers.iter().map(|one| one.header.i);
    let results = message.aar_headers.iter().map(|one| one.header.i);
    let highest = seals.chain(signatures).chain(results).max().unwrap_or_default();
    usize::try_from(highest).unwrap_or(usize::MAX - 1)
}
