//! Many clients at once, led by one thread.
//!
//! * **In**: an address, a number. **Out**: a [`Crowd`] of open sessions, or which of them failed.
//! * **Promises**: a step is done for all clients before the next one begins, since some servers greet late
//!   on purpose; those of [`Crowd::arriving`] come [`AT_A_TIME`] at a time, as a real server sees them.
//! * **Limits**: [`STEP_LIMIT`] per step and group, and those of [`Client`]. **Panics**: never.
//! * **Spec**: RFC 5321 3.1, 3.3; RFC 3207; getrlimit(2).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::ClientConfig;
use smtp_compare::client::{Client, ENVELOPE};

/// How many clients arrive at the same time.
const AT_A_TIME: u32 = 16;
/// How long one step may take for all clients together.
const STEP_LIMIT: Duration = Duration::from_secs(5 * 60);
/// Files a server or this program has open besides the sessions.
const OTHER_FILES: u64 = 64;

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

/// Clients with open sessions.
#[derive(Debug)]
pub(crate) struct Crowd(Vec<Client>);

/// Not every client has a session.
#[derive(Debug, thiserror::Error)]
#[error("it holds only {held} of {of} sessions: {step}: {source}")]
pub(crate) struct CrowdError {
    held: usize,
    of: usize,
    step: &'static str,
    source: io::Error,
}

impl Crowd {
    /// `count` clients that come [`AT_A_TIME`] at a time: a group is led as far as `lead` leads it before the
    /// next one comes, and stays.
    ///
    /// # Errors
    /// [`CrowdError`] at the first client that fails.
    pub(crate) fn arriving(
        count: u32,
        mut lead: impl FnMut(u32) -> Result<Self, CrowdError>,
    ) -> Result<Self, CrowdError> {
        let mut clients = Vec::with_capacity(count as usize);
        while let missing @ 1.. = count as usize - clients.len() {
            let group = missing.min(AT_A_TIME as usize) as u32;
            let Self(mut group) = lead(group).map_err(|error| CrowdError {
                held: clients.len() + error.held,
                of: count as usize,
                ..error
            })?;
            clients.append(&mut group);
        }
        Ok(Self(clients))
    }

    /// `count` clients that were greeted and have said EHLO.
    ///
    /// # Errors
    /// [`CrowdError`] at the first client that fails.
    pub(crate) fn greeted(address: SocketAddr, count: u32) -> Result<Self, CrowdError> {
        let addresses = vec![address; count as usize];
        let mut crowd = Self(all("connection", addresses, Client::connect)?);
        crowd.each("greeting", Client::read_reply)?;
        crowd.each("EHLO", |client| client.send(b"EHLO idle.example\r\n"))?;
        crowd.each("reply to EHLO", Client::read_reply)?;
        Ok(crowd)
    }

    /// The same clients after STARTTLS and EHLO once more.
    ///
    /// # Errors
    /// As [`Crowd::greeted`].
    pub(crate) fn secured(self, config: &Arc<ClientConfig>) -> Result<Self, CrowdError> {
        let secure = |mut client: Client| {
            client.ask(b"STARTTLS\r\n")?;
            let mut client = client.secure(config)?;
            client.ask(b"EHLO idle.example\r\n")?;
            Ok(client)
        };
        all("STARTTLS", self.0, secure).map(Self)
    }

    /// Every client sends one message with `content`, all at once.
    ///
    /// # Errors
    /// As [`Crowd::greeted`].
    pub(crate) fn carry(&mut self, content: &[u8]) -> Result<(), CrowdError> {
        for octets in ENVELOPE.into_iter().chain([content]) {
            self.each("message", |client| client.send(octets))?;
            self.each("reply to a message", Client::read_reply)?;
        }
        Ok(())
    }

    /// The clients, for whoever leads them in another way.
    pub(crate) const fn clients(&mut self) -> &mut [Client] {
        self.0.as_mut_slice()
    }

    /// How many were closed by the server.
    pub(crate) fn count_closed(&self) -> usize {
        self.0.iter().filter(|client| client.is_closed().unwrap_or(true)).count()
    }

    fn each(
        &mut self,
        step: &'static str,
        lead: impl FnMut(&mut Client) -> io::Result<()>,
    ) -> Result<(), CrowdError> {
        all(step, self.0.iter_mut().collect(), lead).map(drop)
    }
}

/// One step for all, or who could not take it.
fn all<T, U>(
    step: &'static str,
    clients: Vec<T>,
    mut lead: impl FnMut(T) -> io::Result<U>,
) -> Result<Vec<U>, CrowdError> {
    let (of, deadline) = (clients.len(), Instant::now() + STEP_LIMIT);
    let mut led = Vec::with_capacity(of);
    for client in clients {
        let next = in_time(deadline).and_then(|()| lead(client));
        led.push(next.map_err(|source| CrowdError { held: led.len(), of, step, source })?);
    }
    Ok(led)
}

fn in_time(deadline: Instant) -> io::Result<()> {
    if Instant::now() < deadline { Ok(()) } else { Err(io::ErrorKind::TimedOut.into()) }
}
