//! One message: in full, its octets, its parts, how it came.
//!
//! * **In**: an id, or `latest`. **Out**: mailpit's answers, and ours beside them.
//! * **Promises**: a part is a download that runs nowhere; the message's HTML is shown by the page's sanitiser alone.
//! * **Limits**: none of its own. **Panics**: never. **Spec**: mailpit's API v1; RFC 6266 (`Content-Disposition`).

use std::cell::Cell;
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use smtp_server::testing::{Speaker, Transcript, TranscriptLine};

use super::App;
use super::answer::{Parameters, Problem, json, typed};
use crate::message::detail::{self, Detail};
use crate::message::envelope::EnvelopeFacts;
use crate::message::structure;
use crate::message::{parse, text};
use crate::moment;
use crate::sanitize::{self, Options};
use crate::store::{Selection, Slot};

/// How long it may take to make a document of HTML.
const SANITIZING_MAX: Duration = Duration::from_secs(5);
/// What the pictures of a document may come to, each counted as often as it is shown.
const PICTURES_BYTES_MAX: usize = 64 << 20;
/// For HTML as it was sent: its own styles and the pictures that it carries, and nothing from or to anywhere else.
const RENDERED_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'; sandbox";
const PLAIN: &str = "text/plain; charset=utf-8";

/// How a message came, and what was said meanwhile.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<'a> {
    #[serde(flatten)]
    facts: &'a EnvelopeFacts,
    transcript: Vec<Line>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    at_millis: u64,
    from: &'static str,
    text: String,
}

/// Marks it as read, too.
pub(super) async fn detail(
    State(app): State<App>,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let slot = app.find(&id, &parameters).await?;
    let content = app.store.content(&slot.entry).await?;
    app.store.mark(&Selection::Ids(vec![slot.entry.id]), true).await?;
    let entry = slot.entry.clone();
    let created = moment::rfc3339(entry.created);
    let detail = app
        .aside(move |_| {
            Some(Detail::read(entry.id.to_string(), &content, &entry.envelope, &created))
        })
        .await;
    let mut detail = detail.ok_or(Problem::NotFound)?;
    detail.tags = slot.tags.to_vec();
    Ok(json(&detail))
}

pub(super) async fn headers(
    State(app): State<App>,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let (_, content) = content(&app, &id, &parameters).await?;
    Ok(json(&app.aside(move |_| detail::headers(&content)).await))
}

pub(super) async fn raw(
    State(app): State<App>,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let (slot, content) = content(&app, &id, &parameters).await?;
    if parameters.find("dl") == Some("1") {
        let name = format!("{}.eml", slot.entry.id);
        return Ok((typed(PLAIN), download(&name), content).into_response());
    }
    Ok((typed(PLAIN), content).into_response())
}

pub(super) async fn part(
    State(app): State<App>,
    Path((id, number)): Path<(String, String)>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let (_, content) = content(&app, &id, &parameters).await?;
    let number = number.parse().map_err(|_| Problem::NotFound)?;
    let part = app.aside(move |_| detail::part(&content, number)).await.ok_or(Problem::NotFound)?;
    let content_type = HeaderValue::from_str(&part.content_type)
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    Ok(([(CONTENT_TYPE, content_type)], download(&part.file_name), part.content).into_response())
}

pub(super) async fn envelope(
    State(app): State<App>,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let slot = app.find(&id, &parameters).await?;
    let lines = slot.entry.transcript.as_ref().map(Transcript::lines).unwrap_or_default();
    let line = |line: TranscriptLine| Line {
        at_millis: line.at_millis,
        from: match line.from {
            Speaker::Client => "client",
            Speaker::Server => "server",
            Speaker::Note => "note",
        },
        text: line.text,
    };
    let transcript = lines.into_iter().map(line).collect();
    Ok(json(&Envelope { facts: &slot.entry.envelope, transcript }))
}

