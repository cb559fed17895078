//! The memory that a large message needs on its way into a Maildir.
//!
//! * **In**: our `mta`. **Out**: how far its peak grew from a message of 1 MB to one of 50 MB.
//! * **Promises**: both messages were accepted, so they are on the disk; the kernel keeps the peak, so nothing is
//!   missed between two looks. The mail is deleted afterwards.
//! * **Limits**: those of the client. **Panics**: never. **Spec**: proc(5) `VmHWM`.

use std::io::{self, Write};
use std::net::SocketAddr;

use smtp_compare::client::{self, Client, ENVELOPE};

use crate::measure::peak_resident_bytes;
use crate::peers::{Peer, cargo, clear};
use crate::process::Server;
use crate::progress;

use super::bound::{Bound, Limit};
use super::{Bench, Trouble};

const WARM_UP_BYTES: usize = 1_000_000;
const MESSAGE_BYTES: usize = 50_000_000;

pub(super) fn measure(bench: &Bench<'_>, out: &mut Vec<u8>) -> Result<Vec<Bound>, Trouble> {
    let launch = bench.prepare(Peer::Mta).launch?;
    let data = cargo::mta_data(bench.places, Peer::Mta);
    clear(&data)?;
    let server = Server::start(Peer::Mta, &launch, bench.places, bench.wrapping)?;
    progress("a message of 50 MB into a Maildir");
    deliver(server.address(), WARM_UP_BYTES)?;
    let before = peak_resident_bytes(server.pid())?;
    deliver(server.address(), MESSAGE_BYTES)?;
    let after = peak_resident_bytes(server.pid())?;
    drop(server);
    clear(&data)?;

    let mebibytes = |bytes: u64| bytes as f64 / 1024.0 / 1024.0;
    writeln!(
        out,
        "peak resident memory of mta: {:.2} MiB after a message of 1 MB, {:.2} MiB after one of \
         50 MB\n",
        mebibytes(before),
        mebibytes(after)
    )?;
    let growth = mebibytes(after - before);
    Ok(vec![Bound::value("50 MB into a Maildir", growth, "MiB", Limit::AtMost(1.0))])
}

fn deliver(address: SocketAddr, bytes: usize) -> io::Result<()> {
    let mut client = Client::connect(address)?;
    client.read_reply()?;
    client.ask(b"EHLO client.example\r\n")?;
    for line in ENVELOPE {
        client.ask(line)?;
    }
    client.ask(&client::content(bytes))?;
    client.ask(b"QUIT\r\n")
}
