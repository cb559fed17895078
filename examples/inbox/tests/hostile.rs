//! Messages that want to do harm to the program itself; the page's share is in `browser`.

use std::io::Write;
use std::net::TcpStream;

use crate::harness::Inbox;

#[test]
fn trees_of_any_shape_are_shown_and_the_program_lives() {
    let inbox = Inbox::start(&[]);
    let nested = "Content-Type: message/rfc822\n\n".repeat(100_000);
    let deep: String = (0..20_000)
        .map(|level| format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"))
        .collect();
    let wide = format!(
        "Content-Type: multipart/mixed; boundary=b\n\n{}--b--\n",
        "--b\nContent-Type: image/png; name=x\n\nx\n".repeat(10_000)
    );
    let long =
        format!("Subject: {}\nFrom: {}\n\nHi\n", "s".repeat(100_000), "a@b.test, ".repeat(10_000));
    for content in [nested, deep, wide, long] {
        let id = inbox.send("a@b.test", &["c@d.test"], &content);
        for path in ["", "/headers", "/structure", "/envelope", "/raw", "/part/1"] {
            let answer = inbox.ask("GET", &format!("/api/v1/message/{id}{path}"), "");
            assert!(matches!(answer.status, 200 | 404), "{path}: {}", answer.status);
        }
        let list = inbox.ask("GET", "/api/v1/messages?limit=1", "");
        assert!(list.body.len() < 20_000, "a list stays short");
    }
}

/// 600 connections that say half a request; mail and, once they are gone, requests go on.
#[test]
fn connections_that_say_nothing_keep_no_mail_out() {
    let inbox = Inbox::start(&[]);
    let silent: Vec<_> = (0..600)
        .map(|_| {
            let mut stream = TcpStream::connect(inbox.http()).unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
            stream
        })
        .collect();
    inbox.send("a@b.test", &["c@d.test"], "Subject: taken\n\nHi\n");
    drop(silent);
    assert_eq!(inbox.subjects("hi"), ["taken"]);
}
