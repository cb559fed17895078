//! Waiting for a message.
//!
//! * **In**: a search, a time. **Out**: the newest message that matches, or the first one that comes.
//! * **Promises**: nobody polls, here or there; a message is answered with after its sender was told 250.
//! * **Limits**: [`TIMEOUT_MAX`]. **Panics**: never. **Spec**: none; 408 is RFC 9110 15.5.9.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use smtp_server::UnixMillis;
use time::UtcOffset;
use tokio::sync::broadcast::error::RecvError;

use super::App;
use super::answer::{Parameters, Problem, json, json_with};
use crate::moment;
use crate::query::Query;
use crate::store::{Change, Slot, Summary};

const TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUT_MAX: Duration = Duration::from_secs(300);
/// How many messages an answer names that has not the one that was waited for.
const OTHERS_MAX: usize = 20;

#[derive(Serialize)]
struct InVain<'a> {
    #[serde(rename = "Error")]
    error: String,
    total: usize,
    messages: Vec<Summary<'a>>,
}

pub(super) async fn wait(
    State(app): State<App>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let query = Query::parse(parameters.find("query").unwrap_or_default(), parameters.find("tz"))?;
    let timeout = match parameters.find("timeout") {
        None | Some("") => TIMEOUT,
        Some(text) => moment::parse_duration(text)
            .ok_or_else(|| Problem::Bad(format!("timeout: '{text}' is not a time such as 10s")))?,
    };
    let since = match parameters.find("since") {
        None | Some("") => UnixMillis(0),
        Some(text) => moment::parse(text, UtcOffset::UTC)
            .ok_or_else(|| Problem::Bad(format!("since: '{text}' is not a time")))?,
    };
    let timeout = timeout.min(TIMEOUT_MAX);
    match tokio::time::timeout(timeout, come(&app, query, since)).await {
        Ok(Some(slot)) => Ok(json(&slot.summary())),
        Ok(None) | Err(_) => Ok(in_vain(&app, timeout)),
    }
}

async fn come(app: &App, query: Query, since: UnixMillis) -> Option<Slot> {
    let is_wanted = move |slot: &Slot| slot.announced && slot.entry.created >= since;
    // First, so that none comes between.
    let mut changes = app.store.changes();
    let mut look = true;
    loop {
        if look {
            let wanted = query.clone();
            let newest = app.aside(move |app| app.store.newest(&wanted, is_wanted)).await;
            if newest.is_some() {
                return newest;
            }
            look = false;
        }
        match changes.recv().await {
            Ok(Change::Message(id)) => {
                let slot = app.store.find(id).filter(|slot| is_wanted(slot) && query.matches(slot));
                if slot.is_some() {
                    return slot;
                }
            }
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => look = true,
            Err(RecvError::Closed) => return None,
        }
    }
}

fn in_vain(app: &App, timeout: Duration) -> Response {
    let there = app.store.list(0, OTHERS_MAX);
    let answer = InVain {
        error: format!("no such message came within {} ms", timeout.as_millis()),
        total: there.count,
        messages: there.slots.iter().map(Slot::summary).collect(),
    };
    json_with(StatusCode::REQUEST_TIMEOUT, &answer)
}
