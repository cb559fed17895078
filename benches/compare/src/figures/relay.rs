//! Mail for other hosts: `mta` next to Postfix, as far as their queues, and as far as the next hop.
//!
//! * **In**: 20 sessions of `smtp-source`. **Out**: the table of a comparison, and the bounds.
//! * **Promises**: both keep a message through power loss before its 250 (fsync), on the same file system, and write a
//!   log. What is accepted and held is [`accept`]'s, what is passed on to `smtp-sink` is [`relay`]'s; there the time
//!   ends when the sink has all of it. The floor, which neither parses nor stores (nor passes on, in `accept`), shows how
//!   much the clients leave.
//! * **Limits**: those of the load. **Panics**: never. **Spec**: README.md, "The figures"; Postfix's access(5) `HOLD`.

use std::io::Write;
use std::net::SocketAddr;

use smtp_compare::stats::Spread;

use crate::load::Load;
use crate::options::Options;
use crate::peers::{Peer, Prepared, cargo, clear, relay as postfix};
use crate::process::Server;
use crate::report::{Report, cpu_micros, messages_per_sec};
use crate::rounds;

use super::bound::{Bound, Limit};
use super::{Bench, Trouble};

const SESSIONS: u32 = 20;
/// Postfix takes some ten seconds for them.
const MESSAGES: u32 = 5_000;
const HOLD: &str = "smtpd_sender_restrictions = check_sender_access static:HOLD";

pub(super) fn accept(bench: &Bench<'_>, out: &mut Vec<u8>) -> Result<Vec<Bound>, Trouble> {
    let options = options(bench, vec![Peer::Mta, Peer::Postfix, Peer::Floor]);
    let parameters = vec![HOLD.replace(" = ", "=")];
    let mta = mta(bench, &parameters)?;
    let prepared = [mta, prepared_postfix(bench, HOLD), bench.prepare(Peer::Floor)];
    let load = Load::new(bench.tools, bench.places, &options, bench.wrapping);
    let series = rounds::run(&prepared, &load, bench.places, &options, bench.wrapping);
    let report = Report { machine: &bench.machine, options: &options, series: &series, held: &[] };
    report.write(out)?;
    if let Some(ceiling) = report.ratio(Peer::Floor, Peer::Postfix, messages_per_sec) {
        writeln!(
            out,
            "floor to Postfix, messages/s: {ceiling}; this load leaves room for no more\n"
        )?;
    }
    let rate = report.ratio(Peer::Mta, Peer::Postfix, messages_per_sec);
    Ok(vec![bound("accepted messages/s, mta to Postfix", rate, 12.0)?])
}

pub(super) fn relay(bench: &Bench<'_>, out: &mut Vec<u8>) -> Result<Vec<Bound>, Trouble> {
    let options = options(bench, vec![Peer::Mta, Peer::Postfix, Peer::RelayFloor]);
    let sink = sink(bench, &options)?;
    let next = next_hop(sink.address());
    let parameters = vec![format!("relayhost={next}")];
    let mut floor = bench.prepare(Peer::RelayFloor);
    if let Ok(launch) = &mut floor.launch {
        launch.arguments.push(sink.address().to_string().into());
    }
    let postfix = prepared_postfix(bench, &format!("relayhost = {next}"));
    let prepared = [mta(bench, &parameters)?, postfix, floor];
    let load = Load::new(bench.tools, bench.places, &options, bench.wrapping);
    let load = load.until_taken(sink.taken(), options.messages());
    let series = rounds::run(&prepared, &load, bench.places, &options, bench.wrapping);
    let report = Report { machine: &bench.machine, options: &options, series: &series, held: &[] };
    report.write(out)?;
    let rate = report.ratio(Peer::Mta, Peer::Postfix, messages_per_sec);
    let cpu = report.ratio(Peer::Postfix, Peer::Mta, cpu_micros);
    Ok(vec![
        bound("relayed messages/s, mta to Postfix", rate, 10.0)?,
        bound("CPU/relayed message, Postfix to mta", cpu, 15.0)?,
    ])
}

/// A sink that counts.
pub(super) fn sink(bench: &Bench<'_>, options: &Options) -> Result<Server, Trouble> {
    // Each of them may keep its connections open while the next one sends; one too many would wait for a place.
    let sessions = options.sessions * u32::try_from(options.peers.len()).unwrap_or(u32::MAX);
    let mut launch = bench.tools.smtp_sink(&Options { sessions, ..options.clone() })?;
    // It prints how many messages it has.
    launch.arguments.insert(0, "-c".into());
    Ok(Server::start(Peer::SmtpSink, &launch, bench.places, bench.wrapping)?)
}

/// Our program with an empty queue.
pub(super) fn mta(bench: &Bench<'_>, parameters: &[String]) -> Result<Prepared, Trouble> {
    let data = cargo::mta_data(bench.places, Peer::Mta);
    clear(&data)?;
    let launch = cargo::mta_for_relaying(bench.places, &data, parameters);
    Ok(Prepared { peer: Peer::Mta, launch })
}

/// As `relayhost` and transport tables have it.
pub(super) fn next_hop(address: SocketAddr) -> String {
    format!("[{}]:{}", address.ip(), address.port())
}

fn prepared_postfix(bench: &Bench<'_>, parameter: &str) -> Prepared {
    let launch = postfix::postfix(bench.places, bench.tools, &format!("{parameter}\n"));
    Prepared { peer: Peer::Postfix, launch }
}

fn options(bench: &Bench<'_>, peers: Vec<Peer>) -> Options {
    let mut options = Options { peers, idle: 0, sessions: SESSIONS, ..bench.options.clone() };
    options.messages.get_or_insert(MESSAGES);
    options
}

fn bound(name: &str, ratio: Option<Spread>, least: f64) -> Result<Bound, Trouble> {
    let ratio = ratio.ok_or("one of the two did not run")?;
    Ok(Bound::ratio(name, ratio, Limit::AtLeast(least), None))
}
