//! The figures that the project promises: each is measured by one run and compared with its bound.
//!
//! * **In**: names of figures. **Out**: a section of text for each, then one table of all bounds.
//! * **Promises**: a figure that could not be measured stays in the table, with its reason. Counts and sizes
//!   that were not asked for are those of the promise.
//! * **Limits**: those of the parts. **Panics**: never. **Spec**: README.md, "The figures".

// In reading order: what is promised, then how each figure comes about.
mod bound;
mod counts;
mod deferred;
mod maildir;
mod memory;
mod rates;
mod relay;
mod slow;
mod starttls;

use std::io::{self, Write};

use crate::options::Options;
use crate::peers::postfix::Tools;
use crate::peers::{Peer, Prepared};
use crate::places::Places;
use crate::process::Wrapping;
use crate::report::{self, Machine};

use bound::Bound;

/// A figure, by what it measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    /// Sink and floor, 4 KiB, connections reused.
    Reused,
    /// Sink and floor, 4 KiB, a connection per message.
    PerConnection,
    /// Sink and floor, 1 MiB.
    Large,
    /// Our server over STARTTLS: a message, and a handshake.
    StartTls,
    /// Memory of an idle session in clear.
    Idle,
    /// Memory of an idle session under TLS.
    IdleTls,
    /// The rate while thousands of clients hold a connection and trickle.
    Slow,
    /// Memory for one message of 50 MB into a Maildir.
    Maildir,
    /// Mail that `mta` and Postfix make durable.
    Accept,
    /// Mail that `mta` and Postfix pass on.
    Relay,
    /// A queue of mail to dead destinations: memory, recovery, and what live mail suffers from it.
    Deferred,
    /// Allocations of the pure session and system calls of the server, per message.
    Counts,
}

impl Figure {
    /// All of them, in the order in which they are measured.
    pub(crate) const ALL: [Self; 12] = [
        Self::Reused,
        Self::PerConnection,
        Self::Large,
        Self::StartTls,
        Self::Idle,
        Self::IdleTls,
        Self::Slow,
        Self::Maildir,
        Self::Accept,
        Self::Relay,
        Self::Deferred,
        Self::Counts,
    ];

    /// The name in options and headings.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Reused => "reused",
            Self::PerConnection => "per-connection",
            Self::Large => "large",
            Self::StartTls => "starttls",
            Self::Idle => "idle",
            Self::IdleTls => "idle-tls",
            Self::Slow => "slow",
            Self::Maildir => "maildir",
            Self::Accept => "accept",
            Self::Relay => "relay",
            Self::Deferred => "deferred",
            Self::Counts => "counts",
        }
    }
}

/// What every figure needs.
struct Bench<'a> {
    places: &'a Places,
    tools: &'a Tools,
    options: &'a Options,
    wrapping: Wrapping,
    machine: Machine,
}

impl Bench<'_> {
    fn prepare(&self, peer: Peer) -> Prepared {
        Prepared::new(peer, self.places, self.tools, self.options)
    }
}

/// Why a figure is missing.
type Trouble = Box<dyn std::error::Error>;

/// Measures the figures of `options` and writes about each as soon as it is known.
///
/// # Errors
/// What `out` says.
pub(crate) fn run(
    places: &Places,
    tools: &Tools,
    options: &Options,
    wrapping: Wrapping,
    out: &mut impl Write,
) -> io::Result<()> {
    let bench = Bench { places, tools, options, wrapping, machine: Machine::describe() };
    let mut bounds = Vec::new();
    for &figure in &options.figures {
        writeln!(out, "## {}\n", figure.name())?;
        let mut text = Vec::new();
        let measured = bench.measure(figure, &mut text);
        out.write_all(&text)?;
        match measured {
            Ok(more) => bounds.extend(more),
            Err(trouble) => {
                writeln!(out, "not measured: {trouble}\n")?;
                bounds.push(Bound::missing(figure.name()));
            }
        }
        out.flush()?;
    }
    writeln!(out, "## bounds\n")?;
    let header = ["figure", "measured", "bound", "noise", "verdict"];
    report::write_table(out, header, bounds.iter().map(Bound::row))
}

impl Bench<'_> {
    fn measure(&self, figure: Figure, out: &mut Vec<u8>) -> Result<Vec<Bound>, Trouble> {
        match figure {
            Figure::Reused | Figure::PerConnection | Figure::Large => {
                rates::measure(self, figure, out)
            }
            Figure::StartTls => starttls::measure(self, out),
            Figure::Idle => memory::measure(self, None, out),
            Figure::IdleTls => {
                memory::measure(self, Some(&smtp_compare::client::tls_config()?), out)
            }
            Figure::Slow => slow::measure(self, out),
            Figure::Maildir => maildir::measure(self, out),
            Figure::Accept => relay::accept(self, out),
            Figure::Relay => relay::relay(self, out),
            Figure::Deferred => deferred::measure(self, out),
            Figure::Counts => counts::measure(self, out),
        }
    }
}
