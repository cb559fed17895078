//! What hooks and embedders may rely on; each test would fail without its promise.

mod access_relay;
mod admission;
mod body;
mod buffers;
mod configuration;
mod directory;
#[cfg(feature = "dns")]
mod dns;
mod driving;
mod dropping;
mod end_of_data;
mod etrn;
mod explain;
mod extension;
mod facts;
mod failures;
mod final_reply;
mod forwarded;
mod greylist;
mod headers;
mod hello_checks;
mod in_flight;
mod listeners;
mod octets;
mod offers;
mod open_relay;
mod patience;
mod queue_id;
mod relay_tables;
mod relaying;
mod shutdown;
#[cfg(feature = "message-auth")]
mod signing;
mod smtputf8;
mod timeouts;
mod tls;
#[cfg(unix)]
mod unix;

use std::future::Future;
use std::time::Duration;

use smtp_server::{Server, ServiceConfig};
use tokio::io::DuplexStream;

use crate::support::setup::Setup;
use crate::support::tcp::Client;

/// Runs with the clock paused: waiting takes no time, and time passes only while all wait.
pub(crate) fn paused<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(future)
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A client of a server, connected in memory by a pipe of `octets`.
pub(crate) fn connected(setup: &Setup, octets: usize) -> (Client, tokio::task::JoinHandle<()>) {
    let (client, served) = tokio::io::duplex(octets);
    let serving = serve(setup.server(), served, setup);
    (Client::new(Box::new(client)), serving)
}

fn serve(server: Server, stream: DuplexStream, setup: &Setup) -> tokio::task::JoinHandle<()> {
    let (peer, service): (_, ServiceConfig) = (setup.peer(), setup.service_config());
    tokio::spawn(async move { server.serve_connection(stream, peer, service).await.unwrap() })
}

/// Waits until something is so; fails if it does not come about.
async fn until(condition: impl Fn() -> bool) {
    for _ in 0..60_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("what the test waits for does not come about");
}

/// The greeting, EHLO, and an envelope of one recipient.
pub(crate) async fn at_content(client: &mut Client) {
    client.reply().await;
    for command in
        ["EHLO client.test\r\n", "MAIL FROM:<a@client.test>\r\n", "RCPT TO:<kim@local.test>\r\n"]
    {
        let reply = client.ask(command).await;
        assert!(reply.starts_with("250"), "{reply}");
    }
}
