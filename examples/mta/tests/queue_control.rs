//! `mta queue` against an `mta` that runs, and against what one left behind.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Output;

use rustix::process::Signal;
use serde_json::Value;

use crate::client::Client;
use crate::harness::{Mta, ask_control, run_queue};

/// Nobody listens there.
const NOWHERE: &str = "relayhost=[127.0.0.1]:1";

const HELD: &str =
    "smtpd_recipient_restrictions=check_recipient_access inline:{ {held@ = HOLD look at it} }";

/// An `mta` that holds mail for `held` and can send nothing to other hosts.
fn start() -> Mta {
    Mta::start(&["-o", "mynetworks=127.0.0.0/8", "-o", NOWHERE, "-o", HELD])
}

/// Sends a message and returns its queue id.
#[track_caller]
fn send(mta: &Mta, from: &str, to: &str) -> String {
    let mut client = Client::hello(mta.smtp());
    for line in [format!("MAIL FROM:{from}"), format!("RCPT TO:{to}")] {
        let reply = client.ask(&line);
        assert!(reply.starts_with("250 "), "{line}: {reply}");
    }
    assert!(client.ask("DATA").starts_with("354 "));
    let reply = client.ask("Subject: hello\r\n\r\nGr\u{fc}\u{df}e\r\n..\r\n.");
    let (_, id) = reply.rsplit_once(' ').expect("an id");
    assert!(reply.starts_with("250 "), "{reply}");
    id.to_owned()
}

