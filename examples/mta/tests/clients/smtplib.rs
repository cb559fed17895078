//! Python's smtplib.
//!
//! * **In**: a letter. **Out**: the exit code of a script beside this file.
//! * **Promises**: the certificate is verified. **Limits**: as `tool`. **Panics**: if the script fails.
//! * **Spec**: the documentation of Python's `smtplib`.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::site::Site;
use super::with_final_line_ending;
use super::{Client, DOMAIN, Letter, Way, bodies, difference, every_body_arrives, text, tool};

const SMTPLIB: Client = Client { send, sends: with_final_line_ending };

#[test]
fn every_body_arrives_from_smtplib_in_clear() {
    every_body_arrives(&SMTPLIB, Way::Clear);
}

#[test]
fn every_body_arrives_from_smtplib_over_starttls() {
    every_body_arrives(&SMTPLIB, Way::StartTls);
}

#[test]
fn every_body_arrives_from_smtplib_over_submission() {
    every_body_arrives(&SMTPLIB, Way::Submission);
}

#[test]
fn every_body_arrives_from_smtplib_over_submissions() {
    every_body_arrives(&SMTPLIB, Way::Submissions);
}

/// smtplib asks for SMTPUTF8 by itself, as an address is not ASCII.
#[test]
fn a_message_to_an_address_beyond_ascii_arrives_from_smtplib() {
    let site = Site::start();
    let written = site.file("written", b"");
    let mut command = script("smtputf8.py");
    command.arg(site.address(Way::Clear).port().to_string());
    command.args(["jörg@example.org", &format!("zoë@{DOMAIN}"), text(&written)]);
    tool::run(&mut command).expect_code(0).expect_said("SMTPUTF8");
    let sent = fs::read(&written).expect("the script writes what it sends");
    assert!(!sent.is_ascii(), "the header section is UTF-8");
    difference::check("SMTPUTF8", &site.only_message_of_all(), &sent);
}

#[test]
fn each_recipient_is_answered_over_lmtp_to_smtplib() {
    let site = Site::start();
    let content = bodies::short();
    let file = site.file("letter", &content);
    let mut command = script("lmtp.py");
    command.arg(site.lmtp().port().to_string()).args(["ann@example.org", text(&file)]);
    command.args([format!("kim@{DOMAIN}"), format!("lee@{DOMAIN}")]);
    tool::run(&mut command).expect_code(0);
    for user in ["kim", "lee"] {
        difference::check(user, &site.only_message(user), &content);
    }
}

#[test]
fn a_wrong_password_is_refused_to_smtplib() {
    let site = Site::start();
    let file = site.file("letter", &bodies::short());
    for way in [Way::Submission, Way::Submissions] {
        let recipient = format!("kim@{DOMAIN}");
        let mut command = smtplib(&site, way, &recipient, &file);
        command.env("SMTP_PASSWORD", "not-it");
        tool::run(&mut command)
            .expect_code(1)
            .expect_said("SMTPAuthenticationError: (535, b'5.7.8");
    }
    site.expect_no_message("kim");
}

fn send(site: &Site, letter: &Letter<'_>) {
    tool::run(&mut smtplib(site, letter.way, &letter.recipient, &letter.file)).expect_code(0);
}

fn smtplib(site: &Site, way: Way, recipient: &str, file: &Path) -> Command {
    let mut command = script("send.py");
    tool::add_letter(&mut command, site, way, recipient, file);
    command
}

fn script(name: &str) -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name);
    let mut command = tool::installed("python3");
    command.arg("-B").arg(path);
    command
}
