//! Faults that take time, on a clock that is paused.

use std::time::Duration;

use smtp_server::testing::Faults;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::runtime::Builder;
use tokio::time::Instant;

use super::{hits, setup};
use crate::support::hooks::Scripted;
use crate::support::setup::Setup;

/// A client in memory, and when what it read came, in milliseconds since it wrote last.
struct Client {
    stream: DuplexStream,
    wrote: Instant,
}

impl Client {
    /// Behind a pipe that holds so many octets.
    fn connect(setup: &Setup, bytes: usize) -> Self {
        let (stream, served) = tokio::io::duplex(bytes);
        let (server, peer, service) = (setup.server(), setup.peer(), setup.service_config());
        tokio::spawn(async move { server.serve_connection(served, peer, service).await });
        Self { stream, wrote: now() }
    }

    async fn write(&mut self, octets: &str) {
        self.wrote = now();
        self.stream.write_all(octets.as_bytes()).await.unwrap();
    }

    /// When the octets came with which what was read since the last call ends so.
    async fn millis_until(&mut self, end: &str) -> u128 {
        let mut seen = Vec::new();
        while !seen.ends_with(end.as_bytes()) {
            seen.push(self.stream.read_u8().await.unwrap());
        }
        self.millis()
    }

    fn millis(&self) -> u128 {
        (now() - self.wrote).as_millis()
    }
}

#[expect(clippy::disallowed_methods, reason = "the clock is paused")]
fn now() -> Instant {
    Instant::now()
}

fn paused(rule: &str, test: impl AsyncFnOnce(&Setup, &Faults, &Scripted)) {
    let (setup, faults, delivery) = setup(&[rule]);
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(test(&setup, &faults, &delivery));
}

const ENVELOPE: &str = "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<kim@local.test>\r\n";

#[test]
fn a_reply_waits() {
    paused("noop nth=2 times=2 delay=1500ms", async |setup, faults, _| {
        let mut client = Client::connect(setup, 4096);
        client.millis_until("220 mx.test ESMTP\r\n").await;
        for expected in [0, 1500, 1500, 0] {
            client.write("NOOP\r\n").await;
            assert_eq!(client.millis_until("250 2.0.0 Ok\r\n").await, expected);
        }
        assert_eq!(hits(faults), [2]);
    });
}

#[test]
fn a_greeting_waits() {
    paused("connect delay=3s", async |setup, _, _| {
        let mut client = Client::connect(setup, 4096);
        assert_eq!(client.millis_until("220 mx.test ESMTP\r\n").await, 3000);
    });
}

#[test]
fn the_reply_to_a_message_waits_and_the_delivery_has_it() {
    paused("end-of-data delay=20m", async |setup, _, delivery| {
        let mut client = Client::connect(setup, 4096);
        client.write(&format!("{ENVELOPE}BDAT 1 LAST\r\nx")).await;
        let queued = async { while client.millis_until("\r\n").await == 0 {} };
        queued.await;
        assert_eq!(client.millis(), 20 * 60 * 1000);
        assert_eq!(delivery.log(), ["<> <kim@local.test> x"]);
        assert!(setup.events.starting_with("FinalReplyWritten")[0].contains(" true "));
    });
}

#[test]
fn octets_of_a_reply_come_slowly() {
    // A piece each 100 ms.
    for (rate, expected) in [(1, 13_000), (10, 1300), (20, 600), (1_000_000, 0)] {
        paused(&format!("noop throttle={rate}"), async |setup, faults, _| {
            let mut client = Client::connect(setup, 4096);
            client.millis_until("220 mx.test ESMTP\r\n").await;
            client.write("NOOP\r\n").await;
            assert_eq!(client.millis_until("250 2.0.0 Ok\r\n").await, expected, "{rate}");
            client.write("QUIT\r\n").await;
            client.millis_until("221 2.0.0 mx.test Bye\r\n").await;
            assert_eq!(hits(faults), [1]);
        });
    }
}

#[test]
fn content_stalls_at_an_octet() {
    // Longer than a client may be silent: that is not held against it.
    paused("content after=100 stall=10m", async |setup, faults, delivery| {
        let mut client = Client::connect(setup, 16);
        for (line, reply) in [
            ("", "220 mx.test ESMTP\r\n"),
            ("EHLO a\r\n", "250 LIMITS RCPTMAX=1000\r\n"),
            ("MAIL FROM:<>\r\n", "250 2.1.0 Sender ok\r\n"),
            ("RCPT TO:<kim@local.test>\r\n", "250 2.1.5 Recipient ok\r\n"),
        ] {
            client.write(line).await;
            client.millis_until(reply).await;
        }
        client.write("BDAT 200 LAST\r\n").await;
        client.write(&"x".repeat(100)).await;
        assert_eq!(client.millis(), 0);
        // Beyond what the pipe holds none of it is read.
        client.write(&"x".repeat(100)).await;
        assert_eq!(client.millis(), 10 * 60 * 1000);
        client.millis_until("queued as ").await;
        assert_eq!(client.millis(), 10 * 60 * 1000);
        client.millis_until("\r\n").await;
        assert_eq!(delivery.log(), [format!("<> <kim@local.test> {}", "x".repeat(200))]);
        assert_eq!(hits(faults), [1]);
    });
}

#[test]
fn content_is_read_slowly() {
    // Slower than a client may be.
    paused("content throttle=10", async |setup, _, delivery| {
        let mut client = Client::connect(setup, 1024);
        client.write(&format!("{ENVELOPE}BDAT 600 LAST\r\n{}", "x".repeat(600))).await;
        client.millis_until("queued as ").await;
        let millis = client.millis();
        assert!((55_000..=65_000).contains(&millis), "{millis}");
        client.millis_until("\r\n").await;
        assert_eq!(delivery.log(), [format!("<> <kim@local.test> {}", "x".repeat(600))]);
    });
}

#[test]
fn a_half_that_the_client_does_not_close_is_closed_in_the_end() {
    paused("noop half-close", async |setup, _, _| {
        let mut client = Client::connect(setup, 4096);
        client.write("NOOP\r\n").await;
        client.millis_until("220 mx.test ESMTP\r\n").await;
        assert!(client.stream.read_u8().await.is_err());
        assert_eq!(client.millis(), 0);
        while client.stream.write_all(b"NOOP\r\n").await.is_ok() {
            tokio::time::advance(Duration::from_secs(10)).await;
        }
        assert!((300_000..=310_000).contains(&client.millis()));
        assert_eq!(setup.events.starting_with("Closed"), ["Closed Cut"]);
    });
}
