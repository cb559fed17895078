//! What a delivery offers reaches it: parameters stay with the envelope, and only what can be kept is taken.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use smtp_server::delivery::Memory;
use smtp_server::proto::{DateTime, MtPriority};
use smtp_server::{
    AccessControl, Body, Capabilities, Delivery, Effects, Envelope, EvaluateAt, Receipt, Recipient,
    Rejection, Service, SessionInfo, Stage, Verdict,
};

use crate::support::by_hand::ByHand;
use crate::support::hooks::rejection;
use crate::support::pure::{self, Cuts, Turn, start};
use crate::support::setup::Setup;

/// Keeps messages, offers all there is, and notes what it is asked about.
#[derive(Clone, Default)]
struct Capable {
    memory: Memory,
    verified: Arc<Mutex<Vec<Recipient>>>,
}

#[async_trait]
impl Delivery for Capable {
    fn capabilities(&self) -> Capabilities {
        let mut all = Capabilities::default();
        all.dsn = true;
        all.require_tls = true;
        all.rrvs = true;
        all.mt_priority = Some(&[]);
        all.deliver_by_seconds_min = Some(0);
        all.future_release_seconds_max = Some(86_400);
        all
    }

    async fn verify(&self, recipient: &Recipient, _: &SessionInfo) -> Verdict {
        self.verified.lock().unwrap().push(recipient.clone());
        Verdict::Accept
    }

    async fn deliver(
        &self,
        envelope: Envelope,
        body: &mut Body<'_>,
        info: &SessionInfo,
    ) -> Result<Receipt, Rejection> {
        self.memory.deliver(envelope, body, info).await
    }
}

/// Judges priorities: 5 is granted, 9 becomes 7, and below -5 there is no service now.
struct Priorities;

#[async_trait]
impl AccessControl for Priorities {
    async fn check(&self, stage: Stage<'_>, _: &SessionInfo) -> Verdict {
        let Stage::Sender { envelope, .. } = stage else { return Verdict::Accept };
        let granted = match envelope.params.mt_priority.map(MtPriority::value) {
            Some(5) => 5,
            Some(9) => 7,
            Some(..-5) => return rejection("450 4.7.15 Priority too low").into(),
            _ => return Verdict::Accept,
        };
        Verdict::with(Effects::default().prioritize(MtPriority::new(granted).unwrap()))
    }
}

fn in_tls(lines: &str) -> Vec<Turn> {
    vec![
        Turn::send("EHLO a\r\n"),
        Turn::send("STARTTLS\r\n"),
        Turn::Tls,
        Turn::send(format!("EHLO a\r\n{lines}QUIT\r\n")),
    ]
}

/// Also in the copy for each recipient: there is one envelope for all of them.
// rows: 8689-4.1-a
#[test]
fn parameters_reach_the_delivery_as_they_came() {
    let delivery = Capable::default();
    let mut setup = Setup::new(delivery.clone());
    setup.service = Service::Submission;
    setup.tls = true;
    let lines = "MAIL FROM:<a@b> REQUIRETLS RET=HDRS ENVID=Q+20 MT-PRIORITY=-3 BY=-5;NT\r\n\
                 RCPT TO:<kim@local.test> NOTIFY=DELAY ORCPT=rfc822;K@x RRVS=2014-04-03T23:01:00Z;C\r\n\
                 RCPT TO:<lee@local.test>\r\nBDAT 0 LAST\r\nMAIL FROM:<> HOLDFOR=60\r\n\
                 RCPT TO:<kim@local.test>\r\nBDAT 0 LAST\r\n";
    let run = pure::run(&setup, &in_tls(lines), Cuts::None);
    let [first, second] = &delivery.memory.take()[..] else { panic!("{run:?}") };

    let params = &first.envelope.params;
    let used = params.extensions().collect::<Vec<_>>();
    assert_eq!(used, ["DSN", "REQUIRETLS", "MT-PRIORITY", "DELIVERBY"]);
    assert_eq!(params.envid.as_ref().unwrap().as_str(), "Q+20");
    assert_eq!(params.by.unwrap().seconds(), -5);
    let [kim, lee] = &first.envelope.recipients[..] else { panic!("{first:?}") };
    assert!(kim.params.notify.unwrap().delay);
    assert_eq!(kim.params.orcpt.as_ref().unwrap().as_str(), "rfc822;K@x");
    assert_eq!(lee.params.extensions().count(), 0);
    let verified = delivery.verified.lock().unwrap();
    let since = verified[0].params.rrvs.as_ref().unwrap().since();
    assert_eq!(since.as_str(), "2014-04-03T23:01:00Z");
    assert_eq!(kim.params.rrvs, verified[0].params.rrvs);

    let params = &second.envelope.params;
    assert_eq!(params.extensions().collect::<Vec<_>>(), ["FUTURERELEASE"]);
    assert_eq!(params.hold.as_ref().unwrap().release(1_000), 1_060);
}

