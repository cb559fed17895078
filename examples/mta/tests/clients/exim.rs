//! Exim, which takes a message on its standard input and relays it with BDAT over STARTTLS.
//!
//! * **In**: a letter. **Out**: Exim's exit code and its log. **Promises**: the certificate is verified; Exim is neither
//!   set up nor left running: it runs once for each letter, in a directory of its own.
//! * **Limits**: as `tool`. **Panics**: if Exim does not deliver.
//! * **Spec**: the Exim specification, "The Exim command line", "The smtp transport", "Log files".

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use rustix::process::{getgid, getuid};
use tempfile::TempDir;

use super::site::{HOST, Site};
use super::{DOMAIN, Way, bodies, difference, relay, text, tool};

/// The user that Debian's Exim becomes.
const EXIM: &str = "Debian-exim";

/// Whom it finds under that name if it is started as root: daemon, on every Debian.
const DAEMON: u32 = 1;

/// What its log says of a delivery: over TLS, certificate verified, with CHUNKING, and taken.
const DELIVERED: [&str; 4] = [" X=TLS", " CV=yes ", " K ", " C=\"250 2.0.0 "];

#[test]
fn every_body_arrives_in_chunks_from_exim() {
    let site = Site::start();
    let exim = Exim::new(&site);
    for (row, body) in bodies::all().iter().enumerate() {
        let user = format!("row{row}");
        exim.relay(&format!("{user}@{DOMAIN}"), &body.content);
        let message = site.only_message(&user);
        difference::check_received(&message, "with ESMTPS ");
        difference::check_below("Received: ", body.name, &message, &relay::sends(&body.content));
    }
}

#[test]
fn a_message_to_an_address_beyond_ascii_arrives_from_exim() {
    let site = Site::start();
    let content = bodies::short();
    Exim::new(&site).relay(&format!("zoë@{DOMAIN}"), &content);
    let message = site.only_message_of_all();
    difference::check_received(&message, "with UTF8SMTPS ");
    difference::check_below("Received: ", "SMTPUTF8", &message, &content);
}

/// Its program, its configuration and its spool.
struct Exim {
    directory: TempDir,
}

impl Exim {
    fn new(site: &Site) -> Self {
        let directory = relay::directory(site);
        let (user, group) = if getuid().is_root() {
            (DAEMON, DAEMON)
        } else {
            (getuid().as_raw(), getgid().as_raw())
        };
        let users = format!("root:x:0:0::/:/bin/sh\n{EXIM}:x:{user}:{group}::/:/bin/sh\n");
        let groups = format!("root:x:0:\nmail:x:8:\n{EXIM}:x:{group}:\n");
        let at = |name: &str| directory.path().join(name);
        fs::write(at("passwd"), users).expect("a file");
        fs::write(at("group"), groups).expect("a file");
        fs::write(at("exim.conf"), configuration(site, directory.path())).expect("a file");
        fs::create_dir(at("spool")).expect("a directory");
        chown(at("spool"), Some(user), Some(group)).expect("a new owner");
        // Where its user can start it again, but not as root.
        fs::copy(tool::peer("exim4-daemon-light/usr/sbin/exim4"), at("exim4")).expect("a program");
        fs::set_permissions(at("exim4"), Permissions::from_mode(0o755)).expect("a mode");
        Self { directory }
    }

    /// Returns when the message is delivered.
    #[track_caller]
    fn relay(&self, recipient: &str, content: &[u8]) {
        let at = |name: &str| self.directory.path().join(name);
        let mut command = tool::at(&at("exim4"));
        command.env("LD_PRELOAD", "libnss_wrapper.so");
        command.env("NSS_WRAPPER_PASSWD", at("passwd")).env("NSS_WRAPPER_GROUP", at("group"));
        // A dot alone is not the end; it waits for the delivery.
        command.args(["-C", text(&at("exim.conf")), "-oi", "-odf"]);
        command.args(["-f", "ann@example.org", recipient]);
        tool::run_with_input(&mut command, &difference::with_unix_lines(content)).expect_code(0);
        let log = fs::read_to_string(at("spool/mainlog")).expect("a log");
        let delivery = log.lines().find(|line| line.contains(&format!(" => {recipient} ")));
        let delivery = delivery.unwrap_or_else(|| panic!("{recipient} got nothing:\n{log}"));
        for words in DELIVERED {
            assert!(delivery.contains(words), "{words:?} is not in:\n{delivery}");
        }
    }
}

fn configuration(site: &Site, directory: &Path) -> String {
    let directory = text(directory);
    let certificate = relay::CERTIFICATE;
    let port = site.address(Way::StartTls).port();
    format!(
        "primary_hostname = relay.example.org
exim_path = {directory}/exim4
spool_directory = {directory}/spool
log_file_path = {directory}/spool/%slog
message_size_limit = 30M
keep_environment = LD_PRELOAD : NSS_WRAPPER_PASSWD : NSS_WRAPPER_GROUP
acl_not_smtp_start = as_it_is
deliver_drop_privilege
begin acl
as_it_is:
  accept control = suppress_local_fixups
begin routers
ours:
  driver = manualroute
  route_list = * 127.0.0.1::{port} byname
  self = send
  transport = ours
begin transports
ours:
  driver = smtp
  hosts_require_tls = *
  tls_sni = {HOST}
  tls_verify_hosts = *
  tls_verify_certificates = {directory}/{certificate}
  tls_verify_cert_hostnames = :
"
    )
}
