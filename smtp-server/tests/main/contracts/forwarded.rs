//! What a filter tells of a message (XFORWARD) is known for that message and for no other.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use smtp_server::proto::{Attribute, ClientName};
use smtp_server::relay::Networks;
use smtp_server::{
    Accepted, AccessControl, Body, Delivery, Envelope, Receipt, Rejection, SessionInfo, Stage,
    Verdict,
};

use crate::support::hooks::rejection;
use crate::support::pure::{self, Cuts, Turn};
use crate::support::setup::Setup;

/// Writes down what was told of each message and what the session knows; refuses one sender.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl AccessControl for Told {
    async fn check(&self, stage: Stage<'_>, _: &SessionInfo) -> Verdict {
        match stage {
            Stage::Sender { envelope, .. } if envelope.reverse_path.mailbox().is_some() => {
                rejection("550 5.7.1 No").into()
            }
            _ => Verdict::Accept,
        }
    }
}

#[async_trait]
impl Delivery for Told {
    async fn deliver(
        &self,
        envelope: Envelope,
        body: &mut Body<'_>,
        info: &SessionInfo,
    ) -> Result<Receipt, Rejection> {
        body.drain().await?;
        let told = envelope.forwarded.map(|told| {
            let name = told.name.as_ref().and_then(Attribute::known);
            let address = told.address.as_ref().and_then(Attribute::known);
            let helo = told.helo.as_ref().and_then(Attribute::known).map(ClientName::as_str);
            format!("{name:?} {address:?} {helo:?}")
        });
        let received = body.header_fields().last().unwrap().value();
        assert!(received.starts_with("from filter.test ([127.0.0.1])"), "{received}");
        let known = (info.peer.ip().unwrap(), &info.reverse_name, &info.identity.is_some());
        self.0.lock().unwrap().push(format!("{told:?} {known:?}"));
        Ok(Accepted::new().into())
    }
}

const MESSAGE: &str = "MAIL FROM:<>\r\nRCPT TO:<kim@local.test>\r\nBDAT 0 LAST\r\n";

/// What the delivery was told of each message that followed `lines`.
fn told(lines: &[&str]) -> Vec<String> {
    let told = Told::default();
    let mut setup = Setup::new(told.clone());
    setup.access = Some(Arc::new(told.clone()));
    setup.xforward_clients = Networks::new(["127.0.0.1"]).unwrap();
    setup.xclient_clients = Networks::new(["127.0.0.1"]).unwrap();
    let before = [Turn::send("EHLO filter.test\r\n")];
    let turns = lines.iter().map(|line| Turn::send(format!("{line}{MESSAGE}")));
    pure::run(&setup, &before.into_iter().chain(turns).collect::<Vec<_>>(), Cuts::None);
    told.0.lock().unwrap().clone()
}

const NOTHING: &str = "None (127.0.0.1, None, false)";

// rows: XFORWARD-1-a, XFORWARD-1-b
#[test]
fn values_are_told_with_one_message_and_alter_no_fact() {
    let first =
        "XFORWARD NAME=c.example ADDR=192.0.2.9\r\nXFORWARD HELO=h.example NAME=d.example\r\n";
    let expected = "Some(\"Some(\\\"d.example\\\") Some(192.0.2.9) Some(\\\"h.example\\\")\") \
                    (127.0.0.1, None, false)";
    assert_eq!(told(&[first, ""]), [expected, NOTHING]);
}

#[test]
fn values_are_forgotten_with_what_ends_a_transaction() {
    for end in ["RSET", "EHLO filter.test", "XCLIENT PORT=1\r\nEHLO filter.test"] {
        let line = format!("XFORWARD NAME=c.example\r\n{end}\r\n");
        assert_eq!(told(&[&line]), [NOTHING], "{end}");
    }
}

/// A refused MAIL begins no transaction.
#[test]
fn values_outlive_a_refused_sender() {
    for refused in ["MAIL FROM:<a@b.example>", "MAIL FROM:<a@b.example> FOO=1", "MAIL FROM:a"] {
        let line = format!("XFORWARD NAME=c.example\r\n{refused}\r\n");
        assert_eq!(told(&[&line, ""])[1], NOTHING);
        assert!(told(&[&line])[0].contains("c.example"), "{refused}");
    }
}
