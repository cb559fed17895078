//! Waiting: for what was, is, and will be there, and for nothing.

use std::thread;
use std::time::Duration;

use smtp_server::testing::blocking::TestServer;
use smtp_server::testing::matcher::{Matcher, recipient, subject};
use smtp_server::testing::{self, Faults, InboxErrorKind, On, Rule, TestMessage};

use super::client::Client;
use super::{MOMENT, PATIENCE};

fn send(server: &TestServer, to: &str, content: &str) {
    Client::connect(server.addr()).send("ann@example.org", &[to], content);
}

#[test]
fn a_message_that_came_before_counts() {
    let server = TestServer::start().unwrap();
    send(&server, "kim@example.org", "Subject: first\r\n\r\n");
    let message = server.inbox().wait_for(subject("first"), Duration::ZERO).unwrap();
    assert_eq!(message.content(), b"Subject: first\r\n\r\n\r\n");
}

#[test]
fn a_wait_ends_with_its_message() {
    let server = TestServer::start().unwrap();
    let (inbox, address) = (server.inbox(), server.addr());
    let sending = thread::spawn(move || {
        let mut client = Client::connect(address);
        for number in ["1", "2", "3"] {
            client.send("ann@example.org", &["kim@example.org"], format!("Subject: {number}\r\n"));
        }
        client
    });
    let third = inbox.wait_for(|m| m.subject() == Some("3"), PATIENCE).unwrap();
    assert_eq!(third.subject(), Some("3"));
    assert_eq!(inbox.messages().len(), 3);
    sending.join().unwrap();
}

#[test]
fn the_250_is_written_when_the_wait_ends() {
    let server = TestServer::start().unwrap();
    for _ in 0..50 {
        let known = server.inbox().messages().len();
        let mut client = Client::connect(server.addr());
        client.begin("ann@example.org", &["kim@example.org"]);
        client.write(".\r\n");
        server.inbox().wait_for_count(known + 1, PATIENCE).unwrap();
        assert!(client.at_once().starts_with("250 2.0.0 "));
    }
}

#[test]
fn a_message_that_is_not_whole_never_comes() {
    let server = TestServer::start().unwrap();
    let mut client = Client::connect(server.addr());
    client.begin("ann@example.org", &["kim@example.org"]);
    client.write("Subject: half\r\n");
    drop(client);
    server.inbox().expect_none(MOMENT).unwrap();
}

#[test]
fn an_error_shows_what_did_arrive_and_why_it_was_not_it() {
    let server = TestServer::start().unwrap();
    send(&server, "kim@example.org", "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n");
    send(&server, "bob@example.org", "\r\n");
    let inbox = server.inbox().to("kim@example.org");
    let error = inbox.wait_for(subject("Welcome"), MOMENT).unwrap_err();
    assert_eq!(error.kind(), InboxErrorKind::NoMatch);
    assert_eq!(error.arrived().map(TestMessage::subject).collect::<Vec<_>>(), [Some("Grüße")]);
    let expected = "no such message came to <kim@example.org> within 20ms; 1 arrived:\n\
                    \x20 1. from <ann@example.org> to <kim@example.org>: \"Grüße\", 42 octets\n\
                    \x20    expected the subject \"Welcome\", found \"Grüße\"\n\
                    1 arrived for other recipients";
    assert!(error.to_string().starts_with(&format!("{expected}\n\n")), "{error}");
    assert_eq!(format!("{error:?}"), error.to_string(), "unwrap shows it");
    let error = inbox.wait_for(|_| false, MOMENT).unwrap_err();
    assert!(error.to_string().contains("42 octets\n1 arrived for other recipients\n"), "{error}");
}

