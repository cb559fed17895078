//! Events as `tracing` records.
//!
//! * **In**: [`Event`]s. **Out**: one record each, with the client and the queue id as fields.
//! * **Promises**: what a client sent, or a hook said, is written as quoted text, so it cannot forge a line; no
//!   password is in any event. **Limits**: none. **Panics**: never. **Spec**: none.

use smtp_proto::Reply;

use crate::envelope::QueueId;
use crate::hooks::{Event, Observer};
use crate::info::SessionInfo;
use crate::verdict::Note;

/// Writes each event to `tracing`, under the target `smtp`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingObserver;

impl Observer for TracingObserver {
    fn on_event(&self, event: &Event<'_>, info: &SessionInfo) {
        let client = info.peer.ip().map_or_else(|| "unknown".to_owned(), |ip| ip.to_string());
        let service = info.service.as_str();
        match event {
            Event::Connected => tracing::info!(target: "smtp", service, client, "connect"),
            Event::ClientReplaced { former } => {
                let former = former.ip().map(tracing::field::display);
                tracing::info!(target: "smtp", service, client, former, "XCLIENT");
            }
            Event::ConnectionRefused { reply } => {
                tracing::warn!(target: "smtp", service, client, reply = text(reply), "refused");
            }
            Event::EarlyTalk { bytes } => {
                tracing::info!(target: "smtp", service, client, bytes, "talked before the greeting");
            }
            Event::TlsStarted => {
                let tls = info.tls.as_ref();
                let protocol = tls.map_or("", |tls| tls.protocol.as_ref());
                let cipher = tls.map_or("", |tls| tls.cipher.as_ref());
                tracing::info!(target: "smtp", service, client, protocol, cipher, "TLS");
            }
            Event::TlsFailed { error } => {
                tracing::warn!(target: "smtp", service, client, ?error, "TLS handshake failed");
            }
            Event::Authenticated { identity, mechanism } => {
                let login = identity.authcid.as_str();
                tracing::info!(target: "smtp", service, client, ?login, mechanism, "authenticated");
            }
            Event::AuthenticationFailed { authcid, mechanism } => {
                tracing::warn!(target: "smtp", service, client, login = ?authcid, mechanism, "authentication failed");
            }
            Event::AuthenticationRefused { authcid, mechanism, refusal } => {
                tracing::warn!(target: "smtp", service, client, login = ?authcid, mechanism, ?refusal, "authentication refused");
            }
            Event::CredentialsUnavailable { error } => {
                let error = error.to_string();
                tracing::error!(target: "smtp", service, client, ?error, "no credentials");
            }
            Event::Closed { reason, lasted, .. } => {
                tracing::info!(target: "smtp", service, client, ?reason, ?lasted, "disconnect");
            }
            message => message_event(message, service, &client, info),
        }
    }
}

fn message_event(event: &Event<'_>, service: &str, client: &str, info: &SessionInfo) {
    let host = info.client_name().map(tracing::field::display);
    match event {
        Event::Refused { stage, rejection, .. } => {
            let (reply, detail) = (text(rejection.reply()), rejection.detail());
            tracing::info!(target: "smtp", service, client, host, ?stage, reply, detail, "refused");
        }
        Event::Noted { stage, note: Note::Info(note) } => {
            tracing::info!(target: "smtp", service, client, ?stage, ?note, "access");
        }
        Event::Noted { stage, note: Note::Warning(note) } => {
            tracing::warn!(target: "smtp", service, client, ?stage, ?note, "access");
        }
        Event::RecipientRefused { to, rejection, .. } => {
            let (to, reply, detail) = (to.to_string(), text(rejection.reply()), rejection.detail());
            tracing::info!(target: "smtp", service, client, host, ?to, reply, detail, "recipient refused");
        }
        Event::RecipientAccepted { to, class, queue_id } => {
            let (id, to) = (id(*queue_id), to.to_string());
            tracing::debug!(target: "smtp", service, client, id, ?to, ?class, "recipient");
        }
        Event::MessageStarted { envelope } => {
            let (id, from) = (id(envelope.queue_id), envelope.reverse_path.to_string());
            let recipients = envelope.recipients.len();
            let forwarded = envelope.forwarded.as_ref().map(tracing::field::debug);
            tracing::info!(target: "smtp", service, client, host, id, ?from, recipients, forwarded, "message");
        }
        Event::MessageRefused { queue_id, rejection } => {
            let (reply, detail) = (text(rejection.reply()), rejection.detail());
            tracing::warn!(target: "smtp", service, client, id = id(*queue_id), reply, detail, "message refused");
        }
        Event::FinalReplyWritten { queue_id, ok, reply, bytes } => {
            let reply = text(reply);
            tracing::info!(target: "smtp", service, client, id = id(*queue_id), ok, bytes, reply, "replied");
        }
        Event::HookFailed { hook, failure } => {
            tracing::error!(target: "smtp", service, client, ?hook, ?failure, "hook failed");
        }
        _ => {}
    }
}

fn text(reply: &Reply) -> String {
    reply.to_string()
}

fn id(queue_id: Option<QueueId>) -> String {
    queue_id.map_or_else(|| "NOQUEUE".to_owned(), |id| id.to_string())
}
