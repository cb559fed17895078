//! What an embedder may do with TLS: certificates by name, their replacement, client certificates, facts.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};
use smtp_server::delivery::Memory;
use smtp_server::relay::{CertificateHolders, LocalDomains, Networks};
use smtp_server::{
    AccessControl, Certificates, ClientCertificates, ConfigError, RelayPolicyExt, ServiceConfig,
    SessionInfo, Stage, TlsConfig, TlsConfigError, TlsInfo, Verdict,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::runtime;
use crate::support::client_hello::ClientHello;
use crate::support::hooks::rejection;
use crate::support::pure::{self, Cuts, Turn};
use crate::support::setup::Setup;
use crate::support::tcp::{Client, Running};
use crate::support::tls::{self, Authority, Pair};

/// Notes what each handshake brought, and refuses one version of the protocol.
#[derive(Clone)]
struct Noting(Arc<Mutex<Vec<TlsInfo>>>, &'static str);

#[async_trait]
impl AccessControl for Noting {
    async fn check(&self, stage: Stage<'_>, info: &SessionInfo) -> Verdict {
        let (Stage::Tls { .. }, Some(tls)) = (stage, &info.tls) else {
            return Verdict::Accept;
        };
        self.0.lock().unwrap().push(tls.clone());
        if tls.protocol == self.1 {
            return Verdict::Reject(rejection("554 Refused for lack of security"));
        }
        Verdict::Accept
    }
}

/// A server that has TLS from the first octet on and asks nobody to log in.
async fn running(setup: &Setup, tls: TlsConfig) -> Running {
    let service = ServiceConfig::submissions().require_auth(false).tls(tls);
    Running::with(setup.server(), service).await
}

async fn connect(config: &Arc<ClientConfig>, address: SocketAddr) -> std::io::Result<Client> {
    let stream = TcpStream::connect(address).await.unwrap();
    Ok(Client::new(Box::new(tls::connect_with(config, stream).await?)))
}

/// Which of these the server shows to whoever asks for this name.
async fn shown(address: SocketAddr, name: Option<&str>, pairs: &[Pair]) -> Option<usize> {
    let hello = match name {
        Some(name) => ClientHello::naming(name.as_bytes()),
        None => ClientHello::default(),
    };
    let flight = hello.flight(address).await;
    let holds = |pair: &Pair| flight.windows(pair.der.len()).any(|part| part == pair.der.as_ref());
    pairs.iter().position(holds)
}

#[test]
fn the_certificate_is_chosen_by_the_name_asked_for() {
    let pairs = [
        Pair::for_names(&["mx.test"]),
        Pair::for_names(&["A.test", "*.b.test", "mx.test"]),
        Pair::for_names(&["elsewhere.test"]),
        Pair::for_names(&["exact.b.test"]),
    ];
    let pem = |at: usize| (pairs[at].chain.as_bytes(), pairs[at].key.as_bytes());
    let certificates = Certificates::from_pem(pem(0).0, pem(0).1)
        .and_then(|all| all.with_pem(pem(1).0, pem(1).1))
        .and_then(|all| all.with_pem_for(["Given.test", "*.given.test"], pem(2).0, pem(2).1))
        .and_then(|all| all.with_pem(pem(3).0, pem(3).1))
        .unwrap();
    let (setup, _) = Setup::accepting();
    runtime().block_on(async {
        let running = running(&setup, TlsConfig::new(certificates).unwrap()).await;
        for (name, expected) in [
            (None, 0),
            (Some("mx.test"), 0),
            (Some("unknown.test"), 0),
            (Some("a.test"), 1),
            (Some("a.TEST"), 1),
            (Some("a.test."), 1),
            (Some("x.b.test"), 1),
            (Some("exact.b.test"), 3),
            // A wildcard stands for one label.
            (Some("b.test"), 0),
            (Some("y.x.b.test"), 0),
            (Some("x.a.test"), 0),
            (Some("given.test"), 2),
            (Some("x.given.test"), 2),
            // Shown for the names given and no others.
            (Some("elsewhere.test"), 0),
        ] {
            assert_eq!(shown(running.address, name, &pairs).await, Some(expected), "{name:?}");
        }
        running.stop().await;
    });
}

#[test]
fn what_cannot_be_used_is_told_apart() {
    let (own, other) = (tls::own(), Pair::for_names(&["other.test"]));
    let nameless = Pair::for_names(&[]);
    let certificates = || Certificates::from_pem(own.chain.as_bytes(), own.key.as_bytes()).unwrap();
    let from = |chain: &str, key: &str| {
        TlsConfig::from_pem(chain.as_bytes(), key.as_bytes()).err().unwrap()
    };
    assert!(matches!(from("", &own.key), TlsConfigError::Certificate));
    assert!(matches!(from(&own.key, &own.key), TlsConfigError::Certificate));
    assert!(matches!(from(&own.chain, ""), TlsConfigError::Key));
    assert!(matches!(from(&own.chain, &own.chain), TlsConfigError::Key));
    assert!(matches!(from(&own.chain, &other.key), TlsConfigError::Unusable(_)));
    let (chain, key) = (nameless.chain.as_bytes(), nameless.key.as_bytes());
    assert!(TlsConfig::from_pem(chain, key).is_ok(), "the default needs no name");
    let error = certificates().with_pem(chain, key).unwrap_err();
    assert!(matches!(error, TlsConfigError::Nameless));
    for name in ["", "*", "*.", "*x.test", "a.*.test", "*.*.test", "a b", "a.test.", "bücher.test"]
    {
        let error = certificates().with_pem_for([name], chain, key).unwrap_err();
        assert!(matches!(&error, TlsConfigError::Name(wrong) if wrong == name), "{name}: {error}");
    }
    for authorities in
        ["", own.key.as_str(), "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"]
    {
        let error = TlsConfig::with_client_certificates(
            certificates(),
            authorities.as_bytes(),
            ClientCertificates::Optional,
        );
        assert!(matches!(error, Err(TlsConfigError::Authorities)), "{authorities}");
    }
}

#[test]
fn certificates_are_replaced_under_a_running_server() {
    let pairs = [Pair::for_names(&["mx.test"]), Pair::for_names(&["mx.test"])];
    let config = tls::server();
    config.replace(&pairs[0].config());
    let (setup, _) = Setup::accepting();
    runtime().block_on(async {
        let running = running(&setup, config.clone()).await;
        assert_eq!(shown(running.address, None, &pairs).await, Some(0));
        config.replace(&tls::server());
        let mut before =
            connect(&Arc::new(tls::client(rustls::ALL_VERSIONS)), running.address).await.unwrap();
        assert!(before.reply().await.starts_with("220 "));
        config.replace(&pairs[1].config());
        assert_eq!(shown(running.address, None, &pairs).await, Some(1));
        // What is no configuration cannot replace one.
        let (chain, key) = (pairs[0].chain.as_bytes(), pairs[1].key.as_bytes());
        assert!(TlsConfig::from_pem(chain, key).is_err());
        assert_eq!(shown(running.address, None, &pairs).await, Some(1));
        assert!(before.ask("EHLO client.test\r\n").await.starts_with("250"), "it goes on");
        running.stop().await;
    });
}

/// Whether the client is greeted and its EHLO answered.
async fn is_served(config: &Arc<ClientConfig>, address: SocketAddr) -> bool {
    match connect(config, address).await {
        Ok(mut client) => {
            client.reply().await.starts_with("220 ")
                && client.ask("EHLO client.test\r\n").await.starts_with("250")
        }
        Err(_) => false,
    }
}

#[test]
fn a_client_certificate_becomes_a_fact_if_its_authority_is_trusted() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (with, der) = authority.client(&["client.test", "*.client.test"]);
    let (foreign, _) = stranger.client(&["client.test"]);
    let without = Arc::new(tls::client(rustls::ALL_VERSIONS));
    for (wanted, served_without) in
        [(ClientCertificates::Optional, true), (ClientCertificates::Required, false)]
    {
        let noting = Noting(Arc::default(), "TLSv1.2");
        let (mut setup, _) = Setup::accepting();
        setup.access = Some(Arc::new(noting.clone()));
        runtime().block_on(async {
            let running = running(&setup, authority.config(wanted)).await;
            assert!(is_served(&with, running.address).await, "{wanted:?}");
            // Again, since a session that is resumed would not show it.
            assert!(is_served(&with, running.address).await, "{wanted:?}");
            assert!(!is_served(&foreign, running.address).await, "{wanted:?}");
            assert_eq!(is_served(&without, running.address).await, served_without, "{wanted:?}");
            running.stop().await;
        });
        let seen = noting.0.lock().unwrap();
        assert_eq!(seen.len(), if served_without { 3 } else { 2 });
        for info in &seen[..2] {
            let shown = info.client_certificate.as_ref().unwrap();
            assert_eq!(shown.dns_names, ["client.test", "*.client.test"]);
            assert_eq!(shown.der, der);
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &der);
            let hex = digest.as_ref().iter().map(|octet| format!("{octet:02x}"));
            assert_eq!(shown.sha256, hex.collect::<String>());
        }
        assert!(seen[2..].iter().all(|info| info.client_certificate.is_none()));
    }
}

