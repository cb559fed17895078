//! From decisions to a server.
//!
//! * **In**: hooks, limits, times. **Out**: a [`Server`], or why not.
//! * **Promises**: a server without a relay policy and a delivery does not compile; one that would relay
//!   for everybody is a [`ConfigError`].
//! * **Limits**: defaults of [`Limits`] and [`Timeouts`]. **Panics**: never. **Spec**: RFC 5321 7.9.

use std::sync::Arc;

use smtp_proto::{AddressSyntax, ClientName};

use crate::config::{
    BareNewline, EvaluateAt, Limits, NulPolicy, OutOfTurn, SessionConfig, Timeouts,
};
use crate::driver::Hooks;
use crate::envelope::IdSource;
use crate::error::ConfigError;
use crate::hooks::{
    AccessControl, Authenticator, Delivery, Directory, ExtensionHandler, Observer, RelayPolicy,
};
use crate::info::Service;
use crate::relay::{Networks, check_coverage};
use crate::server::Server;
#[cfg(feature = "testing")]
use crate::testing::{Faults, Transcripts};
#[cfg(feature = "tls")]
use crate::tls::TlsConfig;

/// A server in the making; `State` says which decision it waits for.
#[derive(Debug)]
#[must_use]
pub struct ServerBuilder<State> {
    server_name: String,
    state: State,
}

/// The server waits for [`relay_policy`](ServerBuilder::relay_policy).
#[derive(Debug)]
pub struct WantsRelayPolicy;

/// The server waits for [`delivery`](ServerBuilder::delivery).
pub struct WantsDelivery {
    relay: Arc<dyn RelayPolicy>,
}

/// Every decision that has no safe default is made.
pub struct Ready {
    hooks: Hooks,
    session: SessionConfig,
    #[cfg(feature = "tls")]
    tls: Option<TlsConfig>,
}

impl ServerBuilder<WantsRelayPolicy> {
    pub(crate) fn new(server_name: String) -> Self {
        Self { server_name, state: WantsRelayPolicy }
    }

    /// Who may send where: the only right to relay.
    pub fn relay_policy(self, policy: impl RelayPolicy) -> ServerBuilder<WantsDelivery> {
        let state = WantsDelivery { relay: Arc::new(policy) };
        ServerBuilder { server_name: self.server_name, state }
    }
}

impl ServerBuilder<WantsDelivery> {
    /// Who takes the messages.
    pub fn delivery(self, delivery: impl Delivery) -> ServerBuilder<Ready> {
        self.shared_delivery(Arc::new(delivery))
    }

    /// The same, for a delivery that the embedder keeps a hand on.
    pub fn shared_delivery(self, delivery: Arc<dyn Delivery>) -> ServerBuilder<Ready> {
        let hooks = Hooks {
            relay: self.state.relay,
            delivery,
            access: None,
            authenticator: None,
            directory: None,
            extensions: Vec::new(),
            observers: Vec::new(),
            evaluate_at: EvaluateAt::default(),
            timeouts: Timeouts::default(),
            #[cfg(feature = "testing")]
            watch: crate::testing::Watch::default(),
        };
        let state = Ready {
            hooks,
            session: SessionConfig::new(self.server_name.as_str(), Service::Smtp),
            #[cfg(feature = "tls")]
            tls: None,
        };
        ServerBuilder { server_name: self.server_name, state }
    }
}

impl ServerBuilder<Ready> {
    /// Who may be refused, and when.
    pub fn access(mut self, access: impl AccessControl) -> Self {
        self.state.hooks.access = Some(Arc::new(access));
        self
    }

    /// Whether client, hello and sender are judged at their own stage or at RCPT.
    pub fn evaluate_at(mut self, evaluate_at: EvaluateAt) -> Self {
        self.state.hooks.evaluate_at = evaluate_at;
        self
    }

    /// Who proves identities. AUTH is offered under TLS only, unless [`auth_in_clear`](Self::auth_in_clear).
    pub fn authenticator(mut self, authenticator: impl Authenticator) -> Self {
        self.state.hooks.authenticator = Some(Arc::new(authenticator));
        self
    }

    /// Offers AUTH without TLS, too: whoever can read the network reads the passwords.
    pub fn auth_in_clear(mut self, allowed: bool) -> Self {
        self.state.session.auth.in_clear = allowed;
        self
    }

    /// What VRFY and EXPN tell. Without one they tell nothing (252).
    pub fn directory(mut self, directory: impl Directory) -> Self {
        self.state.hooks.directory = Some(Arc::new(directory));
        self
    }

