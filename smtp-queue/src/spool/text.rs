//! The text in which disks hold an entry: an envelope that never changes, and lines that change its state.
//!
//! * **In**: values. **Out**: lines with CRLF, `MAIL FROM:<..>` and `RCPT TO:<..>` among them as the protocol has
//!   them. **Promises**: what is written is read as the same; an unknown line is no error.
//! * **Limits**: none; whoever accepted the envelope bounds it. **Panics**: never.
//! * **Spec**: RFC 5321 4.1.1.2, 4.1.1.3; `SPOOL_FORMAT.md`.

use std::fmt::{self, Write as _};

use bytes::BytesMut;
use smtp_proto::{Command, EnhancedCode, Reply, ReplyCode};
use smtp_server::{FilterRoute, QueueId, Recipient, RecipientClass, RelayReason, UnixMillis};

use crate::entry::{QueueEntry, QueuedRecipient, RecipientState};
use crate::status::{NextHost, Status};

/// Where the octets of a body are that do not lie beside the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BodyRef {
    pub(super) key: u64,
    pub(super) bytes: u64,
    pub(super) checksum: u32,
}

/// One line of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Row {
        row: u32,
        due: UnixMillis,
        attempts: u16,
    },
    Recipient {
        index: u32,
        state: RecipientState,
    },
    Hold(String),
    Release,
    Expire,
    DelayWarned,
    /// Written by a later version: kept as it is.
    Unknown(String),
}

pub(super) fn put_envelope(entry: &QueueEntry, body: Option<BodyRef>, out: &mut BytesMut) {
    put(out, format_args!("id {}", entry.id));
    put(out, format_args!("arrived {}", entry.arrived));
    put(out, format_args!("bytes {}", entry.content_bytes));
    if let Some(BodyRef { key, bytes, checksum }) = body {
        put(out, format_args!("body {key:X} {bytes} {checksum:08x}"));
    }
    if let Some(FilterRoute { transport, destination }) = &entry.filter {
        put(out, format_args!("filter {}\t{}", Escaped(transport), Escaped(destination)));
    }
    let (from, params) = (entry.reverse_path.clone(), entry.params.clone());
    Command::Mail { from, params }.encode(out);
    let mut class = None;
    for QueuedRecipient { recipient, .. } in &entry.recipients {
        if class.replace(&recipient.class) != Some(&recipient.class) {
            put_class(&recipient.class, out);
        }
        let (to, params) = (recipient.path.clone(), recipient.params.clone());
        Command::Rcpt { to, params }.encode(out);
    }
}

/// The envelope, all of its recipients pending; `None` if it is none.
pub(super) fn read_envelope(text: &[u8]) -> Option<(QueueEntry, Option<BodyRef>)> {
    let mut entry: Option<QueueEntry> = None;
    let (mut id, mut arrived, mut bytes, mut body, mut filter) = (None, None, None, None, None);
    let mut class = None;
    for line in lines(text) {
        let line = std::str::from_utf8(line).ok()?;
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (word, &mut entry) {
            ("MAIL", entry @ None) => {
                let Ok(Command::Mail { from, params }) = Command::parse(line.as_bytes()) else {
                    return None;
                };
                *entry = Some(QueueEntry {
                    id: id?,
                    arrived: arrived?,
                    reverse_path: from.into_owned(),
                    params: params.into_owned(),
                    recipients: Vec::new(),
                    content_bytes: bytes?,
                    hold: None,
                    filter: filter.take(),
                    delay_warned: false,
                    expired: false,
                });
            }
            ("RCPT", Some(entry)) => {
                let Ok(Command::Rcpt { to, params }) = Command::parse(line.as_bytes()) else {
                    return None;
                };
                let (path, params) = (to.into_owned(), params.into_owned());
                let recipient = Recipient { path, params, class: Clone::clone(&class)? };
                let state = RecipientState::Pending(None);
                entry.recipients.push(QueuedRecipient { recipient, state });
            }
            ("class", _) => class = Some(read_class(rest)?),
            ("id", None) => id = Some(read_id(rest)?),
            ("arrived", None) => arrived = Some(UnixMillis(rest.parse().ok()?)),
            ("bytes", None) => bytes = Some(rest.parse().ok()?),
            ("body", None) => body = Some(read_body(rest)?),
            ("filter", None) => filter = Some(read_filter(rest)?),
            _ => {}
        }
    }
    Some((entry?, body))
}

