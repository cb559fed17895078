//! A transport as a delivery, and as a client without a queue.

use std::sync::Arc;

use smtp_queue::transport::Direct;
use smtp_queue::{Content, Feedback, Job, NextHop, Outcome, Outcomes, Router, Status, Transport};
use smtp_server::delivery::Memory;
use smtp_server::proto::{EnhancedCode, ForwardPath, ReversePath};
use smtp_server::{
    Envelope, Recipient, RecipientClass, RelayReason, ServiceConfig, UnixMillis, async_trait,
};

use super::mail::entry;
use super::peer::{HELLO, Peer, TAKEN, attempt, client, content, job, proxy, server, short};

fn envelope(recipients: &[(&str, bool)]) -> Envelope {
    let path = ReversePath::parse("<a@client.test>").unwrap().into_owned();
    let mut envelope = Envelope::new(path, UnixMillis(1));
    envelope.recipients = recipients
        .iter()
        .map(|(path, is_local)| Recipient {
            path: ForwardPath::parse(path).unwrap().into_owned(),
            params: Default::default(),
            class: match is_local {
                true => RecipientClass::Local,
                false => RecipientClass::Relay { because: RelayReason::Other("a test".into()) },
            },
        })
        .collect();
    envelope
}

#[tokio::test]
async fn a_message_is_sent_without_a_queue() {
    let inbox = Memory::default();
    let address = server(inbox.clone(), None, ServiceConfig::smtp()).await;
    let direct = Direct::new(client(), NextHop::host("mx.test", address));
    let recipients = [("<b@d.test>", false), ("<c@d.test>", true), ("<x@else.test>", false)];
    let text = "Subject: Hello\r\n\r\nHello\r\n";
    let outcomes = direct.send(envelope(&recipients), Content::from(text.to_owned())).await;
    let codes =
        outcomes.iter().map(|outcome| outcome.status().code.to_string()).collect::<Vec<_>>();
    // A recipient that is ours never goes to another host.
    assert_eq!(codes, ["2.0.0", "5.3.5", "5.7.1"]);
    let [message] = &*inbox.take() else { panic!() };
    assert_eq!(message.content, text.as_bytes());
    assert_eq!(message.envelope.recipients.len(), 1);
}

#[tokio::test]
async fn a_client_gets_what_the_next_hop_said() {
    for (reply, expected) in [
        ("S: 250 2.0.0 Taken", "relayed 2.0.0 250 2.0.0 "),
        ("S: 554 5.6.0 No spam", "failed 5.6.0 554 5.6.0 No spam"),
        ("S: 452 4.3.1 Full", "deferred 4.3.1 452 4.3.1 Full"),
        ("S: 421 4.3.2 Going down", "deferred 4.3.2 451 4.3.2 host mx.test"),
        ("", "deferred 4.4.2 451 4.4.2 lost connection"),
    ] {
        let taken = TAKEN.replace("S: 250 2.0.0 Taken", reply);
        let peer = Peer::start(&[&format!("{HELLO}{taken}")]).await;
        let address = proxy(Direct::new(client(), peer.next_hop())).await;
        let job =
            job(entry("<a@client.test>", &["<b@d.test>"]), NextHop::host("proxy.test", address));
        let (_, reports) = attempt(&client(), &Job { next_hop: job.next_hop.clone(), ..job }).await;
        let said = reports[0].outcome.status().reply.as_ref().unwrap().to_string();
        let found = format!("{} {said}", short(&reports[0]));
        assert!(found.starts_with(expected), "{found}");
    }
}

/// Routes by the name of the domain.
struct ByName(NextHop);

#[async_trait]
impl Router for ByName {
    async fn route(&self, domain: &str, _: bool) -> Result<NextHop, Outcome> {
        match domain {
            "none.test" => {
                let code = EnhancedCode::new(5, 4, 4);
                let text = "no such domain".to_owned();
                Err(Outcome::Failed(Status { code, text, reply: None, remote: None }))
            }
            _ => Ok(self.0.clone()),
        }
    }
}

/// A content that does not fit into memory goes by way of a file.
#[tokio::test]
async fn a_large_message_goes_through_whole() {
    let inbox = Memory::default();
    let address = server(inbox.clone(), None, ServiceConfig::smtp()).await;
    let proxy = proxy(Direct::new(client(), NextHop::host("mx.test", address))).await;
    let body = (0..100_000).map(|line| format!("{line}.\r\n.\r\n")).collect::<String>();
    let mut job =
        job(entry("<a@client.test>", &["<b@d.test>"]), NextHop::host("proxy.test", proxy));
    job.content = content(body.clone());
    let (_, reports) = attempt(&client(), &job).await;
    assert_eq!(short(&reports[0]), "relayed 2.0.0");
    let [message] = &*inbox.take() else { panic!() };
    let received = String::from_utf8(message.content.clone()).unwrap();
    assert!(received.ends_with(&format!("Received: here\r\n{body}")));
    assert!(received.starts_with("Received: from client.test"), "{}", &received[..60]);
}

#[tokio::test]
async fn recipients_go_by_their_routes() {
    let inbox = Memory::default();
    let address = server(inbox.clone(), None, ServiceConfig::smtp()).await;
    let direct = Direct::new(client(), ByName(NextHop::host("mx.test", address)));
    let recipients = [
        ("<b@none.test>", false),
        ("<c@D.test>", false),
        ("<d@none.test>", false),
        ("<e@d.test>", false),
    ];
    let outcomes = direct.send(envelope(&recipients), Content::from(String::new())).await;
    let codes =
        outcomes.iter().map(|outcome| outcome.status().code.to_string()).collect::<Vec<_>>();
    assert_eq!(codes, ["5.4.4", "2.0.0", "5.4.4", "2.0.0"]);
    assert_eq!(inbox.take()[0].envelope.recipients.len(), 2);
}

struct Broken;

#[async_trait]
impl Transport for Broken {
    async fn attempt(&self, _: &Job, _: &mut dyn Outcomes) -> Feedback {
        panic!("a fault of the transport")
    }
}

#[tokio::test]
async fn a_panic_defers() {
    let next_hop =
        NextHop { hosts: Arc::new([]), ..NextHop::host("x", "127.0.0.1:1".parse().unwrap()) };
    let direct = Direct::new(Broken, next_hop);
    let outcomes =
        direct.send(envelope(&[("<b@d.test>", true)]), Content::from(String::new())).await;
    assert!(matches!(&outcomes[..], [Outcome::Deferred(_)]));
}
