//! Asking others by HTTP.
//!
//! * **In**: a request. **Out**: the status and the body of its answer. **Promises**: TLS believes the authorities of the
//!   system, and is not needed for an address without it.
//! * **Limits**: the caller's patience. **Panics**: never. **Spec**: RFC 9112.

use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;

/// Of an answer; what is longer is a failure.
const ANSWER_BYTES_MAX: usize = 16 << 20;

pub(crate) struct Client<C>(HyperClient<C, Full<Bytes>>);

impl Client<HttpConnector> {
    /// Without TLS.
    pub(crate) fn plain() -> Self {
        Self(HyperClient::builder(TokioExecutor::new()).build_http())
    }
}

impl Client<HttpsConnector<HttpConnector>> {
    /// With TLS where the address says so; fails if the system has no authorities.
    pub(crate) fn with_tls() -> io::Result<Self> {
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self(HyperClient::builder(TokioExecutor::new()).build(connector)))
    }
}

impl<C: Connect + Clone + Send + Sync + 'static> Client<C> {
    pub(crate) async fn ask(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), String> {
        let answer = self.0.request(request).await.map_err(|error| cause(&error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        Ok((status, body.map_err(|error| error.to_string())?.to_bytes()))
    }
}

/// The innermost reason, which is the one that says something.
fn cause(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