#[test]
fn an_error_shows_what_was_said_without_secrets() {
    let faults = Faults::default();
    faults.add(Rule::at(On::Rcpt).to("kim@example.org").answer("451 4.2.1 try later"));
    let builder = testing::TestServer::builder().login("ann", "secret").faults(faults);
    let server = builder.start_blocking().unwrap();
    let mut client = Client::connect(server.addr());
    // That is ann, secret; and ann, guess.
    let commands = [
        "EHLO client.test",
        "AUTH PLAIN AGFubgBndWVzcw==",
        "AUTH PLAIN AGFubgBzZWNyZXQ=",
        "MAIL FROM:<ann@example.org>",
    ];
    for command in commands {
        client.ask(command);
    }
    assert!(client.ask("RCPT TO:<Kim@example.org>").starts_with("451 "));
    assert!(client.ask("RCPT TO:<bob@example.org>").starts_with("250 "));
    let error = server.inbox().to("kim@example.org").wait_for(|_| true, MOMENT).unwrap_err();
    let text = error.to_string();
    let parts = [
        "nothing arrived\n\n",
        " S: 220 inbox.test",
        " C: EHLO client.test\n",
        " C: RCPT TO:<Kim@example.org>\n",
        " S: 451 4.2.1 try later\n",
        " S: 250 2.1.5",
    ];
    let mut rest = text.as_str();
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("no {part:?} in {text}"));
        rest = &rest[at + part.len()..];
    }
    for secret in ["secret", "guess", "AGFubg"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert_eq!(error.transcripts().len(), 1);
    let other = server.inbox().domain("a.test").wait_for(|_| true, MOMENT).unwrap_err();
    assert!(other.to_string().ends_with("nothing arrived\nno client wanted to send to a.test"));
    let tagged = server.inbox().tagged("t1").wait_for(|_| true, MOMENT).unwrap_err();
    assert!(tagged.transcripts().is_empty());
    let domain = server.inbox().domain("example.org").wait_for(|_| true, MOMENT).unwrap_err();
    assert_eq!(domain.transcripts().len(), 1);
}

#[test]
fn a_message_whose_250_is_not_written_never_comes() {
    let faults = Faults::default();
    faults.add(Rule::at(On::EndOfData).nth(1).reset());
    let server = testing::TestServer::builder().faults(faults).start_blocking().unwrap();
    let mut client = Client::connect(server.addr());
    client.begin("ann@example.org", &["kim@example.org"]);
    client.write("Subject: lost\r\n\r\n.\r\n");
    assert!(client.is_cut());
    Client::connect(server.addr()).send("ann@example.org", &["kim@example.org"], "Subject: again");
    server.inbox().wait_for_count(1, PATIENCE).unwrap();
    let subjects = server.inbox().messages();
    assert_eq!(subjects.iter().map(TestMessage::subject).collect::<Vec<_>>(), [Some("again")]);
    let said = subjects[0].transcript().unwrap().to_string();
    assert!(said.contains("octets of content") && said.contains("S: 250 2.0.0"), "{said}");
    assert_eq!(server.transcripts().len(), 2);
}

