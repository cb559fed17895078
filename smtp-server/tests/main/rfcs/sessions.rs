//! Sessions whose timing, size or end matters.

use std::sync::Arc;

use smtp_server::ServiceConfig;
use smtp_server::sasl::Passwords;
use tokio::net::TcpStream;

use crate::contracts::runtime;
use crate::support::by_hand::ByHand;
use crate::support::hooks::{Behaviour, OneUser, Scripted, rejection};
use crate::support::mail::after_envelope;
use crate::support::octets::codes;
use crate::support::pure::{self, Cuts, Turn};
use crate::support::setup::Setup;
use crate::support::tcp::{Client, Running};
use crate::support::tls;

// rows: 5321-2.4-d
#[test]
fn a_command_without_its_end_does_nothing() {
    let (setup, _) = Setup::accepting();
    let mut hand = ByHand::new(&setup);
    hand.run();
    for piece in ["RSE", "T", "\r"] {
        assert_eq!(hand.send(piece).0, "");
    }
    assert_eq!(hand.send("\n").0, "250 2.0.0 Ok\r\n");
}

// rows: 2920-3.2-e
#[test]
fn replies_that_end_a_group_are_not_held_back() {
    let (setup, _) = Setup::accepting();
    let group = "EHLO a\r\nNOOP\r\nVRFY kim\r\nEXPN staff\r\nTURN\r\nFROB\r\nMAIL FROM:<>\r\n\
                 RCPT TO:<kim@local.test>\r\nDATA\r\n.\r\nQUIT\r\n";
    let run = pure::run(&setup, &[Turn::send(group)], Cuts::None);
    let replies_in = run.writes.iter().map(|write| codes(write).len()).collect::<Vec<_>>();
    // The greeting; EHLO to FROB one by one; MAIL, RCPT and DATA; the end of data; QUIT.
    assert_eq!(replies_in, [1, 1, 1, 1, 1, 1, 1, 3, 1, 1]);
}

// rows: 5321-4.1.1.10-d
#[test]
fn a_lost_connection_loses_the_open_transaction_alone() {
    let (setup, delivery) = Setup::accepting();
    let turns = after_envelope(&[
        "DATA\r\n",
        "one\r\n.\r\n",
        "MAIL FROM:<>\r\nRCPT TO:<kim@local.test>\r\nDATA\r\n",
        "two\r\n",
    ]);
    pure::run(&setup, &turns, Cuts::None);
    let taken = "<a@client.test> <kim@local.test> one\\r\\n";
    assert_eq!(delivery.log(), [taken, "failed Disconnected"]);
}

// rows: 5321-4.3.2-f
#[test]
fn each_refusal_of_content_is_told_as_it_is() {
    for code in ["552 5.2.2", "554 5.6.0", "451 4.3.0", "452 4.3.1", "450 4.7.1", "550 5.7.1"] {
        let refusal = Behaviour::Reject(rejection(&format!("{code} No")));
        let setup = Setup::new(Scripted::new(refusal));
        let run = pure::run(&setup, &after_envelope(&["DATA\r\n", "hi\r\n.\r\n"]), Cuts::None);
        assert_eq!(codes(&run.output[4]), [code]);
    }
    let (setup, _) = Setup::accepting();
    let run = pure::run(&setup, &after_envelope(&["DATA\r\n", "hi\r\n.\r\n"]), Cuts::None);
    assert_eq!(codes(&run.output[4]), ["250 2.0.0"]);
}

// rows: 5321-4.5.3.1.6-a, 5321-4.5.3.1.7-a
#[test]
fn content_of_64_k_octets_in_lines_of_1000_is_taken() {
    let (setup, delivery) = Setup::accepting();
    let content = format!(".{}\r\n", "x".repeat(997)).repeat(66);
    assert!(64 * 1024 < content.len());
    // With the dot of transparency a line has 1001 octets.
    let wire = content.replace(".x", "..x");
    let turns = after_envelope(&["DATA\r\n".to_owned(), format!("{wire}.\r\n")]);
    let run = pure::run(&setup, &turns, Cuts::None);
    assert_eq!(codes(&run.output[4]), ["250 2.0.0"]);
    assert!(delivery.log()[0].ends_with(&content.escape_default().to_string()));
}

// rows: 8314-3.3-b
#[test]
fn port_465_has_the_rules_of_submission() {
    let (mut setup, _) = Setup::accepting();
    setup.tls = true;
    let store = OneUser { user: "kim".to_owned(), password: "secret".to_owned() };
    setup.authenticator = Some(Arc::new(Passwords::new(store)));
    runtime().block_on(async {
        let running = Running::with(setup.server(), ServiceConfig::submissions()).await;
        let stream = TcpStream::connect(running.address).await.unwrap();
        let mut client = Client::new(Box::new(tls::connect(stream, &[]).await.unwrap()));
        assert!(client.reply().await.starts_with("220 mx.test"));
        assert!(client.ask("EHLO a\r\n").await.contains("AUTH PLAIN LOGIN\r\n"));
        assert!(client.ask("MAIL FROM:<kim@local.test>\r\n").await.starts_with("530 5.7.0 "));
        assert!(client.ask("AUTH PLAIN AGtpbQBzZWNyZXQ=\r\n").await.starts_with("235 2.7.0 "));
        assert!(client.ask("MAIL FROM:<kim@local.test>\r\n").await.starts_with("250 2.1.0 "));
        running.stop().await;
    });
}
