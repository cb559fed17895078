//! Messages that a user lets out.

use serde_json::json;

use crate::harness::Inbox;

#[test]
fn a_message_leaves_only_to_whom_the_command_line_allows() {
    let target = Inbox::start(&[]);
    let relay = target.smtp().to_string();
    let inbox = Inbox::start(&[
        "--relay",
        &relay,
        "--relay-allow",
        "*@example.org",
        "--relay-allow",
        "lee@example.net",
    ]);
    let content = "From: ann@example.org\nTo: kim@example.org\nSubject: Released\n\n.dot\nHi\n";
    let id = inbox.send("ann@example.org", &["kim@example.org"], content);
    let release = |id: &str, to: &[&str]| {
        inbox.ask(
            "POST",
            &format!("/api/v1/message/{id}/release"),
            &json!({ "To": to }).to_string(),
        )
    };
    for refused in [
        &["kim@example.com"][..],
        &["kim@example.org", "x@evil.test"],
        &[],
        &["kim@example.org\r\nX"],
        &["@example.org"],
    ] {
        let answer = release(&id, refused);
        assert_eq!(answer.status, 400, "{refused:?}: {answer:?}");
    }
    assert_eq!(target.fetch("/api/v1/messages")["total"], 0);
    assert_eq!(release("1", &["kim@example.org"]).status, 404);
    let answer = release(&id, &["KIM@example.org", "lee@example.net"]);
    assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
    let envelope = target.fetch("/api/v1/message/latest/envelope");
    assert_eq!(envelope["ReversePath"], "ann@example.org");
    assert_eq!(envelope["Recipients"][1]["Address"], "lee@example.net");
    let raw = target.ask("GET", "/api/v1/message/latest/raw", "").text();
    assert!(raw.ends_with(&content.replace('\n', "\r\n")), "{raw}");
}

#[test]
fn nothing_leaves_without_a_relay_and_failures_are_told() {
    let inbox = Inbox::start(&[]);
    let id = inbox.send("ann@example.org", &["kim@example.org"], "Subject: x\n\nHi\n");
    let path = format!("/api/v1/message/{id}/release");
    let body = json!({ "To": ["kim@example.org"] }).to_string();
    assert_eq!(inbox.ask("POST", &path, &body).status, 400);
    let closed =
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let inbox = Inbox::start(&["--relay", &closed, "--relay-allow", "*"]);
    let id = inbox.send("ann@example.org", &["kim@example.org"], "Subject: x\n\nHi\n");
    let answer = inbox.ask("POST", &format!("/api/v1/message/{id}/release"), &body);
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("refused"), "{answer:?}");
}
