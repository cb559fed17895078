//! Listeners, and the life of the whole server.
//!
//! * **In**: bound sockets, a wish to end. **Out**: sessions, then a report.
//! * **Promises**: listeners differ in service, TLS and policy, and share the admission limits. Shutting down
//!   goes in phases: stop accepting, 421 to whoever waits for a command, let messages in flight
//!   finish until the deadline, report what was cut.
//! * **Limits**: connections in all and per client; [`Timeouts::shutdown`](crate::config::Timeouts::shutdown).
//! * **Panics**: never. **Spec**: RFC 5321 3.8.

mod listener;

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use smtp_proto::{Reply, replies};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::builder::{ServerBuilder, WantsRelayPolicy};
use crate::config::SessionConfig;
use crate::driver::{Admission, Buffers, Connection, Context, Hooks, Permit, Shutdown, now};
use crate::error::ConfigError;
use crate::explain::{Explain, Explanation};
use crate::hooks::{AccessControl, Authenticator, Directory, Event, RelayPolicy};
use crate::info::{Peer, Service, SessionInfo};
use crate::relay::{Networks, check_coverage};
use crate::session::Session;
#[cfg(feature = "tls")]
use crate::tls::{ListenerTls, TlsConfig};

use listener::{Listener, Socket};

/// An SMTP server: built once, given listeners, run until told to end.
pub struct Server {
    session: SessionConfig,
    hooks: Hooks,
    #[cfg(feature = "tls")]
    tls: Option<TlsConfig>,
    admission: Arc<Admission>,
    buffers: Arc<Buffers>,
    listeners: Vec<(Listener, Arc<Endpoint>)>,
}

/// How one listener differs from the others.
#[derive(Clone)]
#[must_use]
pub struct ServiceConfig {
    service: Service,
    auth_required: bool,
    tls_required: bool,
    relay: Option<Arc<dyn RelayPolicy>>,
    access: Option<Arc<dyn AccessControl>>,
    authenticator: Option<Arc<dyn Authenticator>>,
    xclient_clients: Option<Networks>,
    xforward_clients: Option<Networks>,
    directory: Option<Arc<dyn Directory>>,
    #[cfg(feature = "tls")]
    tls: Option<TlsConfig>,
}

/// What a server did when it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShutdownReport {
    /// Connections that were open when the end began and closed in time.
    pub finished: usize,
    /// Connections that the deadline cut. None of their messages was acknowledged and lost: each was
    /// answered 250 and is kept, or was not answered.
    pub cut: usize,
}

/// One listener's configuration, put together.
struct Endpoint {
    session: Arc<SessionConfig>,
    hooks: Arc<Hooks>,
    buffers: Arc<Buffers>,
    #[cfg(feature = "tls")]
    tls: Option<Arc<ListenerTls>>,
}

impl ServiceConfig {
    /// Port 25: mail from other hosts; STARTTLS and AUTH are offered if the server has them.
    pub fn smtp() -> Self {
        Self::new(Service::Smtp)
    }

    /// Port 587: mail from users, who must authenticate. What would leave this host with a domain of a single label, such as
    /// `localhost`, in its sender or recipient is refused (RFC 6409 4.2).
    pub fn submission() -> Self {
        Self { auth_required: true, ..Self::new(Service::Submission) }
    }

    /// Port 465: the same, with TLS from the first octet (RFC 8314 3.3).
    pub fn submissions() -> Self {
        Self { auth_required: true, ..Self::new(Service::Submissions) }
    }

    /// Local delivery (RFC 2033).
    pub fn lmtp() -> Self {
        Self::new(Service::Lmtp)
    }

