//! `BODY`: what octets the content has.
//!
//! * **In**: `8BITMIME`. **Out**: [`BodyType`]. **Promises**: values match without case.
//! * **Limits**: a plain value. **Panics**: never. **Spec**: RFC 6152 2, RFC 3030 3.

use bytes::{BufMut, BytesMut};

use crate::class;

/// The value of `BODY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BodyType {
    /// ASCII lines.
    SevenBit,
    /// Lines of octets (RFC 6152).
    EightBitMime,
    /// Any octets; needs BDAT (RFC 3030 3).
    BinaryMime,
}

impl BodyType {
    /// The value as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SevenBit => "7BIT",
            Self::EightBitMime => "8BITMIME",
            Self::BinaryMime => "BINARYMIME",
        }
    }

    pub(super) fn encode(self, out: &mut BytesMut) {
        out.put_slice(b" BODY=");
        out.put_slice(self.as_str().as_bytes());
    }

    pub(super) fn parse(value: &str) -> Option<Self> {
        [Self::SevenBit, Self::EightBitMime, Self::BinaryMime]
            .into_iter()
            .find(|body| class::is_word(value.as_bytes(), body.as_str()))
    }
}
