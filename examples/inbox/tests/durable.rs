//! Mail that is kept: over a restart, and over a kill right after its 250.

use rustix::process::Signal;
use serde_json::json;

use crate::harness::{Inbox, Sender};

fn start(directory: &tempfile::TempDir) -> Inbox {
    Inbox::start(&["--data", directory.path().to_str().unwrap()])
}

#[test]
fn a_restart_keeps_mail_and_what_was_done_to_it() {
    let directory = tempfile::tempdir().unwrap();
    let inbox = start(&directory);
    let mut ids = Vec::new();
    for subject in ["one", "two", "three", "four"] {
        let content = format!("Subject: {subject}\nX-Tags: t\n\nHi {subject}\n");
        ids.push(inbox.send("ann@example.org", &["kim@example.org"], &content));
    }
    inbox.ask("PUT", "/api/v1/messages", &json!({ "IDs": [ids[0]], "Read": true }).to_string());
    inbox.ask("PUT", "/api/v1/tags", &json!({ "IDs": [ids[1]], "Tags": ["kept"] }).to_string());
    inbox.ask("DELETE", "/api/v1/messages", &json!({ "IDs": [ids[2]] }).to_string());
    assert!(inbox.end(Signal::TERM).success());

    let inbox = start(&directory);
    assert_eq!(inbox.subjects("hi"), ["four", "two", "one"]);
    assert_eq!(inbox.subjects("is:read"), ["one"]);
    assert_eq!(inbox.subjects("tag:kept"), ["two"]);
    assert_eq!(
        inbox.ask("GET", &format!("/api/v1/message/{}/raw", ids[3]), "").text(),
        "Subject: four\r\nX-Tags: t\r\n\r\nHi four\r\n"
    );
    let envelope = inbox.fetch(&format!("/api/v1/message/{}/envelope", ids[3]));
    assert_eq!(envelope["Recipients"][0]["Address"], "kim@example.org");
    let newer = inbox.send("ann@example.org", &["kim@example.org"], "Subject: five\n\nHi\n");
    assert!(newer > ids[3], "ids grow");
    inbox.ask("DELETE", "/api/v1/messages", "");
    drop(inbox);
    assert_eq!(start(&directory).fetch("/api/v1/messages")["total"], 0);
}

#[test]
fn a_kill_right_after_a_250_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for round in 0..5 {
        let inbox = start(&directory);
        assert_eq!(inbox.fetch("/api/v1/messages")["total"], expected.len());
        let acknowledged = std::thread::scope(|scope| {
            let senders: Vec<_> = (0..4)
                .map(|sender| {
                    let smtp = inbox.smtp();
                    scope.spawn(move || {
                        let mut connection = Sender::connect(smtp);
                        let subjects = (0..5).map(|number| format!("{round}.{sender}.{number}"));
                        let send = |subject: String| {
                            connection.send(
                                "a@b.test",
                                &["c@d.test"],
                                &format!("Subject: {subject}\n\nHi\n"),
                            );
                            subject
                        };
                        subjects.map(send).collect::<Vec<_>>()
                    })
                })
                .collect();
            senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect::<Vec<_>>()
        });
        inbox.end(Signal::KILL);
        expected.extend(acknowledged);
    }
    let inbox = start(&directory);
    let mut kept = inbox.subjects("hi");
    kept.extend(
        inbox.fetch("/api/v1/search?query=hi&start=50")["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["Subject"].as_str().unwrap().to_owned()),
    );
    kept.sort_unstable();
    expected.sort_unstable();
    assert_eq!(kept, expected);
}

#[test]
fn a_directory_is_for_one_program() {
    let directory = tempfile::tempdir().unwrap();
    let _inbox = start(&directory);
    let second = crate::harness::command().arg("--data").arg(directory.path()).output().unwrap();
    assert_eq!(second.status.code(), Some(75), "{second:?}");
    assert!(
        String::from_utf8_lossy(&second.stderr).contains("another inbox uses it"),
        "{second:?}"
    );
}
