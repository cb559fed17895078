//! Metrics for Prometheus, over HTTP.
//!
//! * **In**: connections. **Out**: to `GET /metrics` what was counted, to all else 404 or 405.
//! * **Promises**: whoever asks cannot disturb mail. **Limits**: [`CONNECTIONS_MAX`] at once, [`PATIENCE`] for each.
//! * **Panics**: never. **Spec**: RFC 9110, RFC 9112; the `OpenMetrics` text format 1.0.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use smtp_queue::{Queue, QueueMetrics};
use smtp_server::Metrics;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

const CONNECTIONS_MAX: usize = 16;
const PATIENCE: Duration = Duration::from_secs(10);
const FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What there is to tell.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) server: Metrics,
    pub(crate) deliveries: QueueMetrics,
    pub(crate) queue: Queue,
}

impl Told {
    fn text(&self) -> String {
        let mut text = String::new();
        self.server.append_to(&mut text);
        text + &self.deliveries.text(self.queue.counts())
    }
}

/// Serves until the runtime ends.
pub(crate) async fn serve(listener: TcpListener, told: Told) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let told = told.clone();
                tokio::spawn(async move {
                    // One that takes longer, or fails, asks again.
                    let _ = tokio::time::timeout(PATIENCE, converse(stream, told)).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "metrics: cannot accept a connection");
                // No file is left for it, perhaps: some may be in a moment.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, told: Told) -> hyper::Result<()> {
    let answer = service_fn(move |request: Request<Incoming>| {
        let response = respond(request.method(), request.uri().path(), &told);
        async move { Ok::<_, Infallible>(response) }
    });
    hyper::server::conn::http1::Builder::new()
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answer)
        .await
}

fn respond(method: &Method, path: &str, told: &Told) -> Response<String> {
    let mut response = Response::new(String::new());
    if path != "/metrics" {
        *response.status_mut() = StatusCode::NOT_FOUND;
    } else if !matches!(*method, Method::GET | Method::HEAD) {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    } else {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(FORMAT));
        *response.body_mut() = told.text();
    }
    response
}
