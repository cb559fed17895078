//! `FinalReplyWritten` is told when every octet of the reply was written, and not before.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::paused;
use crate::support::setup::Setup;

/// Reads until what was read ends so.
async fn read_until(client: &mut DuplexStream, end: &[u8]) {
    let mut all = Vec::new();
    while !all.ends_with(end) {
        all.push(client.read_u8().await.unwrap());
    }
}

/// A client that was told 354, behind a pipe of one octet.
async fn at_354(setup: &Setup) -> (DuplexStream, tokio::task::JoinHandle<()>) {
    let (mut client, served) = tokio::io::duplex(1);
    let serving = super::serve(setup.server(), served, setup);
    read_until(&mut client, b"\r\n").await;
    client.write_all(b"HELO a\r\n").await.unwrap();
    read_until(&mut client, b"250 mx.test\r\n").await;
    for command in ["MAIL FROM:<>\r\n", "RCPT TO:<kim@local.test>\r\n", "DATA\r\n"] {
        client.write_all(command.as_bytes()).await.unwrap();
        read_until(&mut client, b"\r\n").await;
    }
    client.write_all(b".\r\n").await.unwrap();
    (client, serving)
}

#[test]
fn it_is_told_after_the_last_octet() {
    let (setup, delivery) = Setup::accepting();
    paused(async {
        let (mut client, _serving) = at_354(&setup).await;
        let mut reply = Vec::new();
        while !reply.ends_with(b"\r\n") {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let written = setup.events.starting_with("FinalReplyWritten");
            // One octet is in the pipe, so the last was written when the one before it was read.
            let may_be = reply.ends_with(b"\r");
            assert!(written.is_empty() || may_be, "after {:?}", String::from_utf8_lossy(&reply));
            reply.push(client.read_u8().await.unwrap());
        }
        assert_eq!(delivery.log(), ["<> <kim@local.test> "]);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let written = setup.events.starting_with("FinalReplyWritten");
        assert!(written.len() == 1 && written[0].contains(" true 250 "), "{written:?}");
    });
}

#[test]
fn a_reply_that_is_not_written_whole_is_not_ok() {
    let (setup, delivery) = Setup::accepting();
    paused(async {
        let (mut client, serving) = at_354(&setup).await;
        read_until(&mut client, b"250 2.").await;
        drop(client);
        serving.await.unwrap();
    });
    assert_eq!(delivery.log(), ["<> <kim@local.test> "]);
    let written = setup.events.starting_with("FinalReplyWritten");
    assert!(written.len() == 1 && written[0].contains(" false 250 "), "{written:?}");
}
