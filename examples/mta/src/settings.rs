//! The configuration, validated.
//!
//! * **In**: [`Options`], and the files they name. **Out**: [`Settings`], in which everything fits together.
//! * **Promises**: what is wrong with the configuration is found before anything is created, locked or bound.
//! * **Limits**: none. **Panics**: never.
//! * **Spec**: 64 for a value that is wrong by itself, 66 for a file, 78 for values that do not fit together.

pub(crate) mod names;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use smtp_server::dns::Dns;
use smtp_server::proto::AddressSyntax;
use smtp_server::relay::{
    LocalDomains, Networks, RelayDomains, RelayParameters, RelayRestrictions,
};
use smtp_server::sasl::PasswordFile;
use smtp_server::{BareNewline, ConfigError, Limits, Service};

use crate::access::{self, Access};
use crate::accounts::Accounts;
use crate::client_certificates::{self, ClientAuthorities};
use crate::delivery::LocalTransport;
use crate::failure::Failure;
use crate::log::Log;
use crate::message_checks::MessageChecks;
use crate::options::Options;
use crate::options::parameters::Parameters;
use crate::options::parameters::outbound::OutboundParameters;
use crate::options::values::Address;
use crate::outbound::{DefaultTransport, Outbound};
use crate::passwd;
use crate::queue::QueueSettings;
use crate::recipients::KnownRecipients;
use crate::signing::SigningKeys;
use crate::tls::Certificate;

/// Everything that the program needs to know to serve.
pub(crate) struct Settings {
    pub(crate) data: PathBuf,
    pub(crate) host_name: String,
    /// At least one.
    pub(crate) listeners: Vec<(Service, Address)>,
    /// A domain in which the first message can be sent, if there is any.
    pub(crate) example_domain: Option<String>,
    pub(crate) relay: RelayRestrictions,
    pub(crate) access: Access,
    pub(crate) signing: SigningKeys,
    pub(crate) checks: MessageChecks,
    pub(crate) xclient_clients: Networks,
    pub(crate) xforward_clients: Networks,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) transport: LocalTransport,
    pub(crate) default_transport: DefaultTransport,
    pub(crate) log: Log,
    pub(crate) limits: Limits,
    pub(crate) bare_newline: BareNewline,
    pub(crate) address_syntax: AddressSyntax,
    pub(crate) auth_in_clear: bool,
    /// `None` if one has to be made.
    pub(crate) certificate: Option<Certificate>,
    /// Who vouches for clients, if they are asked for certificates; in a given certificate already.
    pub(crate) client_authorities: Option<ClientAuthorities>,
    pub(crate) users: PasswordFile,
    /// Dovecot's socket, if it checks logins.
    pub(crate) dovecot: Option<PathBuf>,
    /// Where metrics are served, if they are.
    pub(crate) metrics: Option<SocketAddr>,
}

