//! Processes: how they are wrapped, awaited and ended.
//!
//! * **In**: a command. **Out**: an [`Errand`]'s result or a running [`Server`].
//! * **Promises**: only processes started here are signalled, each by its own pid while its parent
//!   still holds it; none outlives this program, even if it is killed (where `setpriv` exists).
//! * **Limits**: every wait takes one. **Panics**: never.
//! * **Spec**: `pidfd_open(2)`, setpriv(1) `--pdeathsig`, taskset(1).

mod errand;
mod server;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

pub(crate) use errand::{Errand, Finished};
pub(crate) use server::Server;

/// What went wrong with a process.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    /// It could not be started.
    #[error("cannot start {program}: {source}")]
    Start {
        /// Which one.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// It could not be waited for, or its output not be kept.
    #[error("cannot follow {program}: {source}")]
    Follow {
        /// Which one.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// It ran on and was ended.
    #[error("{program} had not ended after {} s", limit.as_secs())]
    TooSlow {
        /// Which one.
        program: String,
        /// What it was allowed.
        limit: Duration,
    },
    /// It ended with a failure.
    #[error("{program}: {status}: {said}")]
    Failed {
        /// Which one.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// What it said last.
        said: String,
    },
    /// A server ended instead of serving.
    #[error("it ended ({status}): {said}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// What it said last.
        said: String,
    },
    /// A server was not ready in time.
    #[error("it was not ready after {} s", limit.as_secs())]
    NotReady {
        /// What it was allowed.
        limit: Duration,
    },
}

/// The two kinds of process in a measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    /// The peer.
    Server,
    /// The load generator.
    Load,
}

/// What stands in front of every measured command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wrapping {
    /// The kernel ends it when this program is gone.
    die_with_parent: bool,
    /// Server and load each have a core.
    pin: bool,
}

impl Wrapping {
    /// Looks for `setpriv`; without it a killed benchmark leaves its servers behind.
    pub(crate) fn find(pin: bool) -> Self {
        let tried = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "true"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        Self { die_with_parent: tried.is_ok_and(|status| status.success()), pin }
    }

    /// `program` behind wrappers that replace themselves by it, so that the pid is its own.
    pub(crate) fn command(self, program: &Path, role: Role) -> Command {
        let core = match role {
            Role::Server => "0",
            Role::Load => "1",
        };
        let guard = ["setpriv", "--pdeathsig", "KILL"];
        let pin = ["taskset", "--cpu-list", core];
        let guard = guard.into_iter().filter(|_| self.die_with_parent);
        let pin = pin.into_iter().filter(|_| self.pin);
        let mut words = guard.chain(pin).map(Path::new).chain([program]);
        let mut command = Command::new(words.next().unwrap_or(program));
        command.args(words);
        command
    }
}

/// Waits until `child` has ended, for `limit` at most; `None` if it still runs then.
///
/// # Errors
/// What the system says about waiting.
fn wait_for(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    // The child is not reaped yet, so the number is still its own.
    let descriptor = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let deadline = Instant::now() + limit;
    // Ends: a signal interrupts, but the deadline stands.
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(&timeout)) {
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(0) => return Ok(None),
            Ok(_) => return child.wait().map(Some),
        }
    }
}

/// Ends `child` at once. It is ours and not reaped, so its pid is its own.
fn kill(child: &mut Child) {
    // Fails only if it has ended already, which is what is wanted.
    let _ = child.kill();
    let _ = child.wait();
}

/// The line of a log that says why: the first error, or else the last line.
fn last_words(log: &Path) -> String {
    const TAIL_BYTES: u64 = 64 * 1024;
    let mut text = Vec::new();
    if let Ok(mut file) = File::open(log) {
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        // A log that cannot be read has no last words.
        let _ = file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)));
        let _ = file.take(TAIL_BYTES).read_to_end(&mut text);
    }
    let text = String::from_utf8_lossy(&text);
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let is_error =
        |line: &&str| line.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("error"));
    lines().find(is_error).or_else(|| lines().next_back()).unwrap_or("it said nothing").to_owned()
}
