//! Rows B1 to B7 and B14: nothing that was said in clear reaches the session behind TLS. The rest is in `handshake`.

mod handshake;

use std::sync::Arc;
use std::time::Duration;

use smtp_server::ServiceConfig;
use smtp_server::sasl::Passwords;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::runtime;
use crate::support::client_hello::ClientHello;
use crate::support::hooks::{OneUser, Scripted};
use crate::support::octets::codes;
use crate::support::pure::{self, Cuts, Turn};
use crate::support::setup::Setup;
use crate::support::tcp::{Client, Running};
use crate::support::tls;

/// What a TLS record with an alert begins with.
const ALERT: u8 = 21;

fn setup() -> (Setup, Scripted) {
    let (mut setup, delivery) = Setup::accepting();
    setup.tls = true;
    let store = OneUser { user: "kim".to_owned(), password: "secret".to_owned() };
    setup.authenticator = Some(Arc::new(Passwords::new(store)));
    setup.auth_in_clear = true;
    (setup, delivery)
}

async fn greeted(running: &Running) -> Client {
    let mut client = Client::direct(running.address).await;
    assert!(client.reply().await.starts_with("220 "));
    assert!(client.ask("EHLO client.test\r\n").await.contains("STARTTLS"));
    client
}

// rows: 3207-4.2-b
#[test]
fn b01_commands_behind_starttls_are_never_answered() {
    let smuggled = b"STARTTLS\r\nEHLO evil\r\nMAIL FROM:<x@y>\r\n";
    let (setup, _) = setup();
    let run = pure::run(&setup, &[Turn::send("EHLO a\r\n"), Turn::send(smuggled)], Cuts::None);
    assert_eq!((codes(&run.output[2]), run.closed), (vec!["554 5.5.0".to_owned()], true));
    // However it is cut, TLS does not begin with those octets anywhere.
    for at in 1..smuggled.len() {
        let turns = [Turn::send("EHLO a\r\n"), Turn::send(smuggled), Turn::Tls];
        let run = pure::run(&setup, &turns, Cuts::At(at));
        assert!(run.closed);
        let got = codes(&run.output[2]);
        assert!(got == ["554 5.5.0"] || got == ["220 2.0.0"], "{got:?}");
    }
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let mut client = greeted(&running).await;
        client.write(smuggled).await;
        assert_eq!(codes(&client.rest().await), ["554 5.5.0"]);

        // In a segment of its own it is taken for a ClientHello, and TLS fails.
        let mut client = greeted(&running).await;
        assert!(client.ask("STARTTLS\r\n").await.starts_with("220 "));
        client.write(b"EHLO evil\r\nMAIL FROM:<x@y>\r\n").await;
        let answer = client.rest().await;
        assert!(!answer.windows(3).any(|part| part == b"250"), "{answer:?}");
        running.stop().await;
    });
}

#[test]
fn b02_the_first_octet_of_a_client_hello_behind_starttls_closes() {
    let (setup, _) = setup();
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let mut client = greeted(&running).await;
        client.write(b"STARTTLS\r\n\x16").await;
        assert_eq!(codes(&client.rest().await), ["554 5.5.0"]);
        running.stop().await;
    });
}

// rows: 3207-4.2-a, 3207-4.2-d
#[test]
fn b03_hello_and_identity_do_not_survive_the_handshake() {
    let (setup, _) = setup();
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let mut client = greeted(&running).await;
        assert!(client.ask("AUTH PLAIN AGtpbQBzZWNyZXQ=\r\n").await.starts_with("235 "));
        assert!(client.ask("STARTTLS\r\n").await.starts_with("220 "));
        client.start_tls().await.unwrap();
        assert!(client.ask("MAIL FROM:<a@b.test>\r\n").await.starts_with("503 5.5.1"));
        assert!(client.ask("AUTH PLAIN AGtpbQBzZWNyZXQ=\r\n").await.starts_with("503 5.5.1"));
        let offered = client.ask("EHLO client.test\r\n").await;
        assert!(offered.contains("AUTH PLAIN LOGIN") && !offered.contains("STARTTLS"));
        assert!(client.ask("AUTH PLAIN AGtpbQBzZWNyZXQ=\r\n").await.starts_with("235 "));
        running.stop().await;
    });
}

