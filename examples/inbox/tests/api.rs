//! The documented calls of mailpit's API, as a table of requests and answers; ours beside them.

use serde_json::{Value, json};

use crate::harness::Inbox;
use crate::http::encoded;

/// Three messages: `Alpha` with an attachment, tagged; `Beta`; `Gamma` in HTML.
fn filled() -> (Inbox, [String; 3]) {
    let inbox = Inbox::start(&[]);
    let alpha = "From: Ann <ann@example.org>\nTo: kim@example.org\nCc: lee@example.org\nSubject: Alpha one\nX-Tags: Red, blue\n\
        Message-ID: <alpha@example.org>\nDate: Thu, 1 Jan 2026 10:00:00 +0000\nMIME-Version: 1.0\n\
        Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nThe quick brown fox\n\
        --b\nContent-Type: text/plain\nContent-Disposition: attachment; filename=\"notes.txt\"\n\nnotes\n--b--\n";
    let beta = "From: bob@example.net\nTo: kim@example.org\nSubject: Beta two\n\nJumps over the\nlazy dog\n";
    let gamma = "From: ann@example.org\nTo: lee@example.org\nSubject: Gamma\nContent-Type: text/html\n\n<p>Hi <b>Lee</b></p>\n";
    let ids = [alpha, beta, gamma]
        .map(|content| inbox.send("ann@example.org", &["kim@example.org"], content));
    (inbox, ids)
}

#[test]
fn searches_find_what_they_say() {
    let (inbox, [alpha, ..]) = filled();
    inbox.ask("PUT", "/api/v1/messages", &json!({ "IDs": [alpha], "Read": true }).to_string());
    for (query, expected) in [
        ("fox", "Alpha one"),
        ("QUICK fox", "Alpha one"),
        ("\"quick brown\"", "Alpha one"),
        ("\"quick fox\"", ""),
        ("\"over the lazy\"", "Beta two"),
        ("from:ann", "Gamma, Alpha one"),
        ("from:ann -subject:gamma", "Alpha one"),
        ("!from:ann", "Beta two"),
        ("to:lee", "Gamma"),
        ("cc:lee", "Alpha one"),
        ("bcc:kim", "Gamma"),
        ("addressed:lee", "Gamma, Alpha one"),
        ("subject:\"beta two\"", "Beta two"),
        ("body:lee", "Gamma"),
        ("text:dog", "Beta two"),
        ("has:attachment", "Alpha one"),
        ("-has:attachment", "Gamma, Beta two"),
        ("notes.txt", "Alpha one"),
        ("is:read", "Alpha one"),
        ("is:unread", "Gamma, Beta two"),
        ("is:tagged", "Alpha one"),
        ("tag:red", "Alpha one"),
        ("tag:\"re\"", ""),
        ("message-id:alpha@example.org", "Alpha one"),
        ("after:2020-01-01", "Gamma, Beta two, Alpha one"),
        ("before:2020-01-01", ""),
        ("larger:300", "Alpha one"),
        ("smaller:1kb -larger:300", "Gamma, Beta two"),
        ("http://example.org", ""),
    ] {
        assert_eq!(inbox.subjects(query).join(", "), expected, "{query}");
    }
    for query in ["after:never", "is:strange", "has:wings", "larger:much", " "] {
        let answer = inbox.ask("GET", &format!("/api/v1/search?query={}", encoded(query)), "");
        assert_eq!(answer.status, 400, "{query}: {answer:?}");
    }
}

