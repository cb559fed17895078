//! Reports as Python's email package reads them.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use smtp_queue::Outcome;

use super::support::{MESSAGE, entry, found, no_such_user, octets, report, said};

/// Prints for each file: the type, the defects, the types of the parts, the fields of each recipient.
const READ: &str = r#"
import email, email.policy, glob, sys
for name in sorted(glob.glob(sys.argv[1] + "/*.eml")):
    message = email.message_from_binary_file(open(name, "rb"), policy=email.policy.SMTP)
    parts = list(message.iter_parts())
    defects = [d for part in message.walk() for d in part.defects]
    assert message.get_content_type() == "multipart/report", name
    assert message["Content-Type"].params["report-type"] == "delivery-status", name
    for field in ["Date", "From", "To", "Subject", "Message-ID", "Auto-Submitted", "MIME-Version"]:
        assert len(message.get_all(field)) == 1, (name, field)
    assert message["Date"].datetime is not None, name
    status = parts[1].get_payload()
    groups = [dict((k.lower(), str(v)) for k, v in group.items()) for group in status]
    assert "reporting-mta" in groups[0], name
    summary = ",".join(f"{g['final-recipient']}={g['action']}={g['status']}" for g in groups[1:])
    print(name.split("/")[-1], parts[2].get_content_type(), len(parts), len(defects), summary)
"#;

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
    let read = Command::new("python3").args(["-c", READ]).arg(directory.path()).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let mut expected = expected.lines().collect::<Vec<_>>();
    expected.sort_unstable();
    let read = String::from_utf8(read.stdout).unwrap();
    assert_eq!(read.lines().collect::<Vec<_>>(), expected);
    assert_eq!(expected.len(), 21);
}
