//! The inbox over HTTP.
//!
//! * **In**: requests. **Out**: mailpit's API v1, our own calls beside it, events, the page.
//! * **Promises**: whoever looks on slows nobody down who sends; what a message contains never runs in the page's origin.
//!   What may ask at all, [`guard`] says.
//! * **Limits**: [`BODY_BYTES_MAX`] a request, [`SEND_BYTES_MAX`] one that sends; [`LIST_MAX`] messages a page.
//! * **Panics**: never. **Spec**: RFC 9110; mailpit's API v1.

mod answer;
mod connections;
mod described;
mod events;
mod faults;
mod guard;
mod info;
mod keys;
mod message;
mod messages;
mod release;
mod send;
mod tags;
mod wait;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, any, delete, get, post, put};
use smtp_server::{IdSource, Metrics};

use crate::page;
use crate::store::Store;
use answer::Problem;
pub(crate) use connections::{Client, Connections};
pub(crate) use events::Feed;
pub(crate) use faults::Rules;
pub(crate) use guard::{Access, Secret};
pub(crate) use info::Facts;
pub(crate) use release::{Relay, Release};

const BODY_BYTES_MAX: usize = 1 << 20;
const SEND_BYTES_MAX: usize = 64 << 20;
const LIST_MAX: usize = 1000;

/// What requests are answered from.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) store: Arc<Store>,
    /// Messages that are sent by HTTP get their ids here, too.
    pub(crate) ids: Arc<IdSource>,
    pub(crate) feed: Feed,
    pub(crate) access: Access,
    pub(crate) release: Option<Release>,
    pub(crate) facts: Facts,
    pub(crate) rules: Rules,
    pub(crate) metrics: Metrics,
    /// Messages that were answered with an error, or whose sender did not wait for the answer.
    pub(crate) refused: Arc<AtomicU64>,
}

impl App {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// All there is.
pub(crate) fn router(app: App) -> Router {
    let mut router = Router::new().merge(page::router());
    for (path, methods) in routes() {
        let checked = methods.route_layer(from_fn_with_state(path, described::check));
        router = router.route(path, checked);
    }
    router
        .route("/api/{*path}", any(no_such_path))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}

/// What `openapi.json` describes, and no more: [`described`] looks there for what each has.
fn routes() -> Vec<(&'static str, MethodRouter<App>)> {
    let send = post(send::send).layer(DefaultBodyLimit::max(SEND_BYTES_MAX));
    vec![
        ("/api/v1/messages", get(messages::list).put(messages::mark).delete(messages::delete)),
        ("/api/v1/search", get(messages::search).delete(messages::delete_matching)),
        ("/api/v1/message/{id}", get(message::detail)),
        ("/api/v1/message/{id}/headers", get(message::headers)),
        ("/api/v1/message/{id}/raw", get(message::raw)),
        ("/api/v1/message/{id}/part/{part}", get(message::part)),
        ("/api/v1/message/{id}/envelope", get(message::envelope)),
        ("/api/v1/message/{id}/structure", get(message::structure)),
        ("/api/v1/message/{id}/html", get(message::html)),
        ("/api/v1/message/{id}/release", post(release::release)),
        ("/view/{file}", get(message::view)),
        ("/api/v1/send", send),
        ("/api/v1/tags", get(tags::list).put(tags::set)),
        ("/api/v1/tags/{tag}", put(tags::rename).delete(tags::delete)),
        ("/api/v1/faults", get(faults::list).post(faults::add).delete(faults::clear)),
        ("/api/v1/faults/{id}", delete(faults::remove)),
        ("/api/v1/chaos", get(faults::chaos).put(faults::set_chaos)),
        ("/api/v1/events", get(events::events)),
        ("/api/v1/wait", get(wait::wait)),
        ("/api/v1/info", get(info::info)),
        ("/api/v1/openapi.json", get(info::openapi)),
        ("/api/v1/root.pem", get(info::root)),
        ("/metrics", get(info::metrics)),
        ("/livez", get(info::live)),
        ("/readyz", get(info::live)),
    ]
}

async fn no_such_path() -> Problem {
    Problem::NotFound
}
