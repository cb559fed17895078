//! Postfix's smtp-source: many messages, several sessions; SMTP and LMTP, without TLS.
//!
//! * **In**: counts, or a letter. **Out**: the number of messages and their octets.
//! * **Promises**: nothing of Postfix but this program runs. **Limits**: as `tool`.
//! * **Panics**: if smtp-source fails. **Spec**: smtp-source(1).

use std::net::SocketAddr;
use std::process::Command;

use super::site::Site;
use super::with_final_line_ending;
use super::{
    Client, DOMAIN, Letter, Way, difference, every_body_arrives, every_small_body_arrives, text,
    tool,
};

const SMTP_SOURCE: Client = Client { send, sends };
const SMTP_SOURCE_LMTP: Client = Client { send: send_over_lmtp, sends };

/// Octets of the content below the header section of a generated message.
const PAYLOAD_OCTETS: usize = 4096;

/// Octets of a line there, with its CRLF.
const LINE_OCTETS: usize = 80;

#[test]
fn every_body_arrives_from_smtp_source() {
    every_body_arrives(&SMTP_SOURCE, Way::Clear);
}

// rows: 5321-4.5.4.2-a
#[test]
fn every_small_body_arrives_over_lmtp_from_smtp_source() {
    every_small_body_arrives(&SMTP_SOURCE_LMTP, Way::Clear);
}

#[test]
fn every_message_of_parallel_sessions_arrives_from_smtp_source() {
    let site = Site::start();
    for (user, session_options) in [("a-session-each", &[][..]), ("kept", &["-d"][..])] {
        let mut command = smtp_source();
        command.args(["-s", "10", "-m", "300", "-l", &PAYLOAD_OCTETS.to_string()]);
        command.args(session_options).args(["-M", "client.example.org"]);
        command.args(["-f", "ann@example.org", "-t", &format!("{user}@{DOMAIN}")]);
        command.arg(format!("inet:{}", site.address(Way::Clear)));
        tool::run(&mut command).expect_code(0);
        let messages = site.messages(user);
        assert_eq!(messages.len(), 300, "{user}");
        for message in &messages {
            expect_generated(user, message);
        }
    }
}

#[test]
fn every_recipient_of_parallel_sessions_gets_mail_over_lmtp_from_smtp_source() {
    let site = Site::start();
    let mut command = smtp_source();
    command.args(["-L", "-s", "5", "-m", "50", "-r", "2", "-l", &PAYLOAD_OCTETS.to_string()]);
    command.args(["-M", "client.example.org"]);
    command.args(["-f", "ann@example.org", "-t", &format!("kim@{DOMAIN}")]);
    command.arg(format!("inet:{}", site.lmtp()));
    tool::run(&mut command).expect_code(0);
    // It puts a number before each name but the first.
    for user in ["kim", "2kim"] {
        let messages = site.messages(user);
        assert_eq!(messages.len(), 50, "{user}");
        for message in &messages {
            expect_generated(user, message);
        }
    }
}

fn send(site: &Site, letter: &Letter<'_>) {
    send_to(site, site.address(letter.way), letter, &mut smtp_source());
}

fn send_over_lmtp(site: &Site, letter: &Letter<'_>) {
    send_to(site, site.lmtp(), letter, smtp_source().arg("-L"));
}

fn send_to(site: &Site, address: SocketAddr, letter: &Letter<'_>, command: &mut Command) {
    // It reads lines as a Unix file has them.
    let file = site.file("unix-lines", &difference::with_unix_lines(letter.content));
    command.args(["-M", "client.example.org", "-f", "ann@example.org", "-t", &letter.recipient]);
    command.args(["-F", text(&file)]).arg(format!("inet:{address}"));
    tool::run(command).expect_code(0);
}

/// An empty line follows the last of a file; in place of an empty file it says something.
fn sends(content: &[u8]) -> Vec<u8> {
    if content.is_empty() {
        return (1..=4)
            .flat_map(|line| format!("La de da de da {line}.\r\n").into_bytes())
            .collect();
    }
    [with_final_line_ending(content).as_slice(), b"\r\n"].concat()
}

/// A header section, then numbered lines of `X`, the last one shorter.
#[track_caller]
fn expect_generated(context: &str, message: &[u8]) {
    let content = difference::without_trace(context, message);
    let content = std::str::from_utf8(content).expect("ASCII");
    let (header, payload) = content.split_once("\n\n").expect("an empty line");
    assert!(header.starts_with("From: <ann@example.org>\nTo: "), "{context}: {header}");
    let mut generated: String = (1..=PAYLOAD_OCTETS / LINE_OCTETS)
        .map(|line| format!("{}{}\n", line % 10, "X".repeat(LINE_OCTETS - 3)))
        .collect();
    generated.push_str(&"X".repeat(PAYLOAD_OCTETS % LINE_OCTETS));
    generated.push('\n');
    assert_eq!(payload, generated, "{context}");
}

fn smtp_source() -> Command {
    let postfix = tool::peer("postfix");
    let mut command = tool::at(&postfix.join("usr/sbin/smtp-source"));
    command.env("LD_LIBRARY_PATH", postfix.join("usr/lib/postfix"));
    command
}