impl Settings {
    /// Checks the options and reads the files they name, for what comes in and for the queue.
    pub(crate) fn load(options: Options) -> Result<(Self, QueueSettings), Failure> {
        let Options { data, addresses, passwd: users, dns, metrics, log, parameters } = options;
        let listeners = addresses.open();
        check_listeners(&listeners)?;
        let host_name = parameters.myhostname.clone().unwrap_or_else(names::system_host_name);
        let domains = names::local_domains(&parameters.mydestination, &host_name)
            .map_err(|wrong| Failure::usage(format!("-o mydestination: {wrong}")))?;
        let meaning = relay_parameters(&parameters, &domains)?;
        let exempt = parameters.smtpd_client_event_limit_exceptions.as_ref();
        let exempt = networks(
            "smtpd_client_event_limit_exceptions",
            exempt.unwrap_or(&parameters.mynetworks),
        )?;
        let dns = resolver(dns)?;
        let checks = MessageChecks::new(parameters.message_authentication, &dns, &meaning.networks);
        let access = Access::load(&parameters, meaning.clone(), exempt, dns.clone())?;
        let relay = RelayRestrictions::parse(&parameters.smtpd_relay_restrictions, meaning)
            .map_err(|error| access::failure("relay", &error))?;
        let signing = SigningKeys::load(parameters.dkim_keys.clone())?;
        let dovecot = dovecot(&parameters, users.is_some())?;
        let xclient_clients =
            networks("smtpd_authorized_xclient_hosts", &parameters.smtpd_authorized_xclient_hosts)?;
        let xforward_clients = networks(
            "smtpd_authorized_xforward_hosts",
            &parameters.smtpd_authorized_xforward_hosts,
        )?;
        let client_authorities = ClientAuthorities::load(&parameters)?;
        let certificate = certificate(&parameters, client_authorities.as_ref())?;
        let known = KnownRecipients::load(&parameters.local_recipient_maps)?;
        let users = users.as_deref().map(passwd::load).transpose()?.unwrap_or_default();

        let is_name = |domain: &&String| !domain.starts_with('[');
        let queue = queue_settings(&parameters.outbound, &data, &host_name, &domains, dns)?;
        let home_domain = domains.iter().find(is_name).unwrap_or(&host_name).clone();
        let localhost = domains.iter().find(|domain| *domain == "localhost");
        let limits = limits(&parameters);
        let spool = parameters.mail_spool_directory.unwrap_or_else(|| data.join("Maildir"));
        let settings = Self {
            data,
            listeners,
            example_domain: localhost.or(domains.iter().find(is_name)).cloned(),
            relay,
            access,
            signing,
            checks,
            xclient_clients,
            xforward_clients,
            accounts: Arc::new(Accounts::new(spool, home_domain, known)),
            transport: parameters.local_transport,
            default_transport: parameters.outbound.default_transport,
            log: Log::new(log, &host_name),
            limits,
            bare_newline: parameters.smtpd_forbid_bare_newline,
            address_syntax: if parameters.strict_rfc821_envelopes {
                AddressSyntax::Strict
            } else {
                AddressSyntax::Default
            },
            auth_in_clear: !parameters.smtpd_tls_auth_only,
            certificate,
            client_authorities,
            users,
            dovecot,
            metrics,
            host_name,
        };
        Ok((settings, queue))
    }
}

/// The library's opinion of a configuration, as an exit code.
pub(crate) fn from_config(error: &ConfigError) -> Failure {
    match error {
        ConfigError::ServerName(_) => Failure::usage(format!("-o myhostname: {error}")),
        ConfigError::Domain(_) => Failure::usage(format!("-o mydestination: {error}")),
        ConfigError::OpenRelay(_) => Failure::configuration(format!(
            "-o mynetworks: {error}; name the networks that are yours"
        )),
        other => Failure::configuration(other.to_string()),
    }
}

fn check_listeners(listeners: &[(Service, Address)]) -> Result<(), Failure> {
    if listeners.is_empty() {
        return Err(Failure::configuration(
            "all listeners are off: give --smtp, --submission, --submissions or --lmtp an address",
        ));
    }
    let mut taken = HashSet::new();
    for (service, address) in listeners {
        let is_any = matches!(address, Address::Inet(address) if address.port() == 0);
        if !is_any && !taken.insert(address) {
            return Err(Failure::configuration(format!(
                "--{service} has the address {address} of another listener: give it one of its own, or off"
            )));
        }
    }
    Ok(())
}

fn queue_settings(
    parameters: &OutboundParameters,
    data: &Path,
    host_name: &str,
    local_domains: &[String],
    dns: Dns,
) -> Result<QueueSettings, Failure> {
    Ok(QueueSettings {
        directory: parameters.queue_directory.clone().unwrap_or_else(|| data.join("queue")),
        manager: parameters.manager.clone(),
        bounce_bytes_max: parameters.bounce_size_limit,
        outbound: Outbound::load(parameters, host_name, local_domains, dns)?,
        local_domains: LocalDomains::new(local_domains).map_err(|error| from_config(&error))?,
    })
}

