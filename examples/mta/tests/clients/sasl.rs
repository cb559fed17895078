//! Mechanisms beyond those of `mta`, spoken by clients to a server that is linked into the test.
//!
//! * **In**: an authenticator. **Out**: exit codes, and the mail that a login let in. **Promises**: whoever is not logged in
//!   cannot send. **Limits**: as `tool`. **Panics**: if a client fails that should not, or the other way round.
//! * **Spec**: RFC 2195, RFC 5802, RFC 7628; Dovecot authentication protocol.

use std::net::SocketAddr;
use std::process::Command;
use std::thread::JoinHandle;

use async_trait::async_trait;
use smtp_server::delivery::Memory;
use smtp_server::relay::LocalDomains;
use smtp_server::sasl::{AuthenticatorExt, HashKind, PasswordFile, Passwords, Tokens};
use smtp_server::{
    Authenticator, CredentialStore, Identity, LookupError, Server, ServiceConfig, SessionInfo,
    TlsConfig, TokenVerifier,
};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::site::HOST;
use super::{DOMAIN, tool};

pub(super) const PASSWORD: &str = "correct horse";

/// A submission service that runs until it is dropped.
pub(super) struct Service {
    address: SocketAddr,
    memory: Memory,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    pub(super) fn start<A: Authenticator>(
        authenticator: impl Future<Output = A> + Send + 'static,
    ) -> Self {
        let memory = Memory::default();
        let (stop, stopped) = oneshot::channel();
        let (bound, address) = std::sync::mpsc::channel();
        let delivery = memory.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let made =
                    rcgen::generate_simple_self_signed([HOST.to_owned()]).expect("a certificate");
                let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
                let tls = TlsConfig::from_pem(chain.as_bytes(), key.as_bytes()).expect("a pair");
                let mut server = Server::builder(HOST)
                    .relay_policy(LocalDomains::new([DOMAIN]).expect("a domain"))
                    .delivery(delivery)
                    .authenticator(authenticator.await)
                    .auth_in_clear(true)
                    .tls(tls)
                    .build()
                    .expect("a server");
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                bound.send(listener.local_addr().expect("an address")).expect("the test waits");
                server.listen(listener, ServiceConfig::submission()).expect("a listener");
                server.run(async { drop(stopped.await) }).await.expect("a run");
            });
        });
        let address = address.recv().expect("the server is bound");
        Self { address, memory, stop: Some(stop), thread: Some(thread) }
    }

    /// swaks in clear, logged in with this mechanism.
    pub(super) fn swaks(&self, mechanism: &str, password: &str) -> tool::Outcome {
        let mut command = tool::installed("swaks");
        command.args(["--server", &self.address.to_string(), "--ehlo", "client.example.org"]);
        command.args(["--from", "ann@example.org", "--to", &format!("kim@{DOMAIN}")]);
        command.args(["--auth", mechanism, "--auth-user", "kim", "--auth-password", password]);
        tool::run(&mut command)
    }

    /// msmtp, inside TLS or in clear.
    pub(super) fn msmtp(&self, mechanism: &str, password: &str, tls: &str) -> tool::Outcome {
        let mut command = tool::installed("msmtp");
        command.args(["--file=/dev/null", "--host=127.0.0.1", "--domain=client.example.org"]);
        command.args([
            &format!("--port={}", self.address.port()),
            "--from=ann@example.org",
            "--debug",
        ]);
        command.args([&format!("--tls={tls}"), "--tls-certcheck=off", "--user=kim"]);
        command.args([&format!("--auth={mechanism}"), &format!("--passwordeval=echo {password}")]);
        command.arg(format!("kim@{DOMAIN}"));
        tool::run_with_input(&mut command, b"Subject: x\n\nHello\n")
    }

    /// curl, inside TLS, which looks for the server under this name.
    fn curl(&self, host: &str, mechanism: &str, options: &[&str]) -> tool::Outcome {
        let mut command: Command = tool::installed("curl");
        command.args(["-q", "--verbose", "--noproxy", "*", "--ssl-reqd", "--insecure"]);
        command.args(["--mail-from", "ann@example.org", "--mail-rcpt", &format!("kim@{DOMAIN}")]);
        command.args(["--upload-file", "-", "--login-options", &format!("AUTH={mechanism}")]);
        let port = self.address.port();
        command.args(["--resolve", &format!("{HOST}:{port}:127.0.0.1")]);
        command.args(options).arg(format!("smtp://{host}:{port}"));
        tool::run_with_input(&mut command, b"Subject: x\r\n\r\nHello\r\n")
    }

    #[track_caller]
    pub(super) fn expect_messages(&self, count: usize) {
        assert_eq!(self.memory.take().len(), count);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || ended.is_some_and(|ended| ended.is_ok()));
    }
}

