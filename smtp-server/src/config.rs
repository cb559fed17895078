//! Limits, timeouts and policies of a session.
//!
//! * **In**: an embedder's choices. **Out**: plain values, read by the session and the driver.
//! * **Promises**: nothing grows without a name here; `None` always means "no limit".
//! * **Limits**: see [`Limits`]. **Panics**: never.
//! * **Spec**: RFC 5321 4.5.3 (sizes and timeouts).

mod check;

use std::sync::Arc;
use std::time::Duration;

use smtp_proto::Dialect;
use smtp_proto::limits::COMMAND_LINE_BYTES_MAX;

use crate::envelope::IdSource;
use crate::hooks::{Capabilities, Outcome};
use crate::in_flight::InFlight;
use crate::info::{Peer, Service};
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
    /// Clients for which a bare line feed has the meaning of [`BareNewline::Normalize`] in any case (Postfix
    /// `smtpd_forbid_bare_newline_exclusions`).
    pub bare_newline_exempt: Networks,
    /// What a NUL octet in content means.
    pub nul: NulPolicy,
    /// What follows from octets that come before the greeting. Default: they are tolerated, and an event.
    pub early_talk: OutOfTurn,
    /// What follows from octets behind a command that ends a group. Default: they are refused.
    pub pipelining: OutOfTurn,
    /// What the session understands beyond the standard.
    pub dialect: Dialect,
    /// Ask a directory about VRFY and EXPN, and list both by EHLO; otherwise they are answered with 252.
    pub directory: bool,
    /// What EHLO may offer on behalf of the delivery.
    pub capabilities: Capabilities,
    /// Offer STARTTLS while the session is in clear.
    pub starttls: bool,
    /// Refuse everything but EHLO, LHLO, STARTTLS, NOOP and QUIT with `530 5.7.0` while the session is in clear.
    pub tls_required: bool,
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
    /// Counts what [`Limits::bytes_in_flight_max`] bounds; all listeners of a server share it.
    pub in_flight: Arc<InFlight>,
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
            bare_newline_exempt: Networks::default(),
            nul: NulPolicy::default(),
            early_talk: OutOfTurn::Tolerate,
            pipelining: OutOfTurn::Refuse,
            dialect: Dialect::default(),
            directory: false,
            capabilities: Capabilities::default(),
            starttls: false,
            tls_required: false,
            auth: AuthConfig::default(),
            xclient_clients: Networks::default(),
            xforward_clients: Networks::default(),
            ids: Arc::default(),
            in_flight: Arc::default(),
        }
    }

    /// What a bare line feed of this client means.
    pub(crate) fn bare_newline_of(&self, peer: &Peer) -> BareNewline {
        let is_exempt = self.bare_newline_exempt.network_of(peer).is_some();
        if is_exempt { BareNewline::Normalize } else { self.bare_newline }
    }

    /// Whether one reply for all recipients could not tell the delivery's results.
    pub(crate) fn has_results_for_each(&self) -> bool {
        self.capabilities.outcome == Outcome::Each
    }

    /// RFC 6531 3.1: SMTPUTF8 is nothing without 8BITMIME.
    pub(crate) fn offers_smtputf8(&self) -> bool {
        self.capabilities.smtputf8 && self.capabilities.eight_bit_mime
    }

    pub(crate) fn is_submission(&self) -> bool {
        self.service.is_submission()
    }

    pub(crate) fn is_lmtp(&self) -> bool {
        self.service == Service::Lmtp
    }
}

