//! The program's main job: from settings to a running server, and to its end.
//!
//! * **In**: [`Settings`]. **Out**: received mail; one line on how it ended.
//! * **Promises**: the order is lock, certificate, sockets, announcement, so that a script that reads
//!   `ready` can connect; the end goes in phases (stop accepting, 421 to whoever is idle, messages in
//!   flight finish until the deadline), and a second signal cuts it short. No message is lost in either:
//!   one without a 250 is still its sender's.
//! * **Limits**: those of the settings. **Panics**: never. **Spec**: RFC 5321 3.8, 7.9.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use smtp_queue::QueueMetrics;
use smtp_server::{
    ConfigError, Delivery, Metrics, Ready, Server, ServerBuilder, Service, ServiceConfig,
    ShutdownReport,
};
use tokio::sync::oneshot;

use crate::authentication::Authentication;
use crate::control;
use crate::data_directory::DataDirectory;
use crate::delivery::Intake;
use crate::failure::{Failure, say};
use crate::hint;
use crate::listeners::{self, Listener, Socket};
use crate::metrics::{self, Told};
use crate::options::values::Address;
use crate::queue::{self, QueueSettings};
use crate::reload::Reloads;
use crate::settings::{Settings, from_config};
use crate::signals::{Hangups, Signals};
use crate::tls::Certificate;

/// What is being sent when the program is asked to end has so long.
const LAST_DELIVERIES_MAX: Duration = Duration::from_secs(10);

/// How the server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// In phases.
    InPhases(ShutdownReport),
    /// By a second signal.
    AtOnce,
}

/// Serves until a signal comes.
pub(crate) async fn serve(mut settings: Settings, queue: QueueSettings) -> Result<End, Failure> {
    let failed = |error| Failure::temporary(format!("cannot wait for signals: {error}"));
    let signals = Signals::install().map_err(failed)?;
    let hangups = Hangups::install().map_err(failed)?;
    let data = DataDirectory::open(settings.data.clone())?;
    let mut notices = Vec::new();
    let certificate = certificate(&mut settings, &data, &mut notices)?;
    let mut services = settings.listeners.iter().map(|(service, _)| *service);
    if settings.users.is_empty() && settings.dovecot.is_none() && services.any(is_for_users) {
        notices.push("nobody can log in: name a file of users with --passwd".to_owned());
    }
    let authentication = match &settings.dovecot {
        Some(socket) => Authentication::of_dovecot(socket).await?,
        None => Authentication::new(std::mem::take(&mut settings.users)),
    };
    let listeners = listeners::bind(&settings.listeners).await?;
    let control = control::listen(&data).await?;
    let metrics_listener = listeners::bind_metrics(settings.metrics).await?;
    let open: Vec<_> =
        listeners.iter().map(|listener| (listener.service, listener.address.clone())).collect();
    let hint = hint::line(&open, settings.example_domain.as_deref());
    let reloads = Reloads {
        tables: [settings.access.tables(), settings.relay.tables().to_vec()].concat(),
        sender_logins: settings.access.sender_logins(),
        signing: settings.signing.clone(),
        certificate,
    };
    // What nobody asks for is not counted.
    let counted = metrics_listener.as_ref().map(|_| (Metrics::default(), QueueMetrics::default()));
    let own_addresses = listeners.iter().filter_map(smtp_address);
    let connections = queue.outbound.connections();
    let deliveries = counted.as_ref().map(|(_, deliveries)| deliveries.clone());
    let queue = queue::open(queue, &settings, own_addresses, deliveries)?;
    let server = builder(settings, authentication, Arc::new(queue.clone()));
    let mut server = server.queue_ids(queue.ids()).tls(reloads.certificate.config());
    if let Some((metrics, _)) = &counted {
        server = server.observer(metrics.clone());
    }
    let mut server = server.build().map_err(|error| from_config(&error))?;
    for listener in listeners {
        add(&mut server, listener).map_err(|error| from_config(&error))?;
    }
    tokio::spawn(reloads.run(hangups));
    notices.iter().for_each(|notice| say(notice));
    let metrics_address = metrics_listener.as_ref().map(|(_, address)| *address);
    if let (Some((listener, _)), Some((server, deliveries))) = (metrics_listener, counted) {
        let queue = queue.clone();
        tokio::spawn(metrics::serve(listener, Told { server, deliveries, queue }));
    }
    tokio::spawn(control::serve(control, queue.clone()));
    listeners::announce(&open, metrics_address, &hint);
    let (stop, stopped) = oneshot::channel::<()>();
    let deliveries = async move {
        queue.run(async { stopped.await.unwrap_or_default() }, LAST_DELIVERIES_MAX).await;
        connections.close_idle().await;
    };
    let deliveries = tokio::spawn(deliveries);
    tokio::select! {
        report = server.run(signals.clone().wait_for(1)) => {
            // Nobody listens if it ended by itself.
            let _ = stop.send(());
            let _ = deliveries.await;
            match report {
                Ok(report) => Ok(End::InPhases(report)),
                Err(error) => Err(Failure::configuration(format!("cannot serve: {error}"))),
            }
        }
        () = signals.wait_for(2) => Ok(End::AtOnce),
    }
}

