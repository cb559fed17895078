//! The file of a message, and the seal above anything that is written at once.
//!
//! * **In**: envelope, state, content. **Out**: one file. **Promises**: a file reads only if all of it is there.
//! * **Limits**: those of the message. **Panics**: never. **Spec**: `SPOOL_FORMAT.md`, *A file for each message*.

use bytes::{Bytes, BytesMut};

use crate::content::{StagedBody, StagedContent};
use crate::entry::QueueEntry;
use crate::spool::message::Message;
use crate::spool::text::{self, BodyRef};

const MAGIC: &str = "smtp-queue 1";

/// What the file of a message holds.
pub(super) struct Parts {
    pub(super) entry: QueueEntry,
    pub(super) state: Bytes,
    pub(super) fields: Bytes,
    pub(super) body: Option<BodyRef>,
    /// The body, unless it lies elsewhere.
    pub(super) inline: Bytes,
}

/// `MAGIC BYTES CHECKSUM` on a line of its own, then the octets.
pub(super) fn seal(octets: &[u8]) -> Vec<u8> {
    let checksum = crc32c::crc32c(octets);
    let mut sealed = format!("{MAGIC} {} {checksum:08x}\r\n", octets.len()).into_bytes();
    sealed.extend_from_slice(octets);
    sealed
}

/// What [`seal`] was given, if all of it is there.
pub(super) fn read_sealed(sealed: &[u8]) -> Option<&[u8]> {
    let end = sealed.windows(2).position(|pair| pair == b"\r\n")?;
    let line = std::str::from_utf8(sealed.get(..end)?).ok()?;
    let (bytes, checksum) = line.strip_prefix(MAGIC)?.strip_prefix(' ')?.split_once(' ')?;
    let octets = sealed.get(end + 2..)?;
    let whole = bytes.parse() == Ok(octets.len())
        && u32::from_str_radix(checksum, 16) == Ok(crc32c::crc32c(octets));
    whole.then_some(octets)
}

/// The file: envelope, an empty line, state, an empty line, header fields of ours, and the body if it is not
/// elsewhere.
pub(super) fn write(message: &Message, content: &StagedContent) -> Vec<u8> {
    let body = match &content.body {
        StagedBody::Inline(_) => None,
        StagedBody::Stored { key, bytes, checksum, .. } => {
            Some(BodyRef { key: *key, bytes: *bytes, checksum: *checksum })
        }
    };
    let mut out = BytesMut::new();
    out.extend_from_slice(format!("fields {}\r\n", content.fields.len()).as_bytes());
    text::put_envelope(&message.entry, body, &mut out);
    out.extend_from_slice(b"\r\n");
    message.put_state(&mut out);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&content.fields);
    if let StagedBody::Inline(body) = &content.body {
        out.extend_from_slice(body);
    }
    seal(&out)
}

pub(super) fn read(sealed: &Bytes) -> Option<Parts> {
    let octets = sealed.slice_ref(read_sealed(sealed)?);
    let (envelope, rest) = split_empty_line(&octets)?;
    let (state, content) = split_empty_line(&rest)?;
    let first = text::lines(&envelope).next()?;
    let fields = std::str::from_utf8(first).ok()?.strip_prefix("fields ")?.parse().ok()?;
    let (entry, body) = text::read_envelope(&envelope)?;
    if content.len() < fields {
        return None;
    }
    let inline = content.slice(fields..);
    Some(Parts { entry, state, fields: content.slice(..fields), body, inline })
}

/// The lines in front of the first empty one, and what follows it.
fn split_empty_line(octets: &Bytes) -> Option<(Bytes, Bytes)> {
    if octets.starts_with(b"\r\n") {
        return Some((Bytes::new(), octets.slice(2..)));
    }
    let end = octets.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some((octets.slice(..end + 2), octets.slice(end + 4..)))
}
