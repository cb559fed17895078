//! Postfix, which takes messages over SMTP, queues them and relays them over STARTTLS, or over LMTP.
//!
//! * **In**: messages from mail-send. **Out**: Postfix's log. **Promises**: the certificate and its name are verified;
//!   Postfix is not set up: it runs from where it was unpacked, with its queue in a directory of its own, and ends with the value.
//! * **Limits**: [`PATIENCE`] for each delivery; DATA, never BDAT. **Panics**: if Postfix does not run, which it does for root
//!   only, or does not deliver.
//! * **Spec**: postconf(5), master(5), master(8).

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::Receiver;

use rustix::process::{Pid, Signal, getuid, kill_process};
use tempfile::TempDir;

use super::relay::CERTIFICATE;
use super::site::{HOST, Site};
use super::{DOMAIN, Way, bodies, difference, mail_send, relay, text, tool};
use crate::client::Client;
use crate::harness::{Mta, PATIENCE, free_address, lines};

/// The user daemon, on every Debian: Postfix's own is not there, as nothing was set up.
pub(crate) const DAEMON: u32 = 1;

/// Only what relaying and a Maildir need; nothing runs in a chroot.
const SERVICES: &str = "postlog unix-dgram n - n - 1 postlogd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
showq unix n - n - - showq
proxymap unix - - n - - proxymap
";

/// The directories of the queue that its own user writes to.
const QUEUES: [&str; 13] = [
    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop",
    "private", "public", "saved", "trace",
];

/// Beside the places and the next hop: it relays whatever comes from this machine, changes nothing, and logs to the test.
const PARAMETERS: &str = "compatibility_level = 3.6
mail_owner = daemon
setgid_group = mail
default_privs = nobody
import_environment = MAIL_CONFIG LD_LIBRARY_PATH
maillog_file = /dev/stdout
inet_interfaces = loopback-only
inet_protocols = ipv4
myhostname = relay.example.org
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
local_header_rewrite_clients =
smtputf8_enable = yes
message_size_limit = 30000000
smtp_dns_support_level = disabled
";

/// What the log says of a delivery.
const SENT: [&str; 2] = ["status=sent", "(250 2.0.0 "];

#[test]
fn every_body_arrives_from_postfix() {
    let site = Site::start();
    let postfix = Postfix::start(&site, &smtp(&site));
    for (row, body) in bodies::all().iter().enumerate() {
        let user = format!("row{row}");
        postfix.relay(&[&format!("{user}@{DOMAIN}")], &body.content, SENT);
        let message = site.only_message(&user);
        difference::check_received(&message, "with ESMTPS ");
        difference::check_below("Received: ", body.name, &message, &sends(&body.content));
    }
}

#[test]
fn a_message_to_an_address_beyond_ascii_arrives_from_postfix() {
    let site = Site::start();
    let postfix = Postfix::start(&site, &smtp(&site));
    let content = "Subject: Grüße an Zoë\r\n\r\nHello\r\n".as_bytes();
    postfix.relay(&[&format!("zoë@{DOMAIN}")], content, SENT);
    let message = site.only_message_of_all();
    difference::check_received(&message, "with UTF8SMTPS ");
    difference::check_below("Received: ", "SMTPUTF8", &message, content);
}

#[test]
fn each_recipient_gets_mail_over_lmtp_from_postfix() {
    let site = Site::start();
    let lmtp = format!("default_transport = lmtp:inet:[127.0.0.1]:{}\n", site.lmtp().port());
    let postfix = Postfix::start(&site, &lmtp);
    let content = bodies::short();
    postfix.relay(&[&format!("kim@{DOMAIN}"), &format!("lee@{DOMAIN}")], &content, SENT);
    for user in ["kim", "lee"] {
        let message = site.only_message(user);
        difference::check_received(&message, "with LMTP");
        difference::check_below("Received: ", user, &message, &content);
    }
}

#[test]
fn relaying_is_refused_to_postfix_for_good() {
    let site = Site::start();
    let postfix = Postfix::start(&site, &smtp(&site));
    let refused = ["status=bounced", "said: 554 5.7.1 "];
    postfix.relay(&["kim@elsewhere.example"], &bodies::short(), refused);
}

#[test]
fn the_queue_is_listed_as_postqueue_lists_it() {
    let site = Site::start();
    let postfix = Postfix::start(&site, "relayhost = [127.0.0.1]:1\nenable_long_queue_ids = yes\n");
    postfix.relay(&["a@elsewhere.example"], &bodies::short(), ["status=deferred", "refused"]);
    let mta = Mta::start(&["-o", "relayhost=[127.0.0.1]:1", "-o", "mynetworks=127.0.0.0/8"]);
    let reply = Client::hello(mta.smtp()).deliver("<a@elsewhere.example>", "hello");
    assert!(reply.starts_with("250 "), "{reply}");
    mta.settle();
    let ours = |args: &[&str]| {
        String::from_utf8(mta.queue(args, "").stdout).expect("what was sent is ASCII")
    };

    let (theirs, json) = (keys(&postfix.queue("-j")), keys(&ours(&["list", "--json"])));
    assert!(json.contains(&"recipients.delay_reason".to_owned()), "{json:?}");
    assert_eq!(json, theirs);
    let (theirs, text) = (postfix.queue("-p"), ours(&["list"]));
    assert_eq!(words(&text), words(&theirs), "{text}\n{theirs}");
    assert_eq!(text.lines().next(), theirs.lines().next());
}

