//! SIGHUP: a new certificate without a pause.
//!
//! * **In**: certificates and keys in files, which change. **Out**: what openssl is shown.
//! * **Promises**: connections go on; what does not fit is said and not used.
//! * **Limits**: as `tool`. **Panics**: on a difference. **Spec**: signal(7).

use std::fs;
use std::path::Path;

use rustix::process::Signal;

use super::site::{HOST, certificate_of};
use super::text;
use crate::client::Client;
use crate::harness::Mta;

/// A certificate and its key, in PEM.
fn pair() -> (String, String) {
    let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).expect("a certificate");
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn write(directory: &Path, certificate: &str, key: &str) {
    fs::write(directory.join("certificate"), certificate).expect("a file");
    fs::write(directory.join("key"), key).expect("a file");
}

#[track_caller]
fn expect_shown(mta: &Mta, certificate: &str) {
    let lines = |pem: &str| pem.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(&certificate_of(mta.submissions())), lines(certificate));
}

#[test]
fn sighup_reads_the_certificate_again_and_disturbs_nobody() {
    let directory = tempfile::tempdir().expect("a directory");
    let (first, second, third) = (pair(), pair(), pair());
    write(directory.path(), &first.0, &first.1);
    let of = |name: &str, file: &str| format!("{name}={}", text(&directory.path().join(file)));
    let certificate = of("smtpd_tls_cert_file", "certificate");
    let key = of("smtpd_tls_key_file", "key");
    let mut mta = Mta::start(&["-o", &certificate, "-o", &key]);
    expect_shown(&mta, &first.0);
    let mut client = Client::hello(mta.smtp());

    write(directory.path(), &second.0, &second.1);
    mta.signal(Signal::HUP);
    mta.expect_log("read again");
    expect_shown(&mta, &second.0);

    for (certificate, key, reason) in
        [(&third.0, &second.1, "do not fit together"), (&String::new(), &third.1, "no certificate")]
    {
        write(directory.path(), certificate, key);
        mta.signal(Signal::HUP);
        mta.expect_log(reason);
        expect_shown(&mta, &second.0);
    }

    write(directory.path(), &third.0, &third.1);
    mta.signal(Signal::HUP);
    mta.expect_log("read again");
    expect_shown(&mta, &third.0);

    let reply = client.deliver("<kim@localhost>", "undisturbed");
    assert!(reply.starts_with("250 2.0.0 "), "{reply}");
    assert_eq!(mta.terminate().code, Some(0));
}

#[test]
fn sighup_does_not_end_a_server_with_a_certificate_of_its_own() {
    let mut mta = Mta::start(&[]);
    let before = certificate_of(mta.submissions());
    mta.signal(Signal::HUP);
    mta.expect_log("read again");
    assert_eq!(certificate_of(mta.submissions()), before);
    assert_eq!(mta.terminate().code, Some(0));
}
