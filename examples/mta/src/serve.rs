//! The program's main job: from settings to a running server, and to its end.
//!
//! * **In**: [`Settings`]. **Out**: received mail; one line on how it ended.
//! * **Promises**: SIGHUP replaces the certificate or says why not, and disturbs nobody. The order is lock, certificate, sockets, announcement, so that a script that reads
//!   `ready` can connect; the end goes in phases (stop accepting, 421 to whoever is idle, messages in
//!   flight finish until the deadline), and a second signal cuts it short. No message is lost in either:
//!   one without a 250 is still its sender's.
//! * **Limits**: those of the settings. **Panics**: never. **Spec**: RFC 5321 3.8, 7.9.

use smtp_server::{
    ConfigError, Ready, Server, ServerBuilder, Service, ServiceConfig, ShutdownReport,
    TracingObserver,
};

use crate::authentication::Authentication;
use crate::data_directory::DataDirectory;
use crate::delivery::LocalDelivery;
use crate::failure::{Failure, say};
use crate::hint;
use crate::listeners::{self, Listener, Socket};
use crate::settings::{Settings, from_config};
use crate::signals::{Hangups, Signals};
use crate::tls::Certificate;

/// How the server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// In phases.
    InPhases(ShutdownReport),
    /// By a second signal.
    AtOnce,
}

/// Serves until a signal comes.
pub(crate) async fn serve(mut settings: Settings) -> Result<End, Failure> {
    let failed = |error| Failure::temporary(format!("cannot wait for signals: {error}"));
    let signals = Signals::install().map_err(failed)?;
    let hangups = Hangups::install().map_err(failed)?;
    let data = DataDirectory::open(settings.data.clone())?;
    let mut notices = Vec::new();
    let certificate = certificate(&mut settings, &data, &mut notices)?;
    let mut services = settings.listeners.iter().map(|(service, _)| *service);
    if settings.users.is_empty() && services.any(is_for_users) {
        notices.push("nobody can log in: name a file of users with --passwd".to_owned());
    }
    let listeners = listeners::bind(&settings.listeners).await?;
    let open: Vec<_> =
        listeners.iter().map(|listener| (listener.service, listener.address.clone())).collect();
    let hint = hint::line(&open, settings.example_domain.as_deref());
    let server = builder(settings).tls(certificate.config()).build();
    let mut server = server.map_err(|error| from_config(&error))?;
    for listener in listeners {
        add(&mut server, listener).map_err(|error| from_config(&error))?;
    }
    tokio::spawn(reload_at(hangups, certificate));
    notices.iter().for_each(|notice| say(notice));
    listeners::announce(&open, &hint);
    tokio::select! {
        report = server.run(signals.clone().wait_for(1)) => match report {
            Ok(report) => Ok(End::InPhases(report)),
            Err(error) => Err(Failure::configuration(format!("cannot serve: {error}"))),
        },
        () = signals.wait_for(2) => Ok(End::AtOnce),
    }
}

/// The server that these settings ask for, still without a certificate.
pub(crate) fn builder(settings: Settings) -> ServerBuilder<Ready> {
    let Settings { host_name, relay, accounts, transport, .. } = settings;
    let delivery = LocalDelivery::new(&host_name, accounts, transport);
    Server::builder(host_name)
        .relay_policy(relay)
        .delivery(delivery)
        .authenticator(Authentication::new(settings.users))
        .auth_in_clear(settings.auth_in_clear)
        .observer(TracingObserver)
        .limits(settings.limits)
        .bare_newline(settings.bare_newline)
        .xclient_clients(settings.xclient_clients)
        .xforward_clients(settings.xforward_clients)
        .address_syntax(settings.address_syntax)
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
    let certificate = Certificate::self_signed(data.path(), &settings.host_name)?;
    notices.push(format!(
        "no certificate was given, so clients are shown a self-signed one: {} (see -o smtpd_tls_cert_file)",
        certificate.chain().display()
    ));
    Ok(certificate)
}

/// Reads the certificate again at each SIGHUP. Ends with the runtime.
async fn reload_at(mut hangups: Hangups, certificate: Certificate) {
    loop {
        hangups.next().await;
        let file = certificate.chain().display();
        match certificate.reload() {
            Ok(()) => tracing::info!(signal = "SIGHUP", certificate = %file, "read again"),
            Err(failure) => {
                let reason = failure.message();
                tracing::error!(signal = "SIGHUP", reason, "the certificate in use stays in use");
            }
        }
    }
}

fn config_of(service: Service) -> ServiceConfig {
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
