//! `inbox wait`: a test's way to wait from a shell, or from any language that can run a program.
//!
//! * **In**: a search, where the inbox is, how long. **Out**: the message as a line, or as JSON.
//! * **Promises**: nothing is polled. **Limits**: one wait is asked for again as often as the server's limit needs.
//! * **Panics**: never. **Spec**: `/api/v1/wait`.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::AUTHORIZATION;
use hyper::{Request, StatusCode};
use serde_json::Value;

use crate::client::Client;
use crate::failure::Failure;
use crate::http::Secret;
use crate::options::Wanted;

/// What a server waits at most.
const ROUND_MAX: Duration = Duration::from_secs(300);
/// For connecting, and for an answer that is under way.
const GRACE: Duration = Duration::from_secs(30);

/// The text to print.
pub(crate) async fn wait(wanted: &Wanted) -> Result<String, Failure> {
    let client = Client::plain();
    let mut left = wanted.timeout;
    // It ends: a round that is not the last one takes ROUND_MAX off.
    loop {
        let round = left.min(ROUND_MAX);
        let asked = client.ask(request(wanted, round)?);
        let unavailable = |reason: &str| {
            Failure::unavailable(format!(
                "the inbox at {} does not answer: {reason} (--http)",
                wanted.http
            ))
        };
        let answer = tokio::time::timeout(round + GRACE, asked)
            .await
            .map_err(|_| unavailable("time is over"))?;
        let (status, body) = answer.map_err(|error| unavailable(&error))?;
        match status {
            StatusCode::OK => return Ok(print(&body, wanted.json)),
            StatusCode::REQUEST_TIMEOUT if round < left => left -= round,
            StatusCode::REQUEST_TIMEOUT => return Err(Failure::in_vain(in_vain(&body))),
            StatusCode::BAD_REQUEST => {
                return Err(Failure::usage(String::from_utf8_lossy(&body).into_owned()));
            }
            _ => return Err(unavailable(&format!("{status}: {}", String::from_utf8_lossy(&body)))),
        }
    }
}

fn request(wanted: &Wanted, round: Duration) -> Result<Request<Full<Bytes>>, Failure> {
    let query = encoded(&wanted.query);
    let uri =
        format!("http://{}/api/v1/wait?timeout={}ms&query={query}", wanted.http, round.as_millis());
    let mut request = Request::get(uri);
    request = match &wanted.secret {
        None => request,
        Some(Secret::Token(token)) => request.header(AUTHORIZATION, format!("Bearer {token}")),
        Some(Secret::Password(password)) => request.header(
            AUTHORIZATION,
            format!("Basic {}", STANDARD.encode(format!("inbox:{password}"))),
        ),
    };
    request.body(Full::default()).map_err(|error| Failure::usage(error.to_string()))
}

fn print(body: &[u8], json: bool) -> String {
    let text = String::from_utf8_lossy(body);
    if json {
        return format!("{text}\n");
    }
    line(&serde_json::from_str(&text).unwrap_or_default())
}

/// What there is in place of what was waited for.
fn in_vain(body: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = answer["Error"].as_str().unwrap_or_default();
    let there = answer["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let lines = there.iter().map(|message| line(message).trim_end().to_owned()).collect::<Vec<_>>();
    match lines.as_slice() {
        [] => format!("{error}; the inbox is empty"),
        lines => format!("{error}; of {} there: {}", answer["total"], lines.join(" | ")),
    }
}

/// `ID FROM SUBJECT`.
fn line(message: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().replace(char::is_control, "?");
    format!(
        "{} {} {}\n",
        text(&message["ID"]),
        text(&message["From"]["Address"]),
        text(&message["Subject"])
    )
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|octet| match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                char::from(octet).to_string()
            }
            _ => format!("%{octet:02X}"),
        })
        .collect()
}
