//! Messages to a next hop, as it received them.

use smtp_proto::Domain;
use smtp_queue::dsn::{Lateness, Reporter};
use smtp_queue::transport::Direct;
use smtp_queue::transport::smtp::{TlsLevel, TlsPolicy};
use smtp_queue::{Content, Feedback, NextHop, Outcome};
use smtp_server::delivery::{Maildir, Memory};
use smtp_server::relay::RelayDomains;
use smtp_server::{Recipient, Server, ServiceConfig};

use super::certificates::Authority;
use super::mail::{ARRIVED, entry};
use super::peer::{HELLO, Peer, TAKEN, attempt, client, content, job, proxy, serve, server, short};

#[tokio::test]
async fn a_message_arrives_as_it_is() {
    let authority = Authority::new();
    let inbox = Memory::default();
    let tls = Some(authority.server(&["mx.test"]));
    let address = server(inbox.clone(), tls, ServiceConfig::smtp()).await;
    let policy = TlsPolicy::new(TlsLevel::Verify);
    let transport = client().tls(authority.client()).tls_policy(policy);
    let entry = entry("<a@client.test> BODY=8BITMIME", &["<b@d.test>", "<c@d.test>"]);
    let large = "0123456789abcdef\r\n.\r\n".repeat(30_000);
    for body in ["Subject: x\r\n\r\n.y\r\n..\r\nü\r\n".to_owned(), large] {
        let mut job = job(entry.clone(), NextHop::host("mx.test", address));
        job.content = content(body.clone());
        let (feedback, reports) = attempt(&transport, &job).await;
        assert_eq!(feedback, Feedback::Reached);
        for report in &reports {
            assert_eq!(short(report), "relayed 2.0.0");
            assert!(report.outcome.status().text.starts_with("250 2.0.0 "));
        }
        let [message] = &*inbox.take() else { panic!() };
        assert_eq!(message.content, format!("Received: here\r\n{body}").as_bytes());
        assert_eq!(message.envelope.recipients.len(), 2);
        let received = message.fields.iter().find(|field| field.name() == "Received").unwrap();
        assert!(received.value().contains("ESMTPS"), "{}", received.value());
    }
}

// rows: 5321-4.5.5-b
#[tokio::test]
async fn a_null_reverse_path_stays_null_and_is_not_replied_to() {
    let peer = Peer::start(&[&format!("{HELLO}{TAKEN}")]).await;
    let job = job(entry("<>", &["<b@d.test> NOTIFY=SUCCESS,DELAY"]), peer.next_hop());
    let (_, reports) = attempt(&client(), &job).await;
    assert_eq!(short(&reports[0]), "relayed 2.0.0");
    assert_eq!(peer.heard()[2], "MAIL FROM:<>");
    let reporter = Reporter::new(&Domain::parse("client.test").unwrap()).unwrap();
    let delivered = Outcome::Delivered(reports[0].outcome.status().clone());
    for outcome in [&reports[0].outcome, &delivered] {
        assert_eq!(reporter.outcome(&job.entry, 0, outcome), None);
    }
    assert_eq!(reporter.delay(&job.entry, 0, Lateness::Unusual, ARRIVED), None);
}

