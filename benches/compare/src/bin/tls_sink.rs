//! Our server with STARTTLS and a self-signed certificate: accepts everything and keeps nothing.
//!
//! * **In**: an address to listen on, as the only argument. **Out**: `listening smtp ADDR` and `ready` on
//!   standard output, then replies.
//! * **Promises**: but for TLS and its certificate, which is made at the start, the same as `examples/sink`.
//! * **Limits**: those of the library, without a limit per client. **Panics**: never.
//! * **Spec**: RFC 3207.

use std::error::Error;
use std::io::{self, Write};

use rcgen::CertifiedKey;
use smtp_server::delivery::Discard;
use smtp_server::proto::ForwardPath;
use smtp_server::{
    Envelope, Limits, RelayDecision, RelayPolicy, Server, ServiceConfig, SessionInfo, TlsConfig,
    async_trait,
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

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| String::from("127.0.0.1:0"));
    tokio::runtime::Runtime::new()?.block_on(serve(&address))
}

async fn serve(address: &str) -> Result<(), Box<dyn Error>> {
    let mut limits = Limits::default();
    limits.connections_per_client_max = None;
    limits.connections_per_network_max = None;
    limits.connections_max = Some(100_000);
    let mut server = Server::builder("sink.localhost")
        .relay_policy(EveryoneIsLocal)
        .delivery(Discard)
        .limits(limits)
        .tls(self_signed()?)
        .build()?;
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    server.listen(listener, ServiceConfig::smtp())?;
    writeln!(io::stdout(), "listening smtp {address}\nready")?;
    // It is ended by a signal.
    server.run(std::future::pending()).await?;
    Ok(())
}

fn self_signed() -> Result<TlsConfig, Box<dyn Error>> {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed([String::from("localhost")])?;
    Ok(TlsConfig::from_pem(cert.pem().as_bytes(), signing_key.serialize_pem().as_bytes())?)
}
