//! `relay_clientcerts` and who vouches for clients.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::client::Client;
use crate::harness::{Mta, PATIENCE, run_as_is};

const HOST: &str = "mx.test";

/// An authority, and certificates that it issued, or another one did.
struct Certificates {
    directory: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key in PEM.
struct Pair(String, String);

impl Certificates {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let own = params.self_signed(&key).expect("a certificate");
        fs::write(directory.path().join("ca.pem"), own.pem()).expect("written");
        Self { directory, issuer: Issuer::new(params, key) }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn issue(&self) -> Pair {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["client.test".to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Pair(certificate.pem(), key.serialize_pem())
    }

    /// The options that ask for certificates, and let this one's holder relay.
    fn options(&self, wanted: &str, holder: &str) -> Vec<String> {
        let table = self.file("certificates");
        fs::write(&table, format!("{holder} one of ours\n")).expect("written");
        [
            format!("smtpd_tls_CAfile={}", self.file("ca.pem").display()),
            wanted.to_owned(),
            format!("relay_clientcerts=texthash:{}", table.display()),
            "smtpd_relay_restrictions=permit_tls_clientcerts, reject_unauth_destination".to_owned(),
            format!("myhostname={HOST}"),
        ]
        .into_iter()
        .flat_map(|option| ["-o".to_owned(), option])
        .collect()
    }
}

impl Pair {
    fn fingerprint(&self) -> String {
        let der = CertificateDer::from_pem_slice(self.0.as_bytes()).expect("PEM");
        let digest = rustls_sha256(&der);
        digest.iter().map(|octet| format!("{octet:02X}")).collect::<Vec<_>>().join(":")
    }
}

fn rustls_sha256(octets: &[u8]) -> Vec<u8> {
    let provider = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider();
    let suites = provider.cipher_suites.iter();
    let hash = suites.filter_map(|suite| suite.tls13()).map(|suite| suite.common.hash_provider);
    let hash = hash.into_iter().find(|hash| hash.output_len() == 32).expect("SHA-256");
    hash.hash(octets).as_ref().to_vec()
}

/// The reply to RCPT for another host's user inside TLS, or why there is no TLS.
fn ask_to_relay(mta: &Mta, shown: Option<&Pair>) -> std::io::Result<String> {
    let mut socket = TcpStream::connect(mta.smtp()).expect("the server listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    let mut reader = BufReader::new(socket.try_clone().expect("a second handle"));
    reply(&mut reader).expect("a greeting");
    for command in ["EHLO client.test", "STARTTLS"] {
        socket.write_all(format!("{command}\r\n").as_bytes()).expect("the server reads");
        let reply = reply(&mut reader).expect("a reply");
        assert!(reply.starts_with("2"), "{reply}");
    }
    let name = ServerName::try_from(HOST).expect("a name");
    let client = ClientConnection::new(Arc::new(config(mta, shown)), name).expect("a client");
    let mut tls = BufReader::new(StreamOwned::new(client, socket));
    let mut last = String::new();
    for command in ["EHLO client.test", "MAIL FROM:<a@b.test>", "RCPT TO:<v@ext.test>"] {
        tls.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
        last = reply(&mut tls)?;
    }
    Ok(last)
}

/// Whether the server ended the handshake, by an alert or at once.
fn is_refused(asked: std::io::Result<String>) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset, InvalidData, UnexpectedEof};
    let ends = [InvalidData, UnexpectedEof, ConnectionReset, BrokenPipe];
    asked.is_err_and(|error| ends.contains(&error.kind()))
}

fn config(mta: &Mta, shown: Option<&Pair>) -> ClientConfig {
    let chain = fs::read(mta.data().join(format!("tls/{HOST}.crt"))).expect("a certificate");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&chain).expect("PEM")).expect("an authority");
    let provider = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider();
    let builder = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    match shown {
        None => builder.with_no_client_auth(),
        Some(Pair(certificate, key)) => {
            let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("PEM");
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("PEM");
            builder.with_client_auth_cert(vec![certificate], key).expect("a pair")
        }
    }
}

