//! What the sender of a message is told in all, from the session to the last attempt.

use smtp_server::proto::Notify;
use smtp_server::relay::LocalDomains;
use smtp_server::{Server, ServiceConfig};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// What each report says of whom, in their order.
fn told(reports: &[String]) -> Vec<String> {
    let fields = reports.iter().flat_map(|report| report.lines()).filter_map(|line| {
        let words = line.strip_prefix("Final-Recipient: rfc822; ");
        words.or_else(|| line.strip_prefix("Action: "))
    });
    fields.collect::<Vec<_>>().chunks(2).map(|pair| pair.join(" ")).collect()
}

// rows: 3464-3-a
#[tokio::test]
async fn the_end_of_a_recipient_is_told_once() {
    let mailboxes = Mailboxes::default();
    let queue = queue(&mailboxes);
    let to = ["<lee@local.test>", "<late@local.test>", "<unknown@other.test>", "<sam@other.test>"];
    let mut envelope = envelope(&queue, "<kim@local.test>", &to);
    for recipient in &mut envelope.recipients {
        recipient.params.notify = Some(Notify { success: true, failure: true, delay: true });
    }
    submit(&queue, envelope).await;
    // Two of them are the reports'.
    deferred(&queue, &mailboxes, 6, 1).await;
    mailboxes.state().is_open = true;
    assert_eq!(queue.flush(&Filter::default()), 1);
    until(&queue, || queue.counts().total() == 0).await;
    let mut told = told(&mailboxes.of("kim@local.test"));
    told.sort_unstable();
    assert_eq!(
        told,
        [
            "late@local.test delivered",
            "lee@local.test delivered",
            "sam@other.test delivered",
            "unknown@other.test failed",
        ]
    );
}

// rows: 5321-4.4-k
#[tokio::test]
async fn a_message_for_some_is_taken_and_the_others_are_reported() {
    let mailboxes = Mailboxes::default();
    let queue = queue(&mailboxes);
    let mut server = Server::builder("mx.example.org")
        .relay_policy(LocalDomains::new(["local.test"]).unwrap())
        .delivery(queue.clone())
        .queue_ids(queue.ids())
        .build()
        .unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let mut client = BufReader::new(client);
    server.listen(listener, ServiceConfig::smtp()).unwrap();
    tokio::spawn(server.run(pending()));
    for (commands, expected) in [
        ("", &["220"][..]),
        ("EHLO client.test\r\n", &["250"]),
        ("MAIL FROM:<lee@local.test>\r\nRCPT TO:<kim@local.test>\r\n", &["250", "250"]),
        ("RCPT TO:<unknown@local.test>\r\nDATA\r\n", &["250", "354"]),
        ("Subject: hello\r\n\r\nHello.\r\n.\r\n", &["250"]),
    ] {
        client.write_all(commands.as_bytes()).await.unwrap();
        for expected in expected {
            let mut reply = "250-".to_owned();
            while reply.as_bytes()[3] == b'-' {
                reply.clear();
                client.read_line(&mut reply).await.unwrap();
            }
            assert_eq!(&reply[..3], *expected, "{commands}");
        }
    }
    until(&queue, || queue.counts().total() == 0 && !mailboxes.of("lee@local.test").is_empty())
        .await;
    assert_eq!(mailboxes.of("kim@local.test").len(), 1);
    assert_eq!(told(&mailboxes.of("lee@local.test")), ["unknown@local.test failed"]);
}
