//! Frames: what is written to a segment at once, and what of a segment can be read.
//!
//! * **In**: items. **Out**: frames; from the octets of a segment those frames that are whole.
//! * **Promises**: a frame that was torn, changed or moved is never taken for a whole one; one that is not whole
//!   costs itself. **Limits**: a payload is below 4 GiB. **Panics**: never.
//! * **Spec**: `SPOOL_FORMAT.md`, *Frames*.

use std::io;
use std::ops::Range;

use smtp_server::QueueId;

use crate::spool::vfs::{self, VfsFile};

pub(super) const FRAME_HEADER: usize = 32;
pub(super) const ITEM_HEADER: usize = 32;
pub(super) const SEGMENT_HEADER: usize = 48;
const FRAME_MAGIC: [u8; 4] = *b"SQF1";
const SEGMENT_MAGIC: [u8; 8] = *b"SMTPQSEG";
const VERSION: u32 = 1;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameKind {
    Set,
    Footer,
    /// Of a later version.
    Unknown,
}

/// What an item says of its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ItemKind {
    /// Envelope and content.
    Accept,
    /// Lines to be added to the state that the link names.
    Change,
    /// All lines of the state.
    State,
    /// It is gone; the link names its envelope.
    Remove,
    /// Of a later version.
    Unknown(u8),
}

/// One message's part of a set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    pub(super) kind: ItemKind,
    pub(super) id: QueueId,
    pub(super) link: u64,
    pub(super) head: &'a [u8],
    pub(super) fields: &'a [u8],
    pub(super) body: &'a [u8],
}

/// The header of a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct SegmentHeader {
    pub(super) in_states: bool,
    pub(super) segment: u32,
    /// The largest id that was used when the segment was begun.
    pub(super) last_id: QueueId,
}

/// A whole frame in a segment.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) kind: FrameKind,
    pub(super) offset: u64,
    pub(super) batch: u64,
    pub(super) payload: Range<usize>,
}

impl SegmentHeader {
    pub(super) fn encode(self) -> [u8; SEGMENT_HEADER] {
        let mut octets = [0; SEGMENT_HEADER];
        put(&mut octets, 0, &SEGMENT_MAGIC);
        put(&mut octets, 8, &VERSION.to_le_bytes());
        put(&mut octets, 12, &u32::from(self.in_states).to_le_bytes());
        put(&mut octets, 16, &self.segment.to_le_bytes());
        put(&mut octets, 24, &self.last_id.0.to_le_bytes());
        let checksum = crc32c::crc32c(octets.get(..44).unwrap_or_default());
        put(&mut octets, 44, &checksum.to_le_bytes());
        octets
    }

    pub(super) fn read(octets: &[u8]) -> Option<Self> {
        let checked = octets.get(..44)?;
        let whole =
            checked.starts_with(&SEGMENT_MAGIC) && u32_at(octets, 44)? == crc32c::crc32c(checked);
        whole.then_some(Self {
            in_states: u32_at(octets, 12)? != 0,
            segment: u32_at(octets, 16)?,
            last_id: QueueId(u64_at(octets, 24)?),
        })
    }
}

/// Begins a frame at the end of `out`; [`end_frame`] needs what it returns.
pub(super) fn begin_frame(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.resize(start + FRAME_HEADER, 0);
    start
}

/// Ends the frame that was begun at `start`, which will lie at `offset` of its segment.
pub(super) fn end_frame(
    out: &mut Vec<u8>,
    start: usize,
    kind: FrameKind,
    segment: u32,
    offset: u64,
    batch: u64,
) -> io::Result<()> {
    let payload = out.get(start + FRAME_HEADER..).unwrap_or_default();
    let bytes = u32::try_from(payload.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let checksum = crc32c::crc32c(payload);
    let Some(header) = out.get_mut(start..start + FRAME_HEADER) else { return Ok(()) };
    put(header, 0, &FRAME_MAGIC);
    put(header, 4, &[if kind == FrameKind::Footer { 2 } else { 1 }, 0, 0, 0]);
    put(header, 8, &bytes.to_le_bytes());
    put(header, 12, &checksum.to_le_bytes());
    put(header, 16, &batch.to_le_bytes());
    put(header, 24, &segment.to_le_bytes());
    let checksum = header_checksum(header, offset);
    put(header, 28, &checksum.to_le_bytes());
    out.resize(out.len().next_multiple_of(8), 0);
    Ok(())
}

pub(super) fn put_item(item: Item<'_>, out: &mut Vec<u8>) -> io::Result<()> {
    let length = |octets: &[u8]| {
        u32::try_from(octets.len()).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))
    };
    let mut header = [0; ITEM_HEADER];
    let kind = match item.kind {
        ItemKind::Accept => 1,
        ItemKind::Change => 2,
        ItemKind::State => 3,
        ItemKind::Remove => 4,
        ItemKind::Unknown(kind) => kind,
    };
    put(&mut header, 0, &[kind]);
    put(&mut header, 4, &length(item.head)?.to_le_bytes());
    put(&mut header, 8, &length(item.fields)?.to_le_bytes());
    put(&mut header, 12, &length(item.body)?.to_le_bytes());
    put(&mut header, 16, &item.id.0.to_le_bytes());
    put(&mut header, 24, &item.link.to_le_bytes());
    for part in [&header, item.head, item.fields, item.body] {
        out.extend_from_slice(part);
    }
    Ok(())
}

