//! Two policies as one.
//!
//! * **In**: two relay policies. **Out**: the first decision that is not `Deny`.
//! * **Promises**: joining grants nothing that neither grants; a failed look-up ends the question, so that
//!   no later policy answers in its place. **Limits**: none. **Panics**: never.
//! * **Spec**: none.

use async_trait::async_trait;
use ipnet::IpNet;
use smtp_proto::ForwardPath;

use super::And;
use crate::envelope::Envelope;
use crate::hooks::RelayPolicy;
use crate::info::SessionInfo;
use crate::verdict::RelayDecision;

/// The first policy's decision, or the second's where the first denies.
#[derive(Clone, Debug)]
pub struct Or<A, B> {
    first: A,
    second: B,
}

/// Joins relay policies into a sentence.
pub trait RelayPolicyExt: RelayPolicy + Sized {
    /// This policy, or `second` where it denies.
    fn or<B: RelayPolicy>(self, second: B) -> Or<Self, B> {
        Or { first: self, second }
    }

    /// What this policy and `second` both grant: `Authenticated.and(Networks::new(["192.0.2.0/24"])?)`.
    fn and<B: RelayPolicy>(self, second: B) -> And<Self, B> {
        And { first: self, second }
    }
}

impl<P: RelayPolicy> RelayPolicyExt for P {}

#[async_trait]
impl<A: RelayPolicy, B: RelayPolicy> RelayPolicy for Or<A, B> {
    async fn decide(
        &self,
        to: &ForwardPath<'_>,
        envelope: &Envelope,
        info: &SessionInfo,
    ) -> RelayDecision {
        match self.first.decide(to, envelope, info).await {
            RelayDecision::Deny => self.second.decide(to, envelope, info).await,
            decision => decision,
        }
    }

    fn granted_networks(&self) -> Vec<IpNet> {
        let mut networks = self.first.granted_networks();
        networks.append(&mut self.second.granted_networks());
        networks
    }
}
