//! What the ready-made controls share.
//!
//! * **In**: a session's facts, the parts of a reply. **Out**: whom a control judges, refusals.
//! * **Promises**: a refusal's code and enhanced code are of one class. **Limits**: none. **Panics**: never.
//! * **Spec**: RFC 3463; RFC 6409 3.1 for who is a user.

use std::borrow::Cow;

use smtp_proto::{EnhancedCode, Reply, ReplyCode};

use crate::info::{Service, SessionInfo};
use crate::verdict::Rejection;

/// Whether this is another host, on the port for those, and nobody who logged in. Users come from addresses
/// and under names that no other host could have; they prove who they are instead.
pub(crate) fn is_foreign_host(info: &SessionInfo) -> bool {
    info.service == Service::Smtp && info.identity.is_none()
}

/// A refusal; `enhanced` has the class of `code`.
pub(crate) fn refusal(
    code: ReplyCode,
    enhanced: (u8, u16, u16),
    text: impl Into<Cow<'static, str>>,
) -> Rejection {
    let (class, subject, detail) = enhanced;
    Rejection::stock(Reply::new(code, Some(EnhancedCode::new(class, subject, detail)), text))
}
