//! How mail leaves the queue: routes, transports, TLS, logins.
//!
//! * **In**: [`OutboundParameters`] and the tables that they name. **Out**: a router and transports by name.
//! * **Promises**: what is wrong with a table is found before anything is bound. **Limits**: none. **Panics**: never.
//! * **Spec**: Postfix postconf(5) `relayhost`, `default_transport`; transport(5).

use std::net::SocketAddr;
use std::sync::Arc;

use smtp_queue::QueueBuilder;
use smtp_queue::route::{Destination, DnsRouter, Route};
use smtp_queue::transport::smtp::{ClientTls, Credentials, SmtpTransport, TlsLevel, TlsPolicy};
use smtp_queue::transport::{Discard, Maildir, Refuse};
use smtp_server::delivery::Mailboxes;
use smtp_server::dns::Dns;
use smtp_server::proto::EnhancedCode;
use smtp_server::{Recipient, Rejection};

use crate::accounts::Accounts;
use crate::delivery::LocalTransport;
use crate::failure::Failure;
use crate::options::parameters::outbound::OutboundParameters;
use crate::options::values::Wrong;
use crate::text_table;

/// The value of `default_transport`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DefaultTransport {
    /// To the domain's mail exchangers, or to `relayhost`.
    Smtp,
    /// To one destination.
    To(Route),
    /// Accepted and sent nowhere.
    Discard,
    /// Refused.
    Error(Rejection),
}

impl DefaultTransport {
    /// `smtp:`, `smtp:[host]:port`, `lmtp:[host]:port`, `discard:`, `error:5.7.1 text`.
    pub(crate) fn parse(value: &str) -> Result<Self, Wrong> {
        if matches!(value, "smtp" | "smtp:") {
            return Ok(Self::Smtp);
        }
        match transport(value)? {
            Via::Route(route) => Ok(Self::To(route)),
            Via::Discard => Ok(Self::Discard),
            Via::Error(code, text) => Ok(Self::Error(Rejection::permanent(code, text))),
        }
    }
}

/// A `TRANSPORT:DESTINATION` that is not the plain `smtp:`.
enum Via {
    Route(Route),
    Discard,
    Error(EnhancedCode, String),
}

fn transport(value: &str) -> Result<Via, Wrong> {
    const RIGHT: &str = "write smtp:[HOST]:PORT, lmtp:[HOST]:PORT, local:, discard: or error:TEXT";
    let (name, rest) = value.split_once(':').unwrap_or((value, ""));
    let destination = || rest.parse::<Destination>().map_err(|wrong| wrong.to_string());
    match (name, rest) {
        ("smtp" | "", rest) if !rest.is_empty() => Ok(Via::Route(Route::Host(destination()?))),
        ("lmtp", rest) if !rest.is_empty() => {
            Ok(Via::Route(Route::HostBy("lmtp".into(), destination()?)))
        }
        ("local", "") => Ok(Via::Route(Route::Transport("local".into()))),
        ("discard", _) => Ok(Via::Discard),
        ("error", text) => {
            let code = text.split_once(' ').map_or(text, |(code, _)| code);
            let code = EnhancedCode::parse(code);
            let text = if code.is_some() {
                text.split_once(' ').map_or("", |(_, text)| text)
            } else {
                text
            };
            let text = if text.is_empty() { "mail to this domain is not accepted" } else { text };
            Ok(Via::Error(code.unwrap_or(EnhancedCode::new(5, 0, 0)), text.to_owned()))
        }
        _ => Err(format!("'{value}' is not a transport: {RIGHT}")),
    }
}

/// Everything that sends.
pub(crate) struct Outbound {
    router: DnsRouter,
    smtp: SmtpTransport,
    lmtp: SmtpTransport,
    /// `error` transports of the table, by their names.
    refusals: Vec<(String, Refuse)>,
}

impl Outbound {
    /// Reads the tables.
    pub(crate) fn load(
        parameters: &OutboundParameters,
        host_name: &str,
        local_domains: &[String],
        dns: Dns,
    ) -> Result<Self, Failure> {
        let mut router =
            DnsRouter::new(dns, host_name).relay_hosts(parameters.relayhost.iter().cloned());
        for domain in local_domains {
            router = router.own_name(domain);
        }
        router = match &parameters.default_transport {
            DefaultTransport::Smtp => router,
            DefaultTransport::To(route) => router.with_route("*", route.clone()),
            // What is refused is refused at RCPT, and here for what was taken before the option changed.
            DefaultTransport::Discard => router.with_route("*", Route::Transport("discard".into())),
            DefaultTransport::Error(_) => router.with_route("*", Route::Transport("error".into())),
        };
        let mut refusals = Vec::new();
        if let DefaultTransport::Error(rejection) = &parameters.default_transport {
            let code = rejection.reply().enhanced().unwrap_or(EnhancedCode::new(5, 0, 0));
            let refuse = Refuse::for_good(code, rejection.reply().text().to_owned());
            refusals.push(("error".to_owned(), refuse));
        }
        if let Some(file) = &parameters.transport_maps {
            for entry in text_table::read(file)? {
                let value = entry.required("a transport")?;
                let route = match transport(value).map_err(|wrong| entry.wrong(wrong))? {
                    Via::Route(route) => route,
                    Via::Discard => Route::Transport("discard".into()),
                    Via::Error(code, text) => {
                        let name = format!("error {}", refusals.len());
                        refusals.push((name.clone(), Refuse::for_good(code, text)));
                        Route::Transport(name.into())
                    }
                };
                router = router.with_route(&entry.key, route);
            }
        }
        let smtp = smtp(parameters, host_name)?;
        let lmtp = SmtpTransport::lmtp(host_name)
            .map_err(|error| Failure::usage(format!("-o myhostname: {error}")))?;
        Ok(Self { router, smtp, lmtp, refusals })
    }

