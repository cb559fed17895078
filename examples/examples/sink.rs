//! Accepts everything and keeps nothing, with every limit, timer and hook of production: the server that
//! the benchmarks compare.
//!
//! `cargo run --release --example sink -- 127.0.0.1:2525`

use std::error::Error;
use std::io::{self, Write};

use smtp_server::delivery::Discard;
use smtp_server::proto::ForwardPath;
use smtp_server::{
    Envelope, Limits, RelayDecision, RelayPolicy, Server, ServiceConfig, SessionInfo, async_trait,
};
use tokio::net::TcpListener;

/// Every recipient is ours. Nothing is ever sent on, so this is no open relay.
struct EveryoneIsLocal;

#[async_trait]
impl RelayPolicy for EveryoneIsLocal {
    async fn decide(
        &self,
        _to: &ForwardPath<'_>,
        _envelope: &Envelope,
        _info: &SessionInfo,
    ) -> RelayDecision {
        RelayDecision::Local
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("usage: sink ADDR, for example 127.0.0.1:2525")?;
    // A load generator is one client with many connections.
    let mut limits = Limits::default();
    limits.connections_per_client_max = None;
    limits.connections_per_network_max = None;
    limits.connections_max = Some(100_000);
    let mut server = Server::builder("sink.localhost")
        .relay_policy(EveryoneIsLocal)
        .delivery(Discard)
        .limits(limits)
        .build()?;
    let listener = TcpListener::bind(&address).await?;
    writeln!(io::stdout(), "listening smtp {}", listener.local_addr()?)?;
    server.listen(listener, ServiceConfig::smtp())?;
    writeln!(io::stdout(), "ready")?;
    server.run(async { tokio::signal::ctrl_c().await.unwrap_or_default() }).await?;
    Ok(())
}
