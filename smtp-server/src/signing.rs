//! DKIM signatures on what our own users send.
//!
//! * **In**: keys, and a delivery to wrap. **Out**: the same delivery, whose messages carry `DKIM-Signature` fields.
//! * **Promises**: only messages of clients that may relay are signed, so a stranger who writes one of our addresses
//!   into From gets no signature for it. The content streams: memory does not grow with it. A field that the
//!   server adds itself is not part of what is signed, so it breaks no signature.
//! * **Limits**: a header section of [`HEADER_SECTION_BYTES_MAX`]. **Panics**: never.
//! * **Spec**: RFC 6376, RFC 8301 (RSA with SHA-256 alone), RFC 8463 (Ed25519).

mod keys;

mod stream;

use async_trait::async_trait;
use smtp_proto::EtrnArgument;

use crate::body::Body;
use crate::envelope::{Envelope, Recipient, RecipientClass};
use crate::hooks::{Capabilities, Delivery, EtrnAnswer};
use crate::info::SessionInfo;
use crate::verdict::{Delivered, Verdict};

pub use crate::content::HEADER_SECTION_BYTES_MAX;
pub(crate) use keys::SealingKey;
pub use keys::{DkimKey, DkimKeyError, DkimKeys};

use stream::Signing;

/// Signs what passes through to `D`.
///
/// A message is signed with every key of the domain in its From field, or else of the nearest parent domain that has one,
/// if the client authenticated or a recipient was accepted for relaying. Others pass as they are.
///
/// ```
/// use smtp_server::delivery::Discard;
/// use smtp_server::signing::{DkimKey, DkimKeys, Sign};
///
/// # fn read_file() -> String { String::new() }
/// # fn build() -> Result<(), smtp_server::signing::DkimKeyError> {
/// let keys = DkimKeys::new([DkimKey::from_pem("example.org", "2026a", read_file().as_bytes())?]);
/// let delivery = Sign::new(Discard, keys.clone());
/// // Later, when the file has changed:
/// keys.replace([DkimKey::from_pem("example.org", "2026b", read_file().as_bytes())?]);
/// # let _ = delivery;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Sign<D> {
    delivery: D,
    keys: DkimKeys,
}

impl<D: Delivery> Sign<D> {
    /// Signs with `keys` what `delivery` gets.
    #[must_use]
    pub fn new(delivery: D, keys: DkimKeys) -> Self {
        Self { delivery, keys }
    }
}

#[async_trait]
impl<D: Delivery> Delivery for Sign<D> {
    fn capabilities(&self) -> Capabilities {
        self.delivery.capabilities()
    }

    async fn verify(&self, recipient: &Recipient, info: &SessionInfo) -> Verdict {
        self.delivery.verify(recipient, info).await
    }

    async fn etrn(&self, argument: &EtrnArgument<'_>, info: &SessionInfo) -> EtrnAnswer {
        self.delivery.etrn(argument, info).await
    }

    async fn deliver(
        &self,
        envelope: Envelope,
        body: &mut Body<'_>,
        info: &SessionInfo,
    ) -> Delivered {
        if !is_ours(&envelope, info) {
            return self.delivery.deliver(envelope, body, info).await;
        }
        let keys = self.keys.current();
        let fields = body.header_fields().to_vec();
        let mut signing = Signing::new(&keys, body);
        self.delivery.deliver(envelope, &mut Body::new(&mut signing, fields), info).await
    }
}

/// Whether the client is one that may send on our behalf.
fn is_ours(envelope: &Envelope, info: &SessionInfo) -> bool {
    let is_relayed = |one: &Recipient| matches!(one.class, RecipientClass::Relay { .. });
    info.identity.is_some() || envelope.recipients.iter().any(is_relayed)
}
