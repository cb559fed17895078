//! A server in 25 lines: it takes mail for one domain and prints who wrote.

use smtp_server::{relay::LocalDomains, *};

struct Inbox;

#[async_trait]
impl Delivery for Inbox {
    async fn deliver(&self, mail: Envelope, body: &mut Body<'_>, _: &SessionInfo) -> Delivered {
        let content = body.collect(10 << 20).await?;
        println!("{} octets from {}", content.len(), mail.reverse_path);
        Ok(Accepted::with_text("Thank you").into())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut server = Server::builder("mx.example.org")
        .relay_policy(LocalDomains::new(["example.org"])?)
        .delivery(Inbox)
        .build()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:2525").await?;
    server.listen(listener, ServiceConfig::smtp())?;
    server.run(std::future::pending()).await?;
    Ok(())
}
