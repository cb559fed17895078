//! Which name the client's address has, once somebody found out.
//!
//! * **In**: what the DNS said. **Out**: a [`ClientHost`], among the session's values. **Promises**: only a confirmed name is
//!   ever printed. **Limits**: none. **Panics**: never. **Spec**: RFC 1912 2.1, RFC 8601 3 (`iprev`).

use std::fmt;

use smtp_proto::Domain;

/// What the DNS says of the client's name; prints as the name, or as `unknown`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientHost {
    /// The address has this name, and the name has this address.
    Confirmed(Domain<'static>),
    /// The address is said to have this name, but the name has other addresses: worth nothing.
    Claimed(Domain<'static>),
    /// The address has no name, or the client has no address.
    Unnamed,
    /// The DNS does not say at the moment.
    Undecided,
}

impl ClientHost {
    /// The name, if it was confirmed.
    #[must_use]
    pub fn confirmed(&self) -> Option<&Domain<'static>> {
        match self {
            Self::Confirmed(name) => Some(name),
            Self::Claimed(_) | Self::Unnamed | Self::Undecided => None,
        }
    }
}

impl fmt::Display for ClientHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.confirmed().map_or("unknown", Domain::as_str))
    }
}