/// The last line of a reply; an error at the end of the connection.
fn reply(reader: &mut impl BufRead) -> std::io::Result<String> {
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok(line.trim_end().to_owned());
        }
    }
}

#[test]
fn a_certificate_of_the_table_lets_relay_and_no_other() {
    let all = Certificates::new();
    let (ours, other, foreign) = (all.issue(), all.issue(), Certificates::new().issue());
    let options = all.options("smtpd_tls_ask_ccert=yes", &ours.fingerprint());
    let mta = Mta::start(&options.iter().map(String::as_str).collect::<Vec<_>>());
    let denied = "554 5.7.1 Relay access denied";
    let granted = ask_to_relay(&mta, Some(&ours)).expect("TLS");
    assert!(!granted.contains("denied"), "{granted}");
    assert_eq!(ask_to_relay(&mta, Some(&other)).expect("TLS"), denied);
    assert_eq!(ask_to_relay(&mta, None).expect("TLS"), denied);
    assert!(is_refused(ask_to_relay(&mta, Some(&foreign))), "nobody vouches for it");
    // Without TLS nobody shows anything.
    let mut clear = Client::hello(mta.smtp());
    clear.ask("MAIL FROM:<a@b.test>");
    assert_eq!(clear.ask("RCPT TO:<v@ext.test>"), denied);

    let options = all.options("smtpd_tls_req_ccert=yes", &ours.fingerprint());
    let mta = Mta::start(&options.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(is_refused(ask_to_relay(&mta, None)), "one is required");
    assert_eq!(ask_to_relay(&mta, Some(&other)).expect("TLS"), denied);
}

#[test]
fn a_certificate_is_explained() {
    let all = Certificates::new();
    let ours = all.issue().fingerprint();
    let options = all.options("smtpd_tls_ask_ccert=yes", &ours);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    for (certificate, part) in [
        (ours.as_str(), "permit_tls_clientcerts decides"),
        (&"ab".repeat(32), "certificates: the client's is none of them"),
    ] {
        let certificate = format!("certificate={certificate}");
        let words = ["explain", &certificate, "service=smtp", "to=v@ext.test"];
        let output = run_as_is(&[&words[..], &options].concat());
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(told.contains(part), "{told}{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn options_that_ask_nobody_are_told() {
    let file = |path: &Path, text: &str| fs::write(path, text).expect("written");
    let directory = tempfile::tempdir().expect("a directory");
    let (none, table) = (directory.path().join("none"), directory.path().join("table"));
    file(&none, "no certificate");
    file(&table, "mx.example.net\n");
    let authorities = format!("smtpd_tls_CAfile={}", none.display());
    let holders = format!("relay_clientcerts=texthash:{}", table.display());
    let ask = "smtpd_tls_ask_ccert=yes";
    for (options, code, part) in [
        (&[ask][..], 78, "say who vouches"),
        (&["smtpd_tls_req_ccert=yes"], 78, "say who vouches"),
        (&[authorities.as_str()], 78, "nobody would be asked"),
        (&[holders.as_str()], 66, "table:1:1: expected the SHA-256 fingerprint"),
        (&["relay_clientcerts=texthash:/dev/null"], 78, "nobody would be asked"),
    ] {
        let options = options.iter().flat_map(|option| ["-o", option]);
        let words: Vec<&str> = ["explain", "to=a@b.test"].into_iter().chain(options).collect();
        let output = run_as_is(&words);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {stderr}");
        assert!(stderr.contains(part), "{stderr}");
    }
    let data = directory.path().join("data");
    let output = crate::harness::run(&data, &["-o", &authorities, "-o", ask]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(66), "{stderr}");
    assert!(stderr.contains("no certificate of an authority"), "{stderr}");
}
