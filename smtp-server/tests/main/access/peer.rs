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

#[cfg(feature = "dns")]
use smtp_server::StageKind;
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
    let postfix = Postfix::start(&[Vec::new()]);
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

/// Each list has a service of its own.
#[cfg(feature = "dns")]
#[test]
fn a_real_postfix_says_the_same_of_each_restriction() {
    use super::restrictions::{MYNETWORKS, ROWS};
    let stages = [
        ("client", StageKind::Client),
        ("helo", StageKind::Hello),
        ("sender", StageKind::Sender),
        ("recipient", StageKind::Recipient),
        ("data", StageKind::Data),
    ];
    let options: Vec<Vec<String>> = ROWS
        .iter()
        .map(|(stage, list, ..)| {
            let lists = stages.iter().map(|(name, kind)| {
                let list = if kind == stage { list } else { "" };
                format!("smtpd_{name}_restrictions = {list}")
            });
            lists.chain([format!("mynetworks = {MYNETWORKS}")]).collect()
        })
        .collect();
    let postfix = Postfix::start(&options);
    let mut differences = Vec::new();
    for (at, (stage, list, does, expected)) in ROWS.iter().enumerate() {
        let got = postfix.answer_to(at, *does, *stage == StageKind::Data);
        if got != *expected {
            differences.push(format!("{stage:?} {list} {does:?}: {got:?}, not {expected:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Several lists together.
#[cfg(feature = "dns")]
#[test]
fn a_real_postfix_defers_the_same() {
    use super::deferral::ROWS;
    let stages = ["client", "helo", "sender", "recipient"];
    let options: Vec<Vec<String>> = ROWS
        .iter()
        .map(|(lists, _)| {
            let lists = stages.iter().zip(lists);
            lists.map(|(stage, list)| format!("smtpd_{stage}_restrictions = {list}")).collect()
        })
        .collect();
    let postfix = Postfix::start(&options);
    let mut differences = Vec::new();
    for (at, (lists, expected)) in ROWS.iter().enumerate() {
        let got = postfix.answer_to(at, super::restrictions::NOTHING, false);
        if got != *expected {
            differences.push(format!("{lists:?}: {got:?}, not {expected:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

struct Postfix {
    process: Child,
    /// One for each service.
    addresses: Vec<SocketAddr>,
    /// Reads what Postfix says, which would wait for a reader otherwise.
    log: Option<JoinHandle<()>>,
    // Its queue; gone when Postfix is.
    _directory: TempDir,
}

impl Postfix {
    /// With a service for each set of parameters.
    fn start(services: &[Vec<String>]) -> Self {
        let program = unpacked();
        let directory = TempDir::new().unwrap();
        let listeners: Vec<_> =
            services.iter().map(|_| TcpListener::bind(("127.0.0.3", 0)).unwrap()).collect();
        let addresses: Vec<_> =
            listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
        drop(listeners);
        // The tables are read by Postfix's own user.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        configure(directory.path(), &program, &addresses, services);
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
        let postfix = Self { process, addresses, log: Some(log), _directory: directory };
        assert!(
            postfix.addresses.iter().all(|address| TcpStream::connect(address).is_ok()),
            "Postfix does not listen:\n{}",
            said.join("\n")
        );
        postfix
    }

    /// `ok`, or the refusal without the words that Postfix puts before the table's.
    fn answer(&self, ask: Ask) -> String {
        let mut connection = self.connect(0);
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
            reply = connection.ask(&command);
        }
        if reply.starts_with("250 ") { "ok".to_owned() } else { without_prefix(&reply) }
    }

    /// `ok`, or the whole refusal.
    #[cfg(feature = "dns")]
    fn answer_to(&self, service: usize, does: super::restrictions::Does, data: bool) -> String {
        let or =
            |text: &'static str, usual: &'static str| if text.is_empty() { usual } else { text };
        let mut connection = self.connect(service);
        let _greeting = connection.reply();
        connection.ask("EHLO client.example");
        let name = or(does.name, "[UNAVAILABLE]");
        let client = or(does.client, "203.0.113.9");
        connection.ask(&format!("XCLIENT ADDR={client} NAME={name} REVERSE_NAME={name}"));
        connection.ask(&format!("EHLO {}", or(does.hello, "client.example")));
        let from = if does.from == "-" { "ann@example.net" } else { does.from };
        let mut reply = connection.ask(&format!("MAIL FROM:<{from}>"));
        for to in or(does.to, "nobody@local.test").split(' ') {
            reply = connection.ask(&format!("RCPT TO:<{to}>"));
        }
        if data && reply.starts_with('2') {
            reply = connection.ask("DATA");
        }
        if reply.starts_with(['2', '3']) { "ok".to_owned() } else { reply }
    }

    fn connect(&self, service: usize) -> Connection {
        let stream = TcpStream::connect(self.addresses[service]).unwrap();
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
    fn ask(&mut self, command: &str) -> String {
        // In one piece, or each would wait for Nagle.
        let line = format!("{command}\r\n");
        self.stream.get_mut().write_all(line.as_bytes()).unwrap();
        self.reply()
    }

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

fn configure(directory: &Path, program: &Path, addresses: &[SocketAddr], services: &[Vec<String>]) {
    for name in ["", "pid"].into_iter().chain(QUEUES) {
        fs::create_dir(directory.join("queue").join(name)).unwrap();
    }
    fs::create_dir(directory.join("data")).unwrap();
    let queues = QUEUES.into_iter().map(|name| directory.join("queue").join(name));
    for own in queues.chain([directory.join("data")]) {
        chown(own, Some(DAEMON), Some(DAEMON)).expect("Postfix runs for root only");
    }
    let smtpd = addresses.iter().zip(services).map(|(address, options)| {
        let options = options.iter().map(|option| format!("  -o {{ {option} }}\n"));
        format!("{address} inet n - n - - smtpd\n{}", options.collect::<String>())
    });
    let services = format!(
        "{}postlog unix-dgram n - n - 1 postlogd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
",
        smtpd.collect::<String>()
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
mydestination = local.test, sub.local.test, short
relay_domains = relay.test
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
