//! The log as one JSON object a line.
//!
//! * **In**: events of sessions and of the queue. **Out**: lines of JSON, with the time and the event's name.
//! * **Promises**: one event is one line; times are in milliseconds, delays in milliseconds, addresses as they were
//!   written. **Limits**: what the session and the reply limit. **Panics**: never. **Spec**: RFC 8259.

use std::fmt;

use serde_json::{Map, Value, json};
use smtp_proto::{ForwardPath, ReversePath};
use smtp_server::{Event, Observer, QueueId, SessionInfo, UnixMillis};

use super::{QueueEvent, QueueObserver};
use crate::entry::QueueEntry;
use crate::status::Status;

/// Writes events as JSON; observes servers and queues alike.
///
/// ```
/// use smtp_queue::events::JsonLog;
/// use smtp_server::UnixMillis;
///
/// let log = JsonLog::new(UnixMillis::system, |line: &str| eprintln!("{line}"));
/// ```
#[derive(Clone)]
pub struct JsonLog<C, F> {
    clock: C,
    sink: F,
}

impl<C, F> JsonLog<C, F>
where
    C: Fn() -> UnixMillis + Send + Sync + 'static,
    F: Fn(&str) + Send + Sync + 'static,
{
    /// Gives each line to `sink`, which must not block, with the time of `clock`.
    pub fn new(clock: C, sink: F) -> Self {
        Self { clock, sink }
    }

    fn write(&self, event: &str, fields: Value) {
        let mut line = Map::new();
        line.insert("unix_millis".to_owned(), (self.clock)().0.into());
        line.insert("event".to_owned(), event.into());
        if let Value::Object(fields) = fields {
            line.extend(fields.into_iter().filter(|(_, value)| !value.is_null()));
        }
        (self.sink)(&Value::Object(line).to_string());
    }
}

impl<C, F> fmt::Debug for JsonLog<C, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JsonLog")
    }
}

impl<C, F> QueueObserver for JsonLog<C, F>
where
    C: Fn() -> UnixMillis + Send + Sync + 'static,
    F: Fn(&str) + Send + Sync + 'static,
{
    fn on_queue_event(&self, event: &QueueEvent<'_>) {
        match event {
            QueueEvent::Accepted { entry, message_id } => {
                let mut fields = message(entry);
                fields["message_id"] = (*message_id).into();
                self.write("accepted", fields);
            }
            QueueEvent::Active { entry } => self.write("active", message(entry)),
            QueueEvent::Attempted { entry, next_hop, report, before_active, in_active } => {
                let index = usize::try_from(report.recipient).ok();
                let recipient = index.and_then(|index| entry.recipients.get(index));
                let delays = [*before_active, *in_active, report.set_up, report.transmission];
                let mut fields = json!({
                    "queue_id": entry.id.to_string(),
                    "sender": sender(&entry.reverse_path),
                    "recipient": recipient.map(|recipient| recipient.address()),
                    "outcome": report.outcome.as_str(),
                    "transport": &*next_hop.transport,
                    "site": &*next_hop.site,
                    "connection_uses": report.connection_uses,
                    "delays_millis":
                        delays.map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)),
                });
                add_status(&mut fields, report.outcome.status());
                self.write("attempted", fields);
            }
            QueueEvent::Expired { entry } => self.write("expired", message(entry)),
            QueueEvent::Reported { entry, report, action } => {
                let fields = json!({
                    "queue_id": entry.id.to_string(),
                    "sender": sender(&entry.reverse_path),
                    "report": report.to_string(),
                    "action": action.as_str(),
                });
                self.write("reported", fields);
            }
            QueueEvent::Held { id: message, reason } => {
                self.write("held", json!({ "queue_id": id(Some(*message)), "reason": reason }));
            }
            QueueEvent::Released { id: message } => {
                self.write("released", json!({ "queue_id": id(Some(*message)) }));
            }
            QueueEvent::Removed { id: message } => {
                self.write("removed", json!({ "queue_id": id(Some(*message)) }));
            }
            QueueEvent::Deleted { id: message } => {
                self.write("deleted", json!({ "queue_id": id(Some(*message)) }));
            }
        }
    }
}

