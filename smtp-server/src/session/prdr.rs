//! A reply for each recipient on SMTP: PRDR.
//!
//! * **In**: the parameters of MAIL, the results of a delivery. **Out**: whether each gets its reply, and
//!   the one for all.
//! * **Promises**: 353 is sent only if a result for each recipient follows; whatever is wrong with the message
//!   as a whole is one reply, as without PRDR. A client that obeys the last reply alone loses nothing:
//!   it is transient as long as one recipient's is.
//! * **Limits**: none of its own. **Panics**: never.
//! * **Spec**: draft-hall-prdr-00, as Exim does it: a transaction with one recipient has one reply.

use smtp_proto::{Parameter, Reply, replies};

use super::Session;
use super::drain::{MessageFacts, accepted_reply};
use crate::envelope::Envelope;
use crate::verdict::{Accepted, Rejection};

/// The parameter of MAIL by which a client asks for it.
pub(super) fn is_parameter(parameter: &Parameter<'_>) -> bool {
    parameter.keyword().eq_ignore_ascii_case("PRDR") && parameter.value().is_none()
}

impl Session {
    /// For deliveries whose results differ; LMTP tells them anyway.
    pub(super) fn offers_prdr(&self) -> bool {
        self.config.has_results_for_each() && !self.config.is_lmtp()
    }

    /// Whether the client asked for a reply for each recipient, and gets it.
    pub(super) fn agreed_on_prdr(&self, envelope: &Envelope) -> bool {
        self.offers_prdr() && envelope.params.other.iter().any(is_parameter)
    }

    /// How many recipients get a reply each, if they do.
    pub(super) fn prdr_recipients(&self, envelope: &Envelope) -> Option<usize> {
        let recipients = envelope.recipients.len();
        (1 < recipients && self.agreed_on_prdr(envelope)).then_some(recipients)
    }
}

/// The reply that follows those for each recipient.
pub(super) fn overall_reply(
    results: &[Result<Accepted, Rejection>],
    message: &MessageFacts,
) -> Reply {
    if results.iter().any(Result::is_ok) {
        return accepted_reply(&Accepted::new(), message.queue_id);
    }
    let is_permanent =
        |result: &Result<_, Rejection>| result.as_ref().is_err_and(Rejection::is_permanent);
    if results.iter().all(is_permanent) {
        replies::REFUSED_FOR_ALL
    } else {
        replies::DEFERRED_FOR_ALL
    }
}
