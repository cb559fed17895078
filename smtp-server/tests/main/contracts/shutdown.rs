//! The server ends in phases (RFC 5321 3.8): idle ones at once, messages in flight first, then the deadline.

use std::time::Duration;

use smtp_server::{CloseReason, ShutdownReport};
use tokio::net::TcpStream;

use super::{at_content, runtime, until};
use crate::support::by_hand::{ByHand, Stop};
use crate::support::octets::codes;
use crate::support::setup::Setup;
use crate::support::tcp::{Client, Running};

// rows: 5321-3.8-b, 5321-3.8-c, 3463-3.4-a
#[test]
fn idle_sessions_hear_421_at_once_and_nobody_else_gets_in() {
    let (setup, _) = Setup::accepting();
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let address = running.address;
        let mut idle = Client::direct(address).await;
        idle.reply().await;
        idle.ask("EHLO a\r\n").await;
        // A transaction without content is idle, too: the client repeats it elsewhere.
        let mut mailing = Client::direct(address).await;
        at_content(&mut mailing).await;
        let stopping = running.begin_stop();
        for client in [&mut idle, &mut mailing] {
            assert_eq!(codes(&client.rest().await), ["421 4.3.2"]);
        }
        let report = stopping.await.unwrap().unwrap();
        assert_eq!(report, ShutdownReport { finished: 2, cut: 0 });
        assert!(TcpStream::connect(address).await.is_err());
    });
    assert_eq!(
        setup.events.starting_with("Closed"),
        ["Closed ShuttingDown", "Closed ShuttingDown"]
    );
}

#[test]
fn a_message_in_flight_is_finished() {
    for chunks in [["DATA\r\n", "hi\r\n", ".\r\n"], ["BDAT 2\r\n", "hi", "BDAT 2 LAST\r\n\r\n"]] {
        let (setup, delivery) = Setup::accepting();
        runtime().block_on(async {
            let running = Running::start(&setup).await;
            let mut client = Client::direct(running.address).await;
            at_content(&mut client).await;
            client.write(chunks[0].as_bytes()).await;
            until(|| !setup.events.starting_with("MessageStarted").is_empty()).await;
            let stopping = running.begin_stop();
            tokio::time::sleep(Duration::from_millis(20)).await;
            client.write(chunks[1].as_bytes()).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            client.write(chunks[2].as_bytes()).await;
            let got = codes(&client.rest().await);
            assert_eq!(got[1..], ["250 2.0.0", "421 4.3.2"], "{got:?}");
            let report = stopping.await.unwrap().unwrap();
            assert_eq!(report, ShutdownReport { finished: 1, cut: 0 });
        });
        assert_eq!(delivery.log(), ["<a@client.test> <kim@local.test> hi\\r\\n"]);
    }
}

/// The client hears why before it hears that the server goes.
#[test]
fn refused_content_is_read_to_its_end() {
    let (setup, _) = Setup::accepting();
    let mut hand = ByHand::new(&setup);
    hand.run();
    hand.send("EHLO a\r\nMAIL FROM:<>\r\n");
    let (written, stop) = hand.send("BDAT 4 LAST\r\nab");
    assert!(matches!(stop, Stop::Read), "{written}: the chunk is refused, and its rest awaited");
    hand.session.handle_shutdown();
    assert_eq!(hand.run().0, "", "it still is");
    let (written, stop) = hand.send("cd");
    assert_eq!(codes(written.as_bytes()), ["503 5.5.1", "421 4.3.2"]);
    assert!(matches!(stop, Stop::Close(CloseReason::ShuttingDown)));
}

#[test]
fn the_deadline_cuts_and_says_how_many() {
    let (mut setup, delivery) = Setup::accepting();
    setup.timeouts.shutdown = Duration::from_millis(50);
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let mut slow = Client::direct(running.address).await;
        at_content(&mut slow).await;
        slow.write(b"DATA\r\nhi").await;
        until(|| !setup.events.starting_with("MessageStarted").is_empty()).await;
        let mut idle = Client::direct(running.address).await;
        idle.reply().await;
        let report = running.stop().await;
        assert_eq!(report, ShutdownReport { finished: 1, cut: 1 });
        assert_eq!(codes(&slow.rest().await), ["354"]);
    });
    assert!(delivery.log().is_empty(), "dropped, it neither ended nor failed");
    let closed = setup.events.starting_with("Closed");
    assert_eq!(closed, ["Closed ShuttingDown", "Closed Cut"]);
}
