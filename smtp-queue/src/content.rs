//! Content at rest: header fields of ours, and the client's octets below them.
//!
//! * **In**: what a client sent. **Out**: the same octets, as often as they are asked for.
//! * **Promises**: the body is never changed. **Limits**: what is in memory is bounded by the spool that says
//!   so; the rest is read in pieces. **Panics**: never. **Spec**: RFC 5321 4.4 (fields go on top).

use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

/// Content that was received and is not durable yet.
#[derive(Debug)]
pub struct StagedContent {
    /// The header fields of ours that go on top, each ending in CRLF.
    pub fields: Bytes,
    /// The client's octets.
    pub body: StagedBody,
}

impl StagedContent {
    /// Fields and body together, in octets.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let body = match &self.body {
            StagedBody::Inline(octets) => octets.len() as u64,
            StagedBody::Stored { bytes, .. } => *bytes,
        };
        self.fields.len() as u64 + body
    }
}

/// Where received octets wait for their commit.
#[derive(Debug)]
pub enum StagedBody {
    /// Here.
    Inline(Bytes),
    /// In the spool, under a key that it gave out.
    Stored {
        /// The spool's own name for it.
        key: u64,
        /// How many octets.
        bytes: u64,
        /// Their CRC-32C.
        checksum: u32,
        /// Takes them away again unless the spool takes them over.
        guard: StagedGuard,
    },
}

/// Takes received octets away again when it is dropped, unless they were committed.
pub struct StagedGuard(Option<Box<dyn FnOnce() + Send + Sync>>);

impl StagedGuard {
    /// `remove` is called when this is dropped; it must be quick.
    #[must_use]
    pub fn new(remove: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(remove)))
    }

    /// The octets stay.
    pub fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for StagedGuard {
    fn drop(&mut self) {
        if let Some(remove) = self.0.take() {
            remove();
        }
    }
}

impl fmt::Debug for StagedGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StagedGuard")
    }
}

/// Content of a message in the queue, to be read any number of times.
#[derive(Clone, Debug)]
pub struct Content {
    /// The header fields of ours that go on top, each ending in CRLF.
    pub fields: Bytes,
    /// The client's octets.
    pub body: ContentBody,
}

/// Where a message's octets are.
#[derive(Clone, Debug)]
pub enum ContentBody {
    /// Here.
    Memory(Bytes),
    /// To be read piece by piece, off the I/O threads.
    Stored(Arc<dyn ReadAt>),
}

/// Octets that can be read from any place on; may block.
pub trait ReadAt: fmt::Debug + Send + Sync {
    /// How many there are.
    fn bytes(&self) -> u64;

    /// Fills as much of `buffer` as there is from `offset` on; 0 at the end.
    ///
    /// # Errors
    /// What the storage reports.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl Content {
    /// Fields and body together, in octets.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let body = match &self.body {
            ContentBody::Memory(octets) => octets.len() as u64,
            ContentBody::Stored(octets) => octets.bytes(),
        };
        self.fields.len() as u64 + body
    }
}

/// Without fields of ours.
impl From<Vec<u8>> for Content {
    fn from(octets: Vec<u8>) -> Self {
        Self { fields: Bytes::new(), body: ContentBody::Memory(octets.into()) }
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}