#[test]
fn pages_are_cut_from_the_newest_on() {
    let (inbox, [alpha, beta, gamma]) = filled();
    for (range, expected) in [
        ("", vec![&gamma, &beta, &alpha]),
        ("?limit=1", vec![&gamma]),
        ("?start=1&limit=1", vec![&beta]),
        ("?start=2", vec![&alpha]),
        ("?start=9", vec![]),
        ("?limit=0", vec![]),
    ] {
        let page = inbox.fetch(&format!("/api/v1/messages{range}"));
        let ids: Vec<_> = page["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["ID"].as_str().unwrap())
            .collect();
        assert_eq!(ids, expected, "{range}");
        assert_eq!((&page["total"], &page["messages_count"]), (&json!(3), &json!(3)), "{range}");
        assert_eq!(page["count"], expected.len(), "{range}");
    }
    let found = inbox.fetch("/api/v1/search?query=from:ann&limit=1");
    assert_eq!(
        (&found["messages_count"], &found["count"], &found["total"]),
        (&json!(2), &json!(1), &json!(3))
    );
    assert_eq!(inbox.ask("GET", "/api/v1/messages?start=x", "").status, 400);
}

#[test]
fn a_message_in_full_is_read_then() {
    let (inbox, [alpha, _, gamma]) = filled();
    let message = inbox.fetch(&format!("/api/v1/message/{alpha}"));
    for (field, expected) in [
        ("ID", json!(alpha)),
        ("MessageID", json!("alpha@example.org")),
        ("From", json!({ "Name": "Ann", "Address": "ann@example.org" })),
        ("Cc", json!([{ "Name": "", "Address": "lee@example.org" }])),
        ("Bcc", json!([])),
        ("ReturnPath", json!("ann@example.org")),
        ("Subject", json!("Alpha one")),
        ("Date", json!("2026-01-01T10:00:00Z")),
        ("Tags", json!(["Red", "blue"])),
        ("HTML", json!("")),
        ("Inline", json!([])),
        ("Username", json!("")),
    ] {
        assert_eq!(message[field], expected, "{field}");
    }
    assert_eq!(message["Text"].as_str().map(str::trim_end), Some("The quick brown fox"));
    let attachment = &message["Attachments"][0];
    assert_eq!(
        (&attachment["FileName"], &attachment["ContentType"]),
        (&json!("notes.txt"), &json!("text/plain"))
    );
    assert_eq!(inbox.subjects("is:read"), ["Alpha one"]);
    let part = format!("/api/v1/message/{alpha}/part/{}", attachment["PartID"].as_str().unwrap());
    let part = inbox.ask("GET", &part, "");
    assert_eq!(part.text().trim_end(), "notes");
    assert_eq!(
        part.header("content-disposition"),
        Some("attachment; filename=\"notes.txt\"; filename*=UTF-8''notes.txt")
    );
    assert_eq!(part.header("x-content-type-options"), Some("nosniff"));
    assert!(
        part.header("content-security-policy").is_some_and(|policy| policy.ends_with("sandbox"))
    );
    assert_eq!(inbox.fetch("/api/v1/message/latest")["ID"], gamma);
    assert_eq!(inbox.fetch("/api/v1/message/latest?query=from:bob")["Subject"], "Beta two");
    assert_eq!(inbox.fetch("/api/v1/message/latest/headers")["Content-Type"], json!(["text/html"]));
    let tree = inbox.fetch(&format!("/api/v1/message/{alpha}/structure"));
    assert_eq!(
        (&tree["ContentType"], &tree["Parts"][1]["Disposition"]),
        (&json!("multipart/mixed"), &json!("attachment"))
    );
}

#[test]
fn messages_are_rendered_for_tests_of_what_they_look_like() {
    let (inbox, [alpha, ..]) = filled();
    let html = inbox.ask("GET", "/view/latest.html", "");
    assert_eq!(html.text().trim_end(), "<p>Hi <b>Lee</b></p>");
    assert!(
        html.header("content-security-policy").is_some_and(|policy| policy.contains("sandbox"))
    );
    assert_eq!(inbox.ask("GET", "/view/latest.txt", "").text().trim(), "Hi Lee");
    assert_eq!(inbox.ask("GET", &format!("/view/{alpha}.html"), "").status, 404);
    assert_eq!(inbox.ask("GET", "/view/latest.exe", "").status, 404);
    let document = inbox.ask("GET", "/api/v1/message/latest/html", "");
    assert!(document.text().contains("<p>Hi <b>Lee</b></p>"), "{document:?}");
    assert!(
        document.header("content-security-policy").is_some_and(|policy| policy.contains("sandbox"))
    );
    assert_eq!(inbox.ask("GET", &format!("/api/v1/message/{alpha}/html"), "").status, 404);
}

#[test]
fn messages_are_marked_tagged_and_deleted() {
    let (inbox, [alpha, beta, gamma]) = filled();
    let steps: [(&str, &str, Value, &str, &str); 13] = [
        ("PUT", "/api/v1/messages", json!({ "IDs": [beta], "Read": true }), "is:read", "Beta two"),
        ("PUT", "/api/v1/messages", json!({ "Read": true }), "is:unread", ""),
        (
            "PUT",
            "/api/v1/messages",
            json!({ "Read": false, "Search": "from:ann" }),
            "is:unread",
            "Gamma, Alpha one",
        ),
        ("PUT", "/api/v1/messages", json!({}), "is:read", ""),
        (
            "PUT",
            "/api/v1/tags",
            json!({ "IDs": [beta, gamma], "Tags": ["new", " new ", ""] }),
            "tag:new",
            "Gamma, Beta two",
        ),
        ("PUT", "/api/v1/tags/new", json!({ "Name": "Newer" }), "tag:newer", "Gamma, Beta two"),
        ("PUT", "/api/v1/tags", json!({ "IDs": [beta], "Tags": [] }), "tag:newer", "Gamma"),
        ("DELETE", "/api/v1/tags/Newer", Value::Null, "is:tagged", "Alpha one"),
        (
            "DELETE",
            "/api/v1/messages",
            json!({ "IDs": [alpha, "0", "no id"] }),
            "a",
            "Gamma, Beta two",
        ),
        ("DELETE", "/api/v1/search?query=subject:gamma", Value::Null, "a", "Beta two"),
        ("PUT", "/api/v1/tags", json!({ "IDs": ["0"], "Tags": ["none"] }), "is:tagged", ""),
        ("DELETE", "/api/v1/messages", json!({ "IDs": [] }), "a", ""),
        ("DELETE", "/api/v1/messages", Value::Null, "a", ""),
    ];
    for (method, path, body, query, expected) in steps {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = inbox.ask(method, path, &body);
        assert_eq!((answer.status, answer.text().as_str()), (200, "ok"), "{method} {path} {body}");
        assert_eq!(inbox.subjects(query).join(", "), expected, "{method} {path} {body}");
    }
    assert_eq!(inbox.fetch("/api/v1/tags"), json!([]));
    for (method, path, body) in [
        ("PUT", "/api/v1/messages", "{"),
        ("PUT", "/api/v1/messages", "{\"IDs\": [\"1\"], \"Search\": \"x\"}"),
        ("PUT", "/api/v1/tags/x", "{\"Name\": \" \"}"),
        ("DELETE", "/api/v1/tags/x", ""),
        ("DELETE", "/api/v1/search", ""),
    ] {
        assert_eq!(inbox.ask(method, path, body).status, 400, "{method} {path} {body}");
    }
}

#[test]
fn a_misspelt_key_is_refused_and_its_case_does_not_matter() {
    let (inbox, [alpha, beta, gamma]) = filled();
    for (method, path, body, words) in [
        ("DELETE", "messages", json!({ "id": [alpha] }), "unknown field `id`, expected `IDs`"),
        ("DELETE", "messages", json!({ "IDs": null }), "null"),
        ("DELETE", "messages", json!([]), "expected an object with IDs"),
        ("DELETE", "messages", json!([alpha]), "expected an object with IDs"),
        ("PUT", "messages", json!({ "Reed": true }), "`Reed`, expected one of `IDs`, `Read`"),
        ("PUT", "tags", json!({ "IDs": [alpha], "Tag": ["x"] }), "`IDs` or `Tags`"),
        ("PUT", "tags/red", json!({ "To": "x" }), "expected `Name`"),
        ("POST", "message/latest/release", json!({ "cc": [] }), "expected `To`"),
        ("PUT", "chaos", json!({ "recipient": { "code": 451 } }), "`ErrorCode` or `Probability`"),
        ("POST", "faults", json!({ "rules": "" }), "expected `Rule`"),
        ("POST", "faults", json!({}), "Rule: there is none"),
        (
            "POST",
            "send",
            json!({ "From": { "Email": "a@b.test" }, "body": "" }),
            "unknown field `body`",
        ),
    ] {
        let answer = inbox.ask(method, &format!("/api/v1/{path}"), &body.to_string());
        assert_eq!(answer.status, 400, "{method} {path} {body}: {answer:?}");
        assert!(answer.text().contains(words), "{method} {path} {body}: {}", answer.text());
    }
    assert_eq!(inbox.fetch("/api/v1/messages")["total"], 3);
    for (method, path, body) in [
        ("DELETE", "messages", json!({ "ids": [alpha] })),
        ("PUT", "tags", json!({ "iDs": [beta], "tags": ["any"] })),
        ("PUT", "chaos", json!({ "recipient": { "errorCode": 451, "probability": 0 } })),
        ("POST", "faults", json!({ "rule": "mail times=1 reply=\"452 4.3.1 full\"" })),
        ("POST", "send", json!({ "from": { "email": "a@b.test" }, "subject": "small" })),
    ] {
        let answer = inbox.ask(method, &format!("/api/v1/{path}"), &body.to_string());
        assert_eq!(answer.status, 200, "{method} {path} {body}: {answer:?}");
    }
    assert_eq!(inbox.subjects("tag:any"), ["Beta two"]);
    assert_eq!(inbox.subjects("subject:small"), ["small"]);
    assert_eq!(inbox.fetch("/api/v1/message/latest?query=gamma")["ID"], gamma);
    assert_eq!(inbox.fetch("/api/v1/messages")["total"], 3);
    assert_eq!(inbox.fetch("/api/v1/chaos")["Recipient"]["ErrorCode"], 451);
}

#[test]
fn what_is_not_there_is_404() {
    let inbox = Inbox::start(&[]);
    for path in ["", "/raw", "/headers", "/part/1", "/envelope", "/structure", "/html"] {
        for id in ["latest", "1", "no-id", "..%2f..%2fetc", "FFFFFFFFFFFFFFFF"] {
            let answer = inbox.ask("GET", &format!("/api/v1/message/{id}{path}"), "");
            assert_eq!(answer.status, 404, "{id}{path}");
        }
    }
    for path in
        ["/api/v1/nothing", "/api/v2/messages", "/api/v1/root.pem", "/../Cargo.toml", "/js/../../x"]
    {
        assert_eq!(inbox.ask("GET", path, "").status, 404, "{path}");
    }
}

#[test]
fn a_message_is_sent_by_http() {
    let inbox = Inbox::start(&[]);
    let body = json!({
        "From": { "Name": "John", "Email": "john@example.com" },
        "To": [{ "Name": "Jane", "Email": "jane@example.com" }],
        "Bcc": ["jack@example.com"], "Subject": "By HTTP", "Text": "Hi", "HTML": "<b>Hi</b>", "Tags": ["http"],
        "Attachments": [{ "Filename": "a.txt", "Content": "YWJj" }], "Headers": { "X-Ip": "1.2.3.4" },
    });
    let answer = inbox.ask("POST", "/api/v1/send", &body.to_string());
    let id = answer.json()["ID"].as_str().expect("an id").to_owned();
    let message = inbox.fetch(&format!("/api/v1/message/{id}"));
    assert_eq!((&message["Subject"], &message["HTML"]), (&json!("By HTTP"), &json!("<b>Hi</b>")));
    assert_eq!(
        (&message["Attachments"][0]["Size"], &message["Tags"]),
        (&json!(3), &json!(["http"]))
    );
    assert_eq!(inbox.fetch("/api/v1/message/latest/headers")["X-Ip"], json!(["1.2.3.4"]));
    for wrong in ["", "{}", "{\"From\": {\"Email\": \"a b\"}}"] {
        let answer = inbox.ask("POST", "/api/v1/send", wrong);
        assert_eq!(answer.status, 400, "{wrong}");
        assert!(answer.json()["Error"].is_string());
    }
}

/// A path or a method that only one of the two knows would be one that nobody can use, or nobody knows of.
#[test]
fn the_description_and_the_program_agree() {
    let inbox = Inbox::start(&[]);
    let description = inbox.fetch("/api/v1/openapi.json");
    let paths = description["paths"].as_object().unwrap();
    for (path, operations) in paths {
        let concrete = path
            .replace("{id}", "1")
            .replace("{part}", "1")
            .replace("{file}", "1.txt")
            .replace("{tag}", "x");
        if path.ends_with("/events") || path.ends_with("/wait") {
            continue;
        }
        for method in ["GET", "PUT", "POST", "DELETE"] {
            let answer = inbox.ask(method, &concrete, "");
            match &operations[method.to_lowercase()] {
                Value::Null => assert_eq!(answer.status, 405, "{method} {path}"),
                operation => {
                    let statuses = operation["responses"].as_object().unwrap();
                    assert!(
                        statuses.contains_key(&answer.status.to_string()),
                        "{method} {path}: {answer:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_parameter_that_is_not_described_is_refused() {
    let (inbox, _) = filled();
    let description = inbox.fetch("/api/v1/openapi.json");
    for (path, operations) in description["paths"].as_object().unwrap() {
        let concrete = path.replace("{id}", "latest").replace("{file}", "latest.txt");
        for method in operations.as_object().unwrap().keys() {
            let method = method.to_uppercase();
            let answer = inbox.ask(&method, &format!("{concrete}?qeury=subject:nonesuch"), "");
            assert_eq!(answer.status, 400, "{method} {path}: {answer:?}");
            assert!(answer.text().contains("qeury: this call has "), "{method} {path}: {answer:?}");
        }
    }
    let answer = inbox.ask("GET", "/api/v1/wait?qeury=x", "");
    assert_eq!(answer.text(), "qeury: this call has only query, timeout, since, tz");
    for path in [
        "/api/v1/messages?start=0&limit=1&before=1",
        "/api/v1/message/latest/envelope?query=alpha&tz=UTC",
        "/view/latest.html?embed=1",
        "/api/v1/wait?query=alpha&timeout=60s&since=2020-01-01&tz=UTC",
        "/?anything",
    ] {
        assert_eq!(inbox.ask("GET", path, "").status, 200, "{path}");
    }
    assert_eq!(inbox.fetch("/api/v1/messages")["total"], 3);
}

#[test]
fn health_and_metrics_are_told() {
    let (inbox, _) = filled();
    for path in ["/livez", "/readyz"] {
        assert_eq!(inbox.ask("GET", path, "").text(), "ok");
    }
    let metrics = inbox.ask("GET", "/metrics", "");
    assert!(
        metrics
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/openmetrics-text"))
    );
    let text = metrics.text();
    for line in
        ["inbox_messages 3", "inbox_unread_messages 3", "inbox_received_messages_total 3", "# EOF"]
    {
        assert!(text.lines().any(|one| one == line), "{line} is not in:\n{text}");
    }
    let info = inbox.fetch("/api/v1/info");
    assert_eq!((&info["Messages"], &info["Tags"]["Red"]), (&json!(3), &json!(1)));
    assert_eq!(info["RuntimeStats"]["SMTPAccepted"], 3);
    assert_eq!(info["SMTP"], inbox.smtp().to_string());
}