/// The keys of the object in a line, and of those in its list of recipients.
fn keys(line: &str) -> Vec<String> {
    let object: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let keys = object.as_object().expect("an object").keys().cloned();
    let recipient = object["recipients"][0].as_object().expect("a recipient").keys();
    keys.chain(recipient.map(|key| format!("recipients.{key}"))).collect()
}

/// How many words each line has, up to where a reason begins.
fn words(listing: &str) -> Vec<usize> {
    let words = |line: &str| line.split('(').next().unwrap_or_default().split_whitespace().count();
    listing.lines().map(words).collect()
}

/// Where there is neither a header section nor a body, Postfix adds nothing below its own field.
fn sends(content: &[u8]) -> Vec<u8> {
    if content.is_empty() { Vec::new() } else { relay::sends(content) }
}

/// To the service smtp, with TLS and a verified name.
fn smtp(site: &Site) -> String {
    let port = site.address(Way::StartTls).port();
    format!(
        "relayhost = [127.0.0.1]:{port}
smtp_tls_security_level = secure
smtp_tls_secure_cert_match = {HOST}
smtp_tls_CAfile = $config_directory/{CERTIFICATE}
"
    )
}

/// A running Postfix.
pub(crate) struct Postfix {
    process: Child,
    log: Receiver<String>,
    address: SocketAddr,
    /// Its queue; gone when Postfix is.
    directory: TempDir,
}

impl Postfix {
    /// `relaying` says in the words of main.cf where everything goes.
    fn start(site: &Site, relaying: &str) -> Self {
        Self::start_in(relay::directory(site), relaying)
    }

    /// `parameters` say in the words of main.cf what becomes of mail.
    pub(crate) fn start_in(directory: TempDir, parameters: &str) -> Self {
        assert!(getuid().is_root(), "Postfix runs for root only");
        let address = free_address();
        let program = tool::peer("postfix");
        configure(directory.path(), &program, address, parameters);
        let mut command = tool::at(&program.join("usr/lib/postfix/sbin/master"));
        command.env("LD_LIBRARY_PATH", program.join("usr/lib/postfix"));
        // It stays in the process group of timeout(1), which thereby ends all of it.
        command.args(["-d", "-c", text(directory.path())]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("timeout(1) runs");
        let log = lines(process.stdout.take().expect("stdout is a pipe"));
        let postfix = Self { process, log, address, directory };
        postfix.wait_for("daemon started");
        postfix
    }

    /// Where it takes mail.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns when `outcome` was logged for each recipient.
    #[track_caller]
    fn relay(&self, recipients: &[&str], content: &[u8], outcome: [&str; 2]) {
        mail_send::submit(self.address, recipients, content);
        for recipient in recipients {
            let line = self.wait_for(&format!(" to=<{recipient}>,"));
            for words in outcome {
                assert!(line.contains(words), "{words:?} is not in:\n{line}");
            }
        }
    }

    /// What `postqueue` prints.
    fn queue(&self, option: &str) -> String {
        let program = tool::peer("postfix");
        let mut command = tool::at(&program.join("usr/sbin/postqueue"));
        command.env("LD_LIBRARY_PATH", program.join("usr/lib/postfix"));
        command.args(["-c", text(self.directory.path()), option]);
        let output = command.output().expect("timeout(1) runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("ASCII")
    }

    /// The next line of its log with `words`.
    #[track_caller]
    fn wait_for(&self, words: &str) -> String {
        let mut log = String::new();
        loop {
            match self.log.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(words) => return line,
                Ok(line) => log.extend([line.as_str(), "\n"]),
                Err(error) => panic!("{words:?}: {error} after:\n{log}"),
            }
        }
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // timeout(1) passes it on to all. It may have ended by itself.
        let _ = kill_process(Pid::from_child(&self.process), Signal::TERM);
        let _ = self.process.wait();
        // The last of its processes closes the log.
        while self.log.recv_timeout(PATIENCE).is_ok() {}
    }
}

fn configure(directory: &Path, program: &Path, address: SocketAddr, relaying: &str) {
    for name in ["", "pid"].into_iter().chain(QUEUES) {
        fs::create_dir(directory.join("queue").join(name)).expect("a directory");
    }
    fs::create_dir(directory.join("data")).expect("a directory");
    let queues = QUEUES.into_iter().map(|name| directory.join("queue").join(name));
    for own in queues.chain([directory.join("data")]) {
        chown(own, Some(DAEMON), Some(DAEMON)).expect("a new owner");
    }
    let services = format!("{address} inet n - n - - smtpd\n{SERVICES}");
    fs::write(directory.join("master.cf"), services).expect("a file");
    let program = text(program);
    let parameters = format!(
        "queue_directory = $config_directory/queue
data_directory = $config_directory/data
command_directory = {program}/usr/sbin
daemon_directory = {program}/usr/lib/postfix/sbin
meta_directory = {program}/etc/postfix
shlib_directory = {program}/usr/lib/postfix
{PARAMETERS}{relaying}"
    );
    fs::write(directory.join("main.cf"), parameters).expect("a file");
}
