//! Sockets to listen on, and what is said about them.
//!
//! * **In**: services and addresses. **Out**: bound sockets; the lines on standard output.
//! * **Promises**: nothing is announced before everything is bound; the address announced is the real one.
//! * **Limits**: none. **Panics**: never, also when nobody reads standard output.
//! * **Spec**: one line `listening SERVICE ADDR` each (and for metrics), `ready`, a hint.

use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;

use smtp_server::Service;
use tokio::net::{TcpListener, UnixListener};

use crate::failure::{Failure, say};
use crate::options::values::Address;
use crate::unix_socket;

/// A bound socket, and what it is for.
pub(crate) struct Listener {
    pub(crate) service: Service,
    pub(crate) socket: Socket,
    /// With the port that the system chose, if it was asked to.
    pub(crate) address: Address,
}

pub(crate) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Binds all of them.
pub(crate) async fn bind(wanted: &[(Service, Address)]) -> Result<Vec<Listener>, Failure> {
    let mut listeners = Vec::with_capacity(wanted.len());
    for (service, address) in wanted {
        let (socket, address) = bind_one(address)
            .await
            .map_err(|error| Failure::unavailable(describe(*service, address, &error)))?;
        listeners.push(Listener { service: *service, socket, address });
    }
    Ok(listeners)
}

async fn bind_one(address: &Address) -> io::Result<(Socket, Address)> {
    match address {
        Address::Inet(address) => {
            let socket = TcpListener::bind(address).await?;
            let address = socket.local_addr()?;
            Ok((Socket::Tcp(socket), Address::Inet(address)))
        }
        Address::Unix(path) => Ok((Socket::Unix(unix_socket::bind(path).await?), address.clone())),
    }
}

/// Binds the one for metrics, if there is to be one, and says where.
pub(crate) async fn bind_metrics(
    wanted: Option<SocketAddr>,
) -> Result<Option<(TcpListener, SocketAddr)>, Failure> {
    let Some(address) = wanted else { return Ok(None) };
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    bound.await.map(Some).map_err(|error: io::Error| {
        Failure::unavailable(format!("cannot listen on {address}: {error} (--metrics)"))
    })
}

/// Says on standard output that all listeners take connections.
pub(crate) fn announce(open: &[(Service, Address)], metrics: Option<SocketAddr>, hint: &str) {
    let mut text = String::new();
    for (service, address) in open {
        text += &format!("listening {service} {address}\n");
    }
    if let Some(address) = metrics {
        text += &format!("listening metrics {address}\n");
    }
    text += &format!("ready\n{hint}\n");
    let mut stdout = io::stdout().lock();
    if let Err(error) = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        say(&format!("cannot write to standard output: {error}"));
    }
}

fn describe(service: Service, address: &Address, error: &io::Error) -> String {
    let advice = match (address, error.kind()) {
        (Address::Inet(_), ErrorKind::AddrInUse) => {
            "another program has this port: stop it, or choose another port"
        }
        (Address::Inet(_), ErrorKind::PermissionDenied) => {
            "this port is not permitted: choose one above 1023, or allow it (CAP_NET_BIND_SERVICE)"
        }
        (Address::Inet(_), ErrorKind::AddrNotAvailable) => {
            "this host does not have this address: choose one that it has"
        }
        (Address::Unix(_), ErrorKind::AddrInUse) => {
            "another program listens there, or it is no socket: stop it, or choose another path"
        }
        (Address::Unix(_), ErrorKind::NotFound) => {
            "its directory does not exist: make it, or choose another path"
        }
        _ => &error.to_string(),
    };
    format!("cannot listen on {address}: {advice} (--{service})")
}
