//! msmtp.
//!
//! * **In**: a letter. **Out**: msmtp's exit code. **Promises**: the certificate and its name are verified.
//! * **Limits**: as `tool`. **Panics**: if msmtp fails. **Spec**: msmtp(1), sysexits(3).

use std::process::Command;

use super::site::{HOST, PASSWORD, Site, USER};
use super::{Client, DOMAIN, Letter, Way, bodies, difference};
use super::{every_body_arrives, every_small_body_arrives, text, tool};
use super::{with_final_line_ending, with_final_line_ending_unless_empty};

const MSMTP: Client = Client { send, sends: with_final_line_ending_unless_empty };

/// msmtp's exit code for a refused login.
const EX_NOPERM: i32 = 77;

#[test]
fn every_small_body_arrives_from_msmtp_in_clear() {
    every_small_body_arrives(&MSMTP, Way::Clear);
}

#[test]
fn every_small_body_arrives_from_msmtp_over_starttls() {
    every_small_body_arrives(&MSMTP, Way::StartTls);
}

#[test]
fn every_small_body_arrives_from_msmtp_over_submission() {
    every_small_body_arrives(&MSMTP, Way::Submission);
}

#[test]
fn every_body_arrives_from_msmtp_over_submissions() {
    every_body_arrives(&MSMTP, Way::Submissions);
}

#[test]
fn each_mechanism_logs_msmtp_in() {
    let site = Site::start();
    for mechanism in ["plain", "login"] {
        let content = bodies::short();
        let mut command = msmtp(&site, Way::Submission, &format!("{mechanism}@{DOMAIN}"));
        command.args([&format!("--auth={mechanism}"), "--debug"]);
        let outcome = run(&mut command, &content).expect_code(0);
        outcome.expect_said(&format!("AUTH {}", mechanism.to_uppercase()));
        let message = site.only_message(mechanism);
        difference::check(mechanism, &message, &with_final_line_ending(&content));
    }
}

#[test]
fn a_wrong_password_is_refused_to_msmtp() {
    let site = Site::start();
    let mut command = msmtp(&site, Way::Submissions, &format!("kim@{DOMAIN}"));
    command.arg("--passwordeval=echo not-it");
    run(&mut command, &bodies::short()).expect_code(EX_NOPERM).expect_said("535 5.7.8");
    site.expect_no_message("kim");
}

fn send(site: &Site, letter: &Letter<'_>) {
    run(&mut msmtp(site, letter.way, &letter.recipient), letter.content).expect_code(0);
}

/// It reads lines as a Unix file has them; its options come before the recipient.
fn run(command: &mut Command, content: &[u8]) -> tool::Outcome {
    tool::run_with_input(command, &difference::with_unix_lines(content))
}

fn msmtp(site: &Site, way: Way, recipient: &str) -> Command {
    let mut command = tool::installed("msmtp");
    command.args(["--file=/dev/null", "--host=127.0.0.1", "--domain=client.example.org"]);
    command.arg(format!("--port={}", site.address(way).port()));
    command.args(["--from=ann@example.org", recipient]);
    // It is to add nothing to the header section, and to take nothing away.
    command.args(["--set-from-header=off", "--set-date-header=off", "--set-msgid-header=off"]);
    command.args(["--undisclosed-recipients=off", "--remove-bcc-headers=off"]);
    if way != Way::Clear {
        command.args(["--tls=on", &format!("--tls-host-override={HOST}")]);
        command.arg(format!("--tls-trust-file={}", text(site.certificate())));
        command
            .arg(format!("--tls-starttls={}", if way == Way::Submissions { "off" } else { "on" }));
    }
    if way.authenticates() {
        command.args(["--auth=plain", &format!("--user={USER}")]);
        command.arg(format!("--passwordeval=echo {PASSWORD}"));
    }
    command
}