    fn new(service: Service) -> Self {
        Self {
            service,
            auth_required: false,
            tls_required: false,
            relay: None,
            access: None,
            authenticator: None,
            xclient_clients: None,
            xforward_clients: None,
            directory: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Whether MAIL is refused before AUTH.
    pub fn require_auth(mut self, required: bool) -> Self {
        self.auth_required = required;
        self
    }

    /// Whether everything but EHLO, STARTTLS, NOOP and QUIT is refused in clear. Not for a server that other
    /// hosts find by MX: it has to take mail from those without TLS, too (RFC 3207 4).
    pub fn require_tls(mut self, required: bool) -> Self {
        self.tls_required = required;
        self
    }

    /// A relay policy for this listener alone, in place of the server's.
    pub fn relay_policy(mut self, policy: impl RelayPolicy) -> Self {
        self.relay = Some(Arc::new(policy));
        self
    }

    /// An authenticator for this listener alone, in place of the server's.
    pub fn authenticator(mut self, authenticator: impl Authenticator) -> Self {
        self.authenticator = Some(Arc::new(authenticator));
        self
    }

    /// Who may use XCLIENT at this listener alone, in place of the server's.
    pub fn xclient_clients(mut self, networks: Networks) -> Self {
        self.xclient_clients = Some(networks);
        self
    }

    /// Who may use XFORWARD at this listener alone, in place of the server's.
    pub fn xforward_clients(mut self, networks: Networks) -> Self {
        self.xforward_clients = Some(networks);
        self
    }

    /// A directory for this listener alone, in place of the server's: users may be told more than strangers.
    pub fn directory(mut self, directory: impl Directory) -> Self {
        self.directory = Some(Arc::new(directory));
        self
    }

    /// Certificates for this listener alone, in place of the server's.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: TlsConfig) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Access control for this listener alone, in place of the server's.
    pub fn access(mut self, access: impl AccessControl) -> Self {
        self.access = Some(Arc::new(access));
        self
    }
}

impl Server {
    /// Begins a server that calls itself `server_name`, a fully qualified host name.
    pub fn builder(server_name: impl Into<String>) -> ServerBuilder<WantsRelayPolicy> {
        ServerBuilder::new(server_name.into())
    }

    pub(crate) fn new(
        session: SessionConfig,
        hooks: Hooks,
        #[cfg(feature = "tls")] tls: Option<TlsConfig>,
    ) -> Self {
        Self {
            admission: Admission::new(&session.limits),
            buffers: Arc::default(),
            session,
            hooks,
            #[cfg(feature = "tls")]
            tls,
            listeners: Vec::new(),
        }
    }

    /// Serves `service` on a bound listener, once the server runs.
    ///
    /// # Errors
    /// [`ConfigError`] if the service needs a certificate or an authenticator that the server lacks,
    /// its own relay policy leaves nobody out, or it is LMTP on port 25.
    pub fn listen(
        &mut self,
        listener: TcpListener,
        service: ServiceConfig,
    ) -> Result<(), ConfigError> {
        refuse_lmtp_on_port_25(&service, listener.local_addr().ok())?;
        self.add(Listener::Tcp(listener), service)
    }

    /// The same on a Unix socket. Its clients have no address: they count towards
    /// [`connections_max`](crate::Limits::connections_max) alone, and belong to no network.
    ///
    /// # Errors
    /// As for [`listen`](Self::listen).
    #[cfg(unix)]
    pub fn listen_unix(
        &mut self,
        listener: UnixListener,
        service: ServiceConfig,
    ) -> Result<(), ConfigError> {
        self.add(Listener::Unix(listener), service)
    }

    /// Accepts connections until `shutdown` is ready, then ends in phases.
    ///
    /// # Errors
    /// Only if the server has no listener; what goes wrong with one connection ends that connection.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> io::Result<ShutdownReport> {
        if self.listeners.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the server has no listener"));
        }
        let deadline = self.session.timeouts.shutdown;
        let (signal, down) = watch::channel(false);
        let mut accepting = JoinSet::new();
        for (listener, endpoint) in self.listeners {
            accepting.spawn(accept(listener, endpoint, self.admission.clone(), down.clone()));
        }
        shutdown.await;
        // Receivers live in `accepting`, so this cannot fail while there is anyone to tell.
        let _ = signal.send(true);
        let mut connections = Vec::new();
        while let Some(ended) = accepting.join_next().await {
            connections.extend(ended);
        }
        Ok(finish(connections, deadline).await)
    }

