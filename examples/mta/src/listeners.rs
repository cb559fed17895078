//! Sockets to listen on, and what is said about them.
//!
//! * **In**: services and addresses. **Out**: bound sockets; the lines on standard output.
//! * **Promises**: nothing is announced before everything is bound; the address announced is the real one.
//! * **Limits**: none. **Panics**: never, also when nobody reads standard output.
//! * **Spec**: one line `listening SERVICE ADDR` each, `ready`, a hint.

use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;

use smtp_server::Service;
use tokio::net::TcpListener;

use crate::failure::{Failure, say};

/// A bound socket, and what it is for.
pub(crate) struct Listener {
    pub(crate) service: Service,
    pub(crate) socket: TcpListener,
    /// With the port that the system chose, if it was asked to.
    pub(crate) address: SocketAddr,
}

/// Binds all of them.
pub(crate) async fn bind(wanted: &[(Service, SocketAddr)]) -> Result<Vec<Listener>, Failure> {
    let mut listeners = Vec::with_capacity(wanted.len());
    for &(service, address) in wanted {
        let failed = |error| Failure::unavailable(describe(service, address, &error));
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        listeners.push(Listener { service, socket, address });
    }
    Ok(listeners)
}

/// Says on standard output that all listeners take connections.
pub(crate) fn announce(open: &[(Service, SocketAddr)], hint: &str) {
    let mut text = String::new();
    for (service, address) in open {
        text += &format!("listening {service} {address}\n");
    }
    text += &format!("ready\n{hint}\n");
    let mut stdout = io::stdout().lock();
    if let Err(error) = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        say(&format!("cannot write to standard output: {error}"));
    }
}

fn describe(service: Service, address: SocketAddr, error: &io::Error) -> String {
    let advice = match error.kind() {
        ErrorKind::AddrInUse => {
            "another program has this port: stop it, or choose another port".to_owned()
        }
        ErrorKind::PermissionDenied => {
            "this port is not permitted: choose one above 1023, or allow it (CAP_NET_BIND_SERVICE)"
                .to_owned()
        }
        ErrorKind::AddrNotAvailable => {
            "this host does not have this address: choose one that it has".to_owned()
        }
        _ => error.to_string(),
    };
    format!("cannot listen on {address}: {advice} (--{service})")
}
