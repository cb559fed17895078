//! A `mailin-embedded` server that accepts every message and drops it.
//!
//! * **In**: an address to listen on, as the only argument. **Out**: `listening smtp ADDR` and
//!   `ready` on standard output, then the library's replies.
//! * **Promises**: nothing beyond the library's; the handler is its default, which accepts all.
//! * **Limits**: [`THREADS`] sessions at once, later ones wait: the library has a thread each.
//! * **Panics**: where the library does. **Spec**: the library's reading of RFC 5321.

use std::error::Error;
use std::io::{self, Write};
use std::net::TcpListener;

use mailin_embedded::{Handler, Server, SslConfig};

/// The library's own default, written down because the figures depend on it.
const THREADS: u32 = 4;

#[derive(Clone)]
struct Discard;

impl Handler for Discard {}

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| String::from("127.0.0.1:0"));
    let listener = TcpListener::bind(address)?;
    announce(&listener)?;
    let mut server = Server::new(Discard);
    server
        .with_name("mailin.example")
        .with_ssl(SslConfig::None)?
        .with_num_threads(THREADS)
        .with_tcp_listener(listener);
    server.serve()?;
    Ok(())
}

fn announce(listener: &TcpListener) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "listening smtp {}", listener.local_addr()?)?;
    writeln!(stdout, "ready")?;
    stdout.flush()
}
