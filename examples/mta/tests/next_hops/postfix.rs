//! Postfix, which delivers to a Maildir.
//!
//! * **In**: messages from `mta`, by BDAT. **Out**: files. **Promises**: as its module. **Limits**: as its module among the clients.
//! * **Panics**: as there. **Spec**: virtual(8).

use std::fs;
use std::os::unix::fs::chown;

use super::{DOMAIN, every_body_arrives, open_directory};
use crate::clients::postfix::{DAEMON, Postfix};
use crate::harness::messages_in;

#[test]
fn every_body_arrives_at_postfix() {
    let directory = open_directory();
    let mail = directory.path().join("mail");
    fs::create_dir(&mail).expect("a directory");
    chown(&mail, Some(DAEMON), Some(DAEMON)).expect("a new owner");
    let delivery = format!(
        "virtual_mailbox_domains = {DOMAIN}
virtual_mailbox_base = $config_directory
virtual_mailbox_maps = static:mail/
virtual_minimum_uid = {DAEMON}
virtual_uid_maps = static:{DAEMON}
virtual_gid_maps = static:{DAEMON}
"
    );
    let postfix = Postfix::start_in(directory, &delivery);
    let address = postfix.address();
    let relay_host = format!("relayhost=[{}]:{}", address.ip(), address.port());
    every_body_arrives(&[&relay_host], || messages_in(&mail), "");
}
