//! The exchanges of the RFCs, and what breaks them.

use smtp_proto::Reply;

use super::*;
use crate::hooks::ScramParameters;
use crate::hooks::{AuthRefusal, LookupError};
use crate::info::{Peer, Service, TlsInfo};

const SALT_SHA_1: &str = "QSXCR+Q6sek8bf92";
const SALT_SHA_256: &str = "W22ZaJ0SNY7soEsUEjb6gQ==";

/// An exchange whose part of the nonce is known.
fn exchange(mechanism: &str, bindings: Option<ChannelBindings>, nonce: &str) -> Scram {
    let mut info = SessionInfo::new("mx.test", Service::Submission, Peer::default());
    let mut tls = TlsInfo::new("TLSv1.3", "test", None);
    tls.channel_bindings = bindings.map(Box::new);
    info.tls = Some(tls);
    Scram { nonce: nonce.to_owned(), ..Scram::start(mechanism, &info).expect(mechanism) }
}

fn keys(hash: ScramHash) -> ScramKeys {
    let salt = if hash == ScramHash::Sha1 { SALT_SHA_1 } else { SALT_SHA_256 };
    keys::derive(hash, "pencil", &STANDARD.decode(salt).unwrap(), 4096)
}

fn text(step: SaslStep) -> String {
    match step {
        SaslStep::Challenge(octets) => String::from_utf8(octets).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// The challenge to the client's first message.
fn begin(exchange: &mut Scram, first: &str) -> Option<String> {
    match exchange.step(Some(first.as_bytes())) {
        SaslStep::Ask(CredentialQuery::ScramKeys { hash, .. }) => {
            Some(text(exchange.answer(CredentialAnswer::ScramKeys(keys(hash)))))
        }
        SaslStep::Failed => None,
        other => panic!("{other:?}"),
    }
}

/// Whether the proof was found right.
fn finish(exchange: &mut Scram, last: &str) -> Option<bool> {
    match exchange.step(Some(last.as_bytes())) {
        SaslStep::Ask(CredentialQuery::Proof { is_right, .. }) => Some(is_right),
        SaslStep::Failed => None,
        other => panic!("{other:?}"),
    }
}

/// What a client that knows the password sends last.
fn client_final(hash: ScramHash, first: &str, server_first: &str, channel: &[u8]) -> String {
    let bare = first.splitn(3, ',').nth(2).unwrap();
    let nonce = server_first.strip_prefix("r=").unwrap().split_once(',').unwrap().0;
    let without = format!("c={},r={nonce}", STANDARD.encode(channel));
    let signed = format!("{bare},{server_first},{without}");
    let proof =
        keys::prove(hash, "pencil", &keys(hash).salt, keys(hash).iterations, signed.as_bytes()).0;
    format!("{without},p={}", STANDARD.encode(proof))
}

/// RFC 5802 5 and RFC 7677 3.
// rows: 7677-3-a, 5802-5.1-f, 5802-5-c, 5802-6-c, 5802-5.1-d
#[test]
fn the_exchanges_of_the_rfcs() {
    for (mechanism, first, nonce, challenge, last, signature) in [
        (
            "SCRAM-SHA-1",
            "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            "3rfcNHYJY1ZVvWVs7j",
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ),
        (
            "SCRAM-SHA-256",
            "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ),
    ] {
        let mut exchange = exchange(mechanism, None, nonce);
        assert_eq!(text(exchange.step(None)), "", "the client speaks first");
        assert_eq!(begin(&mut exchange, first).as_deref(), Some(challenge));
        assert_eq!(finish(&mut exchange, last), Some(true));
        let granted = CredentialAnswer::Granted(Identity::new("user"));
        assert_eq!(text(exchange.answer(granted)), signature);
        let SaslStep::Done(identity) = exchange.step(Some(b"")) else { panic!("not done") };
        assert_eq!(identity.authcid, "user");
        assert!(matches!(exchange.step(Some(b"")), SaslStep::Failed), "it is over");
    }
}

// rows: 5802-5.1-d, 5802-5.1-g, 5802-6-c
#[test]
fn what_differs_in_one_place_is_wrong() {
    let first = "n,,n=user,r=abc";
    let right = |server_first: &str| client_final(ScramHash::Sha256, first, server_first, b"n,,");
    for (change, expected) in [
        ((|last| last) as fn(String) -> String, Some(true)),
        (|last| last.replace("c=biws", "c=eSws"), Some(false)),
        (|last| last.replace("r=abc", "r=abd"), Some(false)),
        (|last| last.replace("r=abcSERVER", "r=abc"), Some(false)),
        (|last| last.replace(",p=", ",x=1,p="), Some(false)),
        (|last| format!("{}AAAA", last.trim_end_matches('=')), None),
        (|_| String::new(), None),
        (|last| last[..last.rfind(",p=").unwrap()].to_owned(), None),
        (|last| format!("{},p=", &last[..last.rfind(",p=").unwrap()]), Some(false)),
    ] {
        let mut exchange = exchange("SCRAM-SHA-256", None, "SERVER");
        let server_first = begin(&mut exchange, first).unwrap();
        assert!(server_first.starts_with("r=abcSERVER,s="));
        assert_eq!(finish(&mut exchange, &change(right(&server_first))), expected);
        if expected == Some(false) {
            // Whatever the store says of a wrong proof; nothing but the failure is told.
            let answer = exchange.answer(CredentialAnswer::Granted(Identity::new("user")));
            assert!(matches!(answer, SaslStep::Failed));
        }
    }
}

// rows: 5802-6-a, 5802-6-b, 5802-6-c
#[test]
fn what_the_client_says_of_channel_binding_has_to_fit() {
    let bindings = ChannelBindings {
        exporter: Some([7; 32]),
        server_end_point: Some(b"end point".as_slice().into()),
    };
    let only_exporter = ChannelBindings { server_end_point: None, ..bindings.clone() };
    let (both, one) = (Some(&bindings), Some(&only_exporter));
    for (mechanism, available, flag, channel, expected) in [
        ("SCRAM-SHA-256", None, "n", None, Some(true)),
        ("SCRAM-SHA-256", None, "y", None, Some(true)),
        ("SCRAM-SHA-256", None, "p=tls-exporter", None, None),
        ("SCRAM-SHA-256", both, "n", None, Some(true)),
        // Somebody took -PLUS from what was offered.
        ("SCRAM-SHA-256", both, "y", None, None),
        ("SCRAM-SHA-256", both, "p=tls-exporter", Some(&[7; 32][..]), None),
        ("SCRAM-SHA-256-PLUS", both, "n", None, None),
        ("SCRAM-SHA-256-PLUS", both, "y", None, None),
        ("SCRAM-SHA-256-PLUS", both, "p=tls-exporter", Some(&[7; 32][..]), Some(true)),
        ("SCRAM-SHA-1-PLUS", both, "p=tls-exporter", Some(&[7; 32][..]), Some(true)),
        ("SCRAM-SHA-256-PLUS", both, "p=tls-exporter", Some(&[8; 32][..]), Some(false)),
        ("SCRAM-SHA-256-PLUS", both, "p=tls-exporter", None, Some(false)),
        ("SCRAM-SHA-256-PLUS", both, "p=tls-server-end-point", Some(b"end point"), Some(true)),
        ("SCRAM-SHA-256-PLUS", one, "p=tls-server-end-point", Some(b"end point"), None),
        ("SCRAM-SHA-256-PLUS", both, "p=tls-unique", Some(b"end point"), None),
        ("SCRAM-SHA-256-PLUS", both, "p=", None, None),
    ] {
        let first = format!("{flag},,n=user,r=abc");
        let mut exchange = exchange(mechanism, available.cloned(), "SERVER");
        let hash = exchange.hash();
        let outcome = begin(&mut exchange, &first).and_then(|server_first| {
            let channel = [format!("{flag},,").as_bytes(), channel.unwrap_or(b"")].concat();
            finish(&mut exchange, &client_final(hash, &first, &server_first, &channel))
        });
        assert_eq!(outcome, expected, "{mechanism} {flag}");
    }
}

// rows: 5802-6-d
#[test]
fn mechanisms_with_channel_binding_are_offered_where_there_is_some() {
    let mut info = SessionInfo::new("mx.test", Service::Submission, Peer::default());
    let plain = mechanisms(ScramHash::Sha256, &info);
    assert_eq!(plain, ["SCRAM-SHA-256"]);
    let mut tls = TlsInfo::new("TLSv1.3", "test", None);
    tls.channel_bindings =
        Some(Box::new(ChannelBindings { exporter: Some([7; 32]), server_end_point: None }));
    info.tls = Some(tls);
    assert_eq!(mechanisms(ScramHash::Sha256, &info), ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]);
    assert_eq!(mechanisms(ScramHash::Sha1, &info), ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"]);
    info.tls = None;
    assert!(Scram::start("SCRAM-SHA-256-PLUS", &info).is_none());
    assert!(Scram::start("SCRAM-SHA-512", &info).is_none());
}

/// The name is looked up in its prepared form and signed as it came.
// rows: 5802-5.1-e
#[test]
fn names_are_prepared_for_the_look_up_alone() {
    let first = "n,a=l=2Cee,n=\u{2168}\u{ad},r=abc";
    let mut exchange = exchange("SCRAM-SHA-256", None, "SERVER");
    let SaslStep::Ask(query) = exchange.step(Some(first.as_bytes())) else { panic!("no question") };
    assert_eq!(query.authcid(), "IX");
    let step = exchange.answer(CredentialAnswer::ScramKeys(keys(ScramHash::Sha256)));
    let last = client_final(ScramHash::Sha256, first, &text(step), b"n,a=l=2Cee,");
    let SaslStep::Ask(CredentialQuery::Proof { authcid, authzid, is_right }) =
        exchange.step(Some(last.as_bytes()))
    else {
        panic!("no question");
    };
    assert_eq!((authcid.as_str(), authzid.as_deref(), is_right), ("IX", Some("l,ee"), true));
}

#[test]
fn a_store_that_fails_or_refuses_ends_the_exchange() {
    for (answer, reply) in [
        (CredentialAnswer::Unavailable(LookupError::new("x")), None),
        (CredentialAnswer::Refused(AuthRefusal::TransitionNeeded), Some("432 4.7.12 ")),
    ] {
        let mut exchange = exchange("SCRAM-SHA-256", None, "SERVER");
        assert!(matches!(exchange.step(Some(b"n,,n=user,r=abc")), SaslStep::Ask(_)));
        match (exchange.answer(answer), reply) {
            (SaslStep::Unavailable, None) => {}
            (SaslStep::Refused(refusal), Some(reply)) => {
                let told: Reply = refusal.reply();
                assert!(told.to_string().starts_with(reply), "{told}");
            }
            (other, _) => panic!("{other:?}"),
        }
        assert!(matches!(exchange.step(Some(b"n,,n=user,r=abc")), SaslStep::Failed));
    }
}

#[test]
fn two_exchanges_have_two_nonces() {
    let info = SessionInfo::new("mx.test", Service::Submission, Peer::default());
    let [one, other] = [(), ()].map(|()| Scram::start("SCRAM-SHA-256", &info).unwrap().nonce);
    assert!(one != other && one.len() == 24, "{one} {other}");
}

#[test]
fn keys_survive_being_written() {
    for hash in [ScramHash::Sha256, ScramHash::Sha1] {
        let keys = ScramKeys::derive(hash, "I\u{ad}X", 4096).unwrap();
        assert_eq!(keys, keys::derive(hash, "IX", &keys.salt, 4096));
        let text = keys.to_text(hash);
        assert_eq!(ScramKeys::from_text(&text), Some((hash, keys)), "{text}");
        for wrong in [&text[1..], &text[..text.len() - 4], &text.replace("$4096:", "$0:"), ""] {
            assert_eq!(ScramKeys::from_text(wrong), None, "{wrong}");
        }
    }
}

#[test]
fn an_unknown_name_has_the_same_salt_each_time() {
    let parameters = |secret: u8| ScramParameters {
        hash: ScramHash::Sha1,
        iterations: 5000,
        salt_bytes: 12,
        secret: vec![secret; 4].into(),
    };
    let keys = decoy(&parameters(1), "kim");
    assert_eq!((keys.salt.len(), keys.iterations, keys.stored_key.len()), (12, 5000, 20));
    assert_eq!(decoy(&parameters(1), "kim"), keys);
    assert_ne!(decoy(&parameters(1), "lee").salt, keys.salt);
    assert_ne!(decoy(&parameters(2), "kim").salt, keys.salt);
}
