//! TLS and logins: what is offered, who is taken, what is told of it.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use smtp_server::testing::{RootCertificate, TestServer};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{MOMENT, PATIENCE};
use crate::support::tcp::Client;

/// Does a handshake as a client that trusts this root alone.
async fn handshake(
    stream: TcpStream,
    root: &RootCertificate,
    name: &str,
) -> std::io::Result<Client> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(root.der().to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    Ok(Client::new(Box::new(stream)))
}

async fn starttls(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    for (line, end) in [("", "220 "), ("EHLO client.test\r\n", "250 "), ("STARTTLS\r\n", "220 ")] {
        exchange(&mut stream, line, end).await;
    }
    stream
}

/// Writes a line and reads up to a reply's last line.
async fn exchange(stream: &mut TcpStream, line: &str, code: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    stream.write_all(line.as_bytes()).await.unwrap();
    let mut reply = String::new();
    while !(reply.ends_with('\n') && reply.lines().any(|line| line.starts_with(code))) {
        reply.push(char::from(stream.read_u8().await.unwrap()));
    }
    reply
}

async fn submit(client: &mut Client) {
    for command in ["MAIL FROM:<ann@example.org>\r\n", "RCPT TO:<kim@example.org>\r\n"] {
        assert!(client.ask(command).await.starts_with("250 "), "{command}");
    }
    assert!(client.ask("DATA\r\n").await.starts_with("354 "));
    assert!(client.ask("Subject: hi\r\n.\r\n").await.starts_with("250 "));
}

fn plain(user: &str, password: &str) -> String {
    format!("AUTH PLAIN {}\r\n", BASE64.encode(format!("\0{user}\0{password}")))
}

#[tokio::test]
async fn tls_is_verified_from_the_first_octet() {
    let server = TestServer::builder().implicit_tls().start().await.unwrap();
    let root = server.root_certificate().unwrap();
    for name in ["localhost", "127.0.0.1", "inbox.test"] {
        let stream = TcpStream::connect(server.addr()).await.unwrap();
        let mut client = handshake(stream, root, name).await.unwrap();
        assert!(client.reply().await.starts_with("220 inbox.test "));
        assert!(client.ask("EHLO client.test\r\n").await.starts_with("250-"));
        submit(&mut client).await;
    }
    let messages = server.inbox().wait_for_count(3, PATIENCE).await.unwrap();
    let names = messages.iter().map(|message| message.session().tls.clone().unwrap().server_name);
    let names = names.collect::<Vec<_>>();
    assert_eq!(names, [Some("localhost".to_owned()), None, Some("inbox.test".to_owned())]);
    assert_eq!(messages[0].content(), b"Subject: hi\r\n", "nothing is completed");
}

#[tokio::test]
async fn tls_is_verified_after_starttls() {
    let server = TestServer::builder().starttls().start().await.unwrap();
    let stream = starttls(server.addr()).await;
    let mut client =
        handshake(stream, server.root_certificate().unwrap(), "localhost").await.unwrap();
    assert!(!client.ask("EHLO client.test\r\n").await.contains("STARTTLS"));
    submit(&mut client).await;
    let message = server.inbox().wait_for(|_| true, PATIENCE).await.unwrap();
    assert_eq!(message.session().tls.as_ref().unwrap().protocol, "TLSv1.3");
}

#[tokio::test]
async fn neither_another_root_nor_another_name_will_do() {
    let server = TestServer::builder().starttls().start().await.unwrap();
    let other = TestServer::builder().starttls().start().await.unwrap();
    let (own, others) = (server.root_certificate().unwrap(), other.root_certificate().unwrap());
    for (root, name) in [(others, "localhost"), (own, "elsewhere.test")] {
        let stream = starttls(server.addr()).await;
        assert!(handshake(stream, root, name).await.is_err(), "{name}");
    }
    server.inbox().expect_none(MOMENT).await.unwrap();
}

#[tokio::test]
async fn without_tls_there_is_no_root_and_no_starttls() {
    let server = TestServer::start().await.unwrap();
    assert!(server.root_certificate().is_none());
    let mut client = Client::direct(server.addr()).await;
    client.reply().await;
    let offers = client.ask("EHLO client.test\r\n").await;
    assert!(!offers.contains("STARTTLS") && !offers.contains("AUTH"), "{offers}");
}

#[tokio::test]
async fn any_login_is_taken() {
    let server = TestServer::builder().any_login().start().await.unwrap();
    let mut client = Client::direct(server.addr()).await;
    client.reply().await;
    assert!(client.ask("EHLO client.test\r\n").await.contains("AUTH PLAIN LOGIN"));
    assert!(client.ask(&plain("kim", "whatever")).await.starts_with("235 "));
    submit(&mut client).await;
    let message = server.inbox().wait_for(|_| true, PATIENCE).await.unwrap();
    assert_eq!(message.session().identity.as_ref().unwrap().authcid, "kim");
    assert_eq!(message.session().mechanism, Some("PLAIN"));
    assert!(server.failed_logins().is_empty());
}

#[tokio::test]
async fn given_logins_are_taken_and_others_recorded() {
    let builder = TestServer::builder().login("kim", "secret").login("ann", "hidden");
    let server = builder.start().await.unwrap();
    let rows = [
        ("kim", "secret", true),
        ("ann", "hidden", true),
        ("kim", "hidden", false),
        ("bob", "guess", false),
    ];
    for (user, password, is_right) in rows {
        let mut client = Client::direct(server.addr()).await;
        client.reply().await;
        client.ask("EHLO client.test\r\n").await;
        let reply = client.ask(&plain(user, password)).await;
        assert_eq!(reply.starts_with("235 "), is_right, "{user} {password}: {reply}");
    }
    let failed = server.failed_logins();
    let failed = failed.iter().map(|one| (one.user.as_str(), one.mechanism.as_str()));
    assert_eq!(failed.collect::<Vec<_>>(), [("kim", "PLAIN"), ("bob", "PLAIN")]);
    assert!(!format!("{:?}", server.failed_logins()).contains("guess"));
}

#[tokio::test]
async fn with_tls_a_login_is_offered_inside_it_alone() {
    let server = TestServer::builder().starttls().login("kim", "secret").start().await.unwrap();
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    exchange(&mut stream, "", "220 ").await;
    assert!(!exchange(&mut stream, "EHLO client.test\r\n", "250 ").await.contains("AUTH"));
    exchange(&mut stream, "STARTTLS\r\n", "220 ").await;
    let root = server.root_certificate().unwrap();
    let mut client = handshake(stream, root, "localhost").await.unwrap();
    assert!(client.ask("EHLO client.test\r\n").await.contains("AUTH PLAIN LOGIN"));
    assert!(client.ask(&plain("kim", "secret")).await.starts_with("235 "));
    submit(&mut client).await;
    let message = server.inbox().wait_for(|_| true, PATIENCE).await.unwrap();
    assert_eq!(message.session().identity.as_ref().unwrap().authcid, "kim");
}
