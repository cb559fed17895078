//! Row C7: one octet at a time, on a clock that the test moves.

use std::iter::repeat;
use std::time::Duration;

use smtp_server::{BodyError, CloseReason, Rejection, Service};
use tokio::task::JoinHandle;

use crate::contracts::{at_content, connected, paused};
use crate::support::by_hand::{ByHand, Content, Stop};
use crate::support::octets::codes;
use crate::support::setup::Setup;
use crate::support::tcp::Client;

const SECOND: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_secs(10);
/// How a `ClientHello` of 512 octets begins: nothing is wrong with it before the rest is there.
const CLIENT_HELLO: [u8; 11] = [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];

/// Sends `piece` every ten seconds while the content is open; how long that went on.
fn drip(hand: &mut ByHand, piece: &[u8]) -> Duration {
    let mut lasted = Duration::ZERO;
    loop {
        match hand.content().1 {
            Content::Read => {}
            Content::Chunk(_) => continue,
            Content::Failed(error) => {
                assert_eq!(error, BodyError::Slow);
                return lasted;
            }
            Content::End => panic!("the content has no end"),
        }
        hand.wait(PAUSE);
        lasted += PAUSE;
        hand.session.input().extend_from_slice(piece);
    }
}

fn ends_with_421(hand: &mut ByHand) {
    assert!(hand.session.answer_message(Err(Rejection::local_error())).is_none());
    let (written, stop) = hand.run();
    assert_eq!(codes(written.as_bytes()).last().unwrap(), "421 4.4.2");
    assert!(matches!(stop, Stop::Close(CloseReason::TimedOut)));
}

// rows: 5321-4.5.3.2.7-a
#[test]
fn c07_a_command_has_one_deadline() {
    let (setup, _) = Setup::accepting();
    let mut hand = ByHand::new(&setup);
    hand.run();
    let mut lasted = Duration::ZERO;
    let written = loop {
        let (written, stop) = hand.send("N");
        if let Stop::Close(reason) = stop {
            assert_eq!(reason, CloseReason::TimedOut);
            break written;
        }
        hand.wait(PAUSE);
        lasted += PAUSE;
    };
    assert_eq!(codes(written.as_bytes()), ["421 4.4.2"]);
    assert_eq!(lasted, setup.timeouts.command);
}

#[test]
fn c07_data() {
    let (setup, _) = Setup::accepting();
    let mut hand = ByHand::at_data(&setup);
    assert_eq!(drip(&mut hand, b"x"), setup.timeouts.content_idle + PAUSE);
    ends_with_421(&mut hand);
}

#[test]
fn c07_bdat() {
    let (setup, _) = Setup::accepting();
    let mut hand = ByHand::new(&setup);
    hand.run();
    hand.send("EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<kim@local.test>\r\nBDAT 1000000 LAST\r\n");
    assert_eq!(drip(&mut hand, b"x"), setup.timeouts.content_idle + PAUSE);
    ends_with_421(&mut hand);
}

/// Content that a refusal is waiting behind is no cheaper way to hold a connection.
#[test]
fn c07_content_that_is_dropped() {
    let (setup, _) = Setup::accepting();
    let mut hand = ByHand::at_data(&setup);
    assert!(hand.session.answer_message(Err(Rejection::local_error())).is_none());
    hand.run();
    let mut lasted = Duration::ZERO;
    let written = loop {
        hand.wait(PAUSE);
        lasted += PAUSE;
        let (written, stop) = hand.send("x");
        if matches!(stop, Stop::Close(CloseReason::TimedOut)) {
            break written;
        }
    };
    assert_eq!(codes(written.as_bytes()), ["421 4.4.2"]);
    assert_eq!(lasted, setup.timeouts.content_idle + PAUSE);
}

/// What was sent fast cannot be spent on a long drip afterwards.
#[test]
fn c07_a_megabyte_and_then_a_drip() {
    let (setup, _) = Setup::accepting();
    let mut hand = ByHand::at_data(&setup);
    hand.session.input().extend_from_slice(&vec![b'x'; 1 << 20]);
    assert_eq!(drip(&mut hand, b"x"), setup.timeouts.content_idle + PAUSE);
}

/// A slow client that is not an attacker gets through, and one that stalls for two minutes, too.
#[test]
fn c07_a_slow_line_is_no_attack() {
    let (setup, _) = Setup::accepting();
    let mut hand = ByHand::at_data(&setup);
    assert_eq!(drip(&mut hand, &[b'x'; 1001]), setup.timeouts.content_total);
    ends_with_421(&mut hand);

    let mut hand = ByHand::at_data(&setup);
    for _ in 0..10 {
        hand.wait(120 * SECOND);
        hand.session.input().extend_from_slice(&[b'x'; 12_000]);
        assert!(matches!(hand.content().1, Content::Chunk(_)));
        assert_eq!(hand.content().1, Content::Read);
    }
}

/// Time that the delivery takes is not the client's.
#[test]
fn c07_a_slow_delivery_is_not_held_against_the_client() {
    let (setup, _) = Setup::accepting();
    let mut hand = ByHand::at_data(&setup);
    for _ in 0..10 {
        hand.session.input().extend_from_slice(b"x");
        assert!(matches!(hand.content().1, Content::Chunk(_)));
        hand.now = hand.now + setup.timeouts.content_idle;
        assert_eq!(hand.content().1, Content::Read);
        assert_eq!(hand.deadline(), Some(setup.timeouts.content_idle));
    }
}

#[test]
fn c07_the_driver_keeps_the_time() {
    let (setup, _) = Setup::accepting();
    let got = paused(async {
        let (mut client, serving) = connected(&setup, 4096);
        at_content(&mut client).await;
        assert!(client.ask("DATA\r\n").await.starts_with("354 "));
        dripped(&mut client, repeat(&b'x'), serving).await;
        codes(&client.rest().await)
    });
    assert_eq!(got, ["421 4.4.2"]);
    assert_eq!(setup.events.starting_with("Closed"), ["Closed TimedOut"]);
}

#[test]
fn c07_a_tls_handshake_has_one_deadline() {
    let (mut setup, _) = Setup::accepting();
    setup.tls = true;
    setup.service = Service::Submissions;
    let took = paused(async {
        let (mut client, serving) = connected(&setup, 4096);
        dripped(&mut client, CLIENT_HELLO.iter().chain(repeat(&0)), serving).await
    });
    let limit = setup.timeouts.handshake;
    assert!((limit..=limit + PAUSE).contains(&took), "{took:?}");
    assert_eq!(setup.events.starting_with("Closed"), ["Closed TlsFailed"]);
}

/// Sends an octet every ten seconds, until the server has enough; how long it had not.
async fn dripped(
    client: &mut Client,
    octets: impl Iterator<Item = &u8>,
    serving: JoinHandle<()>,
) -> Duration {
    const PIECES_MAX: usize = 1000;
    let mut lasted = Duration::ZERO;
    for octet in octets.take(PIECES_MAX) {
        if serving.is_finished() {
            return lasted;
        }
        client.write(&[*octet]).await;
        tokio::time::sleep(PAUSE).await;
        lasted += PAUSE;
    }
    panic!("the server is too patient");
}
