//! Relaying for whoever authenticated.
//!
//! * **In**: the session's identity. **Out**: `Relay` or `Deny`. **Promises**: a failed AUTH grants nothing.
//! * **Limits**: none. **Panics**: never. **Spec**: RFC 6409 3.3; Postfix `permit_sasl_authenticated`.

use async_trait::async_trait;
use smtp_proto::ForwardPath;

use crate::envelope::{Envelope, RelayReason};
use crate::hooks::RelayPolicy;
use crate::info::SessionInfo;
use crate::verdict::RelayDecision;

/// A client that authenticated may send anywhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct Authenticated;

#[async_trait]
impl RelayPolicy for Authenticated {
    async fn decide(
        &self,
        _to: &ForwardPath<'_>,
        _envelope: &Envelope,
        info: &SessionInfo,
    ) -> RelayDecision {
        match &info.identity {
            Some(identity) => RelayDecision::Relay {
                because: RelayReason::Authenticated(identity.authcid.clone()),
            },
            None => {
                info.note(|| "authenticated: the client did not log in".to_owned());
                RelayDecision::Deny
            }
        }
    }
}
