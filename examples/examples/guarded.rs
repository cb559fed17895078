//! Takes mail for one domain from hosts that have a name, are on no list, come back, and are not in a hurry.
//!
//! `cargo run --example guarded -- 127.0.0.1:2525 bl.example`

use std::error::Error;
use std::time::Duration;

use smtp_server::access::{
    AccessMaps, ConfirmedHost, Dnsbl, Greylist, HelloChecks, MailDomains, MemoryGreylist, Rate,
    Rates,
};
use smtp_server::delivery::Discard;
use smtp_server::dns::Dns;
use smtp_server::relay::{LocalDomains, Networks};
use smtp_server::{Server, ServiceConfig};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address =
        arguments.next().ok_or("usage: guarded ADDR LIST.., for example 127.0.0.1:2525")?;
    let inside = Networks::new(["127.0.0.0/8", "::1"])?;
    let dns = Dns::from_system()?;
    let rates = Rates::default().connections(Rate::new(60, Duration::from_mins(1)));
    // The cheap ones first: who is refused is not asked about any further.
    let access = AccessMaps::default()
        .then(rates.clone())
        .then(HelloChecks::default().invalid().own_name())
        .then(Dnsbl::new(dns.clone(), arguments)?.exempt(inside.clone()))
        .then(ConfirmedHost::new(dns.clone()).required().exempt(inside.clone()))
        .then(MailDomains::new(dns))
        .then(Greylist::new(MemoryGreylist::default()).exempt(inside));
    let mut server = Server::builder("mx.example.org")
        .relay_policy(LocalDomains::new(["example.org"])?)
        .delivery(Discard)
        .access(access)
        .observer(rates)
        .build()?;
    let listener = TcpListener::bind(&address).await?;
    println!("listening smtp {}", listener.local_addr()?);
    server.listen(listener, ServiceConfig::smtp())?;
    server.run(async { tokio::signal::ctrl_c().await.unwrap_or_default() }).await?;
    Ok(())
}
