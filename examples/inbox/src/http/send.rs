//! Sending by HTTP.
//!
//! * **In**: a message described in JSON. **Out**: the same as a message in the inbox, and its id.
//! * **Promises**: no field can bring a further field with it. **Limits**: [`SEND_BYTES_MAX`](super::SEND_BYTES_MAX).
//! * **Panics**: never. **Spec**: mailpit's API v1.

use std::net::SocketAddr;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json as value;
use smtp_server::UnixMillis;

use super::answer::{json, json_with};
use super::{App, Client, keys};
use crate::message::compose::{Draft, compose};
use crate::store::Arrival;

pub(super) async fn send(
    State(app): State<App>,
    ConnectInfo(Client(client)): ConnectInfo<Client>,
    body: Bytes,
) -> Response {
    match take(&app, client, &body).await {
        Ok(id) => json(&value!({ "ID": id })),
        Err(error) => json_with(StatusCode::BAD_REQUEST, &value!({ "Error": error })),
    }
}

async fn take(app: &App, client: SocketAddr, body: &Bytes) -> Result<String, String> {
    let draft: Draft = keys::read(body).map_err(|error| error.to_string())?;
    let at = UnixMillis::system();
    let id = app.ids.next(at);
    let (mut envelope, content) = compose(draft, id, at)?;
    envelope.client = client.to_string();
    let arrival = Arrival { id, at, envelope, transcript: None, content: content.into() };
    app.store.add(arrival).await.map_err(|error| error.to_string())?;
    app.store.announce(id);
    Ok(id.to_string())
}
