//! Matchers: what they take, and what they say when they do not.

use smtp_server::testing::TestMessage;
use smtp_server::testing::matcher::{
    Answer, Finding, Matcher, from, has_attachment, has_code, has_link, header, html_contains,
    recipient, subject, subject_contains, text_contains, to,
};

use super::received;

fn message() -> TestMessage {
    received(
        "From: App <app@example.org>\r\nTo: Kim <Kim@Example.org>, x@y.test\r\nX-App: 1\r\n\
         Subject: Welcome, Kim\r\n\r\nYour code is 482913, see https://a.test/confirm\r\n",
    )
}

/// What is said of the message; nothing if it is as expected.
fn said(matcher: impl Matcher) -> String {
    matcher(&message()).reason().unwrap_or_default()
}

#[test]
fn each_takes_what_is_so() {
    let found = [
        said(subject("Welcome, Kim")),
        said(subject_contains("Welcome")),
        said(from("APP@example.org")),
        said(to("kim@example.org")),
        said(to("x@y.test")),
        said(recipient("kim@example.org")),
        said(header("x-app", "1")),
        said(text_contains("your code").or(text_contains("Your code"))),
        said(has_link("/confirm")),
        said(has_code()),
        said(subject("no").or(has_code())),
        said(has_code().and(has_link("a.test")).and(to("x@y.test"))),
    ];
    assert_eq!(found, [""; 12]);
}

#[test]
fn each_says_what_is_not_so() {
    let rows = [
        (said(subject("Hi")), "expected the subject \"Hi\", found \"Welcome, Kim\""),
        (said(subject_contains("Hi")), "expected a subject with \"Hi\", found \"Welcome, Kim\""),
        (said(from("a@b.test")), "expected an author a@b.test, found App <app@example.org>"),
        (said(to("a@b.test")), "expected a@b.test in To, found Kim <Kim@Example.org>, x@y.test"),
        (said(recipient("x@y.test")), "expected the recipient x@y.test, found <kim@example.org>"),
        (said(header("X-App", "2")), "expected the field X-App: \"2\", found \"1\""),
        (said(header("X-No", "2")), "expected the field X-No: \"2\", found none"),
        (said(html_contains("<b>")), "expected HTML with \"<b>\", found none"),
        (said(has_link("/no")), "expected a link with \"/no\", found https://a.test/confirm"),
        (said(has_attachment("a.pdf")), "expected an attachment \"a.pdf\", found none"),
        (
            said(subject("Hi").and(has_code()).and(has_link("/no"))),
            "expected the subject \"Hi\", found \"Welcome, Kim\"\n\
             expected a link with \"/no\", found https://a.test/confirm",
        ),
        (
            said(subject("Hi").or(has_link("/no"))),
            "expected the subject \"Hi\", found \"Welcome, Kim\"\n\
             or expected a link with \"/no\", found https://a.test/confirm",
        ),
    ];
    for (said, expected) in rows {
        assert_eq!(said, expected);
    }
}

#[test]
fn what_is_there_is_shown_up_to_a_limit() {
    let long = received(format!("Subject: x\r\n\r\n{}\r\n", "ü".repeat(10_000)));
    let reason = text_contains("no")(&long).reason().unwrap();
    assert!(reason.ends_with("üüü..."), "{reason}");
    assert!(reason.chars().count() < 450, "{reason}");
}

#[test]
fn a_matcher_of_ones_own_is_a_function() {
    let is_short = |message: &TestMessage| {
        let octets = message.content().len();
        Finding::new(octets < 10, "less than 10 octets", octets)
    };
    assert_eq!(said(is_short.and(has_code())), "expected less than 10 octets, found 152");
}

#[test]
fn an_assertion_that_holds_says_nothing() {
    message().assert(subject("Welcome, Kim"));
    message().assert(|m| m.code() == Some("482913"));
}

#[test]
#[should_panic(
    expected = "expected the subject \"Hi\", found \"Welcome, Kim\"\nin the message from <ann@example.org> to <kim@example.org>: \"Welcome, Kim\", 152 octets"
)]
fn an_assertion_panics_with_the_explanation() {
    message().assert(subject("Hi"));
}

#[test]
#[should_panic(expected = "the closure says no\nin the message from <ann@example.org>")]
fn an_assertion_of_a_closure_shows_the_message() {
    message().assert(|m| m.attachments().len() == 1);
}
