//! The comparison: a file of a Maildir with the content that was sent.
//!
//! * **In**: the file, the content as it was on the wire. **Out**: nothing, or a panic.
//! * **Promises**: only the trace fields that final delivery writes, and what a submitted message lacks, may
//!   stand above the content, each once; below them every octet counts. A panic shows the first difference, not 20 MB.
//! * **Limits**: none. **Panics**: on a difference. **Spec**: RFC 5321 4.4; maildir(5): lines end with LF.

/// What the server writes above the content, in this order; what came without `ORCPT` has no `Original-Recipient`.
const TRACE_FIELDS: [(&str, bool); 4] = [
    ("Return-Path: ", true),
    ("Delivered-To: ", false),
    ("Original-Recipient: ", false),
    ("Received: ", true),
];

/// What a submitted message gets if it came without.
const ADDED_FIELDS: [&str; 2] = ["Date: ", "Message-ID: "];

/// Octets shown on each side of a difference.
const SHOWN: usize = 60;

/// Panics unless `file` is the trace fields and then `sent`.
#[track_caller]
pub(crate) fn check(context: &str, file: &[u8], sent: &[u8]) {
    let content = without_trace(context, file);
    check_content(context, without_added(context, content, sent), sent);
}

/// The same, where the client is known to write one field above what the test told it to send.
#[track_caller]
pub(crate) fn check_below(field: &str, context: &str, file: &[u8], sent: &[u8]) {
    let content = without_trace(context, file);
    check_content(context, without_fields(context, content, &[(field, true)]), sent);
}

/// Panics unless both are the same, but for the ends of lines.
#[track_caller]
pub(crate) fn check_content(context: &str, delivered: &[u8], sent: &[u8]) {
    let expected = with_unix_lines(sent);
    if delivered == expected {
        return;
    }
    let at = delivered.iter().zip(&expected).take_while(|(left, right)| left == right).count();
    panic!(
        "{context}: delivered {} octets, sent {}, the first difference is at {at}:\n  delivered {}\n  sent      {}",
        delivered.len(),
        expected.len(),
        around(delivered, at),
        around(&expected, at),
    );
}

/// Panics unless the field that the server put in has `clause`, such as `with ESMTPS `.
#[track_caller]
pub(crate) fn check_received(file: &[u8], clause: &str) {
    let above = &file[..file.len() - without_trace("Received", file).len()];
    let above = String::from_utf8_lossy(above);
    assert!(above.contains(clause), "{clause:?} is not in:\n{above}");
}

/// The file below its trace fields.
#[track_caller]
pub(crate) fn without_trace<'a>(context: &str, file: &'a [u8]) -> &'a [u8] {
    without_fields(context, file, &TRACE_FIELDS)
}

/// A field that `sent` itself begins with was not added.
#[track_caller]
fn without_added<'a>(context: &str, content: &'a [u8], sent: &[u8]) -> &'a [u8] {
    let may_be_added = |name: &&&str| !sent.starts_with(name.as_bytes());
    let fields = ADDED_FIELDS.iter().filter(may_be_added).map(|name| (*name, false));
    without_fields(context, content, &fields.collect::<Vec<_>>())
}

#[track_caller]
fn without_fields<'a>(context: &str, file: &'a [u8], fields: &[(&str, bool)]) -> &'a [u8] {
    let mut rest = file;
    for (name, required) in fields {
        if rest.starts_with(name.as_bytes()) {
            rest = &rest[field_len(rest)..];
        } else {
            assert!(!required, "{context}: no {name}in {}", around(file, 0));
        }
    }
    rest
}

/// One header field: a line and those below it that begin with a space or a tab.
fn field_len(field: &[u8]) -> usize {
    let mut len = 0;
    for line in field.split_inclusive(|octet| *octet == b'\n') {
        if len > 0 && !line.starts_with(b" ") && !line.starts_with(b"\t") {
            break;
        }
        len += line.len();
    }
    len
}

/// Each CRLF as LF.
pub(crate) fn with_unix_lines(sent: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(sent.len());
    for (at, octet) in sent.iter().enumerate() {
        if *octet != b'\r' || sent.get(at + 1) != Some(&b'\n') {
            lines.push(*octet);
        }
    }
    lines
}

fn around(octets: &[u8], at: usize) -> String {
    let from = at.saturating_sub(SHOWN).min(octets.len());
    let to = (at + SHOWN).min(octets.len());
    format!("[{from}..{to}] {}", octets[from..to].escape_ascii())
}
