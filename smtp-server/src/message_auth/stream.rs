//! A message that is checked as it passes.
//!
//! * **In**: content, from the body underneath. **Out**: the content without fields in our name; at its end the fields
//!   to write on top, ours first, or a refusal.
//! * **Promises**: what is checked is what came, not what goes on. Nothing is kept but the header section.
//! * **Limits**: [`HEADER_SECTION_BYTES_MAX`](super::HEADER_SECTION_BYTES_MAX). **Panics**: never.
//! * **Spec**: RFC 8601 4.1, 5; RFC 6376 3.7.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::dkim::BodyHashes;
use super::evaluation::Evaluation;
use super::{field, foreign};
use crate::body::{Body, BodyError, PollChunk};
use crate::content::HeaderSection;
use crate::header::HeaderField;
use crate::verdict::Rejection;

/// Content that is checked, unless there is nothing to find out about it.
pub(super) struct Verifying<'b, 'c> {
    body: &'b mut Body<'c>,
    server_name: Arc<str>,
    evaluation: Option<Evaluation>,
    state: State,
    fields: Vec<HeaderField>,
}

type Finishing = Pin<Box<dyn Future<Output = Result<Vec<HeaderField>, Rejection>> + Send>>;

enum State {
    Header(HeaderSection),
    /// The header section as it came, and what of the body came with it.
    Content(Vec<u8>, Box<BodyHashes>, Option<Bytes>),
    Finishing(Finishing),
    Refused(Rejection),
    Done,
}

impl<'b, 'c> Verifying<'b, 'c> {
    pub(super) fn new(
        body: &'b mut Body<'c>,
        server_name: Arc<str>,
        evaluation: Option<Evaluation>,
    ) -> Self {
        let state = State::Header(HeaderSection::default());
        Self { body, server_name, evaluation, state, fields: Vec::new() }
    }

    /// The header section is whole: what goes on of it.
    fn split(&mut self, mut content: Vec<u8>, header_bytes: usize) -> Bytes {
        let behind = content.split_off(header_bytes.min(content.len()));
        let mut hashes = BodyHashes::of(&content);
        hashes.write(&behind);
        let kept = foreign::removed(&content, &self.server_name);
        let pending = Some(Bytes::from(behind)).filter(|behind| !behind.is_empty());
        self.state = State::Content(content, Box::new(hashes), pending);
        Bytes::from(kept)
    }

    fn finish(&mut self, header: Vec<u8>, hashes: BodyHashes) {
        let server_name = self.server_name.clone();
        let evaluation = self.evaluation.take();
        self.state = State::Finishing(Box::pin(async move {
            match evaluation {
                Some(evaluation) => evaluation.finish(header, hashes, &server_name).await,
                None => {
                    Ok(vec![field::value_of(&server_name, None).finish("Authentication-Results")])
                }
            }
        }));
    }

    /// A piece that is to go on, or none if there is more to do first.
    fn step(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Option<Bytes>>, BodyError>> {
        match &mut self.state {
            State::Header(section) => {
                let Some(chunk) = ready!(self.body.poll_chunk(cx))? else {
                    // Nothing but a header section, whose end is the message's.
                    let header = section.take();
                    let header_bytes = header.len();
                    return Poll::Ready(Ok(passing(self.split(header, header_bytes))));
                };
                let Some(header_bytes) = section.push(&chunk)? else {
                    return Poll::Ready(Ok(None));
                };
                let content = section.take();
                Poll::Ready(Ok(passing(self.split(content, header_bytes))))
            }
            State::Content(_, _, pending) if pending.is_some() => {
                Poll::Ready(Ok(pending.take().map(Some)))
            }
            State::Content(header, hashes, _) => {
                if let Some(chunk) = ready!(self.body.poll_chunk(cx))? {
                    hashes.write(&chunk);
                    return Poll::Ready(Ok(Some(Some(chunk))));
                }
                let (header, hashes) = (std::mem::take(header), std::mem::take(&mut **hashes));
                self.finish(header, hashes);
                Poll::Ready(Ok(None))
            }
            State::Finishing(finishing) => {
                match ready!(finishing.as_mut().poll(cx)) {
                    Ok(mut fields) => {
                        fields.extend_from_slice(self.body.header_fields());
                        self.fields = fields;
                        self.state = State::Done;
                    }
                    Err(rejection) => self.state = State::Refused(rejection),
                }
                Poll::Ready(Ok(None))
            }
            State::Refused(rejection) => Poll::Ready(Err(BodyError::Refused(rejection.clone()))),
            State::Done => Poll::Ready(Ok(Some(None))),
        }
    }
}

impl PollChunk for Verifying<'_, '_> {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyError>> {
        // Ends: each step without a piece takes one from the body or goes on to a later state.
        loop {
            if let Some(piece) = ready!(self.step(cx))? {
                return Poll::Ready(Ok(piece));
            }
        }
    }

    fn header_fields(&self) -> &[HeaderField] {
        &self.fields
    }
}

/// Empty pieces are not handed on.
fn passing(piece: Bytes) -> Option<Option<Bytes>> {
    Some(piece).filter(|piece| !piece.is_empty()).map(Some)
}