/// Sizes and counts; `None` means no limit.
///
/// A value below the RFC's minimum is allowed, since some listeners serve clients that are known; a value
/// that nobody could be served with is a [`ConfigError`](crate::ConfigError). Begin with the defaults:
///
/// ```
/// use smtp_server::Limits;
///
/// let mut limits = Limits::default();
/// limits.message_bytes_max = Some(50 << 20);
/// limits.recipients_max = Some(100);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Octets of a command line with its CRLF, to which parameters of MAIL and RCPT, SMTPUTF8 of VRFY and EXPN, and
    /// credentials of AUTH may add what their RFCs say, offered or not; at least 512 by RFC 5321 4.5.3.1.4. A longer one
    /// gets `500 5.5.2`. From 64 to 65,536; default 512.
    pub command_line_bytes_max: usize,
    /// Octets of a message as transferred, SIZE of RFC 1870; at least 64 Ki by RFC 5321 4.5.3.1.7.
    /// Default 10,240,000.
    pub message_bytes_max: Option<u64>,
    /// Recipients of a transaction; at least 100 by RFC 5321 4.5.3.1.8. Those behind them get `452 4.5.3`; after 1000
    /// of these in a transaction each counts as an error. Default 1000.
    pub recipients_max: Option<usize>,
    /// Replies 4xx and 5xx without an accepted message between them before the connection is closed. No RFC minimum.
    /// Default 20.
    pub errors_max: Option<u32>,
    /// Commands without progress (NOOP, RSET, EHLO, VRFY, a further BDAT of 0 octets that is not the last) before
    /// each counts as an error; an accepted message begins anew. No RFC minimum. Default 100.
    pub idle_commands_max: Option<u32>,
    /// Octets swallowed after a refusal, so that the stream stays in sync, before the connection is
    /// closed. No RFC minimum. Default 100 MiB.
    pub discarded_bytes_max: Option<u64>,
    /// `Received` fields of a message before it is taken for one that goes in circles, and refused with
    /// `554 5.4.0` at its true end; at least 100 by RFC 5321 6.3. Default 100.
    pub hops_max: Option<u32>,
    /// Octets per second that content comes at, at the least, while the client is waited for. It may fall
    /// behind this by [`Timeouts::content_idle`]; then it gets `421 4.4.2`. No RFC speaks of it.
    /// Default 100: a tenth of what a modem had.
    pub content_bytes_per_second_min: Option<u32>,
    /// Connections of all listeners together. No RFC minimum. Default 10,000.
    pub connections_max: Option<usize>,
    /// Connections of one client: an IPv4 address, or the /64 of an IPv6 address, which is what one
    /// household or host has; a client on a Unix socket has none. No RFC minimum. Default 50.
    pub connections_per_client_max: Option<usize>,
    /// Connections of one network of clients, as the next two fields cut networks. No RFC minimum.
    /// Default 1000.
    pub connections_per_network_max: Option<usize>,
    /// Leading bits that make the network of an IPv4 client, 1 to 32. Default 24.
    pub ipv4_network_prefix_bits: u8,
    /// Leading bits that make the network of an IPv6 client, 1 to 128. Default 56.
    pub ipv6_network_prefix_bits: u8,
    /// Octets of content that deliveries of all listeners were handed and have not answered for. When they
    /// are reached, DATA and BDAT get `452 4.3.1`, and so does a message in flight that needs
    /// more, at its true end: pausing it could have all wait for each other. The first 256 KiB of
    /// each message do not count, and a message that is alone always has room. No RFC minimum.
    /// Default 1 GiB.
    pub bytes_in_flight_max: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            command_line_bytes_max: COMMAND_LINE_BYTES_MAX,
            message_bytes_max: Some(10_240_000),
            recipients_max: Some(1000),
            errors_max: Some(20),
            idle_commands_max: Some(100),
            discarded_bytes_max: Some(100 << 20),
            hops_max: Some(100),
            content_bytes_per_second_min: Some(100),
            connections_max: Some(10_000),
            connections_per_client_max: Some(50),
            connections_per_network_max: Some(1000),
            ipv4_network_prefix_bits: 24,
            ipv6_network_prefix_bits: 56,
            bytes_in_flight_max: Some(1 << 30),
        }
    }
}

/// Times, each with the minimum of RFC 5321 4.5.3.2 where it has one.
///
/// A shorter time is allowed. None, but for [`shutdown`](Self::shutdown), or more than 30 days is a
/// [`ConfigError`](crate::ConfigError). Begin with the defaults:
///
/// ```
/// use std::time::Duration;
///
/// use smtp_server::Timeouts;
///
/// let mut timeouts = Timeouts::default();
/// timeouts.hook = Duration::from_secs(20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// From a reply to the end of the next command line, however slowly its octets come
    /// (RFC 5321 4.5.3.2.7: at least 5 minutes). Default 5 minutes.
    pub command: Duration,
    /// Without any octet of a message (RFC 5321 4.5.3.2.5: 3 minutes), and how far its octets may fall behind
    /// [`Limits::content_bytes_per_second_min`]. Default 3 minutes.
    pub content_idle: Duration,
    /// From 354, or a BDAT, to the end of the content. No RFC minimum. Default 1 hour.
    pub content_total: Duration,
    /// For a client to take our octets. No RFC minimum. Default 5 minutes.
    pub write: Duration,
    /// For a TLS handshake. No RFC minimum. Default 30 seconds.
    pub handshake: Duration,
    /// For one call of a hook, and for all calls about one recipient together, not counting the time a delivery waits
    /// for the client; the client waits 5 minutes for most replies (RFC 5321 4.5.3.2.1 to 4.5.3.2.3), of a submission
    /// server 2 are hoped for (RFC 6409 5.3). Default 60 seconds.
    pub hook: Duration,
    /// For a delivery to make a message durable after its last octet (the client waits 10 minutes,
    /// RFC 5321 4.5.3.2.6). Default 5 minutes.
    pub commit: Duration,
    /// For messages in flight when the server shuts down; zero cuts them at once. Default 30 seconds.
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

/// What a NUL octet in content means. Neither choice lets it end or hide anything.
///
/// Content under `BODY=BINARYMIME` may hold any octet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NulPolicy {
    /// `550 5.6.0` at the true end: RFC 5321 4.1.1.4 and RFC 5322 2.2 leave NUL out, and programs that read the
    /// message later may take it for its end.
    #[default]
    Reject,
    /// It is content like any other octet (RFC 5321 4.5.2).
    Keep,
}

/// What follows from octets that a client sends where it has to wait for a reply first.
///
/// It has to wait for the greeting (RFC 5321 3.1), and behind EHLO, HELO, LHLO, DATA, VRFY, EXPN, NOOP, QUIT,
/// HELP, AUTH without an initial response and commands that we do not know (RFC 2920 3.1); behind every
/// command, if its EHLO did not say that commands may be grouped. Mail programs keep to this;
/// bulk mailers and requests that were smuggled through a browser or a proxy do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutOfTurn {
    /// `554 5.5.0`, and the connection closes.
    Refuse,
    /// They are read in their turn.
    Tolerate,
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
    /// Each at its own stage: a refused client gets no service.
    #[default]
    OwnStage,
    /// All at RCPT, so that the log shows who was refused what (Postfix's `smtpd_delay_reject`).
    Recipient,
}
