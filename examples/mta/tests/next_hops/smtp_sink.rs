//! Postfix's smtp-sink with its failure flags: each stage of a session, refused, cut off, slow or hanging.
//!
//! * **In**: messages from `mta`. **Out**: the log's line for each, the files of those that it took, the reports to the sender.
//! * **Promises**: nothing of Postfix but this program runs. **Limits**: as `tool`. **Panics**: if it does not start.
//! * **Spec**: smtp-sink(1); RFC 5321 4.2.1 and 4.3.2.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use rustix::process::getuid;
use tempfile::TempDir;

use super::{Process, message, open_directory, relay};
use crate::clients::{bodies, difference, mail_send, text, tool};
use crate::harness::{Mta, free_address, messages_in, wait_until};
use crate::sink::{Sink, content};

/// What a host does, and what the log says of it.
const ROWS: [(&str, &str, &str); 30] = [
    ("-r CONNECT", "deferred", "refused to talk to me: 450 4.3.0 "),
    (
        "-r MAIL",
        "deferred",
        "said: 450 4.3.0 Error: command failed (in reply to MAIL FROM command)",
    ),
    ("-r RCPT", "deferred", "said: 450 4.3.0 Error: command failed (in reply to RCPT TO command)"),
    ("-r DATA", "deferred", "said: 450 4.3.0 Error: command failed (in reply to DATA command)"),
    ("-r .", "deferred", "said: 450 4.3.0 Error: command failed (in reply to end of DATA command)"),
    ("-f CONNECT", "deferred", "refused to talk to me: 500 5.3.0 "),
    ("-f EHLO,HELO", "deferred", "said: 500 5.3.0 "),
    ("-f MAIL", "bounced", "said: 500 5.3.0 Error: command failed (in reply to MAIL FROM command)"),
    ("-f RCPT", "bounced", "said: 500 5.3.0 Error: command failed (in reply to RCPT TO command)"),
    ("-f DATA", "bounced", "said: 500 5.3.0 Error: command failed (in reply to DATA command)"),
    ("-f .", "bounced", "said: 500 5.3.0 Error: command failed (in reply to end of DATA command)"),
    ("-A 0", "bounced", "said: 550 "),
    ("-q CONNECT", "deferred", " while receiving the initial server greeting)"),
    ("-q EHLO", "deferred", " while performing the EHLO handshake)"),
    ("-q MAIL", "deferred", " while sending MAIL FROM)"),
    ("-q RCPT", "deferred", " while sending RCPT TO)"),
    ("-q DATA", "deferred", " while sending DATA command)"),
    ("-q .", "deferred", " while sending end of data -- message may be sent more than once)"),
    ("-Q CONNECT", "deferred", "refused to talk to me: 421 "),
    ("-Q MAIL", "deferred", "said: 421 "),
    ("-Q RCPT", "deferred", "said: 421 "),
    ("-Q DATA", "deferred", "said: 421 "),
    ("-Q .", "deferred", "said: 421 "),
    ("-f EHLO", "sent", "250 2.0.0 "),
    ("-f QUIT", "sent", "250 2.0.0 "),
    ("-e", "sent", "250 2.0.0 "),
    ("-p", "sent", "250 2.0.0 "),
    ("-8 -N", "sent", "250 2.0.0 "),
    ("-w 1", "sent", "250 2.0.0 "),
    ("-W .:1", "sent", "250 2.0.0 "),
];

// rows: 5321-4.2.5-b
#[test]
fn what_a_host_does_at_each_stage_is_told_and_costs_no_message() {
    let work = open_directory();
    let sinks: Vec<_> = ROWS.iter().map(|(flags, ..)| SmtpSink::start(flags)).collect();
    let hosts = (0..).zip(&sinks).map(|(row, sink)| (format!("row{row}.test"), sink.address));
    let maps = transport_maps(work.path(), hosts);
    let mut mta = relay(&[&maps]);
    for (row, (flags, outcome, words)) in ROWS.iter().enumerate() {
        let sent = message(row, &bodies::short());
        let recipient = format!("kim@row{row}.test");
        mail_send::submit(mta.smtp(), &[&recipient], &sent);
        let line = mta.expect_log(&format!(" to=<{recipient}>,"));
        assert!(line.contains(&format!(" status={outcome} (")), "{flags}: {line}");
        assert!(line.contains(words), "{flags}: {words:?} is not in {line}");
        if *outcome == "sent" {
            sinks[row].expect_kept(flags, &sent);
        }
    }
    let bounced = ROWS.iter().filter(|(_, outcome, _)| *outcome == "bounced").count();
    let reports = mta.data().join("Maildir/example.org/ann");
    wait_until("a report for each that bounced", || messages_in(&reports).len() == bounced);
    for report in messages_in(&reports) {
        let report = String::from_utf8(report).expect("ASCII");
        assert!(report.contains("\nStatus: 5."), "{report}");
        let remote =
            sinks.iter().map(|sink| format!("\nRemote-MTA: dns; [{}]\n", sink.address.ip()));
        assert!(remote.into_iter().any(|field| report.contains(&field)), "{report}");
        assert!(report.contains("\nDiagnostic-Code: smtp; 5"), "{report}");
    }
    assert_eq!(mta.terminate().code, Some(0));
}

