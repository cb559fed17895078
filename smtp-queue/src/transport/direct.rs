//! A transport without a queue: as a delivery, or to send one message.
//!
//! * **In**: an envelope and content. **Out**: the outcomes, or the replies that a client gets for them.
//! * **Promises**: an attempt goes on when whoever asked for it is gone, so what the next hop took is known there alone,
//!   and nothing is broken off between the end of the content and its reply.
//! * **Limits**: [`MEMORY_BYTES_MAX`] a message in memory, the rest in a temporary file. **Panics**: those of a
//!   transport or router defer the message. **Spec**: RFC 5321 4.2.5.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use smtp_proto::{EnhancedCode, ReplyCode};
use smtp_server::{
    Accepted, Body, Capabilities, Delivered, Delivery, Envelope, QueueId, Receipt, Rejection,
    SessionInfo,
};

use super::{Job, Outcomes, Report, Transport};
use crate::content::{Content, ContentBody, ReadAt};
use crate::entry::{QueueEntry, QueuedRecipient, RecipientState};
use crate::route::{NextHop, Router};
use crate::status::{Outcome, Status};

/// How much of a message is kept in memory.
const MEMORY_BYTES_MAX: usize = 256 * 1024;

/// Sends messages at once. As a [`Delivery`] it answers 250 for what the next hop took.
///
/// ```no_run
/// use smtp_queue::content::Content;
/// use smtp_queue::transport::Direct;
/// use smtp_queue::transport::smtp::SmtpTransport;
/// use smtp_queue::NextHop;
/// use smtp_server::proto::{ForwardPath, RcptParams, ReversePath};
/// use smtp_server::{Envelope, Recipient, RecipientClass, RelayReason, UnixMillis};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let next_hop = NextHop::host("mail.example.org", "192.0.2.1:25".parse()?);
/// let client = Direct::new(SmtpTransport::new("client.example.org")?, next_hop);
///
/// let reverse_path = ReversePath::parse("<ann@example.com>")?;
/// let mut envelope = Envelope::new(reverse_path, UnixMillis::system());
/// envelope.recipients.push(Recipient {
///     path: ForwardPath::parse("<kim@example.org>")?,
///     params: RcptParams::default(),
///     class: RecipientClass::Relay { because: RelayReason::Other("our own".into()) },
/// });
/// let content = Content::from("Subject: Hello\n\nHello\n".to_owned());
///
/// for outcome in client.send(envelope, content).await {
///     println!("{}: {}", outcome.as_str(), outcome.status().text);
/// }
/// # Ok(())
/// # }
/// ```
///
/// Content is stored as it is; the SMTP client sends a bare LF as CRLF and a bare CR as a space (unless the message is
/// `BODY=BINARYMIME`). A [`NextHop`] on another host refuses a recipient of the class
/// [`Local`](smtp_server::RecipientClass::Local) with 5.3.5: what a program sends itself is `Relay`.
pub struct Direct<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    transport: T,
    router: Box<dyn Router>,
}

impl<T: Transport> Direct<T> {
    /// By `transport`, to where `router` says; a [`NextHop`] is a router that knows no other one.
    pub fn new(transport: T, router: impl Router) -> Self {
        Self { shared: Arc::new(Shared { transport, router: Box::new(router) }) }
    }

    /// Sends one message: an outcome for each recipient, in the envelope's order.
    pub async fn send(&self, envelope: Envelope, content: Content) -> Vec<Outcome> {
        let recipients = envelope.recipients.len();
        let shared = self.shared.clone();
        let sent = tokio::spawn(async move { shared.send(envelope, content).await }).await;
        sent.unwrap_or_else(|_| vec![unknown(); recipients])
    }
}

impl<T: Transport> Shared<T> {
    async fn send(&self, envelope: Envelope, content: Content) -> Vec<Outcome> {
        let entry = Arc::new(entry(envelope, &content));
        let mut outcomes = Collected(vec![None; entry.recipients.len()]);
        for (next_hop, recipients) in self.route(&entry, &mut outcomes).await {
            let content = content.clone();
            let job = Job { entry: entry.clone(), recipients, content, next_hop };
            self.transport.attempt(&job, &mut outcomes).await;
        }
        outcomes.0.into_iter().map(|outcome| outcome.unwrap_or_else(unknown)).collect()
    }

    /// The recipients by their next hops.
    async fn route(
        &self,
        entry: &QueueEntry,
        outcomes: &mut Collected,
    ) -> Vec<(NextHop, Vec<u32>)> {
        let mut domains: Vec<(String, bool, Vec<u32>)> = Vec::new();
        for (index, recipient) in (0..).zip(&entry.recipients) {
            let (domain, is_local) = (recipient.domain(), recipient.is_local());
            let known = domains.iter_mut().find(|known| known.0 == domain && known.1 == is_local);
            match known {
                Some((_, _, recipients)) => recipients.push(index),
                None => domains.push((domain, is_local, vec![index])),
            }
        }
        let mut next_hops: Vec<(NextHop, Vec<u32>)> = Vec::new();
        for (domain, is_local, recipients) in domains {
            match self.router.route(&domain, is_local).await {
                Err(outcome) => outcomes.put(&recipients, &outcome),
                Ok(next_hop) => match next_hops.iter_mut().find(|known| known.0 == next_hop) {
                    Some((_, known)) => known.extend(recipients),
                    None => next_hops.push((next_hop, recipients)),
                },
            }
        }
        next_hops
    }
}

