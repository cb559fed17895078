//! What the command line asks for.
//!
//! * **In**: arguments. **Out**: [`Options`]. **Promises**: every number is inside its range.
//! * **Limits**: the `*_MAX` constants. **Panics**: never. **Spec**: [`USAGE`].

use std::ops::RangeInclusive;
use std::path::PathBuf;

use lexopt::Arg;
use lexopt::ValueExt as _;

use crate::figures::Figure;
use crate::peers::Peer;

/// The text of `--help`.
pub(crate) const USAGE: &str = "\
Compares SMTP sinks under the same load. See benches/compare/README.md.

  --rounds N          measured rounds after one warm-up (default 9; 0: none)
  --messages N        messages per round and server (default 20000; 10000 with --per-connection,
                      2000 if npm's smtp-server takes part; 1000 of 64 KiB and more)
  --bytes N           bytes per message body (default 4096)
  --sessions N        parallel SMTP sessions (default 4)
  --per-connection    a new connection for every message (default: connections are reused)
  --idle N            idle sessions held to measure memory (default 10000; 0: none)
  --only A,B,..       only these of: sink floor floor2 smtp-sink mailin-embedded aiosmtpd
                      smtp-server
  --sink PATH         our server's binary (default: built from the main workspace)
  --pin               server on core 0, load on core 1
  --figures A,B,..    instead of a comparison, the figures that the project promises, each with its
                      bound; all, or some of: reused per-connection large starttls idle idle-tls
                      slow maildir accept relay deferred counts. --rounds, --messages, --sessions, --idle
                      (also the number of slow clients), --sink and --pin apply
  --deferred N        messages to dead destinations (default 1000000)
  --help              this text
";

/// What one run does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    /// Measured rounds; 0 leaves only the idle sessions.
    pub(crate) rounds: u32,
    /// Messages that each server gets in each round, if it was said; see [`Options::messages`].
    pub(crate) messages: Option<u32>,
    /// Payload of one message, without its header section.
    pub(crate) message_bytes: u32,
    /// Parallel sessions of the load.
    pub(crate) sessions: u32,
    /// How long a connection lives.
    pub(crate) connections: Connections,
    /// Idle sessions held against each server; 0 skips this.
    pub(crate) idle: u32,
    /// Messages to dead destinations of the figure `deferred`.
    pub(crate) deferred: u32,
    /// Who takes part, in the order of the table.
    pub(crate) peers: Vec<Peer>,
    /// Our server's binary, if it is not to be built.
    pub(crate) sink: Option<PathBuf>,
    /// Whether server and load each get a core of their own.
    pub(crate) pin: bool,
    /// The figures to measure; if there are none, it is a comparison.
    pub(crate) figures: Vec<Figure>,
}

/// How long a connection of the load lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connections {
    /// A session sends message after message.
    Reused,
    /// Every message has a connection, greeting and QUIT of its own.
    PerMessage,
}

/// What the arguments ask for.
#[derive(Debug, PartialEq)]
pub(crate) enum Request {
    /// A comparison, or figures.
    Run(Options),
    /// Only the usage text.
    Help,
}

/// An argument that cannot be honoured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OptionsError {
    /// Unknown, incomplete or not a number.
    #[error("{0} (see --help)")]
    Syntax(#[from] lexopt::Error),
    /// A number outside its range.
    #[error("--{option} is {value}, it must be in {}..={}", range.start(), range.end())]
    Range {
        /// Name without dashes.
        option: &'static str,
        /// As given.
        value: u32,
        /// What is possible.
        range: RangeInclusive<u32>,
    },
    /// A name in `--only` that is no peer.
    #[error("--only: there is no peer {0:?}")]
    UnknownPeer(String),
    /// A name in `--figures` that is no figure.
    #[error("--figures: there is no figure {0:?}")]
    UnknownFigure(String),
}

const MESSAGES_REUSED: u32 = 20_000;
const MESSAGES_PER_CONNECTION: u32 = 10_000;
/// Fewer, because npm's smtp-server waits 100 ms before each greeting.
const MESSAGES_PER_SLOW_CONNECTION: u32 = 2_000;
/// Of [`LARGE_BYTES`] and more.
const MESSAGES_LARGE: u32 = 1_000;
const LARGE_BYTES: u32 = 64 * 1024;

const ROUNDS_MAX: u32 = 1_000;
const MESSAGES_MAX: u32 = 10_000_000;
const MESSAGE_BYTES_MAX: u32 = 64 * 1024 * 1024;
const SESSIONS_MAX: u32 = 1_000;
const IDLE_MAX: u32 = 10_000;

impl Default for Options {
    fn default() -> Self {
        Self {
            rounds: 9,
            messages: None,
            message_bytes: 4_096,
            sessions: 4,
            connections: Connections::Reused,
            idle: 10_000,
            deferred: 1_000_000,
            peers: Peer::ALL.to_vec(),
            sink: None,
            pin: false,
            figures: Vec::new(),
        }
    }
}

impl Options {
    /// Reads the arguments of this process.
    ///
    /// # Errors
    /// [`OptionsError`] for anything that is not in [`USAGE`].
    pub(crate) fn from_arguments() -> Result<Request, OptionsError> {
        Self::parse(lexopt::Parser::from_env())
    }

