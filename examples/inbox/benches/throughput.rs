//! How fast mail is taken, what viewers cost, how much memory a message takes.
//!
//! * **In**: the program, `--messages N` (20,000). **Out**: rates of each way to run it, in turn, with the bounds.
//! * **Promises**: every message was found by a search before its rate is told. Fails if a bound is missed.
//! * **Limits**: [`CONNECTIONS`] senders, [`CONNECTIONS_SYNCED`] where each waits for the disk; [`CONTENT_BYTES`] a message. **Panics**: on whatever is unexpected.
//! * **Spec**: bounds: 5,000 messages/s in memory; 100 viewers slow it by at most 10 %.

#![expect(clippy::expect_used, reason = "a benchmark ends at whatever it does not expect")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const CONNECTIONS: usize = 8;
/// As many share a flush.
const CONNECTIONS_SYNCED: usize = 32;
const CONTENT_BYTES: usize = 4096;
const VIEWERS: usize = 100;
const ROUNDS: usize = 5;
const RATE_MIN: f64 = 5000.0;
const WITH_VIEWERS_MIN: f64 = 0.9;

struct Inbox {
    process: Child,
    smtp: SocketAddr,
    http: SocketAddr,
}

/// Of one run.
struct Figures {
    per_second: f64,
    memory_bytes: f64,
    search: Duration,
    page: Duration,
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip_while(|word| word != "--messages");
    let messages = words.nth(1).map_or(20_000, |number| number.parse().expect("a number"));
    let mut plain = Vec::new();
    let mut ratios = Vec::new();
    let mut kept = Vec::new();
    for _ in 0..ROUNDS {
        let without = run(messages, CONNECTIONS, 0, None);
        let with = run(messages, CONNECTIONS, VIEWERS, None);
        ratios.push(with.per_second / without.per_second);
        plain.push(without);
        let directory = tempfile::tempdir().expect("a directory");
        let data = directory.path().to_str();
        kept.push(run(messages, CONNECTIONS_SYNCED, 0, data).per_second);
    }
    let rate = median(plain.iter().map(|figures| figures.per_second));
    let ratio = median(ratios.iter().copied());
    let middle = |of: fn(&Figures) -> f64| median(plain.iter().map(of));
    println!(
        "{messages} messages of {CONTENT_BYTES} octets on {CONNECTIONS} connections, medians of {ROUNDS} rounds"
    );
    println!("in memory             {rate:8.0} messages/s (bound: {RATE_MIN:.0})");
    println!("with {VIEWERS} viewers     {ratio:8.2} of that (bound: {WITH_VIEWERS_MIN})");
    println!(
        "with --data           {:8.0} messages/s, {CONNECTIONS_SYNCED} connections",
        median(kept.iter().copied())
    );
    println!("memory of a message   {:8.0} octets", middle(|figures| figures.memory_bytes));
    println!(
        "searching all of them {:8.1} ms",
        middle(|figures| figures.search.as_secs_f64() * 1e3)
    );
    println!("the first page of 50  {:8.1} ms", middle(|figures| figures.page.as_secs_f64() * 1e3));
    if rate < RATE_MIN || ratio < WITH_VIEWERS_MIN {
        println!("a bound was missed");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

#[expect(clippy::disallowed_methods, reason = "this measures time")]
fn run(messages: usize, connections: usize, viewers: usize, data: Option<&str>) -> Figures {
    let inbox = Inbox::start(data);
    let viewers: Vec<_> = (0..viewers).map(|_| view(inbox.http)).collect();
    let before = inbox.memory_bytes();
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| send(inbox.smtp, messages / connections));
        }
    });
    let lasted = begun.elapsed();
    let begun = Instant::now();
    let found = inbox.ask("/api/v1/search?query=lighthouse&limit=50");
    let search = begun.elapsed();
    let sent = messages / connections * connections;
    assert!(found.contains(&format!("\"messages_count\":{sent},")), "not all were found");
    let begun = Instant::now();
    inbox.ask("/api/v1/messages?limit=50");
    let page = begun.elapsed();
    let memory_bytes = (inbox.memory_bytes() - before) / sent as f64;
    drop(inbox);
    for viewer in viewers {
        viewer.join().expect("a viewer ends");
    }
    Figures { per_second: sent as f64 / lasted.as_secs_f64(), memory_bytes, search, page }
}

impl Inbox {
    fn start(data: Option<&str>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_inbox"));
        command.args(["--smtp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--max-messages", "0"]);
        if let Some(data) = data {
            command.args(["--data", data]);
        }
        let mut process = command.stdout(Stdio::piped()).spawn().expect("inbox starts");
        let stdout = BufReader::new(process.stdout.take().expect("a pipe"));
        let lines: Vec<_> = stdout.lines().map(|line| line.expect("a line")).take(3).collect();
        let address =
            |line: &str| line.rsplit(' ').next().expect("a word").parse().expect("an address");
        Self { process, smtp: address(&lines[0]), http: address(&lines[1]) }
    }

    fn ask(&self, path: &str) -> String {
        let mut answer = String::new();
        request(self.http, path).read_to_string(&mut answer).expect("an answer");
        answer
    }

    fn memory_bytes(&self) -> f64 {
        let info = self.ask("/api/v1/info");
        let (_, rest) = info.split_once("\"Memory\":").expect("a number");
        let digits = rest.find(|character: char| !character.is_ascii_digit()).expect("an end");
        rest[..digits].parse().expect("a number")
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn request(http: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(http).expect("a connection");
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {http}\r\n\r\n").expect("a request is taken");
    stream
}

/// Looks on until the inbox ends.
fn view(http: SocketAddr) -> thread::JoinHandle<()> {
    let mut stream = request(http, "/api/v1/events");
    let mut first = [0];
    stream.read_exact(&mut first).expect("the stream begins");
    thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while stream.read(&mut buffer).is_ok_and(|bytes| bytes > 0) {}
    })
}

fn send(smtp: SocketAddr, messages: usize) {
    let mut stream = TcpStream::connect(smtp).expect("a connection");
    stream.set_nodelay(true).expect("an option");
    let mut replies = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut expect = |code: &str, count: usize| {
        for _ in 0..count {
            let mut line = String::new();
            while line.as_bytes().get(3) != Some(&b' ') {
                line.clear();
                replies.read_line(&mut line).expect("a reply");
            }
            assert!(line.starts_with(code), "{line}");
        }
    };
    expect("220", 1);
    stream.write_all(b"EHLO client.example\r\n").expect("octets are taken");
    expect("250", 1);
    let head = "From: Ann <ann@example.org>\r\nTo: Kim <kim@example.org>\r\nSubject: To the lighthouse\r\n\r\n";
    let line =
        "The quick brown fox jumps over the lazy dog, and over the sea to the other side.\r\n";
    let mut content = head.to_owned() + &line.repeat((CONTENT_BYTES - head.len()) / line.len());
    content.push_str(".\r\n");
    for _ in 0..messages {
        let commands = b"MAIL FROM:<ann@example.org>\r\nRCPT TO:<kim@example.org>\r\nDATA\r\n";
        stream.write_all(commands).expect("octets are taken");
        expect("250", 2);
        expect("354", 1);
        stream.write_all(content.as_bytes()).expect("octets are taken");
        expect("250", 1);
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
