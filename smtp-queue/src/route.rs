//! Routing: where a recipient goes next.
//!
//! * **In**: a domain and whether it is ours. **Out**: a transport, and the hosts that it may use.
//! * **Promises**: a local recipient never gets a next hop on another host. **Limits**: hosts are bounded by the
//!   router. **Panics**: never. **Spec**: RFC 5321 5.1.

mod destination;
#[cfg(feature = "dns")]
mod dns_router;
#[cfg(feature = "dns")]
mod exchangers;

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use smtp_proto::EnhancedCode;

use crate::status::{NextHost, Outcome, Status};

pub use destination::{Destination, DestinationError};
#[cfg(feature = "dns")]
pub use dns_router::{AddressFamilies, DnsRouter, Route};

/// Finds the next hop.
#[async_trait]
pub trait Router: Send + Sync + 'static {
    /// Where mail for `domain` goes, which is in lower case, or empty for `<postmaster>`.
    ///
    /// # Errors
    /// [`Outcome::Deferred`] or [`Outcome::Failed`] for all of its recipients.
    async fn route(&self, domain: &str, is_local: bool) -> Result<NextHop, Outcome>;
}

/// Always here, for a client without a queue: see [`Direct`](crate::transport::Direct).
#[async_trait]
impl Router for NextHop {
    async fn route(&self, _: &str, is_local: bool) -> Result<NextHop, Outcome> {
        if is_local && !self.hosts.is_empty() {
            let text = "a recipient of this host is not sent to another one".to_owned();
            let code = EnhancedCode::new(5, 3, 5);
            return Err(Outcome::Failed(Status { code, text, reply: None, remote: None }));
        }
        Ok(self.clone())
    }
}

/// Where to, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextHop {
    /// The name of the transport that takes it there.
    pub transport: Arc<str>,
    /// The key of concurrency: the same for domains that are served by the same hosts in the same way.
    pub site: Arc<str>,
    /// What it was routed to, as a [`Destination`] prints it: TLS policy and logins are kept by it.
    pub destination: Arc<str>,
    /// The hosts in the order in which to try them; empty for a transport that stays on this host.
    pub hosts: Arc<[NextHost]>,
}

impl NextHop {
    /// A transport that stays on this host: one site of its own, and no hosts.
    #[must_use]
    pub fn on_this_host(transport: &str) -> Self {
        let transport: Arc<str> = transport.into();
        Self { site: transport.clone(), transport, destination: "".into(), hosts: [].into() }
    }

    /// One host, by the transport `smtp`.
    #[must_use]
    pub fn host(name: &str, address: SocketAddr) -> Self {
        let destination: Arc<str> = format!("[{name}]:{}", address.port()).into();
        Self {
            transport: "smtp".into(),
            site: destination.clone(),
            destination,
            hosts: Arc::new([NextHost { name: name.to_owned(), address: Some(address) }]),
        }
    }
}
