//! `OpenSMTPD`, which delivers to a Maildir.
//!
//! * **In**: messages from `mta`, by DATA. **Out**: files. **Promises**: as its module. **Limits**: as `root_directory`.
//! * **Panics**: if it does not start. **Spec**: smtpd.conf(5).

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::root_directory::RootDirectory;
use super::{Process, every_body_arrives};
use crate::harness::{free_address, messages_in};

/// Its programs, and the shell that it starts the last one with.
const PROGRAMS: [&str; 3] = ["/usr/sbin/smtpd", "/usr/libexec/opensmtpd/mail.maildir", "/bin/sh"];

/// Users that its processes become.
const USERS: [&str; 2] = [
    "opensmtpd:x:1:1::/var/lib/opensmtpd/empty:/bin/sh",
    "opensmtpq:x:2:2::/var/lib/opensmtpd/empty:/bin/sh",
];

#[test]
fn every_body_arrives_at_opensmtpd() {
    let root = RootDirectory::new(&["opensmtpd"], &[], &PROGRAMS, &USERS);
    let address = free_address();
    for directory in ["var/spool/smtpd", "var/run", "var/lib/opensmtpd/empty"] {
        fs::create_dir_all(root.at(directory)).expect("a directory");
    }
    fs::set_permissions(root.at("var/spool/smtpd"), Permissions::from_mode(0o711)).expect("a mode");
    let (ip, port) = (address.ip(), address.port());
    let configuration = format!(
        "smtp max-message-size \"40M\"
table users {{ \"@\" = \"vmail\" }}
listen on {ip} port {port} hostname mx.example.test
action \"keep\" maildir \"/mail\" virtual <users>
match from any for any action \"keep\"
"
    );
    root.write("etc/smtpd.conf", &configuration);
    let mut command = root.command("/usr/sbin/smtpd");
    command.arg("-d");
    let _server = Process::start(&mut command, address);
    let relay_host = format!("relayhost=[{ip}]:{port}");
    every_body_arrives(&[&relay_host], || messages_in(&root.at("mail")), "");
}
