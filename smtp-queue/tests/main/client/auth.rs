//! AUTH towards next hops.

use std::sync::Arc;

use smtp_queue::transport::smtp::Credentials;
use smtp_queue::transport::smtp::session::{Action, Cause, ClientSession, Hello, TlsFacts, TlsUse};

use super::mail::{ARRIVED, entry};
use super::script::{Mail, run};

fn hello(password: &str, in_clear: bool) -> Hello {
    let credentials = Credentials::new("kim", password).unwrap();
    let credentials = if in_clear { credentials.in_clear() } else { credentials };
    let hello = Hello::smtp("client.test", TlsUse::IfOffered).unwrap();
    hello.with_credentials(Some(Arc::new(credentials)))
}

/// The line that follows EHLO, or why there is none.
fn begins(mechanisms: &str, tls: Option<TlsFacts>, in_clear: bool) -> Result<String, Cause> {
    let mut session = ClientSession::new(hello("secret", in_clear));
    let starttls = if tls.is_some() { "250 STARTTLS" } else { "250 HELP" };
    session.receive(b"220 mx\r\n");
    session.poll();
    let offer = format!("250-mx\r\n250-AUTH {mechanisms}\r\n");
    match tls {
        None => session.receive(format!("{offer}{starttls}\r\n").as_bytes()),
        Some(facts) => {
            session.receive(format!("250-mx\r\n{starttls}\r\n").as_bytes());
            session.poll();
            session.receive(b"220 Go\r\n");
            session.poll();
            session.handle_tls(facts);
            session.poll();
            session.receive(format!("{offer}250 HELP\r\n").as_bytes());
        }
    }
    session.output().clear();
    match session.poll() {
        Action::Failed(failure) => Err(failure.cause),
        _ => Ok(String::from_utf8(session.output().to_vec()).unwrap().trim_end().to_owned()),
    }
}

// rows: 4954-14-a, 5802-6-e
#[test]
fn the_strongest_mechanism_that_may_be_used_is() {
    let verified = Some(TlsFacts { is_verified: true, exporter: Some([7; 32]) });
    let unverified = Some(TlsFacts { is_verified: false, exporter: Some([7; 32]) });
    let old = Some(TlsFacts { is_verified: true, exporter: None });
    let all = "LOGIN PLAIN SCRAM-SHA-1 SCRAM-SHA-1-PLUS SCRAM-SHA-256 scram-sha-256-plus";
    for (mechanisms, tls, in_clear, expected) in [
        (all, verified, false, Ok("AUTH SCRAM-SHA-256-PLUS cD10bHMtZXhwb3J0ZXIsLG49a2lt")),
        (all, unverified, false, Ok("AUTH SCRAM-SHA-256-PLUS cD10bHMtZXhwb3J0ZXIsLG49a2lt")),
        // "y,,n=kim" where the other one may have been taken off the list, "n,,n=kim" without anything to bind to
        ("SCRAM-SHA-256", verified, false, Ok("AUTH SCRAM-SHA-256 eSwsbj1raW0s")),
        (all, old, false, Ok("AUTH SCRAM-SHA-256 biwsbj1raW0s")),
        ("SCRAM-SHA-1", unverified, false, Ok("AUTH SCRAM-SHA-1 eSwsbj1raW0s")),
        (all, None, true, Ok("AUTH SCRAM-SHA-256 biwsbj1raW0s")),
        (all, None, false, Err(Cause::NotVerified)),
        ("LOGIN PLAIN", verified, false, Ok("AUTH PLAIN AGtpbQBzZWNyZXQ=")),
        ("LOGIN PLAIN", unverified, false, Err(Cause::NotVerified)),
        ("LOGIN PLAIN", unverified, true, Ok("AUTH PLAIN AGtpbQBzZWNyZXQ=")),
        ("LOGIN PLAIN", None, false, Err(Cause::NotVerified)),
        ("LOGIN", verified, false, Ok("AUTH LOGIN")),
        ("XOAUTH2", verified, false, Err(Cause::NoMechanism)),
    ] {
        match (begins(mechanisms, tls, in_clear), expected) {
            (Ok(found), Ok(expected)) => {
                assert!(found.starts_with(expected), "{mechanisms}: {found}");
            }
            (found, expected) => assert_eq!(found, expected.map(str::to_owned), "{mechanisms}"),
        }
    }
}

// rows: 4954-4-o
#[test]
fn auth_is_followed_by_nothing() {
    let mail = Mail::new(&["<b@d.test>"]);
    run(
        &hello("secret", true),
        &mail,
        "
        S: 220 mx.test
        C: EHLO client.test
        S: 250-mx.test
        S: 250-PIPELINING
        S: 250 AUTH LOGIN
        C: AUTH LOGIN
        S: 334 VXNlcm5hbWU6
        C: a2lt
        S: 334 UGFzc3dvcmQ6
        C: c2VjcmV0
        S: 235 2.7.0 Welcome
        M:
        C: MAIL FROM:<a@client.test>
        C: RCPT TO:<b@d.test>
        C: DATA
    ",
    );
    run(
        &hello("secret", true),
        &mail,
        "
        S: 220 mx.test
        C: EHLO client.test
        S: 250-mx.test
        S: 250 AUTH PLAIN
        C: AUTH PLAIN AGtpbQBzZWNyZXQ=
        S: 535 5.7.8 Wrong
        ! SASL authentication failed; server mx said: 535 5.7.8 Wrong
        Q:
        C: QUIT
        S: 221 Bye
    ",
    );
    // What was offered before TLS, or not at all, is not used.
    run(
        &hello("secret", true),
        &mail,
        "
        S: 220 mx.test
        C: EHLO client.test
        S: 250 mx.test
        M:
        C: MAIL FROM:<a@client.test>
    ",
    );
}

