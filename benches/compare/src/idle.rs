//! Idle sessions: what a server holds for a client that says nothing.
//!
//! * **In**: prepared peers. **Out**: how much each one's resident memory grew.
//! * **Promises**: a fresh server each, one session before the first reading so that what is built
//!   once is not counted; every session has read the greeting and the reply to EHLO.
//! * **Limits**: [`REPLY_LIMIT`] per wait, [`HOLD_LIMIT`] in all, [`REPLY_BYTES_MAX`] per reply.
//! * **Panics**: never. **Spec**: RFC 5321 4.2 (replies), getrlimit(2).

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::measure::{MeasureError, resident_bytes};
use crate::peers::{Peer, Prepared};
use crate::places::Places;
use crate::process::{ProcessError, Server, Wrapping};
use crate::progress;

const REPLY_LIMIT: Duration = Duration::from_secs(10);
const HOLD_LIMIT: Duration = Duration::from_secs(60);
const REPLY_BYTES_MAX: usize = 4096;
/// Until a server has done all it does for the sessions.
const SETTLE: Duration = Duration::from_millis(300);
/// Files a server or this program has open besides the sessions.
const OTHER_FILES: u64 = 64;

/// What became of one peer.
#[derive(Debug)]
pub(crate) struct Held {
    /// Who.
    pub(crate) peer: Peer,
    /// The two readings, or why there are none.
    pub(crate) outcome: Result<Growth, String>,
}

/// Resident memory before and with the sessions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Growth {
    /// After one session that came and went.
    pub(crate) bytes_before: u64,
    /// With all sessions open.
    pub(crate) bytes_after: u64,
}

/// The sessions need more open files than this user may have.
#[derive(Debug, thiserror::Error)]
#[error("{wanted} are needed, {allowed} are allowed (see ulimit -n)")]
pub(crate) struct OpenFilesError {
    wanted: u64,
    allowed: u64,
}

/// Raises the limit of open files, which the servers inherit, so that `sessions` fit.
///
/// # Errors
/// [`OpenFilesError`] if the hard limit is lower.
pub(crate) fn allow_open_files(sessions: u32) -> Result<(), OpenFilesError> {
    let wanted = u64::from(sessions) + OTHER_FILES;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // No limit is written as none.
    let allowed = maximum.unwrap_or(u64::MAX);
    if current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    if allowed < wanted {
        return Err(OpenFilesError { wanted, allowed });
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
        .map_err(|_| OpenFilesError { wanted, allowed })
}

/// Holds `sessions` against each server in turn.
pub(crate) fn run(
    prepared: &[Prepared],
    places: &Places,
    sessions: u32,
    wrapping: Wrapping,
) -> Vec<Held> {
    let one = |prepared: &Prepared| {
        progress(format_args!("{sessions} idle sessions: {}", prepared.peer.name()));
        let outcome = measure(prepared, places, sessions, wrapping);
        Held { peer: prepared.peer, outcome }
    };
    prepared.iter().map(one).collect()
}

fn measure(
    prepared: &Prepared,
    places: &Places,
    sessions: u32,
    wrapping: Wrapping,
) -> Result<Growth, String> {
    let launch = prepared.launch.as_ref().map_err(|error| format!("not run: {error}"))?;
    growth(|| Server::start(prepared.peer, launch, places, wrapping), sessions)
        .map_err(|error| format!("idle sessions not measured: {error}"))
}

#[derive(Debug, thiserror::Error)]
enum HoldError {
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Measure(#[from] MeasureError),
    #[error("connection {at} of {of}: {source}")]
    Connect { at: usize, of: u32, source: io::Error },
    #[error("it holds only {held} of {of} sessions ({source})")]
    Full { held: usize, of: u32, source: io::Error },
}

fn growth(
    start: impl FnOnce() -> Result<Server, ProcessError>,
    sessions: u32,
) -> Result<Growth, HoldError> {
    let server = start()?;
    drop(hold(server.address(), 1)?);
    thread::sleep(SETTLE);
    let bytes_before = resident_bytes(server.pid())?;
    let held = hold(server.address(), sessions)?;
    thread::sleep(SETTLE);
    let bytes_after = resident_bytes(server.pid())?;
    drop(held);
    Ok(Growth { bytes_before, bytes_after })
}

/// Opens all sessions, step by step for all of them: some servers greet late on purpose.
fn hold(address: SocketAddr, sessions: u32) -> Result<Vec<TcpStream>, HoldError> {
    let deadline = Instant::now() + HOLD_LIMIT;
    let mut streams = Vec::new();
    for at in 0..sessions as usize {
        let stream = TcpStream::connect_timeout(&address, REPLY_LIMIT)
            .map_err(|source| HoldError::Connect { at, of: sessions, source })?;
        streams.push(stream);
    }
    let full = |held, source| HoldError::Full { held, of: sessions, source };
    for (held, stream) in streams.iter_mut().enumerate() {
        read_reply(stream, deadline).map_err(|source| full(held, source))?;
    }
    for (held, stream) in streams.iter_mut().enumerate() {
        stream.write_all(b"EHLO idle.example\r\n").map_err(|source| full(held, source))?;
    }
    for (held, stream) in streams.iter_mut().enumerate() {
        read_reply(stream, deadline).map_err(|source| full(held, source))?;
    }
    Ok(streams)
}

/// Reads one reply, which must be positive.
fn read_reply(stream: &mut TcpStream, deadline: Instant) -> io::Result<()> {
    let mut reply = Vec::new();
    let mut buffer = [0; 512];
    // Ends: every turn reads something, and a reply has a largest size.
    while reply.len() < REPLY_BYTES_MAX && !is_complete(&reply) {
        let left = deadline.saturating_duration_since(Instant::now()).min(REPLY_LIMIT);
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let count = match stream.read(&mut buffer) {
            // How Linux spells a timeout of a blocking socket.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            other => other?,
        };
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        reply.extend_from_slice(buffer.get(..count).unwrap_or_default());
    }
    if reply.starts_with(b"2") {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&reply);
    Err(io::Error::other(format!("it said {:?}", text.lines().next().unwrap_or_default())))
}

/// Whether the last line ends the reply: a space, not a hyphen, behind the code (RFC 5321 4.2.1).
fn is_complete(reply: &[u8]) -> bool {
    let Some(lines) = reply.strip_suffix(b"\r\n") else { return false };
    let last = lines.rsplit(|&byte| byte == b'\n').next().unwrap_or_default();
    last.get(3).is_none_or(|&byte| byte == b' ')
}

#[cfg(test)]
mod tests {
    use super::is_complete;

    #[test]
    fn a_reply_ends_with_a_line_without_hyphen() {
        for (reply, complete) in [
            ("", false),
            ("220 a", false),
            ("220 a\r\n", true),
            ("220\r\n", true),
            ("250-a\r\n", false),
            ("250-a\r\n250 b", false),
            ("250-a\r\n250 b\r\n", true),
        ] {
            assert_eq!(is_complete(reply.as_bytes()), complete, "{reply:?}");
        }
    }
}
