//! The same for tests that are not asynchronous.
//!
//! * **In**, **Out**, **Promises**: as [`TestServer`](super::TestServer) and [`TestInbox`](super::TestInbox), but what
//!   they wait for is waited for here, on the test's own thread. **Limits**: the time given.
//! * **Panics**: as theirs. **Spec**: none.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use smtp_server::testing::blocking::TestServer;
//! use std::time::Duration;
//!
//! let server = TestServer::start()?;
//! // Have the program under test send to server.addr() here.
//! server.inbox().expect_none(Duration::from_millis(10))?;
//! # Ok(())
//! # }
//! ```

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use super::certificates::RootCertificate;
use super::error::{InboxError, StartError};
use super::inbox;
use super::logins::FailedLogin;
use super::matcher::Answer;
use super::message::TestMessage;
use super::server::{self, TestServerBuilder};
use super::transcript::Transcript;

/// A [`TestServer`](super::TestServer) whose inbox blocks.
#[derive(Debug)]
pub struct TestServer(server::TestServer);

/// A [`TestInbox`](super::TestInbox) that blocks.
#[derive(Clone, Debug)]
pub struct TestInbox(inbox::TestInbox);

impl TestServer {
    pub(super) fn new(server: server::TestServer) -> Self {
        Self(server)
    }

    /// Starts a server that takes mail in clear; [`TestServerBuilder::start_blocking`] starts one that offers more.
    ///
    /// # Errors
    /// [`StartError`] if the system has no port or thread for it.
    pub fn start() -> Result<Self, StartError> {
        TestServerBuilder::default().start_blocking()
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.0.addr()
    }

    /// All that it received, and what more it will.
    #[must_use]
    pub fn inbox(&self) -> TestInbox {
        TestInbox(self.0.inbox())
    }

    /// What clients have to trust, if it has TLS.
    #[must_use]
    pub fn root_certificate(&self) -> Option<&RootCertificate> {
        self.0.root_certificate()
    }

    /// The logins that were refused, in their order.
    #[must_use]
    pub fn failed_logins(&self) -> Vec<FailedLogin> {
        self.0.failed_logins()
    }

    /// What was said on the newest connections, without secrets.
    #[must_use]
    pub fn transcripts(&self) -> Vec<Transcript> {
        self.0.transcripts()
    }
}

impl TestInbox {
    /// What is for this address.
    ///
    /// # Panics
    /// If it is no address.
    #[must_use]
    #[track_caller]
    pub fn to(&self, address: &str) -> Self {
        Self(self.0.to(address))
    }

    /// What is for anyone in this domain.
    ///
    /// # Panics
    /// If it is no domain.
    #[must_use]
    #[track_caller]
    pub fn domain(&self, domain: &str) -> Self {
        Self(self.0.domain(domain))
    }

    /// What is for an address with this tag: `t1` is that of `kim+t1@example.org`.
    #[must_use]
    pub fn tagged(&self, tag: &str) -> Self {
        Self(self.0.tagged(tag))
    }

    /// The messages so far, in the order of their 250.
    #[must_use]
    pub fn messages(&self) -> Vec<TestMessage> {
        self.0.messages()
    }

    /// As [`TestInbox::wait_for`](super::TestInbox::wait_for).
    ///
    /// # Errors
    /// As there.
    pub fn wait_for<A: Answer>(
        &self,
        predicate: impl Fn(&TestMessage) -> A,
        within: Duration,
    ) -> Result<TestMessage, InboxError> {
        block_on(self.0.wait_for(predicate, within))
    }

    /// As [`TestInbox::wait_for_count`](super::TestInbox::wait_for_count).
    ///
    /// # Errors
    /// As there.
    pub fn wait_for_count(
        &self,
        count: usize,
        within: Duration,
    ) -> Result<Vec<TestMessage>, InboxError> {
        block_on(self.0.wait_for_count(count, within))
    }

    /// As [`TestInbox::wait_for_all`](super::TestInbox::wait_for_all).
    ///
    /// # Errors
    /// As there.
    pub fn wait_for_all<A: Answer, P: Fn(&TestMessage) -> A>(
        &self,
        predicates: impl IntoIterator<Item = P>,
        within: Duration,
    ) -> Result<Vec<TestMessage>, InboxError> {
        block_on(self.0.wait_for_all(predicates, within))
    }

    /// As [`TestInbox::expect_none`](super::TestInbox::expect_none).
    ///
    /// # Errors
    /// As there.
    pub fn expect_none(&self, within: Duration) -> Result<(), InboxError> {
        block_on(self.0.expect_none(within))
    }
}

/// Waits on this thread, be it in a runtime or not: the futures here need none of it.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
