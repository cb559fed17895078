//! The transport as an embedder sets it up.
//!
//! * **In**: a name, TLS, logins, times. **Out**: a [`Transport`]. **Promises**: see [the module](super).
//! * **Limits**: as there. **Panics**: never. **Spec**: RFC 5321 4.1.1.1 (the name), 4.5.3.2 (times).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
#[cfg(feature = "tls")]
use std::sync::OnceLock;

use async_trait::async_trait;
use smtp_proto::SyntaxError;

use super::attempt::Attempt;
use super::pool::{Pool, Reuse};
use super::session::{Credentials, Hello, Protocol, TlsUse};
use super::timeouts::ClientTimeouts;
#[cfg(feature = "tls")]
use super::tls::ClientTls;
use super::tls_policy::TlsPolicy;
use crate::status::NextHost;
use crate::transport::{Feedback, Job, Outcomes, Transport};

/// Sends messages by SMTP, or hands them to a mail store by LMTP. Clones share connections, unless one believes other
/// authorities or has other addresses.
///
/// ```
/// use smtp_queue::transport::smtp::{SmtpTransport, TlsLevel, TlsPolicy};
///
/// let smtp = SmtpTransport::new("mx.example.org")?
///     .tls_policy(TlsPolicy::new(TlsLevel::May).with("bank.example", TlsLevel::Secure));
/// let lmtp = SmtpTransport::lmtp("mx.example.org")?.local_socket("/run/dovecot/lmtp");
/// # let _ = (smtp, lmtp);
/// # Ok::<(), smtp_server::proto::SyntaxError>(())
/// ```
#[derive(Clone)]
pub struct SmtpTransport {
    pub(super) hello: Hello,
    pub(super) protocol: Protocol,
    #[cfg(feature = "tls")]
    tls: Arc<OnceLock<ClientTls>>,
    pub(super) policy: TlsPolicy,
    pub(super) is_tls_implicit: bool,
    credentials: HashMap<String, Arc<Credentials>>,
    pub(super) sources: Vec<IpAddr>,
    pub(super) timeouts: ClientTimeouts,
    pub(super) reuse: Reuse,
    pub(super) default_hosts: Arc<[NextHost]>,
    pub(super) pool: Pool,
}

impl SmtpTransport {
    /// A client that calls itself `client_name`, which has to be a domain that leads to this host, or an address
    /// literal. TLS is used where it is offered, and believes the authorities of the system.
    ///
    /// # Errors
    /// [`SyntaxError`] for any other name.
    pub fn new(client_name: &str) -> Result<Self, SyntaxError> {
        Ok(Self::with(Hello::smtp(client_name, TlsUse::Never)?, Protocol::Smtp))
    }

    /// The same for LMTP (RFC 2033): what became of each recipient is known only at the end.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn lmtp(client_name: &str) -> Result<Self, SyntaxError> {
        Ok(Self::with(Hello::lmtp(client_name, TlsUse::Never)?, Protocol::Lmtp))
    }

    fn with(hello: Hello, protocol: Protocol) -> Self {
        Self {
            hello,
            protocol,
            #[cfg(feature = "tls")]
            tls: Arc::default(),
            policy: TlsPolicy::default(),
            is_tls_implicit: false,
            credentials: HashMap::new(),
            sources: Vec::new(),
            timeouts: ClientTimeouts::default(),
            reuse: Reuse::default(),
            default_hosts: Arc::new([]),
            pool: Pool::default(),
        }
    }

    /// Believes these authorities in place of the system's.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(self, tls: ClientTls) -> Self {
        Self { tls: Arc::new(OnceLock::from(tls)), pool: Pool::default(), ..self }
    }

    /// How much TLS each destination gets.
    #[must_use]
    pub fn tls_policy(self, policy: TlsPolicy) -> Self {
        Self { policy, ..self }
    }

    /// Begins TLS before anything is said, as the port 465 wants it (RFC 8314 3.3), with all next hops. Their certificates count as
    /// the [policy](Self::tls_policy) says; nothing goes out in clear at any level.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn implicit_tls(self) -> Self {
        Self { is_tls_implicit: true, pool: Pool::default(), ..self }
    }

    /// Authenticates to `next_hop`: a destination as a [`Destination`](crate::route::Destination) prints it, or a
    /// host's name.
    #[must_use]
    pub fn credentials(mut self, next_hop: &str, credentials: Credentials) -> Self {
        self.credentials.insert(next_hop.to_ascii_lowercase(), Arc::new(credentials));
        self
    }

    /// Connects from this address to hosts of its family.
    #[must_use]
    pub fn source_address(mut self, address: IpAddr) -> Self {
        self.sources.push(address);
        self.pool = Pool::default();
        self
    }

    /// How long each step may take.
    #[must_use]
    pub fn timeouts(self, timeouts: ClientTimeouts) -> Self {
        Self { timeouts, ..self }
    }

    /// How long connections are used.
    #[must_use]
    pub fn reuse(self, reuse: Reuse) -> Self {
        Self { reuse, ..self }
    }

    /// Where jobs without hosts go: a socket in the file system. A job's own host may be one, too, whose name is the
    /// absolute path and which has no address.
    #[cfg(unix)]
    #[must_use]
    pub fn local_socket(self, path: &str) -> Self {
        let host = NextHost { name: path.to_owned(), address: None };
        Self { default_hosts: Arc::new([host]), ..self }
    }

    /// Says goodbye on all connections that wait for a message, for instance before the program ends.
    pub async fn close_idle(&self) {
        self.pool.close().await;
    }

    #[cfg(feature = "tls")]
    pub(super) fn client_tls(&self) -> ClientTls {
        self.tls.get_or_init(ClientTls::from_system).clone()
    }

    /// The login for a destination, or else for the host.
    pub(super) fn login(&self, destination: &str, host: &NextHost) -> Option<Arc<Credentials>> {
        let find = |name: &str| self.credentials.get(&name.to_ascii_lowercase());
        find(destination).or_else(|| find(&host.name)).cloned()
    }
}

#[async_trait]
impl Transport for SmtpTransport {
    async fn attempt(&self, job: &Job, outcomes: &mut dyn Outcomes) -> Feedback {
        Attempt::new(self, job, outcomes).run().await
    }
}

impl std::fmt::Debug for SmtpTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmtpTransport").field("hello", &self.hello).finish_non_exhaustive()
    }
}
