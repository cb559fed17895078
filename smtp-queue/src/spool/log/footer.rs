//! The end of a sealed segment: what scheduling needs of each of its messages, so that no body is read for it.
//!
//! * **In**: summaries with their places. **Out**: a frame, and where it lies. **Promises**: a footer that is not
//!   whole is none, and the segment is read from its beginning. **Limits**: the segment's. **Panics**: never.
//! * **Spec**: `SPOOL_FORMAT.md`, *Footers*.

use std::io;

use smtp_proto::ByMode;
use smtp_server::{QueueId, UnixMillis};

use super::frame::{self, FrameKind, u32_at, u64_at};
use crate::spool::message::{Summary, SummaryRow};
use crate::spool::text::BodyRef;
use crate::spool::vfs::{self, VfsFile};

const TRAILER: usize = 16;
const TRAILER_MAGIC: [u8; 4] = *b"SQE1";

const IS_REPORT: u8 = 1;
const IS_HELD: u8 = 2;
const IS_DELAY_WARNED: u8 = 4;
const IS_EXPIRED: u8 = 8;
const HAS_BODY: u8 = 16;
const HAS_DELIVER_BY: u8 = 32;

/// Appends a message and the offset of its frame.
pub(super) fn put_summary(summary: &Summary, offset: u64, out: &mut Vec<u8>) {
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    let flags = flag(summary.is_report, IS_REPORT)
        | flag(summary.is_held, IS_HELD)
        | flag(summary.is_delay_warned, IS_DELAY_WARNED)
        | flag(summary.is_expired, IS_EXPIRED)
        | flag(summary.body.is_some(), HAS_BODY)
        | flag(summary.deliver_by.is_some(), HAS_DELIVER_BY);
    out.push(flags);
    out.extend_from_slice(&summary.priority.to_le_bytes());
    put_number(offset, out);
    put_number(summary.id.0, out);
    put_number(summary.arrived.0, out);
    if let Some(BodyRef { key, bytes, checksum }) = summary.body {
        for number in [key, bytes, u64::from(checksum)] {
            put_number(number, out);
        }
    }
    if let Some((time, mode)) = summary.deliver_by {
        put_number(time.0, out);
        put_number(u64::from(mode == ByMode::Return), out);
    }
    put_number(u64::from(summary.recipients), out);
    put_number(summary.rows.len() as u64, out);
    for row in &summary.rows {
        put_number(row.domain.len() as u64, out);
        out.extend_from_slice(row.domain.as_bytes());
        put_number(u64::from(row.is_local), out);
        put_number(u64::from(row.recipients), out);
        put_number(row.due.0, out);
        put_number(u64::from(row.attempts), out);
    }
    for numbers in [&summary.row_of, &summary.done] {
        put_number(numbers.len() as u64, out);
        numbers.iter().for_each(|&number| put_number(u64::from(number), out));
    }
}

/// The messages of a footer; stops where it does not read.
pub(super) fn summaries(mut octets: &[u8]) -> impl Iterator<Item = (Summary, u64)> {
    std::iter::from_fn(move || read_summary(&mut octets))
}

/// Ends a segment whose frames end at `end`: footer and trailer, to be written there.
pub(super) fn seal(summaries: &[u8], segment: u32, end: u64, batch: u64) -> io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(summaries.len() + frame::FRAME_HEADER + TRAILER + 8);
    let start = frame::begin_frame(&mut out);
    out.extend_from_slice(summaries);
    frame::end_frame(&mut out, start, FrameKind::Footer, segment, end, batch)?;
    let trailer = end.to_le_bytes();
    out.extend_from_slice(&trailer);
    out.extend_from_slice(&TRAILER_MAGIC);
    let checksum = crc32c::crc32c_append(segment, &trailer);
    out.extend_from_slice(&checksum.to_le_bytes());
    Ok(out)
}

/// The summaries of a sealed segment; `None` if it is not sealed.
pub(super) fn read(file: &dyn VfsFile, segment: u32) -> io::Result<Option<Vec<u8>>> {
    let bytes = file.bytes()?;
    let Some(at) = bytes.checked_sub(TRAILER as u64) else { return Ok(None) };
    let trailer = vfs::read_range(file, at, TRAILER as u64)?;
    let offset = u64_at(&trailer, 0).unwrap_or_default();
    let is_trailer = trailer.get(8..12) == Some(&TRAILER_MAGIC)
        && u32_at(&trailer, 12)
            == Some(crc32c::crc32c_append(segment, trailer.get(..8).unwrap_or_default()));
    if !is_trailer {
        return Ok(None);
    }
    let footer = frame::read_frame(file, offset, segment)?;
    Ok(footer.filter(|(kind, _)| *kind == FrameKind::Footer).map(|(_, payload)| payload))
}

fn read_summary(octets: &mut &[u8]) -> Option<(Summary, u64)> {
    let (&[flags, priority], rest) = octets.split_first_chunk::<2>()?;
    *octets = rest;
    let offset = number(octets)?;
    let id = QueueId(number(octets)?);
    let arrived = UnixMillis(number(octets)?);
    let mut body = None;
    if flags & HAS_BODY != 0 {
        let (key, bytes) = (number(octets)?, number(octets)?);
        body = Some(BodyRef { key, bytes, checksum: small(octets)? });
    }
    let mut deliver_by = None;
    if flags & HAS_DELIVER_BY != 0 {
        let time = UnixMillis(number(octets)?);
        let mode = if number(octets)? == 0 { ByMode::Notify } else { ByMode::Return };
        deliver_by = Some((time, mode));
    }
    let recipients = small(octets)?;
    let mut rows = Vec::new();
    for _ in 0..number(octets)? {
        let bytes = usize::try_from(number(octets)?).ok()?;
        let (domain, rest) = octets.split_at_checked(bytes)?;
        *octets = rest;
        rows.push(SummaryRow {
            domain: std::str::from_utf8(domain).ok()?.to_owned(),
            is_local: number(octets)? != 0,
            recipients: small(octets)?,
            due: UnixMillis(number(octets)?),
            attempts: u16::try_from(number(octets)?).ok()?,
        });
    }
    let (row_of, done) = (smalls(octets)?, smalls(octets)?);
    let summary = Summary {
        id,
        body,
        arrived,
        priority: i8::from_le_bytes([priority]),
        deliver_by,
        is_report: flags & IS_REPORT != 0,
        is_held: flags & IS_HELD != 0,
        is_delay_warned: flags & IS_DELAY_WARNED != 0,
        is_expired: flags & IS_EXPIRED != 0,
        rows,
        row_of,
        recipients,
        done,
    };
    Some((summary, offset))
}

/// Seven bits an octet, the lowest first; the highest bit says that more follow.
fn put_number(mut value: u64, out: &mut Vec<u8>) {
    while 0x7f < value {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn number(octets: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&octet, rest) = octets.split_first()?;
        *octets = rest;
        value |= u64::from(octet & 0x7f) << shift;
        if octet & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn small(octets: &mut &[u8]) -> Option<u32> {
    u32::try_from(number(octets)?).ok()
}

fn smalls(octets: &mut &[u8]) -> Option<Vec<u32>> {
    let count = number(octets)?;
    (0..count).map(|_| small(octets)).collect()
}
