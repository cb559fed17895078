//! What is found out about who sent a message: zones on the loopback, messages over a session.

mod arc;
mod dkim;
mod dmarc;
mod fields;
mod peers;
mod spf;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rcgen::{KeyPair, PKCS_ED25519, PKCS_RSA_SHA256, PublicKeyData as _, RsaKeySize};
use smtp_server::message_auth::{AuthResults, MessageAuth, PendingResults};
use smtp_server::signing::{DkimKey, DkimKeys, Sign};
use smtp_server::{Accepted, Body, Delivered, Delivery, Envelope, SessionInfo};

use crate::contracts::{connected, runtime};
use crate::support::dns::{NameServer, Zone};
use crate::support::setup::Setup;

/// Keeps messages as they are written, and their results.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Taken>>>);

type Taken = (String, Option<AuthResults>);

impl Kept {
    fn last(&self) -> Taken {
        self.0.lock().unwrap().pop().expect("a message was delivered")
    }
}

#[async_trait]
impl Delivery for Kept {
    async fn deliver(&self, envelope: Envelope, body: &mut Body<'_>, _: &SessionInfo) -> Delivered {
        let pending = envelope.extensions.find::<PendingResults>().cloned();
        assert!(pending.as_ref().is_none_or(|pending| pending.find().is_none()));
        let content = body.collect(10_000_000).await?;
        let mut message = body.header_fields().iter().map(ToString::to_string).collect::<String>();
        message.push_str(&String::from_utf8(content).unwrap());
        let results = pending.and_then(|pending| pending.find().cloned());
        self.0.lock().unwrap().push((message, results));
        Ok(Accepted::new().into())
    }
}

/// A message and how it is sent.
#[derive(Clone, Copy)]
struct Letter<'a> {
    ip: &'a str,
    helo: &'a str,
    from: &'a str,
    content: &'a str,
    piece: usize,
}

const CONTENT: &str = "From: Kim <kim@d.example>\r\nTo: sam@local.test\r\nSubject: a\r\n\tb\r\n\
                       Date: Sun, 22 Nov 2026 08:00:00 +0000\r\nMessage-ID: <1@d.example>\r\n\r\n\
                       Hello,\r\n\r\n  world \t\r\n..dots\r\n\r\n\r\n";

const LETTER: Letter<'static> = Letter {
    ip: "192.0.2.1",
    helo: "c.example",
    from: "kim@d.example",
    content: CONTENT,
    piece: 4096,
};

/// The reply to the message, or to the command that was refused before.
async fn send(setup: &Setup, letter: Letter<'_>) -> String {
    let mut setup = setup.clone();
    setup.client = letter.ip.parse().unwrap();
    let (mut client, _serving) = connected(&setup, 4096);
    client.reply().await;
    client.ask(&format!("EHLO {}\r\n", letter.helo)).await;
    let smtputf8 = if letter.from.is_ascii() { "" } else { " SMTPUTF8" };
    let mail = format!("MAIL FROM:<{}>{smtputf8}\r\n", letter.from);
    for command in [&*mail, "RCPT TO:<sam@local.test>\r\n", "DATA\r\n"] {
        let reply = client.ask(command).await;
        if !reply.starts_with(['2', '3']) {
            return reply;
        }
    }
    let stuffed = letter.content.replace("\r\n.", "\r\n..");
    for piece in stuffed.as_bytes().chunks(letter.piece) {
        client.write(piece).await;
    }
    client.ask(".\r\n").await
}

/// A server that checks, and what it delivers.
fn checking(names: &NameServer) -> (Setup, Kept) {
    let kept = Kept::default();
    (Setup::new(MessageAuth::new(kept.clone(), names.dns())), kept)
}

/// What a server with this zone finds out about the message.
async fn checked(zone: Zone, letter: Letter<'_>) -> AuthResults {
    let names = NameServer::start(zone).await;
    let (setup, kept) = checking(&names);
    let reply = send(&setup, letter).await;
    assert!(reply.starts_with("250"), "{reply}");
    kept.last().1.unwrap()
}

/// A key in PEM, and its record.
struct Key {
    pem: String,
    record: String,
}

fn ed25519() -> Key {
    let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let public = base64(key.public_key_raw());
    Key { pem: key.serialize_pem(), record: format!("v=DKIM1; k=ed25519; p={public}") }
}

fn rsa() -> Key {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let public = base64(&key.subject_public_key_info());
    Key { pem: key.serialize_pem(), record: format!("v=DKIM1; k=rsa; p={public}") }
}

impl Key {
    fn keys(&self, domain: &str, selector: &str) -> DkimKeys {
        DkimKeys::new([DkimKey::from_pem(domain, selector, self.pem.as_bytes()).unwrap()])
    }

    /// The message as `domain` signs it.
    async fn signed(&self, domain: &str, selector: &str, content: &str) -> String {
        let kept = Kept::default();
        let mut setup = Setup::new(Sign::new(kept.clone(), self.keys(domain, selector)));
        let ours = smtp_server::relay::Networks::new(["192.0.2.0/24"]).unwrap();
        setup.relay = Arc::new(ours);
        let reply = send(&setup, Letter { content, ..LETTER }).await;
        assert!(reply.starts_with("250"), "{reply}");
        let (message, _) = kept.last();
        let start = message.find("DKIM-Signature:").expect("it is signed");
        message[start..].to_owned()
    }
}

fn base64(octets: &[u8]) -> String {
    smtp_server::proto::InitialResponse::encode(octets).as_str().to_owned()
}

/// The field of this name, unfolded, or an empty text.
fn field(message: &str, name: &str) -> String {
    let header = message.split("\r\n\r\n").next().unwrap().replace("\r\n\t", " ");
    let start = format!("{name}: ");
    let line = header.lines().find(|line| line.starts_with(&start));
    line.map(|line| line[start.len()..].trim_end().to_owned()).unwrap_or_default()
}
