//! Exim, as a daemon that delivers to a Maildir.
//!
//! * **In**: messages from `mta`, by BDAT. **Out**: files. **Promises**: as its module. **Limits**: as `tool`.
//! * **Panics**: if it does not start. **Spec**: the Exim specification, "The appendfile transport".

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Stdio;

use rustix::process::{getgid, getuid};

use super::{Process, every_body_arrives, open_directory};
use crate::clients::{text, tool};
use crate::harness::{free_address, messages_in};

/// The user that Debian's Exim becomes, and whom it finds under that name if it is started as root: daemon.
const EXIM: &str = "Debian-exim";
const DAEMON: u32 = 1;

#[test]
fn every_body_arrives_at_exim() {
    let (directory, address) = (open_directory(), free_address());
    let (user, group) = match getuid().is_root() {
        true => (DAEMON, DAEMON),
        false => (getuid().as_raw(), getgid().as_raw()),
    };
    let at = |name: &str| directory.path().join(name);
    let users = format!("root:x:0:0::/:/bin/sh\n{EXIM}:x:{user}:{group}::/:/bin/sh\n");
    fs::write(at("passwd"), users).expect("a file");
    fs::write(at("group"), format!("root:x:0:\nmail:x:8:\n{EXIM}:x:{group}:\n")).expect("a file");
    for own in ["spool", "mail"] {
        fs::create_dir(at(own)).expect("a directory");
        chown(at(own), Some(user), Some(group)).expect("a new owner");
    }
    let configuration = configuration(directory.path(), &address.ip().to_string(), address.port());
    let numbers = format!("  user = {user}\n  group = {group}\n");
    fs::write(at("exim.conf"), configuration + &numbers).expect("a file");
    // Where its user can start it again, but not as root.
    fs::copy(tool::peer("exim4-daemon-light/usr/sbin/exim4"), at("exim4")).expect("a program");
    fs::set_permissions(at("exim4"), Permissions::from_mode(0o755)).expect("a mode");
    let mut command = tool::at(&at("exim4"));
    command.env("LD_PRELOAD", "libnss_wrapper.so");
    command.env("NSS_WRAPPER_PASSWD", at("passwd")).env("NSS_WRAPPER_GROUP", at("group"));
    // In the foreground; a message is delivered as soon as it came.
    command.args(["-C", text(&at("exim.conf")), "-bdf", "-odi"]);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    let _server = Process::start(&mut command, address);
    let relay_host = format!("relayhost=[{}]:{}", address.ip(), address.port());
    every_body_arrives(&[&relay_host], || messages_in(&at("mail")), "");
}

fn configuration(directory: &Path, ip: &str, port: u16) -> String {
    let directory = text(directory);
    format!(
        "primary_hostname = mx.example.test
exim_path = {directory}/exim4
spool_directory = {directory}/spool
log_file_path = {directory}/spool/%slog
pid_file_path = {directory}/spool/pid
message_size_limit = 30M
keep_environment = LD_PRELOAD : NSS_WRAPPER_PASSWD : NSS_WRAPPER_GROUP
tls_advertise_hosts =
daemon_smtp_ports = {port}
local_interfaces = {ip}
acl_smtp_rcpt = all
acl_smtp_data = all
begin acl
all:
  accept
begin routers
ours:
  driver = accept
  transport = maildir
begin transports
maildir:
  driver = appendfile
  directory = {directory}/mail
  maildir_format
"
    )
}
