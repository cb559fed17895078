//! lettre logs in over STARTTLS, and verifies the server's certificate.

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport};
use smtp_server::testing::TestServer;
use smtp_server::testing::matcher::{Matcher, from, subject, text_contains, to};
use std::time::Duration;

#[test]
fn a_welcome_is_sent_with_lettre() -> Result<(), Box<dyn std::error::Error>> {
    let server = TestServer::builder().starttls().login("app", "secret").start_blocking()?;
    let root = server.root_certificate().expect("it has TLS").pem();
    let tls = TlsParameters::builder("localhost".to_owned())
        .certificate_store(CertificateStore::None)
        .add_root_certificate(Certificate::from_pem(root.as_bytes())?)
        .build()?;
    let transport = SmtpTransport::builder_dangerous("127.0.0.1")
        .port(server.addr().port())
        .tls(Tls::Required(tls))
        .credentials(Credentials::new("app".to_owned(), "secret".to_owned()))
        .build();

    let welcome = Message::builder()
        .from("App <app@example.org>".parse()?)
        .to("Kim <kim@example.org>".parse()?)
        .subject("Grüße")
        .body("Schön, dass du da bist.".to_owned())?;
    transport.send(&welcome)?;

    let message = server.inbox().wait_for(subject("Grüße"), Duration::from_secs(5))?;
    message.assert(from("app@example.org").and(to("kim@example.org")).and(text_contains("Schön")));
    assert!(message.session().tls.is_some());
    assert_eq!(message.session().identity.as_ref().map(|who| &*who.authcid), Some("app"));
    Ok(())
}
