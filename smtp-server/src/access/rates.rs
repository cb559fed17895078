//! Does this client, or this login, do too much?
//!
//! * **In**: connections, messages, recipients and failed logins as they come. **Out**: "try again later" for what is
//!   above a rate.
//! * **Promises**: who logged in is counted by login, anybody else by address (IPv6: by /64). A connection and a
//!   message are counted once, also where all is judged at RCPT ([`EvaluateAt`](crate::EvaluateAt)). Nothing is
//!   limited that no rate was given for.
//! * **Limits**: 100 000 counters of each kind; the one that was not used for the longest time is forgotten.
//!   **Panics**: never.
//! * **Spec**: Postfix anvil(8), `smtpd_client_connection_rate_limit` and its siblings.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use smtp_proto::ReplyCode;

use super::bounded::Bounded;
use super::common::refusal;
use super::rate::{Rate, Usage};
use crate::hooks::{AccessControl, Event, Observer, Stage, StageKind};
use crate::info::SessionInfo;
use crate::prefix;
use crate::relay::Networks;
use crate::time::UnixMillis;
use crate::verdict::{Rejection, Verdict};

const COUNTERS_MAX: usize = 100_000;

/// Rates of clients and of logins; clones share the counters.
///
/// Failed logins are heard of by observing: give the same value to the builder as an observer, too. A client with
/// too many is sent away when it connects or introduces itself, with 421; where all is judged at RCPT, there.
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # fn main() -> Result<(), smtp_server::ConfigError> {
/// use std::time::Duration;
/// use smtp_server::Server;
/// use smtp_server::access::{Rate, Rates};
/// use smtp_server::delivery::Discard;
/// use smtp_server::relay::LocalDomains;
///
/// let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
/// let rates = Rates::default()
///     .connections(Rate::new(60, minute))
///     .auth_failures(Rate::new(10, hour))
///     .login_recipients(Rate::new(500, hour));
/// let server = Server::builder("mx.example.org")
///     .relay_policy(LocalDomains::new(["example.org"])?)
///     .delivery(Discard)
///     .access(rates.clone())
///     .observer(rates)
///     .build()?;
/// # let _ = server;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "tokio"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, Default)]
pub struct Rates {
    connections: Option<Rate>,
    messages: Option<Rate>,
    recipients: Option<Rate>,
    auth_failures: Option<Rate>,
    login_connections: Option<Rate>,
    login_messages: Option<Rate>,
    login_recipients: Option<Rate>,
    exempt: Networks,
    counters: Arc<Mutex<Counters>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum What {
    Connections,
    Messages,
    Recipients,
    AuthFailures,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Who {
    Client(IpAddr),
    Login(String),
}

/// What was decided once, for the questions that come again at each RCPT.
#[derive(Clone, Copy, Debug)]
struct Decided {
    at: UnixMillis,
    allowed: bool,
}

#[derive(Debug)]
struct Counters {
    usages: Bounded<(What, Who), Usage>,
    /// Of the client, and of the login that it has.
    connections: Bounded<(SocketAddr, bool), Decided>,
    messages: Bounded<SocketAddr, Decided>,
    /// The latest time that any stage told: failures are told without one.
    latest: UnixMillis,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            usages: Bounded::new(COUNTERS_MAX),
            connections: Bounded::new(COUNTERS_MAX),
            messages: Bounded::new(COUNTERS_MAX),
            latest: UnixMillis::default(),
        }
    }
}

impl Rates {
    /// Connections of a client; one too many is closed with `421 4.7.0`.
    #[must_use]
    pub fn connections(mut self, rate: Rate) -> Self {
        self.connections = Some(rate);
        self
    }

    /// Messages of a client that did not log in: `450 4.7.1` at MAIL.
    #[must_use]
    pub fn messages(mut self, rate: Rate) -> Self {
        self.messages = Some(rate);
        self
    }

    /// Recipients of a client that did not log in: `450 4.7.1` at RCPT.
    #[must_use]
    pub fn recipients(mut self, rate: Rate) -> Self {
        self.recipients = Some(rate);
        self
    }

    /// Failures of a client to log in; the connection is closed with `421 4.7.0`.
    #[must_use]
    pub fn auth_failures(mut self, rate: Rate) -> Self {
        self.auth_failures = Some(rate);
        self
    }

    /// Connections on which a login sends mail, from wherever: one too many is closed with `421 4.7.0` at its first
    /// MAIL. Failures of a login are for [`Throttle`](crate::sasl::Throttle), which is asked before the credential is.
    #[must_use]
    pub fn login_connections(mut self, rate: Rate) -> Self {
        self.login_connections = Some(rate);
        self
    }

    /// Messages of a login, from wherever: `450 4.7.1` at MAIL.
    #[must_use]
    pub fn login_messages(mut self, rate: Rate) -> Self {
        self.login_messages = Some(rate);
        self
    }

    /// Recipients of a login, from wherever: `450 4.7.1` at RCPT.
    #[must_use]
    pub fn login_recipients(mut self, rate: Rate) -> Self {
        self.login_recipients = Some(rate);
        self
    }

    /// Clients in these networks are not counted; logins are, from there, too.
    #[must_use]
    pub fn exempt(mut self, networks: Networks) -> Self {
        self.exempt = networks;
        self
    }

    fn client(&self, info: &SessionInfo) -> Option<Who> {
        let ip = info.peer.ip().filter(|_| self.exempt.network_of(&info.peer).is_none())?;
        Some(Who::Client(prefix::client(ip)))
    }

