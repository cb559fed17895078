//! What there may be against clients, senders and recipients: the lists of restrictions, and rates.
//!
//! * **In**: parameters. **Out**: [`Access`], with the tables that are read again at SIGHUP.
//! * **Promises**: nothing is asked that no list and no rate asks for. **Limits**: none. **Panics**: never.
//! * **Spec**: Postfix postconf(5), `smtpd_client_restrictions` and its siblings; anvil(8).

use std::sync::Arc;
use std::time::Duration;

use smtp_server::access::{
    AccessMaps, AccessTable, Rate, Rates, RestrictionParameters, Restrictions,
};
use smtp_server::dns::Dns;
use smtp_server::message_auth::Spf;
use smtp_server::relay::{Networks, RelayParameters};
use smtp_server::{ConfigError, EvaluateAt, Ready, ServerBuilder, StageKind};

use crate::failure::Failure;
use crate::options::parameters::Parameters;
use crate::sender_logins::SenderLogins;

/// `recipient_delimiter`, as accounts have it.
const DELIMITER: &str = "+";

/// `anvil_rate_time_unit`.
const MINUTE: Duration = Duration::from_secs(60);

/// Everything that can refuse, but the relay policy and the delivery.
pub(crate) struct Access {
    rates: Option<Rates>,
    restrictions: Option<Restrictions>,
    evaluate_at: EvaluateAt,
    sender_logins: Option<Arc<SenderLogins>>,
}

impl Access {
    /// Reads the lists and their tables.
    pub(crate) fn load(
        parameters: &Parameters,
        relay: RelayParameters,
        exempt: Networks,
        dns: Dns,
    ) -> Result<Self, Failure> {
        let sender_logins = parameters.smtpd_sender_login_maps.clone();
        let sender_logins = sender_logins.map(SenderLogins::load).transpose()?.map(Arc::new);
        let all = RestrictionParameters {
            relay,
            dns: Some(dns),
            sender_owners: sender_logins.clone().map(|logins| logins as _),
            recipient_delimiter: DELIMITER.to_owned(),
        };
        Ok(Self {
            rates: rates(parameters, exempt),
            restrictions: restrictions(parameters, all)?,
            evaluate_at: match parameters.smtpd_delay_reject {
                true => EvaluateAt::Recipient,
                false => EvaluateAt::OwnStage,
            },
            sender_logins,
        })
    }

    /// The tables of the lists.
    pub(crate) fn tables(&self) -> Vec<Arc<AccessTable>> {
        self.restrictions.as_ref().map(|all| all.tables().to_vec()).unwrap_or_default()
    }

    /// Which logins own which senders, if anybody asks.
    pub(crate) fn sender_logins(&self) -> Option<Arc<SenderLogins>> {
        self.sender_logins.clone()
    }

    /// A server with it, and with what asks about SPF behind it.
    pub(crate) fn add_to(
        self,
        server: ServerBuilder<Ready>,
        spf: Option<Spf>,
    ) -> ServerBuilder<Ready> {
        let mut server = server.evaluate_at(self.evaluate_at);
        if self.rates.is_none() && self.restrictions.is_none() && spf.is_none() {
            return server;
        }
        let mut access = AccessMaps::default();
        if let Some(rates) = self.rates {
            server = server.observer(rates.clone());
            access = access.then(rates);
        }
        if let Some(restrictions) = self.restrictions {
            access = access.then(restrictions);
        }
        if let Some(spf) = spf {
            access = access.then(spf);
        }
        server.access(access)
    }
}

fn restrictions(
    parameters: &Parameters,
    meaning: RestrictionParameters,
) -> Result<Option<Restrictions>, Failure> {
    let lists = [
        ("client", StageKind::Client, &parameters.smtpd_client_restrictions),
        ("helo", StageKind::Hello, &parameters.smtpd_helo_restrictions),
        ("sender", StageKind::Sender, &parameters.smtpd_sender_restrictions),
        ("recipient", StageKind::Recipient, &parameters.smtpd_recipient_restrictions),
        ("data", StageKind::Data, &parameters.smtpd_data_restrictions),
        ("end_of_data", StageKind::EndOfData, &parameters.smtpd_end_of_data_restrictions),
        ("etrn", StageKind::Etrn, &parameters.smtpd_etrn_restrictions),
    ];
    let mut all = Restrictions::new(meaning);
    for (name, stage, list) in lists {
        all = all.with(stage, list).map_err(|error| failure(name, &error))?;
    }
    let asks = lists.iter().any(|(_, _, list)| !list.is_empty());
    Ok(asks.then_some(all))
}

/// A list's fault, as an exit code.
pub(crate) fn failure(name: &str, error: &ConfigError) -> Failure {
    let name = format!("-o smtpd_{name}_restrictions");
    match error {
        ConfigError::Table(fault) => Failure::unreadable(format!("{name}: {fault}")),
        ConfigError::Restriction { word, fault, .. }
        | ConfigError::RelayRestriction { word, fault } => {
            Failure::usage(format!("{name}: '{word}': {fault}"))
        }
        other => Failure::configuration(format!("{name}: {other}")),
    }
}

fn rates(parameters: &Parameters, exempt: Networks) -> Option<Rates> {
    let per_minute = |limit: Option<u32>| limit.map(|limit| Rate::new(limit, MINUTE));
    let connections = per_minute(parameters.smtpd_client_connection_rate_limit);
    let messages = per_minute(parameters.smtpd_client_message_rate_limit);
    let recipients = per_minute(parameters.smtpd_client_recipient_rate_limit);
    let failures = per_minute(parameters.smtpd_client_auth_rate_limit);
    let mut rates = Rates::default().exempt(exempt);
    if let Some(rate) = connections {
        rates = rates.connections(rate);
    }
    if let Some(rate) = messages {
        rates = rates.messages(rate).login_messages(rate);
    }
    if let Some(rate) = recipients {
        rates = rates.recipients(rate).login_recipients(rate);
    }
    if let Some(rate) = failures {
        rates = rates.auth_failures(rate);
    }
    let limits = [connections, messages, recipients, failures];
    limits.iter().any(Option::is_some).then_some(rates)
}
