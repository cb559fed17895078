//! How content is delimited: by a dot or by counts.
//!
//! * **In**: input octets. **Out**: content decoded in place, and where its pieces end.
//! * **Promises**: one way to read content for whoever takes it and for whoever throws it away.
//! * **Limits**: none of its own. **Panics**: never. **Spec**: RFC 5321 4.5.2; RFC 3030 2.

use smtp_proto::{Chunk, ChunkDecoder, DataDecoder, Decoded};

use super::state::Mail;

/// How content is delimited.
pub(super) enum Framing {
    Data(DataDecoder),
    Chunks(Chunks),
}

/// The chunks of one message (RFC 3030).
pub(super) struct Chunks {
    decoder: ChunkDecoder,
    chunk: Chunk,
    place: Place,
}

/// Where in a sequence of chunks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Inside,
    /// The delivery has the chunk's last octet. Its 250 waits until the delivery asks for more: an error
    /// in between is this chunk's reply.
    AtEnd,
    Between,
}

impl Framing {
    pub(super) fn data() -> Self {
        Self::Data(DataDecoder::new())
    }

    pub(super) fn chunk(chunk: Chunk) -> Self {
        Self::first_chunk(ChunkDecoder::new(), chunk)
    }

    /// A chunk in which no octet is a flaw (RFC 3030 3).
    pub(super) fn binary_chunk(chunk: Chunk) -> Self {
        Self::first_chunk(ChunkDecoder::binary(), chunk)
    }

    fn first_chunk(mut decoder: ChunkDecoder, chunk: Chunk) -> Self {
        decoder.begin(chunk.bytes);
        Self::Chunks(Chunks { decoder, chunk, place: Place::Inside })
    }

    /// Decodes in place; `end` is the end of the data or of this chunk.
    pub(super) fn decode(&mut self, input: &mut [u8]) -> Decoded {
        match self {
            Self::Data(decoder) => decoder.decode(input),
            Self::Chunks(chunks) => {
                let mut decoded = chunks.decoder.decode(input);
                match (decoded.end, chunks.chunk.last) {
                    (true, true) => decoded.flaws |= chunks.decoder.finish(),
                    (true, false) => chunks.place = Place::AtEnd,
                    (false, _) => {}
                }
                decoded
            }
        }
    }

    /// Whether the end of this data or chunk is the end of the message.
    pub(super) fn ends_message(&self) -> bool {
        match self {
            Self::Data(_) => true,
            Self::Chunks(chunks) => chunks.chunk.last,
        }
    }

    pub(super) fn is_data(&self) -> bool {
        matches!(self, Self::Data(_))
    }

    pub(super) fn place(&self) -> Place {
        match self {
            Self::Data(_) => Place::Inside,
            Self::Chunks(chunks) => chunks.place,
        }
    }

    /// The octets of a chunk that the delivery took and that is to be acknowledged now.
    pub(super) fn acknowledge(&mut self) -> u64 {
        match self {
            Self::Data(_) => 0,
            Self::Chunks(chunks) => {
                chunks.place = Place::Between;
                chunks.chunk.bytes
            }
        }
    }

    /// A further chunk of the same message.
    pub(super) fn next_chunk(&mut self, chunk: Chunk) {
        if let Self::Chunks(chunks) = self {
            chunks.decoder.begin(chunk.bytes);
            chunks.chunk = chunk;
            chunks.place = Place::Inside;
        }
    }

    /// What follows a refusal: after a chunk that was not the last, further ones are on their way.
    pub(super) fn after_refusal(&self) -> Mail {
        if self.ends_message() { Mail::None } else { Mail::Refused }
    }
}
