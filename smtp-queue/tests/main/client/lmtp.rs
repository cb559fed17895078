//! LMTP to a mail store.

use std::sync::Arc;

use smtp_queue::transport::smtp::SmtpTransport;
use smtp_queue::{Feedback, NextHop};
use smtp_server::relay::LocalDomains;
use smtp_server::{
    Accepted, Body, Capabilities, Delivered, Delivery, Envelope, Receipt, Rejection, Server,
    ServiceConfig, SessionInfo, async_trait,
};
use tokio::net::UnixListener;

use super::mail::entry;
use super::peer::{Peer, attempt, job, server, short};

/// A store in which each name says what becomes of its mail.
struct Store;

#[async_trait]
impl Delivery for Store {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default().with_outcome(smtp_server::hooks::Outcome::Each)
    }

    async fn deliver(&self, envelope: Envelope, body: &mut Body<'_>, _: &SessionInfo) -> Delivered {
        body.drain().await?;
        let answer = |recipient: &smtp_server::Recipient| match recipient
            .path
            .mailbox()
            .map(|mailbox| mailbox.local_part.as_str())
        {
            Some("full") => Err(Rejection::mailbox_full()),
            Some("nobody") => Err(Rejection::user_unknown()),
            _ => Ok(Accepted::new()),
        };
        Ok(Receipt::Each(envelope.recipients.iter().map(answer).collect()))
    }
}

#[tokio::test]
async fn each_recipient_has_its_own_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lmtp");
    let mut store = Server::builder("store.test")
        .relay_policy(LocalDomains::new(["d.test"]).unwrap())
        .delivery(Store)
        .build()
        .unwrap();
    store.listen_unix(UnixListener::bind(&path).unwrap(), ServiceConfig::lmtp()).unwrap();
    tokio::spawn(store.run(std::future::pending()));
    let socket = SmtpTransport::lmtp("client.test").unwrap().local_socket(path.to_str().unwrap());
    let address = server(Store, None, ServiceConfig::lmtp()).await;
    let tcp = SmtpTransport::lmtp("client.test").unwrap();

    let recipients =
        ["<b@d.test>", "<full@d.test>", "<x@else.test>", "<nobody@d.test>", "<c@d.test>"];
    let over_tcp = job(entry("<a@client.test>", &recipients), NextHop::host("store.test", address));
    let mut over_socket = over_tcp.clone();
    over_socket.next_hop.hosts = Arc::new([]);
    for (transport, job) in [(&tcp, &over_tcp), (&socket, &over_socket), (&socket, &over_socket)] {
        let (feedback, reports) = attempt(transport, job).await;
        let told = reports.iter().map(short).collect::<Vec<_>>();
        assert_eq!(feedback, Feedback::Reached);
        let expected = [
            "delivered 2.0.0",
            "deferred 4.2.2",
            "failed 5.7.1",
            "failed 5.1.1",
            "delivered 2.0.0",
        ];
        assert_eq!(told, expected);
    }
    let (_, reports) = attempt(&socket, &over_socket).await;
    assert_eq!(reports[0].connection_uses, 3);
    assert_eq!(
        reports[0].outcome.status().remote.as_ref().unwrap().to_string(),
        path.to_str().unwrap()
    );
}

// rows: 2033-5-c
#[tokio::test]
async fn what_was_answered_counts_when_the_connection_dies() {
    let peer = Peer::start(&["
        S: 220 store.test LMTP
        C: LHLO client.test
        S: 250-store.test
        S: 250 PIPELINING
        C: MAIL
        C: RCPT
        C: RCPT
        C: DATA
        S: 250 Ok
        S: 250 Ok
        S: 250 Ok
        S: 354 Go on
        D:
        S: 250 2.1.5 Stored
    "])
    .await;
    let job = job(entry("<a@client.test>", &["<b@d.test>", "<c@d.test>"]), peer.next_hop());
    let (_, reports) = attempt(&SmtpTransport::lmtp("client.test").unwrap(), &job).await;
    let told = reports.iter().map(short).collect::<Vec<_>>();
    assert_eq!(told, ["delivered 2.1.5", "deferred 4.4.2"]);
}
