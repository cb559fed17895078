//! A client that sends what a test says and reads replies; it knows nothing about SMTP but their form.
//!
//! * **In**: lines, or raw octets. **Out**: whole replies.
//! * **Promises**: nothing is sent that a test did not write.
//! * **Limits**: [`PATIENCE`] for each reply. **Panics**: on everything unexpected: these are tests.
//! * **Spec**: RFC 5321 4.2.1 (multi-line replies).

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::harness::PATIENCE;

/// One connection in clear.
pub(crate) struct Client {
    stream: BufReader<Box<dyn Stream>>,
}

/// A socket of any kind.
trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

impl Client {
    /// Connects to a Unix socket and reads the greeting.
    pub(crate) fn connect_to(path: &Path) -> Self {
        let stream = UnixStream::connect(path).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        Self { stream: BufReader::new(Box::new(stream)) }.greeted()
    }

    /// Connects.
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        Self { stream: BufReader::new(Box::new(stream)) }
    }

    /// Connects and reads the greeting.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::open(address).greeted()
    }

    fn greeted(mut self) -> Self {
        let greeting = self.reply();
        assert!(greeting.starts_with("220 "), "greeting: {greeting}");
        self
    }

    /// Connects, reads the greeting and says EHLO.
    pub(crate) fn hello(address: SocketAddr) -> Self {
        let mut client = Self::connect(address);
        let reply = client.ask("EHLO client.example");
        assert!(reply.starts_with("250-"), "EHLO: {reply}");
        client
    }

    /// Sends octets as they are.
    pub(crate) fn send(&mut self, octets: &[u8]) {
        self.stream.get_mut().write_all(octets).expect("the server reads");
    }

    /// Sends a command line and reads its reply.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes());
        self.reply()
    }

    /// A whole reply, its lines joined by `\n`.
    pub(crate) fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("a reply in time");
            assert!(line.ends_with("\r\n"), "the connection ended: {reply}{line}");
            reply.push_str(line.trim_end());
            if line.as_bytes().get(3) != Some(&b'-') {
                return reply;
            }
            reply.push('\n');
        }
    }

    /// Sends a message of one line to one recipient; the reply to RCPT if it is refused, else the last.
    pub(crate) fn deliver(&mut self, to: &str, text: &str) -> String {
        let mail = self.ask("MAIL FROM:<sender@client.example>");
        assert!(mail.starts_with("250 "), "MAIL: {mail}");
        let rcpt = self.ask(&format!("RCPT TO:{to}"));
        if !rcpt.starts_with("250 ") {
            let reset = self.ask("RSET");
            assert!(reset.starts_with("250 "), "RSET: {reset}");
            return rcpt;
        }
        let data = self.ask("DATA");
        assert!(data.starts_with("354 "), "DATA: {data}");
        self.ask(&format!("Subject: {text}\r\n\r\n{text}\r\n."))
    }

    /// Whether the server closed the connection and sent nothing more.
    pub(crate) fn is_closed(&mut self) -> bool {
        match self.stream.fill_buf() {
            Ok(rest) => rest.is_empty(),
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    }
}
