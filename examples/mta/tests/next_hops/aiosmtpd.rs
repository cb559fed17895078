//! aiosmtpd, a server in Python.
//!
//! * **In**: messages from `mta`. **Out**: a file each, in the octets of the wire. **Promises**: it keeps nothing else.
//! * **Limits**: as `tool`. **Panics**: if it does not start. **Spec**: the documentation of aiosmtpd.

use std::path::Path;
use std::process::Stdio;

use super::{Process, every_body_arrives, open_directory};
use crate::clients::{difference, text, tool};
use crate::harness::{free_address, messages_in};

#[test]
fn every_body_arrives_at_aiosmtpd() {
    let (directory, address) = (open_directory(), free_address());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/next_hops/keep.py");
    let mut command = tool::installed("python3");
    command.env("PYTHONPATH", tool::peer("aiosmtpd")).stdin(Stdio::null());
    command.arg("-B").arg(script).args([&address.ip().to_string(), &address.port().to_string()]);
    command.arg(text(directory.path()));
    let _server = Process::start(&mut command, address);
    let relay_host = format!("relayhost=[{}]:{}", address.ip(), address.port());
    let received = || {
        let messages = messages_in(directory.path());
        messages.iter().map(|message| difference::with_unix_lines(message)).collect()
    };
    every_body_arrives(&[&relay_host], received, "");
}
