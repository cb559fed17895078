//! Listeners in the file system.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};

use crate::client::Client;
use crate::harness::{Mta, run};

#[test]
fn lmtp_is_served_on_a_unix_socket() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("lmtp");
    let address = format!("unix:{}", path.display());
    let mta = Mta::start(&["--lmtp", &address, "-o", "myhostname=mx.example.org"]);
    assert_eq!(mta.stdout()[3], format!("listening lmtp {address}"));
    let file = fs::symlink_metadata(&path).expect("a socket");
    assert!(file.file_type().is_socket());
    assert_eq!(file.permissions().mode() & 0o777, 0o666, "who may connect is the directory's say");

    let mut client = Client::connect_to(&path);
    assert!(client.ask("LHLO client.example").starts_with("250-"));
    let reply = client.deliver("<kim@localhost>", "local");
    assert!(reply.starts_with("250 2.0.0 "), "{reply}");
    let messages = mta.messages("localhost", "kim");
    let message = String::from_utf8(messages[0].clone()).expect("text");
    let trace = "\nReceived: from client.example\n\tby mx.example.org with LMTP id ";
    assert!(message.contains(trace), "no address: {message}");
}

#[test]
fn a_socket_that_was_left_behind_is_replaced() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("smtp");
    let args = ["--smtp", &format!("unix:{}", path.display())];
    let mta = Mta::start(&args);
    // It is killed, so nobody cleans up.
    let mta = mta.restart(&args);
    let mut client = Client::connect_to(&path);
    assert!(client.ask("EHLO client.example").starts_with("250-"));
    assert_eq!(mta.terminate().code, Some(0));
}

#[test]
fn what_is_in_use_or_no_socket_is_not_touched() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let used = format!("unix:{}", path("used").display());
    let mta = Mta::start(&["--smtp", &used]);
    fs::write(path("file"), "precious").expect("a file");
    for (name, advice) in [
        ("used", "another program listens there"),
        ("file", "or it is no socket"),
        ("missing/smtp", "does not exist"),
    ] {
        let address = format!("unix:{}", path(name).display());
        let off = ["--submission", "off", "--submissions", "off", "--smtp", &address];
        let output = run(&path("data"), &off);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(69), "{name}: {message}");
        assert!(message.contains(advice) && message.contains("(--smtp)"), "{name}: {message}");
    }
    assert_eq!(fs::read(path("file")).expect("a file"), b"precious");
    let mut client = Client::connect_to(&path("used"));
    assert!(client.ask("EHLO client.example").starts_with("250-"));
    assert_eq!(mta.terminate().code, Some(0));
}

#[test]
fn two_listeners_do_not_share_a_path() {
    let directory = tempfile::tempdir().expect("a directory");
    let address = format!("unix:{}", directory.path().join("both").display());
    let output = run(directory.path(), &["--smtp", &address, "--lmtp", &address]);
    assert_eq!(output.status.code(), Some(78), "{output:?}");
}