#[test]
fn a_host_that_hangs_holds_up_no_other_one_and_costs_no_message() {
    const HANGING: u32 = 10;
    let work = open_directory();
    let (hanging, sink) = (SmtpSink::start("-W .:600"), Sink::start());
    let at = |address| [("hangs.test".to_owned(), address), ("live.test".to_owned(), sink.address)];
    let maps = transport_maps(work.path(), at(hanging.address).into_iter());
    let mut mta = relay(&[&maps]);
    let submit = |mta: &Mta, number: u32, domain: &str| {
        mail_send::submit(mta.smtp(), &[&format!("kim@{domain}")], &content(number));
    };
    for number in 1..=HANGING {
        submit(&mta, number, "hangs.test");
    }
    mta.expect_log("(queue active)");
    submit(&mta, 0, "live.test");
    assert_eq!(sink.wait_for(&[0]).len(), 1);
    // What was not written down yet would come again.
    mta.expect_log(": removed");
    // Killed while it waits for the replies, started again with another way to the domain.
    let maps = transport_maps(work.path(), at(sink.address).into_iter());
    let ours = ["myhostname=relay.test", "mydestination=example.org", &maps];
    let mta = mta.restart(&ours.iter().flat_map(|option| ["-o", *option]).collect::<Vec<_>>());
    let all: Vec<u32> = (0..=HANGING).collect();
    assert_eq!(sink.wait_for(&all), all.iter().map(|number| (*number, 1)).collect());
    assert_eq!(mta.terminate().code, Some(0));
}

/// Writes a table of where domains go.
fn transport_maps(work: &Path, hosts: impl Iterator<Item = (String, SocketAddr)>) -> String {
    let line =
        |(domain, to): (String, SocketAddr)| format!("{domain} smtp:[{}]:{}\n", to.ip(), to.port());
    let table = work.join("transport");
    fs::write(&table, hosts.map(line).collect::<String>()).expect("a file");
    format!("transport_maps=texthash:{}", text(&table))
}

struct SmtpSink {
    address: SocketAddr,
    directory: TempDir,
    _process: Process,
}

impl SmtpSink {
    fn start(flags: &str) -> Self {
        let (directory, address) = (open_directory(), free_address());
        let new = directory.path().join("new");
        fs::create_dir(&new).expect("a directory");
        fs::set_permissions(&new, Permissions::from_mode(0o777)).expect("a mode");
        let postfix = tool::peer("postfix");
        let mut command = tool::at(&postfix.join("usr/sbin/smtp-sink"));
        command.env("LD_LIBRARY_PATH", postfix.join("usr/lib/postfix"));
        if getuid().is_root() {
            command.args(["-u", "daemon"]);
        }
        command.args(flags.split(' ')).args(["-d", text(&new.join("message."))]);
        command.args([&address.to_string(), "100"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = Process::start(&mut command, address);
        Self { address, directory, _process: process }
    }

    /// It writes lines of its own above, and an empty one below.
    #[track_caller]
    fn expect_kept(&self, flags: &str, sent: &[u8]) {
        let files = messages_in(self.directory.path());
        let [file] = &files[..] else { panic!("{flags}: {} files", files.len()) };
        let sent = [sent, b"\r\n"].concat();
        let above = file.len().saturating_sub(difference::with_unix_lines(&sent).len());
        difference::check_content(flags, &file[above..], &sent);
        assert!(file.starts_with(b"X-Client-Addr: 127.0.0.1\n"), "{flags}");
    }
}
