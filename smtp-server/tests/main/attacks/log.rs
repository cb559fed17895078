//! Row E14, and K1 as far as it goes: what a client sends, or a hook quotes, cannot write into the log.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, Once};

use async_trait::async_trait;
use smtp_server::delivery::Discard;
use smtp_server::sasl::Passwords;
use smtp_server::{
    AccessControl, CredentialStore, Identity, LookupError, SessionInfo, Stage, TracingObserver,
    Verdict,
};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::util::SubscriberInitExt;

use super::runtime;
use crate::support::hooks::rejection;
use crate::support::setup::Setup;
use crate::support::tcp::{Client, Running};

const HOSTILE: &str = "x\r\n2001-01-01T00:00:00Z INFO smtp: forged\n\u{1b}[2J\0\u{9b}";

#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// What is logged on this thread as long as the guard lives.
    pub(super) fn capture() -> (Self, DefaultGuard) {
        // A record that another thread meets first, where nobody wants it, could be switched off for all threads.
        static WANTED: Once = Once::new();
        WANTED.call_once(|| tracing_subscriber::fmt().with_writer(io::sink).init());
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false);
        let subscriber = subscriber.with_writer(move || writer.clone()).finish();
        (log, subscriber.set_default())
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A store and an access control that quote whatever they heard.
struct Quoting;

#[async_trait]
impl CredentialStore for Quoting {
    async fn verify(&self, user: &str, _password: &str) -> Result<Option<Identity>, LookupError> {
        Err(LookupError::new(format!("no row for '{user}': {HOSTILE}")))
    }
}

#[async_trait]
impl AccessControl for Quoting {
    async fn check(&self, stage: Stage<'_>, _info: &SessionInfo) -> Verdict {
        match stage {
            Stage::Sender { .. } => rejection("550 5.7.1 No").with_detail(HOSTILE).into(),
            _ => Verdict::Accept,
        }
    }
}

#[test]
fn e14_what_a_hook_quotes_stays_in_its_record() {
    let (log, _guard) = Log::capture();
    let mut setup = Setup::new(Discard);
    setup.access = Some(Arc::new(Quoting));
    setup.authenticator = Some(Arc::new(Passwords::new(Quoting)));
    setup.auth_in_clear = true;
    runtime().block_on(async {
        let server = setup.server_with(TracingObserver);
        let running = Running::with(server, setup.service_config()).await;
        let mut client = Client::direct(running.address).await;
        client.reply().await;
        client.ask("EHLO a\r\n").await;
        assert!(client.ask("AUTH PLAIN AGtpbQBzZWNyZXQ=\r\n").await.starts_with("454 4.7.0 "));
        assert!(client.ask("MAIL FROM:<a@b.test>\r\n").await.starts_with("550 5.7.1 "));
        drop(client);
        running.stop().await;
    });
    let text = log.text();
    let records = text.lines().collect::<Vec<_>>();
    assert_eq!(records.len(), 4, "connect, no credentials, refused, disconnect: {text}");
    assert!(records.iter().all(|line| !line.contains(char::is_control)), "{text:?}");
    assert!(text.contains("no row for 'kim'"), "{text}");
}
