//! Rate and CPU of our sink next to the floor.
//!
//! * **In**: one of three loads. **Out**: the table of a comparison, and two bounds.
//! * **Promises**: sink, floor and a second floor take part in the same rounds. **Limits**: those of the load.
//! * **Panics**: never. **Spec**: README.md, "The figures".

use crate::load::Load;
use crate::options::{Connections, Options};
use crate::peers::{Peer, Prepared};
use crate::report::{Report, cpu_micros, messages_per_sec};
use crate::rounds;

use super::bound::{Bound, Limit};
use super::{Bench, Figure, Trouble};

const RATE_MIN: f64 = 0.93;

pub(super) fn measure(
    bench: &Bench<'_>,
    figure: Figure,
    out: &mut Vec<u8>,
) -> Result<Vec<Bound>, Trouble> {
    let (connections, message_bytes, cpu_max) = match figure {
        Figure::PerConnection => (Connections::PerMessage, 4_096, 1.2),
        Figure::Large => (Connections::Reused, 1 << 20, 1.15),
        _ => (Connections::Reused, 4_096, 1.1),
    };
    let options = Options {
        connections,
        message_bytes,
        peers: vec![Peer::Sink, Peer::Floor, Peer::Floor2],
        idle: 0,
        ..bench.options.clone()
    };
    let prepared: Vec<Prepared> = options.peers.iter().map(|&peer| bench.prepare(peer)).collect();
    let load = Load::new(bench.tools, bench.places, &options, bench.wrapping);
    let series = rounds::run(&prepared, &load, bench.places, &options, bench.wrapping);
    let report = Report { machine: &bench.machine, options: &options, series: &series, held: &[] };
    report.write(out)?;

    let bound = |what: &str, value, limit| {
        let ratio = report.ratio_to_floor(Peer::Sink, value).ok_or("sink or floor did not run")?;
        let noise = report.ratio_to_floor(Peer::Floor2, value);
        Ok(Bound::ratio(format!("{} {what}, sink to floor", figure.name()), ratio, limit, noise))
    };
    [
        bound("CPU/message", cpu_micros, Limit::AtMost(cpu_max)),
        bound("messages/s", messages_per_sec, Limit::AtLeast(RATE_MIN)),
    ]
    .into_iter()
    .collect()
}
