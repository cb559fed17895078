//! Ready-made relay policies, and how to join them.
//!
//! * **In**: domains, networks, identities. **Out**: [`RelayPolicy`](crate::hooks::RelayPolicy) implementations.
//! * **Promises**: each grants one thing and says why. Joined, the first that does not deny decides.
//! * **Limits**: none. **Panics**: never. **Spec**: RFC 5321 3.6, 7.9; Postfix `mydestination`, `mynetworks`,
//!   `permit_sasl_authenticated`.

mod authenticated;
mod local_domains;
mod networks;
mod or;

pub use authenticated::Authenticated;
pub use local_domains::LocalDomains;
pub use networks::Networks;
pub use or::{Or, RelayPolicyExt};

#[cfg(feature = "tokio")]
pub(crate) use networks::check_coverage;
