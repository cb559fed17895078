//! The load: one run of Postfix's `smtp-source`, or of our `tls-load`, with the same arguments for every server.
//!
//! * **In**: an address. **Out**: how long it took to deliver all messages, as far as the server or as the next hop.
//! * **Promises**: an error if one message was not accepted: both programs fail then.
//! * **Limits**: [`LOAD_LIMIT`] per run. **Panics**: never. **Spec**: smtp-source(1).

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::options::{Connections, Options};
use crate::peers::postfix::Tools;
use crate::places::Places;
use crate::process::{Errand, Finished, ProcessError, Role, Wrapping};

/// How long one run may take.
const LOAD_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Between two looks at what the next hop has.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// The load that every server gets.
#[derive(Debug)]
pub(crate) struct Load {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Option<(&'static str, OsString)>,
    log: PathBuf,
    wrapping: Wrapping,
    /// How many messages the next hop has, and how many are sent, if the load ends there.
    next_hop: Option<(Arc<AtomicU64>, u64)>,
}

impl Load {
    /// In clear, by `smtp-source`.
    pub(crate) fn new(
        tools: &Tools,
        places: &Places,
        options: &Options,
        wrapping: Wrapping,
    ) -> Self {
        let (program, environment) = tools.smtp_source();
        let mut arguments = arguments(options);
        let names = ["-M", "client.example", "-f", "sender@client.example"];
        arguments.extend(names.into_iter().chain(["-t", "rcpt@sink.example"]).map(OsString::from));
        let name = "smtp-source";
        Self {
            name,
            program,
            arguments,
            environment,
            log: places.log(name),
            wrapping,
            next_hop: None,
        }
    }

    /// Over STARTTLS, by `program`, which is our `tls-load`: `smtp-source` knows no TLS.
    pub(crate) fn starttls(
        program: PathBuf,
        places: &Places,
        options: &Options,
        wrapping: Wrapping,
    ) -> Self {
        let (name, arguments) = ("tls-load", arguments(options));
        Self {
            name,
            program,
            arguments,
            environment: None,
            log: places.log(name),
            wrapping,
            next_hop: None,
        }
    }

    /// The same load, which ends when the `messages` are where `taken` counts them.
    pub(crate) fn until_taken(self, taken: Arc<AtomicU64>, messages: u32) -> Self {
        Self { next_hop: Some((taken, u64::from(messages))), ..self }
    }

    /// Sends all messages to `address`; returns the wall time of the whole process, or until the next hop has all.
    ///
    /// # Errors
    /// [`ProcessError`] if it fails or takes too long.
    pub(crate) fn run(&self, address: SocketAddr) -> Result<Duration, ProcessError> {
        let mut command = self.wrapping.command(&self.program, Role::Load);
        command.args(&self.arguments).arg(address.to_string());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let taken = || self.next_hop.as_ref().map_or(0, |(taken, _)| taken.load(Ordering::Relaxed));
        let (before, begun) = (taken(), Instant::now());
        let errand = Errand { name: self.name, command, log: self.log.clone(), limit: LOAD_LIMIT };
        let Finished { wall, .. } = errand.run()?;
        let Some((_, messages)) = self.next_hop else { return Ok(wall) };
        while taken() < before + messages {
            if LOAD_LIMIT <= begun.elapsed() {
                let program = String::from("what is to pass the mail on");
                return Err(ProcessError::TooSlow { program, limit: LOAD_LIMIT });
            }
            thread::sleep(LOOK_AGAIN);
        }
        Ok(begun.elapsed())
    }
}

/// What both programs understand.
fn arguments(options: &Options) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = [
        ("-s", options.sessions.to_string()),
        ("-m", options.messages().to_string()),
        ("-l", options.message_bytes.to_string()),
    ]
    .into_iter()
    .flat_map(|(name, value)| [name.into(), value.into()])
    .collect();
    if options.connections == Connections::Reused {
        arguments.push("-d".into());
    }
    arguments
}
