//! Sockets that take connections.
//!
//! * **In**: a bound socket. **Out**: connected ones, and who is at their ends.
//! * **Promises**: nothing but this file knows of which kind a socket is. A client on a Unix socket has no
//!   address.
//! * **Limits**: none. **Panics**: never. **Spec**: tcp(7), unix(7).

use std::io::{self, Write};

use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};

use crate::info::Peer;

pub(super) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

pub(super) enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Listener {
    pub(super) async fn accept(&self) -> io::Result<(Socket, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, remote) = listener.accept().await?;
                // A reply is a small write that the client waits for: Nagle's delay would be added to
                // each. A socket that refuses the option is about to fail anyway.
                let _ = stream.set_nodelay(true);
                let peer = Peer { remote: Some(remote), local: stream.local_addr().ok() };
                Ok((Socket::Tcp(stream), peer))
            }
            #[cfg(unix)]
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Socket::Unix(stream), Peer::default()))
            }
        }
    }
}

impl Socket {
    /// Writes what is taken at once, and closes.
    pub(super) fn write_and_close(self, octets: &[u8]) {
        // The runtime does not know yet that a new socket can be written to: the system does.
        let _ = match self {
            Self::Tcp(stream) => stream.into_std().and_then(|mut stream| stream.write(octets)),
            #[cfg(unix)]
            Self::Unix(stream) => stream.into_std().and_then(|mut stream| stream.write(octets)),
        };
    }
}
