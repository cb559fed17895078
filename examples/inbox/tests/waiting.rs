//! Waiting for a message, by HTTP and by `inbox wait`, and being told by a webhook.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use crate::harness::{Inbox, PATIENCE, command};

const WELCOME: &str =
    "From: app@example.org\nTo: kim@example.org\nSubject: Welcome\n\nYour code is 123456\n";

#[test]
fn a_wait_ends_with_the_message_that_comes() {
    let inbox = Inbox::start(&[]);
    inbox.send(
        "app@example.org",
        &["lee@example.org"],
        "To: lee@example.org\nSubject: Other\n\nHi\n",
    );
    thread::scope(|scope| {
        let waiting =
            scope.spawn(|| inbox.fetch("/api/v1/wait?query=to:kim%20subject:welcome&timeout=60s"));
        let program = scope.spawn(|| {
            inbox.wait(&["--json", "--timeout", "60s", "to:kim@example.org", "subject:welcome"])
        });
        let id = inbox.send("app@example.org", &["kim@example.org"], WELCOME);
        assert_eq!(waiting.join().unwrap()["ID"], id);
        let output = program.join().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let message: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&message["ID"], &message["Subject"]), (&id.as_str().into(), &"Welcome".into()));
    });
    let output = inbox.wait(&["subject:welcome"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.ends_with(" app@example.org Welcome\n"), "{text}");
}

#[test]
fn a_wait_in_vain_tells_what_there_is() {
    let inbox = Inbox::start(&[]);
    inbox.send("app@example.org", &["kim@example.org"], WELCOME);
    let answer = inbox.ask("GET", "/api/v1/wait?query=subject:goodbye&timeout=50ms", "");
    assert_eq!(answer.status, 408);
    assert_eq!(answer.json()["messages"][0]["Subject"], "Welcome");
    assert_eq!(
        inbox.ask("GET", "/api/v1/wait?query=welcome&since=2999-01-01&timeout=0s", "").status,
        408
    );
    let output = inbox.wait(&["--timeout", "50ms", "subject:goodbye"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("app@example.org Welcome"), "{said}");
    for wrong in ["timeout=soon", "since=never", "query=is:odd"] {
        assert_eq!(inbox.ask("GET", &format!("/api/v1/wait?{wrong}"), "").status, 400, "{wrong}");
    }
    assert_eq!(inbox.wait(&["is:odd"]).status.code(), Some(64));
    let output = inbox.wait(&["form:app@example.org"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.starts_with("inbox: 'form:' is no field; there are from: to: "), "{said}");
    let gone = inbox.http();
    drop(inbox);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_inbox"));
    let output = command.args(["wait", "--http", &gone.to_string(), "x"]).output().unwrap();
    assert_eq!(output.status.code(), Some(69));
}

#[test]
fn a_webhook_is_told_of_each_message() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let inbox = Inbox::start(&["--webhook", &url]);
    let id = inbox.send("app@example.org", &["kim@example.org"], WELCOME);
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    is_told(stream, &id);
}

#[test]
fn a_webhook_over_tls_is_told_if_its_authority_is_believed() {
    let root = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, root).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let authorities = directory.path().join("root.pem");
    std::fs::write(&authorities, authority.pem()).unwrap();

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/hook", listener.local_addr().unwrap().port());
    let mut command = command();
    let inbox = Inbox::spawn(command.args(["--webhook", &url]).env("SSL_CERT_FILE", &authorities));
    let id = inbox.send("app@example.org", &["kim@example.org"], WELCOME);
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let connection = ServerConnection::new(Arc::new(config)).unwrap();
    is_told(StreamOwned::new(connection, stream), &id);
}

/// What comes is a request about the message with this id.
fn is_told(stream: impl Read + Write, id: &str) {
    let mut reader = BufReader::new(stream);
    let mut bytes = 0;
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(length) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            bytes = length.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        lines.push(line);
    }
    assert_eq!(lines[0].trim_end(), "POST /hook HTTP/1.1");
    let mut body = vec![0; bytes];
    reader.read_exact(&mut body).unwrap();
    let message: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&message["ID"], &message["Subject"]), (&id.into(), &"Welcome".into()));
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
}
