//! `dkim_keys`: who is signed for, and with which key.

use std::fs;
use std::path::Path;

use rcgen::{KeyPair, PKCS_ED25519};
use rustix::process::Signal;

use crate::client::Client;
use crate::harness::{Mta, run_as_is};

fn write_key(file: &Path) {
    let key = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
    fs::write(file, key.serialize_pem()).expect("written");
}

/// The message as it was delivered, sent by `login` or by nobody.
fn delivered(mta: &Mta, login: &str, to: &str) -> String {
    let mut client = Client::hello(mta.smtp());
    if !login.is_empty() {
        client.ask(&format!("XCLIENT LOGIN={login}"));
        client.ask("EHLO client.example");
    }
    client.ask("MAIL FROM:<kim@example.org>");
    client.ask(&format!("RCPT TO:<{to}@localhost>"));
    client.ask("DATA");
    let reply = client.ask("From: kim@example.org\r\nSubject: x\r\n\r\nx\r\n.");
    assert!(reply.starts_with("250 "), "{reply}");
    String::from_utf8(mta.messages("localhost", to).remove(0)).expect("UTF-8")
}

#[test]
fn users_are_signed_for_and_a_bad_key_never_replaces_a_good_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("key.pem");
    write_key(&file);
    let keys = format!("dkim_keys=example.org:2026a:{}", file.display());
    let mut mta = Mta::start(&["-o", &keys, "-o", "smtpd_authorized_xclient_hosts=127.0.0.1"]);
    let signed = |message: &str| message.contains("d=example.org;") && message.contains("s=2026a;");
    assert!(!delivered(&mta, "", "a").contains("DKIM-Signature"), "a stranger is not signed for");
    let first = delivered(&mta, "kim", "b");
    assert!(signed(&first), "{first}");

    fs::write(&file, "no key").expect("written");
    mta.signal(Signal::HUP);
    mta.expect_log("the DKIM keys in use stay in use");
    assert!(signed(&delivered(&mta, "kim", "c")));
}

#[test]
fn a_key_that_is_none_is_66() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("key.pem");
    for text in [None, Some("no key")] {
        if let Some(text) = text {
            fs::write(&file, text).expect("written");
        }
        let keys = format!("dkim_keys=example.org:2026a:{}", file.display());
        let output = run_as_is(&["explain", "to=a@b.test", "-o", &keys]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(66), "{stderr}");
        assert!(stderr.contains("key.pem"), "{stderr}");
    }
}
