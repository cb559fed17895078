//! A relay: takes mail from this host, keeps it in `./relay-spool`, and sends it to the mail exchangers of its domains.
//!
//! `cargo run --release --example relay [ADDR]`, 127.0.0.1:2525 unless said otherwise. What happens is logged as Postfix does;
//! Control-C ends it, and what waits is sent after the next start.

use std::error::Error;
use std::time::Duration;

use smtp_queue::Queue;
use smtp_queue::events::{LogLine, PostfixLog};
use smtp_queue::route::DnsRouter;
use smtp_queue::transport::smtp::SmtpTransport;
use smtp_server::dns::Dns;
use smtp_server::relay::Networks;
use smtp_server::{Server, ServiceConfig};
use tokio::net::TcpListener;
use tokio::sync::watch;

const NAME: &str = "relay.example.org";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:2525".to_owned());
    let log = PostfixLog::new(|line: &LogLine<'_>| {
        eprintln!("{}", line.tagged("relay", std::process::id()));
    });
    let queue = Queue::builder(NAME)?
        .router(DnsRouter::new(Dns::from_system()?, NAME).own_address(address.parse()?))
        .transport("smtp", SmtpTransport::new(NAME)?)
        .observer(log.clone())
        .open_directory("relay-spool", |damage| eprintln!("{damage:?}"))?;

    let mut server = Server::builder(NAME)
        .relay_policy(Networks::new(["127.0.0.0/8"])?)
        .delivery(queue.clone())
        .queue_ids(queue.ids())
        .observer(log)
        .build()?;
    server.listen(TcpListener::bind(&address).await?, ServiceConfig::smtp())?;

    let (end, ended) = watch::channel(false);
    let asked = |mut ended: watch::Receiver<bool>| async move {
        // An error means that nobody can ask any more.
        let _ = ended.wait_for(|ended| *ended).await;
    };
    let deliveries = tokio::spawn({
        let asked = asked(ended.clone());
        async move { queue.run(asked, Duration::from_secs(10)).await }
    });
    tokio::spawn(async move { tokio::signal::ctrl_c().await.map(|()| end.send(true)) });
    server.run(asked(ended)).await?;
    deliveries.await?;
    Ok(())
}
