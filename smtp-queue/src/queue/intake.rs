//! The queue as a server's delivery.
//!
//! * **In**: an envelope and its content as it streams by. **Out**: a receipt, once the spool has both.
//! * **Promises**: dropped before the commit began it leaves no trace; after that the message is kept and delivered
//!   although the client saw no 250, and may come again. **Limits**: the spool's: 452 4.3.1 beyond them.
//! * **Panics**: never. **Spec**: RFC 5321 6.1; RFC 1985 (ETRN).

use std::fmt::Write;

use async_trait::async_trait;
use bytes::Bytes;
use smtp_proto::EtrnArgument;
use smtp_server::{
    Accepted, Body, Capabilities, Delivered, Delivery, Envelope, EtrnAnswer, Receipt, Rejection,
    SessionInfo,
};

use super::Queue;
use super::shared::Arrival;
use crate::acceptance;
use crate::manager::Filter;

/// The longest FUTURERELEASE, in seconds: a year (RFC 4865 4.1 leaves it open).
const FUTURE_RELEASE_SECONDS_MAX: u32 = 365 * 86_400;

/// Where a message's id is looked for.
const BEGINNING_BYTES_MAX: usize = 4096;

#[async_trait]
impl Delivery for Queue {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.etrn = true;
        capabilities.dsn = true;
        capabilities.require_tls = true;
        capabilities.mt_priority = Some(&[]);
        capabilities.deliver_by_seconds_min = Some(0);
        capabilities.future_release_seconds_max = Some(FUTURE_RELEASE_SECONDS_MAX);
        capabilities.hold = true;
        capabilities.redirect = true;
        capabilities.bcc = true;
        capabilities.filter = true;
        capabilities
    }

    async fn etrn(&self, argument: &EtrnArgument<'_>, _info: &SessionInfo) -> EtrnAnswer {
        let EtrnArgument::Node(domain) = argument else { return EtrnAnswer::Unable };
        let domain = domain.as_str().to_ascii_lowercase();
        let filter = Filter { domain: Some(domain), ..Filter::default() };
        match self.flush(&filter) {
            0 => EtrnAnswer::NothingWaits,
            waiting => EtrnAnswer::Pending(waiting as u64),
        }
    }

    async fn deliver(
        &self,
        envelope: Envelope,
        body: &mut Body<'_>,
        _info: &SessionInfo,
    ) -> Delivered {
        let id = envelope.queue_id.ok_or_else(Rejection::local_error)?;
        let mut writer = self.shared.spool.writer(envelope.params.size.unwrap_or(0))?;
        let mut beginning = Vec::new();
        while let Some(chunk) = body.chunk().await? {
            let room = BEGINNING_BYTES_MAX - beginning.len();
            beginning.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            writer.write(&chunk).await?;
        }
        let content = writer.finish(fields(body)).await?;
        let is_ours = &*self.shared.local_domains;
        let entry = acceptance::entry(envelope, id, content.bytes(), is_ours);
        let arrival = Arrival::new(entry, content, &beginning);
        let shared = self.shared.clone();
        // In a task of its own, so that what became durable is also delivered if nobody waits for it any more.
        let committed = tokio::spawn(async move { shared.apply(Vec::new(), vec![arrival]).await });
        committed.await.map_err(|_| Rejection::local_error())??;
        Ok(Receipt::Whole(Accepted::new()))
    }
}

fn fields(body: &Body<'_>) -> Bytes {
    let mut fields = String::new();
    for field in body.header_fields() {
        // Writing to memory cannot fail.
        let _ = write!(fields, "{field}");
    }
    Bytes::from(fields)
}
