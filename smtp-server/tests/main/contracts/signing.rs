//! DKIM signatures on what our own users send; verified by `mail-auth`, which gets the message as it would be stored.

use std::borrow::Borrow;
use std::hash::Hash;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use async_trait::async_trait;
use mail_auth::common::parse::TxtRecordParser as _;
use mail_auth::common::verify::DomainKey;
use mail_auth::hickory_resolver::config::{ResolverConfig, ResolverOpts};
use mail_auth::{
    AuthenticatedMessage, DkimResult, MessageAuthenticator, Parameters, ResolverCache, Txt,
};
use rcgen::{KeyPair, PKCS_ED25519, PKCS_RSA_SHA256, PublicKeyData as _, RsaKeySize};
use smtp_server::relay::{LocalDomains, Networks};
use smtp_server::signing::{DkimKey, DkimKeyError, DkimKeys, HEADER_SECTION_BYTES_MAX, Sign};
use smtp_server::{
    Accepted, Body, Delivered, Delivery, Envelope, RelayPolicyExt as _, Service, SessionInfo,
};

use super::{connected, paused};
use crate::support::setup::Setup;

/// Keeps each message as a queue would send it on: the fields above the content.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl Delivery for Kept {
    async fn deliver(&self, _: Envelope, body: &mut Body<'_>, _: &SessionInfo) -> Delivered {
        let content = body.collect(10_000_000).await?;
        let mut message = body.header_fields().iter().map(ToString::to_string).collect::<String>();
        message.push_str(&String::from_utf8(content).unwrap());
        self.0.lock().unwrap().push(message);
        Ok(Accepted::new().into())
    }
}

/// The public keys, where a verifier looks first.
#[derive(Default)]
struct PublicKeys(Vec<(String, Arc<DomainKey>)>);

impl PublicKeys {
    fn add(&mut self, name: &str, record: &str) {
        let key = Arc::new(DomainKey::parse(record.as_bytes()).unwrap());
        self.0.push((format!("{name}."), key));
    }
}

impl ResolverCache<Box<str>, Txt> for PublicKeys {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let has_name = |known: &str| Borrow::<Q>::borrow(&Box::<str>::from(known)) == name;
        self.0.iter().find(|(known, _)| has_name(known)).map(|(_, key)| Txt::DomainKey(key.clone()))
    }

    fn remove<Q>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: Txt, _: Instant) {}
}

/// The selectors of the signatures that hold; a signature that does not is a failure.
fn valid_selectors(message: &str, keys: &PublicKeys) -> Vec<String> {
    let runtime = super::runtime();
    let _guard = runtime.enter();
    let nobody = ResolverConfig::from_name_servers(Vec::new());
    let verifier = MessageAuthenticator::new(nobody, ResolverOpts::default()).unwrap();
    let message = AuthenticatedMessage::parse(message.as_bytes()).unwrap();
    let parameters = Parameters::new(&message).with_txt_cache(keys);
    let results = runtime.block_on(verifier.verify_dkim(parameters));
    let mut selectors = Vec::new();
    for result in &results {
        assert_eq!(result.result(), &DkimResult::Pass);
        selectors.push(result.signature().unwrap().s.clone());
    }
    selectors
}

/// Keys of two kinds for example.org and one for sub.example.net.
fn keys() -> (DkimKeys, PublicKeys) {
    let rsa = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let ed25519 = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let other = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let private = |domain, selector, key: &KeyPair| {
        DkimKey::from_pem(domain, selector, key.serialize_pem().as_bytes()).unwrap()
    };
    let mut public = PublicKeys::default();
    let rsa_record = base64(&rsa.subject_public_key_info());
    public.add("rsa._domainkey.example.org", &format!("v=DKIM1; k=rsa; p={rsa_record}"));
    for (name, key) in
        [("ed._domainkey.example.org", &ed25519), ("s1._domainkey.sub.example.net", &other)]
    {
        let record = base64(key.public_key_raw());
        public.add(name, &format!("v=DKIM1; k=ed25519; p={record}"));
    }
    let keys = DkimKeys::new([
        private("Example.ORG", "rsa", &rsa),
        private("example.org", "ed", &ed25519),
        private("sub.example.net", "s1", &other),
    ]);
    (keys, public)
}

fn base64(octets: &[u8]) -> String {
    let text = smtp_server::proto::InitialResponse::encode(octets);
    text.as_str().to_owned()
}

fn setup(kept: &Kept, keys: &DkimKeys) -> Setup {
    let mut setup = Setup::new(Sign::new(kept.clone(), keys.clone()));
    let ours = LocalDomains::new(["local.test"]).unwrap();
    setup.relay = Arc::new(ours.or(Networks::new(["127.0.0.0/8"]).unwrap()));
    setup
}

/// The reply to `content`, sent to `to` in pieces of `piece` octets.
fn send(setup: &Setup, to: &str, content: &str, piece: usize) -> String {
    paused(async {
        let (mut client, _serving) = connected(setup, 4096);
        client.reply().await;
        client.ask("EHLO client.test\r\n").await;
        client.ask("MAIL FROM:<a@example.org>\r\n").await;
        client.ask(&format!("RCPT TO:<{to}>\r\n")).await;
        client.ask("DATA\r\n").await;
        for piece in content.as_bytes().chunks(piece) {
            client.write(piece).await;
        }
        client.ask(".\r\n").await
    })
}