/// What was proven of the speaker is not proven of the client that it speaks for.
#[test]
fn a_client_certificate_gives_the_right_to_relay_to_whoever_showed_it() {
    let authority = Authority::new();
    let (known, _) = authority.client(&["client.test"]);
    let (unknown, _) = authority.client(&["other.test"]);
    let without = Arc::new(tls::client(rustls::ALL_VERSIONS));
    let (mut setup, _) = Setup::accepting();
    let local = LocalDomains::new(["local.test"]).unwrap();
    setup.relay = Arc::new(local.or(CertificateHolders::with_names(["client.test"]).unwrap()));
    setup.xclient_clients = Networks::new(["127.0.0.1"]).unwrap();
    runtime().block_on(async {
        let running = running(&setup, authority.config(ClientCertificates::Optional)).await;
        for (config, before, expected) in [
            (&known, "NOOP\r\n", "250 2.1.5"),
            (&unknown, "NOOP\r\n", "554 5.7.1"),
            (&without, "NOOP\r\n", "554 5.7.1"),
            (&known, "XCLIENT ADDR=192.0.2.9\r\n", "554 5.7.1"),
            (&known, "XCLIENT HELO=client.test\r\n", "554 5.7.1"),
        ] {
            let mut client = connect(config, running.address).await.unwrap();
            client.reply().await;
            for command in [before, "EHLO client.test\r\n", "MAIL FROM:<>\r\n"] {
                let reply = client.ask(command).await;
                assert!(reply.starts_with('2'), "{command}: {reply}");
            }
            let reply = client.ask("RCPT TO:<v@ext.test>\r\n").await;
            assert!(reply.starts_with(expected), "{before}: {reply}");
        }
        running.stop().await;
    });
}

