//! Links in text and HTML.

use super::received;

#[test]
fn links_are_found_in_text() {
    let rows = [
        ("See https://a.test/x.", &["https://a.test/x"][..]),
        (
            "See https://a.test/x, or http://b.test?y=1&z=2!",
            &["https://a.test/x", "http://b.test?y=1&z=2"],
        ),
        ("(https://a.test/x)", &["https://a.test/x"]),
        ("https://a.test/x_(y)", &["https://a.test/x_(y)"]),
        ("<https://a.test/x>", &["https://a.test/x"]),
        ("[https://a.test/x]", &["https://a.test/x"]),
        ("\"https://a.test/x\"", &["https://a.test/x"]),
        ("link:https://a.test", &["https://a.test"]),
        ("myapp://confirm/1", &["myapp://confirm/1"]),
        ("ähttps://a.test/ü", &["https://a.test/ü"]),
        ("https://a.test/ https://a.test/", &["https://a.test/"]),
        ("://a.test https:// 1://x", &[]),
        ("https://a.test/?next=https://b.test/", &["https://a.test/?next=https://b.test/"]),
        ("a@b.test www.a.test", &[]),
    ];
    for (text, expected) in rows {
        let message = received(format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{text}"));
        assert_eq!(message.links(), expected, "{text:?}");
    }
}

#[test]
fn links_are_found_in_html() {
    let rows = [
        ("<a href=\"https://a.test/?x=1&amp;y=2\">here</a>", &["https://a.test/?x=1&y=2"][..]),
        ("<A class=b HREF=https://a.test/x>here</A>", &["https://a.test/x"]),
        ("<a href=' https://a.test/x '>here</a>", &["https://a.test/x"]),
        ("<a href='/x'>here</a> <a href='mailto:a@b.test'>mail</a> <a>none</a>", &[]),
        ("<script>var x = \"<a href='https://a.test'>\";</script>", &[]),
        ("<!-- <a href='https://a.test'> -->", &[]),
        ("<img src='https://a.test/pixel.gif'>https://b.test", &[]),
    ];
    for (html, expected) in rows {
        let message = received(format!("Content-Type: text/html\r\n\r\n{html}"));
        assert_eq!(message.links(), expected, "{html:?}");
    }
}

#[test]
fn links_of_the_text_come_before_those_of_the_html() {
    let message = received(
        "Content-Type: multipart/alternative; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nhttps://a.test/ https://both.test/\r\n\
         --b\r\nContent-Type: text/html\r\n\r\n\
         <a href=https://both.test/>x</a><a href=https://b.test/>y</a>\r\n--b--\r\n",
    );
    assert_eq!(message.links(), ["https://a.test/", "https://both.test/", "https://b.test/"]);
}
