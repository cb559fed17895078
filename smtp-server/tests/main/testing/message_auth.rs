//! What SPF, DKIM, DMARC and ARC say of a message that a test server got.

use smtp_server::message_auth::{DmarcResult, SpfResult};
use smtp_server::testing::TestServer;

use super::PATIENCE;
use super::client::Client;
use crate::support::dns::{NameServer, Zone};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn results_are_there() {
    let zone = Zone::default()
        .text("d.example", &["v=spf1 ip4:127.0.0.1 -all"])
        .text("_dmarc.d.example", &["v=DMARC1; p=reject"]);
    let names = NameServer::start(zone).await;
    let server = TestServer::builder().message_auth(names.dns()).start().await.unwrap();
    let content = "From: kim@d.example\r\nSubject: hi\r\n";
    Client::connect(server.addr()).send("kim@d.example", &["ann@example.org"], content);
    let message = server.inbox().wait_for(|_| true, PATIENCE).await.unwrap();
    let results = message.authentication().unwrap();
    assert_eq!(results.spf.as_ref().unwrap().mail_from_result, SpfResult::Pass);
    assert_eq!((results.dmarc.result, results.dkim.len()), (DmarcResult::Pass, 0));
    let stored = String::from_utf8(message.stored_content()).unwrap();
    assert!(stored.contains("Authentication-Results: inbox.test"), "{stored}");
}

#[tokio::test]
async fn a_server_that_does_not_check_has_none() {
    let server = TestServer::start().await.unwrap();
    Client::connect(server.addr()).send("kim@d.example", &["ann@example.org"], "");
    let message = server.inbox().wait_for(|_| true, PATIENCE).await.unwrap();
    assert_eq!(message.authentication(), None);
}