/// A client that notes whether it was asked for a certificate, and has none.
#[derive(Debug, Default)]
struct Asked(AtomicBool);

impl ResolvesClientCert for Asked {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        true
    }
}

// rows: 8314-4.2-a
#[test]
fn clients_are_asked_for_a_certificate_only_if_that_was_set_up() {
    let (setup, _) = Setup::accepting();
    let optional = Authority::new().config(ClientCertificates::Optional);
    for (config, expected) in [(tls::server(), false), (optional, true)] {
        for version in rustls::ALL_VERSIONS {
            let asked = Arc::new(Asked::default());
            let client = tls::trusting(&[version]).with_client_cert_resolver(asked.clone());
            runtime().block_on(async {
                let running = running(&setup, config.clone()).await;
                assert!(is_served(&Arc::new(client), running.address).await);
                running.stop().await;
            });
            assert_eq!(asked.0.load(Ordering::Relaxed), expected, "{version:?}");
        }
    }
}

#[test]
fn a_policy_may_refuse_a_handshake_that_is_not_good_enough() {
    let noting = Noting(Arc::default(), "TLSv1.2");
    let (mut setup, _) = Setup::accepting();
    setup.access = Some(Arc::new(noting.clone()));
    runtime().block_on(async {
        let running = running(&setup, tls::server()).await;
        let weak = Arc::new(tls::client(&[&rustls::version::TLS12]));
        let mut client = connect(&weak, running.address).await.unwrap();
        assert_eq!(client.reply().await, "554 mx.test Refused for lack of security\r\n");
        for (command, expected) in
            [("EHLO client.test\r\n", "503 "), ("NOOP\r\n", "503 "), ("QUIT\r\n", "221 ")]
        {
            let reply = client.ask(command).await;
            assert!(reply.starts_with(expected), "{command}{reply}");
        }
        let strong = Arc::new(tls::client(&[&rustls::version::TLS13]));
        assert!(is_served(&strong, running.address).await);
        running.stop().await;
    });
    let seen = noting.0.lock().unwrap();
    let names = seen.iter().map(|info| (info.protocol.as_ref(), info.cipher.as_ref()));
    assert_eq!(
        names.collect::<Vec<_>>(),
        [
            ("TLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
            ("TLSv1.3", "TLS_AES_256_GCM_SHA384"),
        ]
    );
    assert!(seen.iter().all(|info| info.server_name.as_deref() == Some("mx.test")));
}

// rows: 3207-4.1-b
#[test]
fn after_a_handshake_that_is_not_good_enough_all_but_quit_is_refused() {
    for (refused, reply) in [("TLSv1.3", "554 Refused for lack of security\r\n"), ("TLSv1.2", "")] {
        let (mut setup, _) = Setup::accepting();
        setup.tls = true;
        setup.access = Some(Arc::new(Noting(Arc::default(), refused)));
        let turns = [
            Turn::send("EHLO client.test\r\n"),
            Turn::send("STARTTLS\r\n"),
            Turn::Tls,
            Turn::send("EHLO client.test\r\n"),
            Turn::send("MAIL FROM:<a@client.test>\r\n"),
            Turn::send("NOOP\r\n"),
            Turn::send("QUIT\r\n"),
        ];
        let run = pure::run(&setup, &turns, Cuts::None);
        let [.., ehlo, mail, noop, quit] = run.output.as_slice() else { panic!("{run:?}") };
        for (command, output) in [("EHLO", ehlo), ("MAIL", mail), ("NOOP", noop)] {
            let output = String::from_utf8_lossy(output);
            match reply {
                "" => assert!(output.starts_with("250"), "{command}: {output}"),
                reply => assert_eq!(output, reply, "{command}"),
            }
        }
        assert!(quit.starts_with(b"221 "));
    }
}

// rows: 8314-4.3-a, 5321-4.4-m, 5321-4.4-n, 5321-4.4-o
#[test]
fn the_cipher_suite_is_recorded_behind_the_other_clauses() {
    for (version, cipher) in [
        (&rustls::version::TLS12, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
        (&rustls::version::TLS13, "TLS_AES_256_GCM_SHA384"),
    ] {
        let memory = Memory::default();
        let setup = Setup::new(memory.clone());
        runtime().block_on(async {
            let running = running(&setup, tls::server()).await;
            let config = Arc::new(tls::client(&[version]));
            let mut client = connect(&config, running.address).await.unwrap();
            super::at_content(&mut client).await;
            assert!(client.ask("BDAT 0 LAST\r\n").await.starts_with("250 "));
            running.stop().await;
        });
        let message = memory.take().remove(0);
        let id = message.envelope.queue_id.unwrap();
        let expected = format!(
            "from client.test ([127.0.0.1])\r\n\tby mx.test with ESMTPS id {id}\r\n\t\
             for <kim@local.test>\r\n\ttls {cipher};\r\n\t"
        );
        let received = message.fields[0].value();
        assert!(received.starts_with(&expected), "{received}");
    }
}

// rows: 8314-3.3-a, 8314-3.4-a
#[test]
fn tls_is_closed_before_the_connection() {
    let (mut setup, _) = Setup::accepting();
    setup.tls = true;
    setup.limits.errors_max = Some(1);
    runtime().block_on(async {
        let running = running(&setup, tls::server()).await;
        for version in rustls::ALL_VERSIONS {
            for last in ["QUIT\r\n", "GET / HTTP/1.1\r\n", "NONSENSE\r\n"] {
                let stream = TcpStream::connect(running.address).await.unwrap();
                let config = Arc::new(tls::client(&[version]));
                let mut stream = tls::connect_with(&config, stream).await.unwrap();
                stream.write_all(last.as_bytes()).await.unwrap();
                let mut all = Vec::new();
                // Without close_notify this is an unexpected end.
                let closed = stream.read_to_end(&mut all).await;
                assert!(closed.is_ok() && all.starts_with(b"220 "), "{version:?} {last}");
            }
        }
        running.stop().await;
    });
}

// rows: 3207-3-a, 8314-4-a
#[test]
fn starttls_is_offered_only_with_a_certificate() {
    for with_certificate in [false, true] {
        let (mut setup, _) = Setup::accepting();
        setup.tls = with_certificate;
        runtime().block_on(async {
            let running = Running::start(&setup).await;
            let mut client = Client::direct(running.address).await;
            client.reply().await;
            let offered = client.ask("EHLO client.test\r\n").await;
            assert_eq!(offered.contains("STARTTLS"), with_certificate, "{offered}");
            running.stop().await;
        });
    }
}

#[test]
fn a_service_that_needs_tls_does_not_listen_without_a_certificate() {
    let (setup, _) = Setup::accepting();
    runtime().block_on(async {
        for service in [
            ServiceConfig::submissions().require_auth(false),
            ServiceConfig::smtp().require_tls(true),
        ] {
            let mut server = setup.server();
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let refused = server.listen(listener, service);
            assert!(matches!(refused, Err(ConfigError::TlsRequired(_))), "{refused:?}");
        }
    });
}
