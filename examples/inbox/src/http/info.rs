//! About the program: what it is, how it is, how to ask it.
//!
//! * **In**: requests. **Out**: mailpit's `AppInformation`, health, metrics, the description of all calls, the certificate.
//! * **Promises**: health is told to everybody; nothing here names a file of this host but the database.
//! * **Limits**: none. **Panics**: never. **Spec**: `OpenAPI` 3.1; the `OpenMetrics` text format 1.0.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::header::CONTENT_DISPOSITION;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use smtp_server::UnixMillis;

use super::App;
use super::answer::{Problem, json, ok, typed};
use super::described::OPENAPI;

/// What does not change while the program runs.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) smtp: SocketAddr,
    /// The database, if there is one.
    pub(crate) database: String,
    pub(crate) started: UnixMillis,
    /// Who vouches for the certificate that clients are shown, in PEM.
    pub(crate) root: Option<String>,
    /// Whether messages can be released.
    pub(crate) relay: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Information<'a> {
    version: &'static str,
    latest_version: &'static str,
    database: &'a str,
    database_size: u64,
    messages: usize,
    unread: usize,
    tags: BTreeMap<String, usize>,
    /// Ours: where mail is taken.
    #[serde(rename = "SMTP")]
    smtp: SocketAddr,
    /// Ours: where released messages go.
    relay: Option<&'a str>,
    /// Ours: whether clients can use TLS.
    #[serde(rename = "TLS")]
    tls: bool,
    runtime_stats: RuntimeStats,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RuntimeStats {
    uptime: u64,
    memory: u64,
    messages_deleted: u64,
    #[serde(rename = "SMTPAccepted")]
    smtp_accepted: u64,
    #[serde(rename = "SMTPAcceptedSize")]
    smtp_accepted_size: u64,
    #[serde(rename = "SMTPRejected")]
    smtp_rejected: u64,
    #[serde(rename = "SMTPIgnored")]
    smtp_ignored: u64,
}

pub(super) async fn info(State(app): State<App>) -> Response {
    let stats = app.store.stats();
    let version = concat!("inbox ", env!("CARGO_PKG_VERSION"));
    json(&Information {
        version,
        latest_version: version,
        database: &app.facts.database,
        database_size: app.store.disk_bytes().unwrap_or(stats.bytes),
        messages: stats.messages,
        unread: stats.unread,
        tags: app.store.tags(),
        smtp: app.facts.smtp,
        relay: app.facts.relay.as_deref(),
        tls: app.facts.root.is_some(),
        runtime_stats: RuntimeStats {
            uptime: UnixMillis::system().0.saturating_sub(app.facts.started.0) / 1000,
            memory: memory_bytes().unwrap_or_default(),
            messages_deleted: stats.deleted,
            smtp_accepted: stats.received,
            smtp_accepted_size: stats.received_bytes,
            smtp_rejected: app.refused.load(Ordering::Relaxed),
            smtp_ignored: 0,
        },
    })
}

pub(super) async fn live() -> Response {
    ok()
}

pub(super) async fn openapi() -> Response {
    (typed("application/json"), OPENAPI).into_response()
}

pub(super) async fn root(State(app): State<App>) -> Result<Response, Problem> {
    let root = app.facts.root.clone().ok_or(Problem::NotFound)?;
    let name = [(CONTENT_DISPOSITION, "attachment; filename=\"root.pem\"")];
    Ok((typed("application/x-pem-file"), name, root).into_response())
}

pub(super) async fn metrics(State(app): State<App>) -> Response {
    let stats = app.store.stats();
    let mut text = String::new();
    for (name, kind, help, value) in [
        ("inbox_messages", "gauge", "Messages in the inbox", stats.messages as u64),
        ("inbox_unread_messages", "gauge", "Messages that nobody read", stats.unread as u64),
        ("inbox_content_bytes", "gauge", "Octets of the messages in the inbox", stats.bytes),
        ("inbox_viewers", "gauge", "Viewers of events", app.feed.viewers() as u64),
        ("inbox_received_messages", "counter", "Messages taken since the start", stats.received),
        ("inbox_received_bytes", "counter", "Octets of the messages taken", stats.received_bytes),
        (
            "inbox_deleted_messages",
            "counter",
            "Messages deleted, by users or limits",
            stats.deleted,
        ),
    ] {
        let suffix = if kind == "counter" { "_total" } else { "" };
        // Writing to a string cannot fail.
        let _ =
            write!(text, "# HELP {name} {help}.\n# TYPE {name} {kind}\n{name}{suffix} {value}\n");
    }
    // The session's end with the mark of the end.
    text += &app.metrics.text();
    (typed("application/openmetrics-text; version=1.0.0; charset=utf-8"), text).into_response()
}

/// What the kernel says that the process holds in memory.
fn memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}