#[test]
fn an_error_without_messages_says_so() {
    let server = TestServer::start().unwrap();
    let error = server.inbox().wait_for(|_| true, MOMENT).unwrap_err();
    let expected = "no such message came within 20ms; nothing arrived\nno client wanted to send";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_long_list_of_messages_is_cut_in_errors() {
    let server = TestServer::start().unwrap();
    let mut client = Client::connect(server.addr());
    for _ in 0..testing::MESSAGES_SHOWN_MAX + 2 {
        client.send("ann@example.org", &["kim@example.org"], "");
    }
    let error = server.inbox().wait_for(|_| false, MOMENT).unwrap_err();
    assert!(error.to_string().contains("\n     and 2 more\n"), "{error}");
    assert_eq!(error.arrived().count(), testing::MESSAGES_SHOWN_MAX + 2);
}

#[test]
fn so_many_messages_are_waited_for() {
    let server = TestServer::start().unwrap();
    send(&server, "kim@example.org", "");
    let error = server.inbox().wait_for_count(2, MOMENT).unwrap_err();
    assert_eq!(error.kind(), InboxErrorKind::Incomplete { found: 1, expected: 2 });
    let text = error.to_string();
    assert!(text.starts_with("1 of 2 expected messages came within 20ms; 1 arrived:"), "{text}");
    send(&server, "bob@example.org", "");
    assert_eq!(server.inbox().wait_for_count(2, PATIENCE).unwrap().len(), 2);
}

#[test]
fn each_predicate_gets_a_message_of_its_own() {
    let server = TestServer::start().unwrap();
    let names = ["kim@example.org", "bob@example.org", "kim@example.org"];
    for name in ["bob@example.org", "kim@example.org"] {
        send(&server, name, "Subject: hi\r\n");
    }
    let error = server.inbox().wait_for_all(names.map(recipient), MOMENT).unwrap_err();
    assert_eq!(error.kind(), InboxErrorKind::Incomplete { found: 2, expected: 3 });
    let reason = "expected the recipient kim@example.org, found <bob@example.org>";
    assert!(error.to_string().contains(reason), "{error}");
    send(&server, "kim@example.org", "Subject: again\r\n");
    let found = server.inbox().wait_for_all(names.map(recipient), PATIENCE).unwrap();
    let different = [subject("again").and(recipient(names[0])).boxed(), subject("hi").boxed()];
    let both = server.inbox().wait_for_all(different, PATIENCE).unwrap();
    assert_eq!((both[0].subject(), both[1].subject()), (Some("again"), Some("hi")));
    let subjects = found.iter().map(TestMessage::subject).collect::<Vec<_>>();
    assert_eq!(subjects, [Some("hi"), Some("hi"), Some("again")]);
    let addresses = found.iter().map(|one| one.envelope().recipients[0].path.to_string());
    assert_eq!(addresses.collect::<Vec<_>>(), names.map(|name| format!("<{name}>")));
}

#[test]
fn nothing_is_expected_for_the_whole_time() {
    let server = TestServer::start().unwrap();
    server.inbox().expect_none(MOMENT).unwrap();
    let (inbox, address) = (server.inbox(), server.addr());
    let waiting = thread::spawn(move || inbox.expect_none(PATIENCE));
    Client::connect(address).send("ann@example.org", &["kim@example.org"], "Subject: oh\r\n");
    let error = waiting.join().unwrap().unwrap_err();
    assert_eq!(error.kind(), InboxErrorKind::Unexpected);
    assert!(error.to_string().starts_with("a message came where none should; 1 arrived:"));
}

/// The server's time goes on, though the test's stands still.
#[tokio::test(start_paused = true)]
async fn a_paused_clock_does_not_end_a_wait() {
    let server = testing::TestServer::start().await.unwrap();
    let address = server.addr();
    let sending = thread::spawn(move || {
        Client::connect(address).send("ann@example.org", &["kim@example.org"], "Subject: hi\r\n");
    });
    server.inbox().wait_for(subject("hi"), PATIENCE).await.unwrap();
    sending.join().unwrap();
}

/// Waits may be tasks of their own.
#[tokio::test]
async fn waits_may_go_to_other_threads() {
    let server = testing::TestServer::start().await.unwrap();
    let inbox = server.inbox();
    let waits = tokio::spawn(async move {
        let hi = inbox.wait_for(subject("hi"), PATIENCE).await?;
        inbox.wait_for_all([subject("hi")], PATIENCE).await?;
        inbox.wait_for_count(1, PATIENCE).await?;
        Ok::<_, testing::InboxError>(hi)
    });
    Client::connect(server.addr()).send("ann@example.org", &["kim@example.org"], "Subject: hi\r\n");
    assert_eq!(waits.await.unwrap().unwrap().subject(), Some("hi"));
}

/// A client that blocks the only thread of the test's runtime.
#[tokio::test]
async fn a_client_that_blocks_does_no_harm() {
    let server = testing::TestServer::start().await.unwrap();
    Client::connect(server.addr()).send("ann@example.org", &["kim@example.org"], "");
    assert_eq!(server.inbox().wait_for_count(1, PATIENCE).await.unwrap().len(), 1);
}
