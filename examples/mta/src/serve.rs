//! The program's main job: from settings to a running server, and to its end.
//!
//! * **In**: [`Settings`]. **Out**: received mail; one line on how it ended.
//! * **Promises**: the order is lock, certificate, sockets, announcement, so that a script that reads
//!   `ready` can connect; the end goes in phases (stop accepting, 421 to whoever is idle, messages in
//!   flight finish until the deadline), and a second signal cuts it short. No message is lost in either:
//!   one without a 250 is still its sender's.
//! * **Limits**: those of the settings. **Panics**: never. **Spec**: RFC 5321 3.8, 7.9.

use smtp_server::relay::Authenticated;
use smtp_server::{
    RelayPolicyExt, Server, Service, ServiceConfig, ShutdownReport, TlsConfig, TracingObserver,
};

use crate::authentication::Authentication;
use crate::data_directory::DataDirectory;
use crate::delivery::LocalDelivery;
use crate::failure::{Failure, say};
use crate::hint;
use crate::listeners::{self, Listener};
use crate::settings::{Settings, from_config};
use crate::signals::Signals;
use crate::tls::{self, SelfSigned};

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
    let data = DataDirectory::open(settings.data.clone())?;
    let mut notices = Vec::new();
    let tls = certificate(&mut settings, &data, &mut notices)?;
    let mut services = settings.listeners.iter().map(|(service, _)| *service);
    if settings.users.is_empty() && services.any(is_for_users) {
        notices.push("nobody can log in: name a file of users with --passwd".to_owned());
    }
    let listeners = listeners::bind(&settings.listeners).await?;
    let open: Vec<_> =
        listeners.iter().map(|listener| (listener.service, listener.address)).collect();
    let hint = hint::line(&open, settings.example_domain.as_deref());
    let mut server = build(settings, tls)?;
    for Listener { service, socket, .. } in listeners {
        server.listen(socket, config_of(service)).map_err(|error| from_config(&error))?;
    }
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

fn build(settings: Settings, tls: TlsConfig) -> Result<Server, Failure> {
    let Settings { host_name, local_domains, networks, accounts, transport, .. } = settings;
    let delivery = LocalDelivery::new(&host_name, accounts, transport);
    Server::builder(host_name)
        .relay_policy(local_domains.or(networks).or(Authenticated))
        .delivery(delivery)
        .authenticator(Authentication::new(settings.users))
        .auth_in_clear(settings.auth_in_clear)
        .observer(TracingObserver)
        .limits(settings.limits)
        .bare_newline(settings.bare_newline)
        .address_syntax(settings.address_syntax)
        .tls(tls)
        .build()
        .map_err(|error| from_config(&error))
}

/// The user's certificate, or one of our own, which is worth a word.
fn certificate(
    settings: &mut Settings,
    data: &DataDirectory,
    notices: &mut Vec<String>,
) -> Result<TlsConfig, Failure> {
    if let Some(config) = settings.tls.take() {
        return Ok(config);
    }
    let SelfSigned { config, certificate } = tls::self_signed(data.path(), &settings.host_name)?;
    notices.push(format!(
        "no certificate was given, so clients are shown a self-signed one: {} (see -o smtpd_tls_cert_file)",
        certificate.display()
    ));
    Ok(config)
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
