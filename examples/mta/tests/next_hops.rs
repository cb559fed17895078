//! Mail for other hosts, brought to real ones: every message sent is compared with every message received.
//!
//! * **In**: the servers that `scripts/install-peers` brings, [`bodies::all`], the `mta` program. **Out**: what each of them keeps.
//! * **Promises**: a server that is missing fails its tests and names the script that installs it; servers are not set up: they
//!   run in directories of their own, and end with the value.
//! * **Limits**: [`PATIENCE`](crate::harness::PATIENCE) for each thing waited for. **Panics**: on any difference.
//! * **Spec**: RFC 5321, RFC 2033, RFC 3030, RFC 7505.

mod aiosmtpd;
mod dns;
mod dovecot;
mod exim;
mod opensmtpd;
mod postfix;
mod root_directory;
mod smtp_sink;

use std::fs::Permissions;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::clients::{bodies, difference, mail_send, with_final_line_ending};
use crate::harness::{Mta, wait_until};

/// Where the messages go.
const DOMAIN: &str = "example.test";

/// Sends every body by way of an `mta` with these options; `received` are the files that the next hop keeps by now,
/// `below` is what it writes under each message.
fn every_body_arrives(options: &[&str], received: impl Fn() -> Vec<Vec<u8>>, below: &str) {
    let mut mta = relay(options);
    let bodies = bodies::all();
    let sent = bodies.iter().enumerate().map(|(row, body)| message(row, &body.content));
    let sent: Vec<Vec<u8>> = sent.collect();
    for message in &sent {
        mail_send::submit(mta.smtp(), &[&format!("kim@{DOMAIN}")], message);
        let line = mta.expect_log(" status=");
        assert!(line.contains(" status=sent (2"), "{line}");
    }
    wait_until("all messages are there", || received().len() == sent.len());
    let received = received();
    for (row, (sent, body)) in sent.iter().zip(&bodies).enumerate() {
        let top = difference::with_unix_lines(&header(row));
        let at = |file: &Vec<u8>| file.windows(top.len()).position(|window| window == top);
        let found = received.iter().find_map(|file| at(file).map(|at| file.split_at(at)));
        let (above, content) = found.unwrap_or_else(|| panic!("{} did not arrive", body.name));
        let is_field = above.starts_with(b"Received: ") || above.contains(&b':');
        assert!(is_field && above.ends_with(b"\n"), "{}: {}", body.name, above.escape_ascii());
        let expected = [with_final_line_ending(sent), below.into()].concat();
        difference::check_content(body.name, content, &expected);
    }
    assert_eq!(mta.terminate().code, Some(0));
}

/// One that relays for this machine.
fn relay(options: &[&str]) -> Mta {
    let ours = ["myhostname=relay.test", "mynetworks=127.0.0.0/8", "mydestination=example.org"];
    let all = ours.iter().chain(["message_size_limit=30000000"].iter()).chain(options);
    let args: Vec<&str> = all.flat_map(|option| ["-o", option]).collect();
    Mta::start(&args)
}

/// A header section that nobody has to add to, and `content` as the body.
fn message(row: usize, content: &[u8]) -> Vec<u8> {
    [&header(row), content].concat()
}

fn header(row: usize) -> Vec<u8> {
    let lines = [
        &format!("Message-ID: <row{row}@client.example.org>"),
        "Date: Sun, 22 Nov 2026 12:00:00 +0000",
        "From: ann@example.org",
        &format!("To: kim@{DOMAIN}"),
        "Subject: a row",
    ];
    format!("{}\r\n\r\n", lines.join("\r\n")).into_bytes()
}

/// A directory that every user of the machine can enter.
fn open_directory() -> TempDir {
    let open = Permissions::from_mode(0o755);
    tempfile::Builder::new().permissions(open).tempdir().expect("a directory")
}

/// A running server: timeout(1), which ends it with all its children.
struct Process(Child);

impl Process {
    /// Returns when it can be connected to.
    #[track_caller]
    fn start(command: &mut Command, address: SocketAddr) -> Self {
        let process = Self(command.spawn().expect("timeout(1) runs"));
        wait_until("the server listens", || TcpStream::connect(address).is_ok());
        process
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}
