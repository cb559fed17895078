//! From decisions to a server.
//!
//! * **In**: hooks, limits, times. **Out**: a [`Server`], or why not.
//! * **Promises**: a server without a relay policy and a delivery does not compile; one that would relay
//!   for everybody is a [`ConfigError`].
//! * **Limits**: defaults of [`Limits`] and [`Timeouts`]. **Panics**: never. **Spec**: RFC 5321 7.9.

use std::sync::Arc;

use smtp_proto::{AddressSyntax, Dialect, Domain};

use crate::config::{AuthConfig, BareNewline, EvaluateAt, Limits, SessionConfig, Timeouts};
use crate::driver::Hooks;
#[cfg(feature = "tls")]
use crate::driver::TlsConfig;
use crate::envelope::IdSource;
use crate::error::ConfigError;
use crate::hooks::{
    AccessControl, Authenticator, Delivery, ExtensionHandler, Observer, RelayPolicy,
};
use crate::info::Service;
use crate::relay::check_coverage;
use crate::server::Server;

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
    limits: Limits,
    bare_newline: BareNewline,
    address_syntax: AddressSyntax,
    auth_in_clear: bool,
    ids: Arc<IdSource>,
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
            extensions: Vec::new(),
            observers: Vec::new(),
            evaluate_at: EvaluateAt::default(),
            timeouts: Timeouts::default(),
        };
        let state = Ready {
            hooks,
            limits: Limits::default(),
            bare_newline: BareNewline::default(),
            address_syntax: AddressSyntax::default(),
            auth_in_clear: false,
            ids: Arc::new(IdSource::default()),
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
        self.state.auth_in_clear = allowed;
        self
    }

    /// Who is told what happens; may be called several times.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.state.hooks.observers.push(Arc::new(observer));
        self
    }

    /// Sizes and counts.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.state.limits = limits;
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
        self.state.bare_newline = policy;
        self
    }

    /// What is forgiven around the addresses of MAIL and RCPT.
    pub fn address_syntax(mut self, syntax: AddressSyntax) -> Self {
        self.state.address_syntax = syntax;
        self
    }

    /// Where queue ids come from, for a delivery that gave some out in an earlier life.
    pub fn queue_ids(mut self, ids: Arc<IdSource>) -> Self {
        self.state.ids = ids;
        self
    }

    /// The certificate; STARTTLS is offered with it.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: TlsConfig) -> Self {
        self.state.tls = Some(tls);
        self
    }

    /// The server, ready to listen.
    ///
    /// # Errors
    /// [`ConfigError`] for a name that is none, networks that leave nobody out, or a service extension
    /// with a word that is malformed, standard or taken.
    pub fn build(self) -> Result<Server, ConfigError> {
        let Self { server_name, state } = self;
        let Some(server_name) = in_ascii(&server_name) else {
            return Err(ConfigError::ServerName(server_name));
        };
        check_coverage(&state.hooks.relay.granted_networks())?;
        let mut session = SessionConfig::new(server_name, Service::Smtp);
        session.limits = state.limits;
        session.timeouts = state.hooks.timeouts;
        session.bare_newline = state.bare_newline;
        let dialect = Dialect::default().with_address_syntax(state.address_syntax);
        let mut extensions = state.hooks.extensions.iter();
        session.dialect =
            extensions.try_fold(dialect, |dialect, (one, _)| dialect.with(one.clone()))?;
        session.capabilities = state.hooks.delivery.capabilities();
        session.ids = state.ids;
        session.auth = AuthConfig { in_clear: state.auth_in_clear, ..AuthConfig::default() };
        #[cfg(feature = "tls")]
        let server = Server::new(session, state.hooks, state.tls);
        #[cfg(not(feature = "tls"))]
        let server = Server::new(session, state.hooks);
        Ok(server)
    }
}

/// A domain or address literal as greetings and EHLO replies have it (RFC 6531 3.7.1).
fn in_ascii(name: &str) -> Option<String> {
    let domain = Domain::parse(name).ok()?;
    if domain.is_ascii() {
        return Some(name.to_owned());
    }
    domain.to_ascii().map(|name| name.into_owned())
}
