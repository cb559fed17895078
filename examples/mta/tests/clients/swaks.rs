//! swaks.
//!
//! * **In**: a letter. **Out**: swaks's exit code and transcript. **Promises**: the certificate is verified.
//! * **Limits**: as `tool`. **Panics**: if swaks fails. **Spec**: swaks(1), "EXIT CODES".

use std::process::Command;

use super::site::{HOST, PASSWORD, Site, USER};
use super::{Client, DOMAIN, Letter, Way, bodies, difference, every_body_arrives, text, tool};
use super::{terminated, with_final_line_ending, with_final_line_ending_unless_empty};
use crate::harness::Mta;

const SWAKS: Client = Client { send, sends: with_final_line_ending_unless_empty };

/// swaks's exit codes for a refused login, and for recipients who were all refused.
const LOGIN_DENIED: i32 = 28;
const RECIPIENTS_REFUSED: i32 = 24;

#[test]
fn every_body_arrives_from_swaks_in_clear() {
    every_body_arrives(&SWAKS, Way::Clear);
}

#[test]
fn every_body_arrives_from_swaks_over_starttls() {
    every_body_arrives(&SWAKS, Way::StartTls);
}

#[test]
fn every_body_arrives_from_swaks_over_submission() {
    every_body_arrives(&SWAKS, Way::Submission);
}

#[test]
fn every_body_arrives_from_swaks_over_submissions() {
    every_body_arrives(&SWAKS, Way::Submissions);
}

/// As most people call it: swaks doubles the dots, writes the line endings and the final dot.
#[test]
fn a_message_that_swaks_prepares_arrives() {
    let site = Site::start();
    let lines = "Subject: fixed up\n\n.\n..\n.x\n\nGrüße\n.end";
    let file = site.file("letter", lines.as_bytes());
    let mut command = swaks(&site, Way::Clear, &format!("kim@{DOMAIN}"));
    tool::run(command.arg("--data").arg(format!("@{}", text(&file)))).expect_code(0);
    let sent = with_final_line_ending(lines.replace('\n', "\r\n").as_bytes());
    difference::check("--data", &site.only_message("kim"), &sent);
}

#[test]
fn each_mechanism_logs_swaks_in_on_both_submission_services() {
    let site = Site::start();
    for way in [Way::Submission, Way::Submissions] {
        for mechanism in ["PLAIN", "LOGIN"] {
            let user = format!("{way:?}-{mechanism}").to_lowercase();
            let file = site.file(&user, b"Subject: x\r\n\r\nHello");
            let mut command = swaks(&site, way, &format!("{user}@{DOMAIN}"));
            command.args(["--auth", mechanism, "--data"]).arg(format!("@{}", text(&file)));
            tool::run(&mut command).expect_code(0).expect_said("235 2.7.0");
            let sent = b"Subject: x\r\n\r\nHello\r\n";
            difference::check(&user, &site.only_message(&user), sent);
        }
    }
}

#[test]
fn a_wrong_password_is_refused_to_swaks() {
    let site = Site::start();
    for way in [Way::Submission, Way::Submissions] {
        for mechanism in ["PLAIN", "LOGIN"] {
            let mut command = swaks(&site, way, &format!("kim@{DOMAIN}"));
            command.args(["--auth", mechanism, "--auth-password", "not-it"]);
            tool::run(&mut command).expect_code(LOGIN_DENIED).expect_said("535 5.7.8");
        }
    }
    site.expect_no_message("kim");
}

