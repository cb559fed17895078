//! A test server: the real one, on a port of its own, with an inbox behind it.
//!
//! * **In**: what it should offer. **Out**: an address that takes mail, an inbox.
//! * **Promises**: the port is bound before `start` returns. Dropping it ends all: when the drop is over, the port is
//!   closed and every connection is cut. It lives on a thread of its own, so tests may share one, with any runtime or none.
//! * **Limits**: messages of 64 MiB; as many connections as the system has. **Panics**: never.
//! * **Spec**: RFC 5321, with all that the server has.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use async_trait::async_trait;
use smtp_proto::ForwardPath;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::background;
use super::blocking;
use super::certificates::{self, RootCertificate};
use super::error::StartError;
use super::faults::Faults;
use super::inbox::TestInbox;
use super::logins::{FailedLogin, Logins};
use super::store::{Keeper, MESSAGE_BYTES_MAX, Store};
use super::transcript::Transcript;
use crate::config::{Limits, Timeouts};
#[cfg(feature = "message-auth")]
use crate::dns::Dns;
use crate::envelope::Envelope;
use crate::hooks::{Delivery, RelayPolicy};
use crate::info::SessionInfo;
#[cfg(feature = "message-auth")]
use crate::message_auth::MessageAuth;
use crate::sasl::Passwords;
use crate::server::{Server, ServiceConfig};
use crate::verdict::RelayDecision;

/// What the server calls itself, and one of the names in its certificate.
const SERVER_NAME: &str = "inbox.test";
/// At what clients may reach it.
const CERTIFICATE_NAMES: [&str; 4] = ["localhost", "127.0.0.1", "::1", SERVER_NAME];
/// For a server to end. Only a machine that is out of breath needs more than some milliseconds.
const END_MAX: Duration = Duration::from_secs(10);

/// A server for a test: takes any mail on 127.0.0.1, and keeps it in an [inbox](Self::inbox).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use smtp_server::testing::TestServer;
///
/// let server = TestServer::builder().starttls().login("kim", "secret").start().await?;
/// println!("send to {}, trusting\n{}", server.addr(), server.root_certificate().unwrap().pem());
/// # Ok(())
/// # }
/// ```
pub struct TestServer {
    addr: SocketAddr,
    root: Option<RootCertificate>,
    store: Arc<Store>,
    _life: Life,
}

/// What a [`TestServer`] should offer: nothing but mail in clear, unless asked.
#[derive(Default)]
#[must_use]
pub struct TestServerBuilder {
    tls: Option<Tls>,
    logins: Option<Logins>,
    faults: Faults,
    #[cfg(feature = "message-auth")]
    dns: Option<Dns>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tls {
    Started,
    Implicit,
}

impl TestServer {
    /// Starts a server that takes mail in clear.
    ///
    /// # Errors
    /// As [`TestServerBuilder::start`].
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// Begins a server that offers more.
    pub fn builder() -> TestServerBuilder {
        TestServerBuilder::default()
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// All that it received, and what more it will.
    #[must_use]
    pub fn inbox(&self) -> TestInbox {
        TestInbox::new(self.store.clone())
    }

    /// What clients have to trust, if it has TLS. The certificate under it is for `localhost`, `127.0.0.1`, `::1` and
    /// `inbox.test`; each server has a root of its own.
    #[must_use]
    pub fn root_certificate(&self) -> Option<&RootCertificate> {
        self.root.as_ref()
    }

    /// The logins that were refused, in their order.
    #[must_use]
    pub fn failed_logins(&self) -> Vec<FailedLogin> {
        self.store.failed_logins()
    }

    /// What was said on the newest connections, without secrets.
    #[must_use]
    pub fn transcripts(&self) -> Vec<Transcript> {
        self.store.transcripts().recent()
    }
}

impl fmt::Debug for TestServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TestServer({})", self.addr)
    }
}

impl TestServerBuilder {
    /// Offers STARTTLS, under a certificate that [`TestServer::root_certificate`] vouches for.
    pub fn starttls(mut self) -> Self {
        self.tls = Some(Tls::Started);
        self
    }

    /// Has TLS from the first octet, under such a certificate: a service as on port 465.
    pub fn implicit_tls(mut self) -> Self {
        self.tls = Some(Tls::Implicit);
        self
    }

    /// Offers AUTH (PLAIN and LOGIN) and takes whatever name and password come.
    pub fn any_login(mut self) -> Self {
        self.logins = Some(Logins::Any);
        self
    }

