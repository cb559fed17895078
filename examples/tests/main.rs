//! The example programs take mail when they are run, and the examples of tests pass.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod inbox;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

#[test]
fn blocking_takes_mail_for_its_domain_and_relays_nothing() {
    let mut program = Program::start("blocking");
    let mut client = Client::connect(&program.address);
    assert!(client.line().starts_with("220 mx.example.org "));
    assert!(client.ask("HELO client.example\r\n").starts_with("250 "));
    assert!(client.ask("MAIL FROM:<ann@example.com>\r\n").starts_with("250 2.1.0 "));
    assert!(client.ask("RCPT TO:<bob@example.net>\r\n").starts_with("550 5.7.1 "));
    assert!(client.ask("RCPT TO:<kim@example.org>\r\n").starts_with("250 2.1.5 "));
    assert!(client.ask("DATA\r\n").starts_with("354 "));
    assert!(client.ask("Hello\r\n..\r\n.\r\n").starts_with("250 2.0.0 "));
    assert!(client.ask("BDAT 3 LAST\r\n").starts_with("521 "));
    assert_eq!(program.line(), "10 octets from <ann@example.com>");
}

#[test]
fn sink_accepts_whatever_comes() {
    let mut program = Program::start("sink");
    assert_eq!(program.line(), "ready");
    let mut client = Client::connect(&program.address);
    assert!(client.line().starts_with("220 "));
    assert!(client.ask("HELO client.example\r\n").starts_with("250 "));
    assert!(client.ask("MAIL FROM:<>\r\n").starts_with("250 "));
    assert!(client.ask("RCPT TO:<anyone@anywhere.example>\r\n").starts_with("250 "));
    assert!(client.ask("DATA\r\n").starts_with("354 "));
    assert!(client.ask(".\r\n").starts_with("250 2.0.0 "));
}

/// A running example, ended when it is dropped.
struct Program {
    child: Child,
    output: BufReader<ChildStdout>,
    address: String,
}

impl Program {
    fn start(name: &str) -> Self {
        let mut child = Command::new(path(name))
            .arg("127.0.0.1:0")
            .stdout(Stdio::piped())
            .spawn()
            .expect("cargo builds the examples with their tests");
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut program = Self { child, output, address: String::new() };
        let first = program.line();
        program.address = first.strip_prefix("listening smtp ").expect(&first).to_owned();
        program
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Where cargo put an example: beside the directory of this test.
fn path(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
    profile.join("examples").join(name)
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self(BufReader::new(stream))
    }

    fn ask(&mut self, octets: &str) -> String {
        self.0.get_mut().write_all(octets.as_bytes()).unwrap();
        self.line()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line
    }
}
