//! Reports as Python's email package reads them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use smtp_queue::Outcome;

use smtp_proto::{Reply, ReplyCode};
use smtp_queue::QueueEntry;

use super::support::{MESSAGE, entry, found, no_such_user, octets, report, said};

/// Prints for each file: the type, the defects, the types of the parts, the fields of each recipient.
const READ: &str = r#"
import email, email.policy, glob, quopri, sys
def status(name, boundary):
    "The second part, decoded by hand, since the package knows nothing of the UTF-8 form."
    head, body = open(name, "rb").read().split(b"\r\n--" + boundary.encode())[2].split(b"\r\n\r\n", 1)
    if b"quoted-printable" in head:
        body = quopri.decodestring(body)
    groups = [group for group in body.decode().strip().split("\r\n\r\n")]
    groups = [email.message_from_string(group, policy=email.policy.SMTPUTF8) for group in groups]
    return [dict((k.lower(), str(v)) for k, v in group.items()) for group in groups]
for name in sorted(glob.glob(sys.argv[1] + "/*.eml")):
    message = email.message_from_binary_file(open(name, "rb"), policy=email.policy.SMTP)
    parts = list(message.iter_parts())
    defects = [d for part in message.walk() for d in part.defects]
    assert message.get_content_type() == "multipart/report", name
    assert message["Content-Type"].params["report-type"] == "delivery-status", name
    for field in ["Date", "From", "To", "Subject", "Message-ID", "Auto-Submitted", "MIME-Version"]:
        assert len(message.get_all(field)) == 1, (name, field)
    assert message["Date"].datetime is not None, name
    groups = status(name, message.get_boundary())
    if parts[1].get_content_type() == "message/delivery-status":
        assert len(parts[1].get_payload()) == len(groups), name
    assert "reporting-mta" in groups[0], name
    summary = ",".join(f"{g['final-recipient']}={g['action']}={g['status']}" for g in groups[1:])
    print(name.split("/")[-1], parts[2].get_content_type(), len(parts), len(defects), summary)
"#;

/// What Python says of the reports in this directory.
fn read(directory: &Path) -> String {
    let read = Command::new("python3").args(["-c", READ]).arg(directory).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    String::from_utf8(read.stdout).unwrap()
}

// rows: 5322-3.6-a, 3461-6.2-a
#[test]
fn python_reads_every_report_of_notify_by_ret_by_next_hop() {
    let directory = tempfile::tempdir().unwrap();
    let mut expected = String::new();
    let hops = [
        ("dsn", Outcome::Relayed { status: said(250, "2.0.0", "Ok"), reports: true }, "-"),
        (
            "nodsn",
            Outcome::Relayed { status: said(250, "2.0.0", "Ok"), reports: false },
            "relayed=2.0.0",
        ),
        ("refused", no_such_user(), "failed=5.1.1"),
        ("mailbox", Outcome::Delivered(found("2.0.0", "delivered to mailbox")), "delivered=2.0.0"),
    ];
    for notify in
        ["", " NOTIFY=NEVER", " NOTIFY=SUCCESS", " NOTIFY=FAILURE", " NOTIFY=SUCCESS,FAILURE,DELAY"]
    {
        for ret in ["", " RET=FULL", " RET=HDRS"] {
            for (hop, outcome, action) in &hops {
                let entry = entry(
                    &format!("MAIL FROM:<\"a b\"@b.example>{ret} ENVID=x+20y"),
                    &[&format!("RCPT TO:<u@d.example>{notify} ORCPT=rfc822;o+2Bx@d.example")],
                );
                let is_failure = *hop == "refused";
                let is_wanted = match *hop {
                    "dsn" => false,
                    "refused" => notify.is_empty() || notify.contains("FAILURE"),
                    _ => notify.contains("SUCCESS"),
                };
                let report = report(&entry, std::slice::from_ref(outcome), MESSAGE);
                assert_eq!(report.is_some(), is_wanted, "{notify}{ret} {hop}");
                let Some(report) = report else { continue };
                let name =
                    format!("{}.eml", format!("{hop}{ret}{notify}").replace([' ', '='], "-"));
                fs::write(directory.path().join(&name), octets(&report)).unwrap();
                let kind = if is_failure && ret != " RET=HDRS" {
                    "message/rfc822"
                } else {
                    "text/rfc822-headers"
                };
                writeln!(expected, "{name} {kind} 3 0 rfc822; u@d.example={action}").unwrap();
            }
        }
    }
    let read = read(directory.path());
    let mut expected = expected.lines().collect::<Vec<_>>();
    expected.sort_unstable();
    assert_eq!(read.lines().collect::<Vec<_>>(), expected);
    assert_eq!(expected.len(), 21);
}

fn refused(entry: &QueueEntry, text: &str) -> Vec<Outcome> {
    let outcome = |_| {
        let reply = Reply::new(ReplyCode::new(550).unwrap(), None, text.to_owned());
        let mut status = said(550, "5.1.1", "");
        status.text = text.to_owned();
        status.reply = Some(reply);
        Outcome::Failed(status)
    };
    entry.recipients.iter().map(outcome).collect()
}

#[test]
fn python_reads_what_hostile_and_international_messages_cause() {
    let directory = tempfile::tempdir().unwrap();
    let mut expected = String::new();
    let texts = [
        "no",
        "x\nAction: delivered\n\nFinal-Recipient: rfc822; forged@d.example",
        "\u{1b}[2J\u{85}ж\u{2028} -- \r\n--2B.1767607200000/mx.example.org.0--",
        &"long ".repeat(5000),
        &"w".repeat(5000),
    ];
    let bodies = [
        MESSAGE,
        "Subject: ж\r\n\r\nтекст\r\n",
        "Subject: x\r\n\r\na\nb\0\r\n",
        " begins with a space",
        "",
    ];
    let rcpts = ["RCPT TO:<u@d.example>", "RCPT TO:<v@d.example> ORCPT=rfc822;x+20y"];
    let utf8_rcpts =
        ["RCPT TO:<дима@d.example>", "RCPT TO:<v@d.example> ORCPT=utf-8;\\x{434}@d.example"];
    for (number, text) in texts.iter().enumerate() {
        for (which, body) in bodies.iter().enumerate() {
            for (mail, rcpts) in [
                ("MAIL FROM:<a@b.example>", rcpts),
                ("MAIL FROM:<a@b.example> SMTPUTF8", utf8_rcpts),
            ] {
                let entry = entry(mail, &rcpts);
                let report = report(&entry, &refused(&entry, text), body).unwrap();
                let utf8 = entry.params.smtputf8;
                let name = format!("{number}-{which}-{utf8}.eml");
                fs::write(directory.path().join(&name), octets(&report)).unwrap();
                let kind = match (utf8, which) {
                    (true, _) => "message/global",
                    (false, 2) => "text/rfc822-headers",
                    (false, _) => "message/rfc822",
                };
                let first = if utf8 { "utf-8; дима@d.example" } else { "rfc822; u@d.example" };
                writeln!(
                    expected,
                    "{name} {kind} 3 0 {first}=failed=5.1.1,rfc822; v@d.example=failed=5.1.1"
                )
                .unwrap();
            }
        }
    }
    let mut expected = expected.lines().collect::<Vec<_>>();
    expected.sort_unstable();
    assert_eq!(read(directory.path()).lines().collect::<Vec<_>>(), expected);
}
