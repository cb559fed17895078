//! The rows of access(5), put to a real Postfix: its smtpd answers what the tables answer here.
//!
//! * **In**: Postfix as `scripts/install-peers` unpacks it. **Out**: its replies. **Promises**: a Postfix that is missing
//!   fails the test and names the script; what was started is ended. **Limits**: [`PATIENCE`] for each reply.
//! * **Panics**: on a difference; for everybody but root, as Postfix runs for root only. **Spec**: access(5).

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tempfile::TempDir;

use super::Ask;
use super::postfix::{ROWS, TABLES};

const PATIENCE: Duration = Duration::from_secs(30);

/// The user daemon, on every Debian: Postfix's own is not there, as nothing was set up.
const DAEMON: u32 = 1;

/// The directories of the queue that its own user writes to.
const QUEUES: [&str; 9] =
    ["active", "defer", "deferred", "hold", "incoming", "maildrop", "private", "public", "corrupt"];

#[test]
fn a_real_postfix_answers_the_same() {
    let postfix = Postfix::start();
    let mut differences = Vec::new();
    for (ask, expected) in ROWS {
        let got = postfix.answer(*ask);
        let expected = match expected.as_bytes().first() {
            Some(b'4' | b'5') => expected.trim_end_matches(" (closes)"),
            _ => "ok",
        };
        if got != expected {
            differences.push(format!("{ask:?}: Postfix says {got:?}, we {expected:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

struct Postfix {
    process: Child,
    address: SocketAddr,
    /// Reads what Postfix says, which would wait for a reader otherwise.
    log: Option<JoinHandle<()>>,
    // Its queue; gone when Postfix is.
    _directory: TempDir,
}

impl Postfix {
    fn start() -> Self {
        let program = unpacked();
        let directory = TempDir::new().unwrap();
        let address = TcpListener::bind(("127.0.0.3", 0)).unwrap().local_addr().unwrap();
        // The tables are read by Postfix's own user.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        configure(directory.path(), &program, address);
        let mut process = Command::new("timeout")
            .args(["--kill-after=5", "120"])
            .arg(program.join("usr/lib/postfix/sbin/master"))
            .arg("-d")
            .arg("-c")
            .arg(directory.path())
            .env("LD_LIBRARY_PATH", program.join("usr/lib/postfix"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut said = Vec::new();
        while let Some(line) = log.next().filter(|line| !line.contains("daemon started")) {
            said.push(line);
        }
        let log = thread::spawn(move || log.for_each(drop));
        let postfix = Self { process, address, log: Some(log), _directory: directory };
        assert!(
            TcpStream::connect(address).is_ok(),
            "Postfix does not listen:\n{}",
            said.join("\n")
        );
        postfix
    }

    /// `ok`, or the refusal without the words that Postfix puts before the table's.
    fn answer(&self, ask: Ask) -> String {
        let mut connection = self.connect();
        let (mut address, mut name) = ("203.0.113.9", "[UNAVAILABLE]");
        let (mut hello, mut from, mut to) =
            ("client.example", "ann@example.net", "nobody@local.test");
        match ask {
            Ask::Client(client, "") => address = client,
            Ask::Client(client, host) => (address, name) = (client, host),
            Ask::Hello(text) => hello = text,
            Ask::Sender(text) => from = text,
            Ask::Recipient(text) => to = text,
        }
        let prefix = if address.contains(':') { "IPV6:" } else { "" };
        let commands = [
            "EHLO client.example".to_owned(),
            format!("XCLIENT ADDR={prefix}{address} NAME={name}"),
            format!("EHLO {hello}"),
            format!("MAIL FROM:<{from}>"),
            format!("RCPT TO:<{to}>"),
        ];
        let mut reply = connection.reply();
        for command in commands {
            // In one piece, or each would wait for Nagle.
            let line = format!("{command}\r\n");
            connection.stream.get_mut().write_all(line.as_bytes()).unwrap();
            reply = connection.reply();
        }
        if reply.starts_with("250 ") { "ok".to_owned() } else { without_prefix(&reply) }
    }

    fn connect(&self) -> Connection {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Connection { stream: BufReader::new(stream) }
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // timeout(1) passes it on to all. It may have ended by itself.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
        let _ = self.log.take().map(JoinHandle::join);
    }
}

struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// The last line of a reply.
    fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).unwrap();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }
}

/// `554 5.7.1 <kim@a.test>: Sender address rejected: Text` as `554 5.7.1 Text`.
fn without_prefix(reply: &str) -> String {
    match (reply.split_once(" <"), reply.split_once(" rejected: ")) {
        (Some((codes, _)), Some((_, text))) => format!("{codes} {text}"),
        _ => reply.to_owned(),
    }
}

fn unpacked() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let peer =
        program.ancestors().map(|above| above.join("peers/postfix")).find(|path| path.exists());
    peer.unwrap_or_else(|| panic!("Postfix is not there: run scripts/test"))
}

fn configure(directory: &Path, program: &Path, address: SocketAddr) {
    for name in ["", "pid"].into_iter().chain(QUEUES) {
        fs::create_dir(directory.join("queue").join(name)).unwrap();
    }
    fs::create_dir(directory.join("data")).unwrap();
    let queues = QUEUES.into_iter().map(|name| directory.join("queue").join(name));
    for own in queues.chain([directory.join("data")]) {
        chown(own, Some(DAEMON), Some(DAEMON)).expect("Postfix runs for root only");
    }
    let services = format!(
        "{address} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
"
    );
    fs::write(directory.join("master.cf"), services).unwrap();
    for (stage, table) in ["client", "helo", "sender", "recipient"].into_iter().zip(TABLES) {
        fs::write(directory.join(stage), table).unwrap();
    }
    let program = program.display();
    let parameters = format!(
        "compatibility_level = 3.6
mail_owner = daemon
setgid_group = mail
default_privs = nobody
queue_directory = $config_directory/queue
data_directory = $config_directory/data
command_directory = {program}/usr/sbin
daemon_directory = {program}/usr/lib/postfix/sbin
meta_directory = {program}/etc/postfix
shlib_directory = {program}/usr/lib/postfix
import_environment = MAIL_CONFIG LD_LIBRARY_PATH
maillog_file = /dev/stdout
inet_interfaces = loopback-only
myhostname = mx.local.test
mydestination = local.test, sub.local.test
local_recipient_maps =
alias_maps =
recipient_delimiter = +
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_peername_lookup = no
smtpd_error_sleep_time = 0
smtpd_relay_restrictions = reject_unauth_destination
smtpd_client_restrictions = check_client_access texthash:$config_directory/client
smtpd_helo_restrictions = check_helo_access texthash:$config_directory/helo
smtpd_sender_restrictions = check_sender_access texthash:$config_directory/sender
smtpd_recipient_restrictions = check_recipient_access texthash:$config_directory/recipient
"
    );
    fs::write(directory.join("main.cf"), parameters).unwrap();
}