// rows: 5598-4.3-a
#[tokio::test]
async fn submission_completes_a_relay_adds_trace_and_delivery_names_the_sender() {
    let home = tempfile::tempdir().unwrap();
    let mailbox = home.path().to_owned();
    let store = Maildir::new("mx.test", move |_: &Recipient| Some(mailbox.clone()));
    let store = server(store, None, ServiceConfig::smtp()).await;
    let relay = proxy(Direct::new(client(), NextHop::host("mx.test", store))).await;
    let submission = Server::builder("submission.test")
        .relay_policy(RelayDomains::new(["d.test"]).unwrap())
        .delivery(Direct::new(client(), NextHop::host("proxy.test", relay)))
        .build()
        .unwrap();
    let service = ServiceConfig::submission().require_auth(false);
    let submission = serve(submission, service).await;
    let mut job = job(
        entry("<a@client.test>", &["<b@d.test>"]),
        NextHop::host("submission.test", submission),
    );
    let body = "Subject: x\r\n\r\nhi\r\n".to_owned();
    for (via, expected) in [
        (submission, "Return-Path Delivered-To Received Received Received Date Message-ID Subject"),
        (relay, "Return-Path Delivered-To Received Received Subject"),
        (store, "Return-Path Delivered-To Received Subject"),
    ] {
        job.next_hop = NextHop::host("mx.test", via);
        job.content = Content::from(body.clone());
        let (_, reports) = attempt(&client(), &job).await;
        assert_eq!(short(&reports[0]), "relayed 2.0.0");
        let file = std::fs::read_dir(home.path().join("new")).unwrap().next().unwrap().unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        std::fs::remove_file(file.path()).unwrap();
        let (header, content) = text.split_once("\n\n").unwrap();
        let fields = header.lines().filter(|line| !line.starts_with('\t'));
        let names = fields.map(|line| line.split(':').next().unwrap()).collect::<Vec<_>>();
        assert_eq!((names.join(" ").as_str(), content), (expected, "hi\n"));
        assert!(text.starts_with("Return-Path: <a@client.test>\n"));
    }
}

/// What a status holds for a report: code, words, reply, host.
#[tokio::test]
async fn a_refusal_says_who_refused_what() {
    let script = "C: MAIL FROM
        C: RCPT TO:<b@d.test>
        C: RCPT TO:<c@d.test>
        C: RCPT TO:<d@d.test>
        C: DATA
        S: 250 Ok
        S: 550 5.1.1 No such user
        S: 451 4.7.1 Greylisted
        S: 250 Ok
        S: 354 Go on
        D:
        S: 250 2.0.0 Taken as 7";
    let peer = Peer::start(&[&format!("{HELLO}{script}")]).await;
    let entry = entry("<a@client.test>", &["<b@d.test>", "<c@d.test>", "<d@d.test>"]);
    let (feedback, reports) = attempt(&client(), &job(entry, peer.next_hop())).await;
    assert_eq!(feedback, Feedback::Reached);
    let told = reports.iter().map(short).collect::<Vec<_>>();
    assert_eq!(told, ["failed 5.1.1", "deferred 4.7.1", "relayed 2.0.0"]);
    let status = reports[0].outcome.status();
    let host = format!("mx.test[127.0.0.1]:{}", peer.address.port());
    let text = format!("host {host} said: 550 5.1.1 No such user (in reply to RCPT TO command)");
    assert_eq!(status.text, text);
    assert_eq!(status.reply.as_ref().unwrap().code().value(), 550);
    assert_eq!(status.remote.as_ref().unwrap().to_string(), host);
    assert_eq!(reports[2].outcome.status().text, "250 2.0.0 Taken as 7");
}

// rows: 5321-4.2.5-b
#[tokio::test]
async fn what_is_refused_at_the_end_remains_ours() {
    for (reply, expected) in [
        ("452 4.3.1 Full", "deferred 4.3.1"),
        ("554 5.6.0 Spam", "failed 5.6.0"),
        ("554 No", "failed 5.0.0"),
    ] {
        let taken = TAKEN.replace("250 2.0.0 Taken", reply);
        let peer = Peer::start(&[&format!("{HELLO}{taken}C: QUIT")]).await;
        let job = job(entry("<a@client.test>", &["<b@d.test>"]), peer.next_hop());
        let (feedback, reports) = attempt(&client(), &job).await;
        assert_eq!((feedback, short(&reports[0])), (Feedback::Reached, expected.to_owned()));
    }
}

