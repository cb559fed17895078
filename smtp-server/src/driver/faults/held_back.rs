//! Recipients of LMTP whose final reply is a fault's.
//!
//! * **In**: an envelope at the beginning of its content, then the delivery's result. **Out**: the envelope without
//!   them, then a result with their refusals in their places.
//! * **Promises**: the delivery does not hear of a recipient that is refused; without any, content is thrown away.
//! * **Limits**: none. **Panics**: never. **Spec**: RFC 2033 4.2.

use super::{Script, now};
use crate::envelope::Envelope;
use crate::info::{Service, SessionInfo};
use crate::verdict::{Delivered, Receipt, Rejection};

/// For each recipient in its order, the refusal if there is one.
pub(in super::super) struct HeldBack(Vec<Option<Rejection>>);

impl HeldBack {
    pub(in super::super) fn take_from(
        envelope: &mut Envelope,
        script: Option<&Script>,
        info: &SessionInfo,
    ) -> Self {
        let Some(script) = script.filter(|_| info.service == Service::Lmtp) else {
            return Self(Vec::new());
        };
        let at = now().monotonic;
        let refusals = envelope.recipients.iter().map(|one| script.at_recipient(one, at));
        let refusals = refusals.collect::<Vec<_>>();
        let mut each = refusals.iter();
        envelope.recipients.retain(|_| each.next().is_none_or(Option::is_none));
        envelope.handling.discard |= envelope.recipients.is_empty();
        Self(refusals)
    }

    /// A delivery that refuses for all does so for these, too.
    pub(in super::super) fn join(self, delivered: Delivered) -> Delivered {
        if self.0.iter().all(Option::is_none) {
            return delivered;
        }
        let (whole, each) = match delivered? {
            Receipt::Whole(accepted) => (Some(accepted), Vec::new()),
            Receipt::Each(results) => (None, results),
        };
        let mut each = each.into_iter();
        let results = self.0.into_iter().filter_map(|refusal| match refusal {
            Some(rejection) => Some(Err(rejection)),
            None => whole.clone().map(Ok).or_else(|| each.next()),
        });
        Ok(Receipt::Each(results.collect()))
    }
}
