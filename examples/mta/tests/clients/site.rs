//! One `mta` with all four services, an account that may log in, and its certificate.
//!
//! * **In**: nothing. **Out**: addresses, the certificate as a file, the messages that arrived.
//! * **Promises**: a directory of its own, gone with the value. **Limits**: as `harness`.
//! * **Panics**: on everything unexpected. **Spec**: the README of the program.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{Way, tool};
use crate::harness::{Mta, messages_in, run_passwd};

/// The server's name, in its certificate too.
pub(super) const HOST: &str = "mx.example.test";

/// The local domain.
pub(super) const DOMAIN: &str = "example.test";

/// Who may log in.
pub(super) const USER: &str = "ann";
pub(super) const PASSWORD: &str = "correct horse";

/// A running server.
pub(super) struct Site {
    mta: Mta,
    work: TempDir,
    certificate: PathBuf,
}

impl Site {
    pub(super) fn start() -> Self {
        let work = tempfile::tempdir().expect("a temporary directory");
        let passwd = work.path().join("passwd");
        let made = run_passwd(&passwd, USER, PASSWORD);
        assert!(made.status.success(), "mta passwd: {made:?}");
        let mta = Mta::start(&[
            "--lmtp",
            "127.0.0.1:0",
            "--passwd",
            super::text(&passwd),
            "-o",
            &format!("myhostname={HOST}"),
            "-o",
            &format!("mydestination={DOMAIN}"),
            "-o",
            "message_size_limit=30000000",
        ]);
        let certificate = work.path().join("certificate.pem");
        fs::write(&certificate, certificate_of(mta.submissions())).expect("a file");
        Self { mta, work, certificate }
    }

    /// Where a client that goes this way connects.
    pub(super) fn address(&self, way: Way) -> SocketAddr {
        match way {
            Way::Clear | Way::StartTls => self.mta.smtp(),
            Way::Submission => self.mta.submission(),
            Way::Submissions => self.mta.submissions(),
        }
    }

    pub(super) fn lmtp(&self) -> SocketAddr {
        self.mta.lmtp()
    }

    /// The server's self-signed certificate, in PEM.
    pub(super) fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// Lets a client that looks up [`HOST`] find this machine.
    pub(super) fn resolve_host(&self, command: &mut Command) {
        let hosts = self.file("hosts", format!("127.0.0.1 {HOST}\n").as_bytes());
        command.env("LD_PRELOAD", "libnss_wrapper.so").env("NSS_WRAPPER_HOSTS", hosts);
    }

    /// Where a client may keep files.
    pub(super) fn work(&self) -> &Path {
        self.work.path()
    }

    /// Writes a file for a client to read.
    pub(super) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.work.path().join(name);
        fs::write(&path, content).expect("a file");
        path
    }

    /// The messages in an account's Maildir.
    pub(super) fn messages(&self, user: &str) -> Vec<Vec<u8>> {
        self.mta.messages(DOMAIN, user)
    }

    /// The one message in an account's Maildir.
    #[track_caller]
    pub(super) fn only_message(&self, user: &str) -> Vec<u8> {
        only(user, self.messages(user))
    }

    /// The one message in all Maildirs of the domain, whatever they are called.
    #[track_caller]
    pub(super) fn only_message_of_all(&self) -> Vec<u8> {
        self.mta.settle();
        let domain = self.mta.data().join("Maildir").join(DOMAIN);
        let accounts = fs::read_dir(domain).expect("the domain has accounts");
        let messages =
            accounts.flat_map(|account| messages_in(&account.expect("an account").path()));
        only("all accounts", messages.collect())
    }

    #[track_caller]
    pub(super) fn expect_no_message(&self, user: &str) {
        let messages = self.messages(user);
        assert!(messages.is_empty(), "{} messages arrived for {user}", messages.len());
    }
}

#[track_caller]
fn only(whose: &str, mut messages: Vec<Vec<u8>>) -> Vec<u8> {
    assert_eq!(messages.len(), 1, "messages for {whose}");
    messages.remove(0)
}

/// As openssl shows it: what any client could see.
pub(super) fn certificate_of(address: SocketAddr) -> String {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let mut command = tool::installed("openssl");
    command.args(["s_client", "-servername", HOST, "-connect", &address.to_string()]);
    let shown = tool::run(&mut command).expect_said(BEGIN).expect_said(END).said;
    let from = shown.find(BEGIN).expect("looked for above");
    let to = shown.find(END).expect("looked for above") + END.len();
    format!("{}\n", &shown[from..to])
}
