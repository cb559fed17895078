//! Channel binding between a real client of TLS and the server.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::server::NoServerSessionStorage;
use smtp_server::sasl::Passwords;
use smtp_server::{ServiceConfig, TlsConfig};
use tokio::net::TcpStream;

use super::{runtime, setup};
use crate::support::sasl::{Scram, line, scram_users};
use crate::support::tcp::{Client, Running};
use crate::support::tls;

/// A connection, and what its client can bind an authentication to.
struct Bound {
    client: Client,
    offered: String,
    exporter: [u8; 32],
    end_point: Vec<u8>,
}

impl Bound {
    async fn connect(config: &Arc<ClientConfig>, address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let stream = tls::connect_with(config, stream).await.unwrap();
        let (_, connection) = stream.get_ref();
        let label = b"EXPORTER-Channel-Binding";
        let exporter = connection.export_keying_material([0; 32], label, Some(b"")).unwrap();
        // rcgen signs with ECDSA and SHA-256.
        let certificate = &connection.peer_certificates().unwrap()[0];
        let end_point = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate);
        let end_point = end_point.as_ref().to_vec();
        let mut client = Client::new(Box::new(stream));
        client.reply().await;
        let offered = client.ask("EHLO a\r\n").await;
        Self { client, offered, exporter, end_point }
    }

    async fn scram(&mut self, flag: &str, channel: &[u8], mechanism: &str) -> String {
        let scram = Scram { user: "kim", password: "secret", flag, channel };
        scram.run(&mut self.client, mechanism).await
    }
}

fn without_resumption() -> rustls::ServerConfig {
    let own = tls::own();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.der.clone()], own.private_key())
        .unwrap();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config
}

async fn running(config: TlsConfig) -> Running {
    let setup = setup(Passwords::new(scram_users(&[("kim", "secret")])));
    let service = ServiceConfig::submissions().require_auth(false).tls(config);
    Running::with(setup.server(), service).await
}

const PLUS: &str = "SCRAM-SHA-256-PLUS";

// rows: 5802-6-a, 5802-6-b, 5802-6-c, 5802-6-d, 9266-2-a, 9266-3-a, 5929-4.1-a
#[test]
fn a_client_of_tls_1_3_binds_its_authentication() {
    let config = Arc::new(tls::client(&[&rustls::version::TLS13]));
    runtime().block_on(async {
        let running = running(tls::server()).await;
        for (flag, mechanism, expected) in [
            ("p=tls-exporter", PLUS, "235 2.7.0 "),
            ("p=tls-server-end-point", PLUS, "235 2.7.0 "),
            ("p=tls-unique", PLUS, "535 5.7.8 "),
            ("n", PLUS, "535 5.7.8 "),
            ("n", "SCRAM-SHA-256", "235 2.7.0 "),
            ("y", "SCRAM-SHA-256", "535 5.7.8 "),
        ] {
            let mut bound = Bound::connect(&config, running.address).await;
            let offers = "AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN\r\n";
            assert!(bound.offered.contains(offers), "{}", bound.offered);
            let channel = match flag {
                "p=tls-exporter" => bound.exporter.to_vec(),
                "p=tls-server-end-point" => bound.end_point.clone(),
                _ => Vec::new(),
            };
            let reply = bound.scram(flag, &channel, mechanism).await;
            assert!(reply.starts_with(expected), "{flag} {mechanism}: {reply}");
        }
        // Somebody in the middle has two connections of TLS.
        let mut other = Bound::connect(&config, running.address).await;
        let mut bound = Bound::connect(&config, running.address).await;
        let reply = bound.scram("p=tls-exporter", &other.exporter, PLUS).await;
        assert!(reply.starts_with("535 5.7.8 "), "{reply}");
        let exporter = other.exporter;
        assert!(other.scram("p=tls-exporter", &exporter, PLUS).await.starts_with("235 "));
        running.stop().await;
    });
}

// rows: 9266-4.1-a
#[test]
fn a_binding_serves_one_authentication() {
    let config = Arc::new(tls::client(&[&rustls::version::TLS13]));
    runtime().block_on(async {
        let running = running(tls::server()).await;
        let mut bound = Bound::connect(&config, running.address).await;
        let exporter = bound.exporter;
        assert!(bound.scram("p=tls-exporter", &exporter, PLUS).await.starts_with("235 "));
        let again = line("AUTH SCRAM-SHA-256-PLUS ", "p=tls-exporter,,n=kim,r=x");
        assert!(bound.client.ask(&again).await.starts_with("503 5.5.1 "));
        assert!(!bound.client.ask("EHLO a\r\n").await.contains("AUTH"));
        // Another connection has another one, also when it resumes the session.
        let other = Bound::connect(&config, running.address).await;
        assert_ne!(other.exporter, exporter);
        running.stop().await;
    });
}

/// Under TLS 1.2 two connections may have the same secrets, unless that was agreed to be impossible, or no session is
/// ever resumed. What rustls calls `require_ems` is the extended master secret. There is no renegotiation.
// rows: 7677-4-a, 9266-3-a, 9266-4.2-a
#[test]
fn a_client_of_tls_1_2_can_do_so_where_no_two_connections_are_alike() {
    let config = Arc::new(tls::client(&[&rustls::version::TLS12]));
    let mut extended = without_resumption();
    extended.require_ems = true;
    for (server, exporter, end_point) in [
        (tls::server(), false, false),
        (TlsConfig::from(without_resumption()), false, true),
        (TlsConfig::from(extended), true, true),
    ] {
        runtime().block_on(async {
            let running = running(server).await;
            for (name, is_supported) in
                [("tls-exporter", exporter), ("tls-server-end-point", end_point)]
            {
                let mut bound = Bound::connect(&config, running.address).await;
                assert_eq!(bound.offered.contains(PLUS), end_point, "{}", bound.offered);
                let channel = match name {
                    "tls-exporter" => bound.exporter.to_vec(),
                    _ => bound.end_point.clone(),
                };
                let reply = bound.scram(&format!("p={name}"), &channel, PLUS).await;
                assert_eq!(reply.starts_with("235 2.7.0 "), is_supported, "{name}: {reply}");
            }
            let mut bound = Bound::connect(&config, running.address).await;
            let reply = bound.scram("y", b"", "SCRAM-SHA-256").await;
            assert_eq!(reply.starts_with("235 2.7.0 "), !end_point, "{reply}");
            running.stop().await;
        });
    }
}
