//! Memory for content, shared by all connections.
//!
//! * **In**: a connection where content begins or ended. **Out**: a buffer, or room for one to be kept.
//! * **Promises**: a large buffer belongs to a connection only while content is on its way, so idle
//!   connections cost none, and the one used last, which the processor still has in its cache, is
//!   used next. A buffer that a delivery still holds a piece of is not kept.
//! * **Limits**: [`KEPT_MAX`] buffers of [`CONTENT_BUFFER_BYTES`] are kept.
//! * **Panics**: never. **Spec**: none.

use std::sync::{Mutex, PoisonError};

use bytes::BytesMut;

/// Room for content, from 354 or BDAT to its end.
pub(super) const CONTENT_BUFFER_BYTES: usize = 64 * 1024;
const KEPT_MAX: usize = 32;

#[derive(Default)]
pub(crate) struct Buffers(Mutex<Vec<BytesMut>>);

impl Buffers {
    /// Makes room for content in `input`, behind what it holds.
    pub(super) fn lend(&self, input: &mut BytesMut) {
        if CONTENT_BUFFER_BYTES <= input.capacity() {
            return;
        }
        let mut buffer =
            self.kept().pop().unwrap_or_else(|| BytesMut::with_capacity(CONTENT_BUFFER_BYTES));
        buffer.extend_from_slice(input);
        *input = buffer;
    }

    /// Takes the room back; what `input` holds stays in it.
    pub(super) fn take_back(&self, input: &mut BytesMut) {
        let rest = BytesMut::from(&input[..]);
        let mut buffer = std::mem::replace(input, rest);
        buffer.clear();
        if buffer.try_reclaim(CONTENT_BUFFER_BYTES) {
            let mut kept = self.kept();
            if kept.len() < KEPT_MAX {
                kept.push(buffer);
            }
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<BytesMut>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Buffers, BytesMut, CONTENT_BUFFER_BYTES, KEPT_MAX};

    #[test]
    fn a_buffer_is_lent_again_and_keeps_what_was_read() {
        let buffers = Buffers::default();
        let mut input = BytesMut::from("MAIL");
        buffers.lend(&mut input);
        assert!(CONTENT_BUFFER_BYTES <= input.capacity());
        assert_eq!(input, "MAIL");
        let address = input.as_ptr();
        buffers.take_back(&mut input);
        assert_eq!(input, "MAIL");
        assert!(input.capacity() < CONTENT_BUFFER_BYTES);
        let mut other = BytesMut::new();
        buffers.lend(&mut other);
        assert_eq!(other.as_ptr(), address);
    }

    #[test]
    fn a_buffer_with_a_living_chunk_is_not_kept() {
        let buffers = Buffers::default();
        let mut input = BytesMut::new();
        buffers.lend(&mut input);
        input.extend_from_slice(b"chunk");
        let chunk = input.split().freeze();
        buffers.take_back(&mut input);
        assert!(buffers.kept().is_empty());
        assert_eq!(chunk, "chunk");
    }

    #[test]
    fn not_all_buffers_of_a_burst_are_kept() {
        let buffers = Buffers::default();
        let mut inputs = vec![BytesMut::new(); 2 * KEPT_MAX];
        inputs.iter_mut().for_each(|input| buffers.lend(input));
        inputs.iter_mut().for_each(|input| buffers.take_back(input));
        assert_eq!(buffers.kept().len(), KEPT_MAX);
    }
}
