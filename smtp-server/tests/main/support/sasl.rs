//! The client's side of SASL. The arithmetic of SCRAM is that of aws-lc-rs, which the server does not use for it.

use std::num::NonZero;

use aws_lc_rs::{digest, hmac, pbkdf2};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use smtp_server::sasl::PasswordFile;
use smtp_server::{ScramHash, ScramKeys};

use super::tcp::Client;

/// A file of users with SCRAM keys of few iterations.
pub(crate) fn scram_users(users: &[(&str, &str)]) -> PasswordFile {
    let line = |(user, password): &(&str, &str)| {
        let keys = ScramKeys::derive(ScramHash::Sha256, password, 4096).unwrap();
        format!("{user}:{}\n", keys.to_text(ScramHash::Sha256))
    };
    users.iter().map(line).collect::<String>().parse().unwrap()
}

/// A command or a response with its argument in base64.
pub(crate) fn line(words: &str, octets: impl AsRef<[u8]>) -> String {
    format!("{words}{}\r\n", STANDARD.encode(octets))
}

/// What a 334 holds.
#[track_caller]
pub(crate) fn challenge(reply: &str) -> String {
    let text = reply.strip_prefix("334 ").and_then(|rest| rest.strip_suffix("\r\n"));
    let octets = STANDARD.decode(text.unwrap_or_else(|| panic!("{reply}"))).unwrap();
    String::from_utf8(octets).unwrap()
}

/// A client of SCRAM-SHA-256.
pub(crate) struct Scram<'a> {
    pub(crate) user: &'a str,
    pub(crate) password: &'a str,
    /// `n`, `y` or `p=...`.
    pub(crate) flag: &'a str,
    /// The octets of the channel binding.
    pub(crate) channel: &'a [u8],
}

impl Scram<'_> {
    /// The last reply of an exchange; 235 comes only if the server proved itself, too.
    pub(crate) async fn run(&self, client: &mut Client, mechanism: &str) -> String {
        let bare = format!("n={},r=clientnonce", self.user);
        let first = format!("{},,{bare}", self.flag);
        let reply = client.ask(&line(&format!("AUTH {mechanism} "), &first)).await;
        if !reply.starts_with("334 ") {
            return reply;
        }
        let server_first = challenge(&reply);
        let nonce = part(&server_first, "r=");
        let salt = STANDARD.decode(part(&server_first, "s=")).unwrap();
        let iterations = part(&server_first, "i=").parse::<u32>().unwrap();
        assert!(nonce.starts_with("clientnonce") && iterations >= 4096);
        let mut salted = [0; 32];
        let count = NonZero::new(iterations).unwrap();
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            count,
            &salt,
            self.password.as_bytes(),
            &mut salted,
        );
        let client_key = mac(&salted, b"Client Key");
        let stored_key = digest::digest(&digest::SHA256, &client_key);
        let channel = [format!("{},,", self.flag).as_bytes(), self.channel].concat();
        let without = format!("c={},r={nonce}", STANDARD.encode(channel));
        let signed = format!("{bare},{server_first},{without}");
        let signature = mac(stored_key.as_ref(), signed.as_bytes());
        let proof =
            client_key.iter().zip(&signature).map(|(one, other)| one ^ other).collect::<Vec<_>>();
        let reply = client.ask(&line("", format!("{without},p={}", STANDARD.encode(proof)))).await;
        if !reply.starts_with("334 ") {
            return reply;
        }
        let server = mac(&mac(&salted, b"Server Key"), signed.as_bytes());
        assert_eq!(challenge(&reply), format!("v={}", STANDARD.encode(server)));
        client.ask("\r\n").await
    }
}

fn part<'a>(message: &'a str, name: &str) -> &'a str {
    message.split(',').find_map(|part| part.strip_prefix(name)).unwrap()
}

fn mac(key: &[u8], octets: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), octets).as_ref().to_vec()
}
