//! The content of a message, as a stream that a delivery pulls.
//!
//! * **In**: chunks from whoever implements [`PollChunk`] (the driver, a filter, a test). **Out**: the same
//!   octets, then header fields that became known on the way.
//! * **Promises**: chunks hold exactly what the client sent, without transparency (dot-stuffing) and
//!   chunk headers; a short message never looks like a whole one, since the end is a value of its own.
//! * **Limits**: nothing is buffered here. **Panics**: never.
//! * **Spec**: RFC 5321 2.3.9 (content), 4.5.2 (transparency); RFC 3030 (chunks).
//!
//! A chunk is a slice of the connection's read buffer. Copy what you keep: a slice of three octets
//! would otherwise hold all 64 KiB.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use bytes::Bytes;
use smtp_proto::replies;

use crate::header::HeaderField;
use crate::verdict::Rejection;

/// The seam through which content comes.
pub trait PollChunk {
    /// The next piece of content, or `None` at its end.
    ///
    /// After `None` or an error every further call gives the same again.
    ///
    /// # Errors
    /// [`BodyError`] if the content will never be whole.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyError>>;

    /// The fields that became known on the way, complete once `poll_chunk` gave `None`.
    fn header_fields(&self) -> &[HeaderField] {
        &[]
    }
}

/// Why the content ended before its end.
///
/// A delivery passes it on with `?`; the reply that the client gets is chosen by the session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The client gave the transaction up.
    #[error("the client aborted the message with {0:?}")]
    Aborted(AbortedBy),
    /// Larger than [`Limits::message_bytes_max`](crate::config::Limits::message_bytes_max).
    #[error("the message is too large")]
    TooLarge,
    /// A line feed or carriage return alone, under [`BareNewline::Reject`](crate::config::BareNewline::Reject).
    #[error("the message has a bare line feed or carriage return")]
    BareNewline,
    /// A NUL octet (RFC 5321 4.1.1.4 allows the ASCII characters 1 to 127).
    #[error("the message has a NUL octet")]
    Nul,
    /// More than [`Limits::hops_max`](crate::config::Limits::hops_max) `Received` fields.
    #[error("the message went through too many hosts")]
    TooManyHops,
    /// All sessions together hold [`Limits::bytes_in_flight_max`](crate::config::Limits::bytes_in_flight_max).
    #[error("there is no room for more content in flight")]
    InsufficientStorage,
    /// The client took too long.
    #[error("the client was too slow")]
    Slow,
    /// The connection is gone.
    #[error("the client disconnected in the middle of the message")]
    Disconnected,
    /// A [`ContentFilter`] refused the message at its end.
    #[error("a content filter refused the message")]
    Refused(Rejection),
}

/// The command that aborted a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbortedBy {
    /// RSET.
    Rset,
    /// EHLO or LHLO, which start over.
    Hello,
    /// QUIT.
    Quit,
}

impl From<BodyError> for Rejection {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::stock(replies::MESSAGE_TOO_LARGE),
            BodyError::BareNewline => Self::stock(replies::BARE_NEWLINE_IN_CONTENT),
            BodyError::Nul => Self::stock(replies::NUL_IN_CONTENT),
            BodyError::TooManyHops => Self::stock(replies::TOO_MANY_HOPS),
            BodyError::InsufficientStorage => Self::insufficient_storage(),
            BodyError::Slow => Self::stock(replies::TIMED_OUT).and_close(),
            BodyError::Refused(rejection) => rejection,
            BodyError::Aborted(_) | BodyError::Disconnected => Self::local_error(),
        }
    }
}

/// Looks at content as it passes and adds header fields at its end.
///
/// The fields go on top of the message, so a delivery writes them before the content when it
/// commits. Content itself is never changed.
#[async_trait]
pub trait ContentFilter: Send {
    /// Sees the next piece of content.
    fn chunk(&mut self, chunk: &Bytes);

    /// The content is whole: the fields to add on top, or a refusal.
    async fn finish(self: Box<Self>) -> Result<Vec<HeaderField>, Rejection>;
}

