//! nodemailer.
//!
//! * **In**: a letter. **Out**: the exit code of a script below `tests/peers`.
//! * **Promises**: the certificate and its name are verified. **Limits**: as `tool`. **Panics**: if the script fails.
//! * **Spec**: nodemailer's documentation, `raw`.

use std::path::Path;
use std::process::Command;

use super::site::Site;
use super::{Client, DOMAIN, Letter, Way, bodies, difference, every_body_arrives};
use super::{every_small_body_arrives, tool, with_final_line_ending};

const NODEMAILER: Client = Client { send, sends: with_final_line_ending };

#[test]
fn every_small_body_arrives_from_nodemailer_in_clear() {
    every_small_body_arrives(&NODEMAILER, Way::Clear);
}

#[test]
fn every_small_body_arrives_from_nodemailer_over_starttls() {
    every_small_body_arrives(&NODEMAILER, Way::StartTls);
}

#[test]
fn every_small_body_arrives_from_nodemailer_over_submission() {
    every_small_body_arrives(&NODEMAILER, Way::Submission);
}

#[test]
fn every_body_arrives_from_nodemailer_over_submissions() {
    every_body_arrives(&NODEMAILER, Way::Submissions);
}

#[test]
fn each_mechanism_logs_nodemailer_in() {
    let site = Site::start();
    for mechanism in ["PLAIN", "LOGIN"] {
        let (content, user) = (bodies::short(), mechanism.to_lowercase());
        let file = site.file("letter", &content);
        let mut command = nodemailer();
        let recipient = format!("{user}@{DOMAIN}");
        tool::add_letter(&mut command, &site, Way::Submission, &recipient, &file);
        tool::run(command.env("SMTP_MECHANISM", mechanism)).expect_code(0);
        difference::check(mechanism, &site.only_message(&user), &content);
    }
}

/// nodemailer asks for SMTPUTF8 by itself, as an address is not ASCII.
#[test]
fn a_message_to_an_address_beyond_ascii_arrives_from_nodemailer() {
    let site = Site::start();
    let content = bodies::short();
    let file = site.file("letter", &content);
    let mut command = nodemailer();
    let recipient = format!("zoë@{DOMAIN}");
    tool::add_letter(&mut command, &site, Way::StartTls, &recipient, &file);
    tool::run(&mut command).expect_code(0).expect_said("250 2.0.0");
    let message = site.only_message_of_all();
    difference::check("SMTPUTF8", &message, &content);
    difference::check_received(&message, "with UTF8SMTPS ");
}

#[test]
fn a_wrong_password_is_refused_to_nodemailer() {
    let site = Site::start();
    let file = site.file("letter", &bodies::short());
    let mut command = nodemailer();
    tool::add_letter(&mut command, &site, Way::Submissions, &format!("kim@{DOMAIN}"), &file);
    command.env("SMTP_PASSWORD", "not-it");
    tool::run(&mut command).expect_code(1).expect_said("535 5.7.8");
    site.expect_no_message("kim");
}

fn send(site: &Site, letter: &Letter<'_>) {
    let mut command = nodemailer();
    tool::add_letter(&mut command, site, letter.way, &letter.recipient, &letter.file);
    tool::run(&mut command).expect_code(0);
}

fn nodemailer() -> Command {
    let mut command = tool::installed("node");
    command.env("NODE_PATH", tool::peer("nodemailer/node_modules"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/nodemailer/send.cjs"));
    command
}
