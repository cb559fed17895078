//! curl, with `--upload-file`.
//!
//! * **In**: a letter. **Out**: curl's exit code. **Promises**: the certificate is verified.
//! * **Limits**: as `tool`. **Panics**: if curl fails. **Spec**: curl(1).

use std::process::Command;

use super::site::{HOST, PASSWORD, Site, USER};
use super::{Client, Letter, Way, bodies, difference, every_body_arrives, text, tool};
use super::{DOMAIN, with_final_line_ending_unless_empty};

const CURL: Client = Client { send, sends: with_final_line_ending_unless_empty };

/// curl's exit code for a refused login.
const LOGIN_DENIED: i32 = 67;

#[test]
fn every_body_arrives_from_curl_in_clear() {
    every_body_arrives(&CURL, Way::Clear);
}

#[test]
fn every_body_arrives_from_curl_over_starttls() {
    every_body_arrives(&CURL, Way::StartTls);
}

#[test]
fn every_body_arrives_from_curl_over_submission() {
    every_body_arrives(&CURL, Way::Submission);
}

#[test]
fn every_body_arrives_from_curl_over_submissions() {
    every_body_arrives(&CURL, Way::Submissions);
}

#[test]
fn each_mechanism_logs_curl_in_with_and_without_an_initial_response() {
    let site = Site::start();
    let rows = [("PLAIN", true), ("PLAIN", false), ("LOGIN", true), ("LOGIN", false)];
    for (row, (mechanism, initial)) in rows.into_iter().enumerate() {
        let user = format!("login{row}");
        let content = bodies::short();
        let file = site.file(&user, &content);
        let recipient = format!("{user}@{DOMAIN}");
        let letter = Letter { way: Way::Submission, recipient, content: &content, file };
        let mut command = curl(&site, &letter);
        command.arg("--login-options").arg(format!("AUTH={mechanism}"));
        if initial {
            command.arg("--sasl-ir");
        }
        let outcome = tool::run(&mut command).expect_code(0);
        outcome.expect_said(&format!("AUTH {mechanism}"));
        let context = format!("{mechanism}, initial response: {initial}");
        difference::check(&context, &site.only_message(&user), &content);
    }
}

#[test]
fn a_sender_identity_is_taken_from_curl() {
    let site = Site::start();
    let content = bodies::short();
    let file = site.file("letter", &content);
    let recipient = format!("kim@{DOMAIN}");
    let letter = Letter { way: Way::Submission, recipient, content: &content, file };
    let outcome = tool::run(curl(&site, &letter).args(["--mail-auth", "boss@example.org"]));
    outcome.expect_code(0).expect_said("AUTH=<boss@example.org>");
    difference::check("--mail-auth", &site.only_message("kim"), &content);
}

#[test]
fn a_wrong_password_is_refused_to_curl() {
    let site = Site::start();
    let content = bodies::short();
    let file = site.file("letter", &content);
    let recipient = format!("kim@{DOMAIN}");
    let letter = Letter { way: Way::Submissions, recipient, content: &content, file };
    let mut command = curl(&site, &letter);
    command.arg("--user").arg(format!("{USER}:not-{PASSWORD}"));
    tool::run(&mut command).expect_code(LOGIN_DENIED).expect_said("< 535 5.7.8");
    site.expect_no_message("kim");
}

fn send(site: &Site, letter: &Letter<'_>) {
    tool::run(&mut curl(site, letter)).expect_code(0);
}

fn curl(site: &Site, letter: &Letter<'_>) -> Command {
    let port = site.address(letter.way).port();
    let scheme = if letter.way == Way::Submissions { "smtps" } else { "smtp" };
    let mut command = tool::installed("curl");
    command.args(["-q", "--silent", "--show-error", "--verbose", "--noproxy", "*"]);
    command.arg("--resolve").arg(format!("{HOST}:{port}:127.0.0.1"));
    command.args(["--mail-from", "ann@example.org", "--mail-rcpt", &letter.recipient]);
    command.args(["--upload-file", text(&letter.file)]);
    if letter.way != Way::Clear {
        command.args(["--ssl-reqd", "--cacert", text(site.certificate())]);
    }
    if letter.way.authenticates() {
        command.arg("--user").arg(format!("{USER}:{PASSWORD}"));
    }
    command.arg(format!("{scheme}://{HOST}:{port}/client.example.org"));
    command
}
