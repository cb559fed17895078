//! Dovecot, as the server that knows the users.
//!
//! * **In**: users with passwords in clear, as a file. **Out**: what Dovecot says of swaks and msmtp, which log in to a server
//!   that passes their exchanges on. **Promises**: Dovecot is not set up; it runs in a directory of its own and is ended.
//! * **Limits**: as `tool`. **Panics**: if Dovecot does not start. **Spec**: Dovecot authentication protocol, passwd-file.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use smtp_server::sasl::Dovecot;
use tempfile::TempDir;

use super::sasl::{PASSWORD, Service};
use super::{text, tool};
use crate::harness::{Mta, wait_until};

#[test]
fn users_of_dovecot_log_in_with_its_mechanisms() {
    let dovecot = Process::start();
    let socket = dovecot.socket();
    let service = Service::start(async { Dovecot::connect(socket).await.expect("Dovecot") });
    for mechanism in ["PLAIN", "LOGIN", "CRAM-MD5"] {
        service.swaks(mechanism, PASSWORD).expect_code(0).expect_said("235 2.7.0");
        service.expect_messages(1);
        service.swaks(mechanism, "not-it").expect_code(28).expect_said("535 5.7.8");
        service.expect_messages(0);
    }
    for mechanism in ["plain", "scram-sha-1", "scram-sha-256"] {
        let outcome = service.msmtp(mechanism, PASSWORD, "on").expect_code(0);
        outcome.expect_said(&format!("AUTH {}", mechanism.to_uppercase()));
        service.expect_messages(1);
        service.msmtp(mechanism, "not-it", "on").expect_code(77).expect_said("535 5.7.8");
        service.expect_messages(0);
    }
    drop(dovecot);
    service.swaks("PLAIN", PASSWORD).expect_code(28).expect_said("454 4.7.0");
}

#[test]
fn users_of_dovecot_log_in_to_mta() {
    let dovecot = Process::start();
    let path = format!("smtpd_sasl_path={}", text(&dovecot.socket()));
    let options = ["smtpd_sasl_type=dovecot", &path, "smtpd_tls_auth_only=no"];
    let options: Vec<&str> = options.iter().flat_map(|option| ["-o", option]).collect();
    let mta = Mta::start(&options);
    let log_in = |password: &str| {
        let mut command = tool::installed("swaks");
        command.args(["--server", &mta.submission().to_string(), "--ehlo", "client.example.org"]);
        command.args(["--from", "kim@localhost", "--to", "kim@localhost", "--auth", "CRAM-MD5"]);
        command.args(["--auth-user", "kim", "--auth-password", password]);
        tool::run(&mut command)
    };
    log_in(PASSWORD).expect_code(0).expect_said("235 2.7.0");
    assert_eq!(mta.messages("localhost", "kim").len(), 1);
    log_in("not-it").expect_code(28).expect_said("535 5.7.8");
    drop(dovecot);
    log_in(PASSWORD).expect_code(28).expect_said("454 4.7.0");
    assert_eq!(mta.messages("localhost", "kim").len(), 1);
}

/// Its master process.
struct Process {
    directory: TempDir,
    process: Child,
}

impl Process {
    fn start() -> Self {
        let open = Permissions::from_mode(0o755);
        let directory = tempfile::Builder::new().permissions(open).tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        let programs = tool::peer("dovecot-core/usr");
        fs::write(at("users"), format!("kim:{{PLAIN}}{PASSWORD}\n")).expect("a file");
        fs::write(at("dovecot.conf"), configuration(directory.path(), &programs)).expect("a file");
        let libraries =
            [programs.join("lib/dovecot"), programs.join("lib/dovecot/modules/old-stats")];
        let libraries = std::env::join_paths(libraries).expect("no colon in it");
        // Dovecot would look for this one in its usual place to read the configuration.
        let mut command = Command::new(programs.join("bin/doveconf"));
        command.env("LD_LIBRARY_PATH", libraries);
        command.args([
            "-f",
            "service=master",
            "-m",
            "master",
            "-c",
            text(&at("dovecot.conf")),
            "-e",
        ]);
        command.arg(programs.join("sbin/dovecot")).args(["-F", "-c", text(&at("dovecot.conf"))]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null());
        let process = command.spawn().expect("doveconf runs");
        let started = Self { directory, process };
        started.wait();
        started
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("run/auth-client")
    }

    /// Until its socket is there; whoever connects then is served.
    fn wait(&self) {
        wait_until("Dovecot listens", || UnixStream::connect(self.socket()).is_ok());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGTERM ends its children, too.
        let pid = self.process.id().to_string();
        let ended = Command::new("kill").arg(pid).status();
        assert!(ended.is_ok_and(|ended| ended.success()));
        let _ = self.process.wait();
        // The master does not wait for all of them.
        wait_until("Dovecot is gone", || UnixStream::connect(self.socket()).is_err());
    }
}

fn configuration(directory: &Path, programs: &Path) -> String {
    let (directory, programs) = (text(directory), text(programs));
    format!(
        "base_dir = {directory}/run
state_dir = {directory}/state
libexec_dir = {programs}/lib/dovecot
log_path = {directory}/log
protocols =
ssl = no
disable_plaintext_auth = no
default_internal_user = nobody
default_internal_group = nogroup
default_login_user = nobody
import_environment = LD_LIBRARY_PATH
auth_failure_delay = 0
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
passdb {{
  driver = passwd-file
  args = {directory}/users
}}
userdb {{
  driver = static
  args = uid=1 gid=1 home=/
}}
service auth {{
  unix_listener auth-client {{
    mode = 0666
  }}
}}
service anvil {{
  chroot =
}}
"
    )
}