// rows: 6710-4.1-b, 6710-4.1-c, 6710-4.1-d
#[test]
fn access_control_has_the_last_word_on_priorities() {
    for (asked, reply, given) in [
        ("", "250 2.1.0 Sender ok", None),
        (" MT-PRIORITY=5", "250 2.1.0 Sender ok", Some(5)),
        (" MT-PRIORITY=9", "250 2.3.6 7 is the priority of the message", Some(7)),
        (" MT-PRIORITY=4", "250 2.3.6 0 is the priority of the message", Some(0)),
        (" MT-PRIORITY=-5", "250 2.1.0 Sender ok", Some(-5)),
        (" MT-PRIORITY=-6", "450 4.7.15 Priority too low", None),
    ] {
        let delivery = Capable::default();
        let mut setup = Setup::new(delivery.clone());
        setup.access = Some(Arc::new(Priorities));
        let lines =
            format!("MAIL FROM:<>{asked}\r\nRCPT TO:<kim@local.test>\r\nBDAT 0 LAST\r\nQUIT\r\n");
        let turns = [Turn::send("EHLO a\r\n"), Turn::send(lines)];
        let run = pure::run(&setup, &turns, Cuts::None);
        let replies = String::from_utf8(run.output[2].clone()).unwrap();
        assert_eq!(replies.lines().next(), Some(reply), "{asked}");
        let messages = delivery.memory.take();
        let priority = messages.first().and_then(|message| message.envelope.params.mt_priority);
        assert_eq!(priority.map(MtPriority::value), given, "{asked}");
    }
}

/// At RCPT the client was told already, and nobody spoke for it at MAIL.
// rows: 6710-4.1-b
#[test]
fn a_priority_is_lowered_where_access_control_is_asked_at_rcpt() {
    let delivery = Capable::default();
    let mut setup = Setup::new(delivery.clone());
    setup.access = Some(Arc::new(Priorities));
    setup.evaluate_at = EvaluateAt::Recipient;
    let lines =
        "EHLO a\r\nMAIL FROM:<> MT-PRIORITY=9\r\nRCPT TO:<kim@local.test>\r\nBDAT 0 LAST\r\n";
    pure::run(&setup, &[Turn::send(lines)], Cuts::None);
    let message = delivery.memory.take().pop().unwrap();
    assert_eq!(message.envelope.params.mt_priority, Some(MtPriority::default()));
}

/// The latest date is the time of EHLO and the longest interval; it moves with the clock, so what was
/// offered is taken for as long as the session lasts.
// rows: 4865-4.2-b, 4865-4.2-d
#[test]
fn a_message_is_held_for_so_long_from_now() {
    let mut setup = Setup::new(Capable::default());
    setup.service = Service::Submission;
    let mut hand = ByHand::new(&setup);
    let unix_seconds = i64::try_from(start().wall.0 / 1000).unwrap();
    let at = |seconds: i64| DateTime::from_unix_seconds(unix_seconds + seconds).unwrap();
    hand.run();
    let (offers, _) = hand.send("EHLO a\r\n");
    let line = format!("250-FUTURERELEASE 86400 {}\r\n", at(86_400).as_str());
    assert!(offers.contains(&line), "{offers}");

    let mut told = |hold: &str| {
        let (reply, _) = hand.send(format!("MAIL FROM:<> {hold}\r\n"));
        hand.send("RSET\r\n");
        hand.wait(Duration::from_secs(1));
        reply[..9].to_owned()
    };
    let until = |seconds: i64| format!("HOLDUNTIL={}", at(seconds).as_str());
    assert_eq!(told(&until(86_401)), "501 5.5.4");
    assert_eq!(told(&until(86_401)), "250 2.1.0");
    assert_eq!(told(&until(86_400)), "250 2.1.0");
    assert_eq!(told("HOLDFOR=86401"), "501 5.5.4");
    assert_eq!(told("HOLDFOR=86400"), "250 2.1.0");
    // Five seconds have passed.
    assert_eq!(told(&format!("{} BY=60;R", until(66))), "501 5.5.4");
    assert_eq!(told(&format!("{} BY=60;R", until(66))), "250 2.1.0");
}

/// Numbers that EHLO cannot tell are told as the largest that it can.
// rows: 2852-2-a, 4865-4.2-b
#[test]
fn offers_have_nine_digits() {
    #[derive(Clone)]
    struct Slow;

    #[async_trait]
    impl Delivery for Slow {
        fn capabilities(&self) -> Capabilities {
            let mut slow = Capabilities::default();
            slow.deliver_by_seconds_min = Some(u32::MAX);
            slow.future_release_seconds_max = Some(u32::MAX);
            slow.mt_priority = Some(&["MIXER", "NSEP"]);
            slow
        }

        async fn deliver(
            &self,
            _: Envelope,
            _: &mut Body<'_>,
            _: &SessionInfo,
        ) -> Result<Receipt, Rejection> {
            Err(Rejection::local_error())
        }
    }

    let mut setup = Setup::new(Slow);
    setup.service = Service::Submissions;
    let turn = "EHLO a\r\nMAIL FROM:<> HOLDFOR=999999999 BY=999999999;R\r\n";
    let run = pure::run(&setup, &[Turn::send(turn)], Cuts::None);
    let offers = String::from_utf8(run.text()).unwrap();
    assert!(offers.ends_with("250 2.1.0 Sender ok\r\n"), "{offers}");
    let lines =
        ["DELIVERBY 999999999\r\n", "FUTURERELEASE 999999999 2", "MT-PRIORITY MIXER NSEP\r\n"];
    for line in lines {
        assert!(offers.contains(&format!("250-{line}")), "{line}: {offers}");
    }
}
