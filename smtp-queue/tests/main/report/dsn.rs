//! Reports, octet for octet.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use smtp_proto::{BodyType, Notify};
use smtp_queue::dsn::{BOUNCE_BYTES_MAX, Lateness};
use smtp_queue::{Content, ContentBody, Outcome, ReadAt, RecipientState};
use smtp_server::{RecipientClass, UnixMillis};

use super::support::{
    FIELDS, MESSAGE, compose, entry, found, no_such_user, octets, path, report, reporter, said,
    text,
};

const MAIL: &str = "MAIL FROM:<a@b.example>";
const RCPT: &str = "RCPT TO:<Smith@d.example>";

fn bounce(mail: &str, rcpt: &str, body: &str) -> String {
    text(&report(&entry(mail, &[rcpt]), &[no_such_user()], body).unwrap())
}

/// The report's second part.
fn fields(report: &str) -> &str {
    let (_, rest) = report.split_once("delivery-status\r\nContent-Transfer-Encoding: ").unwrap();
    let (_, rest) = rest.split_once("\r\n\r\n").unwrap();
    rest.split_once("\r\n\r\n--").unwrap().0
}

// rows: 3464-2-a, 3464-2.1-a, 3464-2.2.2-a, 3464-2.2.4-a, 3464-2.2.5-a, 3464-2.3.2-a, 3461-6.3-a, 3461-6.3-b
// rows: 3461-6.3-d, 3461-9.2-a, 3464-2.3.9-a, 6522-3-a, 3834-3.1.7-a, 3834-5.2-a
#[test]
fn a_refused_recipient_as_a_whole_report() {
    let mail = "MAIL FROM:<a@b.example> RET=FULL ENVID=QQ+2B314159";
    let rcpt = "RCPT TO:<Smith@d.example> ORCPT=rfc822;Bob+2Bx@d.example";
    let expected = format!(
        "Date: Mon, 05 Jan 2026 10:00:00 +0000
From: Mail Delivery System <MAILER-DAEMON@mx.example.org>
To: a@b.example
Subject: Undelivered Mail Returned to Sender
Message-ID: <2B.1A@mx.example.org>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary=\"2B.1767607200000/mx.example.org.0\"

This is a MIME-encapsulated message.

--2B.1767607200000/mx.example.org.0
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii
Content-Transfer-Encoding: 7bit

This is the mail system at host mx.example.org.

Your message could not be delivered to the recipients below, and it will
not be tried again for those that failed. What was said is behind each
address; your message, or its header, is attached.

<Smith@d.example> (failed): host mail.d.example[192.0.2.25] said: 550 5.1.1 no
    / such user

--2B.1767607200000/mx.example.org.0
Content-Description: Delivery report
Content-Type: message/delivery-status
Content-Transfer-Encoding: 7bit

Original-Envelope-Id: QQ+314159
Reporting-MTA: dns; mx.example.org
Received-From-MTA: dns; c.example (192.0.2.1)
Arrival-Date: Mon, 05 Jan 2026 09:30:00 +0000
X-Postfix-Queue-ID: 1A
X-Postfix-Sender: rfc822; a@b.example

Original-Recipient: rfc822;Bob+x@d.example
Final-Recipient: rfc822; Smith@d.example
Action: failed
Status: 5.1.1
Remote-MTA: dns; mail.d.example
Diagnostic-Code: smtp; 550-5.1.1 no
 550 5.1.1 such user

--2B.1767607200000/mx.example.org.0
Content-Description: Message
Content-Type: message/rfc822
Content-Transfer-Encoding: 7bit

{}
--2B.1767607200000/mx.example.org.0--
",
        format!("{FIELDS}{MESSAGE}").replace("\r\n", "\n")
    );
    assert_eq!(bounce(mail, rcpt, MESSAGE), expected.replace('\n', "\r\n"));
}

