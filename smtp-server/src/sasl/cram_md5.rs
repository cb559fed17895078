//! CRAM-MD5: a digest of the server's challenge under the password.
//!
//! * **In**: a name and a digest. **Out**: a challenge, a question to the store.
//! * **Promises**: a challenge is never used twice; digests are compared in constant time. **Limits**: the AUTH line's.
//! * **Panics**: never. **Spec**: RFC 2195 2, RFC 4954 4 (no initial response).

use hmac::{Hmac, Mac};
use md5::Md5;

use super::prepare::prepared;
use super::scram::random;
use crate::hooks::{AuthRefusal, CredentialAnswer, CredentialQuery, SaslExchange, SaslStep};

pub(super) struct CramMd5 {
    challenge: Vec<u8>,
    is_sent: bool,
}

impl CramMd5 {
    /// `None` if the system gives no random numbers.
    pub(super) fn new(server_name: &str) -> Option<Self> {
        // Random digits in place of a time of day, too: they are the better promise of being new.
        let [first, second] = [random()?, random()?].map(u64::from_ne_bytes);
        Some(Self::with(format!("<{first}.{second}@{server_name}>")))
    }

    fn with(challenge: String) -> Self {
        Self { challenge: challenge.into_bytes(), is_sent: false }
    }
}

impl SaslExchange for CramMd5 {
    fn step(&mut self, response: Option<&[u8]>) -> SaslStep {
        match response {
            None if !self.is_sent => {
                self.is_sent = true;
                SaslStep::Challenge(self.challenge.clone())
            }
            Some(_) if !self.is_sent => SaslStep::Refused(AuthRefusal::InitialResponse),
            response => {
                let (authcid, digest) = match response.and_then(parse) {
                    Some(parsed) => parsed,
                    None => return SaslStep::Failed,
                };
                let challenge = std::mem::take(&mut self.challenge);
                SaslStep::Ask(CredentialQuery::CramMd5 { authcid, challenge, digest })
            }
        }
    }

    fn answer(&mut self, answer: CredentialAnswer) -> SaslStep {
        answer.into()
    }
}

/// Whether the digest is that of the challenge. Without a password it takes as long and is wrong.
pub(super) fn is_right(password: Option<&str>, challenge: &[u8], digest: &[u8; 16]) -> bool {
    // A key of any length is taken.
    let Ok(mac) = Hmac::<Md5>::new_from_slice(password.unwrap_or_default().as_bytes()) else {
        return false;
    };
    let is_right = mac.chain_update(challenge).verify_slice(digest).is_ok();
    is_right && password.is_some()
}

/// Name, space, 32 hexadecimal digits in lower case.
fn parse(response: &[u8]) -> Option<(String, [u8; 16])> {
    let (name, hex) = std::str::from_utf8(response).ok()?.rsplit_once(' ')?;
    let is_hex = |octet: &u8| matches!(octet, b'0'..=b'9' | b'a'..=b'f');
    if hex.len() != 32 || !hex.as_bytes().iter().all(is_hex) {
        return None;
    }
    let value = u128::from_str_radix(hex, 16).ok()?;
    Some((prepared(name)?.to_string(), value.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHALLENGE: &str = "<1896.697170952@postoffice.reston.mci.net>";

    /// The example of RFC 2195 2.
    // rows: 2195-2-b
    #[test]
    fn the_digest_of_the_rfc_is_right() {
        let response = b"tim b913a602c7eda7a495b4e6e7334d3890";
        let mut exchange = CramMd5::with(CHALLENGE.to_owned());
        assert!(
            matches!(exchange.step(None), SaslStep::Challenge(sent) if sent == CHALLENGE.as_bytes())
        );
        let SaslStep::Ask(CredentialQuery::CramMd5 { authcid, challenge, digest }) =
            exchange.step(Some(response))
        else {
            panic!("no question");
        };
        assert_eq!((authcid.as_str(), challenge.as_slice()), ("tim", CHALLENGE.as_bytes()));
        assert!(is_right(Some("tanstaaftanstaaf"), &challenge, &digest));
        assert!(!is_right(Some("tanstaaftanstaaF"), &challenge, &digest));
        assert!(!is_right(None, &challenge, &digest));
    }

    // rows: 2195-2-b, 2195-2-c
    #[test]
    fn the_name_ends_at_the_last_space() {
        let digest = "b913a602c7eda7a495b4e6e7334d3890";
        for (name, expected) in [("tim", Some("tim")), ("a b  c", Some("a b  c")), ("", None)] {
            let parsed = parse(format!("{name} {digest}").as_bytes());
            assert_eq!(parsed.map(|(name, _)| name).as_deref(), expected);
        }
        let upper = digest.to_uppercase();
        for wrong in [&digest[1..], &format!("{digest}0"), &upper, &format!("+{}", &digest[1..])] {
            assert!(parse(format!("tim {wrong}").as_bytes()).is_none(), "{wrong}");
        }
        assert!(parse(digest.as_bytes()).is_none());
        assert!(parse(&[&b"t\xffm "[..], digest.as_bytes()].concat()).is_none());
    }
}