/// Where mail from other hosts comes in.
fn smtp_address(listener: &Listener) -> Option<SocketAddr> {
    match &listener.address {
        Address::Inet(address) if listener.service == Service::Smtp => Some(*address),
        _ => None,
    }
}

/// The server that these settings ask for, still without a certificate.
///
/// What it accepts goes to `queue`.
pub(crate) fn builder(
    settings: Settings,
    authentication: Authentication,
    queue: Arc<dyn Delivery>,
) -> ServerBuilder<Ready> {
    let Settings { host_name, relay, access, accounts, transport, default_transport, .. } =
        settings;
    let delivery = Intake::new(accounts, &transport, &default_transport, queue);
    let (spf, seal) = (settings.checks.spf(), settings.signing.seal());
    let server = Server::builder(host_name)
        .relay_policy(relay)
        .shared_delivery(settings.checks.check(settings.signing.sign(delivery), seal))
        .authenticator(authentication)
        .auth_in_clear(settings.auth_in_clear)
        .observer(settings.log.observer())
        .limits(settings.limits)
        .bare_newline(settings.bare_newline)
        .xclient_clients(settings.xclient_clients)
        .xforward_clients(settings.xforward_clients)
        .address_syntax(settings.address_syntax);
    access.add_to(server, spf)
}

fn add(server: &mut Server, listener: Listener) -> Result<(), ConfigError> {
    let service = config_of(listener.service);
    match listener.socket {
        Socket::Tcp(socket) => server.listen(socket, service),
        Socket::Unix(socket) => server.listen_unix(socket, service),
    }
}

/// The user's certificate, or one of our own, which is worth a word.
fn certificate(
    settings: &mut Settings,
    data: &DataDirectory,
    notices: &mut Vec<String>,
) -> Result<Certificate, Failure> {
    if let Some(certificate) = settings.certificate.take() {
        return Ok(certificate);
    }
    let certificate = Certificate::self_signed(
        data.path(),
        &settings.host_name,
        settings.client_authorities.take(),
    )?;
    notices.push(format!(
        "no certificate was given, so clients are shown a self-signed one: {} (see -o smtpd_tls_cert_file)",
        certificate.chain().display()
    ));
    Ok(certificate)
}

pub(crate) fn config_of(service: Service) -> ServiceConfig {
    match service {
        Service::Submission => ServiceConfig::submission(),
        Service::Submissions => ServiceConfig::submissions(),
        Service::Lmtp => ServiceConfig::lmtp(),
        _ => ServiceConfig::smtp(),
    }
}

fn is_for_users(service: Service) -> bool {
    matches!(service, Service::Submission | Service::Submissions)
}
