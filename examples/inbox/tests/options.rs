//! The command line, from outside.

use rustix::process::Signal;

use crate::harness::{Inbox, command};

#[test]
fn the_environment_says_the_same_as_options() {
    let inbox = Inbox::spawn(command().env("INBOX_MAX_MESSAGES", "1").env("INBOX_TLS", "yes"));
    for subject in ["one", "two"] {
        inbox.send("a@b.test", &["c@d.test"], &format!("Subject: {subject}\n\nHi\n"));
    }
    assert_eq!(inbox.subjects("hi"), ["two"]);
    assert_eq!(inbox.ask("GET", "/api/v1/root.pem", "").status, 200);
    assert!(inbox.end(Signal::TERM).success());
}

#[test]
fn whatever_is_wrong_costs_one_line_and_a_code_of_its_own() {
    let taken = Inbox::start(&[]);
    let smtp = taken.smtp().to_string();
    for (args, code, words) in [
        (vec!["--nonsense"], 64, "inbox --help"),
        (vec!["--smtp", &smtp], 69, "another program has this port"),
        (vec!["--smtp", "192.0.2.1:25"], 69, "does not have this address"),
        (vec!["--data", "/dev/null/x"], 75, "--data"),
        (vec!["--relay", "localhost:25"], 78, "--relay-allow"),
        (vec!["--faults", "nonsense"], 64, "--faults"),
    ] {
        let output = command().args(&args).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{args:?}: {said}");
        assert!(said.starts_with("inbox: ") && said.contains(words), "{args:?}: {said}");
    }
    let output = command().env("INBOX_MAX_MESSAGE", "5").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(64), 1), "{said}");
    assert!(said.starts_with("inbox: INBOX_MAX_MESSAGE is no variable"), "{said}");
    let help = command().arg("--help").output().unwrap();
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("inbox wait"));
}
