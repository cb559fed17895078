//! `mta passwd`, and what the passwords are good for.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::client::Client;
use crate::harness::{Mta, run_passwd, run_passwd_with};

/// `\0kim\0secret` in base64.
const KIM: &str = "AGtpbQBzZWNyZXQ=";
/// `\0kim\0secrets` in base64.
const KIM_WRONG: &str = "AGtpbQBzZWNyZXRz";
/// `\0eve\0secret` in base64.
const EVE: &str = "AGV2ZQBzZWNyZXQ=";

#[track_caller]
fn set(file: &Path, user: &str, password: &str) {
    let output = run_passwd(file, user, password);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{stderr}");
}

#[test]
fn lines_are_added_and_replaced() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("users");
    set(&file, "kim", "first\n");
    let first = fs::read_to_string(&file).expect("the file");
    assert!(first.starts_with("kim:$argon2id$v=19$") && first.ends_with('\n'), "{first}");
    assert!(!first.contains("first"));
    fs::write(&file, format!("# who may log in\n{first}")).expect("the file");
    set(&file, "lee@example.org", "second");
    set(&file, "kim", "third\n");
    let text = fs::read_to_string(&file).expect("the file");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert_eq!(lines[0], "# who may log in");
    assert!(lines[1].starts_with("kim:$argon2id$") && lines[1] != first.trim_end(), "{text}");
    assert!(lines[2].starts_with("lee@example.org:$argon2id$"), "{text}");
    let mode = fs::metadata(&file).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let left: Vec<_> = fs::read_dir(directory.path()).expect("the directory").collect();
    assert_eq!(left.len(), 1, "no other file remains");
}

#[test]
fn of_changes_at_once_none_is_lost() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("users");
    std::thread::scope(|scope| {
        for number in 0..8 {
            let file = &file;
            scope.spawn(move || set(file, &format!("user{number}"), "secret\n"));
        }
    });
    assert_eq!(fs::read_to_string(&file).expect("the file").lines().count(), 8);
}

#[test]
fn what_is_no_password_or_user_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("users");
    let bad = directory.path().join("bad");
    fs::write(&bad, "kim:plain\n").expect("a file");
    let missing = directory.path().join("missing/users");
    for (file, user, input, code, part) in [
        (&file, "kim", "", 64, "empty"),
        (&file, "kim", "\n", 64, "empty"),
        (&file, "a:b", "secret\n", 64, "colon"),
        (&file, "", "secret\n", 64, "not a user name"),
        (&bad, "lee", "secret\n", 66, "bad:1: "),
        (&missing, "kim", "secret\n", 75, "cannot write"),
    ] {
        let output = run_passwd(file, user, input);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{user} {input:?}: {stderr}");
        assert!(stderr.starts_with("mta: ") && stderr.contains(part), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    assert!(!file.exists());
    assert_eq!(fs::read_to_string(&bad).expect("the file"), "kim:plain\n");
}

#[test]
fn the_password_lets_a_user_send_to_local_domains_only() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("users");
    set(&file, "kim", "secret\n");
    let file = file.to_str().expect("UTF-8");
    let next = "relayhost=[127.0.0.1]:1";
    let mta = Mta::start(&["--passwd", file, "-o", "smtpd_tls_auth_only=no", "-o", next]);
    let mut client = Client::connect(mta.submission());
    let hello = client.ask("EHLO client.example");
    assert!(hello.contains("AUTH PLAIN LOGIN"), "{hello}");
    let mail = client.ask("MAIL FROM:<kim@localhost>");
    assert!(mail.starts_with("530 5.7.0 "), "{mail}");
    for wrong in [KIM_WRONG, EVE] {
        let reply = client.ask(&format!("AUTH PLAIN {wrong}"));
        assert!(reply.starts_with("535 5.7.8 "), "{reply}");
    }
    let reply = client.ask(&format!("AUTH PLAIN {KIM}"));
    assert!(reply.starts_with("235 2.7.0 "), "{reply}");
    let reply = client.deliver("<lee@localhost>", "from kim");
    assert!(reply.starts_with("250 2.0.0 "), "{reply}");
    let reply = client.deliver("<lee@elsewhere.example>", "from kim");
    assert!(reply.starts_with("250 2.0.0 "), "who logged in may relay: {reply}");
    let ended = mta.terminate();
    assert!(!ended.stderr.contains("secret") && !ended.stderr.contains(KIM), "{}", ended.stderr);
}

#[test]
fn scram_is_offered_if_all_users_are_stored_for_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("users");
    let scram = |user: &str| {
        let output = run_passwd_with(&["--scram"], &file, user, "secret\n");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    };
    let path = file.to_str().expect("UTF-8");
    scram("kim");
    scram("lee");
    let text = fs::read_to_string(&file).expect("the file");
    assert!(text.lines().all(|line| line.contains(":SCRAM-SHA-256$")), "{text}");
    for (added, expected) in
        [(None, "AUTH SCRAM-SHA-256 PLAIN LOGIN"), (Some("eve"), "AUTH PLAIN LOGIN")]
    {
        if let Some(user) = added {
            set(&file, user, "secret\n");
        }
        let mta = Mta::start(&["--passwd", path, "-o", "smtpd_tls_auth_only=no"]);
        let mut client = Client::connect(mta.submission());
        let hello = client.ask("EHLO client.example");
        assert!(hello.contains(expected), "{hello}");
        let reply = client.ask(&format!("AUTH PLAIN {KIM}"));
        assert!(reply.starts_with("235 2.7.0 "), "{reply}");
    }
}

#[test]
fn without_a_file_nobody_can_log_in() {
    let mta = Mta::start(&["-o", "smtpd_tls_auth_only=no"]);
    let mut client = Client::connect(mta.submission());
    let hello = client.ask("EHLO client.example");
    assert!(hello.contains("AUTH PLAIN LOGIN"), "{hello}");
    let reply = client.ask(&format!("AUTH PLAIN {KIM}"));
    assert!(reply.starts_with("535 5.7.8 "), "{reply}");
    let reply = client.ask("MAIL FROM:<kim@localhost>");
    assert!(reply.starts_with("530 5.7.0 "), "{reply}");
    let hello = Client::connect(mta.smtp()).ask("EHLO client.example");
    assert!(!hello.contains("AUTH"), "other hosts cannot log in at all: {hello}");
}