/// The items of a payload.
pub(super) fn items(mut payload: &[u8]) -> impl Iterator<Item = Item<'_>> {
    std::iter::from_fn(move || {
        let (header, mut left) = payload.split_at_checked(ITEM_HEADER)?;
        let kind = match header.first()? {
            1 => ItemKind::Accept,
            2 => ItemKind::Change,
            3 => ItemKind::State,
            4 => ItemKind::Remove,
            &kind => ItemKind::Unknown(kind),
        };
        let head = split(&mut left, u32_at(header, 4)?)?;
        let fields = split(&mut left, u32_at(header, 8)?)?;
        let body = split(&mut left, u32_at(header, 12)?)?;
        payload = left;
        let (id, link) = (QueueId(u64_at(header, 16)?), u64_at(header, 24)?);
        Some(Item { kind, id, link, head, fields, body })
    })
}

/// The frame that begins at `at` of a segment's octets, if it is whole.
pub(super) fn frame_at(octets: &[u8], at: usize, segment: u32) -> Option<Frame> {
    let (frame, bytes, checksum) = header_at(octets.get(at..)?, at as u64, segment)?;
    let from = at + FRAME_HEADER;
    let payload = from..from.checked_add(bytes)?;
    let whole = crc32c::crc32c(octets.get(payload.clone())?) == checksum;
    whole.then_some(Frame { payload, ..frame })
}

/// Reads the frame at a place of a file; `None` if it is not whole.
pub(super) fn read_frame(
    file: &dyn VfsFile,
    offset: u64,
    segment: u32,
) -> io::Result<Option<(FrameKind, Vec<u8>)>> {
    let mut header = [0; FRAME_HEADER];
    vfs::read_full(file, &mut header, offset)?;
    let Some((frame, bytes, checksum)) = header_at(&header, offset, segment) else {
        return Ok(None);
    };
    let payload = vfs::read_range(file, offset + FRAME_HEADER as u64, bytes as u64)?;
    let whole = payload.len() == bytes && crc32c::crc32c(&payload) == checksum;
    Ok(whole.then_some((frame.kind, payload)))
}

/// Octets of a segment that are no frame, and whether something was lost that had been promised: what a crash
/// tears lies at the end, or before frames of the same batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) range: Range<usize>,
    pub(super) is_damage: bool,
}

/// All whole frames of a segment, and what lies between them.
pub(super) fn scan(octets: &[u8], segment: u32) -> (Vec<Frame>, Vec<Gap>) {
    let (mut frames, mut gaps) = (Vec::new(), Vec::new());
    let mut at = SEGMENT_HEADER;
    let mut gap_from = None;
    let mut earlier = Vec::new();
    while at < octets.len() {
        match frame_at(octets, at, segment) {
            Some(frame) => {
                if let Some(from) = gap_from.take() {
                    let before = frames.last().map_or(0, |last: &Frame| last.batch);
                    earlier.push((from..at, before, frame.batch));
                }
                at = frame.payload.end.next_multiple_of(8);
                frames.push(frame);
            }
            None => {
                gap_from.get_or_insert(at);
                at += 8;
            }
        }
    }
    let last_batch = frames.last().map_or(0, |frame| frame.batch);
    for (range, before, behind) in earlier {
        let is_damage = behind != last_batch || before + 1 < behind;
        gaps.push(Gap { range, is_damage });
    }
    if let Some(from) = gap_from {
        gaps.push(Gap { range: from..octets.len(), is_damage: false });
    }
    (frames, gaps)
}

fn header_at(octets: &[u8], offset: u64, segment: u32) -> Option<(Frame, usize, u32)> {
    let header = octets.get(..FRAME_HEADER)?;
    let whole = header.starts_with(&FRAME_MAGIC)
        && u32_at(header, 24)? == segment
        && u32_at(header, 28)? == header_checksum(header, offset);
    if !whole {
        return None;
    }
    let kind = match header.get(4)? {
        1 => FrameKind::Set,
        2 => FrameKind::Footer,
        _ => FrameKind::Unknown,
    };
    let frame = Frame { kind, offset, batch: u64_at(header, 16)?, payload: 0..0 };
    Some((frame, usize::try_from(u32_at(header, 8)?).ok()?, u32_at(header, 12)?))
}

/// Over the place, too, so that a frame holds only where it was written.
fn header_checksum(header: &[u8], offset: u64) -> u32 {
    let checksum = crc32c::crc32c(header.get(..28).unwrap_or_default());
    crc32c::crc32c_append(checksum, &offset.to_le_bytes())
}

fn put(octets: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = octets.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

fn split<'a>(octets: &mut &'a [u8], length: u32) -> Option<&'a [u8]> {
    let (part, rest) = octets.split_at_checked(usize::try_from(length).ok()?)?;
    *octets = rest;
    Some(part)
}

pub(super) fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(octets.get(at..at + 4)?.try_into().ok()?))
}

pub(super) fn u64_at(octets: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(octets.get(at..at + 8)?.try_into().ok()?))
}
