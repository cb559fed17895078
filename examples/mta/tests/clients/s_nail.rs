//! s-nail, which resends a message of a folder as it is.
//!
//! * **In**: a letter. **Out**: s-nail's exit code. **Promises**: the certificate and its name are verified.
//! * **Limits**: as `tool`; no message without a line. **Panics**: if s-nail fails.
//! * **Spec**: s-nail(1), the command `Resend`, "On URL syntax and credential lookup".

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::site::{HOST, PASSWORD, Site, USER};
use super::{Client, DOMAIN, Letter, Way, bodies, difference, every_body_arrives};
use super::{every_small_body_arrives, text, tool, with_final_line_ending};

const S_NAIL: Client = Client { send, sends };

#[test]
fn every_small_body_arrives_from_s_nail_in_clear() {
    every_small_body_arrives(&S_NAIL, Way::Clear);
}

#[test]
fn every_small_body_arrives_from_s_nail_over_starttls() {
    every_small_body_arrives(&S_NAIL, Way::StartTls);
}

#[test]
fn every_small_body_arrives_from_s_nail_over_submission() {
    every_small_body_arrives(&S_NAIL, Way::Submission);
}

#[test]
fn every_body_arrives_from_s_nail_over_submissions() {
    every_body_arrives(&S_NAIL, Way::Submissions);
}

#[test]
fn each_mechanism_logs_s_nail_in() {
    let site = Site::start();
    for mechanism in ["plain", "login"] {
        let content = bodies::short();
        let recipient = format!("{mechanism}@{DOMAIN}");
        let login = (mechanism, PASSWORD);
        tool::run(&mut s_nail(&site, Way::Submissions, login, &recipient, &content)).expect_code(0);
        difference::check(mechanism, &site.only_message(mechanism), &content);
    }
}

#[test]
fn a_wrong_password_is_refused_to_s_nail() {
    let site = Site::start();
    let (login, recipient) = (("plain", "not-it"), format!("kim@{DOMAIN}"));
    let mut command = s_nail(&site, Way::Submission, login, &recipient, &bodies::short());
    tool::run(&mut command).expect_said("535 5.7.8");
    site.expect_no_message("kim");
}

fn send(site: &Site, letter: &Letter<'_>) {
    let login = ("plain", PASSWORD);
    let mut command = s_nail(site, letter.way, login, &letter.recipient, letter.content);
    tool::run(&mut command).expect_code(0);
}

/// In a folder the last line of a message ends, there is at least one, and an empty one below others is not the
/// message's.
fn sends(content: &[u8]) -> Vec<u8> {
    let mut sent = with_final_line_ending(content);
    if sent.ends_with(b"\r\n\r\n") {
        sent.truncate(sent.len() - 2);
    }
    sent
}

/// `login` is a mechanism and a password.
fn s_nail(site: &Site, way: Way, login: (&str, &str), recipient: &str, content: &[u8]) -> Command {
    let mut command = tool::installed("s-nail");
    site.resolve_host(&mut command);
    // Without files of the system or the user, and without leaving one.
    command.args(["-n", "-#", "-R", "-S", "v15-compat", "-S", "nosave"]).env("MAILRC", "/dev/null");
    command.args(["-S", "from=ann@example.org", "-S", "hostname=client.example.org"]);
    let port = site.address(way).port();
    let scheme = if way == Way::Submissions { "smtps" } else { "smtp" };
    let (mechanism, user) = if way.authenticates() {
        (login.0, format!("{USER}:{}@", login.1.replace(' ', "%20")))
    } else {
        ("none", String::new())
    };
    command.args(["-S", &format!("smtp-auth={mechanism}")]);
    command.args(["-S", &format!("mta={scheme}://{user}{HOST}:{port}")]);
    if matches!(way, Way::StartTls | Way::Submission) {
        command.args(["-S", "smtp-use-starttls"]);
    }
    command.args(["-S", "tls-verify=strict", "-S", "tls-ca-no-defaults"]);
    command.args(["-S", &format!("tls-ca-file={}", text(site.certificate()))]);
    command.args(["-S", "sendwait", "-Y", &format!("Resend 1 {recipient}"), "-Y", "x"]);
    command.args(["-f", &format!("maildir://{}", text(&folder_with(site, content)))]);
    command
}

/// Makes a Maildir with one message.
fn folder_with(site: &Site, content: &[u8]) -> PathBuf {
    let folder = site.work().join("folder");
    for name in ["tmp", "new", "cur"] {
        fs::create_dir_all(folder.join(name)).expect("a directory");
    }
    let message = folder.join("cur/1:2,S");
    let lines = difference::with_unix_lines(&with_final_line_ending(content));
    fs::write(message, lines).expect("a message");
    folder
}
