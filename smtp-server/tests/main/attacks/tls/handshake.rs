//! Rows B8 to B11: what a hostile client may try in the handshake itself.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, ServerConfig, SupportedProtocolVersion,
};
use smtp_server::sasl::Passwords;
use smtp_server::{ServiceConfig, TlsConfig};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::attacks::runtime;
use crate::support::client_hello::{Answer, ClientHello};
use crate::support::hooks::OneUser;
use crate::support::setup::Setup;
use crate::support::tcp::Running;
use crate::support::tls::{self, Pair};

const ILLEGAL_PARAMETER: u8 = 47;
const DECODE_ERROR: u8 = 50;
const PROTOCOL_VERSION: u8 = 70;

/// A server where TLS comes first.
async fn submissions(services: usize) -> (Setup, Running) {
    let (mut setup, _) = Setup::accepting();
    setup.tls = true;
    let store = OneUser { user: "kim".to_owned(), password: "secret".to_owned() };
    setup.authenticator = Some(Arc::new(Passwords::new(store)));
    let services = (0..services).map(|_| ServiceConfig::submissions());
    let running = Running::with_each(setup.server(), services).await;
    (setup, running)
}

// rows: 9325-3.1.1-a
#[test]
fn b08_old_versions_and_compression_are_refused() {
    runtime().block_on(async {
        let (setup, running) = submissions(1).await;
        // SSL 3.0, TLS 1.0, TLS 1.1.
        for version in [0x0300, 0x0301, 0x0302] {
            let hello = ClientHello { version, ..ClientHello::default() };
            let answer = hello.answer(running.address).await;
            assert_eq!(answer, Answer::Alert(PROTOCOL_VERSION), "{version:x}");
        }
        let answer = ClientHello::default().answer(running.address).await;
        let plain = Answer::Hello { version: 0x0303, compression_method: 0 };
        assert_eq!(answer, plain, "TLS 1.2 is spoken");
        // Compression is never chosen, and never agreed to when there is nothing else.
        for (compression_methods, expected) in
            [(vec![1, 0], plain), (vec![1], Answer::Alert(ILLEGAL_PARAMETER))]
        {
            let hello = ClientHello { compression_methods, ..ClientHello::default() };
            assert_eq!(hello.answer(running.address).await, expected);
        }
        running.stop().await;
        assert_eq!(setup.events.starting_with("TlsFailed").len(), 6);
    });
}

#[test]
fn b09_alpn_without_smtp_is_refused() {
    runtime().block_on(async {
        let (_, running) = submissions(1).await;
        let expected: [(&[&[u8]], bool); 6] = [
            (&[b"http/1.1"], false),
            (&[b"h2", b"http/1.1"], false),
            (&[b"SMTP"], false),
            (&[b"http/1.1", b"smtp"], true),
            (&[b"smtp"], true),
            (&[], true),
        ];
        for (alpn, accepted) in expected {
            let stream = TcpStream::connect(running.address).await.unwrap();
            match tls::connect(stream, alpn).await {
                Ok(mut stream) => {
                    let mut greeting = [0; 3];
                    stream.read_exact(&mut greeting).await.unwrap();
                    let chosen = stream.get_ref().1.alpn_protocol();
                    assert_eq!(chosen, (!alpn.is_empty()).then_some(&b"smtp"[..]), "{alpn:?}");
                    assert!(accepted, "{alpn:?}");
                }
                Err(error) => {
                    let is_alert = error.to_string().contains("NoApplicationProtocol");
                    assert!(is_alert && !accepted, "{alpn:?}: {error}");
                }
            }
        }
        running.stop().await;
    });
}

#[test]
fn b10_a_hostile_server_name_gets_the_default_certificate_or_an_alert() {
    runtime().block_on(async {
        let (setup, running) = submissions(1).await;
        let long = "a".repeat(300);
        let label = format!("{}.test", "a".repeat(64));
        for (name, expected) in [
            (&b"mx.test\\"[..], Some(ILLEGAL_PARAMETER)),
            (b"../../etc/passwd", Some(ILLEGAL_PARAMETER)),
            (b"mx.test\0.evil.test", Some(ILLEGAL_PARAMETER)),
            (b"*.test", Some(ILLEGAL_PARAMETER)),
            (b"\xff\xfe", Some(ILLEGAL_PARAMETER)),
            (long.as_bytes(), Some(ILLEGAL_PARAMETER)),
            (label.as_bytes(), Some(ILLEGAL_PARAMETER)),
            (b"", Some(DECODE_ERROR)),
            // As if no name were given.
            (b"127.0.0.1", None),
            (b"::1", None),
            (b"unknown.test", None),
        ] {
            let shown = String::from_utf8_lossy(name);
            let hello = ClientHello::naming(name);
            match expected {
                Some(alert) => {
                    let answer = hello.answer(running.address).await;
                    assert_eq!(answer, Answer::Alert(alert), "{shown}");
                }
                None => assert!(shows(&hello, running.address, tls::own()).await, "{shown}"),
            }
        }
        running.stop().await;
        assert!(setup.events.starting_with("TlsStarted").is_empty(), "no facts were kept");
    });
}

