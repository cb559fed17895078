//! Who really sent what arrives: SPF, DKIM, DMARC and ARC.
//!
//! * **In**: messages of other hosts, a resolver, a delivery to wrap. **Out**: the same messages with an
//!   `Authentication-Results` field on top; [`AuthResults`] for policies; a refusal or a seal if one is wanted.
//! * **Promises**: fields that others wrote in our name are gone, everything else stays as it is, and signatures are
//!   checked over what the client sent. Results are found out whatever comes of them. A temporary error refuses nothing
//!   for good.
//! * **Limits**: [`HEADER_SECTION_BYTES_MAX`], [`SIGNATURES_MAX`], those of RFC 7208, 50 seals, 8 look-ups for each
//!   domain of DMARC. The content streams: memory does not grow with it. **Panics**: never.
//! * **Spec**: RFC 7208, 6376, 8301, 8463, 9989, 8617, 8601, 7372.

mod results;

mod spf;

mod stream;

mod arc;
mod check_host;
mod dkim;
mod dmarc;
mod evaluation;
mod field;
mod foreign;
mod tags;

use async_trait::async_trait;
use smtp_proto::EtrnArgument;

use crate::access::common::is_foreign_host;
use crate::body::Body;
use crate::dns::Dns;
use crate::envelope::{Envelope, Recipient};
use crate::hooks::{Capabilities, Delivery, EtrnAnswer};
use crate::info::SessionInfo;
use crate::relay::Networks;
use crate::signing::DkimKeys;
use crate::verdict::{Delivered, Verdict};

pub use crate::content::HEADER_SECTION_BYTES_MAX;
pub use results::{
    ArcResult, AuthResults, DkimCheck, DkimResult, DmarcCheck, DmarcPolicy, DmarcResult,
    PendingResults, SpfOutcome, SpfResult,
};
pub use spf::Spf;

use evaluation::{Evaluation, Options};
use stream::Verifying;

/// How many DKIM signatures of a message are checked; the rest is passed over.
pub const SIGNATURES_MAX: usize = 10;

/// Checks what passes through to `D`.
///
/// Messages of other hosts are checked, those of users are not. `D` finds [`PendingResults`] in the extensions of the
/// envelope, and in it the results once it has read the body to its end: it can still refuse then. SPF is taken from
/// [`Spf`] if that control was asked, and checked here if not.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), smtp_server::dns::DnsError> {
/// use smtp_server::delivery::Discard;
/// use smtp_server::dns::Dns;
/// use smtp_server::message_auth::MessageAuth;
///
/// let dns = Dns::with_name_servers(["127.0.0.1:53".parse().unwrap()])?;
/// let delivery = MessageAuth::new(Discard, dns);
/// # let _ = delivery;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct MessageAuth<D> {
    delivery: D,
    options: Options,
    exempt: Networks,
}

impl<D: Delivery> MessageAuth<D> {
    /// Asks `dns` about what `delivery` gets.
    #[must_use]
    pub fn new(delivery: D, dns: Dns) -> Self {
        let options = Options { dns, rejects: false, seal: None };
        Self { delivery, options, exempt: Networks::default() }
    }

    /// Refuses messages that fail DMARC where their author's domain asks for it (`p=reject`). Without this they
    /// pass, since mailing lists break what DMARC relies on (RFC 9989 8).
    ///
    /// `550 5.7.26` if SPF and DKIM failed, `5.7.20` if no signature holds, `5.7.22` if none is the author's, else
    /// `5.7.1` (RFC 7372 3).
    #[must_use]
    pub fn reject_on_dmarc(mut self) -> Self {
        self.options.rejects = true;
        self
    }

    /// Messages of clients in these networks are not checked: they are our own.
    #[must_use]
    pub fn exempt(mut self, networks: Networks) -> Self {
        self.exempt = networks;
        self
    }

    /// Seals what was checked, so that who gets it next can see what we saw: with the first key of `domain` (ARC, RFC 8617 5).
    #[must_use]
    pub fn seal_arc(mut self, domain: impl Into<String>, keys: DkimKeys) -> Self {
        self.options.seal = Some((domain.into(), keys));
        self
    }
}

#[async_trait]
impl<D: Delivery> Delivery for MessageAuth<D> {
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
        mut envelope: Envelope,
        body: &mut Body<'_>,
        info: &SessionInfo,
    ) -> Delivered {
        let server_name = info.server_name.clone();
        let is_ours = self.exempt.network_of(&info.peer).is_some();
        let evaluation = if is_foreign_host(info) && !is_ours {
            let results = PendingResults::default();
            envelope.extensions.insert(results.clone());
            Some(Evaluation::begin(self.options.clone(), results, &envelope, info).await)
        } else {
            None
        };
        let mut verifying = Verifying::new(body, server_name, evaluation);
        self.delivery.deliver(envelope, &mut Body::new(&mut verifying, Vec::new()), info).await
    }
}