    /// Who is told what happens; may be called several times.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.state.hooks.observers.push(Arc::new(observer));
        self
    }

    /// Sizes and counts.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.state.session.limits = limits;
        self
    }

    /// Commands and parameters beyond the standard; call it once for each service extension.
    pub fn extension(mut self, handler: impl ExtensionHandler) -> Self {
        self.state.hooks.extensions.push((handler.definition(), Arc::new(handler)));
        self
    }

    /// Times.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.state.hooks.timeouts = timeouts;
        self
    }

    /// What a bare line feed means.
    pub fn bare_newline(mut self, policy: BareNewline) -> Self {
        self.state.session.bare_newline = policy;
        self
    }

    /// Clients for which a bare line feed has the meaning of [`BareNewline::Normalize`] in any case: old
    /// appliances, where everybody else is refused.
    pub fn bare_newline_exempt(mut self, networks: Networks) -> Self {
        self.state.session.bare_newline_exempt = networks;
        self
    }

    /// What a NUL octet in content means.
    pub fn nul(mut self, policy: NulPolicy) -> Self {
        self.state.session.nul = policy;
        self
    }

    /// What follows from octets that come before the greeting. By default they are tolerated, and an
    /// [`Event::EarlyTalk`](crate::hooks::Event::EarlyTalk).
    pub fn early_talk(mut self, policy: OutOfTurn) -> Self {
        self.state.session.early_talk = policy;
        self
    }

    /// What follows from octets behind a command that ends a group. By default they are refused.
    pub fn pipelining(mut self, policy: OutOfTurn) -> Self {
        self.state.session.pipelining = policy;
        self
    }

    /// Clients that may speak for others with XCLIENT: proxies, and filters in front of this server.
    ///
    /// Whoever is in these networks can claim any address and any login: they are trusted with everything
    /// that a client can be allowed.
    pub fn xclient_clients(mut self, networks: Networks) -> Self {
        self.state.session.xclient_clients = networks;
        self
    }

    /// Clients that may tell with XFORWARD where a message came from: filters. It is for logs and filters
    /// and decides nothing.
    pub fn xforward_clients(mut self, networks: Networks) -> Self {
        self.state.session.xforward_clients = networks;
        self
    }

    /// What is forgiven around the addresses of MAIL and RCPT.
    pub fn address_syntax(mut self, syntax: AddressSyntax) -> Self {
        let dialect = std::mem::take(&mut self.state.session.dialect);
        self.state.session.dialect = dialect.with_address_syntax(syntax);
        self
    }

    /// Where queue ids come from, for a delivery that gave some out in an earlier life.
    pub fn queue_ids(mut self, ids: Arc<IdSource>) -> Self {
        self.state.session.ids = ids;
        self
    }

    /// The certificates; STARTTLS is offered with them. Keep a clone to [`replace`](TlsConfig::replace) them.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: TlsConfig) -> Self {
        self.state.tls = Some(tls);
        self
    }

    /// Writes down what is said on each connection.
    #[cfg(feature = "testing")]
    pub fn transcripts(mut self, transcripts: Transcripts) -> Self {
        self.state.hooks.observers.push(Arc::new(transcripts.clone()));
        self.state.hooks.watch.transcripts = Some(transcripts);
        self
    }

    /// What goes wrong on purpose. The rules may be changed while the server runs.
    #[cfg(feature = "testing")]
    pub fn faults(mut self, faults: Faults) -> Self {
        self.state.hooks.watch.faults = Some(faults);
        self
    }

    /// The server, ready to listen.
    ///
    /// # Errors
    /// [`ConfigError`] for a name that is none, networks that leave nobody out, a service extension with a
    /// word that is malformed, standard or taken, or a limit or time that nobody could be served with.
    pub fn build(self) -> Result<Server, ConfigError> {
        let Self { server_name, state } = self;
        let is_name =
            ClientName::new(server_name.as_str()).is_ok_and(|name| name.domain().is_some());
        if !is_name || !server_name.is_ascii() {
            return Err(ConfigError::ServerName(server_name));
        }
        check_coverage(&state.hooks.relay.granted_networks())?;
        let mut session = state.session;
        session.timeouts = state.hooks.timeouts;
        let dialect = std::mem::take(&mut session.dialect);
        let mut extensions = state.hooks.extensions.iter();
        session.dialect =
            extensions.try_fold(dialect, |dialect, (one, _)| dialect.with(one.clone()))?;
        session.capabilities = state.hooks.delivery.capabilities();
        session.check()?;
        #[cfg(feature = "tls")]
        let server = Server::new(session, state.hooks, state.tls);
        #[cfg(not(feature = "tls"))]
        let server = Server::new(session, state.hooks);
        Ok(server)
    }
}
