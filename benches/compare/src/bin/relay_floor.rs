//! The floor of a relay: what comes from a client goes to the next hop, and back.
//!
//! It neither parses nor stores; a client's session is the next hop's. What it takes is what sockets, runtime and the
//! two programs at its ends take, so no relay is faster beside them.
//!
//! * **In**: an address to listen on, and the next hop's. **Out**: `listening smtp ADDR` and `ready` on standard output.
//! * **Promises**: a connection to the next hop for each client. **Limits**: none. **Panics**: never. **Spec**: none.

use std::io::{self, Write};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(own), Some(next)) = (arguments.next(), arguments.next()) else {
        return Err(io::Error::other("usage: relay-floor ADDR NEXT-HOP"));
    };
    tokio::runtime::Runtime::new()?.block_on(listen(&own, next))
}

async fn listen(own: &str, next: String) -> io::Result<()> {
    let listener = TcpListener::bind(own).await?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "listening smtp {}\nready", listener.local_addr()?)?;
    stdout.flush()?;
    // Ends with the process: a sink has no other end.
    loop {
        // A connection that failed before it was accepted concerns nobody here.
        let Ok((client, _)) = listener.accept().await else { continue };
        tokio::spawn(pass_on(client, next.clone()));
    }
}

async fn pass_on(mut client: TcpStream, next: String) -> io::Result<()> {
    let mut server = TcpStream::connect(next).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
