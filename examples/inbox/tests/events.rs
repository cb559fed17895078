//! What viewers are told, and when.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::harness::{Inbox, PATIENCE, Sender};

/// A viewer of events.
struct Viewer(BufReader<TcpStream>);

impl Viewer {
    /// Looks on from here, having seen `last` before if it is given.
    fn of(inbox: &Inbox, last: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(inbox.http()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let request =
            format!("GET /api/v1/events HTTP/1.0\r\nHost: {}\r\n{last}\r\n", inbox.http());
        stream.write_all(request.as_bytes()).unwrap();
        let mut viewer = Self(BufReader::new(stream));
        while !viewer.line().starts_with("retry:") {}
        viewer
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream ended");
        line.trim_end().to_owned()
    }

    /// The next event's name and data.
    fn event(&mut self) -> (String, Value) {
        loop {
            if let Some(name) = self.line().strip_prefix("event: ") {
                let name = name.to_owned();
                let data = self.line();
                let data = data.strip_prefix("data: ").unwrap_or_else(|| panic!("{data}"));
                return (name, serde_json::from_str(data).unwrap());
            }
        }
    }
}

#[test]
fn a_viewer_sees_what_happens() {
    let inbox = Inbox::start(&[]);
    let mut viewer = Viewer::of(&inbox, None);
    let id = inbox.send("a@b.test", &["c@d.test"], "Subject: seen\n\nHi\n");
    let (name, summary) = viewer.event();
    assert_eq!(
        (name.as_str(), &summary["ID"], &summary["Subject"]),
        ("message", &json!(id), &json!("seen"))
    );
    let put = |path: &str, body: Value| inbox.ask("PUT", path, &body.to_string());
    put("/api/v1/messages", json!({ "Read": true }));
    assert_eq!(viewer.event(), ("changed".into(), json!({ "IDs": [id], "Read": true })));
    put("/api/v1/tags", json!({ "IDs": [id], "Tags": ["x"] }));
    assert_eq!(viewer.event(), ("changed".into(), json!({ "IDs": [id] })));
    inbox.ask(
        "POST",
        "/api/v1/faults",
        &json!({ "Rule": "rcpt nth=2 reply=\"451 later\"" }).to_string(),
    );
    assert_eq!(viewer.event(), ("faults".into(), json!({})));
    inbox.ask("DELETE", "/api/v1/messages", &json!({ "IDs": [id] }).to_string());
    assert_eq!(viewer.event(), ("deleted".into(), json!({ "IDs": [id] })));
    inbox.ask("DELETE", "/api/v1/messages", "");
    assert_eq!(viewer.event(), ("deleted".into(), json!({ "All": true })));
}

#[test]
fn who_missed_something_is_told_to_reload() {
    let inbox = Inbox::start(&[]);
    let mut viewer = Viewer::of(&inbox, Some("an earlier run's"));
    assert_eq!(viewer.event().0, "reload");
    // Far more at once than anybody could look at one by one.
    let mut sender = Sender::connect(inbox.smtp());
    let transaction =
        "MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nBDAT 15 LAST\r\nSubject: x\r\n\r\nH";
    sender.write(transaction.repeat(1000).as_bytes());
    for _ in 0..3000 {
        assert!(sender.reply().starts_with("250"));
    }
    // One that gets each is told of each, and of nothing else.
    let names: Vec<_> = std::iter::repeat_with(|| viewer.event().0)
        .take(1000)
        .take_while(|name| name != "reload")
        .collect();
    assert!(names.iter().all(|name| name == "message"), "{names:?}");
}

#[test]
fn a_viewer_that_reads_nothing_holds_nobody_up() {
    let inbox = Inbox::start(&[]);
    let viewers: Vec<_> = (0..100).map(|_| Viewer::of(&inbox, None)).collect();
    assert_eq!(
        inbox
            .ask("GET", "/metrics", "")
            .text()
            .lines()
            .find(|line| line.starts_with("inbox_viewers")),
        Some("inbox_viewers 100")
    );
    let mut sender = Sender::connect(inbox.smtp());
    for number in 0..500 {
        sender.send("a@b.test", &["c@d.test"], &format!("Subject: {number}\n\nHi\n"));
    }
    assert_eq!(inbox.fetch("/api/v1/messages")["total"], 500);
    drop(viewers);
}
