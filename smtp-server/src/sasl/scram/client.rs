//! The client's side of SCRAM, for whoever authenticates to another server.
//!
//! * **In**: a name, a password, the server's messages. **Out**: the client's messages, and whether the server knows the
//!   password, too.
//! * **Promises**: a server that did not prove that is not believed; the password does not print.
//! * **Limits**: [`ITERATIONS_MAX`], so that a server cannot keep us busy. **Panics**: never.
//! * **Spec**: RFC 5802 3, 5, 6 and 9 with erratum 2652; RFC 7677; RFC 9266.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::keys::{are_equal, prove, random};
use crate::hooks::ScramHash;
use crate::sasl::prepare::prepared;

/// The most iterations that a server may ask for: some tens of milliseconds of work.
const ITERATIONS_MAX: u32 = 100_000;

/// The least octets of salt.
const SALT_BYTES_MIN: usize = 2;

/// Octets of the client's part of the nonce.
const NONCE_BYTES: usize = 18;

/// What a client says of the TLS connection around the exchange.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ScramBinding {
    /// There is nothing that the exchange could be bound to.
    Unsupported,
    /// There is, and the server does not offer the mechanism with `-PLUS`.
    NotOffered,
    /// The exchange is bound to these octets of `tls-exporter` (RFC 9266): the mechanism with `-PLUS`.
    Exporter([u8; 32]),
}

/// One exchange.
///
/// ```
/// use smtp_server::ScramHash;
/// use smtp_server::sasl::{ScramBinding, ScramClient};
///
/// let binding = ScramBinding::Unsupported;
/// let mut client = ScramClient::new(ScramHash::Sha256, "kim", "secret", binding).unwrap();
/// assert!(client.first().starts_with(b"n,,n=kim,r="));
/// // A server that does not continue our nonce learns nothing.
/// assert_eq!(client.last(b"r=other,s=c2FsdA==,i=4096"), None);
/// assert!(!client.is_proven_by(b"v=AAAA"));
/// ```
pub struct ScramClient {
    hash: ScramHash,
    password: Zeroizing<String>,
    binding: ScramBinding,
    nonce: String,
    /// The first message without its header.
    bare: String,
    /// What the server has to show.
    signature: Option<Vec<u8>>,
}

impl ScramClient {
    /// Begins an exchange; `None` if name or password cannot be prepared (RFC 4013), or the system gives no random
    /// numbers.
    #[must_use]
    pub fn new(hash: ScramHash, name: &str, password: &str, binding: ScramBinding) -> Option<Self> {
        let nonce = STANDARD.encode(random::<NONCE_BYTES>()?);
        Self::with_nonce(hash, name, password, binding, nonce)
    }

    fn with_nonce(
        hash: ScramHash,
        name: &str,
        password: &str,
        binding: ScramBinding,
        nonce: String,
    ) -> Option<Self> {
        let name = prepared(name)?.replace('=', "=3D").replace(',', "=2C");
        let bare = format!("n={name},r={nonce}");
        Some(Self { hash, password: prepared(password)?, binding, nonce, bare, signature: None })
    }

    /// The first message.
    #[must_use]
    pub fn first(&self) -> Vec<u8> {
        format!("{}{}", self.header(), self.bare).into_bytes()
    }

    /// The last message; `None` if the server's is malformed, does not continue the nonce, or asks for too little salt or
    /// too many iterations.
    #[must_use]
    pub fn last(&mut self, server_first: &[u8]) -> Option<Vec<u8>> {
        let server_first = std::str::from_utf8(server_first).ok()?;
        let mut attributes = server_first.split(',');
        let nonce = attributes.next()?.strip_prefix("r=")?;
        let salt = STANDARD.decode(attributes.next()?.strip_prefix("s=")?).ok()?;
        let iterations = attributes.next()?.strip_prefix("i=")?.parse::<u32>().ok()?;
        let is_continued = nonce.len() > self.nonce.len() && nonce.starts_with(&self.nonce);
        let is_in_bounds =
            salt.len() >= SALT_BYTES_MIN && (1..=ITERATIONS_MAX).contains(&iterations);
        if !is_continued || !is_in_bounds {
            return None;
        }
        let without_proof = format!("c={},r={nonce}", STANDARD.encode(self.channel()));
        let signed = format!("{},{server_first},{without_proof}", self.bare);
        let (proof, signature) =
            prove(self.hash, &self.password, &salt, iterations, signed.as_bytes());
        self.signature = Some(signature);
        Some(format!("{without_proof},p={}", STANDARD.encode(proof)).into_bytes())
    }

