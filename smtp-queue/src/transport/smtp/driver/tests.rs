//! A next hop that listens only when it was heard.

use smtp_proto::{ForwardPath, MailParams, RcptParams, ReversePath};
use smtp_server::{QueueId, Recipient, RecipientClass, UnixMillis};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};

use super::*;
use crate::entry::{QueueEntry, QueuedRecipient, RecipientState};
use crate::transport::smtp::session::{ContentFacts, Hello, TlsUse};

fn entry(recipients: u32) -> QueueEntry {
    let recipient = |number| Recipient {
        path: ForwardPath::parse(&format!("<u{number}@d.test>")).unwrap().into_owned(),
        params: RcptParams::default(),
        class: RecipientClass::Local,
    };
    let queued = |recipient| QueuedRecipient { recipient, state: RecipientState::Pending(None) };
    QueueEntry {
        id: QueueId(1),
        arrived: UnixMillis(0),
        reverse_path: ReversePath::Null,
        params: MailParams::default(),
        recipients: (0..recipients).map(recipient).map(queued).collect(),
        content_bytes: 0,
        hold: None,
        filter: None,
        delay_warned: false,
        expired: false,
    }
}

/// Reads one line, and writes all of a long reply before it reads the next.
async fn answer(stream: DuplexStream) {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut lines = BufReader::with_capacity(16, reader).lines();
    let long = "250-and so on\r\n".repeat(100) + "250 Ok\r\n";
    writer.write_all(b"220 mx.test\r\n").await.unwrap();
    while let Some(line) = lines.next_line().await.unwrap() {
        let reply = match line.get(..4) {
            Some("EHLO") => "250-mx.test\r\n250 PIPELINING\r\n",
            Some("DATA") => "354 Go on\r\n",
            _ => &long,
        };
        writer.write_all(reply.as_bytes()).await.unwrap();
    }
}

// rows: 2920-3.1-g
#[tokio::test(start_paused = true)]
async fn replies_are_read_while_commands_are_written() {
    let (ours, theirs) = tokio::io::duplex(64);
    tokio::spawn(answer(theirs));
    let session = ClientSession::new(Hello::smtp("client.test", TlsUse::Never).unwrap());
    let host = NextHost { name: "mx.test".to_owned(), address: None };
    let timeouts = ClientTimeouts::default();
    let mut connection = Connection::new(Box::new(ours), session, host, timeouts);
    let content = Content::from(String::new());
    assert_eq!(connection.next(&content).await, Action::Ready);
    let (entry, facts) = (entry(100), ContentFacts::default());
    let recipients = (0..100).collect::<Vec<_>>();
    let plan = connection.session.plan(&entry, &recipients, &facts, UnixMillis(0)).unwrap();
    connection.session.begin(plan);
    for expected in 0..100 {
        let action = connection.next(&content).await;
        let Action::Recipient { recipient, answer } = action else { panic!("{action:?}") };
        assert!(recipient == expected && answer.is_accepted());
    }
}