    /// Serves one connection that the embedder accepted by itself, until it is closed.
    ///
    /// It counts towards no admission limit and hears of no shutdown: drop the future to end it.
    ///
    /// # Errors
    /// [`ConfigError`] as for [`listen`](Self::listen).
    pub async fn serve_connection<S>(
        &self,
        stream: S,
        peer: Peer,
        service: ServiceConfig,
    ) -> Result<(), ConfigError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        refuse_lmtp_on_port_25(&service, peer.local)?;
        let endpoint = self.endpoint(service)?;
        let (_signal, down) = watch::channel(false);
        // The signal must outlive the session, which would take its end for a shutdown.
        endpoint.connection(stream, peer, None, down).run().await;
        Ok(())
    }

    /// Says what would come of a recipient at such a service, and why: the hooks that a session would ask are
    /// asked, and nothing is delivered.
    ///
    /// # Errors
    /// [`ConfigError`] as for [`listen`](Self::listen).
    pub async fn explain(
        &self,
        mut explain: Explain,
        service: ServiceConfig,
    ) -> Result<Explanation, ConfigError> {
        let Endpoint { session, hooks, .. } = self.endpoint(service)?;
        explain.info.server_name = session.server_name.clone();
        explain.info.service = session.service;
        Ok(hooks.explain(explain, now().wall).await)
    }

    fn add(&mut self, listener: Listener, service: ServiceConfig) -> Result<(), ConfigError> {
        let endpoint = self.endpoint(service)?;
        self.listeners.push((listener, Arc::new(endpoint)));
        Ok(())
    }

    fn endpoint(&self, config: ServiceConfig) -> Result<Endpoint, ConfigError> {
        let service = config.service;
        #[cfg(feature = "tls")]
        let tls = config.tls.or_else(|| self.tls.clone());
        #[cfg(feature = "tls")]
        let has_tls = tls.is_some();
        #[cfg(not(feature = "tls"))]
        let has_tls = false;
        let mut hooks = self.hooks.clone();
        hooks.relay = config.relay.unwrap_or(hooks.relay);
        hooks.access = config.access.or(hooks.access);
        hooks.authenticator = config.authenticator.or(hooks.authenticator);
        hooks.directory = config.directory.or(hooks.directory);
        if (service == Service::Submissions || config.tls_required) && !has_tls {
            return Err(ConfigError::TlsRequired(service));
        }
        if config.auth_required && hooks.authenticator.is_none() {
            return Err(ConfigError::AuthenticatorRequired(service));
        }
        check_coverage(&hooks.relay.granted_networks())?;
        let mut session = self.session.clone();
        session.xclient_clients = config.xclient_clients.unwrap_or(session.xclient_clients);
        session.xforward_clients = config.xforward_clients.unwrap_or(session.xforward_clients);
        session.service = service;
        session.starttls = has_tls && service != Service::Submissions;
        session.tls_required = config.tls_required;
        session.auth.offered = hooks.authenticator.is_some() && service != Service::Lmtp;
        session.auth.required = config.auth_required;
        session.directory = hooks.directory.is_some();
        Ok(Endpoint {
            session: Arc::new(session),
            hooks: Arc::new(hooks),
            buffers: self.buffers.clone(),
            #[cfg(feature = "tls")]
            tls: tls.map(|tls| Arc::new(ListenerTls::new(tls))),
        })
    }
}

