//! Which name does the client's address have, confirmed both ways?
//!
//! * **In**: the client's address. **Out**: a [`ClientHost`] for later hooks, and a refusal if one without a name is
//!   not wanted.
//! * **Promises**: a name is confirmed only if it has the very address whose owner claims it; whatever the owner of an
//!   address writes into its zone, no other name can be taken. What a client of XCLIENT is said to be called is
//!   believed, since only an authorised host says it.
//! * **Limits**: the first ten names are tried, at the same time. **Panics**: never.
//! * **Spec**: RFC 1912 2.1, RFC 8601 3 (`iprev`), RFC 7372 3.3; Postfix `reject_unknown_client_hostname`.

use std::net::IpAddr;

use async_trait::async_trait;
use futures_util::future::join_all;
use smtp_proto::ReplyCode;

use super::client_host::ClientHost;
use super::common::{is_foreign_host, refusal};
use crate::dns::{Dns, DnsError};
use crate::hooks::{AccessControl, Stage, StageKind};
use crate::info::SessionInfo;
use crate::relay::Networks;
use crate::verdict::{Effects, Rejection, Verdict};

/// How many names of one address are tried (RFC 7208 4.6.4 has the same limit).
const NAMES_MAX: usize = 10;

impl ClientHost {
    /// Looks the name of `ip` up, and the addresses of that name.
    pub async fn look_up(dns: &Dns, ip: IpAddr) -> Self {
        let mut names = match dns.names(ip).await {
            Ok(names) => names,
            Err(error) if error.is_definite() => return Self::Unnamed,
            Err(_) => return Self::Undecided,
        };
        names.truncate(NAMES_MAX);
        let answers = join_all(names.iter().map(|name| has_address(dns, name.as_str(), ip))).await;
        let confirmed = answers.iter().position(|answer| *answer == Ok(true));
        let undecided = answers.iter().any(Result::is_err);
        match confirmed {
            Some(index) => Self::Confirmed(names.swap_remove(index)),
            None if undecided => Self::Undecided,
            None => names.into_iter().next().map_or(Self::Unnamed, Self::Claimed),
        }
    }

    /// What is known of the session's client: from a hook before, from XCLIENT, or else from the DNS.
    pub async fn of(dns: &Dns, info: &SessionInfo) -> Self {
        if let Some(known) = info.extensions.find::<Self>() {
            return known.clone();
        }
        match (&info.reverse_name, info.peer.ip()) {
            (Some(name), _) => Self::Confirmed(name.clone()),
            (None, Some(ip)) => Self::look_up(dns, ip).await,
            (None, None) => Self::Unnamed,
        }
    }
}

/// Finds the client's [`ClientHost`] out and leaves it in the session's extensions; refuses nobody unless told to.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use smtp_server::access::{AccessMaps, ConfirmedHost};
/// use smtp_server::dns::Dns;
/// use smtp_server::relay::Networks;
///
/// let dns = Dns::with_name_servers(["127.0.0.1:53".parse()?])?;
/// let named = ConfirmedHost::new(dns).required().exempt(Networks::new(["10.0.0.0/8"])?);
/// let access = AccessMaps::default().then(named);
/// # let _ = access;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ConfirmedHost {
    dns: Dns,
    required: bool,
    exempt: Networks,
}

impl ConfirmedHost {
    /// Asks `dns`.
    #[must_use]
    pub fn new(dns: Dns) -> Self {
        Self { dns, required: false, exempt: Networks::default() }
    }

    /// Other hosts without a confirmed name are refused: `550 5.7.25`, or `450 4.7.25` if the DNS does not answer.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Clients in these networks need no name.
    #[must_use]
    pub fn exempt(mut self, networks: Networks) -> Self {
        self.exempt = networks;
        self
    }

    fn judge(&self, host: &ClientHost, info: &SessionInfo) -> Result<(), Rejection> {
        let judged = self.required
            && is_foreign_host(info)
            && info.peer.ip().is_some()
            && self.exempt.network_of(&info.peer).is_none();
        match host {
            ClientHost::Confirmed(_) => Ok(()),
            _ if !judged => Ok(()),
            ClientHost::Undecided => Err(refusal(
                ReplyCode::MAILBOX_BUSY,
                (4, 7, 25),
                "The name of your address cannot be found out now",
            )),
            ClientHost::Claimed(_) | ClientHost::Unnamed => Err(refusal(
                ReplyCode::MAILBOX_UNAVAILABLE,
                (5, 7, 25),
                "Your address has no name that leads back to it",
            )),
        }
    }
}

#[async_trait]
impl AccessControl for ConfirmedHost {
    fn checks(&self, stage: StageKind) -> bool {
        stage == StageKind::Client
    }

    async fn check(&self, stage: Stage<'_>, info: &SessionInfo) -> Verdict {
        let Stage::Client { .. } = stage else { return Verdict::Accept };
        let host = ClientHost::of(&self.dns, info).await;
        match self.judge(&host, info) {
            Ok(()) => Verdict::with(Effects::default().remember(host)),
            Err(rejection) => rejection.with_detail(format!("{host:?}")).into(),
        }
    }
}

/// An error only if it is not known.
async fn has_address(dns: &Dns, name: &str, ip: IpAddr) -> Result<bool, DnsError> {
    let found = match ip.to_canonical() {
        IpAddr::V4(ip) => dns.ipv4_addresses(name).await.map(|all| all.contains(&ip)),
        IpAddr::V6(ip) => dns.ipv6_addresses(name).await.map(|all| all.contains(&ip)),
    };
    match found {
        Err(error) if error.is_definite() => Ok(false),
        found => found,
    }
}