#[async_trait]
impl<T: Transport> Delivery for Direct<T> {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default().with_outcome(smtp_server::hooks::Outcome::Each)
    }

    async fn deliver(&self, envelope: Envelope, body: &mut Body<'_>, _: &SessionInfo) -> Delivered {
        let collected = collect(body).await?;
        let fields = body.header_fields().iter().map(ToString::to_string).collect::<String>();
        let content = Content { fields: fields.into(), body: collected };
        let outcomes = self.send(envelope, content).await;
        Ok(Receipt::Each(outcomes.into_iter().map(answer).collect()))
    }
}

/// What a client is told of an outcome.
fn answer(outcome: Outcome) -> Result<Accepted, Rejection> {
    let is_permanent = matches!(outcome, Outcome::Failed(_));
    let status = match outcome {
        Outcome::Failed(status) | Outcome::Deferred(status) => status,
        _ => return Ok(Accepted::new()),
    };
    // What ends the connection to the next hop does not end the one to the client.
    let is_closing = |code: ReplyCode| matches!(code.value(), 421 | 521);
    let reply = status
        .reply
        .filter(|reply| !is_closing(reply.code()) && reply.code().is_permanent() == is_permanent);
    match reply.and_then(Rejection::from_reply) {
        Some(rejection) => Err(rejection.with_detail(status.text)),
        None if is_permanent => Err(Rejection::permanent(status.code, status.text)),
        None => Err(Rejection::transient(status.code, status.text)),
    }
}

fn entry(envelope: Envelope, content: &Content) -> QueueEntry {
    let Envelope { reverse_path, params, recipients, queue_id, arrived, .. } = envelope;
    let pending = |recipient| QueuedRecipient { recipient, state: RecipientState::Pending(None) };
    QueueEntry {
        id: queue_id.unwrap_or(QueueId(0)),
        arrived,
        reverse_path,
        params,
        recipients: recipients.into_iter().map(pending).collect(),
        content_bytes: content.bytes(),
        hold: None,
        filter: None,
        delay_warned: false,
        expired: false,
    }
}

fn unknown() -> Outcome {
    let text = "the attempt broke off".to_owned();
    Outcome::Deferred(Status { code: EnhancedCode::new(4, 3, 0), text, reply: None, remote: None })
}

struct Collected(Vec<Option<Outcome>>);

impl Collected {
    fn put(&mut self, recipients: &[u32], outcome: &Outcome) {
        for recipient in recipients {
            if let Some(place) = self.0.get_mut(*recipient as usize) {
                *place = Some(outcome.clone());
            }
        }
    }
}

impl Outcomes for Collected {
    fn report(&mut self, report: Report) {
        self.put(&[report.recipient], &report.outcome);
    }
}

/// The content of a small message in memory, that of a large one in a file without a name.
async fn collect(body: &mut Body<'_>) -> Result<ContentBody, Rejection> {
    let mut memory = BytesMut::new();
    let mut file: Option<TemporaryFile> = None;
    while let Some(chunk) = body.chunk().await? {
        memory.extend_from_slice(&chunk);
        if memory.len() > MEMORY_BYTES_MAX {
            file = Some(append(file, memory.split().freeze()).await?);
        }
    }
    match file {
        None => Ok(ContentBody::Memory(memory.freeze())),
        Some(file) => {
            let file = append(Some(file), memory.freeze()).await?;
            Ok(ContentBody::Stored(Arc::new(file)))
        }
    }
}

async fn append(file: Option<TemporaryFile>, octets: Bytes) -> Result<TemporaryFile, Rejection> {
    let write = move || -> io::Result<TemporaryFile> {
        let mut file = match file {
            Some(file) => file,
            None => TemporaryFile { file: Mutex::new(tempfile::tempfile()?), bytes: 0 },
        };
        file.file.get_mut().unwrap_or_else(PoisonError::into_inner).write_all(&octets)?;
        file.bytes += octets.len() as u64;
        Ok(file)
    };
    let written = tokio::task::spawn_blocking(write)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)));
    written.map_err(|error| Rejection::insufficient_storage().with_detail(error.to_string()))
}

#[derive(Debug)]
struct TemporaryFile {
    file: Mutex<File>,
    bytes: u64,
}

impl ReadAt for TemporaryFile {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        let mut filled = 0;
        // A read may be short; 0 is the end.
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match file.read(rest)? {
                0 => break,
                bytes => filled += bytes,
            }
        }
        Ok(filled)
    }
}

impl<T> std::fmt::Debug for Direct<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Direct")
    }
}
