//! Mail that is kept: over a restart, and over a kill right after its 250.

use std::process::Command;

use rustix::process::Signal;
use serde_json::json;

use crate::harness::{Inbox, Sender, command};

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
    let second = command().arg("--data").arg(directory.path()).output().unwrap();
    assert_eq!(second.status.code(), Some(75), "{second:?}");
    assert!(
        String::from_utf8_lossy(&second.stderr).contains("another inbox uses it"),
        "{second:?}"
    );
}

/// No file may have more octets than this, as if the disk were full.
fn start_on_a_full_disk(directory: &tempfile::TempDir, blocks: u32) -> Inbox {
    let plain = command();
    let mut command = Command::new("sh");
    // A write beyond the limit is an error where its signal is ignored.
    command.args(["-c", "trap '' XFSZ; ulimit -f $0; exec \"$@\"", &blocks.to_string()]);
    command.arg(plain.get_program()).args(plain.get_args()).arg("--data").arg(directory.path());
    for (name, _) in plain.get_envs() {
        command.env_remove(name);
    }
    Inbox::spawn(&mut command)
}

#[test]
fn a_full_disk_refuses_and_keeps_what_was_promised() {
    /// Of 512 octets.
    const BLOCKS: u32 = 16 << 10;
    const MESSAGES_MAX: usize = 45;
    let directory = tempfile::tempdir().unwrap();
    let inbox = start_on_a_full_disk(&directory, BLOCKS);
    let mut sender = Sender::connect(inbox.smtp());
    let line = "0123456789abcdef".repeat(4) + "\r\n";
    let mut send = |number: usize| {
        for command in ["MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>", "DATA"] {
            sender.say(command);
        }
        sender.write(format!("Subject: {number}\r\n\r\n{}", line.repeat(4000)).as_bytes());
        sender.say(".")
    };
    let mut promised = Vec::new();
    let refused = (0..MESSAGES_MAX).find_map(|number| match send(number) {
        taken if taken.starts_with("250 ") => {
            promised.push(number.to_string());
            None
        }
        refused => Some(refused),
    });
    assert!(refused.as_ref().is_some_and(|said| said.starts_with("452 4.3.1 ")), "{refused:?}");
    promised.reverse();
    assert_eq!(inbox.subjects("0123456789abcdef"), promised);
    inbox.end(Signal::KILL);
    assert_eq!(start(&directory).subjects("0123456789abcdef"), promised);
}
