//! Memory of sessions that wait.
//!
//! * **In**: in clear or under TLS. **Out**: a table, and the bound of a session.
//! * **Promises**: only the server's memory counts. **Limits**: those of the crowd. **Panics**: never.
//! * **Spec**: README.md, "The figures".

use std::sync::Arc;

use rustls::ClientConfig;

use crate::idle::{self, Sessions};
use crate::options::Options;
use crate::peers::{Peer, Prepared};
use crate::report::Report;

use super::bound::{Bound, Limit};
use super::{Bench, Trouble};

pub(super) fn measure(
    bench: &Bench<'_>,
    tls: Option<&Arc<ClientConfig>>,
    out: &mut Vec<u8>,
) -> Result<Vec<Bound>, Trouble> {
    let (ours, peers, name, kibibytes_max) = match tls {
        None => (Peer::Sink, vec![Peer::Sink, Peer::Floor], "idle session in clear", 4.0),
        Some(_) => (Peer::TlsSink, vec![Peer::TlsSink], "idle session under TLS", 16.0),
    };
    let options = Options { rounds: 0, peers, ..bench.options.clone() };
    let prepared: Vec<Prepared> = options.peers.iter().map(|&peer| bench.prepare(peer)).collect();
    let sessions = Sessions { count: options.idle, tls };
    let held = idle::run(&prepared, bench.places, sessions, bench.wrapping);
    let report = Report { machine: &bench.machine, options: &options, series: &[], held: &held };
    report.write(out)?;
    let kibibytes = report.kibibytes_per_session(ours).ok_or("there was no reading")?;
    Ok(vec![Bound::value(name, kibibytes, "KiB", Limit::AtMost(kibibytes_max))])
}
