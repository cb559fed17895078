//! A next hop that keeps the number of each message it is sent, and compares the content with what that number stands for.
//!
//! * **In**: messages that [`content`] made. **Out**: how often each arrived. **Promises**: a message counts before its 250 goes out.
//! * **Limits**: [`PATIENCE`] for each message waited for; no extension but PIPELINING, so content comes by DATA.
//! * **Panics**: on what is not a message of [`content`]: these are tests. **Spec**: RFC 5321 4.1 and 4.5.2.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::{iter, thread};

use crate::harness::PATIENCE;

/// Octets of a message, roughly; each [`LARGE_EVERY`]th has the second size, which the queue keeps in a file of its own.
const BYTES: [usize; 2] = [4096, 300_000];
const LARGE_EVERY: u32 = 16;

/// Octets of a line without its CRLF.
const LINE: usize = 76;

/// The message of this number, without a dot that would have to be doubled.
pub(crate) fn content(number: u32) -> Vec<u8> {
    let bytes = BYTES[usize::from(number.is_multiple_of(LARGE_EVERY))];
    let line = format!("{number:0LINE$}\r\n");
    let body = iter::repeat_n(line.as_bytes(), bytes / line.len()).flatten();
    [format!("Subject: {number}\r\n\r\n").as_bytes(), &body.copied().collect::<Vec<_>>()].concat()
}

/// A running one; its threads end with the connections to it.
pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    arrived: Arc<Arrived>,
}

#[derive(Default)]
struct Arrived {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// How often each number arrived.
    numbers: BTreeMap<u32, u32>,
    /// What arrived otherwise than it was sent.
    wrong: Vec<String>,
}

impl Sink {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback address");
        let address = listener.local_addr().expect("an address");
        let arrived = Arc::new(Arrived::default());
        let shared = arrived.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = shared.clone();
                // A connection that breaks is what these tests are about.
                thread::spawn(move || shared.serve(&stream).is_ok());
            }
        });
        Self { address, arrived }
    }

    /// Waits until each of these arrived, and returns how often each message did, these and others.
    #[track_caller]
    pub(crate) fn wait_for(&self, numbers: &[u32]) -> BTreeMap<u32, u32> {
        let mut state = self.arrived.state.lock().expect("no connection panics");
        loop {
            assert!(state.wrong.is_empty(), "{:?}", state.wrong);
            let missing = |number: &&u32| !state.numbers.contains_key(number);
            let missing: Vec<_> = numbers.iter().filter(missing).collect();
            if missing.is_empty() {
                return state.numbers.clone();
            }
            let (woken, wait) =
                self.arrived.changed.wait_timeout(state, PATIENCE).expect("no connection panics");
            assert!(!wait.timed_out(), "{} of {} are lost", missing.len(), numbers.len());
            state = woken;
        }
    }
}

impl Arrived {
    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        let (mut reader, mut writer) = (BufReader::new(stream), stream);
        writer.write_all(b"220 sink\r\n")?;
        let mut line = Vec::new();
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            let verb = String::from_utf8_lossy(&line[..4.min(line.len())]).to_uppercase();
            let reply = match verb.as_str() {
                "EHLO" => "250-sink\r\n250 PIPELINING\r\n",
                "MAIL" | "RCPT" | "RSET" => "250 2.0.0 Ok\r\n",
                "DATA" => {
                    writer.write_all(b"354 Go on\r\n")?;
                    self.take(&message(&mut reader)?);
                    "250 2.0.0 Kept\r\n"
                }
                "QUIT" => "221 2.0.0 Bye\r\n",
                _ => "500 5.5.1 What?\r\n",
            };
            writer.write_all(reply.as_bytes())?;
        }
    }

    fn take(&self, message: &[u8]) {
        let mut state = self.state.lock().expect("no connection panics");
        match number(message) {
            Some(number) => *state.numbers.entry(number).or_default() += 1,
            None => state.wrong.push(String::from_utf8_lossy(message).chars().take(500).collect()),
        }
        self.changed.notify_all();
    }
}

/// Up to the final dot, without it.
fn message(reader: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    let mut message = Vec::new();
    loop {
        let before = message.len();
        if reader.read_until(b'\n', &mut message)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if &message[before..] == b".\r\n" {
            message.truncate(before);
            return Ok(message);
        }
    }
}

/// Its number, if it is the message of that number below one field of the server's.
fn number(message: &[u8]) -> Option<u32> {
    const SUBJECT: &[u8] = b"\r\nSubject: ";
    let at = message.windows(SUBJECT.len()).position(|window| window == SUBJECT)?;
    let (received, sent) = message.split_at(at + 2);
    let digits = sent.get(SUBJECT.len() - 2..)?.split(|octet| *octet == b'\r').next()?;
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let folds = received.split_inclusive(|octet| *octet == b'\n').skip(1);
    let is_one_field = received.starts_with(b"Received: ")
        && folds.into_iter().all(|line| line.starts_with(b"\t") || line.starts_with(b" "));
    (is_one_field && sent == content(number)).then_some(number)
}
