//! Lists: messages, searches, marks, deletion.
//!
//! * **In**: requests. **Out**: mailpit's answers. **Promises**: a search keeps no I/O thread busy.
//! * **Limits**: [`LIST_MAX`](super::LIST_MAX) messages an answer. **Panics**: never. **Spec**: mailpit's API v1.

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::App;
use super::answer::{Parameters, Problem, json, ok, read_json, selection};
use crate::store::{Page, Selection, Summary};

/// Mailpit's `MessagesSummary`.
#[derive(Serialize)]
struct List<'a> {
    total: usize,
    unread: usize,
    count: usize,
    messages_count: usize,
    messages_unread: usize,
    start: usize,
    tags: Vec<String>,
    messages: Vec<Summary<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
pub(super) struct Marks {
    #[serde(rename = "IDs")]
    ids: Vec<String>,
    read: bool,
    search: String,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Chosen {
    #[serde(rename = "IDs")]
    ids: Vec<String>,
}

pub(super) async fn list(
    State(app): State<App>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let (start, limit) = parameters.range()?;
    let page = app.store.list(start, limit);
    Ok(answer(&app, start, &page))
}

pub(super) async fn search(
    State(app): State<App>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let (start, limit) = parameters.range()?;
    let query = parameters.query()?;
    let page = app.aside(move |app| app.store.search(&query, start, limit)).await;
    Ok(answer(&app, start, &page))
}

pub(super) async fn mark(
    State(app): State<App>,
    parameters: Parameters,
    body: Bytes,
) -> Result<Response, Problem> {
    let Marks { ids, read, search } = read_json(&body)?;
    app.store.mark(&selection(&ids, &search, parameters.find("tz"))?, read).await?;
    Ok(ok())
}

pub(super) async fn delete(State(app): State<App>, body: Bytes) -> Result<Response, Problem> {
    let Chosen { ids } = read_json(&body)?;
    app.store.delete(&selection(&ids, "", None)?).await?;
    Ok(ok())
}

pub(super) async fn delete_matching(
    State(app): State<App>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    app.store.delete(&Selection::Matching(parameters.query()?)).await?;
    Ok(ok())
}

fn answer(app: &App, start: usize, page: &Page) -> Response {
    let stats = app.store.stats();
    json(&List {
        total: stats.messages,
        unread: stats.unread,
        count: page.slots.len(),
        messages_count: page.count,
        messages_unread: page.unread,
        start,
        tags: app.store.tags().into_keys().collect(),
        messages: page.slots.iter().map(|slot| slot.summary()).collect(),
    })
}
