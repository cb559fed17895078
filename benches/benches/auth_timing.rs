//! Attack row G5: does the time of a refusal tell whether a user exists?
//!
//! A server on the loopback is asked about a known user with a wrong password and about unknown ones, in random order; Welch's t
//! compares the two. From [`T_MAX`] on, which chance reaches once in a hundred thousand runs, the times differ and this
//! fails. The slowest twentieth of each is left out: what the machine did meanwhile.

#![expect(clippy::expect_used, reason = "a benchmark ends with whatever is wrong")]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use smtp_server::delivery::Discard;
use smtp_server::relay::LocalDomains;
use smtp_server::sasl::{HashKind, PasswordFile, Passwords};
use smtp_server::{Limits, Now, Server, ServiceConfig};
use tokio::net::TcpListener;

const T_MAX: f64 = 4.5;

fn main() -> ExitCode {
    let mut is_alike = true;
    for (name, kind, command, samples) in [
        ("PLAIN, argon2id", HashKind::Argon2id, plain as Attempt, 300),
        ("PLAIN, SCRAM keys", HashKind::ScramSha256, plain, 300),
        ("SCRAM, first message", HashKind::ScramSha256, scram, 5000),
    ] {
        let address = start(kind);
        let [known, unknown] = measure(address, command, samples);
        let t = welch(&known, &unknown);
        let [known, unknown] = [&known, &unknown].map(|sample| mean(sample));
        println!("{name}: known {known:.2} us, unknown {unknown:.2} us, t = {t:.2}");
        is_alike &= t.abs() < T_MAX;
    }
    if is_alike { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One attempt for a user, by the number of the attempt.
type Attempt = fn(user: &str) -> Vec<String>;

fn plain(user: &str) -> Vec<String> {
    vec![format!("AUTH PLAIN {}\r\n", STANDARD.encode(format!("\0{user}\0wrong")))]
}

/// The challenge is what is timed; then the exchange is cancelled.
fn scram(user: &str) -> Vec<String> {
    let first = STANDARD.encode(format!("n,,n={user},r=abc"));
    vec![format!("AUTH SCRAM-SHA-256 {first}\r\n"), "*\r\n".to_owned()]
}

/// A submission service with one hundred users.
fn start(kind: HashKind) -> SocketAddr {
    let one = PasswordFile::with_password("", "user", "secret", kind).expect("a line");
    let hash = one.trim_end().strip_prefix("user:").expect("a line");
    let text = (0..100).map(|user| format!("user{user:03}:{hash}\n")).collect::<String>();
    let users: PasswordFile = text.parse().expect("a file");
    let (bound, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let mut limits = Limits::default();
            limits.errors_max = None;
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

/// Microseconds of attempts for known and for unknown users, without the slowest twentieth.
fn measure(address: SocketAddr, attempt: Attempt, samples: usize) -> [Vec<f64>; 2] {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_nodelay(true).expect("a socket");
    let mut replies = BufReader::new(stream.try_clone().expect("a socket"));
    read_reply(&mut replies);
    stream.write_all(b"EHLO a\r\n").expect("the server reads");
    read_reply(&mut replies);
    let mut times = [Vec::new(), Vec::new()];
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for number in 0..2 * samples {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let is_unknown = random & 1 == 1;
        let name = if is_unknown { "none" } else { "user" };
        let lines = attempt(&format!("{name}{:03}", number % 100));
        for (at, line) in lines.iter().enumerate() {
            let begun = Now::system().monotonic;
            stream.write_all(line.as_bytes()).expect("the server reads");
            read_reply(&mut replies);
            if at == 0 {
                let took = Now::system().monotonic - begun;
                times[usize::from(is_unknown)].push(took.as_secs_f64() * 1e6);
            }
        }
    }
    times.map(|mut sample| {
        sample.sort_by(f64::total_cmp);
        sample.truncate(sample.len() * 19 / 20);
        sample
    })
}

fn read_reply(replies: &mut BufReader<TcpStream>) {
    let mut line = String::new();
    loop {
        line.clear();
        replies.read_line(&mut line).expect("the server answers");
        if line.as_bytes().get(3) != Some(&b'-') {
            return;
        }
    }
}

fn welch(one: &[f64], other: &[f64]) -> f64 {
    (mean(one) - mean(other)) / (error(one) + error(other)).sqrt()
}

fn mean(sample: &[f64]) -> f64 {
    sample.iter().sum::<f64>() / count(sample)
}

/// The square of the mean's standard error.
fn error(sample: &[f64]) -> f64 {
    let mean = mean(sample);
    let squares = sample.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    squares / (count(sample) - 1.0) / count(sample)
}

fn count(sample: &[f64]) -> f64 {
    f64::from(u32::try_from(sample.len()).expect("a few thousand"))
}
