//! What is deferred in one list and refused in another: `defer_if_permit`, `defer_if_reject`.

use std::sync::Arc;

use smtp_server::access::{RestrictionParameters, Restrictions};
use smtp_server::relay::Networks;
use smtp_server::{EvaluateAt, StageKind};

use crate::support::setup::Setup;
use crate::support::tcp::{Running, TcpClient};

/// The lists for client, HELO, sender and recipient, and what is said to RCPT.
pub(super) type Row = ([&'static str; 4], &'static str);

const CLIENT: &str =
    "450 4.7.0 <unknown[203.0.113.9]>: Client host rejected: defer_if_permit requested";
const REFUSED: &str = "554 5.7.1 <nobody@local.test>: Recipient address rejected: Access denied";

/// A real Postfix is asked for the same.
pub(super) const ROWS: [Row; 12] = [
    (["defer_if_permit", "", "", ""], CLIENT),
    (["defer_if_permit, permit", "permit", "permit", "permit"], CLIENT),
    (["defer_if_permit", "", "", "reject"], REFUSED),
    (["defer_if_permit", "defer_if_permit", "defer_if_permit", "defer_if_permit"], CLIENT),
    (
        ["", "defer_if_permit", "", "permit"],
        "450 4.7.0 <client.example>: Helo command rejected: defer_if_permit requested",
    ),
    (
        ["", "", "check_sender_access inline:{ {example.net = DEFER_IF_PERMIT 4.1.3 Later} }", ""],
        "450 4.1.7 <ann@example.net>: Sender address rejected: Later",
    ),
    (
        ["defer_if_permit", "", "", "defer"],
        "450 4.3.2 <nobody@local.test>: Recipient address rejected: Try again later",
    ),
    // This one is remembered for its own list alone.
    (["defer_if_reject", "", "", "reject"], REFUSED),
    (["defer_if_permit, defer_if_reject, reject", "", "", "reject"], REFUSED),
    (["defer_if_permit, defer_if_reject, reject", "", "", ""], CLIENT),
    (["defer_if_reject", "", "", ""], "ok"),
    (["warn_if_reject defer_if_permit", "", "", ""], "ok"),
];

fn setup(lists: &[&str; 4], evaluate_at: EvaluateAt) -> Setup {
    let (mut setup, _) = Setup::accepting();
    let stages = [StageKind::Client, StageKind::Hello, StageKind::Sender, StageKind::Recipient];
    let access = stages
        .into_iter()
        .zip(lists)
        .fold(Restrictions::new(RestrictionParameters::default()), |access, (stage, list)| {
            access.with(stage, list).unwrap()
        });
    setup.access = Some(Arc::new(access));
    setup.evaluate_at = evaluate_at;
    setup.xclient_clients = Networks::new(["127.0.0.0/8"]).unwrap();
    setup
}

async fn begin(server: &Running) -> TcpClient {
    let mut client = server.connect("127.0.0.1".parse().unwrap()).await;
    client.reply().await;
    for command in ["EHLO a.example", "XCLIENT ADDR=203.0.113.9", "EHLO client.example"] {
        ask(&mut client, command).await;
    }
    client
}

async fn ask(client: &mut TcpClient, command: &str) -> String {
    client.ask(&format!("{command}\r\n")).await.trim_end().to_owned()
}

async fn recipient(client: &mut TcpClient, from: &str) -> String {
    let reply = ask(client, &format!("MAIL FROM:<{from}>")).await;
    assert!(reply.starts_with("250 "), "{reply}");
    let reply = ask(client, "RCPT TO:<nobody@local.test>").await;
    if reply.starts_with("250 ") { "ok".to_owned() } else { reply }
}

#[tokio::test]
async fn what_was_deferred_counts_when_nothing_refuses() {
    for (lists, expected) in &ROWS {
        for evaluate_at in [EvaluateAt::Recipient, EvaluateAt::OwnStage] {
            let server = Running::start(&setup(lists, evaluate_at)).await;
            let mut client = begin(&server).await;
            // Of each recipient.
            for _ in 0..2 {
                let got = recipient(&mut client, "ann@example.net").await;
                assert_eq!(got, *expected, "{lists:?} {evaluate_at:?}");
                ask(&mut client, "RSET").await;
            }
        }
    }
}

/// Each stage's deferral ends when the stage is judged again.
#[tokio::test]
async fn a_deferral_is_of_its_stage() {
    let lists = [
        "check_client_access inline:{ {203 = DEFER_IF_PERMIT Client} }",
        "check_helo_access inline:{ {other.example = DEFER_IF_PERMIT Name} }",
        "check_sender_access inline:{ {slow.example = DEFER_IF_PERMIT Sender} }",
        "",
    ];
    for evaluate_at in [EvaluateAt::Recipient, EvaluateAt::OwnStage] {
        let server = Running::start(&setup(&lists, evaluate_at)).await;
        let mut client = begin(&server).await;
        for (command, from, end) in [
            ("NOOP", "ann@slow.example", "rejected: Client"),
            ("XCLIENT ADDR=192.0.2.9", "", ""),
            ("EHLO other.example", "ann@slow.example", "rejected: Name"),
            ("EHLO client.example", "ann@slow.example", "rejected: Sender"),
            ("RSET", "ann@example.net", "ok"),
        ] {
            let reply = ask(&mut client, command).await;
            assert!(reply.starts_with('2'), "{reply}");
            if !end.is_empty() {
                let got = recipient(&mut client, from).await;
                assert!(got.ends_with(end), "{command} {evaluate_at:?}: {got}");
                ask(&mut client, "RSET").await;
            }
        }
    }
}

/// Behind the recipients there is nothing left that could refuse.
#[tokio::test]
async fn a_deferral_behind_the_recipients_refuses() {
    for (stage, expected) in [
        (StageKind::Data, "450 4.7.0 <DATA>: Data command rejected: defer_if_permit requested"),
        (
            StageKind::EndOfData,
            "450 4.7.0 <END-OF-MESSAGE>: End-of-data rejected: defer_if_permit requested",
        ),
    ] {
        let (mut setup, delivery) = Setup::accepting();
        let access = Restrictions::new(RestrictionParameters::default());
        setup.access = Some(Arc::new(access.with(stage, "defer_if_permit").unwrap()));
        let server = Running::start(&setup).await;
        let mut client = begin(&server).await;
        assert_eq!(recipient(&mut client, "ann@example.net").await, "ok");
        let mut reply = ask(&mut client, "DATA").await;
        if stage == StageKind::EndOfData {
            reply = ask(&mut client, "Subject: x\r\n\r\nx\r\n.").await;
        }
        assert_eq!(reply, expected);
        let log = delivery.log();
        assert!(log.iter().all(|line| line.starts_with("failed ")), "{stage:?}: {log:?}");
    }
}
