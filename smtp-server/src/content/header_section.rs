//! Where does the header section end?
//!
//! * **In**: content, in any split. **Out**: the header section with what came behind it in the same piece.
//! * **Promises**: the result does not depend on the split. The empty line belongs to the header section; content that
//!   begins with one has no field.
//! * **Limits**: [`HEADER_SECTION_BYTES_MAX`]. **Panics**: never. **Spec**: RFC 5322 2.1.

use memchr::memmem;
use smtp_proto::replies;

use crate::body::BodyError;
use crate::verdict::Rejection;

/// Largest header section that is signed or verified; a message with a larger one is refused with 552.
pub const HEADER_SECTION_BYTES_MAX: usize = 256 * 1024;

const EMPTY_LINE: &[u8] = b"\r\n";
const HEADER_END: &[u8] = b"\r\n\r\n";

/// A header section that is being collected.
#[derive(Debug, Default)]
pub(crate) struct HeaderSection(Vec<u8>);

impl HeaderSection {
    /// Takes the next piece; with the last one, how many octets belong to the header section.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Result<Option<usize>, BodyError> {
        // The end may lie across two chunks.
        let seen = self.0.len().saturating_sub(HEADER_END.len() - 1);
        self.0.extend_from_slice(chunk);
        if self.0.starts_with(EMPTY_LINE) {
            return Ok(Some(EMPTY_LINE.len()));
        }
        let end = memmem::find(self.0.get(seen..).unwrap_or_default(), HEADER_END);
        match end.map(|end| seen + end + HEADER_END.len()) {
            None if HEADER_SECTION_BYTES_MAX < self.0.len() => {
                Err(BodyError::Refused(Rejection::stock(replies::HEADER_TOO_LARGE)))
            }
            end => Ok(end),
        }
    }

    /// All that was pushed.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}
