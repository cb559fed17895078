//! What scripts rely on: the lines on standard output, and where everything else goes.

use std::fs;

use crate::client::Client;
use crate::harness::Mta;

/// The lines with the port, which differs, cut off.
fn shape(mta: &Mta) -> Vec<&str> {
    let lines = mta.stdout().iter().map(String::as_str);
    lines
        .map(|line| match line.rsplit_once(':') {
            Some((start, _)) if line.starts_with("listening ") => start,
            _ if line.starts_with("hint: ") => "hint",
            _ => line,
        })
        .collect()
}

#[test]
fn each_listener_has_a_line_then_ready_then_a_hint() {
    let mta = Mta::start(&["--lmtp", "127.0.0.1:0"]);
    let expected = [
        "listening smtp 127.0.0.1",
        "listening submission 127.0.0.1",
        "listening submissions 127.0.0.1",
        "listening lmtp 127.0.0.1",
        "ready",
        "hint",
    ];
    assert_eq!(shape(&mta), expected);
    for address in [mta.smtp(), mta.submission(), mta.submissions(), mta.lmtp()] {
        assert_ne!(address.port(), 0);
    }
    let hint = mta.stdout().last().expect("a hint");
    assert!(hint.contains(&mta.smtp().to_string()), "{hint}");
}

#[test]
fn each_port_speaks_its_protocol_at_once() {
    let mta = Mta::start(&["--lmtp", "127.0.0.1:0", "-o", "myhostname=MX.Example.org"]);
    for (address, hello, kind) in [
        (mta.smtp(), "EHLO client.example", "ESMTP"),
        (mta.submission(), "EHLO client.example", "ESMTP"),
        (mta.lmtp(), "LHLO client.example", "LMTP"),
    ] {
        let mut client = Client::connect(address);
        let reply = client.ask(hello);
        assert!(reply.starts_with("250-mx.example.org"), "{kind}: {reply}");
        assert!(reply.contains("STARTTLS"), "{kind}: {reply}");
        assert!(reply.contains("SIZE 10240000"), "{kind}: {reply}");
        assert!(!reply.contains("AUTH"), "{kind}: no password in clear: {reply}");
    }
}

#[test]
fn off_closes_a_listener() {
    let mta = Mta::start(&["--smtp", "off", "--submissions", "off"]);
    assert_eq!(shape(&mta), ["listening submission 127.0.0.1", "ready", "hint"]);
    let ended = Mta::start(&["--smtp", "off", "--submission", "off", "--submissions", "[::1]:0"])
        .terminate();
    assert!(ended.stdout[0].starts_with("listening submissions [::1]:"), "{:?}", ended.stdout);
}

#[test]
fn all_else_goes_to_standard_error() {
    let mta = Mta::start(&[]);
    let reply = Client::hello(mta.smtp()).deliver("<kim@localhost>", "logged");
    assert!(reply.starts_with("250 2.0.0 "), "{reply}");
    // The queue tells of a message when it begins with it.
    mta.settle();
    let ended = mta.terminate();
    assert_eq!(ended.stdout.len(), 5, "{:?}", ended.stdout);
    for part in
        ["self-signed", "nobody can log in", "connect", "<sender@client.example>", "mta: ended: "]
    {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
}

#[test]
fn the_self_signed_certificate_stays_the_same() {
    let mta = Mta::start(&["-o", "myhostname=mx.example.org"]);
    let path = mta.data().join("tls/mx.example.org.crt");
    let first = fs::read(&path).expect("a certificate");
    let mta = mta.restart(&["-o", "myhostname=mx.example.org"]);
    assert_eq!(fs::read(&path).expect("a certificate"), first);
    assert_eq!(mta.terminate().code, Some(0));
}

#[test]
fn what_is_kept_can_be_read_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let mta = Mta::start(&[]);
    Client::hello(mta.smtp()).deliver("<kim@localhost>", "private");
    assert_eq!(mta.messages("localhost", "kim").len(), 1);
    // Nothing is renamed any more.
    let ended = mta.terminate();
    let mut paths = vec![ended.directory.path().join("data")];
    let (mut seen, mut messages) = (0, 0);
    while let Some(path) = paths.pop() {
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
        seen += 1;
        messages += usize::from(
            path.is_file() && path.parent().is_some_and(|new| new.ends_with("kim/new")),
        );
        if path.is_dir() {
            paths.extend(
                fs::read_dir(&path)
                    .expect("a directory")
                    .map(|entry| entry.expect("an entry").path()),
            );
        }
    }
    assert!(10 <= seen && messages == 1, "{seen} {messages}");
}

#[test]
fn it_serves_on_when_nobody_reads_what_it_says() {
    let mta = Mta::start_unheard(&[]);
    for text in ["first", "second"] {
        let reply = Client::hello(mta.smtp()).deliver("<kim@localhost>", text);
        assert!(reply.starts_with("250 2.0.0 "), "{reply}");
    }
    assert_eq!(mta.terminate().code, Some(0));
}
