//! The only right to relay.
//!
//! * **In**: a recipient, the envelope so far, the session's facts. **Out**: a [`RelayDecision`].
//! * **Promises**: no other hook can grant what this one denies. **Limits**: the hook timeout.
//! * **Panics**: caught. **Spec**: RFC 5321 3.6.1, 7.9; RFC 2505 2.1.

use async_trait::async_trait;
use ipnet::IpNet;
use smtp_proto::ForwardPath;

use crate::envelope::Envelope;
use crate::info::SessionInfo;
use crate::verdict::RelayDecision;

/// Decides for each recipient whether it is ours, may be sent on, or is denied.
///
/// A server cannot be built without one, and none of those in this crate says yes by default:
///
/// ```
/// use smtp_server::relay::{Authenticated, LocalDomains, Networks, RelayDomains};
/// use smtp_server::RelayPolicyExt;
///
/// let policy = LocalDomains::new(["example.org"])?
///     .or(RelayDomains::new(["example.net"])?)
///     .or(Networks::new(["!192.0.2.64/26", "192.0.2.0/24"])?)
///     .or(Authenticated.and(Networks::new(["198.51.100.0/24"])?));
/// # Ok::<(), smtp_server::ConfigError>(())
/// ```
#[async_trait]
pub trait RelayPolicy: Send + Sync + 'static {
    /// Whose recipient is `to`, and may this client send there? What did not apply is worth a
    /// [note](SessionInfo::note).
    async fn decide(
        &self,
        to: &ForwardPath<'_>,
        envelope: &Envelope,
        info: &SessionInfo,
    ) -> RelayDecision;

    /// The client networks to which `decide` grants relaying by address alone.
    ///
    /// The builder refuses a server whose networks together cover all of IPv4 or IPv6. A policy that
    /// wraps another one passes this on.
    fn granted_networks(&self) -> Vec<IpNet> {
        Vec::new()
    }
}
