//! Rounds: every server gets the load in turn, again and again.
//!
//! * **In**: prepared peers and the load. **Out**: a [`Series`] per peer, also for those that do
//!   not run.
//! * **Promises**: one warm-up each; then in every round each server once, the order shifted by one
//!   from round to round, so that a slow minute of the machine meets all of them. All servers stay
//!   up meanwhile, and idle ones use no CPU.
//! * **Limits**: `--rounds`, and the limits of [`Load`]. **Panics**: never. **Spec**: README.md.

use std::thread;
use std::time::Duration;

use crate::load::Load;
use crate::measure::{CpuReading, CpuSource, MeasureError, resident_bytes};
use crate::options::Options;
use crate::peers::{Peer, Prepared};
use crate::places::Places;
use crate::process::{ProcessError, Server, Wrapping};
use crate::progress;

/// What a server may still do after the last reply (closing sessions) belongs to its round.
const SETTLE: Duration = Duration::from_millis(50);

/// All that was measured of one peer.
#[derive(Debug)]
pub(crate) struct Series {
    /// Who.
    pub(crate) peer: Peer,
    /// One entry per round, `None` where it did not take part any more.
    pub(crate) samples: Vec<Option<Sample>>,
    /// Resident memory after the last round.
    pub(crate) resident_bytes: Option<u64>,
    /// Why it did not run, or not to the end.
    pub(crate) trouble: Option<String>,
}

/// One round of one peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// By the wall time of the load generator.
    pub(crate) messages_per_sec: f64,
    /// CPU time of the server.
    pub(crate) cpu_micros_per_message: f64,
    /// Where the CPU time is from.
    pub(crate) cpu_source: CpuSource,
}

/// Runs the warm-up and all rounds.
pub(crate) fn run(
    prepared: &[Prepared],
    load: &Load,
    places: &Places,
    options: &Options,
    wrapping: Wrapping,
) -> Vec<Series> {
    let mut contestants: Vec<Contestant> =
        prepared.iter().map(|prepared| Contestant::start(prepared, places, wrapping)).collect();
    progress("warm-up");
    for contestant in &mut contestants {
        contestant.take_turn(load, options.messages());
    }
    for round in 0..options.rounds {
        progress(format_args!("round {} of {}", round + 1, options.rounds));
        for contestant in &mut contestants {
            let sample = contestant.take_turn(load, options.messages());
            contestant.series.samples.push(sample);
        }
        // Whoever was first is last next time; each keeps its own samples.
        contestants.rotate_left(1);
    }
    let mut series: Vec<Series> = contestants.into_iter().map(Contestant::finish).collect();
    series.sort_by_key(|series| Peer::ALL.iter().position(|&peer| peer == series.peer));
    series
}

struct Contestant {
    series: Series,
    /// `None` once there was trouble.
    server: Option<Server>,
}

/// Why a turn has no sample.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TurnError {
    /// The load failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The server cannot be measured.
    #[error(transparent)]
    Measure(#[from] MeasureError),
}

impl Contestant {
    fn start(prepared: &Prepared, places: &Places, wrapping: Wrapping) -> Self {
        let peer = prepared.peer;
        let started = match &prepared.launch {
            Ok(launch) => Server::start(peer, launch, places, wrapping)
                .map_err(|error| format!("not run: {error}")),
            Err(error) => Err(format!("not run: {error}")),
        };
        let (server, trouble) = match started {
            Ok(server) => (Some(server), None),
            Err(trouble) => {
                progress(format_args!("{}: {trouble}", peer.name()));
                (None, Some(trouble))
            }
        };
        let series = Series { peer, samples: Vec::new(), resident_bytes: None, trouble };
        Self { series, server }
    }

    /// One load; a server that fails under it takes no further part.
    fn take_turn(&mut self, load: &Load, messages: u32) -> Option<Sample> {
        let server = self.server.as_mut()?;
        match sample(server, load, messages) {
            Ok(sample) => Some(sample),
            Err(error) => {
                let rounds = self.series.samples.len();
                // If the server is gone, that is the reason, not what its client saw of it.
                let ended = server.ended().map(|ended| ended.to_string());
                let reason = ended.unwrap_or_else(|| error.to_string());
                let trouble = format!("stopped after {rounds} rounds: {reason}");
                progress(format_args!("{}: {trouble}", self.series.peer.name()));
                self.series.trouble = Some(trouble);
                self.server = None;
                None
            }
        }
    }

    fn finish(mut self) -> Series {
        let server = self.server.take();
        self.series.resident_bytes = server.and_then(|server| resident_bytes(server.pid()).ok());
        self.series
    }
}

/// One load on one server.
///
/// # Errors
/// [`TurnError`] if a message was not accepted, or the server cannot be measured.
pub(crate) fn sample(server: &Server, load: &Load, messages: u32) -> Result<Sample, TurnError> {
    let before = CpuReading::take(server.pid())?;
    let wall = load.run(server.address())?;
    thread::sleep(SETTLE);
    let cpu = CpuReading::take(server.pid())?.since(&before);
    let messages = f64::from(messages);
    Ok(Sample {
        messages_per_sec: messages / wall.as_secs_f64(),
        cpu_micros_per_message: Duration::from_nanos(cpu.nanos).as_secs_f64() * 1e6 / messages,
        cpu_source: cpu.source,
    })
}