#[test]
fn b04_starttls_inside_a_transaction_is_refused() {
    let (setup, _) = setup();
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let mut client = greeted(&running).await;
        assert!(client.ask("MAIL FROM:<a@b.test>\r\n").await.starts_with("250 "));
        assert!(client.ask("STARTTLS\r\n").await.starts_with("503 5.5.1"));
        assert!(client.ask("RCPT TO:<kim@local.test>\r\n").await.starts_with("250 "));
        running.stop().await;
    });
}

// rows: 3207-4-a, 3207-4.2-d
#[test]
fn b05_starttls_takes_no_argument_and_works_once() {
    let (setup, _) = setup();
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let mut client = greeted(&running).await;
        assert!(client.ask("STARTTLS foo\r\n").await.starts_with("501 5.5.4"));
        assert!(client.ask("STARTTLS\r\n").await.starts_with("220 "));
        client.start_tls().await.unwrap();
        assert!(!client.ask("EHLO client.test\r\n").await.contains("STARTTLS"));
        assert!(client.ask("STARTTLS\r\n").await.starts_with("554 5.5.1"));
        assert!(client.ask("NOOP\r\n").await.starts_with("250 "));
        running.stop().await;
    });
}

#[test]
fn b06_close_notify_in_the_middle_of_bdat_ends_the_connection() {
    let (setup, delivery) = setup();
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let stream = TcpStream::connect(running.address).await.unwrap();
        let mut stream = until_ready_for_tls(stream).await;
        let mut tls = tls::connect(&mut stream, &[]).await.unwrap();
        tls.write_all(
            b"EHLO a\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<kim@local.test>\r\nBDAT 10 LAST\r\nab",
        )
        .await
        .unwrap();
        tls.get_mut().1.send_close_notify();
        tls.flush().await.unwrap();
        let (stream, _) = tls.into_inner();
        let _ = stream.write_all(b"cdefghij").await;
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!(!rest.starts_with(b"250"), "nothing is said in clear: {rest:?}");
        running.stop().await;
        assert_eq!(delivery.log(), ["failed Disconnected"]);
    });
}

async fn until_ready_for_tls(mut stream: TcpStream) -> TcpStream {
    let mut piece = [0; 1024];
    for command in ["EHLO a\r\n", "STARTTLS\r\n"] {
        let _ = stream.read(&mut piece).await.unwrap();
        stream.write_all(command.as_bytes()).await.unwrap();
    }
    loop {
        let read = stream.read(&mut piece).await.unwrap();
        if piece[..read].windows(9).any(|part| part == b"220 2.0.0") {
            return stream;
        }
    }
}

// rows: 8314-4.1-a
#[test]
fn b07_in_clear_a_password_is_not_evaluated() {
    let (mut setup, _) = setup();
    setup.auth_in_clear = false;
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let mut client = Client::direct(running.address).await;
        client.reply().await;
        assert!(!client.ask("EHLO client.test\r\n").await.contains("AUTH"));
        let right = client.ask("AUTH PLAIN AGtpbQBzZWNyZXQ=\r\n").await;
        let wrong = client.ask("AUTH PLAIN AGtpbQB3cm9uZw==\r\n").await;
        assert!(right.starts_with("504 5.5.4") && right == wrong, "{right} {wrong}");
        running.stop().await;
        assert!(setup.events.starting_with("Auth").is_empty());
    });
}

#[test]
fn b14_clear_text_on_465_and_a_client_hello_on_25_are_closed() {
    let (mut setup, _) = setup();
    runtime().block_on(async {
        let running = Running::with(setup.server(), ServiceConfig::submissions()).await;
        let mut client = Client::direct(running.address).await;
        client.write(b"EHLO client.test\r\n").await;
        let answer = client.rest().await;
        assert_eq!(answer.first(), Some(&ALERT), "{answer:?}");
        running.stop().await;

        setup.tls = false;
        let running = Running::start(&setup).await;
        let mut client = Client::direct(running.address).await;
        client.reply().await;
        client.write(&ClientHello::naming(b"mx.test").encode()).await;
        assert_eq!(codes(&client.rest().await), ["221 2.7.0"]);
        let silent = client.within(Duration::from_millis(10)).await;
        assert!(silent.is_empty());
        running.stop().await;
    });
}
