//! Access control at the end of the content, before the delivery hears of it; and at ETRN, VRFY and EXPN.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use smtp_server::header::HeaderField;
use smtp_server::proto::EtrnArgument;
use smtp_server::{
    Accepted, AccessControl, Body, Capabilities, Delivered, Delivery, Directory, Effects, Envelope,
    EtrnAnswer, Expansion, SessionInfo, Stage, StageKind, Verdict, Verification,
};

use super::{at_content, connected, paused};
use crate::support::hooks::{Behaviour, Scripted, rejection};
use crate::support::setup::Setup;

/// Answers at one stage, and notes what it was told there.
#[derive(Clone)]
struct At {
    stage: StageKind,
    verdict: Verdict,
    told: Arc<Mutex<Vec<String>>>,
}

impl At {
    fn new(stage: StageKind, verdict: impl Into<Verdict>) -> Self {
        Self { stage, verdict: verdict.into(), told: Arc::default() }
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

#[async_trait]
impl AccessControl for At {
    async fn check(&self, stage: Stage<'_>, _: &SessionInfo) -> Verdict {
        assert_eq!(stage.kind(), self.stage, "asked where it has nothing to say");
        self.told.lock().unwrap().push(match stage {
            Stage::EndOfData { envelope, bytes, .. } => {
                format!("{} {} {bytes}", envelope.reverse_path, envelope.recipients.len())
            }
            Stage::Etrn { argument, .. } => format!("{argument:?}"),
            Stage::Vrfy { query, .. } => query.to_owned(),
            other => panic!("{other:?}"),
        });
        self.verdict.clone()
    }

    fn checks(&self, stage: StageKind) -> bool {
        stage == self.stage
    }
}

/// Says `Ok` whatever becomes of the content, and notes how it ended and which fields came with it.
#[derive(Clone, Default)]
struct Careless(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl Delivery for Careless {
    async fn deliver(&self, _: Envelope, body: &mut Body<'_>, _: &SessionInfo) -> Delivered {
        let end = body.drain().await;
        let names = body.header_fields().iter().map(|field| field.name().to_owned());
        self.0.lock().unwrap().push(format!("{end:?} {}", names.collect::<Vec<_>>().join(",")));
        Ok(Accepted::new().into())
    }
}

/// The replies to a message in DATA and to one in chunks.
async fn replies_to_messages(setup: &Setup) -> [String; 2] {
    let (mut client, serving) = connected(setup, 4096);
    at_content(&mut client).await;
    client.ask("DATA\r\n").await;
    let by_data = client.ask("Subject: x\r\n\r\n..\r\n.\r\n").await;
    client.ask("MAIL FROM:<>\r\n").await;
    client.ask("RCPT TO:<kim@local.test>\r\n").await;
    client.ask("BDAT 3\r\nabc").await;
    let by_chunks = client.ask("BDAT 2 LAST\r\nde").await;
    client.ask("QUIT\r\n").await;
    serving.await.unwrap();
    [by_data, by_chunks]
}

fn with(delivery: impl Delivery, access: &At) -> Setup {
    let mut setup = Setup::new(delivery);
    setup.access = Some(Arc::new(access.clone()));
    setup
}

#[test]
fn it_sees_the_envelope_and_the_size_and_may_accept() {
    let access = At::new(StageKind::EndOfData, Verdict::Accept);
    let delivery = Scripted::default();
    let setup = with(delivery.clone(), &access);
    let replies = paused(replies_to_messages(&setup));
    assert!(replies.iter().all(|reply| reply.starts_with("250 2.0.0")), "{replies:?}");
    assert_eq!(access.told(), ["<a@client.test> 1 17", "<> 1 5"]);
    assert_eq!(delivery.log().len(), 2);
}

#[test]
fn a_refusal_stands_whatever_the_delivery_says() {
    let access = At::new(StageKind::EndOfData, rejection("554 5.7.1 Not today"));
    let careless = Careless::default();
    let honest = Scripted::new(Behaviour::Ok);
    for setup in [with(careless.clone(), &access), with(honest.clone(), &access)] {
        let replies = paused(replies_to_messages(&setup));
        assert_eq!(replies, ["554 5.7.1 Not today\r\n"; 2]);
    }
    let ends = careless.0.lock().unwrap().clone();
    assert!(ends.iter().all(|end| end.starts_with("Err(Refused(")), "{ends:?}");
    assert!(honest.log().iter().all(|line| line.contains("failed Refused")), "{:?}", honest.log());
}

#[test]
fn a_message_to_discard_is_acknowledged_and_delivered_nowhere() {
    let discard = Verdict::with(Effects::default().discard());
    let access = At::new(StageKind::EndOfData, discard);
    let delivery = Scripted::default();
    let setup = with(delivery.clone(), &access);
    let replies = paused(replies_to_messages(&setup));
    assert!(replies.iter().all(|reply| reply.starts_with("250 2.0.0")), "{replies:?}");
    assert!(delivery.log().iter().all(|line| line.starts_with("failed ")), "{:?}", delivery.log());
}

#[test]
fn a_field_to_prepend_comes_with_the_others() {
    let field = HeaderField::new("X-Checked", "yes").unwrap();
    let verdict = Verdict::with(Effects::default().prepend(field));
    let careless = Careless::default();
    let setup = with(careless.clone(), &At::new(StageKind::EndOfData, verdict));
    paused(replies_to_messages(&setup));
    let ends = careless.0.lock().unwrap().clone();
    assert_eq!(ends, ["Ok(()) Received,X-Checked"; 2]);
}

/// One that panics, wherever it is asked.
struct Panics;

#[async_trait]
impl AccessControl for Panics {
    async fn check(&self, stage: Stage<'_>, _: &SessionInfo) -> Verdict {
        match stage.kind() {
            StageKind::EndOfData => panic!("scripted"),
            _ => Verdict::Accept,
        }
    }

    fn checks(&self, stage: StageKind) -> bool {
        assert_ne!(stage, StageKind::EndOfData, "scripted");
        true
    }
}

#[test]
fn a_panic_there_is_a_transient_refusal() {
    let mut setup = Setup::new(Careless::default());
    setup.access = Some(Arc::new(Panics));
    let replies = paused(replies_to_messages(&setup));
    assert!(replies.iter().all(|reply| reply.starts_with("451 4.3.0")), "{replies:?}");
}

/// Begins to send for whoever asks.
struct Obliging;

#[async_trait]
impl Delivery for Obliging {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.etrn = true;
        capabilities
    }

    async fn etrn(&self, _: &EtrnArgument<'_>, _: &SessionInfo) -> EtrnAnswer {
        EtrnAnswer::Started
    }

    async fn deliver(&self, _: Envelope, body: &mut Body<'_>, _: &SessionInfo) -> Delivered {
        body.drain().await?;
        Ok(Accepted::new().into())
    }
}

#[test]
fn etrn_is_refused_with_a_code_of_its_own() {
    for (verdict, reply) in [
        (Verdict::Accept, "250 2.0.0"),
        (rejection("554 5.7.1 Not you").into(), "459 4.7.1"),
        (rejection("450 4.7.1 Not now").into(), "458 4.3.0"),
    ] {
        let access = At::new(StageKind::Etrn, verdict);
        let setup = with(Obliging, &access);
        let told = paused(async {
            let (mut client, _serving) = connected(&setup, 4096);
            client.reply().await;
            client.ask("EHLO client.test\r\n").await;
            client.ask("ETRN b.example\r\n").await
        });
        assert!(told.starts_with(reply), "{told}");
        assert_eq!(access.told(), ["Node(\"b.example\")"]);
    }
}

/// Has nobody.
struct Nobody;

#[async_trait]
impl Directory for Nobody {
    async fn verify(&self, _: &str, _: &SessionInfo) -> Verification {
        Verification::Unknown
    }

    async fn expand(&self, _: &str, _: &SessionInfo) -> Expansion {
        Expansion::Unknown
    }
}

#[test]
fn vrfy_and_expn_are_refused_by_telling_nothing() {
    for (verdict, reply) in [
        (Verdict::Accept, "550 5.1.1"),
        (rejection("554 5.7.1 Not you").into(), "252 2.5.0"),
        (rejection("450 4.7.1 Not now").into(), "252 2.5.0"),
    ] {
        let access = At::new(StageKind::Vrfy, verdict);
        let mut setup = with(Scripted::default(), &access);
        setup.directory = Some(Arc::new(Nobody));
        let told = paused(async {
            let (mut client, _serving) = connected(&setup, 4096);
            client.reply().await;
            client.ask("EHLO client.test\r\n").await;
            [client.ask("VRFY kim\r\n").await, client.ask("EXPN staff\r\n").await]
        });
        assert!(told.iter().all(|told| told.starts_with(reply)), "{told:?}");
        assert_eq!(access.told(), ["kim", "staff"]);
    }
}