pub(super) async fn structure(
    State(app): State<App>,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let (_, content) = content(&app, &id, &parameters).await?;
    let tree = app.aside(move |_| structure::structure(&content)).await;
    tree.map(|tree| json(&tree)).ok_or(Problem::NotFound)
}

/// The HTML for the page's frame: without scripts, and with pictures of other hosts only for `?images=1`.
pub(super) async fn html(
    State(app): State<App>,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let (_, content) = content(&app, &id, &parameters).await?;
    let images = parameters.find("images") == Some("1");
    let document = app.aside(move |_| document(&content, images)).await.ok_or(Problem::NotFound)?;
    let policy = HeaderValue::from_static(sanitize::policy(images));
    let headers = [(CONTENT_SECURITY_POLICY, policy)];
    Ok((typed("text/html; charset=utf-8"), headers, document).into_response())
}

#[expect(clippy::disallowed_methods, reason = "sanitizing ends by the clock")]
fn document(content: &[u8], images: bool) -> Option<String> {
    let message = parse(content);
    let html = detail::html(&message);
    if html.is_empty() {
        return None;
    }
    let room = Cell::new(PICTURES_BYTES_MAX);
    let picture_of = |id: &str| {
        let (picture, left) = detail::picture(&message, id, room.get())?;
        room.set(left);
        Some(picture)
    };
    let until = Instant::now() + SANITIZING_MAX;
    Some(sanitize::document(&html, &Options { images, picture_of: &picture_of, until }))
}

/// `/view/ID.txt` and `/view/ID.html`.
pub(super) async fn view(
    State(app): State<App>,
    Path(file): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let (id, wanted) = file.rsplit_once('.').ok_or(Problem::NotFound)?;
    if !matches!(wanted, "txt" | "html") {
        return Err(Problem::NotFound);
    }
    let (_, content) = content(&app, id, &parameters).await?;
    if wanted == "txt" {
        let text = app.aside(move |_| text(&parse(&content))).await;
        return Ok((typed(PLAIN), text).into_response());
    }
    let html = app.aside(move |_| detail::html(&parse(&content))).await;
    if html.is_empty() {
        return Err(Problem::NotFound);
    }
    // As it was sent: its styles count, and it has neither an origin nor scripts.
    let policy = HeaderValue::from_static(RENDERED_POLICY);
    let headers = [(CONTENT_SECURITY_POLICY, policy)];
    Ok((typed("text/html; charset=utf-8"), headers, html).into_response())
}

async fn content(app: &App, id: &str, parameters: &Parameters) -> Result<(Slot, Bytes), Problem> {
    let slot = app.find(id, parameters).await?;
    let content = app.store.content(&slot.entry).await?;
    Ok((slot, content))
}

/// To be saved under this name, or what is left of it.
fn download(name: &str) -> [(HeaderName, HeaderValue); 1] {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = name
        .chars()
        .take(200)
        .map(|character| match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' | ' ' => character,
            _ => '_',
        })
        .collect();
    let mut encoded = String::new();
    for octet in name
        .chars()
        .filter(|character| !character.is_control())
        .take(200)
        .collect::<String>()
        .bytes()
    {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => {
                encoded.push(char::from(octet));
            }
            _ => encoded += &format!("%{octet:02X}"),
        }
    }
    let value = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}");
    let value = HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("attachment"));
    [(CONTENT_DISPOSITION, value)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_downloads() {
        for (name, expected) in [
            ("a.pdf", "attachment; filename=\"a.pdf\"; filename*=UTF-8''a.pdf"),
            ("../../etc/passwd", "attachment; filename=\"passwd\"; filename*=UTF-8''passwd"),
            ("c:\\x\\y.txt", "attachment; filename=\"y.txt\"; filename*=UTF-8''y.txt"),
            ("a\"b\r\nc", "attachment; filename=\"a_b__c\"; filename*=UTF-8''a%22bc"),
            ("grün", "attachment; filename=\"gr_n\"; filename*=UTF-8''gr%C3%BCn"),
        ] {
            assert_eq!(download(name)[0].1, expected, "{name}");
        }
    }
}
