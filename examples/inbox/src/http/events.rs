//! What happens, as it happens: server-sent events.
//!
//! * **In**: the store's changes. **Out**: the same text for everybody who looks on.
//! * **Promises**: receiving a message costs the same with no viewer and with a hundred: changes are written once, and
//!   together if they come fast. Who misses any is told to `reload`: a slow viewer, one that comes back, and
//!   everybody while more than [`EVENTS_MAX`] come within [`PAUSE`].
//! * **Limits**: a viewer may be [`FRAMES_MAX`] frames behind. **Panics**: never.
//! * **Spec**: WHATWG HTML 9.2 (server-sent events).

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use smtp_server::{QueueId, UnixMillis};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::broadcast::{self, Receiver};

use super::App;
use super::answer::typed;
use crate::store::{Change, Store};

const EVENTS_MAX: usize = 50;
const FRAMES_MAX: usize = 16;
/// Between two frames.
const PAUSE: Duration = Duration::from_millis(100);
/// Silence after which a comment is sent, so that nobody takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const RELOAD: &str = "event: reload\ndata: {}\n\n";

/// Where viewers get their frames. Clones are the same.
#[derive(Clone)]
pub(crate) struct Feed {
    frames: broadcast::Sender<Bytes>,
    last: Arc<AtomicU64>,
    /// Ids of an earlier run of the program mean nothing to this one.
    run: u64,
}

impl Feed {
    pub(crate) fn new(now: UnixMillis) -> Self {
        Self { frames: broadcast::channel(FRAMES_MAX).0, last: Arc::default(), run: now.0 }
    }

    /// How many look on.
    pub(crate) fn viewers(&self) -> usize {
        self.frames.receiver_count()
    }

    /// Passes on what happens in the store from this call on, as long as there is one.
    pub(crate) fn run(self, store: Arc<Store>) -> impl Future<Output = ()> + Send {
        let mut changes = store.changes();
        async move {
            loop {
                let frame = match tokio::time::timeout(KEEP_ALIVE, changes.recv()).await {
                    Err(_) => ":\n\n".to_owned(),
                    Ok(Err(RecvError::Closed)) => return,
                    Ok(first) => self.frame(first.ok(), &mut changes, &store),
                };
                // Nobody may be looking on.
                let _ = self.frames.send(frame.into());
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// One frame of all changes so far; `first` is missing if some were missed.
    fn frame(
        &self,
        first: Option<Change>,
        changes: &mut Receiver<Change>,
        store: &Store,
    ) -> String {
        let mut missed = first.is_none();
        let mut collected: Vec<Change> = first.into_iter().collect();
        // It ends, since a receiver that is slower than the senders misses changes.
        loop {
            match changes.try_recv() {
                Ok(change) if collected.len() < EVENTS_MAX => collected.push(change),
                Ok(_) | Err(TryRecvError::Lagged(_)) => {
                    missed = true;
                    *changes = changes.resubscribe();
                }
                Err(_) => break,
            }
        }
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        if self.viewers() == 0 {
            return String::new();
        }
        let mut frame = format!("id: {}\n", self.id(id));
        if missed {
            frame.push_str(RELOAD);
            return frame;
        }
        for change in &collected {
            if let Some((event, data)) = describe(change, store) {
                // Writing to a string cannot fail.
                let _ = write!(frame, "event: {event}\ndata: {data}\n\n");
            }
        }
        frame
    }

    fn id(&self, number: u64) -> String {
        format!("{:x}-{number}", self.run)
    }

    /// What a new viewer gets first.
    fn greeting(&self, headers: &HeaderMap) -> String {
        let current = self.id(self.last.load(Ordering::Relaxed));
        let known = headers.get("last-event-id").and_then(|id| id.to_str().ok());
        match known {
            Some(known) if known != current => format!("retry: 1000\nid: {current}\n{RELOAD}"),
            _ => "retry: 1000\n\n".to_owned(),
        }
    }
}

pub(super) async fn events(State(app): State<App>, headers: HeaderMap) -> Response {
    let frames = app.feed.frames.subscribe();
    let greeting = Bytes::from(app.feed.greeting(&headers));
    let stream = stream::unfold((Some(greeting), frames), |(greeting, mut frames)| async move {
        if let Some(greeting) = greeting {
            return Some((Ok::<_, Infallible>(greeting), (None, frames)));
        }
        let frame = match frames.recv().await {
            Ok(frame) => frame,
            Err(RecvError::Lagged(_)) => Bytes::from_static(RELOAD.as_bytes()),
            Err(RecvError::Closed) => return None,
        };
        Some((Ok(frame), (None, frames)))
    });
    (typed("text/event-stream"), Body::from_stream(stream)).into_response()
}

/// An event's name and data; nothing for a message that is gone already.
fn describe(change: &Change, store: &Store) -> Option<(&'static str, Value)> {
    let texts = |ids: &[QueueId]| ids.iter().map(QueueId::to_string).collect::<Vec<_>>();
    Some(match change {
        Change::Message(id) => {
            let slot = store.find(*id)?;
            ("message", serde_json::to_value(slot.summary()).ok()?)
        }
        Change::Marked(ids, read) => ("changed", json!({ "IDs": texts(ids), "Read": read })),
        Change::Tagged(ids) => ("changed", json!({ "IDs": texts(ids) })),
        Change::Deleted(ids) => ("deleted", json!({ "IDs": texts(ids) })),
        Change::Cleared => ("deleted", json!({ "All": true })),
        Change::Faults => ("faults", json!({})),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreLimits;

    #[test]
    fn more_than_anybody_looks_at_are_a_reload() {
        let limits = StoreLimits { messages_max: None, bytes_max: None, age_max: None };
        let store = Store::open(None, limits).unwrap();
        let feed = Feed::new(UnixMillis(0));
        let _viewer = feed.frames.subscribe();
        for (told, shown, reloads) in [(EVENTS_MAX, EVENTS_MAX, 0), (EVENTS_MAX + 1, 0, 1)] {
            let mut changes = store.changes();
            (0..told).for_each(|_| store.tell(Change::Faults));
            let first = changes.try_recv().ok();
            let frame = feed.frame(first, &mut changes, &store);
            let count = |name: &str| frame.matches(&format!("event: {name}\n")).count();
            assert_eq!((count("faults"), count("reload")), (shown, reloads), "{told}");
        }
    }
}