// rows: 5321-3.6.3-c, 5321-4.4-j, 3461-6.1-a, 3464-2-b, 3834-4-a
#[test]
fn a_report_goes_to_the_reverse_path_and_has_none() {
    let body = "From: x@other.example\r\nReply-To: y@other.example\r\n\r\n";
    for (domain, is_local) in [("b.example", false), ("ours.example", true)] {
        let entry = entry(&format!("MAIL FROM:<a@{domain}>"), &[RCPT]);
        let report = report(&entry, &[no_such_user()], body).unwrap();
        assert_eq!(report.entry.reverse_path.to_string(), "<>");
        assert_eq!(path(&report).to_string(), format!("<a@{domain}>"));
        assert!(text(&report).contains(&format!("\r\nTo: a@{domain}\r\n")));
        let recipient = &report.entry.recipients[0].recipient;
        assert_eq!(recipient.class == RecipientClass::Local, is_local);
        assert_eq!(recipient.params.notify, Some(Notify::NEVER));
        assert_eq!(report.entry.params.ret, None);
    }
}

// rows: 5321-6.1-c
#[test]
fn a_source_route_is_no_part_of_the_address_for_reports() {
    let entry = entry("MAIL FROM:<@a.example,@b.example:u@d.example>", &[RCPT]);
    let report = report(&entry, &[no_such_user()], MESSAGE).unwrap();
    assert_eq!(path(&report).to_string(), "<u@d.example>");
}

// rows: 5321-4.4-l
#[test]
fn all_recipients_of_a_set_share_one_report() {
    let rcpts =
        ["RCPT TO:<x@d.example>", "RCPT TO:<y@d.example>", "RCPT TO:<z@d.example> NOTIFY=SUCCESS"];
    let outcomes = [no_such_user(), no_such_user(), no_such_user()];
    let text = text(&report(&entry(MAIL, &rcpts), &outcomes, MESSAGE).unwrap());
    let finals = fields(&text).lines().filter(|line| line.starts_with("Final-Recipient"));
    let finals = finals.collect::<Vec<_>>();
    assert_eq!(
        finals,
        ["Final-Recipient: rfc822; x@d.example", "Final-Recipient: rfc822; y@d.example"]
    );
}

// rows: 3461-6.2-a, 6522-4-a, 8689-5-a, 8689-5-b
#[test]
fn ret_and_the_action_decide_how_much_comes_back() {
    let delivered = || Outcome::Delivered(found("2.0.0", "delivered to mailbox"));
    let all = "RCPT TO:<u@d.example> NOTIFY=SUCCESS,FAILURE";
    for (ret, outcome, is_whole) in [
        ("", no_such_user(), true),
        (" RET=FULL", no_such_user(), true),
        (" RET=HDRS", no_such_user(), false),
        (" RET=FULL REQUIRETLS", no_such_user(), false),
        ("", delivered(), false),
        (" RET=FULL", delivered(), false),
    ] {
        let entry = entry(&format!("{MAIL}{ret}"), &[all]);
        let report = report(&entry, &[outcome], MESSAGE).unwrap();
        let text = text(&report);
        assert_eq!(text.contains("Content-Type: message/rfc822\r\n"), is_whole, "{ret}");
        assert_eq!(text.contains("Content-Type: text/rfc822-headers\r\n"), !is_whole, "{ret}");
        assert_eq!(text.contains("\r\nHello\r\n"), is_whole, "{ret}");
        assert!(text.contains("\r\nSubject: x\r\n"));
        assert_eq!(report.entry.params.require_tls, ret.contains("REQUIRETLS"));
    }
}

// rows: 3834-5.1-a
#[test]
fn what_was_submitted_by_a_program_is_reported_and_the_report_says_so_of_itself_once() {
    let field = "Auto-Submitted: auto-generated; x-why=cron (nightly)\r\n";
    let report = bounce(MAIL, RCPT, &format!("{field}{MESSAGE}"));
    let (header, parts) = report.split_once("\r\n\r\n").unwrap();
    let own = header.lines().filter(|line| line.starts_with("Auto-Submitted:"));
    assert_eq!(own.collect::<Vec<_>>(), ["Auto-Submitted: auto-replied"]);
    assert!(parts.contains(field));
}

