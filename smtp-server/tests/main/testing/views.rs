//! Views of one server: by recipient, domain and tag.

use smtp_server::testing::TestMessage;
use smtp_server::testing::blocking::{TestInbox, TestServer};

use super::client::Client;
use super::{MOMENT, PATIENCE};

fn subjects(inbox: &TestInbox) -> Vec<String> {
    let subject = |message: &TestMessage| message.subject().unwrap().to_owned();
    inbox.messages().iter().map(subject).collect()
}

#[test]
fn a_view_shows_what_is_for_it() {
    let server = TestServer::start().unwrap();
    let mut client = Client::connect(server.addr());
    for (subject, to) in [
        ("1", &["kim@a.test"][..]),
        ("2", &["Kim@A.test", "bob@b.test"]),
        ("3", &["kim+t1@b.test"]),
        ("4", &["postmaster"]),
        ("5", &["bob+t2+x@a.test", "kim+t1@a.test"]),
    ] {
        client.send(
            "ann@example.org",
            to,
            format!("To: someone@else.test\r\nSubject: {subject}\r\n"),
        );
    }
    let inbox = server.inbox();
    inbox.wait_for_count(5, PATIENCE).unwrap();
    let rows = [
        (inbox.to("kim@a.test"), &["1", "2"][..]),
        (inbox.to("KIM@a.TEST"), &["1", "2"]),
        (inbox.to("kim+t1@b.test"), &["3"]),
        (inbox.to("postmaster"), &["4"]),
        (inbox.to("someone@else.test"), &[]),
        (inbox.domain("a.test"), &["1", "2", "5"]),
        (inbox.domain("B.test"), &["2", "3"]),
        (inbox.domain("test"), &[]),
        (inbox.tagged("t1"), &["3", "5"]),
        (inbox.tagged("t2"), &[]),
        (inbox.tagged("t2+x"), &["5"]),
        // One recipient has to be all of it.
        (inbox.domain("a.test").tagged("t1"), &["5"]),
        (inbox.domain("b.test").tagged("t2+x"), &[]),
    ];
    for (view, expected) in rows {
        assert_eq!(subjects(&view), expected, "{view:?}");
    }
}

#[test]
fn a_view_waits_for_its_own() {
    let server = TestServer::start().unwrap();
    let mut client = Client::connect(server.addr());
    client.send("ann@example.org", &["bob@b.test"], "Subject: for bob\r\n");
    server.inbox().domain("a.test").expect_none(MOMENT).unwrap();
    client.send("ann@example.org", &["kim@a.test"], "Subject: for kim\r\n");
    let message = server.inbox().domain("a.test").wait_for(|_| true, PATIENCE).unwrap();
    assert_eq!(message.subject(), Some("for kim"));
}

#[test]
#[should_panic(expected = "\"kim\" is not an address")]
fn a_view_of_what_is_no_address_is_a_mistake_in_the_test() {
    let _ = TestServer::start().unwrap().inbox().to("kim");
}

#[test]
#[should_panic(expected = "\"a b\" is not a domain")]
fn a_view_of_what_is_no_domain_is_a_mistake_in_the_test() {
    let _ = TestServer::start().unwrap().inbox().domain("a b");
}