fn scram_users() -> PasswordFile {
    let text = PasswordFile::with_password("", "kim", PASSWORD, HashKind::ScramSha256);
    text.and_then(|text| text.parse()).expect("a file of users")
}

#[test]
fn scram_logs_msmtp_in_and_a_wrong_password_does_not() {
    let service = Service::start(async { Passwords::new(scram_users()) });
    for tls in ["on", "off"] {
        let outcome = service.msmtp("scram-sha-256", PASSWORD, tls).expect_code(0);
        outcome.expect_said("AUTH SCRAM-SHA-256").expect_said("235 2.7.0");
        service.expect_messages(1);
        let outcome = service.msmtp("scram-sha-256", "not-it", tls);
        outcome.expect_code(77).expect_said("535 5.7.8");
        service.expect_messages(0);
    }
    // The same keys serve whoever sends the password.
    service.msmtp("plain", PASSWORD, "on").expect_code(0).expect_said("235 2.7.0");
    service.expect_messages(1);
}

/// Keeps what CRAM-MD5 needs.
struct InClear;

#[async_trait]
impl CredentialStore for InClear {
    async fn verify(&self, _: &str, _: &str) -> Result<Option<Identity>, LookupError> {
        Ok(None)
    }

    async fn password(&self, user: &str) -> Result<Option<Zeroizing<String>>, LookupError> {
        Ok((user == "kim").then(|| Zeroizing::new(PASSWORD.to_owned())))
    }
}

#[test]
fn cram_md5_logs_swaks_msmtp_curl_and_python_in() {
    const SCRIPT: &str = "import smtplib, sys
with smtplib.SMTP('127.0.0.1', int(sys.argv[1])) as client:
    client.ehlo('client.example.org')
    client.user, client.password = 'kim', sys.argv[2]
    print(client.auth('CRAM-MD5', client.auth_cram_md5))
    client.sendmail('ann@example.org', [sys.argv[3]], 'Subject: x\\r\\n\\r\\nHello\\r\\n')
";
    let service = Service::start(async { Passwords::new(InClear).with_cram_md5() });
    service.swaks("CRAM-MD5", PASSWORD).expect_code(0).expect_said("235 2.7.0");
    service.swaks("CRAM-MD5", "not-it").expect_code(28).expect_said("535 5.7.8");
    service.msmtp("cram-md5", PASSWORD, "on").expect_code(0).expect_said("235 2.7.0");
    service.curl(HOST, "CRAM-MD5", &["--user", &format!("kim:{PASSWORD}")]).expect_code(0);
    let mut python = tool::installed("python3");
    let (port, recipient) = (service.address.port().to_string(), format!("kim@{DOMAIN}"));
    python.args(["-c", SCRIPT, &port, PASSWORD, &recipient]);
    tool::run(&mut python).expect_code(0).expect_said("(235,");
    service.expect_messages(4);
}

/// Knows one token.
struct OneToken;

#[async_trait]
impl TokenVerifier for OneToken {
    async fn verify(
        &self,
        token: &str,
        user: Option<&str>,
        _info: &SessionInfo,
    ) -> Result<Option<Identity>, LookupError> {
        Ok((token == "tok" && user == Some("kim")).then(|| Identity::new("kim")))
    }
}

#[test]
fn tokens_log_curl_and_msmtp_in() {
    let service = Service::start(async { Tokens::new(OneToken).or(Passwords::new(scram_users())) });
    let bearer = |host, token| {
        service.curl(host, "OAUTHBEARER", &["--user", "kim", "--oauth2-bearer", token])
    };
    bearer(HOST, "tok").expect_code(0).expect_said("AUTH OAUTHBEARER").expect_said("235 2.7.0");
    service.expect_messages(1);
    bearer(HOST, "bad").expect_code(67).expect_said("535 5.7.8");
    // It tells the name under which it looks for the server, which is not ours.
    bearer("127.0.0.1", "tok").expect_code(67).expect_said("535 5.7.8");
    service.expect_messages(0);
    service.msmtp("xoauth2", "tok", "on").expect_code(0).expect_said("235 2.7.0");
    service.msmtp("xoauth2", "bad", "on").expect_code(77);
    service.expect_messages(1);
}