// rows: 4954-4-f
#[test]
fn a_long_response_waits_to_be_asked_for() {
    let response = |spare: usize| {
        let password = "x".repeat(spare);
        let text = format!("\0kim\0{password}");
        (password, base64(text.as_bytes()))
    };
    for (length, is_long) in [(367, false), (368, true), (2000, true)] {
        let (password, text) = response(length);
        assert_eq!("AUTH PLAIN \r\n".len() + text.len() > 512, is_long);
        let line = if is_long {
            format!("C: AUTH PLAIN\nS: 334\nC: {text}")
        } else {
            format!("C: AUTH PLAIN {text}")
        };
        run(
            &hello(&password, true),
            &Mail::new(&["<b@d.test>"]),
            &format!(
                "
            S: 220 mx.test
            C: EHLO client.test
            S: 250-mx.test
            S: 250 AUTH PLAIN
            {line}
            S: 235 Welcome
            M:
            C: MAIL FROM:<a@client.test>
        "
            ),
        );
    }
}

#[test]
fn a_server_that_does_not_prove_itself_is_not_believed() {
    let begin = |session: &mut ClientSession| {
        for turn in ["220 mx\r\n", "250-mx\r\n250 AUTH SCRAM-SHA-256\r\n"] {
            session.receive(turn.as_bytes());
            session.poll();
        }
        session.output().clear();
    };
    // Success without a signature.
    let mut session = ClientSession::new(hello("secret", true));
    begin(&mut session);
    session.receive(b"235 Welcome\r\n");
    let Action::Failed(failure) = session.poll() else { panic!() };
    assert_eq!(failure.cause, Cause::Challenge);
    // A challenge that is none, or not of this exchange.
    for challenge in ["334 !\r\n", "334 cj14LHM9QUFBQSxpPTQwOTY=\r\n", "334\r\n"] {
        let mut session = ClientSession::new(hello("secret", true));
        begin(&mut session);
        session.receive(challenge.as_bytes());
        session.poll();
        assert_eq!(&session.output().split()[..], b"*\r\n");
        session.receive(b"501 Cancelled\r\n");
        let Action::Failed(failure) = session.poll() else { panic!() };
        assert_eq!(failure.cause, Cause::Challenge);
        session.quit();
        session.poll();
        assert_eq!(&session.output().split()[..], b"QUIT\r\n");
    }
}

// rows: 4954-5-d
#[test]
fn who_submitted_is_passed_on_to_whom_we_authenticated() {
    for (mail, authenticates, expected) in [
        ("<a@client.test> AUTH=<>", true, "MAIL FROM:<a@client.test> AUTH=<>"),
        ("<a@client.test> AUTH=k+2Bx@c.test", true, "MAIL FROM:<a@client.test> AUTH=k+2Bx@c.test"),
        ("<a@client.test>", true, "MAIL FROM:<a@client.test>"),
        ("<a@client.test> AUTH=<>", false, "MAIL FROM:<a@client.test>"),
    ] {
        let mail = Mail { entry: entry(mail, &["<b@d.test>"]), ..Mail::new(&[]) };
        let anonymous = Hello::smtp("client.test", TlsUse::Never).unwrap();
        let (hello, auth) = match authenticates {
            true => (hello("secret", true), "C: AUTH PLAIN AGtpbQBzZWNyZXQ=\nS: 235 Welcome"),
            false => (anonymous, ""),
        };
        run(
            &hello,
            &mail,
            &format!(
                "
            S: 220 mx.test
            C: EHLO client.test
            S: 250-mx.test
            S: 250 AUTH PLAIN
            {auth}
            M:
            C: {expected}
        "
            ),
        );
    }
}

#[test]
fn secrets_do_not_print() {
    let credentials = Credentials::new("kim", "hunter2").unwrap();
    let hello = Hello::smtp("client.test", TlsUse::Never).unwrap();
    let hello = hello.with_credentials(Some(Arc::new(credentials.clone())));
    let session = ClientSession::new(hello.clone());
    let facts = TlsFacts { is_verified: true, exporter: Some([66; 32]) };
    let printed = format!("{credentials:?} {hello:?} {session:?} {facts:?} {}", ARRIVED.0);
    assert!(!printed.contains("hunter2") && !printed.contains("66, 66"), "{printed}");
    assert!(Credentials::new("", "x").is_none() && Credentials::new("a\0b", "x").is_none());
}

fn base64(octets: &[u8]) -> String {
    smtp_proto::InitialResponse::encode(octets).as_str().to_owned()
}
