//! Mail by way of a provider that wants a login, on both of its ports for users.

use std::fs;
use std::net::SocketAddr;

use crate::client::Client;
use crate::harness::{Mta, run_passwd};

fn send(mta: &Mta) {
    let mut client = Client::hello(mta.smtp());
    client.ask("MAIL FROM:<kim@sender.test>");
    client.ask("RCPT TO:<lee@provider.test>");
    client.ask("DATA");
    let reply = client.ask("Subject: x\r\n\r\nx\r\n.");
    assert!(reply.starts_with("250 "), "{reply}");
}

#[test]
fn a_provider_gets_the_login_under_tls() {
    let directory = tempfile::tempdir().expect("a directory");
    let users = directory.path().join("users");
    assert!(run_passwd(&users, "kim", "secret\n").status.success());
    let users = users.to_str().expect("UTF-8");
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let (certificate, key) = (directory.path().join("crt"), directory.path().join("key"));
    fs::write(&certificate, made.cert.pem()).expect("written");
    fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    let (certificate, key) = (certificate.display(), key.display());
    let provider = Mta::start(&[
        "--passwd",
        users,
        "-o",
        "mydestination=provider.test",
        "-o",
        &format!("smtpd_tls_cert_file={certificate}"),
        "-o",
        &format!("smtpd_tls_key_file={key}"),
    ]);
    let ports: [(SocketAddr, &str); 2] =
        [(provider.submission(), "no"), (provider.submissions(), "yes")];
    for (sent, (address, wrapped)) in ports.into_iter().enumerate() {
        let logins = directory.path().join("logins");
        let relayhost = format!("[127.0.0.1]:{}", address.port());
        fs::write(&logins, format!("# ours\n{relayhost} kim:secret\n")).expect("written");
        let mut mta = Mta::start(&[
            "-o",
            "mynetworks=127.0.0.0/8",
            "-o",
            &format!("relayhost={relayhost}"),
            "-o",
            "smtp_tls_security_level=verify",
            "-o",
            &format!("smtp_tls_CAfile={certificate}"),
            "-o",
            &format!("smtp_tls_wrappermode={wrapped}"),
            "-o",
            &format!("smtp_sasl_password_maps=texthash:{}", logins.display()),
        ]);
        send(&mta);
        mta.expect_log("status=sent");
        let messages = provider.messages("provider.test", "lee");
        assert_eq!(messages.len(), sent + 1, "{wrapped}");
        let newest = String::from_utf8_lossy(&messages[sent]).into_owned();
        assert!(newest.contains(" with ESMTPSA "), "{wrapped}: {newest}");
    }
}
