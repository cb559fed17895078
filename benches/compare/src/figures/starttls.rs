//! What a message and a handshake cost over STARTTLS.
//!
//! * **In**: our server with STARTTLS, our loader. **Out**: two tables of its own figures, and the difference.
//! * **Promises**: there is no bound, since the floor knows no TLS; no session is resumed.
//! * **Limits**: those of the load. **Panics**: never. **Spec**: RFC 3207, README.md "The figures".

use std::io::Write;

use smtp_compare::stats::Spread;

use crate::load::Load;
use crate::options::{Connections, Options};
use crate::peers::{Peer, cargo};
use crate::report::Report;
use crate::rounds;

use super::bound::Bound;
use super::{Bench, Trouble};

/// A handshake is the dearest thing here, for the client, too.
const HANDSHAKES: u32 = 2_000;

pub(super) fn measure(bench: &Bench<'_>, out: &mut Vec<u8>) -> Result<Vec<Bound>, Trouble> {
    let prepared = [bench.prepare(Peer::TlsSink)];
    let program = cargo::own(bench.places, "tls-load")?;
    let mut cpu_micros = Vec::new();
    for connections in [Connections::Reused, Connections::PerMessage] {
        let mut options =
            Options { connections, peers: vec![Peer::TlsSink], idle: 0, ..bench.options.clone() };
        if connections == Connections::PerMessage {
            options.messages.get_or_insert(HANDSHAKES);
        }
        let load = Load::starttls(program.clone(), bench.places, &options, bench.wrapping);
        let series = rounds::run(&prepared, &load, bench.places, &options, bench.wrapping);
        let report =
            Report { machine: &bench.machine, options: &options, series: &series, held: &[] };
        report.write(out)?;
        let samples = series.iter().flat_map(|series| series.samples.iter().flatten());
        let spread = Spread::of(samples.map(|sample| sample.cpu_micros_per_message));
        cpu_micros.push(spread.ok_or("it did not run")?.median);
    }
    if let [message, connection] = cpu_micros[..] {
        writeln!(
            out,
            "CPU of the server over STARTTLS: {message:.1} us/message; a connection with its \
             handshake costs {:.1} us more\n",
            connection - message
        )?;
    }
    Ok(Vec::new())
}
