//! Final delivery (RFC 5321 4.4) and the names of a Maildir.

use std::path::Path;

use smtp_server::delivery::Maildir;
use smtp_server::{Recipient, Service};

use crate::contracts::runtime;
use crate::support::octets::codes;
use crate::support::setup::Setup;
use crate::support::tcp::{Client, Running};

/// The names and texts in `new` after so many messages from `sender`.
fn delivered(host: &str, sender: &str, count: usize) -> Vec<(String, String)> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kim");
    let mailbox = path.clone();
    let mut setup = Setup::new(Maildir::new(host, move |_: &Recipient| Some(mailbox.clone())));
    setup.service = Service::Lmtp;
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let mut client = Client::direct(running.address).await;
        let message = format!(
            "MAIL FROM:{sender}\r\nRCPT TO:<kim@local.test>\r\nDATA\r\n\
             Return-Path: <old@c.test>\r\n\
             Received: from a.test by b.test; Mon, 01 Jan 2024 10:00:00 +0000\r\n\
             return-path : <older@c.test>\r\n\r\nhi\r\n.\r\n"
        );
        client.write(format!("LHLO a\r\n{}QUIT\r\n", message.repeat(count)).as_bytes()).await;
        assert_eq!(codes(&client.rest().await).last().map(String::as_str), Some("221 2.0.0"));
        running.stop().await;
    });
    assert!(is_empty(&path.join("tmp")) && is_empty(&path.join("cur")));
    let mut files = std::fs::read_dir(path.join("new"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            (entry.file_name().into_string().unwrap(), text)
        })
        .collect::<Vec<_>>();
    files.sort();
    files
}

fn is_empty(directory: &Path) -> bool {
    std::fs::read_dir(directory).unwrap().next().is_none()
}

// rows: 5321-4.4-g, 5321-4.4-h, 5321-4.4-i
#[test]
fn the_return_path_stands_above_all_trace_fields() {
    for (sender, line) in [("<A+b@b.test>", "Return-Path: <A+b@b.test>"), ("<>", "Return-Path: <>")]
    {
        let (_, text) = delivered("mx.test", sender, 1).remove(0);
        assert_eq!(text.lines().next(), Some(line));
        assert_eq!(text.to_lowercase().matches("return-path").count(), 1, "{text}");
        let received = text.match_indices("Received: ").map(|(at, _)| at).collect::<Vec<_>>();
        assert_eq!(received.len(), 2, "{text}");
        assert!(text[received[0]..].starts_with("Received: from a ([127.0.0.1])"), "{text}");
    }
}

// rows: maildir-delivery-b, maildir-delivery-c
#[test]
fn names_are_unique_and_without_flags() {
    let files = delivered("a/b:c", "<>", 3);
    assert_eq!(files.len(), 3);
    for (name, _) in files {
        let (seconds, rest) = name.split_once('.').unwrap();
        assert!(seconds.parse::<u64>().is_ok(), "{name}");
        let (unique, host) = rest.split_once('.').unwrap();
        assert!(unique.starts_with('M') && unique.contains('P') && unique.contains('Q'), "{name}");
        assert_eq!(host, "a\\057b\\072c");
        assert!(!name.contains([':', '/']), "{name}");
    }
}