impl<C, F> Observer for JsonLog<C, F>
where
    C: Fn() -> UnixMillis + Send + Sync + 'static,
    F: Fn(&str) + Send + Sync + 'static,
{
    fn on_event(&self, event: &Event<'_>, info: &SessionInfo) {
        let Some((name, mut fields)) = session_event(event) else { return };
        fields["client"] = info.peer.ip().map(|ip| ip.to_string()).into();
        fields["client_name"] = info.client_name().map(|name| name.as_str()).into();
        fields["hello"] = info.hello.as_ref().map(|hello| hello.name.as_str()).into();
        fields["login"] = match (&info.identity, fields.get("login")) {
            (Some(identity), None) => identity.authcid.as_str().into(),
            (_, login) => login.cloned().unwrap_or_default(),
        };
        fields["service"] = info.service.as_str().into();
        self.write(name, fields);
    }
}

/// The event's name and what it alone knows.
fn session_event(event: &Event<'_>) -> Option<(&'static str, Value)> {
    Some(match event {
        Event::Connected => ("connected", json!({})),
        Event::ConnectionRefused { reply } => {
            ("connection_refused", json!({ "reply": reply.to_string() }))
        }
        Event::Authenticated { mechanism, .. } => {
            ("authenticated", json!({ "mechanism": mechanism }))
        }
        Event::AuthenticationFailed { authcid, mechanism } => {
            ("authentication_failed", json!({ "login": authcid, "mechanism": mechanism }))
        }
        Event::Refused { at_recipient: true, .. } => return None,
        Event::Refused { stage, rejection, envelope, .. } => {
            let sender = envelope.map(|envelope| sender(&envelope.reverse_path));
            let stage = format!("{stage:?}");
            let reply = rejection.reply().to_string();
            let detail = rejection.detail();
            let fields =
                json!({ "stage": stage, "sender": sender, "reply": reply, "detail": detail });
            ("refused", fields)
        }
        Event::RecipientRefused { to, rejection, envelope } => {
            let fields = json!({
                "stage": "Recipient",
                "queue_id": id(envelope.queue_id),
                "sender": sender(&envelope.reverse_path),
                "recipient": address(to),
                "reply": rejection.reply().to_string(),
                "detail": rejection.detail(),
            });
            ("refused", fields)
        }
        Event::MessageStarted { envelope } => {
            let fields = json!({
                "queue_id": id(envelope.queue_id),
                "sender": sender(&envelope.reverse_path),
                "recipients": envelope.recipients.len(),
            });
            ("message", fields)
        }
        Event::MessageRefused { queue_id, rejection } => {
            let reply = rejection.reply().to_string();
            let fields =
                json!({ "queue_id": id(*queue_id), "reply": reply, "detail": rejection.detail() });
            ("message_refused", fields)
        }
        Event::FinalReplyWritten { queue_id, ok, reply, bytes } => {
            let reply = reply.to_string();
            let fields =
                json!({ "queue_id": id(*queue_id), "ok": ok, "reply": reply, "bytes": bytes });
            ("replied", fields)
        }
        Event::Closed { reason, lasted, commands } => {
            let commands = commands.iter().map(|(verb, count)| {
                let name = verb.map_or("UNKNOWN", |verb| verb.as_str()).to_ascii_lowercase();
                (name, json!([count.accepted, count.total]))
            });
            let fields = json!({
                "reason": format!("{reason:?}"),
                "lasted_millis": u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX),
                "commands": Value::Object(commands.collect()),
            });
            ("closed", fields)
        }
        _ => return None,
    })
}

fn message(entry: &QueueEntry) -> Value {
    json!({
        "queue_id": entry.id.to_string(),
        "sender": sender(&entry.reverse_path),
        "bytes": entry.content_bytes,
        "recipients": entry.recipients.len(),
    })
}

fn add_status(fields: &mut Value, status: &Status) {
    fields["dsn"] = status.code.to_string().into();
    fields["reason"] = status.text.as_str().into();
    fields["remote"] = status.remote.as_ref().map(ToString::to_string).into();
}

fn sender(path: &ReversePath<'_>) -> String {
    path.mailbox().map(ToString::to_string).unwrap_or_default()
}

fn address(path: &ForwardPath<'_>) -> String {
    path.mailbox().map_or_else(|| "postmaster".to_owned(), ToString::to_string)
}

fn id(id: Option<QueueId>) -> Option<String> {
    id.map(|id| id.to_string())
}
