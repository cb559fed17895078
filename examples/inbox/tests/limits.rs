//! How much is kept.

use rustix::process::Signal;

use crate::harness::{Inbox, Sender};

#[test]
fn the_oldest_leave_first() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    let inbox = three_of_ten(data);
    assert!(inbox.end(Signal::TERM).success());
    let inbox = Inbox::start(&["--data", data]);
    assert_eq!(inbox.subjects("hi"), ["9", "8", "7"], "what left is gone from disk, too");
}

/// Nobody's 250 waits until what leaves is gone from disk, so a kill may leave it there.
#[test]
fn after_a_kill_there_are_no_more_than_the_limit_allows() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    drop(three_of_ten(data));
    let inbox = Inbox::start(&["--max-messages", "3", "--data", data]);
    assert_eq!(inbox.subjects("hi"), ["9", "8", "7"]);
}

fn three_of_ten(data: &str) -> Inbox {
    let inbox = Inbox::start(&["--max-messages", "3", "--data", data]);
    let mut sender = Sender::connect(inbox.smtp());
    for number in 0..10 {
        sender.send("a@b.test", &["c@d.test"], &format!("Subject: {number}\n\nHi\n"));
    }
    assert_eq!(inbox.subjects("hi"), ["9", "8", "7"]);
    inbox
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
