//! Idle sessions: what a server holds for a client that sent a message and says nothing more.
//!
//! * **In**: prepared peers. **Out**: how much each one's resident memory grew.
//! * **Promises**: a fresh server each, one session before the first reading so that what is built
//!   once is not counted; every session has said EHLO (under TLS if asked for), has had a message of
//!   [`MESSAGE_BYTES`] accepted, and has then been silent for [`SILENCE`].
//! * **Limits**: those of [`Crowd`]. **Panics**: never. **Spec**: README.md.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::ClientConfig;
use smtp_compare::client;

use crate::crowd::{Crowd, CrowdError};
use crate::measure::{MeasureError, resident_bytes};
use crate::peers::{Peer, Prepared};
use crate::places::Places;
use crate::process::{ProcessError, Server, Wrapping};
use crate::progress;

/// What each session carries before it falls silent.
const MESSAGE_BYTES: usize = 64 * 1024;
/// Until a server has given back what it gives back to nobody in particular.
const SILENCE: Duration = Duration::from_secs(5);
/// Until a server has done all it does for a session that left.
const SETTLE: Duration = Duration::from_millis(300);

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

/// The sessions: how many, and under TLS or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sessions<'a> {
    /// How many.
    pub(crate) count: u32,
    /// If it is there, they do STARTTLS with it.
    pub(crate) tls: Option<&'a Arc<ClientConfig>>,
}

/// Holds the sessions against each server in turn.
pub(crate) fn run(
    prepared: &[Prepared],
    places: &Places,
    sessions: Sessions<'_>,
    wrapping: Wrapping,
) -> Vec<Held> {
    let one = |prepared: &Prepared| {
        progress(format_args!("{} idle sessions: {}", sessions.count, prepared.peer.name()));
        let outcome = measure(prepared, places, sessions, wrapping);
        Held { peer: prepared.peer, outcome }
    };
    prepared.iter().map(one).collect()
}

fn measure(
    prepared: &Prepared,
    places: &Places,
    sessions: Sessions<'_>,
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
    #[error(transparent)]
    Crowd(#[from] CrowdError),
}

fn growth(
    start: impl FnOnce() -> Result<Server, ProcessError>,
    sessions: Sessions<'_>,
) -> Result<Growth, HoldError> {
    let server = start()?;
    drop(hold(&server, Sessions { count: 1, ..sessions })?);
    thread::sleep(SETTLE);
    let bytes_before = resident_bytes(server.pid())?;
    let crowd = hold(&server, sessions)?;
    thread::sleep(SILENCE);
    let bytes_after = resident_bytes(server.pid())?;
    drop(crowd);
    Ok(Growth { bytes_before, bytes_after })
}

fn hold(server: &Server, sessions: Sessions<'_>) -> Result<Crowd, CrowdError> {
    let content = client::content(MESSAGE_BYTES);
    Crowd::arriving(sessions.count, |count| {
        let mut group = Crowd::greeted(server.address(), count)?;
        if let Some(config) = sessions.tls {
            group = group.secured(config)?;
        }
        group.carry(&content)?;
        Ok(group)
    })
}
