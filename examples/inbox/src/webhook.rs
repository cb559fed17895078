//! Telling a program of each message.
//!
//! * **In**: messages as they are announced. **Out**: `POST` of each one's summary, in the order in which they come.
//! * **Promises**: receiving never waits for it. What fails is said, and not tried again.
//! * **Limits**: [`PATIENCE`] for each; beyond the store's backlog messages are left out, and that is said.
//! * **Panics**: never. **Spec**: mailpit's webhook: the body is a `MessageSummary`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, USER_AGENT};
use hyper::{Method, Request, Uri};
use hyper_util::client::legacy::connect::Connect;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::client::Client;
use crate::failure::say;
use crate::store::{Change, Slot, Store};

const PATIENCE: Duration = Duration::from_secs(10);

/// Of messages from this call on, until the store is gone.
pub(crate) fn run<C>(
    store: Arc<Store>,
    url: Uri,
    client: Client<C>,
) -> impl Future<Output = ()> + Send
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let changes = store.changes();
    async move { tell(changes, &store, &url, &client).await }
}

async fn tell<C>(mut changes: Receiver<Change>, store: &Store, url: &Uri, client: &Client<C>)
where
    C: Connect + Clone + Send + Sync + 'static,
{
    loop {
        match changes.recv().await {
            Ok(Change::Message(id)) => {
                let Some(slot) = store.find(id) else { continue };
                if let Err(error) = post(client, url, &slot).await {
                    say(&format!("webhook: {id}: {error}"));
                }
            }
            Ok(_) => {}
            Err(RecvError::Lagged(missed)) => {
                say(&format!("webhook: too slow, left out {missed} changes"));
            }
            Err(RecvError::Closed) => return,
        }
    }
}

async fn post<C>(client: &Client<C>, url: &Uri, slot: &Slot) -> Result<(), String>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let body = serde_json::to_vec(&slot.summary()).map_err(|error| error.to_string())?;
    let request = Request::builder()
        .method(Method::POST)
        .uri(url.clone())
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("inbox/", env!("CARGO_PKG_VERSION")))
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| error.to_string())?;
    match tokio::time::timeout(PATIENCE, client.ask(request)).await {
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        Ok(Err(error)) => Err(error),
        Ok(Ok((status, _))) if !status.is_success() => Err(format!("answered {status}")),
        Ok(Ok(_)) => Ok(()),
    }
}