/// A message's content.
///
/// ```
/// # use smtp_server::{Body, BodyError};
/// async fn size_bytes(body: &mut Body<'_>) -> Result<u64, BodyError> {
///     let mut bytes = 0;
///     while let Some(chunk) = body.chunk().await? {
///         bytes += chunk.len() as u64;
///     }
///     Ok(bytes)
/// }
/// ```
pub struct Body<'a> {
    source: &'a mut (dyn PollChunk + Send),
    filter: Filter,
    fields: Vec<HeaderField>,
}

enum Filter {
    Absent,
    Watching(Box<dyn ContentFilter>),
    Finishing(Pin<Box<dyn Future<Output = Result<Vec<HeaderField>, Rejection>> + Send>>),
    Refused(Rejection),
    /// The end was reached, and the fields are complete.
    Done,
}

impl<'a> Body<'a> {
    /// Content from `source`, with fields that are known beforehand (`Received`).
    pub fn new(source: &'a mut (dyn PollChunk + Send), fields: Vec<HeaderField>) -> Self {
        Self { source, filter: Filter::Absent, fields }
    }

    /// The same content, watched by `filter`; for a delivery that wraps another one.
    pub fn filtered<'b>(&'b mut self, filter: Box<dyn ContentFilter>) -> Body<'b> {
        let fields = self.fields.clone();
        Body { source: self, filter: Filter::Watching(filter), fields }
    }

    /// The next piece of content, or `None` at its end.
    ///
    /// # Errors
    /// [`BodyError`] if the content will never be whole: return it with `?`.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// The whole content in memory, copied out of the read buffer.
    ///
    /// # Errors
    /// [`BodyError::TooLarge`] beyond `bytes_max`, else as [`chunk`](Self::chunk).
    pub async fn collect(&mut self, bytes_max: usize) -> Result<Vec<u8>, BodyError> {
        let mut content = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if bytes_max - content.len() < chunk.len() {
                return Err(BodyError::TooLarge);
            }
            content.extend_from_slice(&chunk);
        }
        Ok(content)
    }

    /// Reads to the end and keeps nothing.
    ///
    /// # Errors
    /// As [`chunk`](Self::chunk).
    pub async fn drain(&mut self) -> Result<(), BodyError> {
        while self.chunk().await?.is_some() {}
        Ok(())
    }

    /// The fields to write above the content, in order.
    ///
    /// They are complete once `chunk` gave `None`: until then those of submissions and of filters (Date, signatures)
    /// are missing, so what was written above the content earlier may lack some. [`Delivery`](crate::hooks::Delivery)
    /// shows how a delivery does without having the whole message in memory.
    #[must_use]
    pub fn header_fields(&self) -> &[HeaderField] {
        &self.fields
    }

    fn poll_filter(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyError>> {
        match std::mem::replace(&mut self.filter, Filter::Done) {
            Filter::Done => Poll::Ready(Ok(None)),
            Filter::Absent => {
                self.fields.extend_from_slice(self.source.header_fields());
                Poll::Ready(Ok(None))
            }
            Filter::Refused(rejection) => {
                self.filter = Filter::Refused(rejection.clone());
                Poll::Ready(Err(BodyError::Refused(rejection)))
            }
            Filter::Watching(filter) => {
                self.filter = Filter::Finishing(filter.finish());
                self.poll_filter(cx)
            }
            Filter::Finishing(mut finish) => match finish.as_mut().poll(cx) {
                Poll::Pending => {
                    self.filter = Filter::Finishing(finish);
                    Poll::Pending
                }
                Poll::Ready(Ok(mut fields)) => {
                    // The source's are complete only now: it may have filters of its own.
                    fields.extend_from_slice(self.source.header_fields());
                    self.fields = fields;
                    Poll::Ready(Ok(None))
                }
                Poll::Ready(Err(rejection)) => {
                    self.filter = Filter::Refused(rejection);
                    self.poll_filter(cx)
                }
            },
        }
    }
}

impl PollChunk for Body<'_> {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyError>> {
        let Some(chunk) = ready!(self.source.poll_chunk(cx))? else {
            return self.poll_filter(cx);
        };
        if let Filter::Watching(filter) = &mut self.filter {
            filter.chunk(&chunk);
        }
        Poll::Ready(Ok(Some(chunk)))
    }

    fn header_fields(&self) -> &[HeaderField] {
        &self.fields
    }
}

impl std::fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").field("fields", &self.fields).finish_non_exhaustive()
    }
}
