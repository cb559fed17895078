//! Making a connection for a job.
//!
//! * **In**: a host, a TLS level. **Out**: a [`Connection`] on which nothing was said yet, or why there is none.
//! * **Promises**: a source address is used for hosts of its family. **Limits**: the time to connect.
//! * **Panics**: never. **Spec**: RFC 5321 2.3.8.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

#[cfg(feature = "tls")]
use super::certificate_name::{bare, certificate_names};
use super::client::SmtpTransport;
#[cfg(feature = "tls")]
use super::driver::Handshake;
use super::driver::{Connection, Io, now};
use super::pool::Key;
use super::session::{Cause, ClientSession, Failure, Stage, TlsUse};
use super::tls_policy::TlsLevel;
use crate::status::NextHost;
use crate::transport::Job;

/// What a job needs of a connection.
#[derive(Clone, Copy)]
pub(super) struct Link<'a> {
    pub(super) transport: &'a SmtpTransport,
    pub(super) job: &'a Job,
}

impl Link<'_> {
    pub(super) fn key(&self, level: TlsLevel, host: &NextHost) -> Key {
        let next_hop = &self.job.next_hop;
        let login = self.transport.login(&next_hop.destination, host);
        let destination = (level == TlsLevel::Secure).then(|| next_hop.destination.clone());
        let identity = login.map(|login| Arc::from(login.username()));
        Key { site: next_hop.site.clone(), level, destination, identity }
    }

    pub(super) async fn connect(
        &self,
        host: &NextHost,
        level: TlsLevel,
    ) -> Result<Connection, Failure> {
        let since = now();
        let failure = |cause| Failure { stage: Stage::Connect, cause };
        let stream = match timeout(self.transport.timeouts.connect, self.open(host)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(failure(Cause::Refused(words(&error)))),
            Err(_) => return Err(failure(Cause::TimedOut)),
        };
        let transport = self.transport;
        let login = transport.login(&self.job.next_hop.destination, host);
        let hello = transport.hello.clone().with_credentials(login).with_tls(self.tls_use(level));
        let session = ClientSession::new(hello);
        let mut connection = Connection::new(stream, session, host.clone(), transport.timeouts);
        connection.since = since;
        #[cfg(feature = "tls")]
        {
            connection.handshake = Some(self.handshake(host, level));
        }
        Ok(connection)
    }

    /// Without TLS compiled in there is none to try, and what requires it fails.
    fn tls_use(&self, level: TlsLevel) -> TlsUse {
        match level.tls_use() {
            _ if self.transport.is_tls_implicit => TlsUse::Implicit,
            TlsUse::IfOffered if !cfg!(feature = "tls") => TlsUse::Never,
            tls_use => tls_use,
        }
    }

    #[cfg(feature = "tls")]
    fn handshake(&self, host: &NextHost, level: TlsLevel) -> Handshake {
        Handshake {
            tls: self.transport.client_tls(),
            host: bare(&host.name).to_owned(),
            names: certificate_names(level, &self.job.next_hop.destination, &host.name),
            is_certificate_needed: level.needs_certificate(),
        }
    }

    async fn open(&self, host: &NextHost) -> io::Result<Box<dyn Io>> {
        if let Some(address) = host.address {
            return Ok(Box::new(self.open_tcp(address).await?));
        }
        #[cfg(unix)]
        if host.name.starts_with('/') {
            return Ok(Box::new(tokio::net::UnixStream::connect(&host.name).await?));
        }
        Err(io::Error::new(io::ErrorKind::AddrNotAvailable, "the host has no address"))
    }

    async fn open_tcp(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        let is_of_family = |source: &&IpAddr| source.is_ipv4() == address.is_ipv4();
        if let Some(source) = self.transport.sources.iter().find(is_of_family) {
            socket.bind(SocketAddr::new(*source, 0))?;
        }
        socket.set_nodelay(true)?;
        socket.connect(address).await
    }
}

/// The system's words, without the number that the standard library puts behind them.
fn words(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error ").next().unwrap_or_default().to_owned()
}
