//! What the command line asks for.
//!
//! * **In**: arguments. **Out**: [`Options`]. **Promises**: every number is inside its range.
//! * **Limits**: the `*_MAX` constants. **Panics**: never. **Spec**: [`USAGE`].

use std::ops::RangeInclusive;
use std::path::PathBuf;

use lexopt::Arg;
use lexopt::ValueExt as _;

use crate::peers::Peer;

/// The text of `--help`.
pub(crate) const USAGE: &str = "\
Compares SMTP sinks under the same load. See benches/compare/README.md.

  --rounds N          measured rounds after one warm-up (default 9; 0: none)
  --messages N        messages per round and server (default 20000; 2000 with --per-connection)
  --bytes N           bytes per message body (default 4096)
  --sessions N        parallel SMTP sessions (default 4)
  --per-connection    a new connection for every message (default: connections are reused)
  --idle N            idle sessions held to measure memory (default 1000; 0: none)
  --only A,B,..       only these of: sink floor floor2 smtp-sink mailin-embedded aiosmtpd
                      smtp-server
  --sink PATH         our server's binary (default: built from the main workspace)
  --pin               server on core 0, load on core 1
  --help              this text
";

/// What one run does.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    /// Measured rounds; 0 leaves only the idle sessions.
    pub(crate) rounds: u32,
    /// Messages that each server gets in each round.
    pub(crate) messages: u32,
    /// Payload of one message, without its header section.
    pub(crate) message_bytes: u32,
    /// Parallel sessions of the load.
    pub(crate) sessions: u32,
    /// How long a connection lives.
    pub(crate) connections: Connections,
    /// Idle sessions held against each server; 0 skips this.
    pub(crate) idle: u32,
    /// Who takes part, in the order of the table.
    pub(crate) peers: Vec<Peer>,
    /// Our server's binary, if it is not to be built.
    pub(crate) sink: Option<PathBuf>,
    /// Whether server and load each get a core of their own.
    pub(crate) pin: bool,
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
    /// A comparison.
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
}

const MESSAGES_REUSED: u32 = 20_000;
/// Fewer, because npm's smtp-server waits 100 ms before each greeting.
const MESSAGES_PER_CONNECTION: u32 = 2_000;

const ROUNDS_MAX: u32 = 1_000;
const MESSAGES_MAX: u32 = 10_000_000;
const MESSAGE_BYTES_MAX: u32 = 64 * 1024 * 1024;
const SESSIONS_MAX: u32 = 1_000;
const IDLE_MAX: u32 = 10_000;

impl Default for Options {
    fn default() -> Self {
        Self {
            rounds: 9,
            messages: MESSAGES_REUSED,
            message_bytes: 4_096,
            sessions: 4,
            connections: Connections::Reused,
            idle: 1_000,
            peers: Peer::ALL.to_vec(),
            sink: None,
            pin: false,
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
        let mut messages = None;
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("rounds") => {
                    options.rounds = number(&mut parser, "rounds", 0..=ROUNDS_MAX)?;
                }
                Arg::Long("messages") => {
                    messages = Some(number(&mut parser, "messages", 1..=MESSAGES_MAX)?);
                }
                Arg::Long("bytes") => {
                    options.message_bytes = number(&mut parser, "bytes", 1..=MESSAGE_BYTES_MAX)?;
                }
                Arg::Long("sessions") => {
                    options.sessions = number(&mut parser, "sessions", 1..=SESSIONS_MAX)?;
                }
                Arg::Long("idle") => options.idle = number(&mut parser, "idle", 0..=IDLE_MAX)?,
                Arg::Long("per-connection") => options.connections = Connections::PerMessage,
                Arg::Long("only") => options.peers = peers(&parser.value()?.string()?)?,
                Arg::Long("sink") => options.sink = Some(PathBuf::from(parser.value()?)),
                Arg::Long("pin") => options.pin = true,
                Arg::Long("help") | Arg::Short('h') => return Ok(Request::Help),
                other => return Err(other.unexpected().into()),
            }
        }
        options.messages = messages.unwrap_or(match options.connections {
            Connections::Reused => MESSAGES_REUSED,
            Connections::PerMessage => MESSAGES_PER_CONNECTION,
        });
        Ok(Request::Run(options))
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

#[cfg(test)]
mod tests {
    use super::{Connections, Options, OptionsError, Request};
    use crate::peers::Peer;

    fn parse(arguments: &[&str]) -> Result<Request, OptionsError> {
        Options::parse(lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn arguments_become_options() {
        let expected = Options {
            rounds: 3,
            messages: 2_000,
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
    fn wrong_arguments_are_named() {
        for (arguments, named) in [
            (["--only", "nobody"], "nobody"),
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
