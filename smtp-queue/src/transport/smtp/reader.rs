//! Content of a job, piece by piece.
//!
//! * **In**: [`Content`]. **Out**: its octets in order. **Promises**: what is stored is read off the I/O threads.
//! * **Limits**: [`PIECE_BYTES`] at once. **Panics**: never. **Spec**: none.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::session::{ContentFacts, ContentScan};
use crate::content::{Content, ContentBody, ReadAt};

/// Octets of a piece: what is written between two looks at what the next hop says.
pub(super) const PIECE_BYTES: usize = 64 * 1024;

/// Reads content once.
pub(super) struct ContentReader {
    ready: Bytes,
    next: Option<Rest>,
}

enum Rest {
    Memory(Bytes),
    Stored(Arc<dyn ReadAt>, u64),
}

impl ContentReader {
    pub(super) fn new(content: &Content) -> Self {
        let next = match &content.body {
            ContentBody::Memory(octets) => Rest::Memory(octets.clone()),
            ContentBody::Stored(octets) => Rest::Stored(octets.clone(), 0),
        };
        Self { ready: content.fields.clone(), next: Some(next) }
    }

    /// The next piece, which is not empty; `None` at the end.
    pub(super) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        // Each turn gives a piece or goes on to the next of at most three sources.
        loop {
            if !self.ready.is_empty() {
                let bytes = self.ready.len().min(PIECE_BYTES);
                return Ok(Some(self.ready.split_to(bytes)));
            }
            match self.next.take() {
                None => return Ok(None),
                Some(Rest::Memory(octets)) => self.ready = octets,
                Some(Rest::Stored(octets, offset)) => {
                    self.ready = read(octets.clone(), offset).await?;
                    if !self.ready.is_empty() {
                        let offset = offset + self.ready.len() as u64;
                        self.next = Some(Rest::Stored(octets, offset));
                    }
                }
            }
        }
    }
}

/// What is true of the content.
pub(super) async fn facts(content: &Content) -> io::Result<ContentFacts> {
    let mut scan = ContentScan::default();
    let mut reader = ContentReader::new(content);
    while let Some(piece) = reader.next().await? {
        scan.feed(&piece);
    }
    Ok(scan.finish())
}

async fn read(octets: Arc<dyn ReadAt>, offset: u64) -> io::Result<Bytes> {
    let read = move || {
        let mut piece = vec![0; PIECE_BYTES];
        let bytes = octets.read_at(&mut piece, offset)?;
        piece.truncate(bytes);
        Ok(Bytes::from(piece))
    };
    tokio::task::spawn_blocking(read).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
