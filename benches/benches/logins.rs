//! An idle session while a hundred clients log in: does hashing of passwords hold up the threads for input and output?
//!
//! A server on the loopback checks a hundred argon2id passwords that come at the same time, again and again; one more
//! session says NOOP every few milliseconds. The same session is timed with nobody logging in, before and after: on a
//! machine that is busy otherwise, that is what the machine takes.

#![expect(clippy::expect_used, reason = "a benchmark ends with whatever is wrong")]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use smtp_server::delivery::Discard;
use smtp_server::relay::LocalDomains;
use smtp_server::sasl::{HashKind, PasswordFile, Passwords};
use smtp_server::{Limits, Now, Server, ServiceConfig};
use tokio::net::TcpListener;

const P99_MAX: Duration = Duration::from_millis(5);
const LOGINS: usize = 100;
/// NOOPs with nobody logging in.
const QUIET: usize = 1_000;
const PAUSE: Duration = Duration::from_millis(2);

fn main() -> ExitCode {
    let address = start();
    let mut idle = Session::open(address);
    let before = idle.quiet();
    let (clients, done) = log_in(address);
    let mut times = Vec::new();
    while done.load(Ordering::Relaxed) < LOGINS {
        times.push(idle.noop());
    }
    for client in clients {
        client.join().expect("a client that logs in");
    }
    let after = idle.quiet();
    let p99 = p99(&mut times);
    println!(
        "p99 of {} NOOPs during {LOGINS} logins {:.2} ms, bound {:.0}; with nobody logging in {:.2} before, {:.2} after",
        times.len(),
        milliseconds(p99),
        milliseconds(P99_MAX),
        milliseconds(before),
        milliseconds(after),
    );
    if p99 <= P99_MAX { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All clients wait for each other, then log in; the number of those that are done.
fn log_in(address: SocketAddr) -> (Vec<JoinHandle<()>>, Arc<AtomicUsize>) {
    let (begin, done) = (Arc::new(Barrier::new(LOGINS)), Arc::new(AtomicUsize::new(0)));
    let clients = (0..LOGINS).map(|_| {
        let (begin, done) = (begin.clone(), done.clone());
        std::thread::spawn(move || {
            let mut session = Session::open(address);
            begin.wait();
            let credentials = STANDARD.encode("\0user\0secret");
            let reply = session.ask(&format!("AUTH PLAIN {credentials}"));
            assert!(reply.starts_with("235 "), "{reply}");
            done.fetch_add(1, Ordering::Relaxed);
        })
    });
    (clients.collect(), done)
}

fn start() -> SocketAddr {
    let text = PasswordFile::with_password("", "user", "secret", HashKind::Argon2id);
    let users: PasswordFile = text.expect("a line").parse().expect("a file");
    let (bound, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let mut limits = Limits::default();
            limits.errors_max = None;
            limits.connections_per_client_max = None;
            limits.connections_per_network_max = None;
            let mut server = Server::builder("mx.example.test")
                .relay_policy(LocalDomains::new(["example.test"]).expect("a domain"))
                .delivery(Discard)
                .authenticator(Passwords::new(users))
                .auth_in_clear(true)
                .limits(limits)
                .build()
                .expect("a server");
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            bound.send(listener.local_addr().expect("an address")).expect("main waits");
            server.listen(listener, ServiceConfig::submission()).expect("a listener");
            server.run(std::future::pending()).await.expect("a run");
        });
    });
    address.recv().expect("the server is bound")
}

struct Session(BufReader<TcpStream>);

impl Session {
    /// Greeted and EHLO said.
    fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        let mut session = Self(BufReader::new(stream));
        session.reply();
        session.ask("EHLO a.example");
        session
    }

    fn ask(&mut self, command: &str) -> String {
        let line = format!("{command}\r\n");
        self.0.get_mut().write_all(line.as_bytes()).expect("the server reads");
        self.reply()
    }

    /// The last line.
    fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).expect("the server answers");
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    }

    /// How long a NOOP takes, after a pause.
    fn noop(&mut self) -> Duration {
        std::thread::park_timeout(PAUSE);
        let begun = Now::system().monotonic;
        let reply = self.ask("NOOP");
        let took = Now::system().monotonic - begun;
        assert!(reply.starts_with("250 "), "{reply}");
        took
    }

    fn quiet(&mut self) -> Duration {
        p99(&mut (0..QUIET).map(|_| self.noop()).collect::<Vec<_>>())
    }
}

fn p99(times: &mut [Duration]) -> Duration {
    times.sort();
    times[(times.len() * 99).div_ceil(100) - 1]
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