    /// This host takes mail here, so mail that would be sent here loops.
    pub(crate) fn own_address(mut self, address: SocketAddr) -> Self {
        self.router = self.router.own_address(address);
        self
    }

    /// The connections to next hops, which it says goodbye on at the end.
    pub(crate) fn connections(&self) -> SmtpTransport {
        self.smtp.clone()
    }

    /// Adds router and transports to the queue.
    pub(crate) fn add_to(
        self,
        queue: QueueBuilder,
        host_name: &str,
        local: &LocalTransport,
        accounts: Arc<Accounts>,
    ) -> QueueBuilder {
        let queue = queue
            .router(self.router)
            .transport("smtp", self.smtp)
            .transport("lmtp", self.lmtp)
            .transport("discard", Discard);
        let queue = match local {
            LocalTransport::Maildirs => {
                let directory = move |recipient: &Recipient| accounts.directory(recipient);
                queue.transport("local", Maildir::new(host_name, directory))
            }
            LocalTransport::Discard => queue.transport("local", Discard),
            LocalTransport::Error(rejection) => {
                let code = rejection.reply().enhanced().unwrap_or(EnhancedCode::new(5, 1, 1));
                let text = rejection.reply().text().to_owned();
                queue.transport("local", Refuse::for_good(code, text))
            }
        };
        self.refusals
            .into_iter()
            .fold(queue, |queue, (name, refuse)| queue.transport(&name, refuse))
    }
}

fn smtp(parameters: &OutboundParameters, host_name: &str) -> Result<SmtpTransport, Failure> {
    let mut policy = TlsPolicy::new(parameters.smtp_tls_security_level);
    if let Some(file) = &parameters.smtp_tls_policy_maps {
        for entry in text_table::read(file)? {
            let level = entry.required("a level of security")?;
            let level = level.parse().map_err(|wrong| entry.wrong(wrong))?;
            policy = policy.with(&entry.key, level);
        }
    }
    let smtp = SmtpTransport::new(host_name)
        .map_err(|error| Failure::usage(format!("-o myhostname: {error}")))?;
    let mut smtp = smtp.tls_policy(policy);
    if parameters.smtp_tls_wrappermode {
        if parameters.smtp_tls_security_level < TlsLevel::Encrypt {
            return Err(Failure::configuration(
                "-o smtp_tls_wrappermode=yes needs -o smtp_tls_security_level=encrypt, verify or secure",
            ));
        }
        smtp = smtp.implicit_tls();
    }
    if let Some(file) = &parameters.smtp_tls_ca_file {
        let place = file.display();
        let pem = std::fs::read(file)
            .map_err(|error| Failure::unreadable(format!("cannot read {place}: {error}")))?;
        let tls = ClientTls::from_pem(&pem).map_err(|error| {
            Failure::unreadable(format!("-o smtp_tls_CAfile: {place}: {error}"))
        })?;
        smtp = smtp.tls(tls);
    }
    if let Some(file) = &parameters.smtp_sasl_password_maps {
        for entry in text_table::read(file)? {
            let login = entry.required("USER:PASSWORD")?.split_once(':');
            let login = login.and_then(|(user, password)| Credentials::new(user, password));
            let login = login.ok_or_else(|| entry.wrong("expected USER:PASSWORD"))?;
            smtp = smtp.credentials(&entry.key, login);
        }
    }
    let addresses = parameters.smtp_bind_addresses.iter();
    Ok(addresses.fold(smtp, |smtp, address| smtp.source_address(*address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transport_is_a_name_and_where_to() {
        let route = |value: &str| match DefaultTransport::parse(value) {
            Ok(DefaultTransport::To(route)) => Some(route),
            _ => None,
        };
        let to = |text: &str| text.parse::<Destination>().unwrap();
        assert_eq!(DefaultTransport::parse("smtp:"), Ok(DefaultTransport::Smtp));
        assert_eq!(route("smtp:[a.test]:26"), Some(Route::Host(to("[a.test]:26"))));
        assert_eq!(
            route("lmtp:[a.test]:24"),
            Some(Route::HostBy("lmtp".into(), to("[a.test]:24")))
        );
        assert_eq!(DefaultTransport::parse("discard:"), Ok(DefaultTransport::Discard));
        let Ok(DefaultTransport::Error(rejection)) = DefaultTransport::parse("error:5.7.1 go away")
        else {
            panic!("it refuses")
        };
        assert_eq!(rejection.reply().to_string(), "550 5.7.1 go away");
        for wrong in ["", "uucp:x", "lmtp:", "smtp:[", "local:x"] {
            assert!(DefaultTransport::parse(wrong).is_err(), "{wrong}");
        }
    }
}
