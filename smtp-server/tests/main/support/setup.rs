//! One configuration for both ways to run a session.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use smtp_server::config::Timeouts;
use smtp_server::proto::{AddressSyntax, Dialect};
use smtp_server::relay::{LocalDomains, Networks};
#[cfg(feature = "testing")]
use smtp_server::testing::{Faults, Transcripts};
use smtp_server::{
    AccessControl, AuthConfig, Authenticator, BareNewline, Delivery, Directory, EvaluateAt,
    ExtensionHandler, Limits, NulPolicy, Observer, OutOfTurn, Peer, RelayPolicy, Server, Service,
    ServiceConfig, SessionConfig,
};

use super::events::Events;
use super::hooks::{
    Scripted, SharedAccess, SharedAuthenticator, SharedDirectory, SharedExtension, SharedRelay,
};
use super::tls;

/// The server under test: `mx.test`, where `local.test` is local.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) service: Service,
    pub(crate) bare_newline: BareNewline,
    pub(crate) bare_newline_exempt: Networks,
    pub(crate) nul: NulPolicy,
    pub(crate) early_talk: OutOfTurn,
    /// Tolerated unless a test says otherwise: most put several turns into one.
    pub(crate) pipelining: OutOfTurn,
    pub(crate) address_syntax: AddressSyntax,
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    pub(crate) evaluate_at: EvaluateAt,
    pub(crate) relay: Arc<dyn RelayPolicy>,
    pub(crate) access: Option<Arc<dyn AccessControl>>,
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
    pub(crate) delivery: Arc<dyn Delivery>,
    pub(crate) directory: Option<Arc<dyn Directory>>,
    pub(crate) extension: Option<Arc<dyn ExtensionHandler>>,
    pub(crate) xclient_clients: Networks,
    pub(crate) xforward_clients: Networks,
    pub(crate) auth_in_clear: bool,
    pub(crate) auth_required: bool,
    pub(crate) tls: bool,
    pub(crate) tls_required: bool,
    pub(crate) client: IpAddr,
    /// The address that the client connected to, in a session that is driven by hand.
    pub(crate) address: IpAddr,
    pub(crate) events: Events,
    #[cfg(feature = "testing")]
    pub(crate) transcripts: Transcripts,
    #[cfg(feature = "testing")]
    pub(crate) faults: Faults,
}

impl Setup {
    pub(crate) fn new(delivery: impl Delivery) -> Self {
        Self {
            service: Service::Smtp,
            bare_newline: BareNewline::default(),
            bare_newline_exempt: Networks::default(),
            nul: NulPolicy::default(),
            early_talk: OutOfTurn::Tolerate,
            pipelining: OutOfTurn::Tolerate,
            address_syntax: AddressSyntax::default(),
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            evaluate_at: EvaluateAt::default(),
            relay: Arc::new(LocalDomains::new(["local.test"]).unwrap()),
            access: None,
            authenticator: None,
            delivery: Arc::new(delivery),
            directory: None,
            extension: None,
            xclient_clients: Networks::default(),
            xforward_clients: Networks::default(),
            auth_in_clear: false,
            auth_required: false,
            tls: false,
            tls_required: false,
            client: Ipv4Addr::LOCALHOST.into(),
            address: Ipv4Addr::LOCALHOST.into(),
            events: Events::default(),
            #[cfg(feature = "testing")]
            transcripts: Transcripts::default(),
            #[cfg(feature = "testing")]
            faults: Faults::default(),
        }
    }

    /// With a delivery that takes everything, and its log.
    pub(crate) fn accepting() -> (Self, Scripted) {
        let delivery = Scripted::default();
        (Self::new(delivery.clone()), delivery)
    }

    pub(crate) fn peer(&self) -> Peer {
        let port = if self.service == Service::Lmtp { 24 } else { 25 };
        let local = SocketAddr::new(self.address, port);
        Peer::new(SocketAddr::new(self.client, 40_000), local)
    }

    /// For a session that is driven by hand; what `Server` would make of the same.
    pub(crate) fn session_config(&self) -> SessionConfig {
        let mut config = SessionConfig::new("mx.test", self.service);
        config.limits = self.limits;
        config.timeouts = self.timeouts;
        config.bare_newline = self.bare_newline;
        config.bare_newline_exempt = self.bare_newline_exempt.clone();
        config.nul = self.nul;
        config.early_talk = self.early_talk;
        config.pipelining = self.pipelining;
        config.dialect = Dialect::default().with_address_syntax(self.address_syntax);
        if let Some(extension) = &self.extension {
            config.dialect = config.dialect.with(extension.definition()).unwrap();
        }
        config.xclient_clients = self.xclient_clients.clone();
        config.xforward_clients = self.xforward_clients.clone();
        config.directory = self.directory.is_some();
        config.capabilities = self.delivery.capabilities();
        config.starttls = self.tls && self.service != Service::Submissions;
        config.tls_required = self.tls_required;
        let mut auth = AuthConfig::default();
        auth.offered = self.authenticator.is_some() && self.service != Service::Lmtp;
        auth.in_clear = self.auth_in_clear;
        auth.required = self.auth_required;
        config.auth = auth;
        config
    }

    pub(crate) fn service_config(&self) -> ServiceConfig {
        let service = match self.service {
            Service::Submission => ServiceConfig::submission(),
            Service::Submissions => ServiceConfig::submissions(),
            Service::Lmtp => ServiceConfig::lmtp(),
            _ => ServiceConfig::smtp(),
        };
        service.require_auth(self.auth_required).require_tls(self.tls_required)
    }

    pub(crate) fn server(&self) -> Server {
        self.server_with(self.events.clone())
    }

    pub(crate) fn server_with(&self, observer: impl Observer) -> Server {
        let mut builder = Server::builder("mx.test")
            .relay_policy(SharedRelay(self.relay.clone()))
            .shared_delivery(self.delivery.clone())
            .limits(self.limits)
            .timeouts(self.timeouts)
            .bare_newline(self.bare_newline)
            .bare_newline_exempt(self.bare_newline_exempt.clone())
            .nul(self.nul)
            .early_talk(self.early_talk)
            .pipelining(self.pipelining)
            .address_syntax(self.address_syntax)
            .evaluate_at(self.evaluate_at)
            .auth_in_clear(self.auth_in_clear)
            .xclient_clients(self.xclient_clients.clone())
            .xforward_clients(self.xforward_clients.clone())
            .observer(observer);
        if let Some(access) = &self.access {
            builder = builder.access(SharedAccess(access.clone()));
        }
        if let Some(authenticator) = &self.authenticator {
            builder = builder.authenticator(SharedAuthenticator(authenticator.clone()));
        }
        if let Some(directory) = &self.directory {
            builder = builder.directory(SharedDirectory(directory.clone()));
        }
        if let Some(extension) = &self.extension {
            builder = builder.extension(SharedExtension(extension.clone()));
        }
        if self.tls {
            builder = builder.tls(tls::server());
        }
        #[cfg(feature = "testing")]
        {
            builder = builder.transcripts(self.transcripts.clone()).faults(self.faults.clone());
        }
        builder.build().unwrap()
    }
}
