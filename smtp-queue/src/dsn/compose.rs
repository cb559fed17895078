//! A report as a message.
//!
//! * **In**: the facts. **Out**: a message with a null reverse-path, in three parts.
//! * **Promises**: the boundary occurs in no part; lines have at most 998 octets; a report without the parameter
//!   SMTPUTF8 is ASCII, and one without BODY=8BITMIME is of 7 bits. **Limits**: what was read of the original.
//! * **Panics**: never. **Spec**: RFC 3464 2; RFC 6522 3; RFC 6533 4; RFC 3461 6.1 and 6.2; RFC 8689 5.

use bytes::Bytes;
use smtp_proto::{BodyType, Domain, ForwardPath, MailParams, Notify, RcptParams, Ret, ReversePath};
use smtp_server::{Recipient, RecipientClass, RelayReason, trace};

use super::original::find;
use super::{Action, Facts, Reporter, fields, quoted_printable, text};
use crate::content::{StagedBody, StagedContent};
use crate::entry::{QueueEntry, QueuedRecipient, RecipientState};
use crate::spool::NewMessage;

const LINE_BYTES_MAX: usize = 998;

/// The whole message.
pub(super) fn message(
    reporter: &Reporter,
    facts: &Facts<'_>,
    is_ours: impl FnOnce(&Domain<'_>) -> bool,
) -> NewMessage {
    let utf8 = is_internationalized(facts);
    let returned = returned(facts, utf8);
    let parts = [notification(reporter, facts, utf8), status(reporter, facts, utf8), returned];
    let boundary = boundary(reporter, facts, &parts);
    let recipient = addressee(facts.entry, is_ours);
    let smtputf8 = !recipient.recipient.path.is_ascii();
    let eight_bit = parts.iter().any(|part| part.encoding == "8bit");
    let fields = header(reporter, facts, &recipient, &boundary, eight_bit);
    let body = body(&boundary, &parts);
    let content_bytes = (fields.len() + body.len()) as u64;
    let body = StagedBody::Inline(Bytes::from(body));
    let mut params = MailParams::default();
    params.smtputf8 = smtputf8;
    params.require_tls = facts.entry.params.require_tls;
    params.body = (eight_bit || smtputf8).then_some(BodyType::EightBitMime);
    let reverse_path = match facts.entry.reverse_path {
        ReversePath::Null => ReversePath::Mailbox(reporter.double_bounce.clone()),
        _ => ReversePath::Null,
    };
    let entry = QueueEntry {
        id: facts.id,
        arrived: facts.now,
        reverse_path,
        params,
        recipients: vec![recipient],
        content_bytes,
        hold: None,
        filter: None,
        delay_warned: false,
        expired: false,
    };
    let content = StagedContent { fields: Bytes::from(fields), body };
    NewMessage { entry, content, due: vec![facts.now] }
}

/// A part of the report.
struct Part {
    description: &'static str,
    content_type: &'static str,
    encoding: &'static str,
    octets: Vec<u8>,
}

impl Part {
    /// A part of text, encoded if it has to be.
    fn new(description: &'static str, content_type: &'static str, octets: Vec<u8>) -> Self {
        match Form::of(&octets) {
            Form::SevenBit => Self { description, content_type, encoding: "7bit", octets },
            _ => Self {
                description,
                content_type,
                encoding: "quoted-printable",
                octets: quoted_printable::encode(&octets),
            },
        }
    }
}

/// How octets may travel.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    SevenBit,
    EightBit,
    /// Only encoded: there are long lines in it, NUL, or a CR or LF that stands alone.
    Other,
}

impl Form {
    fn of(octets: &[u8]) -> Self {
        let is_line = |line: &[u8]| {
            line.len() <= LINE_BYTES_MAX && !line.iter().any(|octet| matches!(octet, 0 | b'\r'))
        };
        let mut lines = octets.split(|octet| *octet == b'\n');
        let last = lines.next_back().unwrap_or_default();
        let are_lines = lines.all(|line| line.strip_suffix(b"\r").is_some_and(is_line));
        match (are_lines && is_line(last), octets.is_ascii()) {
            (false, _) => Self::Other,
            (true, false) => Self::EightBit,
            (true, true) => Self::SevenBit,
        }
    }
}

/// Whether the forms of RFC 6533 are used: for a message that needed SMTPUTF8.
fn is_internationalized(facts: &Facts<'_>) -> bool {
    let entry = facts.entry;
    let mut recipients =
        facts.reported.iter().filter_map(|reported| fields::recipient(facts, reported));
    entry.params.smtputf8
        || !entry.reverse_path.is_ascii()
        || recipients.any(|recipient| !recipient.recipient.path.is_ascii())
}