    fn parse(mut parser: lexopt::Parser) -> Result<Request, OptionsError> {
        let mut options = Self::default();
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("rounds") => {
                    options.rounds = number(&mut parser, "rounds", 0..=ROUNDS_MAX)?;
                }
                Arg::Long("messages") => {
                    options.messages = Some(number(&mut parser, "messages", 1..=MESSAGES_MAX)?);
                }
                Arg::Long("bytes") => {
                    options.message_bytes = number(&mut parser, "bytes", 1..=MESSAGE_BYTES_MAX)?;
                }
                Arg::Long("sessions") => {
                    options.sessions = number(&mut parser, "sessions", 1..=SESSIONS_MAX)?;
                }
                Arg::Long("idle") => options.idle = number(&mut parser, "idle", 0..=IDLE_MAX)?,
                Arg::Long("deferred") => {
                    options.deferred = number(&mut parser, "deferred", 1..=MESSAGES_MAX)?;
                }
                Arg::Long("per-connection") => options.connections = Connections::PerMessage,
                Arg::Long("only") => options.peers = peers(&parser.value()?.string()?)?,
                Arg::Long("sink") => options.sink = Some(PathBuf::from(parser.value()?)),
                Arg::Long("pin") => options.pin = true,
                Arg::Long("figures") => options.figures = figures(&parser.value()?.string()?)?,
                Arg::Long("help") | Arg::Short('h') => return Ok(Request::Help),
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(Request::Run(options))
    }

    /// Messages that each server gets in each round: as said, or so many that a round takes a second or two.
    pub(crate) fn messages(&self) -> u32 {
        self.messages.unwrap_or(match self.connections {
            _ if LARGE_BYTES <= self.message_bytes => MESSAGES_LARGE,
            Connections::Reused => MESSAGES_REUSED,
            Connections::PerMessage if self.peers.contains(&Peer::SmtpServer) => {
                MESSAGES_PER_SLOW_CONNECTION
            }
            Connections::PerMessage => MESSAGES_PER_CONNECTION,
        })
    }
}

fn number(
    parser: &mut lexopt::Parser,
    option: &'static str,
    range: RangeInclusive<u32>,
) -> Result<u32, OptionsError> {
    let value: u32 = parser.value()?.parse()?;
    if range.contains(&value) {
        Ok(value)
    } else {
        Err(OptionsError::Range { option, value, range })
    }
}

/// The named peers, in the order of the table and each once.
fn peers(list: &str) -> Result<Vec<Peer>, OptionsError> {
    let names: Vec<&str> = list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let known = |name: &&&str| Peer::ALL.iter().any(|peer| peer.name() == **name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        return Err(OptionsError::UnknownPeer((*unknown).to_owned()));
    }
    Ok(Peer::ALL.into_iter().filter(|peer| names.contains(&peer.name())).collect())
}

/// The named figures, each once, or all of them.
fn figures(list: &str) -> Result<Vec<Figure>, OptionsError> {
    if list == "all" {
        return Ok(Figure::ALL.to_vec());
    }
    let names: Vec<&str> = list.split(',').map(str::trim).collect();
    let known = |name: &&&str| Figure::ALL.iter().any(|figure| figure.name() == **name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        return Err(OptionsError::UnknownFigure((*unknown).to_owned()));
    }
    Ok(Figure::ALL.into_iter().filter(|figure| names.contains(&figure.name())).collect())
}

#[cfg(test)]
mod tests {
    use super::{Connections, Options, OptionsError, Request};
    use crate::figures::Figure;
    use crate::peers::Peer;

    fn parse(arguments: &[&str]) -> Result<Request, OptionsError> {
        Options::parse(lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn arguments_become_options() {
        let expected = Options {
            rounds: 3,
            message_bytes: 100,
            connections: Connections::PerMessage,
            peers: vec![Peer::Floor, Peer::SmtpSink],
            pin: true,
            ..Options::default()
        };
        let arguments = "--rounds 3 --bytes=100 --per-connection --only smtp-sink,floor --pin";
        let request = parse(&arguments.split(' ').collect::<Vec<_>>()).unwrap();
        assert_eq!(request, Request::Run(expected));
        assert_eq!(parse(&["--help"]).unwrap(), Request::Help);
    }

    #[test]
    fn figures_are_all_or_those_named() {
        let figures = |list: &str| match parse(&["--figures", list]).unwrap() {
            Request::Run(options) => options.figures,
            Request::Help => Vec::new(),
        };
        assert_eq!(figures("all"), Figure::ALL);
        assert_eq!(figures("slow, idle"), [Figure::Idle, Figure::Slow]);
    }

    #[test]
    fn the_default_count_of_messages_follows_what_they_cost() {
        let mut options = Options::default();
        assert_eq!(options.messages(), 20_000);
        options.connections = Connections::PerMessage;
        assert_eq!(options.messages(), 2_000);
        options.peers = vec![Peer::Sink];
        assert_eq!(options.messages(), 10_000);
        options.message_bytes = 1 << 20;
        assert_eq!(options.messages(), 1_000);
        options.messages = Some(7);
        assert_eq!(options.messages(), 7);
    }

    #[test]
    fn wrong_arguments_are_named() {
        for (arguments, named) in [
            (["--only", "nobody"], "nobody"),
            (["--figures", "idle,nothing"], "nothing"),
            (["--messages", "0"], "--messages"),
            (["--idle", "10001"], "10000"),
            (["--rounds", "many"], "many"),
            (["--verbose", "1"], "--verbose"),
        ] {
            let error = parse(&arguments).unwrap_err().to_string();
            assert!(error.contains(named), "{arguments:?}: {error}");
        }
    }
}
