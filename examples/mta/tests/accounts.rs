//! Which file a message becomes, and who is refused.

use std::fs;

use crate::client::Client;
use crate::harness::{Mta, messages_in};

const HOST: [&str; 2] = ["-o", "myhostname=mx.example.org"];

#[track_caller]
fn expect_one(mta: &Mta, domain: &str, directory: &str, text: &str) {
    let messages = mta.messages(domain, directory);
    assert_eq!(messages.len(), 1, "{domain}/{directory}");
    let message = String::from_utf8_lossy(&messages[0]);
    assert!(message.ends_with(&format!("\n\n{text}\n")), "{domain}/{directory}: {message}");
}

#[test]
fn each_recipient_has_its_maildir() {
    let mta = Mta::start(&HOST);
    let mut client = Client::hello(mta.smtp());
    for (to, domain, directory) in [
        ("<kim@localhost>", "localhost", "kim"),
        ("<Lee.Ann_7-x@LOCALHOST.example.ORG>", "localhost.example.org", "lee.ann_7-x"),
        ("<tag+news@mx.example.org>", "mx.example.org", "tag"),
        ("<postmaster>", "mx.example.org", "postmaster"),
        ("<Postmaster@localhost>", "localhost", "postmaster"),
        ("<literal@[127.0.0.1]>", "mx.example.org", "literal"),
        ("<\"a b\"@localhost>", "localhost", "=612062"),
        ("<\"../x\"@localhost>", "localhost", "=2e2e2f78"),
        ("<../y@localhost>", "", ""),
        ("<a/b@localhost>", "localhost", "=612f62"),
    ] {
        let reply = client.deliver(to, to);
        if domain.is_empty() {
            assert!(reply.starts_with("501 "), "{to}: {reply}");
        } else {
            assert!(reply.starts_with("250 2.0.0 "), "{to}: {reply}");
            expect_one(&mta, domain, directory, to);
        }
    }
    let mut entries: Vec<_> = fs::read_dir(mta.data().join("Maildir"))
        .expect("the Maildirs")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    entries.sort();
    assert_eq!(entries, ["localhost", "localhost.example.org", "mx.example.org"]);
}

#[test]
fn a_local_part_in_utf8_has_a_maildir_in_hex() {
    let mta = Mta::start(&HOST);
    let mut client = Client::hello(mta.smtp());
    let mail = client.ask("MAIL FROM:<> SMTPUTF8");
    assert!(mail.starts_with("250 "), "{mail}");
    let rcpt = client.ask("RCPT TO:<дим@localhost>");
    assert!(rcpt.starts_with("250 "), "{rcpt}");
    client.ask("DATA");
    let reply = client.ask("Subject: x\r\n\r\nutf8\r\n.");
    assert!(reply.starts_with("250 "), "{reply}");
    expect_one(&mta, "localhost", "=d0b4d0b8d0bc", "utf8");
}

#[test]
fn other_domains_are_for_those_who_may_relay() {
    const NEXT: [&str; 2] = ["-o", "relayhost=[127.0.0.1]:1"];
    for (args, expected) in
        [(&[][..], "554 5.7.1 "), (&["-o", "mynetworks=127.0.0.0/8"], "250 2.0.0 ")]
    {
        let mta = Mta::start(&[&NEXT, args].concat());
        let mut client = Client::hello(mta.smtp());
        for to in ["<kim@elsewhere.example>", "<kim@[192.0.2.1]>"] {
            let reply = client.deliver(to, "relayed");
            assert!(reply.starts_with(expected), "{args:?} {to}: {reply}");
        }
        mta.settle();
        assert!(!mta.data().join("Maildir").exists(), "nothing is delivered here");
    }
}

#[test]
fn local_recipient_maps_restrict() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("recipients");
    fs::write(&file, "# who\nkim yes\nlee@mx.example.org\n\"a b\"@localhost\n").expect("a file");
    let maps = format!("local_recipient_maps=texthash:{}", file.display());
    for transport in ["local:", "discard:"] {
        let transport = format!("local_transport={transport}");
        let mta = Mta::start(&["-o", HOST[1], "-o", &maps, "-o", &transport]);
        let mut client = Client::hello(mta.smtp());
        for (to, expected) in [
            ("<kim@localhost>", "250 "),
            ("<Kim+x@mx.example.org>", "250 "),
            ("<lee@mx.example.org>", "250 "),
            ("<lee@[127.0.0.1]>", "250 "),
            ("<\"A b\"@localhost>", "250 "),
            ("<postmaster>", "250 "),
            ("<PostMaster@localhost.example.org>", "250 "),
            ("<lee@localhost>", "550 5.1.1 "),
            ("<who@localhost>", "550 5.1.1 "),
        ] {
            let reply = client.deliver(to, "restricted");
            assert!(reply.starts_with(expected), "{transport} {to}: {reply}");
        }
    }
}

#[test]
fn mail_spool_directory_moves_the_maildirs() {
    let spool = tempfile::tempdir().expect("a directory");
    let parameter = format!("mail_spool_directory={}/deep/er", spool.path().display());
    let mta = Mta::start(&["-o", &parameter]);
    let reply = Client::hello(mta.smtp()).deliver("<kim@localhost>", "elsewhere");
    assert!(reply.starts_with("250 "), "{reply}");
    mta.settle();
    assert_eq!(messages_in(&spool.path().join("deep/er/localhost/kim")).len(), 1);
    assert!(!mta.data().join("Maildir").exists());
}

#[test]
fn discard_keeps_nothing_and_error_refuses() {
    let mta = Mta::start(&["-o", "local_transport=discard:"]);
    let reply = Client::hello(mta.smtp()).deliver("<kim@localhost>", "gone");
    assert!(reply.starts_with("250 2.0.0 "), "{reply}");
    mta.settle();
    assert!(!mta.data().join("Maildir").exists());
    for (value, expected) in [
        ("error:no mail here", "550 5.1.1 no mail here"),
        ("error:5.2.1 closed", "550 5.2.1 closed"),
    ] {
        let mta = Mta::start(&["-o", &format!("local_transport={value}")]);
        let reply = Client::hello(mta.smtp()).deliver("<kim@localhost>", "refused");
        assert_eq!(reply, expected);
    }
}

#[test]
fn lmtp_answers_for_each_recipient() {
    let mta = Mta::start(&["--lmtp", "127.0.0.1:0"]);
    let mut client = Client::connect(mta.lmtp());
    client.ask("LHLO client.example");
    client.ask("MAIL FROM:<>");
    for to in ["<kim@localhost>", "<lee@localhost>"] {
        let reply = client.ask(&format!("RCPT TO:{to}"));
        assert!(reply.starts_with("250 "), "{to}: {reply}");
    }
    client.ask("DATA");
    let first = client.ask("Subject: x\r\n\r\ntwo\r\n.");
    let second = client.reply();
    assert!(first.starts_with("250 ") && second.starts_with("250 "), "{first} {second}");
    expect_one(&mta, "localhost", "kim", "two");
    expect_one(&mta, "localhost", "lee", "two");
}
