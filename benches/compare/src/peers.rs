//! Who is compared, and how each server is started.
//!
//! * **In**: a [`Peer`] and what the machine has. **Out**: a [`Launch`], or the reason there is none.
//! * **Promises**: a peer that cannot be started stays in the report, with the reason.
//! * **Limits**: every installation and build has a time limit. **Panics**: never.
//! * **Spec**: a server of ours or in a script prints `listening smtp ADDR`, then `ready`.

pub(crate) mod cargo;
pub(crate) mod postfix;
pub(crate) mod relay;
mod scripts;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use crate::options::Options;
use crate::places::Places;
use crate::process::ProcessError;
use crate::progress;
use postfix::Tools;

/// A server in the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Ours: `examples/sink` of the main workspace.
    Sink,
    /// The least work a tokio server can do; every ratio is against it.
    Floor,
    /// The same binary once more: floor against floor is the noise.
    Floor2,
    /// Postfix's `smtp-sink`.
    SmtpSink,
    /// `mailin-embedded` of crates.io.
    Mailin,
    /// `aiosmtpd` of `PyPI`, on uvloop.
    Aiosmtpd,
    /// `smtp-server` of npm.
    SmtpServer,
    /// Ours with STARTTLS; only for figures.
    TlsSink,
    /// Our `examples/mta`, which keeps mail in Maildirs or passes it on; only for figures.
    Mta,
    /// The same program once more; only for figures.
    Mta2,
    /// Postfix itself; only for figures.
    Postfix,
    /// The least work a relay can do; only for figures.
    RelayFloor,
}

impl Peer {
    /// Those that are compared, in the order of the table.
    pub(crate) const ALL: [Self; 7] = [
        Self::Sink,
        Self::Floor,
        Self::Floor2,
        Self::SmtpSink,
        Self::Mailin,
        Self::Aiosmtpd,
        Self::SmtpServer,
    ];

    /// The name in options and tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sink => "sink",
            Self::Floor => "floor",
            Self::Floor2 => "floor2",
            Self::SmtpSink => "smtp-sink",
            Self::Mailin => "mailin-embedded",
            Self::Aiosmtpd => "aiosmtpd",
            Self::SmtpServer => "smtp-server",
            Self::TlsSink => "tls-sink",
            Self::Mta => "mta",
            Self::Mta2 => "mta2",
            Self::Postfix => "postfix",
            Self::RelayFloor => "relay-floor",
        }
    }
}

/// How to start a server.
#[derive(Debug)]
pub(crate) struct Launch {
    /// The binary.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<OsString>,
    /// Variables set for it.
    pub(crate) environment: Vec<(&'static str, OsString)>,
    /// How its address becomes known.
    pub(crate) address: Address,
}

/// How a server's address becomes known.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Address {
    /// It chooses a port and prints it.
    Printed,
    /// It was told one; it is ready when it accepts a connection there.
    Told(SocketAddr),
}

/// Why a peer, or the load generator, cannot be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PrepareError {
    /// An installation or a build failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A file could not be read or written.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A binary that should be there is not.
    #[error("{0} does not exist")]
    Missing(PathBuf),
    /// Cargo built something, but named no binary.
    #[error("cargo named no executable for {0}")]
    NoExecutable(&'static str),
}

/// A peer and how to start it.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// Who.
    pub(crate) peer: Peer,
    /// How, or why not.
    pub(crate) launch: Result<Launch, PrepareError>,
}

impl Prepared {
    /// Builds or installs what `peer` needs.
    pub(crate) fn new(peer: Peer, places: &Places, tools: &Tools, options: &Options) -> Self {
        progress(format_args!("preparing {}", peer.name()));
        let launch = match peer {
            Peer::Sink => cargo::sink(places, options.sink.as_deref()).map(bound_by_itself),
            Peer::Floor | Peer::Floor2 => cargo::own(places, "floor").map(bound_by_itself),
            Peer::Mailin => cargo::own(places, "mailin-sink").map(bound_by_itself),
            Peer::SmtpSink => tools.smtp_sink(options),
            Peer::Aiosmtpd => scripts::aiosmtpd(places),
            Peer::SmtpServer => scripts::smtp_server(places),
            Peer::TlsSink => cargo::own(places, "tls-sink").map(bound_by_itself),
            Peer::Mta | Peer::Mta2 => cargo::mta_for_maildirs(places),
            Peer::Postfix => relay::postfix(places, tools, ""),
            Peer::RelayFloor => cargo::own(places, "relay-floor").map(bound_by_itself),
        };
        Self { peer, launch }
    }
}

fn bound_by_itself(program: PathBuf) -> Launch {
    let arguments = vec![OsString::from("127.0.0.1:0")];
    Launch { program, arguments, environment: Vec::new(), address: Address::Printed }
}

/// Takes a directory of a former run away.
///
/// # Errors
/// What the system says, unless there is none.
pub(crate) fn clear(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// A port that was free a moment ago, for servers that cannot say which one they chose.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
