//! Names that are something else to a file system, a shell or a terminal.

use std::fs;
use std::path::{Path, PathBuf};

use crate::client::Client;
use crate::harness::{Mta, run_passwd};

/// Delivers to every recipient that has a form; how many there were.
fn deliver_to(mta: &Mta, local_parts: &[&str]) -> usize {
    let mut delivered = 0;
    for local_part in local_parts {
        let quoted = local_part.replace('\\', "\\\\");
        for to in [format!("<{local_part}@localhost>"), format!("<\"{quoted}\"@localhost>")] {
            let reply = Client::hello(mta.smtp()).deliver(&to, "hostile");
            assert!(reply.starts_with("250 ") || reply.starts_with("501 5.1.3 "), "{to}: {reply}");
            delivered += usize::from(reply.starts_with("250 "));
        }
    }
    delivered
}

/// All files below a directory.
fn tree(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files.extend(tree(&path)) } else { files.push(path) }
    }
    files
}

/// `mta` whose Maildirs lie deep in a directory of their own.
fn start(root: &Path) -> Mta {
    let spool = format!("mail_spool_directory={}/a/b/spool", root.display());
    Mta::start(&["-o", "myhostname=mx.example.org", "-o", &spool])
}

#[test]
fn e07_a_local_part_is_never_a_path() {
    let root = tempfile::tempdir().expect("a directory");
    let mta = start(root.path());
    let local_parts = [
        "../../etc/passwd",
        "/etc/passwd",
        "/",
        "|id",
        ":include:/etc/shadow",
        "-oQ/tmp",
        ".",
        "..",
        "a/b",
        "a/../../b",
        "a\\b",
        "~root",
        "%2e%2e%2f",
        "new",
        "tmp",
        ".hidden",
        "$HOME",
        "`id`",
        "a:2,S",
    ];
    let delivered = deliver_to(&mta, &local_parts);
    assert!(local_parts.len() <= delivered, "{delivered}");
    mta.settle();
    let files = tree(root.path());
    assert_eq!(files.len(), delivered, "one file for each message: {files:?}");
    let domain = root.path().join("a/b/spool/localhost");
    for file in &files {
        let below = file.strip_prefix(&domain).expect("below the domain");
        let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        let [account, new, _] = &parts[..] else { panic!("{below:?}") };
        let is_plain = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit();
        assert!(account.trim_start_matches('=').bytes().all(is_plain), "{below:?}");
        assert_eq!(new, "new", "{below:?}");
    }
}

#[test]
fn e08_an_extension_is_no_part_of_a_path() {
    let root = tempfile::tempdir().expect("a directory");
    let mta = start(root.path());
    let extensions = [
        "user+../../x",
        "user+/../x",
        "user+/etc/x",
        "user+..",
        "user+",
        "USER+a+../b",
        "user+\\..\\x",
    ];
    let delivered = deliver_to(&mta, &extensions);
    assert!(extensions.len() <= delivered, "{delivered}");
    let mailbox = root.path().join("a/b/spool/localhost/user/new");
    mta.settle();
    let files = tree(root.path());
    assert_eq!(files.len(), delivered);
    assert!(files.iter().all(|file| file.parent() == Some(&mailbox)), "{files:?}");
}

/// Each event is one line of the log, whatever the client called itself, its sender or its user.
#[test]
fn e14_nothing_that_a_client_sends_writes_into_the_log() {
    let directory = tempfile::tempdir().expect("a directory");
    let passwords = directory.path().join("passwords");
    assert!(run_passwd(&passwords, "kim", "secret\n").status.success());
    let passwords = passwords.to_str().expect("UTF-8");
    let parameters = ["-o", "smtpd_tls_auth_only=no", "-o", "local_transport=error:5.2.1 closed"];
    let mta = Mta::start(&[&["--passwd", passwords][..], &parameters].concat());
    let mut client = Client::connect(mta.submission());
    // NUL ESC [31m CR LF fake NUL x; the sign that turns the direction of writing; a forged field.
    for lines in [
        &["EHLO \x1b[31m"][..],
        &["EHLO $(id)", "AUTH PLAIN ABtbMzFtDQpmYWtlAHg="],
        &["EHLO <script>", "AUTH PLAIN AOKArmxvZ2luPXJvb3QAeA=="],
        &["EHLO a", "AUTH PLAIN AHggbG9naW49InJvb3QiAHg="],
    ] {
        for line in lines {
            client.ask(line);
        }
    }
    let mut client = Client::hello(mta.smtp());
    client.ask("MAIL FROM:<\"a\x1b[2J\"@x.example>");
    client.ask("MAIL FROM:<\"a reply=250\u{202e}\"@x.example> SMTPUTF8");
    client.ask("RCPT TO:<\"\u{202e}\u{2028}a to=<b>\"@localhost>");
    client.ask("RCPT TO:<a\u{9b}31m@localhost>");
    client.ask("RCPT TO:<v@elsewhere.example>");
    drop(client);
    let ended = mta.terminate();
    let log = ended.stderr;
    assert!(log.contains("NOQUEUE: reject: RCPT from "), "{log}");
    assert!(log.contains("authentication failed"), "{log}");
    for line in log.lines() {
        let is_record = line.starts_with("20") && line.contains("Z ")
            || line.split_whitespace().nth(4).is_some_and(|tag| tag.starts_with("postfix/"));
        assert!(is_record || line.starts_with("mta: "), "a record of its own: {line}");
        let hostile = |c: char| c.is_control() || ['\u{202e}', '\u{2028}'].contains(&c);
        assert!(!line.contains(hostile), "{line:?}");
    }
}
