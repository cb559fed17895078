//! What six controls in memory add to a message: the same server with and without them, in turn, over a pipe in memory.
//!
//! Client and server share one thread, whose CPU time is read; the client's share is the same in both. The bound is for
//! the median of the differences of a round.

#![expect(clippy::expect_used, reason = "a benchmark ends with whatever is wrong")]

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use smtp_server::access::{
    AccessMaps, AccessTable, HelloChecks, Rate, Rates, SenderLogin, TableType,
};
use smtp_server::delivery::Discard;
use smtp_server::relay::LocalDomains;
use smtp_server::{Peer, Server, ServiceConfig, StageKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const MICROSECONDS_MAX: f64 = 2.0;
const ROUNDS: usize = 41;
const MESSAGES: u32 = 500;
const ENTRIES: u32 = 10_000;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let mut added: Vec<f64> = Vec::new();
    let mut bare: Vec<f64> = Vec::new();
    // The first round warms up.
    for round in 0..=ROUNDS {
        // Whoever goes first, goes first half of the time.
        let mut times = [0.0; 2];
        for turn in 0..2 {
            let with_controls = (round + turn) % 2 == 1;
            times[usize::from(with_controls)] = runtime.block_on(measure(with_controls));
        }
        if round != 0 {
            bare.push(times[0]);
            added.push(times[1] - times[0]);
        }
    }
    for sample in [&mut bare, &mut added] {
        sample.sort_by(f64::total_cmp);
    }
    let at = |sample: &[f64], part: usize| sample[(ROUNDS - 1) * part / 4];
    println!(
        "a message without controls {:.2} us of CPU; six controls add {:.2} us ({:.2}..{:.2}, the middle half), bound {MICROSECONDS_MAX}",
        at(&bare, 2),
        at(&added, 2),
        at(&added, 1),
        at(&added, 3),
    );
    if at(&added, 2) <= MICROSECONDS_MAX { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Microseconds of CPU for a message.
async fn measure(with_controls: bool) -> f64 {
    let relay = LocalDomains::new(["sink.example"]).expect("a domain");
    let mut builder = Server::builder("mx.example.org").relay_policy(relay).delivery(Discard);
    if with_controls {
        builder = builder.access(controls());
    }
    let server = builder.build().expect("a server");
    let (theirs, ours) = tokio::io::duplex(64 * 1024);
    let peer = Peer::new((Ipv4Addr::new(192, 0, 2, 9), 1024).into(), local());
    let service = server.serve_connection(ours, peer, ServiceConfig::smtp());
    let client = carry(theirs);
    let (served, spent) = tokio::join!(service, client);
    served.expect("a configuration");
    spent
}

fn local() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 25).into()
}

fn controls() -> AccessMaps {
    let table = |table_type, line: fn(u32) -> String| {
        let text = (0..ENTRIES).map(line).collect::<String>();
        AccessTable::parse(table_type, "table", &text).expect("a table")
    };
    let networks =
        table(TableType::Network, |n| format!("10.{}.{}.0/24 REJECT\n", n / 256, n % 256));
    let senders = table(TableType::Text, |n| format!("spam{n}.example REJECT\n"));
    let recipients = table(TableType::Text, |n| format!("user{n}@sink.example REJECT\n"));
    let owners: HashMap<_, _> =
        (0..ENTRIES).map(|n| (format!("user{n}@sink.example"), vec![format!("user{n}")])).collect();
    let many = Rate::new(u32::MAX, Duration::from_secs(60));
    AccessMaps::default()
        .with(StageKind::Client, networks)
        .with(StageKind::Sender, senders)
        .with(StageKind::Recipient, recipients)
        .then(HelloChecks::default().invalid().unqualified())
        .then(Rates::default().connections(many).messages(many).recipients(many))
        .then(SenderLogin::new(owners).login_required())
}

/// One session with many messages.
async fn carry(mut stream: DuplexStream) -> f64 {
    ask(&mut stream, b"", b"220 ").await;
    ask(&mut stream, b"EHLO client.example\r\n", b"250").await;
    let begun = cpu_time();
    for _ in 0..MESSAGES {
        ask(&mut stream, b"MAIL FROM:<sender@client.example>\r\n", b"250 ").await;
        ask(&mut stream, b"RCPT TO:<rcpt@sink.example>\r\n", b"250 ").await;
        ask(&mut stream, b"DATA\r\n", b"354 ").await;
        ask(&mut stream, b"Subject: benchmark\r\n\r\nText\r\n.\r\n", b"250 ").await;
    }
    let spent = cpu_time() - begun;
    ask(&mut stream, b"QUIT\r\n", b"221 ").await;
    spent.as_secs_f64() * 1e6 / f64::from(MESSAGES)
}

/// A reply comes in one piece: nothing cuts it in memory.
async fn ask(stream: &mut DuplexStream, command: &[u8], expected: &[u8]) {
    let mut reply = [0; 2048];
    stream.write_all(command).await.expect("the server reads");
    let length = stream.read(&mut reply).await.expect("the server answers");
    let reply = &reply[..length];
    assert!(reply.starts_with(expected) && reply.ends_with(b"\r\n"), "{}", reply.escape_ascii());
}

/// Of this thread.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).expect("a time"),
        u32::try_from(time.tv_nsec).expect("a time"),
    )
}
