//! mutt, which composes a message around a text and keeps a copy.
//!
//! * **In**: a text. **Out**: mutt's exit code, and its copy, with which the message that arrives is compared.
//! * **Promises**: the certificate and its name are verified. **Limits**: as `tool`.
//! * **Panics**: if mutt fails. **Spec**: muttrc(5).

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::bodies::Body;
use super::site::{HOST, PASSWORD, Site, USER};
use super::{DOMAIN, Way, bodies, difference, text, tool};

#[test]
fn every_small_text_arrives_from_mutt_in_clear() {
    every_text_arrives(Way::Clear, &bodies::small());
}

#[test]
fn every_small_text_arrives_from_mutt_over_starttls() {
    every_text_arrives(Way::StartTls, &bodies::small());
}

#[test]
fn every_small_text_arrives_from_mutt_over_submission() {
    every_text_arrives(Way::Submission, &bodies::small());
}

#[test]
fn every_text_arrives_from_mutt_over_submissions() {
    every_text_arrives(Way::Submissions, &bodies::all());
}

#[test]
fn each_mechanism_logs_mutt_in() {
    let site = Site::start();
    for mechanism in ["plain", "login"] {
        let mut command = mutt(&site, Way::Submission, mechanism);
        set(&mut command, "smtp_authenticators", mechanism);
        run(&mut command, mechanism, &bodies::short()).expect_code(0);
        expect_copy(&site, mechanism, mechanism);
    }
}

#[test]
fn a_wrong_password_is_refused_to_mutt() {
    let site = Site::start();
    let mut command = mutt(&site, Way::Submissions, "kim");
    set(&mut command, "smtp_pass", "not-it");
    let outcome = run(&mut command, "kim", &bodies::short()).expect_code(1);
    outcome.expect_said("SASL authentication failed");
    site.expect_no_message("kim");
}

fn every_text_arrives(way: Way, texts: &[Body]) {
    let site = Site::start();
    for (row, body) in texts.iter().enumerate() {
        let user = format!("row{row}");
        run(&mut mutt(&site, way, &user), &user, &body.content).expect_code(0);
        let context = format!("{way:?}, {}", body.name);
        expect_copy(&site, &context, &user);
    }
}

/// The text is a Unix file; the message gets a header section of its own.
fn run(command: &mut Command, user: &str, text: &[u8]) -> tool::Outcome {
    command.args(["-x", "-s", "a row", &format!("{user}@{DOMAIN}")]);
    tool::run_with_input(command, &difference::with_unix_lines(text))
}

/// What arrived is what mutt says it sent, below the first field, for which it reads the clock each time.
#[track_caller]
fn expect_copy(site: &Site, context: &str, user: &str) {
    let folder = fs::read_dir(record(site, user).join("cur")).expect("mutt keeps a copy");
    let copies: Vec<_> = folder.map(|copy| copy.expect("a copy").path()).collect();
    assert_eq!(copies.len(), 1, "copies for {user}");
    let copy = fs::read(&copies[0]).expect("a copy");
    let (date, below) =
        copy.split_at(copy.iter().position(|octet| *octet == b'\n').expect("a line") + 1);
    assert!(date.starts_with(b"Date: "), "{context}: {}", date.escape_ascii());
    // Its copy may lack the end of the last line, as the text does; on the wire each line ends.
    let sent = if below.ends_with(b"\n") { below.to_vec() } else { [below, b"\n"].concat() };
    difference::check_below("Date: ", context, &site.only_message(user), &sent);
}

fn record(site: &Site, user: &str) -> PathBuf {
    site.work().join(format!("sent-{user}"))
}

fn mutt(site: &Site, way: Way, user: &str) -> Command {
    let mut command = tool::installed("mutt");
    site.resolve_host(&mut command);
    command.args(["-n", "-F", "/dev/null"]);
    let scheme = if way == Way::Submissions { "smtps" } else { "smtp" };
    let login = if way.authenticates() { format!("{USER}@") } else { String::new() };
    let starttls = if way == Way::Clear { "no" } else { "yes" };
    let port = site.address(way).port();
    for (name, value) in [
        ("smtp_url", format!("{scheme}://{login}{HOST}:{port}").as_str()),
        ("smtp_pass", PASSWORD),
        ("ssl_starttls", starttls),
        ("ssl_force_tls", starttls),
        ("certificate_file", text(site.certificate())),
        ("from", "ann@example.org"),
        ("hostname", "client.example.org"),
        ("charset", "utf-8"),
        ("mbox_type", "Maildir"),
        ("record", text(&record(site, user))),
        ("confirmcreate", "no"),
        ("tmpdir", text(site.work())),
    ] {
        set(&mut command, name, value);
    }
    command
}

fn set(command: &mut Command, name: &str, value: &str) {
    command.args(["-e", &format!("set {name}=\"{value}\"")]);
}
