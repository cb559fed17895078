//! `message_authentication`: what is found out about messages of other hosts.

use std::fs;

use rcgen::{KeyPair, PKCS_ED25519};

use crate::client::Client;
use crate::harness::{Mta, run_as_is};
use crate::name_server;

const RECORDS: &[(&str, &str)] =
    &[("b.test", "v=spf1 ip4:192.0.2.1 -all"), ("_dmarc.b.test", "v=DMARC1; p=reject")];

/// A server that checks, with these options, too.
fn start(wanted: &str, options: &[&str]) -> Mta {
    let names = name_server::start(RECORDS).to_string();
    let wanted = format!("message_authentication={wanted}");
    let own = ["--dns", &names, "-o", "myhostname=mx.test", "-o", &wanted];
    let proxy = ["-o", "smtpd_authorized_xclient_hosts=127.0.0.1"];
    Mta::start(&[&own[..], &proxy, options].concat())
}

/// The last reply, and the message if it was delivered.
fn send(mta: &Mta, client: &str) -> (String, String) {
    let mut session = Client::hello(mta.smtp());
    session.ask(&format!("XCLIENT {client}"));
    session.ask("EHLO client.example");
    let replies = ["MAIL FROM:<a@b.test>", "RCPT TO:<kim@localhost>", "DATA"]
        .map(|command| session.ask(command));
    assert!(replies[2].starts_with("354 "), "{replies:?}");
    let reply = session.ask("From: a@b.test\r\nSubject: x\r\n\r\nx\r\n.");
    let delivered = mta.messages("localhost", "kim").pop().unwrap_or_default();
    (reply, String::from_utf8(delivered).expect("UTF-8"))
}

#[test]
fn results_are_told_and_dmarc_refuses_where_it_shall() {
    let mta = start("add", &[]);
    let (reply, message) = send(&mta, "ADDR=203.0.113.9");
    assert!(reply.starts_with("250 "), "{reply}");
    for part in [
        "Authentication-Results: mx.test;\n\tspf=fail",
        "dmarc=fail",
        "arc=none",
        "Received-SPF: fail",
    ] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    assert!(!message.contains("ARC-Seal"), "{message}");
    let (_, message) = send(&mta, "ADDR=192.0.2.1");
    assert!(message.contains("spf=pass") && message.contains("dmarc=pass"), "{message}");

    let mta = start("reject", &[]);
    let (reply, message) = send(&mta, "ADDR=203.0.113.9");
    assert!(reply.starts_with("550 5.7.1 DMARC") && message.is_empty(), "{reply}");
    let (reply, _) = send(&mta, "ADDR=192.0.2.1");
    assert!(reply.starts_with("250 "), "{reply}");
}

#[test]
fn our_own_are_not_checked() {
    let mta = start("reject", &["-o", "mynetworks=203.0.113.0/24"]);
    for client in ["ADDR=203.0.113.9", "ADDR=198.51.100.9 LOGIN=kim"] {
        let (reply, message) = send(&mta, client);
        assert!(reply.starts_with("250 "), "{client}: {reply}");
        assert!(message.contains("Authentication-Results: mx.test; none\n"), "{message}");
        assert!(!message.contains("Received-SPF"), "{client}: {message}");
    }
    let mta = start("none", &[]);
    let (_, message) = send(&mta, "ADDR=203.0.113.9");
    assert!(!message.is_empty() && !message.contains("Authentication-Results"), "{message}");
}

#[test]
fn what_was_checked_is_sealed_if_there_is_a_key() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("key.pem");
    let key = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
    fs::write(&file, key.serialize_pem()).expect("written");
    let keys = format!("dkim_keys=local.test:2026a:{}", file.display());
    let mta = start("add", &["-o", &keys]);
    let (reply, message) = send(&mta, "ADDR=192.0.2.1");
    assert!(reply.starts_with("250 "), "{reply}");
    for part in ["ARC-Seal: i=1;", "cv=none", "d=local.test", "s=2026a", "ARC-Message-Signature"] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    assert!(!message.contains("DKIM-Signature:"), "a stranger is not signed for: {message}");
}

#[test]
fn the_name_that_dns_confirms_is_in_received() {
    let list = "smtpd_client_restrictions=warn_if_reject reject_unknown_client_hostname";
    let mta = start("none", &["-o", list]);
    let (_, message) = send(&mta, "ADDR=203.0.113.9");
    assert!(message.contains("from client.example (unknown [203.0.113.9])"), "{message}");
    let (_, message) = send(&mta, "ADDR=203.0.113.9 NAME=mail.b.test");
    assert!(message.contains("from client.example (mail.b.test [203.0.113.9])"), "{message}");
    let mta = start("none", &[]);
    let (_, message) = send(&mta, "ADDR=203.0.113.9");
    assert!(message.contains("from client.example ([203.0.113.9])"), "{message}");
}

#[test]
fn another_word_is_64() {
    let output = run_as_is(&["explain", "to=a@b.test", "-o", "message_authentication=yes"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{stderr}");
    assert!(stderr.contains("none, add, reject"), "{stderr}");
}
