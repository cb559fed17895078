//! Starting the real binary, and sending to it.
//!
//! * **In**: command-line arguments. **Out**: a running `inbox` on ports of its own.
//! * **Promises**: it is killed, by its process id, when the value is dropped.
//! * **Limits**: [`PATIENCE`] for each thing waited for. **Panics**: on everything unexpected: these are tests.
//! * **Spec**: the program's contract for its standard output, see `inbox --help`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// How long a test waits for anything before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running `inbox`.
pub(crate) struct Inbox {
    process: Child,
    smtp: SocketAddr,
    http: SocketAddr,
}

/// A connection to its SMTP port.
pub(crate) struct Sender {
    stream: BufReader<TcpStream>,
}

impl Inbox {
    /// Starts it with ports that the system chooses, then `args`, and waits until it is ready.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::spawn(command().args(args))
    }

    /// The same for a command made of [`command`].
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().expect("inbox starts");
        let stdout = process.stdout.take().expect("stdout is a pipe");
        let lines: Vec<_> =
            BufReader::new(stdout).lines().map(|line| line.expect("a line")).take(3).collect();
        let address = |index: usize, prefix: &str| {
            let line = lines.get(index).unwrap_or_else(|| panic!("{lines:?}"));
            let address = line.strip_prefix(prefix).unwrap_or_else(|| panic!("{lines:?}"));
            address.parse().expect("an address")
        };
        let (smtp, http) = (address(0, "listening smtp "), address(1, "listening http "));
        assert_eq!(lines.get(2).map(String::as_str), Some("ready"));
        Self { process, smtp, http }
    }

    pub(crate) fn smtp(&self) -> SocketAddr {
        self.smtp
    }

    pub(crate) fn http(&self) -> SocketAddr {
        self.http
    }

    /// What `inbox wait` with these arguments gives.
    pub(crate) fn wait(&self, args: &[&str]) -> std::process::Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_inbox"));
        command.args(["wait", "--http", &self.http.to_string()]).args(args);
        command.output().expect("inbox runs")
    }

    /// Sends one message on a connection of its own, and returns its id.
    pub(crate) fn send(&self, from: &str, to: &[&str], content: &str) -> String {
        let mut sender = Sender::connect(self.smtp);
        let id = sender.send(from, to, content);
        sender.say("QUIT");
        id
    }

    /// Sends it a signal and waits for its end.
    pub(crate) fn end(mut self, signal: Signal) -> ExitStatus {
        kill_process(Pid::from_child(&self.process), signal).expect("the process is there");
        self.process.wait().expect("the process ends")
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `inbox` on ports that the system chooses, without variables of this environment.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inbox"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("INBOX_")) {
        command.env_remove(name);
    }
    command.args(["--smtp", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
    command
}

impl Sender {
    /// Connects and says EHLO.
    pub(crate) fn connect(smtp: SocketAddr) -> Self {
        let stream = TcpStream::connect(smtp).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        stream.set_nodelay(true).expect("an option");
        let mut sender = Self { stream: BufReader::new(stream) };
        assert!(sender.reply().starts_with("220 "));
        assert!(sender.say("EHLO client.example").starts_with("250"));
        sender
    }

    /// Sends a command and returns the last line of the reply.
    pub(crate) fn say(&mut self, command: &str) -> String {
        self.write(format!("{command}\r\n").as_bytes());
        self.reply()
    }

    pub(crate) fn write(&mut self, octets: &[u8]) {
        self.stream.get_mut().write_all(octets).expect("octets are taken");
    }

    /// The last line of the next reply, without its end.
    pub(crate) fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("a line");
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }

    /// Sends a message and returns the id in its 250.
    pub(crate) fn send(&mut self, from: &str, to: &[&str], content: &str) -> String {
        assert!(self.say(&format!("MAIL FROM:<{from}>")).starts_with("250"));
        for to in to {
            assert!(self.say(&format!("RCPT TO:<{to}>")).starts_with("250"), "{to}");
        }
        assert!(self.say("DATA").starts_with("354"));
        let content = content.replace('\n', "\r\n");
        self.write(content.replace("\r\n.", "\r\n..").as_bytes());
        let reply = self.say(if content.ends_with("\r\n") { "." } else { "\r\n." });
        assert!(reply.starts_with("250"), "{reply}");
        reply.rsplit(' ').next().expect("a word").to_owned()
    }

    /// Whatever comes until the connection ends.
    pub(crate) fn rest(mut self) -> String {
        let mut rest = Vec::new();
        // A reset is an end, too.
        let _ = self.stream.read_to_end(&mut rest);
        String::from_utf8_lossy(&rest).into_owned()
    }
}