const MESSAGE: &str = "From: Kim <kim@example.org>\r\nTo: sam@elsewhere.test\r\nSubject: a\r\n\tb\r\n\
                       Date: Sun, 22 Nov 2026 08:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n\r\n\
                       Hello,\r\n\r\n  world \t\r\n\r\n\r\n";

#[test]
fn every_key_of_the_authors_domain_signs_however_the_message_is_cut() {
    let (keys, public) = keys();
    for piece in [1, 7, 64, MESSAGE.len()] {
        let kept = Kept::default();
        let reply = send(&setup(&kept, &keys), "sam@elsewhere.test", MESSAGE, piece);
        assert!(reply.starts_with("250"), "{reply}");
        let message = kept.0.lock().unwrap().remove(0);
        assert_eq!(valid_selectors(&message, &public), ["rsa", "ed"], "{message}");
        assert!(message.ends_with(MESSAGE), "{message}");
    }
}

#[test]
fn a_sub_domain_uses_the_keys_of_its_nearest_parent() {
    let (keys, public) = keys();
    for (author, selectors) in [
        ("kim@news.example.org", &["rsa", "ed"][..]),
        ("kim@SUB.example.net", &["s1"]),
        ("kim@a.b.sub.example.net", &["s1"]),
        ("kim@example.net", &[]),
        ("kim@notexample.org", &[]),
        ("kim@example.org, sam@news.example.org", &[]),
    ] {
        let kept = Kept::default();
        let content = MESSAGE.replace("Kim <kim@example.org>", author);
        send(&setup(&kept, &keys), "sam@elsewhere.test", &content, 4096);
        let message = kept.0.lock().unwrap().remove(0);
        assert_eq!(valid_selectors(&message, &public), selectors, "{author}");
    }
}

#[test]
fn what_a_stranger_writes_is_not_signed() {
    let (keys, public) = keys();
    let kept = Kept::default();
    send(&setup(&kept, &keys), "kim@local.test", MESSAGE, 4096);
    let message = kept.0.lock().unwrap().remove(0);
    assert_eq!(valid_selectors(&message, &public), <[&str; 0]>::default());
}

#[test]
fn date_and_message_id_that_the_server_adds_break_no_signature() {
    let (keys, public) = keys();
    let kept = Kept::default();
    let mut setup = setup(&kept, &keys);
    setup.service = Service::Submission;
    let content = "From: kim@example.org\r\n\r\nHello\r\n";
    let reply = send(&setup, "sam@elsewhere.test", content, 4096);
    assert!(reply.starts_with("250"), "{reply}");
    let message = kept.0.lock().unwrap().remove(0);
    assert!(message.contains("\r\nDate: ") && message.contains("\r\nMessage-ID: "), "{message}");
    assert_eq!(valid_selectors(&message, &public), ["rsa", "ed"], "{message}");
}

#[test]
fn a_message_without_a_body_or_without_a_header_section_passes() {
    let (keys, public) = keys();
    for (content, signatures) in [
        ("From: kim@example.org\r\n", 2),
        ("From: kim@example.org\r\n\r\n", 2),
        ("\r\nFrom: kim@example.org\r\n", 0),
        ("no field\r\n", 0),
    ] {
        let kept = Kept::default();
        let reply = send(&setup(&kept, &keys), "sam@elsewhere.test", content, 4096);
        assert!(reply.starts_with("250"), "{content:?} {reply}");
        let message = kept.0.lock().unwrap().remove(0);
        assert_eq!(valid_selectors(&message, &public).len(), signatures, "{content:?}");
    }
}

#[test]
fn a_header_section_without_end_is_refused() {
    let (keys, _) = keys();
    let content = format!("X-A: {}\r\n", "x".repeat(90)).repeat(HEADER_SECTION_BYTES_MAX / 90);
    let reply = send(&setup(&Kept::default(), &keys), "sam@elsewhere.test", &content, 4096);
    assert_eq!(reply, "552 5.3.4 Header section too large\r\n");
}

#[test]
fn keys_are_replaced_under_a_running_server() {
    let (keys, public) = keys();
    let kept = Kept::default();
    let setup = setup(&kept, &keys);
    keys.replace([]);
    send(&setup, "sam@elsewhere.test", MESSAGE, 4096);
    let message = kept.0.lock().unwrap().remove(0);
    assert_eq!(valid_selectors(&message, &public), <[&str; 0]>::default());
}

#[test]
fn a_key_that_cannot_be_used_says_why() {
    let pem = KeyPair::generate_for(&PKCS_ED25519).unwrap().serialize_pem();
    let elliptic = KeyPair::generate().unwrap().serialize_pem();
    let error = |domain, selector, pem: &str| {
        DkimKey::from_pem(domain, selector, pem.as_bytes()).unwrap_err()
    };
    assert_eq!(error("a b", "s", &pem), DkimKeyError::Domain("a b".to_owned()));
    assert_eq!(error("[192.0.2.1]", "s", &pem), DkimKeyError::Domain("[192.0.2.1]".to_owned()));
    assert_eq!(error("example.org", "s;", &pem), DkimKeyError::Selector("s;".to_owned()));
    assert_eq!(error("example.org", "s", "hello"), DkimKeyError::Pem);
    assert_eq!(error("example.org", "s", &elliptic), DkimKeyError::Kind);
}