    /// Whom messages and recipients are counted for, and which of the two rates is that one's.
    fn sender(
        &self,
        info: &SessionInfo,
        of_client: Option<Rate>,
        of_login: Option<Rate>,
    ) -> Option<(Who, Rate)> {
        match &info.identity {
            Some(identity) => Some((Who::Login(identity.authcid.clone()), of_login?)),
            None => Some((self.client(info)?, of_client?)),
        }
    }

    fn check_connection(
        &self,
        now: UnixMillis,
        info: &SessionInfo,
        counters: &mut Counters,
    ) -> bool {
        let (Some(rate), Some(who)) = (self.connections, self.client(info)) else { return true };
        counters.take_connection(who, rate, now, info)
    }

    fn check_login(&self, now: UnixMillis, info: &SessionInfo, counters: &mut Counters) -> bool {
        let (Some(rate), Some(identity)) = (self.login_connections, &info.identity) else {
            return true;
        };
        counters.take_connection(Who::Login(identity.authcid.clone()), rate, now, info)
    }

    fn check_message(
        &self,
        now: UnixMillis,
        arrived: UnixMillis,
        info: &SessionInfo,
        counters: &mut Counters,
    ) -> bool {
        let sender = self.sender(info, self.messages, self.login_messages);
        let Some((who, rate)) = sender else { return true };
        let decided = info.peer.remote.and_then(|remote| counters.messages.find(&remote));
        match decided {
            Some(decided) if decided.at == arrived => decided.allowed,
            _ => {
                let allowed = counters.take(What::Messages, who, rate, now);
                if let Some(remote) = info.peer.remote {
                    counters.messages.put(remote, Decided { at: arrived, allowed });
                }
                allowed
            }
        }
    }

    fn check_recipient(
        &self,
        now: UnixMillis,
        info: &SessionInfo,
        counters: &mut Counters,
    ) -> bool {
        let sender = self.sender(info, self.recipients, self.login_recipients);
        sender.is_none_or(|(who, rate)| counters.take(What::Recipients, who, rate, now))
    }

    fn check_failures(&self, now: UnixMillis, info: &SessionInfo, counters: &mut Counters) -> bool {
        let (Some(rate), Some(who)) = (self.auth_failures, self.client(info)) else { return true };
        let key = (What::AuthFailures, who);
        let Some(mut usage) = counters.usages.find(&key).copied() else { return true };
        let has_room = usage.has_room(rate, now);
        counters.usages.put(key, usage);
        has_room
    }
}

#[async_trait]
impl AccessControl for Rates {
    fn checks(&self, stage: StageKind) -> bool {
        use StageKind::{Client, Hello, Recipient, Sender};
        matches!(stage, Client | Hello | Sender | Recipient)
    }

    async fn check(&self, stage: Stage<'_>, info: &SessionInfo) -> Verdict {
        let now = stage.now();
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        counters.latest = now;
        let too_much = match stage {
            Stage::Client { .. } if !self.check_connection(now, info, &mut counters) => {
                too_many("connections").and_close()
            }
            Stage::Sender { .. } if !self.check_login(now, info, &mut counters) => {
                too_many("connections").and_close()
            }
            Stage::Client { .. } | Stage::Hello { .. }
                if !self.check_failures(now, info, &mut counters) =>
            {
                too_many("failed logins").and_close()
            }
            Stage::Sender { envelope, .. }
                if !self.check_message(now, envelope.arrived, info, &mut counters) =>
            {
                later("messages")
            }
            Stage::Recipient { .. } if !self.check_recipient(now, info, &mut counters) => {
                later("recipients")
            }
            _ => return Verdict::Accept,
        };
        too_much.into()
    }
}

impl Observer for Rates {
    fn on_event(&self, event: &Event<'_>, info: &SessionInfo) {
        let (Event::AuthenticationFailed { .. }, Some(rate)) = (event, self.auth_failures) else {
            return;
        };
        let Some(who) = self.client(info) else { return };
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let now = counters.latest;
        counters.take(What::AuthFailures, who, rate, now);
    }
}

impl Counters {
    /// Counts a connection once, however often it is asked about.
    fn take_connection(
        &mut self,
        who: Who,
        rate: Rate,
        now: UnixMillis,
        info: &SessionInfo,
    ) -> bool {
        // A client that is spoken for may come without its port; then nothing tells two connections apart.
        let remote = info.peer.remote.filter(|remote| remote.port() != 0);
        let connection = remote.map(|remote| (remote, matches!(who, Who::Login(_))));
        match connection.and_then(|connection| self.connections.find(&connection)) {
            // Later than that, it is another connection from the same port.
            Some(decided) if now <= decided.at + rate.period() => decided.allowed,
            _ => {
                let allowed = self.take(What::Connections, who, rate, now);
                if let Some(connection) = connection {
                    self.connections.put(connection, Decided { at: now, allowed });
                }
                allowed
            }
        }
    }

    fn take(&mut self, what: What, who: Who, rate: Rate, now: UnixMillis) -> bool {
        let key = (what, who);
        let mut usage = self.usages.find(&key).copied().unwrap_or_default();
        let allowed = usage.take(rate, now);
        self.usages.put(key, usage);
        allowed
    }
}

fn too_many(what: &str) -> Rejection {
    let text = format!("Too many {what}");
    refusal(ReplyCode::SERVICE_NOT_AVAILABLE, (4, 7, 0), text)
}

fn later(what: &str) -> Rejection {
    let text = format!("Too many {what} in a short time");
    refusal(ReplyCode::MAILBOX_BUSY, (4, 7, 1), text)
}
