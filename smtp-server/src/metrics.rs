//! Events counted for Prometheus.
//!
//! * **In**: [`Event`]s. **Out**: counters, a gauge and a histogram as text. **Promises**: every decision is counted once.
//!   No label holds what came over the network: the values of each are words of this file, of the hooks' names or of
//!   the services, so nobody can make up series.
//! * **Limits**: the times of 10 000 messages in flight; a message that its client abandons has no duration. A connection
//!   that is cut at shutdown before its TLS handshake counts as open. **Panics**: never.
//! * **Spec**: the `OpenMetrics` text format 1.0.

use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use smtp_proto::Reply;

use crate::access::bounded::Bounded;
use crate::envelope::{QueueId, RecipientClass, RelayReason};
use crate::hooks::{Event, HookKind, Observer, StageKind};
use crate::info::{Service, SessionInfo};
use crate::verdict::Note;

const MESSAGES_MAX: usize = 10_000;

/// From a millisecond to more than a minute.
const SECONDS_MIN: f64 = 0.001;
const BUCKETS: u16 = 9;

type Labels<const N: usize> = [(&'static str, &'static str); N];
type Counters<const N: usize> = Family<Labels<N>, Counter>;

/// Counts what a server does; clones count together.
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # fn main() -> Result<(), smtp_server::ConfigError> {
/// use smtp_server::delivery::Discard;
/// use smtp_server::relay::LocalDomains;
/// use smtp_server::{Metrics, Server};
///
/// let metrics = Metrics::default();
/// let server = Server::builder("mx.example.org")
///     .relay_policy(LocalDomains::new(["example.org"])?)
///     .delivery(Discard)
///     .observer(metrics.clone())
///     .build()?;
/// // For whoever asks over HTTP, as `application/openmetrics-text; version=1.0.0; charset=utf-8`:
/// let text = metrics.text();
/// # let _ = (server, text);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "tokio"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    connections: Counters<1>,
    connections_open: Family<Labels<1>, Gauge<i64, AtomicI64>>,
    connections_refused: Counters<1>,
    tls_handshakes: Counters<1>,
    authentications: Counters<2>,
    refusals: Counters<2>,
    warnings: Counters<1>,
    recipients_accepted: Counters<1>,
    recipients_refused: Counters<1>,
    messages: Counters<2>,
    message_bytes: Counters<1>,
    message_seconds: Family<Labels<1>, Histogram, fn() -> Histogram>,
    hook_failures: Counters<1>,
    started: Arc<Mutex<Bounded<QueueId, Instant>>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut all = Self {
            registry: Arc::default(),
            connections: Family::default(),
            connections_open: Family::default(),
            connections_refused: Family::default(),
            tls_handshakes: Family::default(),
            authentications: Family::default(),
            refusals: Family::default(),
            warnings: Family::default(),
            recipients_accepted: Family::default(),
            recipients_refused: Family::default(),
            messages: Family::default(),
            message_bytes: Family::default(),
            message_seconds: Family::new_with_constructor(histogram),
            hook_failures: Family::default(),
            started: Arc::new(Mutex::new(Bounded::new(MESSAGES_MAX))),
        };
        all.registry = Arc::new(all.registered());
        all
    }
}

impl Metrics {
    /// All that was counted so far, in the text format of `OpenMetrics`.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        self.append_to(&mut text);
        // Writing to a string does not fail.
        let _ = text::encode_eof(&mut text);
        text
    }

    /// The same without the line `# EOF`, for a program that has more to tell.
    pub fn append_to(&self, text: &mut String) {
        let _ = text::encode_registry(text, &self.registry);
    }

    fn registered(&self) -> Registry {
        let mut all = Registry::with_prefix("smtp");
        all.register("connections", "Connections admitted", self.connections.clone());
        all.register("connections_open", "Connections open now", self.connections_open.clone());
        let refused = self.connections_refused.clone();
        all.register("connections_refused", "Connections turned away before a session", refused);
        all.register("tls_handshakes", "TLS handshakes", self.tls_handshakes.clone());
        let authentications = self.authentications.clone();
        all.register("authentications", "Outcomes of AUTH", authentications);
        all.register("refusals", "Refusals of access control, by stage", self.refusals.clone());
        all.register("warnings", "Warnings of access control, by stage", self.warnings.clone());
        let accepted = self.recipients_accepted.clone();
        all.register(
            "recipients_accepted",
            "Recipients accepted, by what gave the right",
            accepted,
        );
        let refused = self.recipients_refused.clone();
        all.register("recipients_refused", "Recipients refused by any hook", refused);
        all.register("messages", "Messages answered, by final reply", self.messages.clone());
        let bytes = self.message_bytes.clone();
        all.register("message_bytes", "Octets of content of accepted messages", bytes);
        let seconds = self.message_seconds.clone();
        all.register("message_duration_seconds", "From the content's begin to the reply", seconds);
        all.register("hook_failures", "Hooks that misbehaved", self.hook_failures.clone());
        all
    }

    fn count_message(&self, event: &Event<'_>, service: &'static str) {
        match event {
            Event::MessageStarted { envelope } => {
                let Some(id) = envelope.queue_id else { return };
                self.started.lock().unwrap_or_else(PoisonError::into_inner).put(id, now());
            }
            Event::FinalReplyWritten { queue_id, ok, reply, bytes } => {
                let outcome = match class(reply) {
                    "2xx" if !ok => "unwritten",
                    class => class,
                };
                let labels = [("service", service), ("reply", outcome)];
                self.messages.get_or_create(&labels).inc();
                if *ok {
                    self.message_bytes.get_or_create(&[("service", service)]).inc_by(*bytes);
                }
                self.observe_duration(*queue_id, service);
            }
            _ => {}
        }
    }

    fn observe_duration(&self, queue_id: Option<QueueId>, service: &'static str) {
        let Some(id) = queue_id else { return };
        let mut all = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(started) = all.find(&id).copied() else { return };
        all.remove(&id);
        let seconds = now().saturating_duration_since(started).as_secs_f64();
        self.message_seconds.get_or_create(&[("service", service)]).observe(seconds);
    }

    fn count_authentication(&self, outcome: &'static str, service: &'static str) {
        let labels = [("service", service), ("outcome", outcome)];
        self.authentications.get_or_create(&labels).inc();
    }
}

