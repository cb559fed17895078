//! Listeners differ in service and policy (contract 11).

use smtp_server::access::{AccessAction, AccessMaps, MemoryMap};
use smtp_server::relay::Networks;
use smtp_server::{ServiceConfig, StageKind};

use super::runtime;
use crate::support::setup::Setup;
use crate::support::tcp::{Client, Running};

async fn rcpt(running: &Running, to: &str) -> String {
    let mut client = Client::direct(running.address).await;
    client.reply().await;
    client.ask("EHLO client.test\r\n").await;
    client.ask("MAIL FROM:<a@client.test>\r\n").await;
    client.ask(&format!("RCPT TO:<{to}>\r\n")).await
}

#[test]
fn a_listener_may_have_a_relay_policy_of_its_own() {
    let (setup, _) = Setup::accepting();
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        assert!(rcpt(&running, "v@ext.test").await.starts_with("554 5.7.1"));
        running.stop().await;
        let inside = Networks::new(["127.0.0.0/8"]).unwrap();
        let service = ServiceConfig::smtp().relay_policy(inside);
        let running = Running::with(setup.server(), service).await;
        assert!(rcpt(&running, "v@ext.test").await.starts_with("250 "));
        running.stop().await;
    });
}

#[test]
fn a_listener_may_have_access_control_of_its_own() {
    let (setup, _) = Setup::accepting();
    runtime().block_on(async {
        let table = MemoryMap::from([("kim@local.test", AccessAction::defer("Later"))]);
        let access = AccessMaps::default().with(StageKind::Recipient, table);
        let running = Running::with(setup.server(), ServiceConfig::smtp().access(access)).await;
        assert!(rcpt(&running, "kim@local.test").await.contains("Later"));
        assert!(rcpt(&running, "lee@local.test").await.starts_with("250 "));
        running.stop().await;
    });
}

#[test]
fn a_listener_may_have_trusted_clients_of_its_own() {
    let (mut setup, _) = Setup::accepting();
    setup.xclient_clients = Networks::new(["127.0.0.0/8"]).unwrap();
    runtime().block_on(async {
        for (trusted, code) in [("127.0.0.1", "220 "), ("127.0.0.2", "550 5.7.0 ")] {
            let service = ServiceConfig::smtp().xclient_clients(Networks::new([trusted]).unwrap());
            let running = Running::with(setup.server(), service).await;
            let mut client = Client::direct(running.address).await;
            client.reply().await;
            let reply = client.ask("XCLIENT ADDR=192.0.2.1\r\n").await;
            assert!(reply.starts_with(code), "{trusted}: {reply}");
            running.stop().await;
        }
    });
}

#[test]
fn one_server_speaks_smtp_and_lmtp() {
    let (setup, _) = Setup::accepting();
    runtime().block_on(async {
        let services = [ServiceConfig::smtp(), ServiceConfig::lmtp()];
        let running = Running::with_each(setup.server(), services).await;
        for (address, protocol) in running.addresses.iter().zip(["ESMTP", "LMTP"]) {
            let mut client = Client::direct(*address).await;
            assert_eq!(client.reply().await, format!("220 mx.test {protocol}\r\n"));
        }
        running.stop().await;
    });
}

#[test]
fn a_server_without_a_listener_says_so() {
    let (setup, _) = Setup::accepting();
    let ended = runtime().block_on(setup.server().run(std::future::pending()));
    assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
}
