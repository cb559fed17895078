//! Listeners on a Unix socket: the same server, to clients without an address.

use std::path::Path;
use std::sync::Arc;

use smtp_server::delivery::Memory;
use smtp_server::relay::{LocalDomains, Networks};
use smtp_server::{RelayPolicyExt, ServiceConfig};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;

use super::{runtime, until};
use crate::support::octets::codes;
use crate::support::setup::Setup;
use crate::support::tcp::Client;

/// Runs `test` with a server that has `service` at this path.
async fn serving(setup: &Setup, path: &Path, service: ServiceConfig, test: impl AsyncFnOnce()) {
    let mut server = setup.server();
    server.listen_unix(UnixListener::bind(path).unwrap(), service).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    test().await;
    stop.send(()).unwrap();
    task.await.unwrap().unwrap();
}

async fn connect(path: &Path) -> Client {
    Client::new(Box::new(UnixStream::connect(path).await.unwrap()))
}

// rows: 2033-4.1-a, 2033-4.2-b
#[test]
fn lmtp_is_spoken_and_received_names_no_address() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lmtp");
    let memory = Memory::default();
    let setup = Setup::new(memory.clone());
    runtime().block_on(serving(&setup, &path, ServiceConfig::lmtp(), async || {
        let mut client = connect(&path).await;
        assert_eq!(client.reply().await, "220 mx.test LMTP\r\n");
        assert!(client.ask("LHLO client.test\r\n").await.starts_with("250-"));
        let envelope = "MAIL FROM:<a@client.test>\r\nRCPT TO:<kim@local.test>\r\n\
                        RCPT TO:<lee@local.test>\r\nDATA\r\n";
        client.write(envelope.as_bytes()).await;
        for expected in ["250 ", "250 ", "250 ", "354 "] {
            assert!(client.reply().await.starts_with(expected));
        }
        client.write(b"Subject: x\r\n\r\nhi\r\n.\r\nQUIT\r\n").await;
        let expected = ["250 2.0.0", "250 2.0.0", "221 2.0.0"];
        assert_eq!(codes(&client.rest().await), expected);
    }));
    let message = memory.take().remove(0);
    assert_eq!(message.content, b"Subject: x\r\n\r\nhi\r\n");
    let received = message.fields.last().unwrap().value();
    assert!(received.starts_with("from client.test\r\n\tby mx.test with LMTP id "), "{received}");
}

#[test]
fn clients_are_counted_in_all_but_not_each() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("smtp");
    let (mut setup, _) = Setup::accepting();
    setup.limits.connections_max = Some(2);
    setup.limits.connections_per_client_max = Some(1);
    runtime().block_on(serving(&setup, &path, ServiceConfig::smtp(), async || {
        let mut first = connect(&path).await;
        assert!(first.reply().await.starts_with("220 "));
        let mut second = connect(&path).await;
        assert!(second.reply().await.starts_with("220 "));
        let mut third = connect(&path).await;
        assert_eq!(codes(&third.rest().await), ["421"]);
        // A connection that ended makes room for another one.
        drop(first);
        until(|| setup.events.starting_with("Closed").len() == 1).await;
        assert!(connect(&path).await.reply().await.starts_with("220 "));
    }));
}

#[test]
fn no_network_holds_a_client_without_an_address() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("smtp");
    let (mut setup, _) = Setup::accepting();
    let local = LocalDomains::new(["local.test"]).unwrap();
    let inside = Networks::new(["127.0.0.0/8", "::1", "0.0.0.0/8"]).unwrap();
    setup.relay = Arc::new(local.or(inside));
    runtime().block_on(serving(&setup, &path, ServiceConfig::smtp(), async || {
        let mut client = connect(&path).await;
        client.reply().await;
        client.ask("EHLO client.test\r\n").await;
        client.ask("MAIL FROM:<a@client.test>\r\n").await;
        assert!(client.ask("RCPT TO:<v@ext.test>\r\n").await.starts_with("554 5.7.1"));
        assert!(client.ask("RCPT TO:<kim@local.test>\r\n").await.starts_with("250 "));
    }));
}

#[test]
fn tls_works_as_over_tcp() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("smtp");
    let (mut setup, _) = Setup::accepting();
    setup.tls = true;
    runtime().block_on(serving(&setup, &path, ServiceConfig::smtp(), async || {
        let mut client = connect(&path).await;
        client.reply().await;
        assert!(client.ask("EHLO client.test\r\n").await.contains("STARTTLS"));
        assert!(client.ask("STARTTLS\r\n").await.starts_with("220 "));
        client.start_tls().await.unwrap();
        assert!(!client.ask("EHLO client.test\r\n").await.contains("STARTTLS"));
    }));
}
