//! The program's main job: from options to a running inbox, and to its end.
//!
//! * **In**: [`Options`]. **Out**: received mail, served over HTTP.
//! * **Promises**: the order is database, certificate, sockets, announcement, so that a script that reads `ready` can
//!   connect to both. At the end messages in flight may finish; a second signal cuts that short.
//! * **Limits**: those of the options. **Panics**: never. **Spec**: RFC 5321 3.8.

use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use hyper::http::uri::Scheme;
use smtp_server::testing::{Faults, Transcripts};
use smtp_server::{ConfigError, IdSource, Metrics, Server, ServiceConfig, UnixMillis};
use tokio::net::TcpListener;

use crate::client::Client;
use crate::failure::{Failure, say};
use crate::http::{self, Access, App, Connections, Facts, Feed, Parts, Release, Rules};
use crate::options::Options;
use crate::receive::{self, Acknowledgements, Everybody, Intake};
use crate::signals::Signals;
use crate::store::Store;
use crate::{tls, webhook};

/// How often what is too old is looked for.
const TIDY_PERIOD: Duration = Duration::from_secs(10);

/// Serves until a signal comes.
pub(crate) async fn serve(options: Options) -> Result<(), Failure> {
    let signals = Signals::install()
        .map_err(|error| Failure::temporary(format!("cannot wait for signals: {error}")))?;
    let started = UnixMillis::system();
    let store = Arc::new(Store::open(options.data.as_deref(), options.limits)?);
    tidy(&store).await;
    let certificate = if options.tls { Some(tls::make()?) } else { None };
    let (smtp, smtp_address) = bind(options.smtp, "smtp").await?;
    let (web, web_address) = bind(options.http, "http").await?;
    if let Some(url) = options.webhook.clone() {
        start_webhook(url, store.clone())?;
    }
    let faults = Faults::by_address();
    for rule in options.faults {
        faults.add(rule);
    }
    let ids = Arc::new(store.last_id().map_or_else(IdSource::default, IdSource::after));
    let (metrics, refused) = (Metrics::default(), Arc::default());
    let acknowledgements = Acknowledgements { store: store.clone(), refused: Arc::clone(&refused) };
    let server = Server::builder("inbox.localhost")
        .relay_policy(Everybody)
        .delivery(Intake(store.clone()))
        .authenticator(receive::authenticator())
        .auth_in_clear(true)
        .limits(receive::limits())
        .queue_ids(ids.clone())
        .observer(acknowledgements)
        .observer(metrics.clone())
        .transcripts(Transcripts::default())
        .faults(faults.clone());
    let (server, root) = match certificate {
        Some((config, root)) => (server.tls(config), Some(root)),
        None => (server, None),
    };
    let mut server = server.build().map_err(|error| from_config(&error))?;
    server.listen(smtp, ServiceConfig::smtp()).map_err(|error| from_config(&error))?;
    let release =
        options.relay.clone().map(|relay| Release::new(relay, options.relay_allow.clone()));
    let app = App::new(Parts {
        store: store.clone(),
        ids,
        feed: Feed::new(started),
        access: Access { bound: web_address, hosts: options.hosts, secret: options.secret },
        release: release.transpose().map_err(Failure::usage)?,
        facts: Facts {
            smtp: smtp_address,
            database: options.data.map(|data| data.display().to_string()).unwrap_or_default(),
            started,
            root,
            relay: options.relay.map(|relay| format!("{}:{}", relay.host, relay.port)),
        },
        rules: Rules::new(faults),
        metrics,
        refused,
    });
    tokio::spawn(app.feed.clone().run(store.clone()));
    tokio::spawn(keep_tidy(store));
    announce(smtp_address, web_address);
    let pages = http::router(app).into_make_service_with_connect_info::<http::Client>();
    tokio::spawn(async move { axum::serve(Connections::new(web), pages).await });
    tokio::select! {
        report = server.run(signals.clone().wait_for(1)) => match report {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::configuration(format!("cannot serve: {error}"))),
        },
        () = signals.wait_for(2) => Ok(()),
    }
}

async fn bind(address: SocketAddr, name: &str) -> Result<(TcpListener, SocketAddr), Failure> {
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    bound.await.map_err(|error: io::Error| {
        let advice = match error.kind() {
            ErrorKind::AddrInUse => {
                "another program has this port: stop it, or choose another port"
            }
            ErrorKind::PermissionDenied => "this port is not permitted: choose one above 1023",
            ErrorKind::AddrNotAvailable => {
                "this host does not have this address: choose one that it has"
            }
            _ => &error.to_string(),
        };
        Failure::unavailable(format!("cannot listen on {address}: {advice} (--{name})"))
    })
}

fn announce(smtp: SocketAddr, web: SocketAddr) {
    let text = format!("listening smtp {smtp}\nlistening http {web}\nready\n");
    let mut stdout = io::stdout().lock();
    if let Err(error) = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        say(&format!("cannot write to standard output: {error}"));
    }
}

/// Deletes what is beyond the limits; the program before may have allowed more, or have been killed.
async fn tidy(store: &Store) {
    if let Err(error) = store.tidy(UnixMillis::system()).await {
        say(&format!("cannot delete old messages: {error}"));
    }
}

async fn keep_tidy(store: Arc<Store>) {
    loop {
        tokio::time::sleep(TIDY_PERIOD).await;
        tidy(&store).await;
    }
}

/// TLS is only needed where the address says so: not every host has authorities to believe.
fn start_webhook(url: Uri, store: Arc<Store>) -> Result<(), Failure> {
    if url.scheme() == Some(&Scheme::HTTPS) {
        let client = Client::with_tls()
            .map_err(|error| Failure::configuration(format!("--webhook: no TLS: {error}")))?;
        tokio::spawn(webhook::run(store, url, client));
    } else {
        tokio::spawn(webhook::run(store, url, Client::plain()));
    }
    Ok(())
}

fn from_config(error: &ConfigError) -> Failure {
    Failure::configuration(error.to_string())
}
