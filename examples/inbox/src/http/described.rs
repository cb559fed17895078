//! The parameters that a call has: those that `openapi.json` describes.
//!
//! * **In**: requests. **Out**: the same, or 400. **Promises**: no parameter is ignored: a misspelt `query` would find
//!   everything, or delete it. What mailpit's clients send and nothing here needs is described as such.
//! * **Limits**: the description's paths. **Panics**: never. **Spec**: `OpenAPI` 3.1, parameters in the query.

use std::sync::LazyLock;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use serde_json::Value;

use super::answer::{Parameters, Problem};

pub(super) const OPENAPI: &str = include_str!("openapi.json");

static DESCRIPTION: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(OPENAPI).unwrap_or_default());

/// Lets through what the call of this path and the request's method has.
pub(super) async fn check(
    State(path): State<&'static str>,
    parameters: Parameters,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let known = known(path, request.method());
    match parameters.names().find(|name| !known.contains(name)) {
        None => Ok(next.run(request).await),
        Some(unknown) if known.is_empty() => {
            Err(Problem::Bad(format!("{unknown}: this call has no parameters")))
        }
        Some(unknown) => {
            Err(Problem::Bad(format!("{unknown}: this call has only {}", known.join(", "))))
        }
    }
}

fn known(path: &str, method: &Method) -> Vec<&'static str> {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let method = method.as_str().to_ascii_lowercase();
    let parameters = DESCRIPTION["paths"][path][method]["parameters"].as_array();
    let parameters = parameters.map(Vec::as_slice).unwrap_or_default().iter();
    let in_query = parameters.filter(|parameter| parameter["in"] == "query");
    in_query.filter_map(|parameter| parameter["name"].as_str()).collect()
}
