//! What the transports of this host share: the fields of final delivery, content in pieces, failures.
//!
//! * **In**: an entry, a recipient, content. **Out**: header fields, octets, outcomes.
//! * **Promises**: content that begins with white space does not continue a field of ours. **Limits**: pieces of
//!   64 KiB. **Panics**: never. **Spec**: RFC 5321 4.4 (`Return-Path`); RFC 8098 2.3 (`Original-Recipient`).

use std::io;
use std::time::Duration;

use smtp_proto::EnhancedCode;
use smtp_server::delivery::ReturnPaths;
use smtp_server::{HeaderField, Now, trace};

use super::{Feedback, Job, Outcomes, Report};
use crate::content::{Content, ContentBody, ReadAt};
use crate::dsn;
use crate::entry::{QueueEntry, QueuedRecipient};
use crate::status::{Outcome, Status};

pub(super) const PIECE_BYTES: usize = 64 * 1024;
/// How much of a header section is searched for a loop.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// Octets on their way to a mailbox; an error ends them.
pub(super) type Sink<'a> = dyn FnMut(&[u8]) -> io::Result<()> + 'a;

/// Delivers to each recipient by itself.
pub(super) async fn each<D>(
    job: &Job,
    outcomes: &mut dyn Outcomes,
    deliver: impl Fn(u32) -> D,
) -> Feedback
where
    D: Future<Output = Result<Outcome, Box<Outcome>>>,
{
    for &recipient in &job.recipients {
        let start = Now::system().monotonic;
        let outcome = deliver(recipient).await.unwrap_or_else(|failure| *failure);
        outcomes.report(Report {
            recipient,
            outcome,
            set_up: Duration::ZERO,
            transmission: start.elapsed(),
            connection_uses: 0,
        });
    }
    Feedback::Reached
}

/// Runs what blocks; a panic there lets the message wait.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Box<Outcome>> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| deferred((4, 3, 0), format!("local delivery broke off: {error}")).into())
}

/// The recipient, or why there is nobody to deliver to.
pub(super) fn recipient(job: &Job, index: u32) -> Result<&QueuedRecipient, Box<Outcome>> {
    let recipient = usize::try_from(index).ok().and_then(|at| job.entry.recipients.get(at));
    recipient.ok_or_else(|| deferred((4, 3, 0), "the entry has no such recipient").into())
}

pub(super) fn delivered(text: impl Into<String>) -> Outcome {
    Outcome::Delivered(status((2, 0, 0), text))
}

pub(super) fn deferred(code: (u8, u16, u16), text: impl Into<String>) -> Outcome {
    Outcome::Deferred(status(code, text))
}

pub(super) fn failed(code: (u8, u16, u16), text: impl Into<String>) -> Outcome {
    Outcome::Failed(status(code, text))
}

pub(super) fn unknown_user(recipient: &QueuedRecipient) -> Outcome {
    failed((5, 1, 1), format!("unknown user: \"{}\"", recipient.address()))
}

/// What failed on the file system is tried again: it says nothing about the message.
pub(super) fn io_failure(what: &str, error: &io::Error) -> Outcome {
    let code = match error.kind() {
        io::ErrorKind::StorageFull => (4, 3, 1),
        io::ErrorKind::QuotaExceeded => (4, 2, 2),
        _ => (4, 2, 0),
    };
    deferred(code, format!("{what} delivery failed: {error}"))
}

/// The fields that final delivery puts on top, each ending in CRLF.
pub(super) fn final_fields(entry: &QueueEntry, recipient: &QueuedRecipient) -> String {
    let path = &recipient.recipient.path;
    let mut fields =
        format!("{}{}", trace::return_path(&entry.reverse_path), trace::delivered_to(path));
    if let Some(original) = &recipient.recipient.params.orcpt {
        let value = dsn::original_recipient(original, entry.params.smtputf8);
        if let Ok(field) = HeaderField::new("Original-Recipient", value) {
            fields.push_str(&field.to_string());
        }
    }
    fields
}

/// Whether this mailbox had the message before (RFC 5321 6.3); then its owner forwards it to himself.
///
/// # Errors
/// What the storage reports.
pub(super) fn is_loop(content: &Content, address: &str) -> io::Result<bool> {
    let wanted = format!("Delivered-To: {address}");
    let is_in = |octets: &[u8]| {
        let lines = octets.split(|octet| *octet == b'\n').map(<[u8]>::trim_ascii_end);
        let mut header = lines.take_while(|line| !line.is_empty());
        header.any(|line| line.eq_ignore_ascii_case(wanted.as_bytes()))
    };
    if is_in(&content.fields) {
        return Ok(true);
    }
    match &content.body {
        ContentBody::Memory(body) => Ok(is_in(body.get(..HEADER_BYTES_MAX).unwrap_or(body))),
        ContentBody::Stored(body) => {
            let mut header = vec![0; HEADER_BYTES_MAX];
            let length = fill(&**body, &mut header, 0)?;
            Ok(is_in(header.get(..length).unwrap_or_default()))
        }
    }
}

/// Hands over the whole content, fields first, without a `Return-Path` that it brought along.
///
/// # Errors
/// What the storage or `take` reports.
pub(super) fn for_each_piece(content: &Content, take: &mut Sink<'_>) -> io::Result<()> {
    take(&content.fields)?;
    let mut return_paths = ReturnPaths::default();
    let mut seam = |piece: &[u8], offset: u64| {
        if offset == 0 && matches!(piece.first(), Some(b' ' | b'\t')) {
            take(b"\r\n")?;
        }
        take(&return_paths.filter(piece))
    };
    match &content.body {
        ContentBody::Memory(body) => seam(body, 0)?,
        ContentBody::Stored(body) => {
            let mut piece = vec![0; PIECE_BYTES];
            let mut offset = 0;
            // Every turn moves on, and what is stored has an end.
            loop {
                match fill(&**body, &mut piece, offset)? {
                    0 => break,
                    length => {
                        seam(piece.get(..length).unwrap_or_default(), offset)?;
                        offset += length as u64;
                    }
                }
            }
        }
    }
    take(&return_paths.finish())
}

/// Reads until the buffer is full or nothing is left.
pub(super) fn fill(body: &dyn ReadAt, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut length = 0;
    // Every turn reads at least one octet, so this ends.
    while let Some(room) = buffer.get_mut(length..).filter(|room| !room.is_empty()) {
        match body.read_at(room, offset + length as u64)? {
            0 => break,
            count => length += count,
        }
    }
    Ok(length)
}

fn status((class, subject, detail): (u8, u16, u16), text: impl Into<String>) -> Status {
    let code = EnhancedCode::new(class, subject, detail);
    Status { code, text: text.into(), reply: None, remote: None }
}
