//! What may leave a submission server.
//!
//! * **In**: a sender, and a recipient that is to be relayed to. **Out**: a refusal that names the address whose domain is
//!   a single label, of which nobody else could tell what host it means. **Promises**: other services are left alone.
//!   The session refuses by it whatever it was answered; whoever answers asks it first, so that the refusal is told and
//!   explained as any other. **Limits**: none. **Panics**: never. **Spec**: RFC 6409 4.2.

use std::fmt::Display;

use smtp_proto::{Domain, ForwardPath, Reply, replies};

use crate::envelope::Envelope;
use crate::info::Service;
use crate::verdict::Rejection;

pub(crate) fn check(
    service: Service,
    to: &ForwardPath<'_>,
    envelope: &Envelope,
) -> Result<(), Rejection> {
    let from = &envelope.reverse_path;
    match service.is_submission() {
        true if from.domain().is_some_and(is_label) => Err(refusal(from)),
        true if to.domain().is_some_and(is_label) => Err(refusal(to)),
        _ => Ok(()),
    }
}

fn is_label(domain: &Domain<'_>) -> bool {
    !domain.as_str().contains(['.', '['])
}

fn refusal(address: &impl Display) -> Rejection {
    let stock = replies::UNQUALIFIED_DOMAIN;
    let text = format!("{address}: {}", stock.text());
    Rejection::stock(Reply::new(stock.code(), stock.enhanced(), text))
}
