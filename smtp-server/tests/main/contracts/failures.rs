//! A panic in a hook costs one reply, and the session goes on (contract 3).

use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use smtp_server::proto::ForwardPath;
use smtp_server::relay::LocalDomains;
use smtp_server::{
    Accepted, AccessControl, Authenticator, Body, CredentialAnswer, CredentialQuery, Delivery,
    Envelope, Event, Identity, Observer, Receipt, Recipient, Rejection, RelayDecision, RelayPolicy,
    SaslExchange, SaslStep, SessionInfo, Stage, StageKind, Verdict,
};

use super::{paused, serve};
use crate::support::setup::Setup;
use crate::support::tcp::Client;

/// As `panic!`, without a message on the terminal.
fn fail() -> ! {
    resume_unwind(Box::new("a hook failed"))
}

/// Where the one hook panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Access(StageKind),
    Relay,
    Verify,
    DeliverAtOnce,
    DeliverInTheMiddle,
    DeliverAtTheEnd,
    Mechanisms,
    Start,
    Step,
    LookUp,
    Answer,
    Observer,
    Nowhere,
}

/// All hooks in one, written by hand, so that a panic may come before there is a future.
#[derive(Clone, Copy)]
struct Failing {
    place: Place,
    /// Before the future is made, not when it is polled.
    eagerly: bool,
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Failing {
    fn at<'a, T: Send + 'a>(self, place: Place, answer: T) -> Boxed<'a, T> {
        let fails = self.place == place;
        if fails && self.eagerly {
            fail();
        }
        Box::pin(async move {
            tokio::task::yield_now().await;
            if fails {
                fail();
            }
            answer
        })
    }
}

impl AccessControl for Failing {
    fn check<'a, 'b, 'c, 'd>(&'a self, stage: Stage<'b>, _: &'c SessionInfo) -> Boxed<'d, Verdict>
    where
        'a: 'd,
        'b: 'd,
        'c: 'd,
    {
        self.at(Place::Access(stage.kind()), Verdict::Accept)
    }
}

impl RelayPolicy for Failing {
    fn decide<'a, 'b, 'c, 'd, 'e, 'f>(
        &'a self,
        _: &'b ForwardPath<'c>,
        _: &'d Envelope,
        _: &'e SessionInfo,
    ) -> Boxed<'f, RelayDecision>
    where
        'a: 'f,
        'b: 'f,
        'c: 'f,
        'd: 'f,
        'e: 'f,
    {
        self.at(Place::Relay, RelayDecision::Local)
    }
}

#[async_trait]
impl Delivery for Failing {
    async fn verify(&self, _: &Recipient, _: &SessionInfo) -> Verdict {
        if self.place == Place::Verify {
            fail();
        }
        Verdict::Accept
    }

    async fn deliver(
        &self,
        _: Envelope,
        body: &mut Body<'_>,
        _: &SessionInfo,
    ) -> Result<Receipt, Rejection> {
        if self.place == Place::DeliverAtOnce {
            fail();
        }
        body.chunk().await?;
        if self.place == Place::DeliverInTheMiddle {
            fail();
        }
        body.drain().await?;
        if self.place == Place::DeliverAtTheEnd {
            fail();
        }
        Ok(Accepted::new().into())
    }
}

impl Authenticator for Failing {
    fn mechanisms(&self, _: &SessionInfo) -> Vec<&'static str> {
        if self.place == Place::Mechanisms {
            fail();
        }
        vec!["PLAIN"]
    }

    fn start(&self, _: &str, _: &SessionInfo) -> Option<Box<dyn SaslExchange>> {
        if self.place == Place::Start {
            fail();
        }
        Some(Box::new(*self))
    }

    fn look_up<'a, 'b, 'c, 'd>(
        &'a self,
        query: &'b CredentialQuery,
        _: &'c SessionInfo,
    ) -> Boxed<'d, CredentialAnswer>
    where
        'a: 'd,
        'b: 'd,
        'c: 'd,
    {
        self.at(Place::LookUp, CredentialAnswer::Granted(Identity::new(query.authcid())))
    }
}

impl SaslExchange for Failing {
    fn step(&mut self, _: Option<&[u8]>) -> SaslStep {
        if self.place == Place::Step {
            fail();
        }
        SaslStep::Ask(CredentialQuery::Verify {
            authcid: "kim".to_owned(),
            authzid: None,
            password: String::new().into(),
        })
    }

    fn answer(&mut self, answer: CredentialAnswer) -> SaslStep {
        if self.place == Place::Answer {
            fail();
        }
        match answer {
            CredentialAnswer::Granted(identity) => SaslStep::Done(identity),
            _ => SaslStep::Unavailable,
        }
    }
}

struct FailingObserver;

impl Observer for FailingObserver {
    fn on_event(&self, _: &Event<'_>, _: &SessionInfo) {
        fail();
    }
}

