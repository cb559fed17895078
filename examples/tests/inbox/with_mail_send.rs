//! mail-send sends to two recipients, and each has an inbox of its own.

use mail_send::SmtpClientBuilder;
use mail_send::smtp::message::Message;
use smtp_server::testing::TestServer;
use std::time::Duration;

#[tokio::test]
async fn a_newsletter_is_sent_with_mail_send() -> Result<(), Box<dyn std::error::Error>> {
    let server = TestServer::start().await?;
    let mut client =
        SmtpClientBuilder::new("127.0.0.1", server.addr().port())?.connect_plain().await?;

    let content = "From: news@example.org\r\nSubject: News\r\n\r\nhttps://example.org/news";
    let to = ["kim@example.org", "ann@example.net"];
    client.send(Message::new("news@example.org", to, content.as_bytes())).await?;

    for name in to {
        let inbox = server.inbox().to(name);
        let message =
            inbox.wait_for(|m| m.subject() == Some("News"), Duration::from_secs(5)).await?;
        assert_eq!(message.links(), ["https://example.org/news"]);
    }
    server.inbox().domain("example.com").expect_none(Duration::from_millis(10)).await?;
    Ok(())
}