impl Observer for Metrics {
    fn on_event(&self, event: &Event<'_>, info: &SessionInfo) {
        let service = info.service.as_str();
        let by_service = [("service", service)];
        match event {
            Event::Connected => {
                self.connections.get_or_create(&by_service).inc();
                self.connections_open.get_or_create(&by_service).inc();
            }
            // One whose first handshake failed was not connected.
            Event::Closed { .. } if info.service == Service::Submissions && info.tls.is_none() => {}
            Event::Closed { .. } => {
                self.connections_open.get_or_create(&by_service).dec();
            }
            Event::ConnectionRefused { .. } => {
                self.connections_refused.get_or_create(&by_service).inc();
            }
            Event::TlsStarted => {
                self.tls_handshakes.get_or_create(&[("outcome", "ok")]).inc();
            }
            Event::TlsFailed { .. } => {
                self.tls_handshakes.get_or_create(&[("outcome", "failed")]).inc();
            }
            Event::Authenticated { .. } => self.count_authentication("ok", service),
            Event::AuthenticationFailed { .. } => self.count_authentication("failed", service),
            Event::AuthenticationRefused { .. } => self.count_authentication("refused", service),
            Event::CredentialsUnavailable { .. } => {
                self.count_authentication("unavailable", service);
            }
            Event::Refused { stage, rejection, .. } => {
                let labels = [("stage", stage_name(*stage)), ("reply", class(rejection.reply()))];
                self.refusals.get_or_create(&labels).inc();
            }
            Event::Noted { stage, note: Note::Warning(_) } => {
                self.warnings.get_or_create(&[("stage", stage_name(*stage))]).inc();
            }
            Event::RecipientAccepted { class, .. } => {
                self.recipients_accepted.get_or_create(&[("right", right(class))]).inc();
            }
            Event::RecipientRefused { rejection, .. } => {
                let labels = [("reply", class(rejection.reply()))];
                self.recipients_refused.get_or_create(&labels).inc();
            }
            Event::HookFailed { hook, .. } => {
                self.hook_failures.get_or_create(&[("hook", hook_name(*hook))]).inc();
            }
            message => self.count_message(message, service),
        }
    }
}

fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(SECONDS_MIN, 4.0, BUCKETS))
}

#[expect(
    clippy::disallowed_methods,
    reason = "an observer is told no time, and decides nothing by it"
)]
fn now() -> Instant {
    Instant::now()
}

fn class(reply: &Reply) -> &'static str {
    let code = reply.code();
    match () {
        () if code.is_permanent() => "5xx",
        () if code.is_transient() => "4xx",
        () => "2xx",
    }
}

fn right(class: &RecipientClass) -> &'static str {
    match class {
        RecipientClass::Local => "local",
        RecipientClass::Relay { because } => match because {
            RelayReason::Network(_) => "network",
            RelayReason::Authenticated(_) => "authenticated",
            RelayReason::Certificate(_) | RelayReason::CertificateName(_) => "certificate",
            RelayReason::Domain(_) => "domain",
            RelayReason::Other(_) => "other",
        },
    }
}

fn stage_name(stage: StageKind) -> &'static str {
    match stage {
        StageKind::Client => "client",
        StageKind::Tls => "tls",
        StageKind::Hello => "helo",
        StageKind::Sender => "sender",
        StageKind::Recipient => "recipient",
        StageKind::Data => "data",
        StageKind::EndOfData => "end_of_data",
        StageKind::Etrn => "etrn",
        StageKind::Vrfy => "vrfy",
    }
}

fn hook_name(hook: HookKind) -> &'static str {
    match hook {
        HookKind::Access => "access",
        HookKind::Relay => "relay",
        HookKind::Authenticator => "authenticator",
        HookKind::Verify => "verify",
        HookKind::Etrn => "etrn",
        HookKind::Delivery => "delivery",
        HookKind::Extension => "extension",
        HookKind::Directory => "directory",
        HookKind::Recipient => "recipient",
    }
}
