//! Go's net/smtp, which asks for 8BITMIME and SMTPUTF8 whenever they are offered.
//!
//! * **In**: a letter. **Out**: the exit code of a program below `tests/peers`.
//! * **Promises**: the certificate and its name are verified. **Limits**: as `tool`; of AUTH only PLAIN.
//! * **Panics**: if the program fails. **Spec**: the documentation of Go's `net/smtp`.

use std::process::Command;

use super::site::Site;
use super::{Client, DOMAIN, Letter, Way, bodies, difference, every_body_arrives};
use super::{every_small_body_arrives, tool, with_final_line_ending};

const GO: Client = Client { send, sends: with_final_line_ending };

#[test]
fn every_small_body_arrives_from_go_in_clear() {
    every_small_body_arrives(&GO, Way::Clear);
}

#[test]
fn every_small_body_arrives_from_go_over_starttls() {
    every_small_body_arrives(&GO, Way::StartTls);
}

#[test]
fn every_small_body_arrives_from_go_over_submission() {
    every_small_body_arrives(&GO, Way::Submission);
}

#[test]
fn every_body_arrives_from_go_over_submissions() {
    every_body_arrives(&GO, Way::Submissions);
}

#[test]
fn a_message_to_an_address_beyond_ascii_arrives_from_go() {
    let site = Site::start();
    let content = bodies::short();
    let file = site.file("letter", &content);
    let mut command = go();
    let recipient = format!("zoë@{DOMAIN}");
    tool::add_letter(&mut command, &site, Way::Submissions, &recipient, &file);
    tool::run(&mut command).expect_code(0);
    let message = site.only_message_of_all();
    difference::check("SMTPUTF8", &message, &content);
    difference::check_received(&message, "with UTF8SMTPSA ");
}

#[test]
fn a_wrong_password_is_refused_to_go() {
    let site = Site::start();
    let file = site.file("letter", &bodies::short());
    let mut command = go();
    tool::add_letter(&mut command, &site, Way::Submission, &format!("kim@{DOMAIN}"), &file);
    command.env("SMTP_PASSWORD", "not-it");
    tool::run(&mut command).expect_code(1).expect_said("535 \"5.7.8");
    site.expect_no_message("kim");
}

fn send(site: &Site, letter: &Letter<'_>) {
    let mut command = go();
    tool::add_letter(&mut command, site, letter.way, &letter.recipient, &letter.file);
    tool::run(&mut command).expect_code(0);
}

fn go() -> Command {
    tool::at(&tool::peer("go-send"))
}
