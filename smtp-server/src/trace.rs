//! Trace fields: where a message has been.
//!
//! * **In**: the session's facts, the envelope, the time. **Out**: `Received` and `Return-Path`.
//! * **Promises**: what the client claimed stands where a reader expects a claim, and cannot leave its place.
//! * **Limits**: folded below 78 columns where the values allow it. **Panics**: never.
//! * **Spec**: RFC 5321 4.4; RFC 3848 and RFC 6531 3.7.3 (the `with` keywords); RFC 8314 4.3 (the `tls`
//!   clause); RFC 5322 3.3.

use std::fmt::Write;
use std::net::IpAddr;

use smtp_proto::{ForwardPath, ReversePath};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::access::ClientHost;
use crate::envelope::{Envelope, QueueId};
use crate::header::HeaderField;
use crate::info::{Service, SessionInfo};
use crate::time::UnixMillis;

/// The `Received` field of a message that arrived in this session.
///
/// The sender's login is not in it: only that there was one (`ESMTPSA`). A single recipient is named, and
/// the cipher suite of TLS.
#[must_use]
pub fn received(info: &SessionInfo, envelope: &Envelope, now: UnixMillis) -> HeaderField {
    // One allocation in nearly all cases; it is made for each message.
    let mut value = String::with_capacity(256);
    value.push_str("from ");
    let claimed = info.hello.as_ref().map_or("unknown", |hello| hello.name.as_str());
    push_claim(&mut value, claimed, envelope.params.smtputf8);
    push_client(&mut value, info, envelope.params.smtputf8);
    for text in ["\r\n\tby ", &info.server_name, " with ", protocol(info, envelope)] {
        value.push_str(text);
    }
    if let Some(queue_id) = envelope.queue_id {
        value.push_str(" id ");
        value.push_str(queue_id.digits(&mut [0; 16]));
    }
    // Writing to a string cannot fail.
    if let [recipient] = envelope.recipients.as_slice() {
        let _ = write!(value, "\r\n\tfor {}", recipient.path);
    }
    if let Some(cipher) = info.tls.as_ref().map(|tls| &tls.cipher).filter(|name| is_word(name)) {
        let _ = write!(value, "\r\n\ttls {cipher}");
    }
    value.push_str(";\r\n\t");
    value.push_str(&date(now));
    HeaderField::trusted("Received", value)
}

/// The `Return-Path` field that final delivery puts on top.
#[must_use]
pub fn return_path(reverse_path: &ReversePath<'_>) -> HeaderField {
    HeaderField::trusted("Return-Path", reverse_path.to_string())
}

/// The `Delivered-To` field that final delivery puts on top, by which mail loops are seen.
#[must_use]
pub fn delivered_to(to: &ForwardPath<'_>) -> HeaderField {
    let path = to.to_string();
    let address = path.trim_start_matches('<').trim_end_matches('>');
    HeaderField::trusted("Delivered-To", address.to_owned())
}

/// The `Date` field of a message that came without one (RFC 6409 8.2).
pub(crate) fn date_field(now: UnixMillis) -> HeaderField {
    HeaderField::trusted("Date", date(now))
}

/// The `Message-ID` field of a message that came without one (RFC 6409 8.3): unique by the queue id, our name
/// and a number that another host of that name would not choose.
pub(crate) fn message_id(queue_id: QueueId, salt: u64, server_name: &str) -> HeaderField {
    HeaderField::trusted("Message-ID", format!("<{queue_id}.{salt:X}@{server_name}>"))
}

/// A date-time as header fields have it, in UTC.
#[must_use]
pub fn date(now: UnixMillis) -> String {
    let seconds = i64::try_from(now.0 / 1000).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|moment| moment.format(&Rfc2822).ok())
        .unwrap_or_else(|| "Thu, 01 Jan 1970 00:00:00 +0000".to_owned())
}

fn protocol(info: &SessionInfo, envelope: &Envelope) -> &'static str {
    let extended = info.hello.as_ref().is_some_and(|hello| hello.extended);
    let names = match (info.service, envelope.params.smtputf8) {
        (Service::Lmtp, true) => ["UTF8LMTP", "UTF8LMTPS", "UTF8LMTPA", "UTF8LMTPSA"],
        (Service::Lmtp, false) => ["LMTP", "LMTPS", "LMTPA", "LMTPSA"],
        (_, true) => ["UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA"],
        _ if extended => ["ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA"],
        _ => ["SMTP"; 4],
    };
    names[usize::from(info.tls.is_some()) + 2 * usize::from(info.identity.is_some())]
}

/// What the client says of itself, without the characters that could open or close a comment or end the
/// clause it stands in; ASCII, unless the message may have UTF-8 in its header (RFC 6531 3.7.3).
fn push_claim(value: &mut String, claimed: &str, utf8: bool) {
    let is_refused =
        |character: char| (!utf8 && !character.is_ascii()) || "()\\;<>\",".contains(character);
    if claimed.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-')) {
        value.push_str(claimed);
    } else {
        value.push_str(&claimed.replace(is_refused, "?"));
    }
}

/// The client's address as a literal in a comment, and before it the name that was confirmed, or `unknown` if none
/// could be (RFC 5321 4.4, `TCP-info`).
fn push_client(value: &mut String, info: &SessionInfo, utf8: bool) {
    let Some(address) = info.peer.ip() else { return };
    value.push_str(" (");
    if let Some(name) = info.client_name() {
        push_claim(value, name.as_str(), utf8);
        value.push(' ');
    } else if info.extensions.find::<ClientHost>().is_some() {
        value.push_str("unknown ");
    }
    match address {
        IpAddr::V4(ip) => {
            let mut before = "[";
            for octet in ip.octets() {
                value.push_str(before);
                push_decimal(value, octet);
                before = ".";
            }
            value.push_str("])");
        }
        IpAddr::V6(ip) => {
            // Writing to a string cannot fail.
            let _ = write!(value, "[IPv6:{ip}])");
        }
    }
}

/// Four of these are in most messages, and formatting them costs a tenth of what a message costs.
fn push_decimal(value: &mut String, number: u8) {
    let digits =
        [number / 100, number / 10 % 10, number % 10].map(|digit| char::from(b'0' + digit));
    let leading = usize::from(number < 100) + usize::from(number < 10);
    value.extend(&digits[leading..]);
}

/// Whether the name of a cipher suite is one; whoever drives the session has it from some library.
fn is_word(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'_')
}
