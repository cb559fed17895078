//! Mail from real clients, in clear and over TLS, arrives octet for octet.
//!
//! * **In**: the programs that `scripts/test` installs, [`bodies::all`], the `mta` program.
//!   **Out**: the Maildir's files, compared with what the client says it sends.
//! * **Promises**: a client that is missing fails its tests and names the script that installs it.
//! * **Limits**: `tool::SECONDS_MAX` per client process. **Panics**: on any difference.
//! * **Spec**: RFC 5321, RFC 3207, RFC 8314, RFC 4954, RFC 2033.

mod site;

pub(crate) mod bodies;
pub(crate) mod difference;
mod relay;
pub(crate) mod tool;

mod curl;
mod dovecot;
mod exim;
mod go;
mod lettre;
pub(crate) mod mail_send;
mod msmtp;
mod mutt;
mod nodemailer;
mod openssl;
pub(crate) mod postfix;
mod prometheus;
mod reload;
mod s_nail;
mod sasl;
mod smtp_source;
mod smtplib;
mod swaks;

use std::path::{Path, PathBuf};

use bodies::Body;
use site::{DOMAIN, Site};

/// How a client reaches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The service smtp, without TLS.
    Clear,
    /// The service smtp, STARTTLS with a verified certificate.
    StartTls,
    /// The service submission, STARTTLS, then AUTH.
    Submission,
    /// The service submissions, TLS from the first octet, then AUTH.
    Submissions,
}

impl Way {
    fn authenticates(self) -> bool {
        matches!(self, Self::Submission | Self::Submissions)
    }
}

/// One message for a client to send.
#[derive(Debug)]
struct Letter<'a> {
    way: Way,
    recipient: String,
    content: &'a [u8],
    file: PathBuf,
}

/// A client program as the tables below see it.
struct Client {
    /// Sends the letter, or panics with what the client said.
    send: fn(&Site, &Letter<'_>),
    /// What the client puts on the wire for a content, by its own documentation.
    sends: fn(&[u8]) -> Vec<u8>,
}

/// Sends every body on one way, each to a mailbox of its own.
fn every_body_arrives(client: &Client, way: Way) {
    arrive(client, way, &bodies::all());
}

/// The same without the large one, for a client that sends it on another way.
fn every_small_body_arrives(client: &Client, way: Way) {
    arrive(client, way, &bodies::small());
}

fn arrive(client: &Client, way: Way, bodies: &[Body]) {
    let site = Site::start();
    for (row, body) in bodies.iter().enumerate() {
        let user = format!("row{row}");
        let file = site.file(&user, &body.content);
        let recipient = format!("{user}@{DOMAIN}");
        let letter = Letter { way, recipient, content: &body.content, file };
        (client.send)(&site, &letter);
        let context = format!("{way:?}, {}", body.name);
        difference::check(&context, &site.only_message(&user), &(client.sends)(&body.content));
    }
}

/// Most clients end the last line if the content does not.
pub(crate) fn with_final_line_ending(content: &[u8]) -> Vec<u8> {
    let mut sent = content.to_vec();
    if !sent.ends_with(b"\r\n") {
        sent.extend_from_slice(b"\r\n");
    }
    sent
}

/// As [`with_final_line_ending`], but nothing stays nothing.
fn with_final_line_ending_unless_empty(content: &[u8]) -> Vec<u8> {
    if content.is_empty() { Vec::new() } else { with_final_line_ending(content) }
}

/// The content as DATA has it, for clients that do not do so by themselves: dots doubled, and the
/// final dot, still without its CRLF.
fn terminated(content: &[u8]) -> Vec<u8> {
    let mut stuffed = Vec::with_capacity(content.len() + content.len() / 16);
    for line in content.split_inclusive(|octet| *octet == b'\n') {
        if line.starts_with(b".") {
            stuffed.push(b'.');
        }
        stuffed.extend_from_slice(line);
    }
    stuffed.push(b'.');
    stuffed
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("paths of the tests are ASCII")
}