pub(super) fn put_line(line: &Line, out: &mut BytesMut) {
    match line {
        Line::Row { row, due, attempts } => put(out, format_args!("row {row} {due} {attempts}")),
        Line::Recipient { index, state } => put_recipient(*index, state, out),
        Line::Hold(reason) => put(out, format_args!("hold {}", Escaped(reason))),
        Line::Release => put(out, format_args!("release")),
        Line::Expire => put(out, format_args!("expire")),
        Line::DelayWarned => put(out, format_args!("warned")),
        Line::Unknown(line) => put(out, format_args!("{}", Escaped(line))),
    }
}

pub(super) fn put_recipient(index: u32, state: &RecipientState, out: &mut BytesMut) {
    match state {
        RecipientState::Delivered => put(out, format_args!("recipient {index} delivered")),
        RecipientState::Failed => put(out, format_args!("recipient {index} failed")),
        RecipientState::Pending(None) => put(out, format_args!("recipient {index} pending")),
        RecipientState::Pending(Some(status)) => {
            put(out, format_args!("recipient {index} pending\t{}", StatusText(status)));
        }
    }
}

/// Reads a line of the state; what does not read as one of ours is kept as unknown.
pub(super) fn read_line(line: &[u8]) -> Line {
    let text = String::from_utf8_lossy(line);
    known_line(&text).unwrap_or_else(|| Line::Unknown(unescape(&text)))
}

/// The lines of a text, without their endings.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = text.split(|&octet| octet == b'\n');
    lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).filter(|line| !line.is_empty())
}

/// An envelope and the state behind its empty line.
pub(super) fn split_head(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = octets.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some((octets.get(..end + 2)?, octets.get(end + 4..)?))
}

pub(super) fn read_id(text: &str) -> Option<QueueId> {
    u64::from_str_radix(text, 16).ok().map(QueueId)
}

/// A body's place in `body KEY BYTES CHECKSUM`.
fn read_body(text: &str) -> Option<BodyRef> {
    let mut words = text.split(' ');
    Some(BodyRef {
        key: u64::from_str_radix(words.next()?, 16).ok()?,
        bytes: words.next()?.parse().ok()?,
        checksum: u32::from_str_radix(words.next()?, 16).ok()?,
    })
}

fn read_filter(text: &str) -> Option<FilterRoute> {
    let (transport, destination) = text.split_once('\t')?;
    Some(FilterRoute { transport: unescape(transport), destination: unescape(destination) })
}

fn put_class(class: &RecipientClass, out: &mut BytesMut) {
    let because = match class {
        RecipientClass::Local => return put(out, format_args!("class local")),
        RecipientClass::Relay { because } => because,
    };
    let (kind, value) = match because {
        RelayReason::Network(network) => ("network", network.to_string()),
        RelayReason::Authenticated(name) => ("authenticated", name.clone()),
        RelayReason::Certificate(digest) => ("certificate", digest.clone()),
        RelayReason::CertificateName(name) => ("certificate-name", name.clone()),
        RelayReason::Domain(domain) => ("domain", domain.clone()),
        RelayReason::Other(reason) => ("other", reason.to_string()),
        other => ("other", other.to_string()),
    };
    put(out, format_args!("class relay {kind} {}", Escaped(&value)));
}

fn read_class(text: &str) -> Option<RecipientClass> {
    if text == "local" {
        return Some(RecipientClass::Local);
    }
    let (kind, value) = text.strip_prefix("relay ")?.split_once(' ')?;
    let value = unescape(value);
    let because = match kind {
        "network" => RelayReason::Network(value.parse().ok()?),
        "authenticated" => RelayReason::Authenticated(value),
        "certificate" => RelayReason::Certificate(value),
        "certificate-name" => RelayReason::CertificateName(value),
        "domain" => RelayReason::Domain(value),
        // What a later version calls otherwise is a reason all the same.
        _ => RelayReason::Other(value.into()),
    };
    Some(RecipientClass::Relay { because })
}

fn known_line(text: &str) -> Option<Line> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let line = match word {
        "row" => {
            let mut words = rest.split(' ');
            let row = words.next()?.parse().ok()?;
            let due = UnixMillis(words.next()?.parse().ok()?);
            let attempts = words.next()?.parse().ok()?;
            return words.next().is_none().then_some(Line::Row { row, due, attempts });
        }
        "recipient" => {
            let (index, state) = rest.split_once(' ')?;
            Line::Recipient { index: index.parse().ok()?, state: read_state(state)? }
        }
        "hold" => Line::Hold(unescape(rest)),
        "release" if rest.is_empty() => Line::Release,
        "expire" if rest.is_empty() => Line::Expire,
        "warned" if rest.is_empty() => Line::DelayWarned,
        _ => return None,
    };
    Some(line)
}

