//! `mta queue`: what an operator does with the queue, from a process of his own.
//!
//! * **In**: a request. **Out**: what it asks for, on standard output. **Promises**: a running `mta` is asked through the
//!   socket `control` in its data directory, which is its owner's alone; where none runs, the queue is read and never
//!   written. **Limits**: [`REQUEST_BYTES_MAX`], [`ANSWER_BYTES_MAX`], [`PATIENCE`].
//! * **Panics**: never. **Spec**: below; Postfix postqueue(1), postsuper(1), postcat(1), qshape(1).
//!
//! # The protocol
//!
//! A connection carries one request, a line of JSON. It is answered with lines of JSON, one [`Answer`] each, of which the
//! last is `"done"` or `{"failed":..}`. An answer that ends without one of these was cut off.

// In the program that serves.
mod operate;
mod server;

// In the program that asks.
mod client;
mod offline;

// In both.
mod print;
mod reading;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

pub(crate) use client::{Asked, run};
pub(crate) use server::{listen, serve};

/// The socket's name in the data directory.
const SOCKET: &str = "control";

/// A longer request is refused.
const REQUEST_BYTES_MAX: usize = 64 << 10;

/// No line of an answer is longer.
const ANSWER_BYTES_MAX: usize = 512 << 10;

/// How many octets of output a line of an answer has; JSON makes six octets of one at most.
const PIECE_BYTES_MAX: usize = 64 << 10;

/// How many messages one request names.
const IDS_MAX: usize = 1000;

/// How long either side waits for the next octets of the other.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// Whether the output is JSON, one object a line.
    #[serde(default)]
    pub(crate) json: bool,
    pub(crate) operation: Operation,
}

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Operation {
    /// The messages with recipients at this site, or all.
    List {
        #[serde(default)]
        site: Option<String>,
    },
    Show(Vec<String>),
    Flush(Which),
    Hold(Which),
    Release(Which),
    Requeue(Which),
    Expire(Which),
    Delete(Which),
    Suspend(String),
    Resume(String),
    Stats,
    Shape,
    Fsck,
}

/// To which messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Which {
    All,
    /// Of these names, at most [`IDS_MAX`].
    Ids(Vec<String>),
    /// With recipients of this domain, or at the site of this name; to be flushed.
    Site(String),
}

/// A line of the answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    /// Output.
    Text(String),
    /// Output that is not UTF-8, in base64.
    Octets(String),
    /// So many messages were changed, or rows flushed; possibly none, as a sign of life.
    Count(u64),
    /// It is over, not as wanted.
    Failed(Refusal),
    /// It is over.
    Done,
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Refusal {
    why: Why,
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Why {
    /// The request makes no sense.
    Usage,
    /// There is no such message, or it does not read.
    Missing,
    /// The spool could not.
    Temporary,
}

impl Refusal {
    fn usage(message: impl Into<String>) -> Self {
        Self { why: Why::Usage, message: message.into() }
    }

    fn missing(message: impl Into<String>) -> Self {
        Self { why: Why::Missing, message: message.into() }
    }

    fn temporary(message: impl Into<String>) -> Self {
        Self { why: Why::Temporary, message: message.into() }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal.why {
            Why::Usage => Self::usage(refusal.message),
            Why::Missing => Self::unreadable(refusal.message),
            Why::Temporary => Self::temporary(refusal.message),
        }
    }
}

impl Operation {
    /// Whether it only looks, so that no `mta` need run.
    fn reads(&self) -> bool {
        matches!(self, Self::List { .. } | Self::Show(_) | Self::Stats | Self::Shape | Self::Fsck)
    }

    /// What was done to the messages that are counted.
    fn past(&self) -> Option<&'static str> {
        Some(match self {
            Self::Flush(_) => "Flushed",
            Self::Hold(_) => "Placed on hold",
            Self::Release(_) => "Released from hold",
            Self::Requeue(_) => "Requeued",
            Self::Expire(_) => "Force-expired",
            Self::Delete(_) => "Deleted",
            _ => return None,
        })
    }

    /// The messages that are named, if any are.
    fn ids_mut(&mut self) -> Option<&mut Vec<String>> {
        match self {
            Self::Show(ids) => Some(ids),
            Self::Flush(which)
            | Self::Hold(which)
            | Self::Release(which)
            | Self::Requeue(which)
            | Self::Expire(which)
            | Self::Delete(which) => match which {
                Which::Ids(ids) => Some(ids),
                Which::All | Which::Site(_) => None,
            },
            _ => None,
        }
    }
}