// rows: 5322-3.6.2-a
#[test]
fn a_report_has_one_author_and_no_sender_whatever_the_message_had() {
    let body = "From: a@b.example, c@d.example\r\nSubject: x\r\n\r\n";
    let delivered = Outcome::Delivered(found("2.0.0", "delivered to mailbox"));
    for outcome in [no_such_user(), delivered] {
        let entry = entry(MAIL, &["RCPT TO:<u@d.example> NOTIFY=SUCCESS,FAILURE"]);
        let report = text(&report(&entry, &[outcome], body).unwrap());
        let (header, parts) = report.split_once("\r\n\r\n").unwrap();
        let is_of_author = |line: &&str| line.starts_with("From:") || line.starts_with("Sender:");
        let found = header.lines().filter(is_of_author).collect::<Vec<_>>();
        assert_eq!(found, ["From: Mail Delivery System <MAILER-DAEMON@mx.example.org>"]);
        assert!(parts.contains("\r\nFrom: a@b.example, c@d.example\r\n"));
    }
}

/// Content of any size, which counts what is read of it.
#[derive(Debug)]
struct Large {
    bytes: u64,
    read: AtomicU64,
}

impl ReadAt for Large {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        // Short reads, as a file may have.
        let length = buffer.len().min(1000);
        for (octet, at) in buffer[..length].iter_mut().zip(offset..) {
            *octet = b"Subject: x\r\n\r\n"[(at % 14) as usize];
        }
        self.read.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

#[test]
fn i9_of_a_large_message_only_the_header_is_read_and_returned() {
    let large = Arc::new(Large { bytes: 50 << 20, read: AtomicU64::new(0) });
    let content = Content {
        fields: Bytes::from_static(FIELDS.as_bytes()),
        body: ContentBody::Stored(large.clone()),
    };
    let reporter = reporter();
    let original = reporter.original(&content).unwrap();
    assert_eq!(large.read.load(Ordering::Relaxed), (BOUNCE_BYTES_MAX - FIELDS.len()) as u64);
    let entry = entry("MAIL FROM:<a@b.example> RET=FULL", &[RCPT]);
    let reported = [reporter.outcome(&entry, 0, &no_such_user()).unwrap()];
    let facts = smtp_queue::dsn::Facts {
        entry: &entry,
        reported: &reported,
        original: &original,
        id: smtp_server::QueueId(0x2B),
        now: super::support::NOW,
    };
    let report = reporter.compose(&facts, |_| false).unwrap();
    let headers = format!("Content-Transfer-Encoding: 7bit\r\n\r\n{FIELDS}Subject: x\r\n\r\n--2B");
    assert!(text(&report).contains(&headers), "{}", text(&report));
    assert!(report.entry.content_bytes < 4096);
}

#[test]
fn a_header_that_never_ends_is_cut_at_a_line() {
    let body = "X-Long: 0123456789\r\n".repeat(10_000);
    let report = bounce(MAIL, RCPT, &body);
    assert!(report.len() < BOUNCE_BYTES_MAX + 4096);
    assert!(report.contains("X-Long: 0123456789\r\n\r\n--2B."));
}

// rows: 3461-6.3-c, 3464-2.3.5-a, 3461-6.3-e
#[test]
fn what_was_found_here_names_no_other_host() {
    let host = smtp_proto::Domain::parse("localhost").unwrap();
    let reporter = smtp_queue::dsn::Reporter::new(&host).unwrap();
    let entry = entry(MAIL, &[RCPT, RCPT, RCPT]);
    let mut unreachable =
        found("4.4.1", "connect to mail.d.example[192.0.2.25]:25: Connection timed out");
    unreachable.remote = said(250, "2.0.0", "").remote;
    let codes = [unreachable, found("4.4.3", "no answer from the DNS"), found("5.0.0", "broken")];
    let reported = codes.map(Outcome::Failed);
    let reported = (0..)
        .zip(&reported)
        .map(|(index, outcome)| reporter.outcome(&entry, index, outcome).unwrap());
    let reported = reported.collect::<Vec<_>>();
    let report = text(&compose(&reporter, &entry, &reported, MESSAGE).unwrap());
    let fields = fields(&report);
    assert!(fields.starts_with("Reporting-MTA: x-local-hostname; localhost\r\n"), "{fields}");
    assert!(!fields.contains("Remote-MTA"), "{fields}");
    assert!(!fields.contains("Original-"), "{fields}");
    for expected in [
        "Status: 4.4.1\r\nDiagnostic-Code: X-Postfix; connect to",
        "Status: 4.4.3\r\nDiagnostic-Code: X-Postfix; no answer from the DNS",
        "Status: 5.0.0\r\nDiagnostic-Code: X-Postfix; broken",
    ] {
        assert!(fields.contains(expected), "{fields}");
    }
}

#[test]
fn a_delay_says_until_when_it_is_tried() {
    let mut entry = entry(MAIL, &[RCPT]);
    let last = said(450, "4.2.0", "greylisted");
    entry.recipients[0].state = RecipientState::Pending(Some(Box::new(last)));
    let until = UnixMillis(1_768_000_000_000);
    let delay = reporter().delay(&entry, 0, Lateness::Unusual, until).unwrap();
    let report = text(&compose(&reporter(), &entry, &[delay], MESSAGE).unwrap());
    assert!(report.contains("\r\nSubject: Delayed Mail (still being retried)\r\n"));
    let fields = fields(&report);
    assert!(fields.contains("Action: delayed\r\nStatus: 4.2.0\r\n"), "{fields}");
    assert!(fields.ends_with("Will-Retry-Until: Fri, 09 Jan 2026 23:06:40 +0000"), "{fields}");
    assert!(!report.contains("message/rfc822"));
}

// rows: 5322-2.1.1-a, 6532-3.4-a
#[test]
fn k1_whatever_a_next_hop_says_stays_in_its_field() {
    let hostile = [
        "x\nSubject: forged\n\nAction: delivered".to_owned(),
        "a ".repeat(30_000),
        "b".repeat(30_000),
        " ".repeat(30_000),
        "\u{1b}[2J\u{85}ж\u{2028}".repeat(500),
        "2B.1767607200000/mx.example.org.0\n--2B.1767607200000/mx.example.org.0--".to_owned(),
    ];
    for text in hostile {
        let reply = smtp_proto::Reply::new(smtp_proto::ReplyCode::new(550).unwrap(), None, text);
        let mut status = said(550, "5.0.0", "");
        status.text = format!("host x said: {}\r\nX-Forged: yes", reply.text());
        status.reply = Some(reply);
        let entry = entry(MAIL, &[RCPT]);
        let octets = octets(&report(&entry, &[Outcome::Failed(status)], MESSAGE).unwrap());
        assert!(octets.is_ascii());
        assert!(octets.len() < 20_000);
        let report = String::from_utf8(octets).unwrap();
        for line in report.split("\r\n") {
            assert!(line.len() <= 998, "{}", line.len());
            assert!(!line.contains(|c: char| c.is_control() && c != '\t'), "{line:?}");
            assert!(!line.starts_with("X-Forged") && !line.starts_with("Subject: forged"));
        }
        assert_eq!(fields(&report).matches("\r\nAction: ").count(), 1);
        assert_eq!(fields(&report).matches("\r\n\r\n").count(), 1, "{report}");
        let boundary = report.split_once("boundary=\"").unwrap().1.split_once('"').unwrap().0;
        assert_eq!(report.matches(boundary).count(), 5, "{report}");
    }
}

// rows: 6533-4.1-a, 6533-4.5-a
#[test]
fn an_internationalized_message_is_reported_in_utf_8_and_encoded() {
    let mail = "MAIL FROM:<a@b.example> SMTPUTF8";
    let rcpt = "RCPT TO:<дима@d.example> ORCPT=utf-8;\\x{434}+@d.example";
    let rcpt = &rcpt.replace("+@", "@");
    let body = "Subject: привет\r\n\r\nтекст\r\n";
    let report = report(&entry(mail, &[rcpt]), &[no_such_user()], body).unwrap();
    assert!(!report.entry.params.smtputf8);
    assert_eq!(report.entry.params.body, None);
    let text = text(&report);
    assert!(text.is_ascii());
    for part in ["message/global-delivery-status", "message/global"] {
        let head =
            format!("Content-Type: {part}\r\nContent-Transfer-Encoding: quoted-printable\r\n");
        assert!(text.contains(&head), "{text}");
    }
    let address = "=D0=B4=D0=B8=D0=BC=D0=B0@d.example";
    assert!(text.contains(&format!("Final-Recipient: utf-8; {address}\r\n")), "{text}");
    assert!(text.contains("Original-Recipient: utf-8; =D0=B4@d.example\r\n"), "{text}");
}

#[test]
fn a_utf_8_reverse_path_needs_smtputf8() {
    let entry = entry("MAIL FROM:<дима@b.example> SMTPUTF8 RET=HDRS", &[RCPT]);
    let report = report(&entry, &[no_such_user()], MESSAGE).unwrap();
    assert!(report.entry.params.smtputf8);
    assert!(text(&report).contains("\r\nTo: дима@b.example\r\n"));
    assert!(text(&report).contains("Content-Type: message/global-headers\r\n"));
}

#[test]
fn a_utf_8_original_recipient_is_escaped_where_the_report_is_ascii() {
    let rcpt = "RCPT TO:<u@d.example> ORCPT=utf-8;\\x{434}@d.example";
    let report = bounce(MAIL, rcpt, MESSAGE);
    assert!(fields(&report).contains("Original-Recipient: utf-8; \\x{434}@d.example\r\n"));
}

#[test]
fn eight_bit_content_comes_back_as_it_was() {
    let entry = entry(MAIL, &[RCPT]);
    let body = "Subject: x\r\n\r\nGrüße\r\n";
    let whole = report(&entry, &[no_such_user()], body).unwrap();
    assert_eq!(whole.entry.params.body, Some(BodyType::EightBitMime));
    assert!(
        text(&whole)
            .contains("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n")
    );
    // What cannot travel by DATA is not returned.
    let long = format!("Subject: x\r\n\r\n{}\r\n", "x".repeat(999));
    for body in ["Subject: x\r\n\r\na\nb\r\n", "Subject: x\r\n\r\n\0\r\n", &long] {
        let headers = report(&entry, &[no_such_user()], body).unwrap();
        assert_eq!(headers.entry.params.body, None);
        assert!(text(&headers).contains("Content-Type: text/rfc822-headers\r\n"));
    }
}

proptest::proptest! {
    /// Whatever a next hop says and a message holds, a report is three parts of lines that may be sent.
    #[test]
    fn any_reply_and_any_content_make_a_report_that_can_be_sent(
        said_text in "\\PC{0,80}|[ -~\r\n\t\u{1b}]{0,3000}|(a{1,900} ){0,8}",
        body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..3000),
        utf8 in proptest::prelude::any::<bool>(),
    ) {
        let mail = if utf8 { "MAIL FROM:<a@b.example> SMTPUTF8" } else { MAIL };
        let entry = entry(mail, &[RCPT]);
        let mut status = said(550, "5.0.0", "");
        let code = smtp_proto::ReplyCode::new(550).unwrap();
        status.reply = Some(smtp_proto::Reply::new(code, None, said_text.clone()));
        status.text = said_text;
        let reporter = reporter();
        let reported = reporter.outcome(&entry, 0, &Outcome::Failed(status)).unwrap();
        let report = compose(&reporter, &entry, &[reported], body).unwrap();
        let octets = octets(&report);
        let mut lines = octets.split(|octet| *octet == b'\n');
        proptest::prop_assert_eq!(lines.next_back(), Some(&b""[..]));
        for line in lines {
            let line = line.strip_suffix(b"\r").unwrap();
            proptest::prop_assert!(line.len() <= 998 && !line.contains(&b'\r') && !line.contains(&0));
        }
        proptest::prop_assert!(octets.ends_with(b"--\r\n"));
        let is_eight_bit = report.entry.params.body == Some(BodyType::EightBitMime);
        proptest::prop_assert!(octets.is_ascii() || is_eight_bit);
        let text = String::from_utf8_lossy(&octets);
        let boundary = text.split_once("boundary=\"").unwrap().1.split_once('"').unwrap().0;
        proptest::prop_assert_eq!(text.matches(boundary).count(), 5);
    }
}