/// What it printed, if it ended well.
#[track_caller]
fn told(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{:?}: {stderr}", output.status.code());
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// Fails with this code and one line with these words.
#[track_caller]
fn check_failure(output: &Output, code: i32, words: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(stderr.starts_with("mta: ") && stderr.lines().count() == 1, "{stderr}");
    assert!(stderr.contains(words), "{words} is not in {stderr}");
}

#[track_caller]
fn objects(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_held_message_is_listed_shown_and_released() {
    let mta = start();
    assert_eq!(told(&mta.queue(&["list"], "")), "Mail queue is empty\n");
    let id = send(&mta, "<kim@client.example>", "<held@localhost>");
    mta.settle();
    let list = told(&mta.queue(&["list"], ""));
    assert!(list.contains(&format!("\n{id}! ")) && list.contains(" held@localhost\n"), "{list}");
    assert!(list.ends_with("-- 0 Kbytes in 1 Request.\n"), "{list}");
    let [entry] = objects(&told(&mta.queue(&["list", "--json"], ""))).try_into().expect("one");
    assert_eq!(entry["queue_name"], "hold");
    assert_eq!(entry["queue_id"], id.as_str());
    assert_eq!(entry["sender"], "kim@client.example");
    assert_eq!(entry["recipients"][0]["address"], "held@localhost");

    let shown = told(&mta.queue(&["show", &id], ""));
    for part in [
        &format!("*** ENVELOPE RECORDS hold/{id} ***\nmessage_size: ")[..],
        "\nhold: look at it\nsender: kim@client.example\nrecipient: held@localhost\n*** MESSAGE CONTENTS ",
        "\nReceived: from client.example ",
        "\nSubject: hello\n\nGr\u{fc}\u{df}e\n.\n*** MESSAGE FILE END ",
    ] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    let [shown] = objects(&told(&mta.queue(&["show", &id, "--json"], ""))).try_into().expect("one");
    assert_eq!((&shown["hold"], &shown["queue_id"]), (&"look at it".into(), &id.as_str().into()));
    let content = shown["content"].as_str().expect("text");
    assert!(content.ends_with("Subject: hello\r\n\r\nGr\u{fc}\u{df}e\r\n.\r\n"), "{content}");

    assert!(mta.messages("localhost", "held").is_empty());
    assert_eq!(told(&mta.queue(&["release", &id], "")), "Released from hold: 1 message\n");
    assert_eq!(mta.messages("localhost", "held").len(), 1);
    assert_eq!(told(&mta.queue(&["list", "--json"], "")), "");
    check_failure(&mta.queue(&["show", &id], ""), 66, &format!("no message {id} in the queue"));
}

#[test]
fn a_large_message_is_shown_octet_for_octet() {
    let mta = start();
    let mut client = Client::hello(mta.smtp());
    for line in ["MAIL FROM:<kim@client.example>", "RCPT TO:<held@localhost>"] {
        assert!(client.ask(line).starts_with("250 "), "{line}");
    }
    assert!(client.ask("DATA").starts_with("354 "));
    // Pieces end within lines' ends and within characters.
    let mut content = [b"Subject: large\r\n\r\n".to_vec(), b"\xfd\r\n".to_vec()].concat();
    content.extend("Gr\u{fc}\u{df}e\r\n".repeat(50_000).into_bytes());
    client.send(&content);
    let reply = client.ask(".");
    let (_, id) = reply.rsplit_once(' ').expect("an id");
    let shown = mta.queue(&["show", id], "").stdout;
    let expected = content.iter().copied().filter(|octet| *octet != b'\r').collect::<Vec<_>>();
    let at = shown.windows(9).position(|octets| octets == b"Subject: ").expect("the content");
    let (content_shown, end) = shown[at..].split_at(expected.len());
    assert!(content_shown == expected, "the content is another");
    assert_eq!(end, format!("*** MESSAGE FILE END hold/{id} ***\n").as_bytes());

    let [shown] = objects(&told(&mta.queue(&["show", id, "--json"], ""))).try_into().expect("one");
    let shown = shown["content"].as_str().expect("text");
    assert!(shown.ends_with(&*String::from_utf8_lossy(&content)), "the content is another");
}

#[test]
fn a_deferred_message_is_flushed_and_returned_when_it_expires() {
    let mta = start();
    let id = send(&mta, "<kim@localhost>", "<lee@elsewhere.example>");
    mta.settle();
    let [entry] = objects(&told(&mta.queue(&["list", "--json"], ""))).try_into().expect("one");
    assert_eq!(
        (&entry["queue_name"], &entry["forced_expire"]),
        (&"deferred".into(), &false.into())
    );
    let reason = entry["recipients"][0]["delay_reason"].as_str().expect("a reason").to_owned();
    assert!(reason.contains("refused"), "{reason}");
    assert!(told(&mta.queue(&["list"], "")).contains(&format!("({reason})\n")));

    for args in [
        &["flush"][..],
        &["flush", &id],
        &["flush", "--site", "elsewhere.EXAMPLE"],
        &["flush", "ALL"],
    ] {
        assert_eq!(told(&mta.queue(args, "")), "Flushed: 1 row\n", "{args:?}");
        mta.settle();
    }
    assert_eq!(told(&mta.queue(&["flush", "--site", "other.example"], "")), "Flushed: 0 rows\n");
    let requeued = told(&mta.queue(&["requeue", "ALL", "--json"], ""));
    assert_eq!(requeued, "{\"changed\":1}\n");
    mta.settle();
    assert_eq!(told(&mta.queue(&["expire", &id], "")), "Force-expired: 1 message\n");
    let [report] = mta.messages("localhost", "kim").try_into().expect("a report");
    let report = String::from_utf8_lossy(&report).into_owned();
    assert!(report.contains("Final-Recipient: rfc822; lee@elsewhere.example\n"), "{report}");
    assert_eq!(told(&mta.queue(&["list"], "")), "Mail queue is empty\n");
}

#[test]
fn messages_are_held_and_deleted_by_id_and_counts_add_up() {
    let mta = start();
    let sent: Vec<_> = ["a.example", "b.example", "a.example"]
        .iter()
        .map(|domain| send(&mta, "<kim@localhost>", &format!("<lee@{domain}>")))
        .collect();
    mta.settle();
    let output = mta.queue(&["hold", &sent[0], "FFFF", &sent[1]], "");
    check_failure(&output, 66, "there is no message FFFF in the queue");
    assert_eq!(output.stdout, b"Placed on hold: 2 messages\n", "what is there was held");
    let [stats] = objects(&told(&mta.queue(&["stats", "--json"], ""))).try_into().expect("one");
    assert_eq!(
        (&stats["hold"], &stats["deferred"], &stats["total"]),
        (&2.into(), &1.into(), &3.into())
    );
    let sites = stats["sites"].as_array().expect("a list");
    let total = |site: &Value| site["total"].as_u64().expect("a number");
    assert_eq!(sites.iter().map(total).sum::<u64>(), 3, "{stats}");
    let text = told(&mta.queue(&["stats"], ""));
    let sums: Vec<_> = text.lines().nth(1).expect("the sums").split_whitespace().collect();
    assert_eq!(sums, ["3", "0", "0", "1", "2", "TOTAL"]);
    let shape = told(&mta.queue(&["shape"], ""));
    let rows = shape.lines().skip(1).map(|line| line.split_whitespace().take(3).collect());
    let rows: Vec<Vec<_>> = rows.collect();
    let expected = [["TOTAL", "3", "3"], ["a.example", "2", "2"], ["b.example", "1", "1"]];
    assert_eq!(rows, expected, "{shape}");
    let shape = objects(&told(&mta.queue(&["shape", "--json"], "")));
    assert_eq!((&shape[0]["domain"], &shape[0]["counts"][0]), (&"a.example".into(), &2.into()));
    let site = objects(&told(&mta.queue(&["list", "--site", "b.example", "--json"], "")));
    assert_eq!((site.len(), &site[0]["queue_id"]), (1, &sent[1].as_str().into()));
    assert_eq!(told(&mta.queue(&["fsck"], "")), "3 messages can be read, 0 places are damaged\n");

    let input = format!("{}\n\n {} \n", sent[0], sent[1]);
    assert_eq!(told(&mta.queue(&["delete", "-"], &input)), "Deleted: 2 messages\n");
    assert_eq!(told(&mta.queue(&["delete", "ALL"], "")), "Deleted: 1 message\n");
    assert_eq!(told(&mta.queue(&["list"], "")), "Mail queue is empty\n");
    assert!(mta.messages("localhost", "kim").is_empty(), "nobody is told");
}

#[test]
fn a_suspended_site_gets_nothing_until_it_is_resumed() {
    let mta = start();
    send(&mta, "<kim@localhost>", "<lee@elsewhere.example>");
    mta.settle();
    let [stats] = objects(&told(&mta.queue(&["stats", "--json"], ""))).try_into().expect("one");
    let site = stats["sites"][0]["site"].as_str().expect("a name");
    assert_eq!(told(&mta.queue(&["suspend", site], "")), "");
    let text = told(&mta.queue(&["stats"], ""));
    assert!(text.contains(site) && text.contains(", suspended"), "{text}");
    assert_eq!(told(&mta.queue(&["resume", site], "")), "");
    check_failure(&mta.queue(&["resume", site], ""), 66, "is not suspended");
}

#[test]
fn several_clients_are_answered_at_once() {
    let mta = start();
    let sent: Vec<_> =
        (0..8).map(|_| send(&mta, "<kim@localhost>", "<lee@elsewhere.example>")).collect();
    mta.settle();
    let data = &mta.data();
    std::thread::scope(|scope| {
        let ask = |args: &'static [&str]| scope.spawn(move || told(&run_queue(data, args, "")));
        let (first, second) = (ask(&["hold", "ALL"]), ask(&["hold", "ALL"]));
        let lists = [(); 4].map(|()| ask(&["list", "--json"]));
        for list in lists {
            let mut ids: Vec<_> = objects(&list.join().expect("it ends"))
                .iter()
                .map(|entry| entry["queue_id"].as_str().expect("an id").to_owned())
                .collect();
            ids.sort_unstable();
            assert_eq!(ids, sent);
        }
        for held in [first, second] {
            assert_eq!(held.join().expect("it ends"), "Placed on hold: 8 messages\n");
        }
    });
}

#[test]
fn what_is_no_request_is_refused_and_costs_nobody_else() {
    let mta = start();
    let (many, long) = (vec!["1"; 1001], [vec![b' '; 1 << 20], vec![b'\n']].concat());
    let many = format!("{{\"operation\":{{\"show\":{many:?}}}}}\n");
    for (request, words) in [
        (&long[..], "a request has 65536 octets at most"),
        (b"{}", "ends before its line does"),
        (b"list\n", "not understood"),
        (b"{\"operation\":\"purge\"}\n", "not understood"),
        (b"{\"operation\":\"stats\",\"also\":1}\n", "not understood"),
        (b"{\"operation\":{\"hold\":{\"site\":\"a\"}}}\n", "only a flush takes a site"),
        (b"{\"operation\":{\"show\":[\"+1\"]}}\n", "'+1' is not a queue id"),
        (many.as_bytes(), "1000 messages at most"),
    ] {
        let answer = ask_control(&mta.data(), request);
        assert!(answer.starts_with("{\"failed\":{\"why\":\"usage\""), "{answer}");
        assert!(answer.contains(words), "{words} is not in {answer}");
    }
    check_failure(&mta.queue(&["show", "xyz"], ""), 64, "'xyz' is not a queue id");
    assert_eq!(told(&mta.queue(&["list"], "")), "Mail queue is empty\n");
}

#[test]
fn the_socket_is_its_owners_alone_and_outlives_no_mta() {
    let mta = start();
    let socket = mta.data().join("control");
    let mode =
        |path: &Path| fs::symlink_metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!((mode(&socket), mode(&mta.data())), (0o600, 0o700));
    assert!(fs::symlink_metadata(&socket).expect("a file").file_type().is_socket());
    // It is killed, so nobody cleans up.
    let mta = mta.restart(&[]);
    assert_eq!(mode(&socket), 0o600);
    assert_eq!(told(&mta.queue(&["list"], "")), "Mail queue is empty\n");
}

#[test]
fn where_no_mta_runs_the_queue_is_read_and_not_written() {
    let directory = tempfile::tempdir().expect("a directory");
    let queue = directory.path().join("q");
    let parameter = format!("queue_directory={}", queue.display());
    let mta =
        Mta::start(&["-o", "mynetworks=127.0.0.0/8", "-o", NOWHERE, "-o", HELD, "-o", &parameter]);
    let deferred = send(&mta, "<kim@localhost>", "<lee@elsewhere.example>");
    let held = send(&mta, "<kim@localhost>", "<held@localhost>");
    mta.settle();
    let there = ["-o", &parameter];
    let lists = |mta: &Mta| {
        let mut lines = objects(&told(&mta.queue(&[&["list", "--json"], &there[..]].concat(), "")));
        lines.sort_by_key(|entry| entry["queue_id"].to_string());
        lines
    };
    let before = lists(&mta);
    mta.signal(Signal::KILL);
    let data = mta.data();
    let mta = mta.killed();
    let files = files_below(&queue);
    assert_eq!(lists(&mta), before);
    let look = |args: &[&str]| run_queue(&data, &[args, &there].concat(), "");
    let shown = told(&look(&["show", &held]));
    assert!(
        shown.contains("\nhold: look at it\n") && shown.contains("\nSubject: hello\n"),
        "{shown}"
    );
    let [stats] = objects(&told(&look(&["stats", "--json"]))).try_into().expect("one");
    assert_eq!((&stats["hold"], &stats["deferred"]), (&1.into(), &1.into()));
    let shape = told(&look(&["shape"]));
    assert!(shape.contains("elsewhere.example") && shape.contains("localhost"), "{shape}");
    assert_eq!(told(&look(&["fsck"])), "2 messages can be read, 0 places are damaged\n");
    check_failure(&look(&["show", "FFFF"]), 66, "no message FFFF");
    for verb in ["hold", "release", "requeue", "expire", "delete", "flush", "suspend"] {
        check_failure(&look(&[verb, &deferred]), 69, "no mta runs");
    }
    assert_eq!(files_below(&queue), files, "looking changes nothing");

    let segment =
        fs::read_dir(queue.join("seg")).expect("segments").next().expect("one").expect("one");
    let mut octets = fs::read(segment.path()).expect("octets");
    let at = octets.windows(5).position(|octets| octets == b"hello").expect("the content");
    octets[at] ^= 1;
    fs::write(segment.path(), octets).expect("written");
    let output = look(&["fsck"]);
    check_failure(&output, 66, "the queue is damaged in one place");
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        report.starts_with("seg/") && report.ends_with(" can be read, 1 places are damaged\n"),
        "{report}"
    );
}

#[test]
fn what_is_no_data_directory_is_66() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("none");
    check_failure(&run_queue(&data, &["list"], ""), 66, "there is no queue in");
    check_failure(&run_queue(&data, &["hold", "ALL"], ""), 69, "no mta runs");
    assert!(!data.exists(), "asking makes nothing");
}

/// Each file with its inode, its size, and when it was changed.
fn files_below(directory: &Path) -> BTreeMap<PathBuf, (u64, u64, i64, i64)> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let file = fs::metadata(&path).expect("a file");
        files.insert(path.clone(), (file.ino(), file.size(), file.mtime(), file.mtime_nsec()));
        if file.is_dir() {
            files.extend(files_below(&path));
        }
    }
    files
}
