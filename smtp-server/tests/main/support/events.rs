//! An observer that writes down what it is told.

use std::sync::{Arc, Mutex};

use smtp_server::{Event, Observer, SessionInfo};

/// Events as text, in order. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Events(Arc<Mutex<Vec<String>>>);

impl Events {
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// The events that begin with `start`.
    pub(crate) fn starting_with(&self, start: &str) -> Vec<String> {
        self.all().into_iter().filter(|event| event.starts_with(start)).collect()
    }
}

impl Observer for Events {
    fn on_event(&self, event: &Event<'_>, _info: &SessionInfo) {
        let text = match event {
            Event::RecipientAccepted { to, queue_id, .. } => {
                format!("RecipientAccepted {to} {}", id(*queue_id))
            }
            Event::MessageStarted { envelope } => {
                format!("MessageStarted {}", id(envelope.queue_id))
            }
            Event::FinalReplyWritten { queue_id, ok, reply, bytes } => {
                let code = reply.code().value();
                format!("FinalReplyWritten {} {ok} {code} {bytes}", id(*queue_id))
            }
            Event::HookFailed { hook, failure } => format!("HookFailed {hook:?} {failure:?}"),
            Event::Closed { reason, .. } => format!("Closed {reason:?}"),
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().push(text);
    }
}

fn id(queue_id: Option<smtp_server::QueueId>) -> String {
    queue_id.map_or_else(|| "-".to_owned(), |id| id.to_string())
}