/// The sender, without a source route, or else whoever runs this host.
fn addressee(entry: &QueueEntry, is_ours: impl FnOnce(&Domain<'_>) -> bool) -> QueuedRecipient {
    let mut params = RcptParams::default();
    params.notify = Some(Notify::NEVER);
    let (path, class) = match entry.reverse_path.mailbox() {
        None => (ForwardPath::Postmaster, RecipientClass::Local),
        Some(sender) if is_ours(&sender.domain) => {
            (ForwardPath::Mailbox(sender.clone()), RecipientClass::Local)
        }
        Some(sender) => {
            let because = RelayReason::Other("report to the sender".into());
            (ForwardPath::Mailbox(sender.clone()), RecipientClass::Relay { because })
        }
    };
    let recipient = Recipient { path, params, class };
    QueuedRecipient { recipient, state: RecipientState::Pending(None) }
}

fn header(
    reporter: &Reporter,
    facts: &Facts<'_>,
    recipient: &QueuedRecipient,
    boundary: &str,
    eight_bit: bool,
) -> String {
    let host = &reporter.host;
    let to = match &recipient.recipient.path {
        ForwardPath::Postmaster => format!("postmaster@{host}"),
        _ => recipient.address(),
    };
    let subject = match worst(facts) {
        Action::Failed if facts.entry.reverse_path == ReversePath::Null => {
            "Postmaster Copy: Undelivered Mail"
        }
        Action::Failed => "Undelivered Mail Returned to Sender",
        Action::Delayed => "Delayed Mail (still being retried)",
        _ => "Successful Mail Delivery Report",
    };
    let encoding = if eight_bit { "Content-Transfer-Encoding: 8bit\r\n" } else { "" };
    format!(
        "Date: {}\r\n\
         From: Mail Delivery System <MAILER-DAEMON@{host}>\r\n\
         To: {to}\r\n\
         Subject: {subject}\r\n\
         Message-ID: <{}.{}@{host}>\r\n\
         Auto-Submitted: auto-replied\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status;\r\n\
         \tboundary=\"{boundary}\"\r\n\
         {encoding}",
        trace::date(facts.now),
        facts.id,
        facts.entry.id,
    )
}

fn body(boundary: &str, parts: &[Part]) -> Vec<u8> {
    let mut body = b"\r\nThis is a MIME-encapsulated message.\r\n".to_vec();
    for part in parts {
        let Part { description, content_type, encoding, octets } = part;
        let head = format!(
            "\r\n--{boundary}\r\n\
             Content-Description: {description}\r\n\
             Content-Type: {content_type}\r\n\
             Content-Transfer-Encoding: {encoding}\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(octets);
    }
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    body
}

/// A delimiter that is in none of the parts.
fn boundary(reporter: &Reporter, facts: &Facts<'_>, parts: &[Part]) -> String {
    let mut boundary = format!("{}.{}/{}", facts.id, facts.now, reporter.host);
    boundary.truncate(50);
    let mut count = 0_u32;
    // The parts have an end, so they cannot hold every number.
    loop {
        let candidate = format!("{boundary}.{count}");
        let is_in = |part: &Part| find(&part.octets, candidate.as_bytes()).is_some();
        if !parts.iter().any(is_in) {
            return candidate;
        }
        count += 1;
    }
}

/// What the report is mostly about.
fn worst(facts: &Facts<'_>) -> Action {
    let is_there = |action| facts.reported.iter().any(|reported| reported.action == action);
    [Action::Failed, Action::Delayed]
        .into_iter()
        .find(|action| is_there(*action))
        .unwrap_or(Action::Delivered)
}

/// The part for people.
fn notification(reporter: &Reporter, facts: &Facts<'_>, utf8: bool) -> Part {
    let mut lines = format!("This is the mail system at host {}.\r\n\r\n", reporter.host);
    lines.push_str(match worst(facts) {
        Action::Failed if facts.entry.reverse_path == ReversePath::Null => {
            "A message that names no sender could not be delivered to the recipients\r\n\
             below. You are told because nobody else can be.\r\n"
        }
        Action::Failed => {
            "Your message could not be delivered to the recipients below, and it will\r\n\
             not be tried again for those that failed. What was said is behind each\r\n\
             address; your message, or its header, is attached.\r\n"
        }
        Action::Delayed => {
            "Your message could not be delivered yet. You need not send it again: it\r\n\
             is still being tried.\r\n"
        }
        _ => {
            "You asked to be told what became of your message: it was delivered, or\r\n\
             passed on, to the recipients below.\r\n"
        }
    });
    for reported in facts.reported {
        let Some(recipient) = fields::recipient(facts, reported) else { continue };
        let prefix = format!("\r\n<{}> ", recipient.address());
        let words = format!("({}): {}", reported.action.as_str(), reported.status.text);
        if utf8 || prefix.is_ascii() {
            text::push(&mut lines, &prefix, &words, "    ", utf8);
        }
    }
    let content_type =
        if utf8 { "text/plain; charset=utf-8" } else { "text/plain; charset=us-ascii" };
    Part::new("Notification", content_type, lines.into_bytes())
}

/// The part for programs.
fn status(reporter: &Reporter, facts: &Facts<'_>, utf8: bool) -> Part {
    let fields = fields::delivery_status(&reporter.host, facts, utf8);
    let content_type =
        if utf8 { "message/global-delivery-status" } else { "message/delivery-status" };
    Part::new("Delivery report", content_type, fields.into_bytes())
}

/// What comes back of the message: all of it, or its header section.
fn returned(facts: &Facts<'_>, utf8: bool) -> Part {
    let Facts { entry, original, .. } = facts;
    let wants_all = original.is_whole
        && worst(facts) == Action::Failed
        && entry.params.ret != Some(Ret::Hdrs)
        && !entry.params.require_tls;
    let form = Form::of(&original.octets);
    let description = "Message";
    if wants_all && utf8 {
        return Part::new(description, "message/global", original.octets.clone());
    }
    if wants_all && form != Form::Other {
        // This type may not be encoded (RFC 2046 5.2.1).
        let encoding = if form == Form::SevenBit { "7bit" } else { "8bit" };
        let octets = original.octets.clone();
        return Part { description, content_type: "message/rfc822", encoding, octets };
    }
    let content_type = if utf8 { "message/global-headers" } else { "text/rfc822-headers" };
    Part::new("Message Headers", content_type, original.header_section().to_vec())
}
