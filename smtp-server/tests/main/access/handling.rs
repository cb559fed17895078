//! What access control asks to be done with a message is done, or the message is refused.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use smtp_server::access::{AccessAction, AccessMaps, MemoryMap};
use smtp_server::{
    Accepted, Body, Capabilities, Delivered, Delivery, Effects, Envelope, SessionInfo, StageKind,
};

use crate::contracts::{connected, paused};
use crate::support::octets::codes;
use crate::support::setup::Setup;

/// Honours what it is told to, and keeps what it was asked for.
#[derive(Clone)]
struct Honouring {
    capabilities: Capabilities,
    seen: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Delivery for Honouring {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn deliver(&self, envelope: Envelope, body: &mut Body<'_>, _: &SessionInfo) -> Delivered {
        body.drain().await?;
        let effects = Effects { handling: envelope.handling, ..Effects::default() };
        self.seen.lock().unwrap().push(super::effects_line(&effects));
        Ok(Accepted::new().into())
    }
}

type Grant = fn(&mut Capabilities);

const ACTIONS: [(&str, &str, Grant); 4] = [
    ("HOLD Look at it", "hold [Look at it]", |c| c.hold = true),
    ("REDIRECT una@example.net", "redirect una@example.net", |c| c.redirect = true),
    ("BCC una@example.net", "bcc una@example.net", |c| c.bcc = true),
    ("FILTER scan:", "filter scan:", |c| c.filter = true),
];

/// One message whose recipient has these actions, with DATA or BDAT: the replies, what the delivery saw, the events.
fn carried(
    actions: &[&str],
    grants: &[Grant],
    content: &str,
) -> (Vec<String>, Vec<String>, Vec<String>) {
    let mut capabilities = Capabilities::default();
    grants.iter().for_each(|grant| grant(&mut capabilities));
    let delivery = Honouring { capabilities, seen: Arc::default() };
    let mut setup = Setup::new(delivery.clone());
    let access = actions.iter().fold(AccessMaps::default(), |access, text| {
        let action = AccessAction::parse(text).unwrap();
        access.with(StageKind::Recipient, MemoryMap::from([("kim@local.test", action)]))
    });
    setup.access = Some(Arc::new(access));
    let replies = paused(async {
        let (mut client, _serving) = connected(&setup, 1 << 16);
        client.reply().await;
        client.ask("EHLO a\r\n").await;
        client.ask("MAIL FROM:<>\r\n").await;
        client.ask("RCPT TO:<kim@local.test>\r\n").await;
        let first = client.ask(content).await;
        let replies = match first.starts_with("354") {
            true => vec![first, client.ask("hi\r\n.\r\n").await],
            false => vec![first],
        };
        client.ask("QUIT\r\n").await;
        replies
    });
    let seen = delivery.seen.lock().unwrap().clone();
    (replies.iter().flat_map(|reply| codes(reply.as_bytes())).collect(), seen, setup.events.all())
}

#[test]
fn what_a_delivery_does_not_honour_it_never_gets() {
    for (row, (action, _, _)) in ACTIONS.iter().enumerate() {
        // Whatever else it honours.
        let others = ACTIONS.iter().enumerate().filter(|(other, _)| *other != row);
        let others: Vec<Grant> = others.map(|(_, (_, _, grant))| *grant).collect();
        for content in ["DATA\r\n", "BDAT 4 LAST\r\nhi\r\n"] {
            let (replies, seen, events) = carried(&[action], &others, content);
            assert_eq!(replies, ["451 4.3.5"], "{action} {content:?}");
            assert!(seen.is_empty(), "{seen:?}");
            let failed = "HookFailed Access UnhonouredHandling".to_owned();
            assert!(events.contains(&failed), "{events:?}");
        }
    }
}

#[test]
fn what_a_delivery_honours_it_is_told() {
    for (action, line, grant) in ACTIONS {
        let (replies, seen, _) = carried(&[action], &[grant], "DATA\r\n");
        assert_eq!(replies, ["354", "250 2.0.0"], "{action}");
        assert_eq!(seen, [line]);
    }
    let grants = ACTIONS.map(|(_, _, grant)| grant);
    let actions = ACTIONS.map(|(action, _, _)| action);
    let (_, seen, _) = carried(&actions, &grants, "BDAT 4 LAST\r\nhi\r\n");
    assert_eq!(seen, [ACTIONS.map(|(_, line, _)| line).join(", ")]);
}

#[test]
fn the_last_redirect_and_filter_count_and_every_bcc() {
    let actions = [
        "REDIRECT a@a.test",
        "BCC b@b.test",
        "FILTER a:",
        "REDIRECT c@c.test",
        "BCC d@d.test",
        "FILTER b:",
    ];
    let (_, seen, _) = carried(&actions, &ACTIONS.map(|(_, _, grant)| grant), "DATA\r\n");
    assert_eq!(seen, ["redirect c@c.test, bcc b@b.test, bcc d@d.test, filter b:"]);
}

#[test]
fn what_is_discarded_reaches_no_delivery_that_could_honour_anything() {
    let (replies, seen, events) = carried(&["HOLD", "DISCARD Spam"], &[], "DATA\r\n");
    assert_eq!(replies, ["354", "250 2.0.0"]);
    assert!(seen.is_empty(), "{seen:?}");
    assert!(
        events.iter().any(|event| event.contains("Noted") && event.contains("Spam")),
        "{events:?}"
    );
}

#[test]
fn a_remark_is_an_event_and_nothing_else() {
    let (replies, seen, events) = carried(&["WARN Odd", "INFO Fine"], &[], "DATA\r\n");
    assert_eq!(replies, ["354", "250 2.0.0"]);
    assert_eq!(seen, [""]);
    let noted: Vec<_> = events.iter().filter(|event| event.starts_with("Noted")).collect();
    assert!(
        noted[0].contains("Warning(\"Odd\")") && noted[1].contains("Info(\"Fine\")"),
        "{noted:?}"
    );
}

#[test]
fn a_remark_before_a_refusal_is_in_its_detail() {
    let (_, _, events) = carried(&["WARN Odd", "REJECT"], &[], "DATA\r\n");
    let refused = events.iter().find(|event| event.starts_with("RecipientRefused")).unwrap();
    assert!(refused.contains("detail: Some(\"Odd\")"), "{refused}");
}

#[test]
fn ok_and_discard_end_a_stage_and_dunno_a_table() {
    for (first, second, replies) in [
        ("OK", "HOLD", &["354", "250 2.0.0"][..]),
        ("DISCARD", "REJECT", &["354", "250 2.0.0"]),
        ("DUNNO", "HOLD", &["451 4.3.5"]),
        ("INFO", "HOLD", &["451 4.3.5"]),
    ] {
        assert_eq!(carried(&[first, second], &[], "DATA\r\n").0, replies, "{first} {second}");
    }
}
