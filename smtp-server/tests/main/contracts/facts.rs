//! What one hook leaves for another arrives there (contract 8).

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use smtp_server::relay::Networks;
use smtp_server::sasl::Passwords;
use smtp_server::{
    Accepted, AccessControl, Body, ChannelBindings, Delivery, Effects, Envelope, Receipt,
    Recipient, Rejection, SessionInfo, Stage, StageKind, TlsInfo, Verdict,
};

use crate::support::by_hand::ByHand;
use crate::support::hooks::{Account, OneUser};
use crate::support::pure::{self, Cuts, Turn};
use crate::support::setup::Setup;

/// One type per place, since a place holds one value per type.
#[derive(Debug)]
struct Left<const PLACE: u8>(u32);

/// Leaves a value at each stage and counts how often.
#[derive(Default)]
struct Leaving(Mutex<u32>);

#[async_trait]
impl AccessControl for Leaving {
    async fn check(&self, stage: Stage<'_>, _: &SessionInfo) -> Verdict {
        let mut count = self.0.lock().unwrap();
        *count += 1;
        let left = Effects::default();
        Verdict::with(match stage.kind() {
            StageKind::Client => left.remember(Left::<0>(*count)),
            // The first time only, or the second EHLO would hide what became of it.
            StageKind::Hello if *count == 2 => left.remember(Left::<1>(*count)),
            StageKind::Hello => left,
            StageKind::Sender => left.remember_in_transaction(Left::<2>(*count)),
            StageKind::Recipient => left.remember_in_transaction(Left::<3>(*count)),
            _ => left.remember_in_transaction(Left::<4>(*count)),
        })
    }
}

/// Writes down what has arrived.
#[derive(Clone, Default)]
struct Noting(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl Delivery for Noting {
    async fn verify(&self, _: &Recipient, _: &SessionInfo) -> Verdict {
        Verdict::with(Effects::default().remember_in_transaction(Left::<5>(5)))
    }

    async fn deliver(
        &self,
        envelope: Envelope,
        body: &mut Body<'_>,
        info: &SessionInfo,
    ) -> Result<Receipt, Rejection> {
        body.drain().await?;
        let (of_session, of_message) = (&info.extensions, &envelope.extensions);
        let left = [
            of_session.find::<Left<0>>().map(|left| left.0),
            of_session.find::<Left<1>>().map(|left| left.0),
            of_message.find::<Left<2>>().map(|left| left.0),
            of_message.find::<Left<3>>().map(|left| left.0),
            of_message.find::<Left<4>>().map(|left| left.0),
            of_message.find::<Left<5>>().map(|left| left.0),
        ];
        let account = info.identity.as_ref().and_then(|identity| identity.data::<Account>());
        self.0.lock().unwrap().push(format!("{left:?} {account:?}"));
        Ok(Accepted::new().into())
    }
}

fn setup() -> (Setup, Noting) {
    let noting = Noting::default();
    let mut setup = Setup::new(noting.clone());
    setup.access = Some(Arc::new(Leaving::default()));
    setup.tls = true;
    setup.auth_in_clear = true;
    let store = OneUser { user: "kim".to_owned(), password: "secret".to_owned() };
    setup.authenticator = Some(Arc::new(Passwords::new(store)));
    (setup, noting)
}

const MESSAGE: &str = "MAIL FROM:<>\r\nRCPT TO:<kim@local.test>\r\nBDAT 0 LAST\r\n";

#[test]
fn values_of_session_and_transaction_reach_the_delivery() {
    let (setup, noting) = setup();
    let turns = [
        Turn::send("EHLO a\r\n"),
        Turn::send("AUTH PLAIN AGtpbQBzZWNyZXQ=\r\n"),
        Turn::send(MESSAGE),
        // What belonged to the first transaction is gone in the second.
        Turn::send(MESSAGE),
    ];
    pure::run(&setup, &turns, Cuts::None);
    let expected = [
        "[Some(1), Some(2), Some(3), Some(4), Some(5), Some(5)] Some(Account(7))",
        "[Some(1), Some(2), Some(6), Some(7), Some(8), Some(5)] Some(Account(7))",
    ];
    assert_eq!(*noting.0.lock().unwrap(), expected);
}

#[test]
fn only_the_client_stage_survives_tls() {
    let (setup, noting) = setup();
    let turns = [
        Turn::send("EHLO a\r\n"),
        Turn::send("AUTH PLAIN AGtpbQBzZWNyZXQ=\r\n"),
        Turn::send("STARTTLS\r\n"),
        Turn::Tls,
        Turn::send("EHLO a\r\n"),
        Turn::send(MESSAGE),
    ];
    pure::run(&setup, &turns, Cuts::None);
    // The third was at the handshake.
    let expected = ["[Some(1), None, Some(5), Some(6), Some(7), Some(5)] None"];
    assert_eq!(*noting.0.lock().unwrap(), expected);
}

/// What was found out of the one that speaks is not said of the one that it speaks for.
#[test]
fn nothing_survives_xclient() {
    let (mut setup, noting) = setup();
    setup.xclient_clients = Networks::new(["127.0.0.1"]).unwrap();
    let turns = ["EHLO a\r\n", "XCLIENT ADDR=192.0.2.9\r\n", "EHLO a\r\n", MESSAGE];
    pure::run(&setup, &turns.map(Turn::send), Cuts::None);
    let expected = ["[Some(3), None, Some(5), Some(6), Some(7), Some(5)] None"];
    assert_eq!(*noting.0.lock().unwrap(), expected);

    let mut hand = ByHand::new(&setup);
    let mut tls = TlsInfo::new("TLSv1.3", "test", None);
    let bindings = ChannelBindings { exporter: Some([7; 32]), server_end_point: None };
    tls.channel_bindings = Some(Box::new(bindings));
    hand.session.handle_tls(tls);
    let bindings =
        |hand: &ByHand| hand.session.info().tls.as_ref().unwrap().channel_bindings.clone();
    let name = |hand: &ByHand| hand.session.info().reverse_name.as_ref().map(ToString::to_string);
    hand.run();
    assert!(bindings(&hand).is_some());
    hand.send("XCLIENT NAME=c.example ADDR=192.0.2.9\r\n");
    assert!(bindings(&hand).is_none());
    assert_eq!(name(&hand).as_deref(), Some("c.example"));
    // Who has another address has another name.
    hand.send("XCLIENT ADDR=192.0.2.8\r\n");
    assert_eq!(name(&hand), None);
}

#[test]
fn a_snapshot_does_not_change() {
    let (setup, _) = Setup::accepting();
    let config = Arc::new(setup.session_config());
    let mut session = smtp_server::Session::new(config, setup.peer(), pure::start());
    let before = session.info().clone();
    session.handle_tls(TlsInfo::new("TLSv1.3", "test", None));
    assert!(before.tls.is_none() && session.info().tls.is_some());
}

#[test]
fn secrets_do_not_print() {
    let query = smtp_server::CredentialQuery::Verify {
        authcid: "kim".to_owned(),
        authzid: None,
        password: zeroize::Zeroizing::new("hunter2".to_owned()),
    };
    assert!(!format!("{query:?}").contains("hunter2"));
}