#[test]
fn b11_a_session_is_resumed_only_where_it_began() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        runtime().block_on(async {
            let (_, running) = submissions(2).await;
            let [first, second] = [running.addresses[0], running.addresses[1]];
            let client = Arc::new(tls::client(&[version]));
            assert_eq!(handshake(&client, first).await, HandshakeKind::Full);
            assert_eq!(handshake(&client, first).await, HandshakeKind::Resumed, "it is possible");
            assert_eq!(handshake(&client, second).await, HandshakeKind::Full, "{version:?}");
            running.stop().await;
        });
    }
}

#[test]
fn b11_no_session_outlives_its_configuration() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        runtime().block_on(async {
            let (mut setup, _) = Setup::accepting();
            let store = OneUser { user: "kim".to_owned(), password: "secret".to_owned() };
            setup.authenticator = Some(Arc::new(Passwords::new(store)));
            let config = tls::server();
            let service = ServiceConfig::submissions().tls(config.clone());
            let running = Running::with(setup.server(), service).await;
            let client = Arc::new(tls::client(&[version]));
            assert_eq!(handshake(&client, running.address).await, HandshakeKind::Full);
            assert_eq!(handshake(&client, running.address).await, HandshakeKind::Resumed);
            config.replace(&tls::server());
            assert_eq!(handshake(&client, running.address).await, HandshakeKind::Full);
            assert_eq!(handshake(&client, running.address).await, HandshakeKind::Resumed);
            running.stop().await;
        });
    }
}

/// Nor where an embedder brought tickets that any holder of their key could take.
#[test]
fn b11_tickets_of_a_foreign_configuration_are_not_used() {
    let versions: [&'static SupportedProtocolVersion; 2] =
        [&rustls::version::TLS12, &rustls::version::TLS13];
    let mut foreign = foreign_config(&versions);
    foreign.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().unwrap();
    let foreign = TlsConfig::from(foreign);
    for version in versions {
        runtime().block_on(async {
            let (mut setup, _) = Setup::accepting();
            let store = OneUser { user: "kim".to_owned(), password: "secret".to_owned() };
            setup.authenticator = Some(Arc::new(Passwords::new(store)));
            let service = ServiceConfig::submissions().tls(foreign.clone());
            let running = Running::with_each(setup.server(), [service.clone(), service]).await;
            let client = Arc::new(tls::client(&[version]));
            for (at, expected) in
                [(0, HandshakeKind::Full), (0, HandshakeKind::Resumed), (1, HandshakeKind::Full)]
            {
                assert_eq!(handshake(&client, running.addresses[at]).await, expected);
            }
            running.stop().await;
        });
    }
}

/// What is sent with the first flight can be sent again by anyone, so no session allows it.
#[test]
fn b11_early_data_is_never_taken() {
    let mut foreign = foreign_config(&[&rustls::version::TLS13]);
    foreign.max_early_data_size = 16 * 1024;
    runtime().block_on(async {
        let (setup, _) = Setup::accepting();
        let service = ServiceConfig::submissions().require_auth(false).tls(foreign.into());
        let running = Running::with(setup.server(), service).await;
        let mut client = tls::client(&[&rustls::version::TLS13]);
        client.enable_early_data = true;
        let client = Arc::new(client);
        assert_eq!(handshake(&client, running.address).await, HandshakeKind::Full);
        let name = ServerName::try_from("mx.test").unwrap();
        let mut resuming = ClientConnection::new(client.clone(), name).unwrap();
        assert!(resuming.early_data().is_none(), "the session does not allow it");
        assert_eq!(handshake(&client, running.address).await, HandshakeKind::Resumed);
        running.stop().await;
    });
}

/// As an embedder may bring it.
fn foreign_config(versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![tls::own().der.clone()], tls::own().private_key())
        .unwrap()
}

/// How a handshake was done. The greeting is read, since tickets come with it.
async fn handshake(client: &Arc<ClientConfig>, address: SocketAddr) -> HandshakeKind {
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = tls::connect_with(client, stream).await.unwrap();
    let mut greeting = [0; 3];
    stream.read_exact(&mut greeting).await.unwrap();
    stream.get_ref().1.handshake_kind().unwrap()
}

/// Whether the server goes on with this certificate, which TLS 1.2 shows in clear.
async fn shows(hello: &ClientHello, address: SocketAddr, pair: &Pair) -> bool {
    let flight = hello.flight(address).await;
    flight.windows(pair.der.len()).any(|part| part == pair.der.as_ref())
}
