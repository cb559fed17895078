//! What a test pays for a server of its own: starting it, receiving one mail, ending it.
//!
//! In each round a server is started, a client sends a message of a kilobyte over a connection of its own, and the inbox
//! is waited for, all in one thread; then the server is dropped. The bound is for the median of start and mail together.
//! Beside it stands a server with a certificate of its own, whose client sends in clear.

#![expect(clippy::expect_used, reason = "a benchmark ends with whatever is wrong")]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use smtp_server::Now;
use smtp_server::testing::TestServer;
use smtp_server::testing::TestServerBuilder;

const MAX: Duration = Duration::from_millis(2);
const ROUNDS: usize = 301;

fn main() -> ExitCode {
    let plain = median(TestServer::builder);
    let with_tls = median(|| TestServer::builder().starttls());
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "start {:.2} ms, start and one mail {:.2} ms (bound {:.0}), drop {:.2} ms; with a certificate {:.2}, {:.2}, {:.2}",
        ms(plain[0]),
        ms(plain[1]),
        ms(MAX),
        ms(plain[2]),
        ms(with_tls[0]),
        ms(with_tls[1]),
        ms(with_tls[2]),
    );
    if plain[1] <= MAX { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The medians of the start, of start and mail, and of the drop.
fn median(builder: impl Fn() -> TestServerBuilder) -> [Duration; 3] {
    let content = format!("Subject: hi\r\n\r\n{}.", "0123456789abcdef\r\n".repeat(57));
    let mut times = [const { Vec::new() }; 3];
    // The first round starts the thread of all servers.
    for round in 0..=ROUNDS {
        let begun = now();
        let server = builder().start_blocking().expect("a server");
        let started = now();
        send(server.addr(), &content).expect("the server takes it");
        server.inbox().wait_for(|_| true, Duration::from_secs(10)).expect("the mail");
        let received = now();
        drop(server);
        if round != 0 {
            times[0].push(started - begun);
            times[1].push(received - begun);
            times[2].push(now() - received);
        }
    }
    times.map(|mut sample| {
        sample.sort();
        sample[ROUNDS / 2]
    })
}

fn send(server: SocketAddr, content: &str) -> std::io::Result<()> {
    let mut connection = BufReader::new(TcpStream::connect(server)?);
    connection.get_mut().set_nodelay(true)?;
    for line in ["HELO a.test", "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>", "DATA", content] {
        connection.read_line(&mut String::new())?;
        write!(connection.get_mut(), "{line}\r\n")?;
    }
    Ok(())
}

fn now() -> Instant {
    Now::system().monotonic
}