/// A session through all stages; a command that was refused is said a second time.
fn session(place: Place, eagerly: bool) -> (Vec<String>, Setup) {
    let failing = Failing { place, eagerly };
    let mut setup = Setup::new(failing);
    setup.access = Some(Arc::new(failing));
    setup.relay = if place == Place::Relay {
        Arc::new(failing)
    } else {
        Arc::new(LocalDomains::new(["local.test"]).unwrap())
    };
    setup.authenticator = Some(Arc::new(failing));
    setup.auth_in_clear = true;
    let told = paused(async {
        let (client, served) = tokio::io::duplex(4096);
        let server = match place {
            Place::Observer => setup.server_with(FailingObserver),
            _ => setup.server(),
        };
        let _serving = serve(server, served, &setup);
        let mut client = Client::new(Box::new(client));
        let mut told = vec![client.reply().await];
        for command in [
            "EHLO a\r\n",
            "AUTH PLAIN AGtpbQBzZWNyZXQ=\r\n",
            "MAIL FROM:<>\r\n",
            "RCPT TO:<kim@local.test>\r\n",
            "DATA\r\n",
            "hi\r\n.\r\n",
            "NOOP\r\n",
        ] {
            told.push(client.ask(command).await);
        }
        told
    });
    (told.iter().map(|reply| reply.chars().take(9).collect()).collect(), setup)
}

const GOOD: [&str; 8] = [
    "220 mx.te",
    "250-mx.te",
    "235 2.7.0",
    "250 2.1.0",
    "250 2.1.5",
    "354 End d",
    "250 2.0.0",
    "250 2.0.0",
];

/// What the replies are with a panic: from the first change on.
fn check(place: Place, changed_from: usize, changed: &[&str], event: Option<&str>) {
    for eagerly in [false, true] {
        let (told, setup) = session(place, eagerly);
        let mut expected = GOOD.to_vec();
        expected[changed_from..changed_from + changed.len()].copy_from_slice(changed);
        assert_eq!(told, expected, "{place:?} eagerly: {eagerly}");
        let failed = setup.events.starting_with("HookFailed");
        let wanted = event.map(|hook| format!("HookFailed {hook} Panicked"));
        assert_eq!(failed, Vec::from_iter(wanted), "{place:?} eagerly: {eagerly}");
    }
}

#[test]
fn without_a_panic_all_is_well() {
    check(Place::Nowhere, 0, &[], None);
}

#[test]
fn access_control_that_panics() {
    let (told, _) = session(Place::Access(StageKind::Client), false);
    assert!(told[0].starts_with("421 "), "{told:?}");
    let hello = Place::Access(StageKind::Hello);
    let rest = ["451 Local", "503 5.5.1", "503 5.5.1", "503 5.5.1", "503 5.5.1", "500 5.5.2"];
    let (told, _) = session(hello, true);
    assert_eq!(told[1..7], rest);
    let rest = ["451 4.3.0", "503 5.5.1", "503 5.5.1", "500 5.5.2"];
    let (told, _) = session(Place::Access(StageKind::Sender), true);
    assert_eq!(told[3..7], rest);
    let (told, _) = session(Place::Access(StageKind::Recipient), true);
    assert_eq!(told[4..7], ["451 4.3.0", "554 5.5.1", "500 5.5.2"]);
    let (told, setup) = session(Place::Access(StageKind::Data), true);
    assert_eq!(told[5..7], ["451 4.3.0", "500 5.5.2"]);
    assert_eq!(setup.events.starting_with("HookFailed"), ["HookFailed Access Panicked"]);
}

#[test]
fn a_relay_policy_that_panics() {
    let (told, setup) = session(Place::Relay, false);
    assert_eq!(told[4..6], ["451 4.3.0", "554 5.5.1"]);
    assert_eq!(setup.events.starting_with("HookFailed"), ["HookFailed Relay Panicked"]);
    assert_eq!(session(Place::Relay, true).0, told);
}

#[test]
fn a_verify_that_panics() {
    let (told, setup) = session(Place::Verify, false);
    assert_eq!(told[4..6], ["451 4.3.0", "554 5.5.1"]);
    assert_eq!(setup.events.starting_with("HookFailed"), ["HookFailed Verify Panicked"]);
}

#[test]
fn a_delivery_that_panics() {
    for place in [Place::DeliverAtOnce, Place::DeliverInTheMiddle, Place::DeliverAtTheEnd] {
        check(place, 6, &["451 4.3.0"], Some("Delivery"));
    }
}

#[test]
fn an_authenticator_that_panics() {
    check(Place::LookUp, 2, &["454 4.7.0"], Some("Authenticator"));
    for place in [Place::Start, Place::Step, Place::Answer] {
        let (told, _) = session(place, false);
        assert_eq!(told[2], "454 4.7.0", "{place:?}");
        assert_eq!(told[3..], GOOD[3..], "{place:?}");
    }
    // One that cannot say what it offers offers nothing.
    let (told, _) = session(Place::Mechanisms, false);
    assert_eq!(told[2], "504 5.5.4");
    assert_eq!(told[3..], GOOD[3..]);
}

#[test]
fn an_observer_that_panics_is_not_noticed() {
    check(Place::Observer, 0, &[], None);
}