impl Endpoint {
    fn connection<S>(
        &self,
        stream: S,
        peer: Peer,
        permit: Option<Permit>,
        down: watch::Receiver<bool>,
    ) -> Connection<S>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let session = Session::new(self.session.clone(), peer, now());
        #[cfg(feature = "testing")]
        let session = self.hooks.watch.over(session);
        let context = Context {
            permit,
            hooks: self.hooks.clone(),
            #[cfg(feature = "tls")]
            tls: self.tls.clone(),
            buffers: self.buffers.clone(),
            shutdown: Shutdown::new(down),
        };
        Connection::new(stream, session, context)
    }

    /// Turns a client away without a session; one that does not take the reply at once does without.
    fn refuse(&self, socket: Socket, peer: Peer) {
        let info = SessionInfo::new(self.session.server_name.clone(), self.session.service, peer);
        let stock = replies::TOO_MANY_CONNECTIONS;
        let text = format!("{} {}", self.session.server_name, stock.text());
        let reply = Reply::new(stock.code(), None, text);
        if self.session.service != Service::Submissions {
            let mut octets = BytesMut::new();
            reply.encode(&mut octets);
            socket.write_and_close(&octets);
        }
        self.hooks.emit(&Event::ConnectionRefused { reply: &reply }, &info);
    }
}

fn refuse_lmtp_on_port_25(
    config: &ServiceConfig,
    local: Option<SocketAddr>,
) -> Result<(), ConfigError> {
    let on_port_25 = local.is_some_and(|address| address.port() == 25);
    if on_port_25 && config.service == Service::Lmtp {
        return Err(ConfigError::LmtpOnPort25);
    }
    Ok(())
}

/// Accepts until the server shuts down; gives back the connections that are still open.
async fn accept(
    listener: Listener,
    endpoint: Arc<Endpoint>,
    admission: Arc<Admission>,
    down: watch::Receiver<bool>,
) -> JoinSet<()> {
    /// Without descriptors or memory the next attempt fails as well: give connections time to end.
    const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);
    let mut shutdown = Shutdown::new(down.clone());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // In this order, or a connection that ends after the signal may be missing from the report.
            biased;
            () = poll_fn(|cx| shutdown.poll(cx)) => return connections,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => {
                    admit(socket, peer, &endpoint, &admission, &down, &mut connections);
                }
                Err(_) => tokio::time::sleep(PAUSE_AFTER_ERROR).await,
            },
        }
    }
}

fn admit(
    socket: Socket,
    peer: Peer,
    endpoint: &Arc<Endpoint>,
    admission: &Arc<Admission>,
    down: &watch::Receiver<bool>,
    connections: &mut JoinSet<()>,
) {
    let Some(permit) = admission.admit(peer.ip()) else {
        return endpoint.refuse(socket, peer);
    };
    match socket {
        Socket::Tcp(stream) => {
            let connection = endpoint.connection(stream, peer, Some(permit), down.clone());
            #[cfg(feature = "testing")]
            let connection = connection.with_reset(|stream| {
                // A socket that refuses the option is gone already.
                let _ = stream.set_zero_linger();
            });
            spawn(connections, connection);
        }
        #[cfg(unix)]
        Socket::Unix(stream) => {
            spawn(connections, endpoint.connection(stream, peer, Some(permit), down.clone()));
        }
    }
}

fn spawn<S>(connections: &mut JoinSet<()>, mut connection: Connection<S>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    connections.spawn(async move { connection.run().await });
}

/// Lets open connections finish until the deadline, then cuts them.
async fn finish(connections: Vec<JoinSet<()>>, deadline: Duration) -> ShutdownReport {
    let mut report = ShutdownReport::default();
    let ends = tokio::time::sleep(deadline);
    let mut ends = std::pin::pin!(ends);
    for mut open in connections {
        while !open.is_empty() {
            tokio::select! {
                Some(_) = open.join_next() => report.finished += 1,
                () = &mut ends => break,
            }
        }
        report.cut += open.len();
        open.shutdown().await;
    }
    report
}