fn read_state(text: &str) -> Option<RecipientState> {
    match text.split_once('\t') {
        None if text == "pending" => Some(RecipientState::Pending(None)),
        None if text == "delivered" => Some(RecipientState::Delivered),
        None if text == "failed" => Some(RecipientState::Failed),
        Some(("pending", status)) => {
            Some(RecipientState::Pending(Some(Box::new(read_status(status)?))))
        }
        _ => None,
    }
}

/// Code, words, host, address and reply of a status, separated by tabs; what there is not is empty.
struct StatusText<'a>(&'a Status);

impl fmt::Display for StatusText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Status { code, text, reply, remote } = self.0;
        write!(f, "{code}\t{}\t", Escaped(text))?;
        if let Some(NextHost { name, address }) = remote {
            // A mark, since a host may have no name.
            write!(f, "={}\t", Escaped(name))?;
            if let Some(address) = address {
                write!(f, "{address}")?;
            }
        } else {
            f.write_char('\t')?;
        }
        f.write_char('\t')?;
        let Some(reply) = reply else { return Ok(()) };
        write!(f, "{} ", reply.code())?;
        match reply.enhanced() {
            Some(enhanced) => write!(f, "{enhanced} ")?,
            None => f.write_str("- ")?,
        }
        write!(f, "{}", Escaped(reply.text()))
    }
}

fn read_status(text: &str) -> Option<Status> {
    let mut fields = text.split('\t');
    let code = EnhancedCode::parse(fields.next()?)?;
    let words = unescape(fields.next()?);
    let (name, address) = (fields.next()?, fields.next()?);
    let remote = match name.strip_prefix('=') {
        None => None,
        Some(name) => {
            let address = if address.is_empty() { None } else { Some(address.parse().ok()?) };
            Some(NextHost { name: unescape(name), address })
        }
    };
    let reply = match fields.next()? {
        "" => None,
        reply => Some(read_reply(reply)?),
    };
    Some(Status { code, text: words, reply, remote })
}

fn read_reply(text: &str) -> Option<Reply> {
    let mut parts = text.splitn(3, ' ');
    let code = ReplyCode::new(parts.next()?.parse().ok()?)?;
    let enhanced = match parts.next()? {
        "-" => None,
        enhanced => Some(EnhancedCode::parse(enhanced)?),
    };
    Some(Reply::new(code, enhanced, unescape(parts.next()?)))
}

fn put(out: &mut BytesMut, line: fmt::Arguments<'_>) {
    // A buffer that grows takes any text, so there is no error to pass on.
    let _ = out.write_fmt(line);
    out.extend_from_slice(b"\r\n");
}

/// Text on one line: control characters and the backslash as `\u{..}`, or shorter.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                control if control.is_control() => write!(f, "\\{:x};", u32::from(control))?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('\\') {
        plain.push_str(before);
        rest = behind;
        if let Some(behind) = rest.strip_prefix('\\') {
            plain.push('\\');
            rest = behind;
        } else if let Some(behind) = rest.strip_prefix('n') {
            plain.push('\n');
            rest = behind;
        } else if let Some((digits, behind)) = rest.split_once(';')
            && let Some(character) = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)
        {
            plain.push(character);
            rest = behind;
        } else {
            plain.push('\\');
        }
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_any_kind_stays_on_its_line() {
        for text in ["", "plain", "a\\b", "\\n", "line\nline\r\n\ttab\0\u{85}", "\\d;", "ümläut"]
        {
            let line = Escaped(text).to_string();
            assert!(!line.chars().any(char::is_control), "{line:?}");
            assert_eq!(unescape(&line), text);
        }
    }

    #[test]
    fn a_status_is_read_as_it_was_written() {
        let reply = Reply::new(ReplyCode::new(451).unwrap(), None, "4.7.1 later\nplease \\");
        for (remote, reply) in [
            (None, None),
            (Some(NextHost { name: "mx.example".into(), address: None }), Some(reply.clone())),
            (
                Some(NextHost { name: String::new(), address: "[2001:db8::1]:25".parse().ok() }),
                Some(reply),
            ),
        ] {
            let text = "host said:\tno\n".to_owned();
            let status = Status { code: EnhancedCode::new(4, 7, 1), text, reply, remote };
            let state = RecipientState::Pending(Some(Box::new(status)));
            let line = Line::Recipient { index: 7, state };
            let mut out = BytesMut::new();
            put_line(&line, &mut out);
            assert_eq!(lines(&out).map(read_line).collect::<Vec<_>>(), [line]);
        }
    }
}