fn relay_parameters(
    parameters: &Parameters,
    local_domains: &[String],
) -> Result<RelayParameters, Failure> {
    let relay_domains = RelayDomains::new(names::list(&parameters.relay_domains))
        .map_err(|error| Failure::usage(format!("-o relay_domains: {error}")))?;
    Ok(RelayParameters {
        local_domains: LocalDomains::new(local_domains).map_err(|error| from_config(&error))?,
        relay_domains,
        networks: networks("mynetworks", &parameters.mynetworks)?,
        certificates: client_certificates::holders(parameters.relay_clientcerts.as_deref())?,
    })
}

/// A system that names no server means the one on this host (resolv.conf(5)).
fn resolver(dns: Option<SocketAddr>) -> Result<Dns, Failure> {
    let on_this_host = || Dns::with_name_servers([SocketAddr::from(([127, 0, 0, 1], 53))]);
    let resolver = match dns {
        Some(address) => Dns::with_name_servers([address]),
        None => Dns::from_system().or_else(|_| on_this_host()),
    };
    resolver.map_err(|error| Failure::configuration(format!("cannot ask the DNS: {error} (--dns)")))
}

/// The socket, if the type says so.
fn dovecot(parameters: &Parameters, has_passwd: bool) -> Result<Option<PathBuf>, Failure> {
    match (parameters.smtpd_sasl_type_is_dovecot, &parameters.smtpd_sasl_path) {
        (false, None) => Ok(None),
        (true, Some(_)) if has_passwd => Err(Failure::configuration(
            "--passwd and -o smtpd_sasl_type=dovecot both say who may log in: give one of them",
        )),
        (true, Some(path)) => Ok(Some(path.clone())),
        (true, None) => Err(Failure::configuration(
            "-o smtpd_sasl_type=dovecot without -o smtpd_sasl_path: name the socket, too",
        )),
        (false, Some(_)) => Err(Failure::configuration(
            "-o smtpd_sasl_path without -o smtpd_sasl_type=dovecot: say that it is Dovecot's, too",
        )),
    }
}

fn networks(name: &str, value: &str) -> Result<Networks, Failure> {
    Networks::new(names::list(value)).map_err(|error| match error {
        ConfigError::OpenRelay(_) => {
            Failure::configuration(format!("-o {name}: {error}; name the networks that are yours"))
        }
        error => Failure::usage(format!("-o {name}: {error}")),
    })
}

fn certificate(
    parameters: &Parameters,
    authorities: Option<&ClientAuthorities>,
) -> Result<Option<Certificate>, Failure> {
    match (&parameters.smtpd_tls_cert_file, &parameters.smtpd_tls_key_file) {
        (None, None) => Ok(None),
        (Some(chain), Some(key)) => {
            Certificate::load(chain.clone(), key.clone(), authorities.cloned()).map(Some)
        }
        (Some(_), None) => Err(Failure::configuration(
            "-o smtpd_tls_cert_file without -o smtpd_tls_key_file: name the key's file, too, also if \
             it is the same one",
        )),
        (None, Some(_)) => Err(Failure::configuration(
            "-o smtpd_tls_key_file without -o smtpd_tls_cert_file: name the certificate's file, too",
        )),
    }
}

fn limits(parameters: &Parameters) -> Limits {
    let mut limits = Limits::default();
    limits.message_bytes_max = parameters.message_size_limit;
    limits.recipients_max = parameters.smtpd_recipient_limit;
    limits.connections_per_client_max = parameters.smtpd_client_connection_count_limit;
    if limits.connections_per_client_max.is_none() {
        // Whoever asks for no limit per client means it: Postfix has none per network.
        limits.connections_per_network_max = None;
    }
    limits
}
