//! mail-send, a Rust library, over rustls: with DATA, with BDAT and over LMTP.
//!
//! * **In**: a letter. **Out**: mail-send's response or error. **Promises**: the server's certificate is the only root.
//! * **Limits**: [`TIMEOUT`] per command. **Panics**: if mail-send fails. **Spec**: mail-send's documentation.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mail_send::smtp::message::Parameters;
use mail_send::{Credentials, Error, SmtpClient, SmtpClientBuilder};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::site::{HOST, PASSWORD, Site, USER};
use super::{Client, DOMAIN, Letter, Way, bodies, difference};
use super::{every_body_arrives, every_small_body_arrives};

const DATA: Client = Client { send: send_data, sends: data_sends };
const BDAT: Client = Client { send: send_bdat, sends: <[u8]>::to_vec };

const TIMEOUT: Duration = Duration::from_secs(60);

/// How the content goes.
#[derive(Clone, Copy)]
enum Verb {
    Data,
    Bdat,
}

#[test]
fn every_small_body_arrives_from_mail_send_in_clear() {
    every_small_body_arrives(&DATA, Way::Clear);
}

#[test]
fn every_small_body_arrives_from_mail_send_over_starttls() {
    every_small_body_arrives(&DATA, Way::StartTls);
}

#[test]
fn every_body_arrives_from_mail_send_over_submissions() {
    every_body_arrives(&DATA, Way::Submissions);
}

#[test]
fn every_small_body_arrives_in_a_chunk_from_mail_send_in_clear() {
    every_small_body_arrives(&BDAT, Way::Clear);
}

#[test]
fn every_body_arrives_in_a_chunk_from_mail_send_over_submission() {
    every_body_arrives(&BDAT, Way::Submission);
}

#[test]
fn a_message_arrives_over_lmtp_from_mail_send() {
    let site = Site::start();
    let content = bodies::short();
    let builder = builder(&site, site.lmtp()).lmtp(true);
    block_on(async {
        let client = builder.connect_plain().await?;
        transfer(client, Verb::Bdat, &[&format!("kim@{DOMAIN}")], &content).await
    })
    .expect("mail-send sends");
    difference::check("LMTP", &site.only_message("kim"), &content);
}

#[test]
fn a_wrong_password_is_refused_to_mail_send() {
    let site = Site::start();
    let builder = builder(&site, site.address(Way::Submissions));
    let builder = builder.credentials(Credentials::new(USER.to_owned(), "not-it".to_owned()));
    let refused = block_on(async { builder.connect().await.map(drop) });
    let error = refused.expect_err("the password is wrong");
    assert!(matches!(&error, Error::AuthenticationFailed(reply) if reply.code == 535), "{error}");
    site.expect_no_message("kim");
}

/// Sends a content in clear, in one chunk, to any server.
pub(crate) fn submit(address: SocketAddr, recipients: &[&str], content: &[u8]) {
    block_on(async {
        let mut client = SmtpClient::connect(address, TIMEOUT).await?;
        client.read().await?;
        client.ehlo("client.example.org").await?;
        transfer(client, Verb::Bdat, recipients, content).await
    })
    .expect("mail-send sends");
}

fn send_data(site: &Site, letter: &Letter<'_>) {
    send(site, letter, Verb::Data);
}

/// mail-send puts CRLF, dot, CRLF below any content, and does not double a dot as the first octet.
fn data_sends(content: &[u8]) -> Vec<u8> {
    [content.strip_prefix(b".").unwrap_or(content), b"\r\n"].concat()
}

fn send_bdat(site: &Site, letter: &Letter<'_>) {
    send(site, letter, Verb::Bdat);
}

fn send(site: &Site, letter: &Letter<'_>, verb: Verb) {
    let way = letter.way;
    let mut builder = builder(site, site.address(way)).implicit_tls(way == Way::Submissions);
    if way.authenticates() {
        builder = builder.credentials(Credentials::new(USER.to_owned(), PASSWORD.to_owned()));
    }
    block_on(async {
        if way == Way::Clear {
            transfer(builder.connect_plain().await?, verb, &[&letter.recipient], letter.content)
                .await
        } else {
            transfer(builder.connect().await?, verb, &[&letter.recipient], letter.content).await
        }
    })
    .expect("mail-send sends");
}

async fn transfer(
    mut client: SmtpClient<impl AsyncRead + AsyncWrite + Unpin>,
    verb: Verb,
    recipients: &[&str],
    content: &[u8],
) -> mail_send::Result<()> {
    let mut parameters = Parameters::new();
    if !content.is_ascii() {
        parameters.add(("BODY", "8BITMIME"));
    }
    if !recipients.iter().all(|recipient| recipient.is_ascii()) {
        parameters.add("SMTPUTF8");
    }
    client.mail_from("ann@example.org", &parameters).await?;
    for recipient in recipients {
        client.rcpt_to(recipient, &Parameters::new()).await?;
    }
    match verb {
        Verb::Data => client.data(content).await?,
        Verb::Bdat => client.bdat(content).await?,
    };
    client.quit().await
}

fn builder(site: &Site, address: SocketAddr) -> SmtpClientBuilder<String> {
    let tls = tls_connector(site);
    let mut builder =
        SmtpClientBuilder::new_with_tls_connector(HOST.to_owned(), address.port(), tls);
    builder.addr = address.to_string();
    builder.helo_host("client.example.org").timeout(TIMEOUT)
}

fn tls_connector(site: &Site) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(site.certificate()).expect("a certificate");
    roots.add(certificate).expect("a certificate that can be a root");
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}
