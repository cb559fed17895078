//! Content that arrives in counted chunks (BDAT).
//!
//! * **In**: the size of a chunk, then its octets in any split. **Out**: the same octets.
//! * **Promises**: nothing is unstuffed and no octet ends a chunk but the last; flaws are found
//!   across the boundaries of splits and of chunks.
//! * **Limits**: sizes fit 64 bits; never allocates. **Panics**: never.
//! * **Spec**: RFC 3030 2 and 3.

use crate::data::{ContentScanner, Decoded, Flaws};

/// What a BDAT command announces (RFC 3030 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Octets that follow the command line.
    pub bytes: u64,
    /// Whether the content ends with this chunk.
    pub last: bool,
}

/// Counts the octets of chunks and looks for flaws in them.
///
/// One decoder serves all chunks of one message.
#[derive(Clone, Debug)]
pub struct ChunkDecoder {
    remaining_bytes: u64,
    /// None where any octet is allowed (`BODY=BINARYMIME`).
    scanner: Option<ContentScanner>,
}

impl ChunkDecoder {
    /// A decoder for content made of lines.
    #[must_use]
    pub const fn new() -> Self {
        Self { remaining_bytes: 0, scanner: Some(ContentScanner::new()) }
    }

    /// A decoder for `BODY=BINARYMIME`: no octet and no sequence of octets is a flaw.
    #[must_use]
    pub const fn binary() -> Self {
        Self { remaining_bytes: 0, scanner: None }
    }

    /// Begins a chunk of `bytes` octets. What remains of a chunk before it is forgotten.
    pub const fn begin(&mut self, bytes: u64) {
        self.remaining_bytes = bytes;
    }

    /// Octets of the current chunk that have not arrived.
    #[must_use]
    pub const fn remaining(&self) -> u64 {
        self.remaining_bytes
    }

    /// Takes the octets of the current chunk from the front of `input`.
    ///
    /// `content` and `consumed` are equal; `end` is set once nothing of the chunk remains.
    #[must_use = "the octets named in the outcome have to be removed from the input"]
    pub fn decode(&mut self, input: &mut [u8]) -> Decoded {
        let wanted = usize::try_from(self.remaining_bytes).unwrap_or(usize::MAX);
        let consumed = wanted.min(input.len());
        let flaws = match &mut self.scanner {
            Some(scanner) => scanner.scan(input.split_at(consumed).0),
            None => Flaws::default(),
        };
        self.remaining_bytes = self.remaining_bytes.saturating_sub(consumed as u64);
        Decoded { content: consumed, consumed, end: self.remaining_bytes == 0, flaws }
    }

    /// Ends the content after its last chunk: a CR at the very end has no LF to come.
    #[must_use = "the end of the content may have a flaw"]
    pub fn finish(&mut self) -> Flaws {
        self.scanner.as_mut().map(ContentScanner::finish).unwrap_or_default()
    }
}

impl Default for ChunkDecoder {
    fn default() -> Self {
        Self::new()
    }
}
