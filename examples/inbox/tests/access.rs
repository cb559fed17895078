//! Who may ask, and what a browser may do with the answer.

use std::fs;

use crate::harness::Inbox;
use crate::http::ask;

#[test]
fn a_name_that_somebody_points_at_this_host_sees_nothing() {
    let inbox = Inbox::start(&["--host", "Inbox.test"]);
    let port = inbox.http().port();
    for (host, expected) in [
        (format!("127.0.0.1:{port}"), 200),
        ("localhost".to_owned(), 200),
        ("INBOX.TEST:1".to_owned(), 200),
        ("evil.example".to_owned(), 403),
        (format!("127.0.0.1.evil.example:{port}"), 403),
        (String::new(), 403),
    ] {
        for path in ["/", "/api/v1/messages", "/livez"] {
            let answer = ask(inbox.http(), "GET", path, &[("Host", &host)], b"");
            assert_eq!(answer.status, expected, "{host} {path}");
        }
    }
    assert_eq!(ask(inbox.http(), "GET", "/", &[], b"").status, 403, "without a name");
}

#[test]
fn a_page_of_another_origin_changes_nothing() {
    let inbox = Inbox::start(&[]);
    inbox.send("a@b.test", &["c@d.test"], "Subject: stays\n\nHi\n");
    let host = inbox.http().to_string();
    for origin in ["http://evil.example", "null", "http://127.0.0.1:1", "file://"] {
        for (method, path) in [
            ("DELETE", "/api/v1/messages"),
            ("PUT", "/api/v1/messages"),
            ("POST", "/api/v1/send"),
            ("POST", "/api/v1/faults"),
            ("PUT", "/api/v1/chaos"),
        ] {
            let answer =
                ask(inbox.http(), method, path, &[("Host", &host), ("Origin", origin)], b"{}");
            assert_eq!(answer.status, 403, "{origin} {method} {path}");
        }
    }
    assert_eq!(inbox.subjects("is:unread"), ["stays"]);
    let own = format!("http://{host}");
    let headers = [("Host", host.as_str()), ("Origin", own.as_str())];
    assert_eq!(ask(inbox.http(), "DELETE", "/api/v1/messages", &headers, b"").status, 200);
}

#[test]
fn a_password_or_a_token_is_wanted_if_there_is_one() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    fs::write(&file, "secret\nsecond line\n").unwrap();
    let file = file.to_str().unwrap();
    let with_password = Inbox::start(&["--password", file]);
    let with_token = Inbox::start(&["--token", "t0ken"]);
    // kim:secret, kim:wrong
    for (inbox, right, wrong, scheme) in [
        (&with_password, "Basic a2ltOnNlY3JldA==", "Basic a2ltOndyb25n", "Basic"),
        (&with_token, "Bearer t0ken", "Bearer token", "Bearer"),
    ] {
        let host = inbox.http().to_string();
        for path in ["/", "/api/v1/messages", "/metrics", "/api/v1/events", "/api/v1/nothing"] {
            for headers in
                [vec![("Host", host.as_str())], vec![("Host", &host), ("Authorization", wrong)]]
            {
                let answer = ask(inbox.http(), "GET", path, &headers, b"");
                assert_eq!(answer.status, 401, "{path} {headers:?}");
                assert!(
                    answer
                        .header("www-authenticate")
                        .is_some_and(|challenge| challenge.starts_with(scheme))
                );
            }
        }
        let headers = [("Host", host.as_str()), ("Authorization", right)];
        assert_eq!(ask(inbox.http(), "GET", "/api/v1/messages", &headers, b"").status, 200);
        assert_eq!(ask(inbox.http(), "GET", "/livez", &headers[..1], b"").status, 200);
    }
    with_token.send("a@b.test", &["c@d.test"], "Subject: waited for\n\nHi\n");
    assert_eq!(with_token.wait(&["--token", "t0ken", "waited"]).status.code(), Some(0));
    assert_eq!(with_token.wait(&["waited"]).status.code(), Some(69));
    with_password.send("a@b.test", &["c@d.test"], "Subject: waited for\n\nHi\n");
    assert_eq!(with_password.wait(&["--password", file, "waited"]).status.code(), Some(0));
}

#[test]
fn every_answer_tells_browsers_to_do_nothing_with_it() {
    let inbox = Inbox::start(&[]);
    inbox.send("a@b.test", &["c@d.test"], "Content-Type: text/html\n\n<script>alert(1)</script>\n");
    for path in [
        "/",
        "/api/v1/messages",
        "/api/v1/message/latest/raw",
        "/api/v1/message/latest/part/0",
        "/view/latest.html",
        "/api/v1/message/latest/html",
        "/api/v1/nothing",
    ] {
        let answer = inbox.ask("GET", path, "");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        let policy = answer.header("content-security-policy").unwrap_or_else(|| panic!("{path}"));
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert!(path == "/" || policy.contains("sandbox"), "{path}: {policy}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
    }
}

#[test]
fn a_body_beyond_the_limit_is_refused() {
    let inbox = Inbox::start(&[]);
    let body = format!("{{\"Search\": \"{}\"}}", "x".repeat(2 << 20));
    assert_eq!(inbox.ask("PUT", "/api/v1/messages", &body).status, 413);
}
