//! Dovecot's LMTP, which delivers to a Maildir.
//!
//! * **In**: messages from `mta`, by LMTP. **Out**: files. **Promises**: as its module. **Limits**: as `root_directory`.
//! * **Panics**: if it does not start. **Spec**: RFC 2033; the documentation of Dovecot's LMTP server.

use std::fs;

use super::root_directory::{MAIL, RootDirectory};
use super::{Process, every_body_arrives};
use crate::harness::{free_address, messages_in};

const PACKAGES: [&str; 2] = ["dovecot-core", "dovecot-lmtpd"];

const LIBRARIES: [&str; 2] = ["/usr/lib/dovecot", "/usr/lib/dovecot/modules/old-stats"];

/// What its master process starts, and what they load.
const PROGRAMS: [&str; 9] = [
    "/usr/sbin/dovecot",
    "/usr/bin/doveconf",
    "/usr/lib/dovecot/lmtp",
    "/usr/lib/dovecot/config",
    "/usr/lib/dovecot/log",
    "/usr/lib/dovecot/anvil",
    "/usr/lib/dovecot/stats",
    "/usr/lib/dovecot/auth",
    "/usr/lib/dovecot/modules/libssl_iostream_openssl.so",
];

#[test]
fn every_body_arrives_at_dovecot_over_lmtp() {
    let users = ["nobody:x:65534:65534::/:/bin/sh", "nogroup:x:65534:65534::/:/bin/sh"];
    let root = RootDirectory::new(&PACKAGES, &LIBRARIES, &PROGRAMS, &users);
    let address = free_address();
    fs::create_dir_all(root.at("etc/dovecot")).expect("a directory");
    fs::create_dir_all(root.at("var/lib/dovecot")).expect("a directory");
    let (ip, port) = (address.ip(), address.port());
    let configuration = format!(
        "base_dir = /run/dovecot
log_path = /run/log
protocols = lmtp
ssl = no
default_internal_user = nobody
default_internal_group = nogroup
default_login_user = nobody
import_environment = LD_LIBRARY_PATH
mail_location = maildir:/mail
first_valid_uid = {MAIL}
first_valid_gid = {MAIL}
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid={MAIL} gid={MAIL} home=/mail allow_all_users=yes
}}
service lmtp {{
  inet_listener lmtp {{
    address = {ip}
    port = {port}
  }}
}}
"
    );
    root.write("etc/dovecot/dovecot.conf", &configuration);
    let mut command = root.command("/usr/sbin/dovecot");
    command.arg("-F");
    let _server = Process::start(&mut command, address);
    let lmtp = format!("default_transport=lmtp:[{ip}]:{port}");
    every_body_arrives(&[&lmtp], || messages_in(&root.at("mail")), "");
}
