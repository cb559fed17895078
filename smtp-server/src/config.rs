//! Limits, timeouts and policies of a session.
//!
//! * **In**: an embedder's choices. **Out**: plain values, read by the session and the driver.
//! * **Promises**: nothing grows without a name here; `None` always means "no limit".
//! * **Limits**: see [`Limits`]. **Panics**: never.
//! * **Spec**: RFC 5321 4.5.3 (sizes and timeouts).

use std::sync::Arc;
use std::time::Duration;

use smtp_proto::Dialect;

use crate::envelope::IdSource;
use crate::hooks::{Capabilities, Outcome};
use crate::info::Service;
use crate::relay::Networks;

/// Everything a pure [`Session`](crate::session::Session) needs to know beforehand.
///
/// A `Server` makes one for each listener; whoever drives a session without tokio makes it by hand.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionConfig {
    /// Our own name: greeting, EHLO reply, `Received`.
    pub server_name: Arc<str>,
    /// What the listener serves.
    pub service: Service,
    /// Sizes and counts.
    pub limits: Limits,
    /// Times.
    pub timeouts: Timeouts,
    /// What a bare line feed means.
    pub bare_newline: BareNewline,
    /// What the session understands beyond the standard.
    pub dialect: Dialect,
    /// What EHLO may offer on behalf of the delivery.
    pub capabilities: Capabilities,
    /// Offer STARTTLS while the session is in clear.
    pub starttls: bool,
    /// When AUTH is offered and required.
    pub auth: AuthConfig,
    /// Clients that may speak for others (XCLIENT); nobody by default.
    ///
    /// They can claim any address and any login, so whoever is in here can relay like everybody else.
    pub xclient_clients: Networks,
    /// Clients that may tell where a message came from (XFORWARD); nobody by default.
    pub xforward_clients: Networks,
    /// Gives each message its queue id.
    pub ids: Arc<IdSource>,
}

impl SessionConfig {
    /// The defaults of `service` under the name `server_name`; no STARTTLS, no AUTH.
    #[must_use]
    pub fn new(server_name: impl Into<Arc<str>>, service: Service) -> Self {
        Self {
            server_name: server_name.into(),
            service,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            bare_newline: BareNewline::default(),
            dialect: Dialect::default(),
            capabilities: Capabilities::default(),
            starttls: false,
            auth: AuthConfig::default(),
            xclient_clients: Networks::default(),
            xforward_clients: Networks::default(),
            ids: Arc::new(IdSource::default()),
        }
    }

    /// How many recipients one transaction may have (RFC 5321 4.5.3.1.10, RFC 9422 RCPTMAX).
    ///
    /// One, on SMTP, for a delivery that answers for each recipient: a mixed result could not be told.
    #[must_use]
    pub fn recipients_max(&self) -> Option<usize> {
        if self.takes_one_recipient() { Some(1) } else { self.limits.recipients_max }
    }

    pub(crate) fn takes_one_recipient(&self) -> bool {
        self.capabilities.outcome == Outcome::Each && !self.is_lmtp()
    }

    pub(crate) fn is_lmtp(&self) -> bool {
        self.service == Service::Lmtp
    }
}

/// Sizes and counts; `None` means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Octets of a message as transferred, SIZE of RFC 1870. Default 10,240,000.
    pub message_bytes_max: Option<u64>,
    /// Recipients of a transaction; at least 100 by RFC 5321 4.5.3.1.8. Default 1000.
    pub recipients_max: Option<usize>,
    /// Replies 4xx and 5xx before the connection is closed. Default 20.
    pub errors_max: Option<u32>,
    /// Commands without progress (NOOP, RSET, EHLO, VRFY, a further BDAT of 0 octets that is not the last) before
    /// each counts as an error. Default 100.
    pub idle_commands_max: Option<u32>,
    /// Octets swallowed after a refusal, so that the stream stays in sync, before the connection is
    /// closed. Default 100 MiB.
    pub discarded_bytes_max: Option<u64>,
    /// Connections of all listeners together. Default 10,000.
    pub connections_max: Option<usize>,
    /// Connections of one client address. Default 50.
    pub connections_per_client_max: Option<usize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: Some(10_240_000),
            recipients_max: Some(1000),
            errors_max: Some(20),
            idle_commands_max: Some(100),
            discarded_bytes_max: Some(100 << 20),
            connections_max: Some(10_000),
            connections_per_client_max: Some(50),
        }
    }
}

/// Times, each with the minimum of RFC 5321 4.5.3.2 where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// From a reply to the end of the next command line, however slowly its octets come
    /// (RFC 5321 4.5.3.2.7: at least 5 minutes). Default 5 minutes.
    pub command: Duration,
    /// Without any octet of a message (RFC 5321 4.5.3.2.5: 3 minutes). Default 3 minutes.
    pub content_idle: Duration,
    /// From 354, or a BDAT, to the end of the content. Default 1 hour.
    pub content_total: Duration,
    /// For a client to take our octets. Default 5 minutes.
    pub write: Duration,
    /// For a TLS handshake. Default 30 seconds.
    pub handshake: Duration,
    /// For one call of a hook, not counting the time a delivery waits for the client. Default 60 seconds.
    pub hook: Duration,
    /// For a delivery to make a message durable after its last octet (the client waits 10 minutes,
    /// RFC 5321 4.5.3.2.6). Default 5 minutes.
    pub commit: Duration,
    /// For messages in flight when the server shuts down. Default 30 seconds.
    pub shutdown: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            command: Duration::from_mins(5),
            content_idle: Duration::from_mins(3),
            content_total: Duration::from_hours(1),
            write: Duration::from_mins(5),
            handshake: Duration::from_secs(30),
            hook: Duration::from_mins(1),
            commit: Duration::from_mins(5),
            shutdown: Duration::from_secs(30),
        }
    }
}

/// What a line feed without a carriage return means. A bare carriage return never means anything.
///
/// Neither choice lets it end the data: that is how a second message is smuggled in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BareNewline {
    /// In a command: `550 5.5.2` and the connection closes. In content: `550 5.5.2` at the true end.
    #[default]
    Reject,
    /// It ends a command line or a line of content, for old appliances.
    Normalize,
}

/// When AUTH (RFC 4954) is offered and required.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthConfig {
    /// Offer AUTH at all.
    pub offered: bool,
    /// Offer it also in clear, where everyone on the way reads the password.
    pub in_clear: bool,
    /// Refuse MAIL before AUTH with `530 5.7.0`.
    pub required: bool,
}

/// When the client, hello and sender stages are evaluated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EvaluateAt {
    /// Each at its own stage: a refused client gets no session.
    #[default]
    OwnStage,
    /// All at RCPT, so that the log shows who was refused what (Postfix's `smtpd_delay_reject`).
    Recipient,
}