    /// Whether the server's last message proves that it knows the password. Nobody else is to be believed.
    #[must_use]
    pub fn is_proven_by(&self, server_final: &[u8]) -> bool {
        let signature = || {
            let text = std::str::from_utf8(server_final).ok()?;
            STANDARD.decode(text.strip_prefix("v=")?.split(',').next()?).ok()
        };
        match (&self.signature, signature()) {
            (Some(expected), Some(found)) => are_equal(expected, &found),
            _ => false,
        }
    }

    fn header(&self) -> &'static str {
        match self.binding {
            ScramBinding::Unsupported => "n,,",
            ScramBinding::NotOffered => "y,,",
            ScramBinding::Exporter(_) => "p=tls-exporter,,",
        }
    }

    fn channel(&self) -> Vec<u8> {
        let octets = match &self.binding {
            ScramBinding::Exporter(octets) => octets.as_slice(),
            ScramBinding::Unsupported | ScramBinding::NotOffered => &[],
        };
        [self.header().as_bytes(), octets].concat()
    }
}

impl fmt::Debug for ScramClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScramClient")
    }
}

impl fmt::Debug for ScramBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScramBinding")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677 3.
    fn client() -> ScramClient {
        let (hash, nonce) = (ScramHash::Sha256, "rOprNGfwEbeRWgbNEkqO".to_owned());
        ScramClient::with_nonce(hash, "user", "pencil", ScramBinding::Unsupported, nonce).unwrap()
    }

    const SERVER_FIRST: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    // rows: 5802-5-b
    #[test]
    fn the_example_of_rfc_7677_is_followed() {
        let mut client = client();
        assert_eq!(client.first(), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        assert_eq!(
            client.last(SERVER_FIRST.as_bytes()).unwrap(),
            b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        );
        assert!(client.is_proven_by(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
        assert!(!client.is_proven_by(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5="));
        assert!(!client.is_proven_by(b"e=other-error"));
        assert!(!client.is_proven_by(b""));
    }

    // rows: 5802-9-a
    #[test]
    fn weak_and_costly_parameters_are_refused() {
        for (server_first, is_followed) in [
            (SERVER_FIRST.to_owned(), true),
            (SERVER_FIRST.replace("W22ZaJ0SNY7soEsUEjb6gQ==", "YQ=="), false),
            (SERVER_FIRST.replace("W22ZaJ0SNY7soEsUEjb6gQ==", "YWI="), true),
            (SERVER_FIRST.replace("W22ZaJ0SNY7soEsUEjb6gQ==", ""), false),
            (SERVER_FIRST.replace("4096", "100001"), false),
            (SERVER_FIRST.replace("4096", "99999999999"), false),
            (SERVER_FIRST.replace("4096", "0"), false),
            (SERVER_FIRST.replace("r=rO", "r=xx"), false),
            ("r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096".to_owned(), false),
            (format!("m=x,{SERVER_FIRST}"), false),
            (String::new(), false),
        ] {
            assert_eq!(
                client().last(server_first.as_bytes()).is_some(),
                is_followed,
                "{server_first}"
            );
        }
    }

    #[test]
    fn what_is_said_of_the_channel_is_signed() {
        for (binding, header) in [
            (ScramBinding::Unsupported, "n,,"),
            (ScramBinding::NotOffered, "y,,"),
            (ScramBinding::Exporter([7; 32]), "p=tls-exporter,,"),
        ] {
            let mut client = client();
            client.binding = binding;
            assert!(client.first().starts_with(header.as_bytes()));
            let last = String::from_utf8(client.last(SERVER_FIRST.as_bytes()).unwrap()).unwrap();
            let channel = last.strip_prefix("c=").unwrap().split(',').next().unwrap();
            let channel = STANDARD.decode(channel).unwrap();
            let bound = channel.strip_prefix(header.as_bytes()).unwrap();
            assert_eq!(bound.len(), if header.starts_with('p') { 32 } else { 0 });
        }
    }

    #[test]
    fn names_are_prepared_and_escaped() {
        let binding = ScramBinding::Unsupported;
        let client = ScramClient::new(ScramHash::Sha1, "a=b,c", "x", binding).unwrap();
        assert!(client.first().starts_with(b"n,,n=a=3Db=2Cc,r="));
        assert!(ScramClient::new(ScramHash::Sha1, "", "x", binding).is_none());
        assert_eq!(format!("{client:?}"), "ScramClient");
    }
}
