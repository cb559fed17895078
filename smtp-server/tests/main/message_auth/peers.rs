//! `OpenDKIM` and dkimpy: what they sign and seal holds for us, and ours for them.
//!
//! `scripts/install-peers` puts them below `TARGET/peers`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use smtp_server::message_auth::{ArcResult, DkimResult, MessageAuth};
use tempfile::TempDir;

use super::{Kept, Key, LETTER, Letter, checked, rsa, runtime, send};
use crate::support::dns::{NameServer, Zone};
use crate::support::setup::Setup;

/// With white space at the ends of lines and of the body, folds and dots.
const CONTENT: &str = "From: Kim <kim@d.example>\r\nTo: sam@local.test\r\nSubject: a\r\n\tb  c\r\n\
                       Date: Sun, 22 Nov 2026 08:00:00 +0000\r\nMessage-ID: <1@d.example>\r\n\r\n\
                       Hello,  world \t\r\n.\r\n\r\n..dots\r\n \r\n\t\r\n\r\n";

/// What `scripts/install-peers` put there.
fn peer(name: &str) -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let mut above = here.ancestors().map(|above| above.join("peers").join(name));
    above
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("{name} is not there: run scripts/test"))
}

/// What a program writes, given `input`.
fn said(command: &mut Command, input: &str) -> String {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A key of s1 at d.example, where the peers find it.
struct Site {
    key: Key,
    directory: TempDir,
}

impl Site {
    fn new() -> Self {
        let (key, directory) = (rsa(), TempDir::new().unwrap());
        std::fs::write(directory.path().join("pem"), &key.pem).unwrap();
        std::fs::write(directory.path().join("record"), &key.record).unwrap();
        // dkimpy reads no PKCS #8.
        let pem = directory.path().join("pem");
        let mut openssl = Command::new("openssl");
        openssl.args(["rsa", "-traditional", "-in"]).arg(pem);
        let traditional = said(&mut openssl, "");
        std::fs::write(directory.path().join("rsa"), traditional).unwrap();
        Self { key, directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn dkimpy(&self, action: &str, file: &str, message: &str) -> String {
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/main/message_auth/dkimpy.py");
        let mut python = Command::new("python3");
        python.arg(script).arg(peer("dkimpy")).arg(action).arg(self.path(file));
        said(&mut python, message)
    }

    /// The fields that `OpenDKIM` adds to `message`.
    fn opendkim(&self, settings: &str, message: &str) -> String {
        std::fs::write(self.path("message"), message).unwrap();
        std::fs::write(self.path("settings"), format!("Syslog no\n{settings}\n")).unwrap();
        let mut opendkim = Command::new(peer("opendkim/usr/sbin/opendkim"));
        opendkim.arg("-x").arg(self.path("settings")).args(["-v", "-v", "-t"]);
        said(opendkim.arg(self.path("message")), "")
    }

    fn zone(&self) -> Zone {
        Zone::default().text("s1._domainkey.d.example", &[&self.key.record])
    }

    async fn signatures(&self, content: &str) -> Vec<DkimResult> {
        let results = checked(self.zone(), Letter { content, ..LETTER }).await;
        results.dkim.iter().map(|check| check.result).collect()
    }

    async fn sealed(&self, content: &str) -> String {
        let names = NameServer::start(self.zone()).await;
        let kept = Kept::default();
        let auth = MessageAuth::new(kept.clone(), names.dns());
        let setup = Setup::new(auth.seal_arc("d.example", self.key.keys("d.example", "s1")));
        assert!(send(&setup, Letter { content, ..LETTER }).await.starts_with("250"));
        kept.last().0
    }
}

#[test]
fn opendkim_signs_for_us_and_believes_us() {
    runtime().block_on(async {
        let site = Site::new();
        for form in ["simple/simple", "relaxed/relaxed", "relaxed/simple", "simple/relaxed"] {
            let settings = format!(
                "Mode s\nDomain d.example\nSelector s1\nKeyFile {}\nCanonicalization {form}\n\
                 SignatureAlgorithm rsa-sha256\nInternalHosts 0.0.0.0/0\nRequireSafeKeys no",
                site.path("pem").display()
            );
            let said = site.opendkim(&settings, CONTENT);
            let value = said.split("hname='DKIM-Signature' hvalue='").nth(1).expect(&said);
            let value = value.split('\'').next().unwrap().replace("\r\n", "\n");
            let content =
                format!("DKIM-Signature: {}\r\n{CONTENT}", value.trim().replace('\n', "\r\n"));
            assert_eq!(site.signatures(&content).await, [DkimResult::Pass], "{form} {content}");
        }
        let ours = site.key.signed("d.example", "s1", CONTENT).await;
        let keys = format!("s1._domainkey.d.example {}\n", site.key.record);
        std::fs::write(site.path("keys"), keys).unwrap();
        let settings = format!("Mode v\nTestPublicKeys {}", site.path("keys").display());
        let said = site.opendkim(&settings, &ours);
        assert!(said.contains("dkim=pass"), "{said}");
        let said = site.opendkim(&settings, &ours.replace("Hello", "Bye"));
        assert!(said.contains("dkim=fail"), "{said}");
    });
}

#[test]
fn dkimpy_signs_for_us_and_believes_us() {
    runtime().block_on(async {
        let site = Site::new();
        let theirs = site.dkimpy("sign", "rsa", CONTENT);
        assert_eq!(site.signatures(&theirs).await, [DkimResult::Pass], "{theirs}");
        let ours = site.key.signed("d.example", "s1", CONTENT).await;
        assert_eq!(site.dkimpy("verify", "record", &ours), "pass", "{ours}");
        assert_eq!(site.dkimpy("verify", "record", &ours.replace("Hello", "Bye")), "fail");
    });
}

#[test]
fn dkimpy_seals_for_us_and_believes_our_seals() {
    runtime().block_on(async {
        let site = Site::new();
        let one = site.sealed(CONTENT).await;
        assert_eq!(site.dkimpy("verify-seals", "record", &one), "pass", "{one}");
        let elsewhere =
            "Authentication-Results: mx.elsewhere.test; spf=none smtp.helo=c.example\r\n";
        let mut message = format!("{elsewhere}{CONTENT}");
        for number in 1..=4 {
            let who = if number % 2 == 1 { "theirs" } else { "ours" };
            message = match who {
                "theirs" => site.dkimpy("seal", "rsa", &format!("{elsewhere}{message}")),
                _ => site.sealed(&message).await,
            };
            let results = checked(site.zone(), Letter { content: &message, ..LETTER }).await;
            assert_eq!(results.arc, ArcResult::Pass, "{who} {number}: {message}");
            let said = site.dkimpy("verify-seals", "record", &message);
            assert_eq!(said, "pass", "{who} {number}: {message}");
        }
    });
}
