//! Delivery: who takes responsibility for a message.
//!
//! * **In**: an [`Envelope`] and its [`Body`]. **Out**: a [`Receipt`](crate::verdict::Receipt), which the client sees as
//!   250, or a [`Rejection`](crate::verdict::Rejection).
//! * **Promises**: 250 is sent only for an `Ok` that came after the body's end. An earlier `Ok` is
//!   answered with 451. **Limits**: the hook timeout while the client sends, the commit timeout after
//!   the end. **Panics**: caught, 451. **Spec**: RFC 5321 4.2.5, 6.1.

use std::sync::Arc;

use async_trait::async_trait;
use smtp_proto::EtrnArgument;

use crate::body::Body;
use crate::envelope::{Envelope, Handling, Recipient};
use crate::info::SessionInfo;
use crate::verdict::{Delivered, Verdict};

/// Takes messages: a mailbox, a queue, your program.
///
/// `deliver` may be dropped at any await, when the client goes away or a limit runs out. Before the
/// work that makes the message durable is begun nothing may remain of it; after that it is there
/// whole or not at all. The client saw no 250, so it will send the message again: a duplicate may
/// follow, never a loss.
///
/// The fields above the content are complete only at its end ([`Body::header_fields`]). Where they have a place of their
/// own (a column, a second file), one pass does. For a file that begins with them it takes two: the content
/// goes to a file without a name as it comes, and from there below the fields.
///
/// ```
/// use std::fs::File;
/// use std::io::{self, Seek, Write};
/// use std::path::PathBuf;
///
/// use smtp_server::{
///     Accepted, Body, Delivered, Delivery, Envelope, Rejection, SessionInfo, async_trait,
/// };
/// use tokio::io::AsyncWriteExt;
///
/// /// A file for each message.
/// struct Files(PathBuf);
///
/// #[async_trait]
/// impl Delivery for Files {
///     async fn deliver(&self, mail: Envelope, body: &mut Body<'_>, _: &SessionInfo) -> Delivered {
///         let failed = |error: io::Error| Rejection::local_error().with_detail(error.to_string());
///         let id = mail.queue_id.ok_or_else(Rejection::local_error)?;
///         let mut content = tokio::fs::File::from_std(tempfile::tempfile().map_err(failed)?);
///         while let Some(chunk) = body.chunk().await? {
///             content.write_all(&chunk).await.map_err(failed)?;
///         }
///         content.flush().await.map_err(failed)?;
///         let mut content = content.into_std().await;
///         let fields = body.header_fields().iter().map(ToString::to_string).collect::<String>();
///         let directory = self.0.clone();
///         // It ends whole also if nobody waits for it any more.
///         let stored = tokio::task::spawn_blocking(move || {
///             let mut message = tempfile::NamedTempFile::new_in(&directory)?;
///             message.write_all(fields.as_bytes())?;
///             content.rewind()?;
///             io::copy(&mut content, &mut message)?;
///             message.as_file().sync_all()?;
///             message.persist(directory.join(id.to_string()))?;
///             File::open(directory)?.sync_all()
///         });
///         stored.await.map_err(io::Error::other).flatten().map_err(failed)?;
///         Ok(Accepted::new().into())
///     }
/// }
/// ```
#[async_trait]
pub trait Delivery: Send + Sync + 'static {
    /// What EHLO may offer on this delivery's behalf.
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    /// Does the mailbox take mail? Asked at RCPT, after the relay policy accepted the recipient.
    async fn verify(&self, recipient: &Recipient, info: &SessionInfo) -> Verdict {
        let _ = (recipient, info);
        Verdict::Accept
    }

    /// Sends what waits for a host that says it can be reached now (ETRN), over connections of its own and
    /// never over the client's. Asked outside of transactions, where [`Capabilities::etrn`] is set.
    ///
    /// The answer is given at once, not when the messages are sent.
    async fn etrn(&self, argument: &EtrnArgument<'_>, info: &SessionInfo) -> EtrnAnswer {
        let _ = (argument, info);
        EtrnAnswer::Unable
    }

    /// Takes the message, or says why not.
    ///
    /// # Errors
    /// A [`Rejection`](crate::verdict::Rejection) is the client's reply, once the rest of the message is read.
    async fn deliver(
        &self,
        envelope: Envelope,
        body: &mut Body<'_>,
        info: &SessionInfo,
    ) -> Delivered;
}

#[async_trait]
impl<D: Delivery + ?Sized> Delivery for Arc<D> {
    fn capabilities(&self) -> Capabilities {
        (**self).capabilities()
    }

    async fn verify(&self, recipient: &Recipient, info: &SessionInfo) -> Verdict {
        (**self).verify(recipient, info).await
    }

    async fn etrn(&self, argument: &EtrnArgument<'_>, info: &SessionInfo) -> EtrnAnswer {
        (**self).etrn(argument, info).await
    }

    async fn deliver(
        &self,
        envelope: Envelope,
        body: &mut Body<'_>,
        info: &SessionInfo,
    ) -> Delivered {
        (**self).deliver(envelope, body, info).await
    }
}