    /// Offers AUTH (PLAIN and LOGIN) and takes this name and password; may be called several times.
    ///
    /// Where there is TLS, AUTH is offered inside it alone. Mail is taken without a login, too:
    /// [`TestMessage::session`](super::TestMessage::session) tells who logged in.
    pub fn login(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        let known = self.logins.take().unwrap_or(Logins::These(Vec::new()));
        self.logins = Some(known.and(user.into(), password.into()));
        self
    }

    /// Has things go wrong on purpose; keep a clone to change the rules while the server runs.
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// Checks SPF, DKIM, DMARC and ARC of what comes in clear or after STARTTLS without a login, and asks `dns` about
    /// it: [`TestMessage::authentication`](super::TestMessage::authentication) has the results.
    #[cfg(feature = "message-auth")]
    pub fn message_auth(mut self, dns: Dns) -> Self {
        self.dns = Some(dns);
        self
    }

    /// Starts the server.
    ///
    /// # Errors
    /// [`StartError`] if the system has no port or thread for it, or its certificate cannot be made.
    pub async fn start(self) -> Result<TestServer, StartError> {
        self.launch()
    }

    /// Starts the server for a test that is not asynchronous.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_blocking(self) -> Result<blocking::TestServer, StartError> {
        self.launch().map(blocking::TestServer::new)
    }

    fn launch(self) -> Result<TestServer, StartError> {
        let runtime = background::runtime()?;
        let store = Arc::new(Store::new(runtime.clone()));
        let service = match self.tls {
            Some(Tls::Implicit) => ServiceConfig::submissions().require_auth(false),
            _ => ServiceConfig::smtp(),
        };
        let (root, mut server) = self.server(&Keeper(store.clone()))?;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let _inside = runtime.enter();
        server.listen(TcpListener::from_std(listener)?, service)?;
        Ok(TestServer { addr, root, store, _life: Life::of(server) })
    }

    fn server(self, keeper: &Keeper) -> Result<(Option<RootCertificate>, Server), StartError> {
        let mut builder = Server::builder(SERVER_NAME)
            .relay_policy(Everybody)
            .shared_delivery(self.delivery(keeper))
            .observer(keeper.clone())
            .transcripts(keeper.0.transcripts().clone())
            .faults(self.faults)
            .limits(limits())
            .timeouts(Timeouts { shutdown: Duration::ZERO, ..Timeouts::default() });
        if let Some(logins) = self.logins {
            let in_clear = self.tls.is_none();
            builder = builder.authenticator(Passwords::new(logins)).auth_in_clear(in_clear);
        }
        let mut root = None;
        if self.tls.is_some() {
            let (vouching, tls) = certificates::issue(&CERTIFICATE_NAMES)?;
            builder = builder.tls(tls);
            root = Some(vouching);
        }
        Ok((root, builder.build()?))
    }

    #[cfg(feature = "message-auth")]
    fn delivery(&self, keeper: &Keeper) -> Arc<dyn Delivery> {
        match &self.dns {
            Some(dns) => Arc::new(MessageAuth::new(keeper.clone(), dns.clone())),
            None => Arc::new(keeper.clone()),
        }
    }

    #[cfg(not(feature = "message-auth"))]
    fn delivery(&self, keeper: &Keeper) -> Arc<dyn Delivery> {
        Arc::new(keeper.clone())
    }
}

impl fmt::Debug for TestServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TestServerBuilder")
    }
}

/// A server that runs until this is dropped.
struct Life {
    stop: Option<oneshot::Sender<()>>,
    /// Disconnected once the server has ended. Locked, so that a server may be shared.
    ended: Mutex<mpsc::Receiver<()>>,
}

impl Life {
    /// Runs the server on the runtime that is entered.
    fn of(server: Server) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (running, ended) = mpsc::channel();
        tokio::spawn(async move {
            // It has a listener, so it cannot fail; and it ends when the other half is dropped, too.
            let _ = server.run(async { drop(stopped.await) }).await;
            drop(running);
        });
        Self { stop: Some(stop), ended: Mutex::new(ended) }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Nothing is ever sent: it is the end that is waited for.
        let _: Result<(), _> = ended.recv_timeout(END_MAX);
    }
}

/// Takes every recipient as its own, so that nothing is ever sent on.
struct Everybody;

#[async_trait]
impl RelayPolicy for Everybody {
    async fn decide(
        &self,
        _to: &ForwardPath<'_>,
        _envelope: &Envelope,
        _info: &SessionInfo,
    ) -> RelayDecision {
        RelayDecision::Local
    }
}

/// All clients of a test come from one address.
fn limits() -> Limits {
    Limits {
        message_bytes_max: Some(MESSAGE_BYTES_MAX as u64),
        connections_max: None,
        connections_per_client_max: None,
        connections_per_network_max: None,
        ..Limits::default()
    }
}
