//! The first test of a program that sends mail; the program is `send_welcome`.

use super::with_std::send_welcome;
use smtp_server::testing::TestServer;
use std::time::Duration;

#[tokio::test]
async fn a_welcome_has_a_code() -> Result<(), Box<dyn std::error::Error>> {
    let server = TestServer::start().await?;
    send_welcome("kim@example.org", server.addr())?; // the program under test
    let inbox = server.inbox().to("kim@example.org");
    let message =
        inbox.wait_for(|m| m.subject() == Some("Welcome"), Duration::from_secs(5)).await?;
    assert_eq!(message.code(), Some("482913"));
    Ok(())
}
