//! The test server as a test sees it: with clients on sockets that block, and with each kind of runtime.

mod client;
mod codes;
mod decoding;
mod ending;
mod links;
mod logins;
mod matchers;
#[cfg(feature = "message-auth")]
mod message_auth;
mod views;
mod waiting;

use std::sync::LazyLock;
use std::time::Duration;

use smtp_server::testing::TestMessage;
use smtp_server::testing::blocking::TestServer;

use client::Client;

/// For what must come.
const PATIENCE: Duration = Duration::from_secs(20);
/// For what must not come: as long as it takes to see that nothing waits for it.
const MOMENT: Duration = Duration::from_millis(20);

/// What becomes of content that is sent to a server which all tests share.
fn received(content: impl AsRef<[u8]>) -> TestMessage {
    static SERVER: LazyLock<TestServer> = LazyLock::new(|| TestServer::start().unwrap());
    let id = Client::connect(SERVER.addr()).send("ann@example.org", &["kim@example.org"], content);
    let has_id = |message: &TestMessage| message.envelope().queue_id.unwrap().to_string() == id;
    SERVER.inbox().wait_for(has_id, PATIENCE).unwrap()
}
