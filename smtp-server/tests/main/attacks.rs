//! Hostile input, row by row; each test names its row.

mod addresses;
#[cfg(feature = "password-hashes")]
mod auth;
mod bdat;
mod commands;
mod content;
mod end_of_data;
#[cfg(feature = "dns")]
mod lists;
#[cfg(feature = "tracing")]
mod log;
mod logins;
#[cfg(feature = "dns")]
mod names;
mod out_of_turn;
mod policy_service;
mod rates;
mod relay;
mod slow;
mod source_routes;
mod tls;
mod trust;

use smtp_server::proto::{Reply, limits};
use tokio::runtime::{Builder, Runtime};

use crate::support::pure::{self, Cuts, Run, Turn};
use crate::support::setup::Setup;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Runs a session whole, octet by octet and cut once at each place of its turns: the same must come of all,
/// in well-formed replies. Gives the run that was not cut.
fn at_every_cut(setup: &Setup, turns: &[Turn]) -> Run {
    let whole = pure::run(setup, turns, Cuts::None);
    assert_well_formed(&whole.text());
    let octets = |turn: &Turn| match turn {
        Turn::Send(octets) => octets.len(),
        Turn::Tls => 0,
    };
    let longest = turns.iter().map(octets).max().unwrap_or_default();
    for cuts in (1..longest).map(Cuts::At).chain([Cuts::All]) {
        let run = pure::run(setup, turns, cuts.clone());
        let same = run.output == whole.output && run.closed == whole.closed;
        assert!(same, "{cuts:?} of {turns:?}: {run:?}");
    }
    whole
}

/// Whole replies, each of lines that end in CRLF and hold no other control character.
fn assert_well_formed(octets: &[u8]) {
    let mut rest = octets;
    while !rest.is_empty() {
        let (_, consumed) = Reply::parse(rest).unwrap().expect("a whole reply");
        let (reply, after) = rest.split_at(consumed);
        for line in reply.split_inclusive(|octet| *octet == b'\n') {
            let text = line.strip_suffix(b"\r\n").expect("CRLF");
            let fits = line.len() <= limits::REPLY_LINE_BYTES_MAX;
            assert!(fits && !text.iter().any(u8::is_ascii_control), "{}", line.escape_ascii());
        }
        rest = after;
    }
}
