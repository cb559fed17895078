//! Tags.
//!
//! * **In**: requests. **Out**: mailpit's answers. **Promises**: no message is lost with its tag.
//! * **Limits**: 100 tags a message, 100 characters each. **Panics**: never. **Spec**: mailpit's API v1.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;

use super::App;
use super::answer::{Problem, json, ok, parse_ids, read_json};

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
pub(super) struct Set {
    #[serde(rename = "IDs")]
    ids: Vec<String>,
    tags: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
pub(super) struct Name {
    name: String,
}

pub(super) async fn list(State(app): State<App>) -> Response {
    json(&app.store.tags().into_keys().collect::<Vec<_>>())
}

pub(super) async fn set(State(app): State<App>, body: Bytes) -> Result<Response, Problem> {
    let Set { ids, tags } = read_json(&body)?;
    app.store.set_tags(&parse_ids(&ids), tags).await?;
    Ok(ok())
}

pub(super) async fn rename(
    State(app): State<App>,
    Path(tag): Path<String>,
    body: Bytes,
) -> Result<Response, Problem> {
    let Name { name } = read_json(&body)?;
    if name.trim().is_empty() {
        return Err(Problem::bad("Name: the new name is empty"));
    }
    answer(&tag, app.store.rename_tag(&tag, Some(&name)).await?)
}

pub(super) async fn delete(
    State(app): State<App>,
    Path(tag): Path<String>,
) -> Result<Response, Problem> {
    answer(&tag, app.store.rename_tag(&tag, None).await?)
}

fn answer(tag: &str, was_there: bool) -> Result<Response, Problem> {
    match was_there {
        true => Ok(ok()),
        false => Err(Problem::Bad(format!("no message has the tag '{tag}'"))),
    }
}
