//! A message that is signed as it passes.
//!
//! * **In**: content, from the body underneath. **Out**: the same content, then the signatures as fields.
//! * **Promises**: nothing is kept but the header section. A message without From, or with authors of several
//!   domains, or of one without keys, passes unsigned.
//! * **Limits**: [`HEADER_SECTION_BYTES_MAX`](super::HEADER_SECTION_BYTES_MAX). **Panics**: never. **Spec**: RFC 6376 5.

use std::borrow::Cow;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use mail_auth::AuthenticatedMessage;
use mail_auth::common::headers::HeaderWriter as _;
use mail_auth::dkim::DkimSigner;
use mail_auth::dkim::streaming::DkimSigningStream;
use memchr::memchr_iter;

use super::keys::{DkimKey, SharedKey, keys_of};
use crate::body::{Body, BodyError, PollChunk};
use crate::content::{CanonicalBody, HeaderSection};
use crate::header::HeaderField;
use crate::verdict::Rejection;

/// Content that is signed with some of `keys`.
pub(super) struct Signing<'k, 'b, 'c> {
    keys: &'k [DkimKey],
    body: &'b mut Body<'c>,
    /// How many fields the body had before its content.
    fields_before: usize,
    state: State<'k>,
    /// Whether the last octet was a carriage return.
    after_cr: bool,
    fields: Vec<HeaderField>,
}

enum State<'k> {
    /// The header section so far.
    Header(HeaderSection),
    Content(Vec<DkimSigningStream<'k, SharedKey>>, CanonicalBody),
    Done,
}

impl<'k, 'b, 'c> Signing<'k, 'b, 'c> {
    pub(super) fn new(keys: &'k [DkimKey], body: &'b mut Body<'c>) -> Self {
        let fields_before = body.header_fields().len();
        let state = State::Header(HeaderSection::default());
        Self { keys, body, fields_before, state, after_cr: false, fields: Vec::new() }
    }

    fn feed(&mut self, chunk: &[u8]) -> Result<(), BodyError> {
        match &mut self.state {
            State::Header(header) => {
                if let Some(end) = header.push(chunk)? {
                    let content = header.take();
                    self.begin(&content, end);
                }
            }
            State::Content(streams, body) => body.write(chunk, |piece| write(streams, piece)),
            State::Done => {}
        }
        Ok(())
    }

    /// Chooses the keys for a header section of `header_bytes`, at the front of `content`.
    fn begin(&mut self, content: &[u8], header_bytes: usize) {
        let header = content.get(..header_bytes).unwrap_or_default();
        let Some(message) = AuthenticatedMessage::parse(header) else {
            self.state = State::Done;
            return;
        };
        let (has_date, has_message_id) =
            (message.has_date_header(), message.has_message_id_header());
        let keys = author_domain(&message).map(|domain| keys_of(self.keys, domain));
        let signers = keys.unwrap_or_default().into_iter();
        let signers = signers.map(|key| key.signer(has_date, has_message_id));
        let mut streams = signers.map(DkimSigner::sign_streaming).collect::<Vec<_>>();
        write(&mut streams, header);
        let mut body = CanonicalBody::new(true);
        let behind = content.get(header_bytes..).unwrap_or_default();
        body.write(behind, |piece| write(&mut streams, piece));
        self.state = State::Content(streams, body);
    }

    fn finish(&mut self) -> Result<(), BodyError> {
        if let State::Header(header) = &mut self.state {
            // Nothing but a header section, whose end is the message's.
            let header = header.take();
            self.begin(&header, header.len());
        }
        let State::Content(mut streams, body) = std::mem::replace(&mut self.state, State::Done)
        else {
            return Ok(());
        };
        write(&mut streams, body.finish());
        for stream in streams {
            self.fields.push(field(stream).ok_or(BodyError::Refused(Rejection::local_error()))?);
        }
        let late = self.body.header_fields().get(self.fields_before..).unwrap_or_default();
        self.fields.extend_from_slice(late);
        Ok(())
    }
}

impl PollChunk for Signing<'_, '_, '_> {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyError>> {
        let chunk = ready!(self.body.poll_chunk(cx))?;
        match &chunk {
            Some(chunk) => {
                let lines = with_crlf(chunk, &mut self.after_cr);
                self.feed(&lines)?;
            }
            None => self.finish()?,
        }
        Poll::Ready(Ok(chunk))
    }

    fn header_fields(&self) -> &[HeaderField] {
        &self.fields
    }
}

/// The content as it will be sent, whose lines end in CRLF (RFC 6376 5.3): a bare line feed that was let pass ends one.
fn with_crlf<'c>(chunk: &'c [u8], after_cr: &mut bool) -> Cow<'c, [u8]> {
    let is_bare = |at: usize| match at.checked_sub(1) {
        Some(before) => chunk.get(before) != Some(&b'\r'),
        None => !*after_cr,
    };
    let bare = memchr_iter(b'\n', chunk).filter(|at| is_bare(*at)).collect::<Vec<_>>();
    *after_cr = chunk.last().map_or(*after_cr, |last| *last == b'\r');
    if bare.is_empty() {
        return Cow::Borrowed(chunk);
    }
    let mut lines = Vec::with_capacity(chunk.len() + bare.len());
    let mut start = 0;
    for at in bare {
        lines.extend_from_slice(chunk.get(start..at).unwrap_or_default());
        lines.push(b'\r');
        start = at;
    }
    lines.extend_from_slice(chunk.get(start..).unwrap_or_default());
    Cow::Owned(lines)
}

fn write(streams: &mut [DkimSigningStream<'_, SharedKey>], octets: &[u8]) {
    streams.iter_mut().for_each(|stream| stream.write(octets));
}

/// The domain of the authors, if they have one in common.
fn author_domain<'m>(message: &'m AuthenticatedMessage<'_>) -> Option<&'m str> {
    let domain = |from: &'m String| from.rsplit_once('@').map(|(_, domain)| domain);
    let mut domains = message.froms().iter().map(domain);
    let first = domains.next()??;
    domains.all(|other| other == Some(first)).then_some(first)
}

fn field(stream: DkimSigningStream<'_, SharedKey>) -> Option<HeaderField> {
    let signature = stream.finish().ok()?.to_header();
    let (name, value) = signature.trim_end().split_once(": ")?;
    // White space around the signature does not count, but dkimpy 1.1 counts a fold behind it.
    let value = value.strip_suffix(';')?.trim_end();
    HeaderField::new(name, format!("{value};")).ok()
}
