//! What may leave a submission server.
//!
//! * **In**: a sender, and a recipient that is to be relayed to. **Out**: a refusal that names the address whose domain is
//!   a single label, of which nobody else could tell what host it means. **Promises**: other services are left alone.
//! * **Limits**: none. **Panics**: never. **Spec**: RFC 6409 4.2.

use smtp_proto::{Domain, ForwardPath, Reply, replies};

use crate::envelope::Envelope;
use crate::info::SessionInfo;
use crate::verdict::Rejection;

pub(super) fn check(
    to: &ForwardPath<'_>,
    envelope: &Envelope,
    info: &SessionInfo,
) -> Result<(), Rejection> {
    if !info.service.is_submission() {
        return Ok(());
    }
    let from = &envelope.reverse_path;
    if from.domain().is_some_and(is_label) {
        return Err(refusal(from));
    }
    if to.domain().is_some_and(is_label) { Err(refusal(to)) } else { Ok(()) }
}

fn is_label(domain: &Domain<'_>) -> bool {
    !domain.as_str().contains(['.', '['])
}

fn refusal(address: &impl std::fmt::Display) -> Rejection {
    let stock = replies::UNQUALIFIED_DOMAIN;
    let text = format!("{address}: {}", stock.text());
    Rejection::stock(Reply::new(stock.code(), stock.enhanced(), text))
}
