//! Postfix itself, with a queue of its own below the target directory.
//!
//! * **In**: its programs, and what main.cf shall say besides. **Out**: a [`Launch`] of its master(8).
//! * **Promises**: it keeps what it accepts with its own defaults (a file for each message, fsync before the 250), logs to
//!   a file as `mta` does, and takes mail on the loopback only. No system-wide configuration is read or written.
//! * **Limits**: it needs root, as master(8) does. **Panics**: never. **Spec**: Postfix's postconf(5), master(5).

use std::fs;
use std::io;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use super::postfix::Tools;
use super::{Address, Launch, PrepareError, free_address};
use crate::places::Places;

/// The user and the group daemon, on every Debian: Postfix's own are not there, as nothing was set up.
const DAEMON: u32 = 1;

/// Only what relaying needs, each with the limits of Debian's master.cf; nothing runs in a chroot.
const SERVICES: &str = "postlog unix-dgram n - n - 1 postlogd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
proxymap unix - - n - - proxymap
";

/// The directories of the queue that its own user writes to.
const QUEUES: [&str; 13] = [
    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop",
    "private", "public", "saved", "trace",
];

/// Beside its places. `in_flow_delay` would hold back senders of mail that is not delivered at once.
const PARAMETERS: &str = "compatibility_level = 3.6
mail_owner = daemon
setgid_group = mail
default_privs = nobody
import_environment = MAIL_CONFIG LD_LIBRARY_PATH
maillog_file = $config_directory/mail.log
maillog_file_prefixes = $config_directory
inet_interfaces = loopback-only
inet_protocols = ipv4
myhostname = relay.example
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
smtp_dns_support_level = disabled
in_flow_delay = 0
";

/// Postfix with an empty queue; `parameters` are lines of main.cf.
///
/// # Errors
/// [`PrepareError`] if its files cannot be made: only root may.
pub(crate) fn postfix(
    places: &Places,
    tools: &Tools,
    parameters: &str,
) -> Result<Launch, PrepareError> {
    let unmade = |source| PrepareError::Io { what: "Postfix's directories", source };
    let address = free_address().map_err(unmade)?;
    let directory = postfix_data(places);
    configure(&directory, &tools.root(), &format!("{address} inet n - n - - smtpd\n"), parameters)
        .map_err(unmade)?;
    Ok(Launch {
        program: tools.root().join("usr/lib/postfix/sbin/master"),
        arguments: vec!["-c".into(), directory.into()],
        environment: tools.environment().into_iter().collect(),
        address: Address::Told(address),
    })
}

/// Where [`postfix`] keeps everything; made anew each time.
fn postfix_data(places: &Places) -> PathBuf {
    places.peers.join("postfix-data")
}

fn configure(directory: &Path, root: &Path, listener: &str, parameters: &str) -> io::Result<()> {
    super::clear(directory)?;
    let queue = directory.join("queue");
    for name in ["pid"].into_iter().chain(QUEUES) {
        fs::create_dir_all(queue.join(name))?;
    }
    let data = directory.join("data");
    fs::create_dir(&data)?;
    for own in QUEUES.map(|name| queue.join(name)).into_iter().chain([data]) {
        chown(own, Some(DAEMON), Some(DAEMON))?;
    }
    fs::write(directory.join("master.cf"), format!("{listener}{SERVICES}"))?;
    let root = root.display();
    let places = format!(
        "queue_directory = $config_directory/queue
data_directory = $config_directory/data
command_directory = {root}/usr/sbin
daemon_directory = {root}/usr/lib/postfix/sbin
meta_directory = {root}/etc/postfix
shlib_directory = {root}/usr/lib/postfix
"
    );
    fs::write(directory.join("main.cf"), format!("{places}{PARAMETERS}{parameters}"))
}
