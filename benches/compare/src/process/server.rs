//! A running server.
//!
//! * **In**: a [`Launch`]. **Out**: its address, its pid, how many messages it says that it took, and its end.
//! * **Promises**: [`Server::start`] returns when it takes connections; dropping it ends it, first
//!   with SIGTERM, then with SIGKILL.
//! * **Limits**: [`START_LIMIT`], [`END_LIMIT`]. **Panics**: never.
//! * **Spec**: lines `listening smtp ADDR` and `ready` on its standard output.

use std::fs::File;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{ProcessError, Role, Wrapping, kill, last_words, wait_for};
use crate::peers::{Address, Launch, Peer};
use crate::places::Places;

/// How long a server may take until it serves.
const START_LIMIT: Duration = Duration::from_secs(20);
/// How long it may take to end by itself.
const END_LIMIT: Duration = Duration::from_secs(3);
/// Between two looks at what it printed: whoever counts messages must not take its CPU time at each of them.
const READ_AGAIN: Duration = Duration::from_millis(1);
/// Between two looks at a server that does not say when it is ready.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A server that takes connections.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
    taken: Arc<AtomicU64>,
}

impl Server {
    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// [`ProcessError`] if it cannot start, ends, or is not ready in time.
    pub(crate) fn start(
        peer: Peer,
        launch: &Launch,
        places: &Places,
        wrapping: Wrapping,
    ) -> Result<Self, ProcessError> {
        let program = || launch.program.display().to_string();
        let log = places.log(peer.name());
        let stderr = File::create(&log)
            .map_err(|source| ProcessError::Follow { program: program(), source })?;
        let mut child = wrapping
            .command(&launch.program, Role::Server)
            .args(&launch.arguments)
            .envs(launch.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .map_err(|source| ProcessError::Start { program: program(), source })?;
        let taken = Arc::<AtomicU64>::default();
        let lines = child.stdout.take().map(|stdout| follow(stdout, taken.clone()));
        // From here on a failure drops the server, which ends it.
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self { child, address: unknown, log, taken };
        server.address = match (launch.address, lines) {
            (Address::Told(address), _) => server.await_connection(address)?,
            (Address::Printed, Some(lines)) => server.await_ready(&lines)?,
            (Address::Printed, None) => return Err(server.not_ready()),
        };
        Ok(server)
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How many messages it took, where it prints that (`smtp-sink -c`).
    pub(crate) fn taken(&self) -> Arc<AtomicU64> {
        self.taken.clone()
    }

    /// Stops it for the time of `work`.
    ///
    /// # Errors
    /// What the system says, if it has ended.
    pub(crate) fn stopped<T>(&self, work: impl FnOnce() -> T) -> io::Result<T> {
        self.signal(Signal::STOP)?;
        let done = work();
        self.signal(Signal::CONT)?;
        Ok(done)
    }

    /// Ends it in the middle of what it does, as SIGKILL does.
    pub(crate) fn crash(mut self) {
        kill(&mut self.child);
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// Why it no longer runs, if it does not.
    pub(crate) fn ended(&mut self) -> Option<ProcessError> {
        let status = self.child.try_wait().ok().flatten()?;
        Some(ProcessError::Ended { status, said: last_words(&self.log) })
    }

    fn await_ready(&mut self, lines: &Receiver<String>) -> Result<SocketAddr, ProcessError> {
        let deadline = Instant::now() + START_LIMIT;
        let mut address = None;
        // Ends: the deadline stands however much the server prints.
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match lines.recv_timeout(left) {
                Ok(line) => {
                    let printed = line.strip_prefix("listening smtp ");
                    address = printed.and_then(|text| text.trim().parse().ok()).or(address);
                    if let (Some(address), "ready") = (address, line.trim()) {
                        return Ok(address);
                    }
                }
                Err(RecvTimeoutError::Timeout) => return Err(self.not_ready()),
                // It closed its output, so it is about to end; `drop` ends it if not.
                Err(RecvTimeoutError::Disconnected) => {
                    let _ = wait_for(&mut self.child, END_LIMIT);
                    return Err(self.not_ready());
                }
            }
        }
    }

    fn await_connection(&mut self, address: SocketAddr) -> Result<SocketAddr, ProcessError> {
        let deadline = Instant::now() + START_LIMIT;
        while Instant::now() < deadline {
            if TcpStream::connect_timeout(&address, LOOK_AGAIN).is_ok() {
                return Ok(address);
            }
            if let Some(ended) = self.ended() {
                return Err(ended);
            }
            thread::sleep(LOOK_AGAIN);
        }
        Err(self.not_ready())
    }

    fn not_ready(&mut self) -> ProcessError {
        self.ended().unwrap_or(ProcessError::NotReady { limit: START_LIMIT })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if it has ended already, which is what is wanted.
        if let Ok(None) = self.child.try_wait() {
            let _ = self.signal(Signal::TERM);
        }
        if !matches!(wait_for(&mut self.child, END_LIMIT), Ok(Some(_))) {
            kill(&mut self.child);
        }
    }
}

/// Passes on what a server prints, and keeps reading so that it never blocks on its output.
fn follow(mut stdout: ChildStdout, taken: Arc<AtomicU64>) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
        // Ends with the server, which closes its output.
        while let Ok(count @ 1..) = stdout.read(&mut buffer) {
            text.extend_from_slice(buffer.get(..count).unwrap_or_default());
            take_lines(&mut text, &taken, &sender);
            thread::sleep(READ_AGAIN);
        }
    });
    receiver
}

/// Counters such as `sess=1 quit=0 mesg=7` end with a carriage return, so that they stay on one line of a terminal.
fn take_lines(text: &mut Vec<u8>, taken: &AtomicU64, sender: &Sender<String>) {
    let is_end = |octet: &u8| matches!(octet, b'\r' | b'\n');
    let Some(end) = text.iter().rposition(is_end) else { return };
    let lines: Vec<u8> = text.drain(..=end).collect();
    for line in lines.split(is_end).map(String::from_utf8_lossy).filter(|line| !line.is_empty()) {
        match line.rsplit_once("mesg=").and_then(|(_, count)| count.trim().parse().ok()) {
            Some(count) => taken.store(count, Ordering::Relaxed),
            // Nobody listens any more once it is ready.
            None => drop(sender.send(line.into_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc::channel;

    use super::take_lines;

    #[test]
    fn counters_are_told_from_lines_at_every_cut() {
        let printed =
            b"listening smtp 127.0.0.1:1\r\nsess=1 quit=0 mesg=9\rsess=1 quit=1 mesg=10\rready\n";
        for cut in 0..printed.len() {
            let ((sender, receiver), taken) = (channel(), AtomicU64::new(0));
            let mut text = Vec::new();
            for part in [&printed[..cut], &printed[cut..]] {
                text.extend_from_slice(part);
                take_lines(&mut text, &taken, &sender);
            }
            drop(sender);
            let lines: Vec<String> = receiver.iter().collect();
            assert_eq!(lines, ["listening smtp 127.0.0.1:1", "ready"], "cut at {cut}");
            assert_eq!((taken.load(Ordering::Relaxed), text.len()), (10, 0));
        }
    }
}
