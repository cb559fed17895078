//! lettre, a Rust library, over rustls.
//!
//! * **In**: a letter. **Out**: lettre's response or error. **Promises**: the server's certificate is the only root.
//! * **Limits**: [`TIMEOUT`] per read and write. **Panics**: if lettre fails. **Spec**: lettre's documentation.

use std::fs;
use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport};

use super::site::{HOST, PASSWORD, Site, USER};
use super::{Client, DOMAIN, Letter, Way, bodies, difference, every_body_arrives};

const LETTRE: Client = Client { send, sends };

const TIMEOUT: Duration = Duration::from_secs(60);

#[test]
fn every_body_arrives_from_lettre_in_clear() {
    every_body_arrives(&LETTRE, Way::Clear);
}

#[test]
fn every_body_arrives_from_lettre_over_starttls() {
    every_body_arrives(&LETTRE, Way::StartTls);
}

#[test]
fn every_body_arrives_from_lettre_over_submission() {
    every_body_arrives(&LETTRE, Way::Submission);
}

#[test]
fn every_body_arrives_from_lettre_over_submissions() {
    every_body_arrives(&LETTRE, Way::Submissions);
}

#[test]
fn a_message_that_lettre_builds_arrives() {
    let site = Site::start();
    let message = Message::builder()
        .from("Ann <ann@example.org>".parse().expect("an address"))
        .to(format!("Kim <kim@{DOMAIN}>").parse().expect("an address"))
        .subject("Grüße")
        .header(ContentType::TEXT_PLAIN)
        .body("Schöne Grüße\n.\n..\n.x\n".to_owned())
        .expect("a message");
    transport(&site, Way::StartTls, PASSWORD).send(&message).expect("lettre sends");
    difference::check("built", &site.only_message("kim"), &sends(&message.formatted()));
}

#[test]
fn each_mechanism_logs_lettre_in() {
    let site = Site::start();
    for (user, mechanism) in [("plain", Mechanism::Plain), ("login", Mechanism::Login)] {
        let content = bodies::short();
        let transport = builder(&site, Way::Submissions, PASSWORD).authentication(vec![mechanism]);
        let sent = transport.build().send_raw(&envelope(&format!("{user}@{DOMAIN}")), &content);
        sent.expect("lettre sends");
        difference::check(user, &site.only_message(user), &sends(&content));
    }
}

#[test]
fn a_wrong_password_is_refused_to_lettre() {
    let site = Site::start();
    let transport = transport(&site, Way::Submission, "not-it");
    let refused = transport.send_raw(&envelope(&format!("kim@{DOMAIN}")), &bodies::short());
    let error = refused.expect_err("the password is wrong");
    assert_eq!(error.status().map(u16::from), Some(535), "{error}");
    site.expect_no_message("kim");
}

#[test]
fn lettre_does_not_take_a_certificate_for_another_name() {
    let site = Site::start();
    let tls = Tls::Wrapper(tls_parameters(&site, "elsewhere.example"));
    let transport = builder(&site, Way::Submissions, PASSWORD).tls(tls).build();
    let refused = transport.send_raw(&envelope(&format!("kim@{DOMAIN}")), &bodies::short());
    refused.expect_err("the certificate is for another name");
    site.expect_no_message("kim");
}

fn send(site: &Site, letter: &Letter<'_>) {
    let transport = transport(site, letter.way, PASSWORD);
    transport.send_raw(&envelope(&letter.recipient), letter.content).expect("lettre sends");
}

/// lettre puts CRLF, dot, CRLF below any content, also below one that ends with CRLF.
fn sends(content: &[u8]) -> Vec<u8> {
    [content, b"\r\n"].concat()
}

fn transport(site: &Site, way: Way, password: &str) -> SmtpTransport {
    builder(site, way, password).build()
}

fn builder(site: &Site, way: Way, password: &str) -> lettre::transport::smtp::SmtpTransportBuilder {
    let address = site.address(way);
    let tls = match way {
        Way::Clear => Tls::None,
        Way::StartTls | Way::Submission => Tls::Required(tls_parameters(site, HOST)),
        Way::Submissions => Tls::Wrapper(tls_parameters(site, HOST)),
    };
    let builder = SmtpTransport::builder_dangerous(address.ip().to_string())
        .port(address.port())
        .timeout(Some(TIMEOUT))
        .tls(tls);
    if way.authenticates() {
        builder.credentials(Credentials::new(USER.to_owned(), password.to_owned()))
    } else {
        builder
    }
}

fn tls_parameters(site: &Site, name: &str) -> TlsParameters {
    let pem = fs::read(site.certificate()).expect("the certificate was written");
    TlsParameters::builder(name.to_owned())
        .certificate_store(CertificateStore::None)
        .add_root_certificate(Certificate::from_pem(&pem).expect("a certificate"))
        .build()
        .expect("TLS parameters")
}

fn envelope(recipient: &str) -> Envelope {
    let from = "ann@example.org".parse().expect("an address");
    let to = recipient.parse().expect("an address");
    Envelope::new(Some(from), vec![to]).expect("an envelope")
}