/// What a delivery honours; EHLO offers no more than that.
///
/// The parameters of what is offered are judged by the session and then stay in
/// [`Envelope::params`](crate::envelope::Envelope::params) and
/// [`Recipient::params`](crate::envelope::Recipient::params). The default offers what asks nothing of a
/// delivery but to keep octets as they are. Begin with it:
///
/// ```
/// use smtp_server::Capabilities;
///
/// let mut capabilities = Capabilities::default();
/// capabilities.smtputf8 = false;
/// capabilities.dsn = true;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Content with octets above 127 (RFC 6152).
    pub eight_bit_mime: bool,
    /// Addresses and header fields in UTF-8 (RFC 6531); counts for nothing without
    /// [`eight_bit_mime`](Self::eight_bit_mime).
    pub smtputf8: bool,
    /// Content with any octets, lines or not (`BODY=BINARYMIME`, RFC 3030 3). A delivery that stores lines, or
    /// passes them on by DATA, cannot honour it. Default no.
    pub binary_mime: bool,
    /// Sending what waits for a host when it asks for it (RFC 1985); off by default. It is offered by
    /// [`Service::Smtp`](crate::info::Service::Smtp) alone (RFC 6409 7).
    pub etrn: bool,
    /// Reports as `RET`, `ENVID`, `NOTIFY` and `ORCPT` ask for them (RFC 3461), also about addresses in
    /// UTF-8 (RFC 6533).
    pub dsn: bool,
    /// Passing a message on over verified TLS or not at all (RFC 8689). Offered inside TLS only.
    pub require_tls: bool,
    /// Refusing a mailbox that changed hands, in [`Delivery::verify`]: `550 5.7.17`, `5.7.18` for its
    /// whole domain, `5.7.19` where it cannot be told (RFC 7293).
    pub rrvs: bool,
    /// Messages before others: the names of the policies that say what the priorities mean, possibly
    /// none (RFC 6710). Priorities above 0 are for clients that authenticated, and for whom
    /// [`Effects::prioritize`](crate::verdict::Effects::prioritize) grants them.
    pub mt_priority: Option<&'static [&'static str]>,
    /// Delivery within a time: the least that can be promised, in seconds; 0 where nothing is known
    /// about it (RFC 2852).
    pub deliver_by_seconds_min: Option<u32>,
    /// Delivery not before a time: the longest that a message may be held, in seconds (RFC 4865).
    /// Offered on submission only.
    pub future_release_seconds_max: Option<u32>,
    /// Keeping a message until somebody lets it go: [`Handling::hold`]. A message that access control wants to
    /// be treated as the delivery does not honour, here or in the next three, is refused with `451 4.3.5`
    /// before the delivery sees it. Default no, as for the next three.
    pub hold: bool,
    /// Sending a message elsewhere: [`Handling::redirect`].
    pub redirect: bool,
    /// Sending copies: [`Handling::bcc`].
    pub bcc: bool,
    /// Sending a message through a content filter: [`Handling::filter`].
    pub filter: bool,
    /// Whether one result stands for all recipients.
    pub outcome: Outcome,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            eight_bit_mime: true,
            smtputf8: true,
            binary_mime: false,
            etrn: false,
            dsn: false,
            require_tls: false,
            rrvs: false,
            mt_priority: None,
            deliver_by_seconds_min: None,
            future_release_seconds_max: None,
            hold: false,
            redirect: false,
            bcc: false,
            filter: false,
            outcome: Outcome::Whole,
        }
    }
}

impl Capabilities {
    /// Whether everything that `handling` asks for is honoured. What is discarded reaches no delivery.
    #[must_use]
    pub fn honours(&self, handling: &Handling) -> bool {
        let asked_and_honoured = [
            (handling.hold.is_some(), self.hold),
            (handling.redirect.is_some(), self.redirect),
            (!handling.bcc.is_empty(), self.bcc),
            (handling.filter.is_some(), self.filter),
        ];
        handling.discard || asked_and_honoured.iter().all(|(asked, honoured)| !asked || *honoured)
    }

    /// The same, for a delivery that keeps each octet as it is.
    #[must_use]
    pub fn with_binary_mime(mut self, honoured: bool) -> Self {
        self.binary_mime = honoured;
        self
    }

    /// The same, for a delivery that answers for each recipient.
    #[must_use]
    pub fn with_outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }
}

/// What [`Delivery::etrn`] did (RFC 1985 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EtrnAnswer {
    /// 250: it began to look for messages.
    Started,
    /// 251: nothing waits.
    NothingWaits,
    /// 252: messages wait, and it began to send them.
    PendingStarted,
    /// 253: so many messages wait, and it began to send them.
    Pending(u64),
    /// 458: it cannot do so now.
    Unable,
    /// 459: this client may not ask for this host.
    NotAllowed,
}

/// Whether a delivery can fail for some recipients of a message and not for others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// All recipients or none.
    #[default]
    Whole,
    /// Each by itself. LMTP tells the client so, and SMTP if the client asks for PRDR in MAIL (draft-hall-prdr).
    /// Else SMTP has one reply for all, so there such a delivery takes one recipient per transaction
    /// (`452 4.5.3` for the next).
    Each,
}
