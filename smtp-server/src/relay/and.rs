//! Two policies that must agree.
//!
//! * **In**: two relay policies. **Out**: `Relay` if both say so, with both reasons.
//! * **Promises**: what either denies or defers is not let out, and what either calls local never is.
//! * **Limits**: none. **Panics**: never. **Spec**: none.

use async_trait::async_trait;
use ipnet::IpNet;
use smtp_proto::ForwardPath;

use crate::envelope::{Envelope, RelayReason};
use crate::hooks::RelayPolicy;
use crate::info::SessionInfo;
use crate::verdict::RelayDecision;

/// What both policies grant.
#[derive(Clone, Debug)]
pub struct And<A, B> {
    pub(super) first: A,
    pub(super) second: B,
}

#[async_trait]
impl<A: RelayPolicy, B: RelayPolicy> RelayPolicy for And<A, B> {
    async fn decide(
        &self,
        to: &ForwardPath<'_>,
        envelope: &Envelope,
        info: &SessionInfo,
    ) -> RelayDecision {
        let first = self.first.decide(to, envelope, info).await;
        if matches!(first, RelayDecision::Deny | RelayDecision::Defer(_)) {
            return first;
        }
        match (first, self.second.decide(to, envelope, info).await) {
            (RelayDecision::Relay { because: one }, RelayDecision::Relay { because: other }) => {
                let because = RelayReason::Other(format!("{one}, and {other}").into());
                RelayDecision::Relay { because }
            }
            (RelayDecision::Local, RelayDecision::Relay { .. }) => RelayDecision::Local,
            (_, second) => second,
        }
    }

    /// Only a network that both grant is granted by address alone.
    fn granted_networks(&self) -> Vec<IpNet> {
        let second = self.second.granted_networks();
        let common = |one: IpNet| {
            second.iter().filter_map(move |other| match other {
                other if one.contains(other) => Some(*other),
                other if other.contains(&one) => Some(one),
                _ => None,
            })
        };
        self.first.granted_networks().into_iter().flat_map(common).collect()
    }
}
