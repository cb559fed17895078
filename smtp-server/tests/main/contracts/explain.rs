//! Every verdict can be explained, by the hooks that give it.

use std::sync::Arc;

use smtp_server::access::{AccessAction, AccessMaps, MemoryMap};
use smtp_server::proto::{ClientName, ForwardPath, ReversePath};
use smtp_server::relay::{
    Authenticated, CertificateHolders, LocalDomains, Networks, RelayDomains, RelayParameters,
    RelayRestrictions,
};
use smtp_server::{
    EvaluateAt, Explain, Explanation, Hello, Identity, Peer, RelayPolicyExt, Service,
    ServiceConfig, SessionInfo, StageKind,
};

use super::connected;
use crate::support::hooks::{Scripted, rejection};
use crate::support::setup::Setup;

const RECIPIENTS: [&str; 4] =
    ["<kim@local.test>", "<full@local.test>", "<v@ext.test>", "<v@relay.test>"];

fn setup() -> (Setup, Scripted) {
    let (mut setup, delivery) = Setup::accepting();
    let local = LocalDomains::new(["local.test"]).unwrap();
    let networks = Networks::new(["!10.9.0.0/16", "10.0.0.0/8"]).unwrap();
    let certificates = CertificateHolders::of_every_authority();
    let backup = RelayDomains::new(["relay.test"]).unwrap();
    setup.relay = Arc::new(local.or(networks).or(Authenticated).or(certificates).or(backup));
    let senders = MemoryMap::from([("spam.test", AccessAction::reject("No spam"))]);
    let recipients =
        MemoryMap::from([("full@local.test", AccessAction::Reject(rejection("451 4.7.1 Later")))]);
    let access = AccessMaps::default().with(StageKind::Sender, senders);
    setup.access = Some(Arc::new(access.with(StageKind::Recipient, recipients)));
    (setup, delivery)
}

fn explain(setup: &Setup, client: &str, login: Option<&str>, from: &str, to: &str) -> Explanation {
    let remote = (client.parse::<std::net::IpAddr>().unwrap(), 1024).into();
    let peer = Peer::new(remote, "127.0.0.1:25".parse().unwrap());
    let mut info = SessionInfo::new("", Service::Lmtp, peer);
    info.hello = Some(Hello { name: ClientName::new("client.test").unwrap(), extended: true });
    info.identity = login.map(Identity::new);
    let explain = Explain {
        info,
        from: ReversePath::parse(from).unwrap().into_owned(),
        to: ForwardPath::parse(to).unwrap().into_owned(),
    };
    let service = ServiceConfig::smtp();
    super::runtime().block_on(setup.server().explain(explain, service)).unwrap()
}

#[test]
fn each_rule_that_was_asked_says_why() {
    let (setup, delivery) = setup();
    let explained = explain(&setup, "192.0.2.9", None, "<a@ext.test>", "<v@ext.test>");
    assert_eq!(
        explained.to_string(),
        "access control (Sender): nothing against it\n\
         local domains: the domain of <v@ext.test> is none of them\n\
         networks: the client is in none of them\n\
         authenticated: the client did not log in\n\
         certificates: the client showed none\n\
         relay domains: ext.test is none of them\n\
         relay policy: denied\n\
         => 554 5.7.1 Relay access denied\n"
    );
    let last = |client, login, from, to| {
        let text = explain(&setup, client, login, from, to).to_string();
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines[lines.len() - 2..].join("\n")
    };
    for (client, login, from, to, expected) in [
        (
            "10.0.0.1",
            None,
            "<>",
            "<v@ext.test>",
            "delivery: nothing against it\n=> relayed: client is in 10.0.0.0/8",
        ),
        (
            "10.9.0.1",
            Some("kim"),
            "<>",
            "<v@ext.test>",
            "delivery: nothing against it\n=> relayed: authenticated as kim",
        ),
        (
            "192.0.2.9",
            None,
            "<>",
            "<v%ext.test@relay.test>",
            "relay policy: denied\n=> 554 5.7.1 Relay access denied",
        ),
        (
            "192.0.2.9",
            None,
            "<>",
            "<kim@local.test>",
            "delivery: nothing against it\n=> accepted: the recipient is local",
        ),
        (
            "192.0.2.9",
            None,
            "<a@spam.test>",
            "<kim@local.test>",
            "access control (Sender): 554 5.7.1 No spam\n=> 554 5.7.1 No spam",
        ),
        (
            "192.0.2.9",
            None,
            "<>",
            "<full@local.test>",
            "access control (Recipient): 451 4.7.1 Later\n=> 451 4.7.1 Later",
        ),
    ] {
        assert_eq!(last(client, login, from, to), expected, "{client} {from} {to}");
    }
    assert!(delivery.log().is_empty());
    assert!(setup.events.all().is_empty(), "observers are not told of what did not happen");
}

#[test]
fn an_exclusion_and_the_word_that_decides_are_named() {
    let (mut setup, _) = setup();
    let explained = explain(&setup, "10.9.0.1", None, "<>", "<v@ext.test>");
    let line = "networks: the client is in 10.9.0.0/16, which is excluded";
    assert!(explained.notes.contains(&line.to_owned()), "{explained}");
    let parameters = RelayParameters {
        local_domains: LocalDomains::new(["local.test"]).unwrap(),
        ..RelayParameters::default()
    };
    let list = "permit_sasl_authenticated, defer_unauth_destination";
    setup.relay = Arc::new(RelayRestrictions::parse(list, parameters).unwrap());
    let explained = explain(&setup, "10.0.0.1", None, "<>", "<v@ext.test>");
    let line = "defer_unauth_destination decides";
    assert!(explained.notes.contains(&line.to_owned()), "{explained}");
}

/// The reply to RCPT, or to MAIL where that is refused.
async fn said(setup: &Setup, from: &str, to: &str) -> String {
    let (mut client, serving) = connected(setup, 4096);
    client.reply().await;
    client.ask("EHLO client.test\r\n").await;
    let mut reply = client.ask(&format!("MAIL FROM:{from}\r\n")).await;
    if reply.starts_with("250") {
        reply = client.ask(&format!("RCPT TO:{to}\r\n")).await;
    }
    client.ask("QUIT\r\n").await;
    serving.await.unwrap();
    reply.trim_end().to_owned()
}

/// Wherever the policies are asked.
#[test]
fn a_session_says_what_was_explained() {
    let (mut setup, _) = setup();
    for evaluate_at in [EvaluateAt::OwnStage, EvaluateAt::Recipient] {
        setup.evaluate_at = evaluate_at;
        for client in ["192.0.2.9", "10.0.0.1", "10.9.0.1", "::ffff:10.0.0.1"] {
            setup.client = client.parse().unwrap();
            for from in ["<>", "<a@ext.test>", "<a@spam.test>"] {
                for to in RECIPIENTS {
                    let expected = match explain(&setup, client, None, from, to).verdict {
                        Ok(_) => "250 2.1.5 Recipient ok".to_owned(),
                        Err(rejection) => rejection.reply().to_string(),
                    };
                    let said = super::runtime().block_on(said(&setup, from, to));
                    assert_eq!(said, expected, "{client} {from} {to}");
                }
            }
        }
    }
}
