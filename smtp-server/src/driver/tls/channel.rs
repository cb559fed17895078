//! What binds an authentication to this TLS connection.
//!
//! * **In**: a configuration, a handshake that is done. **Out**: [`ChannelBindings`], where they can be relied upon.
//! * **Promises**: under TLS 1.2 there are none where a session may be resumed without an extended master secret, since two
//!   connections might then have the same. There is no renegotiation, so they hold as long as the connection.
//! * **Limits**: none. **Panics**: never. **Spec**: RFC 5929 4.1, RFC 7677 4, RFC 9266 2 to 4.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{Algorithm, SHA224, SHA256, SHA384, SHA512, digest};
use bytes::Bytes;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ProtocolVersion, ServerConfig, ServerConnection};

use crate::info::ChannelBindings;

/// A configuration for one handshake, after which it is known which certificate was shown.
pub(super) struct Recording {
    pub(super) config: Arc<ServerConfig>,
    recorder: Arc<Recorder>,
}

#[derive(Debug)]
struct Recorder {
    resolver: Arc<dyn ResolvesServerCert>,
    shown: Mutex<Option<Arc<CertifiedKey>>>,
}

impl Recording {
    pub(super) fn new(shared: &ServerConfig) -> Self {
        let resolver = shared.cert_resolver.clone();
        let recorder = Arc::new(Recorder { resolver, shown: Mutex::new(None) });
        let mut config = shared.clone();
        config.cert_resolver = recorder.clone();
        Self { config: Arc::new(config), recorder }
    }

    pub(super) fn bindings(&self, connection: &ServerConnection) -> Option<Box<ChannelBindings>> {
        const LABEL: &[u8] = b"EXPORTER-Channel-Binding";
        let is_unique = connection.protocol_version() == Some(ProtocolVersion::TLSv1_3)
            || self.config.require_ems;
        if !is_unique && self.config.session_storage.can_cache() {
            return None;
        }
        let exporter = is_unique
            .then(|| connection.export_keying_material([0; 32], LABEL, Some(b"")).ok())
            .flatten();
        let shown = self.recorder.shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let server_end_point = shown.and_then(|key| end_point(key.end_entity_cert().ok()?));
        let has_some = exporter.is_some() || server_end_point.is_some();
        has_some.then(|| Box::new(ChannelBindings { exporter, server_end_point }))
    }
}

impl ResolvesServerCert for Recorder {
    fn resolve(&self, client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let chosen = self.resolver.resolve(client_hello);
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&chosen);
        chosen
    }

    fn only_raw_public_keys(&self) -> bool {
        self.resolver.only_raw_public_keys()
    }
}

/// The certificate's digest, by the hash of its signature.
fn end_point(certificate: &[u8]) -> Option<Bytes> {
    let digest = digest(signature_hash(certificate)?, certificate);
    Some(Bytes::copy_from_slice(digest.as_ref()))
}

/// The hash of a certificate's signature, SHA-256 in place of MD5 and SHA-1; `None` where there is none or not one,
/// for which the binding is not defined.
fn signature_hash(certificate: &[u8]) -> Option<&'static Algorithm> {
    /// 1.2.840.113549.1.1, RSA.
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
    /// 1.2.840.10045.4, ECDSA.
    const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04];
    let name = signature_algorithm(certificate)?;
    let (family, rest) = match (name.strip_prefix(RSA), name.strip_prefix(ECDSA)) {
        (Some(rest), _) => ("RSA", rest),
        (_, Some(rest)) => ("ECDSA", rest),
        _ => return None,
    };
    Some(match (family, rest) {
        ("RSA", [4 | 5 | 11]) | ("ECDSA", [1] | [3, 2]) => &SHA256,
        ("RSA", [14]) | ("ECDSA", [3, 1]) => &SHA224,
        ("RSA", [12]) | ("ECDSA", [3, 3]) => &SHA384,
        ("RSA", [13]) | ("ECDSA", [3, 4]) => &SHA512,
        _ => return None,
    })
}

/// The object identifier in `Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, ... }` (RFC 5280 4.1).
fn signature_algorithm(certificate: &[u8]) -> Option<&[u8]> {
    const OBJECT_IDENTIFIER: u8 = 0x06;
    const SEQUENCE: u8 = 0x30;
    let (certificate, _) = value(SEQUENCE, certificate)?;
    let (_, rest) = value(SEQUENCE, certificate)?;
    let (algorithm, _) = value(SEQUENCE, rest)?;
    Some(value(OBJECT_IDENTIFIER, algorithm)?.0)
}

/// The content of a DER value with this tag, and what follows it.
fn value(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(*first) {
        short if short < 0x80 => (short, rest),
        long => {
            let (octets, rest) = rest.split_at_checked(long & 0x7f)?;
            let bytes = octets.len();
            let fits = (1..=4).contains(&bytes);
            let number = octets.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet));
            (fits.then_some(number)?, rest)
        }
    };
    (*found == tag).then(|| rest.split_at_checked(length))?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest thing that looks like a certificate with this signature.
    fn certificate(identifier: &[u8]) -> Vec<u8> {
        let tbs = [&[0x30, 0x82, 0x01, 0x00][..], &[0; 256]].concat();
        let length = u8::try_from(identifier.len()).unwrap();
        let algorithm = [&[0x30, length + 2, 0x06, length], identifier].concat();
        let content = [tbs, algorithm].concat();
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[0x30, 0x82][..], &length, &content].concat()
    }

    // rows: 5929-4.1-a
    #[test]
    fn the_hash_is_that_of_the_signature() {
        let rsa = |last: u8| vec![0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last];
        let ecdsa = |last: u8| vec![0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last];
        for (identifier, expected) in [
            (rsa(4), Some(&SHA256)), // MD5
            (rsa(5), Some(&SHA256)), // SHA-1
            (rsa(14), Some(&SHA224)),
            (rsa(11), Some(&SHA256)),
            (rsa(12), Some(&SHA384)),
            (rsa(13), Some(&SHA512)),
            (rsa(10), None), // PSS: the hash is a parameter
            (ecdsa(1), Some(&SHA224)),
            (ecdsa(2), Some(&SHA256)),
            (ecdsa(3), Some(&SHA384)),
            (ecdsa(4), Some(&SHA512)),
            (vec![0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01], Some(&SHA256)), // SHA-1
            (vec![0x2b, 0x65, 0x70], None),                                  // Ed25519
        ] {
            let certificate = certificate(&identifier);
            assert_eq!(signature_hash(&certificate), expected, "{identifier:?}");
            let digest = expected.map(|hash| digest(hash, &certificate).as_ref().to_vec());
            assert_eq!(end_point(&certificate).map(|octets| octets.to_vec()), digest);
            for length in 0..certificate.len() {
                assert_eq!(signature_hash(&certificate[..length]), None, "cut at {length}");
            }
        }
    }
}