#[test]
fn auth_is_offered_to_swaks_over_tls_and_not_in_clear() {
    let site = Site::start();
    let submission = site.address(Way::Submission).to_string();
    let mut clear = tool::installed("swaks");
    clear.args(["--server", &submission, "--ehlo", "client.example.org", "--quit-after", "EHLO"]);
    tool::run(&mut clear).expect_code(0).expect_said("STARTTLS").expect_unsaid("AUTH");

    let mut over_tls = swaks(&site, Way::Submission, &format!("kim@{DOMAIN}"));
    over_tls.args(["--quit-after", "EHLO"]);
    let outcome = tool::run(&mut over_tls).expect_code(0);
    outcome.expect_said("PLAIN").expect_said("LOGIN");

    let mut insists = tool::installed("swaks");
    insists.args(["--server", &submission, "--to", &format!("kim@{DOMAIN}"), "--auth", "PLAIN"]);
    insists.args(["--auth-user", USER, "--auth-password", PASSWORD]);
    tool::run(&mut insists).expect_code(LOGIN_DENIED);
    site.expect_no_message("kim");
}

#[test]
fn relaying_is_refused_to_swaks_unless_it_logs_in() {
    let site = Site::start();
    let outcome = tool::run(&mut swaks(&site, Way::Clear, "kim@elsewhere.example"));
    outcome.expect_code(RECIPIENTS_REFUSED).expect_said("554 5.7.1");
    let outcome = tool::run(&mut swaks(&site, Way::Submission, "kim@elsewhere.example"));
    outcome.expect_code(0).expect_said("250 2.0.0");
}

#[test]
fn each_recipient_is_answered_over_lmtp_to_swaks() {
    let site = Site::start();
    let content = bodies::short();
    let file = site.file("letter", &terminated(&content));
    let mut command = tool::installed("swaks");
    command.args(["--protocol", "LMTP", "--server", &site.lmtp().to_string()]);
    command.args(["--from", "ann@example.org", "--to", &format!("kim@{DOMAIN},lee@{DOMAIN}")]);
    command.args(["--no-data-fixup", "--data"]).arg(format!("@{}", text(&file)));
    tool::run(&mut command).expect_code(0);
    for user in ["kim", "lee"] {
        difference::check(user, &site.only_message(user), &content);
    }
}

#[test]
fn a_message_arrives_over_a_unix_socket_from_swaks() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("lmtp");
    let mta = Mta::start(&["--lmtp", &format!("unix:{}", text(&path))]);
    let mut command = tool::installed("swaks");
    command.args(["--protocol", "LMTP", "--socket", text(&path)]);
    command.args(["--from", "ann@example.org", "--to", "kim@localhost"]);
    tool::run(&mut command).expect_code(0).expect_said("250 2.0.0");
    assert_eq!(mta.messages("localhost", "kim").len(), 1);
}

/// The octets as they are: swaks would lose a dot as the last line, and not double one at the start.
fn send(site: &Site, letter: &Letter<'_>) {
    let terminated = terminated(&with_final_line_ending_unless_empty(letter.content));
    let file = site.file("terminated", &terminated);
    let mut command = swaks(site, letter.way, &letter.recipient);
    command.args(["--suppress-data", "--no-data-fixup", "--data"]);
    if terminated.contains(&b'\n') {
        command.arg(format!("@{}", text(&file)));
    } else {
        // It would take a single line of a file for the name of another one.
        command.arg(&file);
    }
    tool::run(&mut command).expect_code(0);
}

fn swaks(site: &Site, way: Way, recipient: &str) -> Command {
    let mut command = tool::installed("swaks");
    command.args(["--server", &site.address(way).to_string(), "--ehlo", "client.example.org"]);
    command.args(["--from", "ann@example.org", "--to", recipient]);
    match way {
        Way::Clear => {}
        Way::StartTls | Way::Submission => {
            command.arg("--tls");
        }
        Way::Submissions => {
            command.arg("--tls-on-connect");
        }
    }
    if way != Way::Clear {
        command.args(["--tls-sni", HOST, "--tls-verify"]);
        command.args(["--tls-ca-path", text(site.certificate())]);
    }
    if way.authenticates() {
        command.args(["--auth", "PLAIN", "--auth-user", USER, "--auth-password", PASSWORD]);
    }
    command
}