#[tokio::test]
async fn an_unknown_result_is_deferred_and_said_to_be_one() {
    let peer = Peer::start(&[
        &format!("{HELLO}{}", TAKEN.replace("S: 250 2.0.0 Taken", "")),
        &format!("{HELLO}{TAKEN}"),
    ])
    .await;
    let job = job(entry("<a@client.test>", &["<b@d.test>"]), peer.next_hop());
    let (feedback, reports) = attempt(&client(), &job).await;
    assert_eq!((feedback, short(&reports[0])), (Feedback::Reached, "deferred 4.4.2".to_owned()));
    let text = &reports[0].outcome.status().text;
    assert!(
        text.ends_with("while sending end of data -- message may be sent more than once"),
        "{text}"
    );
    assert_eq!(peer.connections(), 1);
}

// rows: 5321-4.5.3.1.8-c
#[tokio::test]
async fn recipients_go_in_batches_that_the_next_hop_takes() {
    let inbox = Memory::default();
    let address = server(inbox.clone(), None, ServiceConfig::smtp()).await;
    let recipients = (0..250).map(|number| format!("<u{number}@d.test>")).collect::<Vec<_>>();
    let recipients = recipients.iter().map(String::as_str).collect::<Vec<_>>();
    let entry = entry("<a@client.test>", &recipients);
    let job = job(entry, NextHop::host("mx.test", address));
    let (_, reports) = attempt(&client(), &job).await;
    assert!(reports.iter().all(|report| short(report) == "relayed 2.0.0"));
    let batches =
        inbox.take().iter().map(|message| message.envelope.recipients.len()).collect::<Vec<_>>();
    assert_eq!(batches, [100, 100, 50]);
}

#[tokio::test]
async fn who_is_one_too_many_goes_in_the_next_transaction() {
    let one = "C: MAIL FROM
        C: RCPT TO:<b@d.test>
        C: RCPT TO:<c@d.test>
        C: DATA
        S: 250 Ok
        S: 250 Ok
        S: 452 4.5.3 One at a time
        S: 354 Go on
        D:
        S: 250 2.0.0 Taken
        C: MAIL FROM
        C: RCPT TO:<c@d.test>
        C: DATA
        S: 250 Ok
        S: 250 Ok
        S: 354 Go on
        D:
        S: 250 2.0.0 Taken";
    let limited = "
        S: 220 mx.test
        C: EHLO
        S: 250-mx.test
        S: 250 LIMITS RCPTMAX=1 MAILMAX=1
        C: MAIL
        S: 250 Ok
        C: RCPT TO:<RCPT@d.test>
        S: 250 Ok
        C: DATA
        S: 354 Go on
        D:
        S: 250 Taken
        C: QUIT";
    let limits = ["b", "c"].map(|name| limited.replace("RCPT@", &format!("{name}@")));
    for (scripts, connections) in [(vec![format!("{HELLO}{one}")], 1), (limits.to_vec(), 2)] {
        let scripts = scripts.iter().map(String::as_str).collect::<Vec<_>>();
        let peer = Peer::start(&scripts).await;
        let job = job(entry("<a@client.test>", &["<b@d.test>", "<c@d.test>"]), peer.next_hop());
        let (_, reports) = attempt(&client(), &job).await;
        assert!(
            reports.iter().all(|report| matches!(report.outcome, Outcome::Relayed { .. })),
            "{reports:?}"
        );
        assert_eq!(peer.connections(), connections);
    }
}

#[tokio::test]
async fn a_next_hop_that_takes_over_reports_says_so() {
    for (offer, expected) in [("DSN", true), ("HELP", false)] {
        let hello =
            HELLO.replace("S: 250 PIPELINING", &format!("S: 250-PIPELINING\nS: 250 {offer}"));
        let peer = Peer::start(&[&format!("{hello}{TAKEN}")]).await;
        let job = job(entry("<a@client.test>", &["<b@d.test>"]), peer.next_hop());
        let (_, reports) = attempt(&client(), &job).await;
        let Outcome::Relayed { reports, .. } = &reports[0].outcome else { panic!() };
        assert_eq!(*reports, expected);
    }
}
