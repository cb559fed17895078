//! Ready-made relay policies, and how to join them.
//!
//! * **In**: domains, networks, identities, certificates, Postfix's restrictions. **Out**:
//!   [`RelayPolicy`](crate::hooks::RelayPolicy) implementations.
//! * **Promises**: each grants one thing and says why. Joined with `or`, the first that does not deny decides;
//!   with `and`, both have to grant.
//! * **Limits**: none. **Panics**: never. **Spec**: RFC 5321 3.6, 7.9; Postfix `mydestination`, `mynetworks`,
//!   `permit_sasl_authenticated`.

mod access_relay;
mod authenticated;
mod certificates;
mod local_domains;
mod networks;
mod relay_domains;

mod and;
mod or;

mod restrictions;

use smtp_proto::{Domain, LocalPart};

use crate::error::ConfigError;

pub use access_relay::AccessRelay;
pub use and::And;
pub use authenticated::Authenticated;
pub use certificates::CertificateHolders;
pub use local_domains::LocalDomains;
pub use networks::Networks;
pub use or::{Or, RelayPolicyExt};
pub use relay_domains::RelayDomains;
pub use restrictions::{RelayParameters, RelayRestrictions};

pub(crate) use networks::check_coverage;

fn parse_domain(domain: &str) -> Result<Domain<'static>, ConfigError> {
    Domain::parse(domain)
        .map(Domain::into_owned)
        .map_err(|_| ConfigError::Domain(domain.to_owned()))
}

/// Whether the host behind might send the message further than to the domain.
fn could_go_further(local_part: &LocalPart<'_>) -> bool {
    local_part.unquoted().contains(['%', '!', '@'])
}
