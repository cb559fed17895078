//! Answers that many calls share, and reading what requests say.
//!
//! * **In**: bodies, parameters, ids. **Out**: values, or a [`Problem`] as text. **Promises**: what cannot be read is 400
//!   with the reason, as mailpit has it. **Limits**: the body's. **Panics**: never. **Spec**: RFC 9110 15.

use axum::body::Bytes;
use axum::extract::FromRequestParts;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use smtp_server::QueueId;

use super::{App, LIST_MAX, keys};
use crate::query::{Query, QueryError};
use crate::store::{DiskError, Selection, Slot};

/// Why a request is not answered with what it asked for.
#[derive(Debug)]
pub(super) enum Problem {
    /// 400, with what is wrong.
    Bad(String),
    /// 403, with why.
    Forbidden(String),
    /// 404.
    NotFound,
    /// 500.
    Disk(DiskError),
}

impl Problem {
    pub(super) fn bad(reason: impl ToString) -> Self {
        Self::Bad(reason.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Self::Bad(text) => (StatusCode::BAD_REQUEST, text),
            Self::Forbidden(text) => (StatusCode::FORBIDDEN, text),
            Self::NotFound => (StatusCode::NOT_FOUND, "there is no such thing here".to_owned()),
            Self::Disk(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        };
        (status, text).into_response()
    }
}

impl From<DiskError> for Problem {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        Self::bad(error)
    }
}

/// The parameters behind the question mark.
#[derive(Clone, Debug, Default)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The last one of this name.
    pub(super) fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// `start` and `limit`.
    pub(super) fn range(&self) -> Result<(usize, usize), Problem> {
        let number = |name: &str, default: usize| match self.find(name) {
            None | Some("") => Ok(default),
            Some(text) => text
                .parse::<u32>()
                .map(|number| number as usize)
                .map_err(|_| Problem::Bad(format!("{name}: '{text}' is not a number"))),
        };
        Ok((number("start", 0)?, number("limit", 50)?.min(LIST_MAX)))
    }

    /// `query`, which has to say something.
    pub(super) fn query(&self) -> Result<Query, Problem> {
        let text = self.find("query").unwrap_or_default();
        if text.trim().is_empty() {
            return Err(Problem::bad("there is no search query: give ?query="));
        }
        Ok(Query::parse(text, self.find("tz"))?)
    }

    fn of(uri: &Uri) -> Result<Self, Problem> {
        let query = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri);
        query.map(|query| Self(query.0)).map_err(Problem::bad)
    }
}

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.uri)
    }
}

/// A body of JSON; none at all is the default.
pub(super) fn read_json<T: DeserializeOwned + Default>(body: &Bytes) -> Result<T, Problem> {
    if body.is_empty() {
        return Ok(T::default());
    }
    keys::read(body).map_err(Problem::bad)
}

pub(super) fn json(value: &impl Serialize) -> Response {
    json_with(StatusCode::OK, value)
}

pub(super) fn json_with(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => (status, typed("application/json"), body).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// What mailpit says to whatever has no other answer.
pub(super) fn ok() -> Response {
    (typed("text/plain; charset=utf-8"), "ok").into_response()
}

pub(super) fn typed(content_type: &'static str) -> [(HeaderName, HeaderValue); 1] {
    [(CONTENT_TYPE, HeaderValue::from_static(content_type))]
}

/// An id as the API writes it.
pub(super) fn parse_id(text: &str) -> Option<QueueId> {
    let is_id = (1..=16).contains(&text.len())
        && text.bytes().all(|octet| matches!(octet, b'0'..=b'9' | b'A'..=b'F'));
    if is_id { u64::from_str_radix(text, 16).ok().map(QueueId) } else { None }
}

/// The messages that are named and there.
pub(super) fn parse_ids(texts: &[String]) -> Vec<QueueId> {
    texts.iter().filter_map(|text| parse_id(text)).collect()
}

impl App {
    /// The message of an id, or of `latest`, among those that match `query` if it is given.
    pub(super) async fn find(&self, id: &str, parameters: &Parameters) -> Result<Slot, Problem> {
        if id != "latest" {
            return parse_id(id).and_then(|id| self.store.find(id)).ok_or(Problem::NotFound);
        }
        let latest = match parameters.find("query") {
            Some(query) if !query.trim().is_empty() => {
                let query = Query::parse(query, parameters.find("tz"))?;
                self.aside(move |app| app.store.newest(&query, |_| true)).await
            }
            _ => self.store.list(0, 1).slots.pop(),
        };
        latest.ok_or(Problem::NotFound)
    }

    /// Runs what takes a while where nobody waits for it.
    pub(super) async fn aside<T>(&self, work: impl FnOnce(&Self) -> T + Send + 'static) -> T
    where
        T: Default + Send + 'static,
    {
        let app = self.clone();
        // It ends with the program alone, when nobody reads the answer.
        tokio::task::spawn_blocking(move || work(&app)).await.unwrap_or_default()
    }
}

/// The messages of these ids, or of this search (times in it are in `zone`), or all.
pub(super) fn selection(
    ids: &[String],
    search: &str,
    zone: Option<&str>,
) -> Result<Selection, Problem> {
    match (ids.is_empty(), search.trim().is_empty()) {
        (true, true) => Ok(Selection::All),
        (false, true) => Ok(Selection::Ids(parse_ids(ids))),
        (true, false) => Ok(Selection::Matching(Query::parse(search, zone)?)),
        (false, false) => Err(Problem::bad("give IDs or a search, not both")),
    }
}
