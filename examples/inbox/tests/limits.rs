//! How much is kept.

use crate::harness::{Inbox, Sender};

#[test]
fn the_oldest_leave_first() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    let inbox = Inbox::start(&["--max-messages", "3", "--data", data]);
    let mut sender = Sender::connect(inbox.smtp());
    for number in 0..10 {
        sender.send("a@b.test", &["c@d.test"], &format!("Subject: {number}\n\nHi\n"));
    }
    assert_eq!(inbox.subjects("hi"), ["9", "8", "7"]);
    drop(inbox);
    let inbox = Inbox::start(&["--data", data]);
    assert_eq!(inbox.subjects("hi"), ["9", "8", "7"], "what left is gone from disk, too");
}

#[test]
fn octets_are_counted_and_the_newest_stays() {
    let inbox = Inbox::start(&["--max-bytes", "10k"]);
    let large = |subject: &str, lines: usize| {
        format!("Subject: {subject}\n\n{}", "0123456789abcd\n".repeat(lines))
    };
    inbox.send("a@b.test", &["c@d.test"], &large("first", 300));
    inbox.send("a@b.test", &["c@d.test"], &large("second", 300));
    assert_eq!(inbox.subjects("subject:first"), ["first"]);
    inbox.send("a@b.test", &["c@d.test"], &large("third", 300));
    assert_eq!(inbox.subjects("0123456789abcd"), ["third", "second"]);
    inbox.send("a@b.test", &["c@d.test"], &large("larger than all", 3000));
    assert_eq!(inbox.subjects("0123456789abcd"), ["larger than all"]);
}
