//! The segment that is being written.
//!
//! * **In**: frames. **Out**: a file that has them, synced. **Promises**: a sync seldom changes more than octets: where
//!   a segment grows, zeros go in advance, so that its length and its place on the disk are known before they are
//!   needed. **Limits**: [`ROOM_BYTES`] of zeros, or a quarter of a segment. **Panics**: never.
//! * **Spec**: `SPOOL_FORMAT.md`, *Segments* and *Committing*.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use smtp_server::QueueId;

use super::footer;
use super::frame::{SEGMENT_HEADER, SegmentHeader};
use crate::spool::vfs::{self, VfsFile};

/// By so many octets a segment grows in advance.
const ROOM_BYTES: u64 = 1 << 20;

static ZEROS: [u8; 1 << 16] = [0; 1 << 16];

/// See the module.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) number: u32,
    pub(super) file: Arc<dyn VfsFile>,
    /// Where the next frame goes.
    pub(super) end: u64,
    /// The number of its next batch, from 1 on.
    pub(super) batch: u64,
    /// What its footer will say.
    pub(super) summaries: Vec<u8>,
    /// Whether its name is not durable yet.
    pub(super) is_new: bool,
    /// As long is the file.
    bytes: u64,
    bytes_max: u64,
}

impl Current {
    /// Begins a segment in an empty file.
    pub(super) fn begin(
        file: Arc<dyn VfsFile>,
        number: u32,
        in_states: bool,
        last_id: QueueId,
        bytes_max: u64,
    ) -> io::Result<Self> {
        let header = SegmentHeader { in_states, segment: number, last_id }.encode();
        vfs::write_all(&*file, &header, 0)?;
        let end = SEGMENT_HEADER as u64;
        let (summaries, is_new) = (Vec::new(), true);
        Ok(Self { number, file, end, batch: 1, summaries, is_new, bytes: end, bytes_max })
    }

    /// Writes the frames of a batch, and syncs them.
    pub(super) fn append(&mut self, frames: &[u8]) -> io::Result<()> {
        vfs::write_all(&*self.file, frames, self.end)?;
        self.end += frames.len() as u64;
        self.batch += 1;
        if self.bytes < self.end {
            self.make_room()?;
        }
        self.file.sync()
    }

    fn make_room(&mut self) -> io::Result<()> {
        let room = ROOM_BYTES.min(self.bytes_max / 4);
        // A footer ends its file, so there is no room left in a segment that is full.
        let wanted = (self.end + room).min(self.bytes_max).next_multiple_of(8);
        self.bytes = self.end;
        while self.bytes < wanted {
            let count = ZEROS.len().min(usize::try_from(wanted - self.bytes).unwrap_or(usize::MAX));
            match vfs::write_all(&*self.file, ZEROS.get(..count).unwrap_or(&ZEROS), self.bytes) {
                Ok(()) => self.bytes += count as u64,
                // The frames are written, and the next ones may fit.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
                    ) =>
                {
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Ends a full segment of messages with its footer.
    pub(super) fn seal(&self) -> io::Result<()> {
        let footer = footer::seal(&self.summaries, self.number, self.end, self.batch)?;
        vfs::write_all(&*self.file, &footer, self.end)?;
        self.file.sync()
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes_max <= self.end
    }

    /// The length of the file.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether it was synced at least once, and its header with it.
    pub(super) fn is_durable(&self) -> bool {
        !self.is_new
    }
}
