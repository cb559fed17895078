//! ARC: chains over several hosts, each of which seals with our own code; other implementations are asked elsewhere.

use smtp_server::message_auth::{ArcResult, MessageAuth};

use super::{CONTENT, Kept, Key, LETTER, Letter, checked, field, rsa, runtime, send};
use crate::support::dns::{NameServer, Zone};
use crate::support::setup::Setup;

fn zone(key: &Key) -> Zone {
    Zone::default().text("s1._domainkey.hop.example", &[&key.record])
}

/// The message as a host of hop.example passes it on.
async fn sealed(key: &Key, content: &str) -> String {
    let names = NameServer::start(zone(key)).await;
    let kept = Kept::default();
    let auth = MessageAuth::new(kept.clone(), names.dns());
    let setup = Setup::new(auth.seal_arc("hop.example", key.keys("hop.example", "s1")));
    let reply = send(&setup, Letter { content, ..LETTER }).await;
    assert!(reply.starts_with("250"), "{reply}");
    kept.last().0
}

async fn result(key: &Key, content: &str) -> ArcResult {
    checked(zone(key), Letter { content, ..LETTER }).await.arc
}

// rows: 8617-5.1-a, 8617-5.1.1-a, 8617-4.1.2-a
#[test]
fn each_host_adds_a_set_on_top() {
    runtime().block_on(async {
        let key = rsa();
        let one = sealed(&key, CONTENT).await;
        assert_eq!(result(&key, &one).await, ArcResult::Pass, "{one}");
        let names = [
            "ARC-Seal: i=1;",
            "\r\nARC-Message-Signature: i=1;",
            "\r\nARC-Authentication-Results: i=1; mx.test;",
        ];
        let places = names.map(|name| one.find(name).expect(name));
        assert!(places.is_sorted() && places[0] == 0, "{one}");
        assert!(field(&one, "ARC-Seal").contains(" cv=none;"), "{one}");
        let signed = field(&one, "ARC-Message-Signature").to_lowercase();
        let list = signed.split("h=").nth(1).unwrap().split(';').next().unwrap();
        assert!(list.contains("from"), "{list}");
        assert!(!list.contains("arc-") && !list.contains("authentication-results"), "{list}");
        assert!(one.lines().all(|line| line.len() < 80), "{one}");
        let mut message = one;
        for number in 2..=4 {
            message = sealed(&key, &message).await;
            assert!(message.starts_with(&format!("ARC-Seal: i={number};")), "{message}");
            assert!(field(&message, "ARC-Seal").contains(" cv=pass;"), "{message}");
            assert_eq!(result(&key, &message).await, ArcResult::Pass, "{message}");
        }
    });
}

// rows: 8617-5.2-a, 8617-4.1.3-a
#[test]
fn a_chain_is_complete_or_has_failed() {
    runtime().block_on(async {
        let key = rsa();
        let one = sealed(&key, CONTENT).await;
        let two = sealed(&key, &one).await;
        let at = two.find("ARC-Seal: i=1;").unwrap();
        let (newest, first) = two.split_at(at);
        for (what, content) in [
            ("gap", format!("{}{first}", newest.replace(" i=2;", " i=3;"))),
            ("twice", format!("{newest}{two}")),
            ("only the second", format!("{newest}{CONTENT}")),
            ("without a signature", two.replacen("ARC-Message-Signature:", "X:", 1)),
            ("another state", two.replacen("cv=pass", "cv=none", 1)),
            ("a state of old", two.replace("cv=none", "cv=pass")),
            ("a list in a seal", two.replacen("ARC-Seal: i=2;", "ARC-Seal: i=2; h=from;", 1)),
            ("another body", two.replace("Hello", "Bye")),
            ("another subject", two.replace("Subject: a", "Subject: b")),
            ("other results", two.replacen("i=1; mx.test", "i=1; mx.other", 1)),
            ("beyond 50", two.replace(" i=2;", " i=51;")),
            ("rubbish", format!("ARC-Seal: x\r\n{CONTENT}")),
        ] {
            assert_eq!(result(&key, &content).await, ArcResult::Fail, "{what}: {content}");
        }
        assert_eq!(result(&rsa(), &one).await, ArcResult::Fail);
        let lost = zone(&key).failing("s1._domainkey.hop.example");
        let results = checked(lost, Letter { content: &one, ..LETTER }).await;
        assert_eq!(results.arc, ArcResult::Fail);
        assert_eq!(result(&key, CONTENT).await, ArcResult::None);
    });
}

// rows: 8617-5.1.2-a, 8617-5.1-a
#[test]
fn a_broken_chain_is_sealed_as_such_and_then_left_alone() {
    runtime().block_on(async {
        let key = rsa();
        let broken = sealed(&key, CONTENT).await.replace("Hello", "Bye");
        let failed = sealed(&key, &broken).await;
        assert!(failed.starts_with("ARC-Seal: i=2;"), "{failed}");
        assert!(field(&failed, "ARC-Seal").contains(" cv=fail;"), "{failed}");
        // Over the new set alone: without the old one the seal is as good.
        let set = &failed[..failed.find("\r\nAuthentication-Results:").unwrap() + 2];
        assert!(super::dkim::seal_holds(&key, set), "{set}");
        let again = sealed(&key, &failed).await;
        assert!(again.starts_with("Authentication-Results:"), "{again}");
        assert_eq!(result(&key, &failed).await, ArcResult::Fail);
    });
}
