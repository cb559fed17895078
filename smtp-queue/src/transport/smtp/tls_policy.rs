//! How much TLS a destination gets, under Postfix's names.
//!
//! * **In**: a destination. **Out**: a [`TlsLevel`].
//! * **Promises**: a level is lowered for no message but one that waives TLS itself (`TLS-Required: No`), and then no
//!   further than to `may`. **Limits**: none. **Panics**: never.
//! * **Spec**: RFC 3207 4, RFC 7817 3, RFC 8689 3 and 4.2.1; Postfix's `smtp_tls_policy_maps`.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use super::session::TlsUse;

/// How much TLS there has to be, from none to all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsLevel {
    /// `none`: TLS is not used.
    None,
    /// `may`: it is used if it is offered and works; no certificate is asked for more than that.
    #[default]
    May,
    /// `encrypt`: nothing is sent without it, whatever the certificate.
    Encrypt,
    /// `verify`: and the certificate is good for the host's name, which for a domain's mail exchanger comes from the DNS.
    Verify,
    /// `secure`: and the certificate is good for the destination itself, or a name below it.
    Secure,
}

impl TlsLevel {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::May => "may",
            Self::Encrypt => "encrypt",
            Self::Verify => "verify",
            Self::Secure => "secure",
        }
    }

    /// What a session does about it.
    #[must_use]
    pub fn tls_use(self) -> TlsUse {
        match self {
            Self::None => TlsUse::Never,
            Self::May => TlsUse::IfOffered,
            Self::Encrypt | Self::Verify | Self::Secure => TlsUse::Required,
        }
    }

    /// Whether a certificate that is not good ends the handshake.
    #[must_use]
    pub fn needs_certificate(self) -> bool {
        self >= Self::Verify
    }
}

impl fmt::Display for TlsLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not the name of a level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a TLS level: use none, may, encrypt, verify or secure")]
pub struct TlsLevelError(String);

impl FromStr for TlsLevel {
    type Err = TlsLevelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::None, Self::May, Self::Encrypt, Self::Verify, Self::Secure]
            .into_iter()
            .find(|level| level.as_str() == text)
            .ok_or_else(|| TlsLevelError(text.to_owned()))
    }
}

/// A level for each destination.
///
/// A destination is written as a [`Destination`](crate::route::Destination) prints it: `example.org`,
/// `[mail.example.org]:587`; `.example.org` stands for all domains below.
///
/// ```
/// use smtp_queue::transport::smtp::{TlsLevel, TlsPolicy};
///
/// let policy = TlsPolicy::new(TlsLevel::May).with("bank.example", TlsLevel::Secure);
/// assert_eq!(policy.level("bank.example"), TlsLevel::Secure);
/// assert_eq!(policy.level("example.org"), TlsLevel::May);
/// ```
#[derive(Clone, Debug, Default)]
pub struct TlsPolicy {
    default: TlsLevel,
    destinations: HashMap<String, TlsLevel>,
}

impl TlsPolicy {
    /// This level for all of them.
    #[must_use]
    pub fn new(default: TlsLevel) -> Self {
        Self { default, destinations: HashMap::new() }
    }

    /// And this one for `destination`.
    #[must_use]
    pub fn with(mut self, destination: &str, level: TlsLevel) -> Self {
        self.destinations.insert(destination.to_ascii_lowercase(), level);
        self
    }

    /// The level for `destination`.
    #[must_use]
    pub fn level(&self, destination: &str) -> TlsLevel {
        let destination = destination.to_ascii_lowercase();
        let above = destination.match_indices('.').filter_map(|(dot, _)| destination.get(dot..));
        let mut keys = std::iter::once(&*destination).chain(above);
        keys.find_map(|key| self.destinations.get(key)).copied().unwrap_or(self.default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_destination_decides() {
        let policy = TlsPolicy::new(TlsLevel::None)
            .with("Example.org", TlsLevel::Secure)
            .with(".example.org", TlsLevel::Encrypt)
            .with("[mail.test]:587", TlsLevel::Verify);
        for (destination, expected) in [
            ("example.org", TlsLevel::Secure),
            ("EXAMPLE.org", TlsLevel::Secure),
            ("a.example.org", TlsLevel::Encrypt),
            ("b.a.example.org", TlsLevel::Encrypt),
            ("notexample.org", TlsLevel::None),
            ("[mail.test]:587", TlsLevel::Verify),
            ("[mail.test]", TlsLevel::None),
            ("mail.test", TlsLevel::None),
        ] {
            assert_eq!(policy.level(destination), expected, "{destination}");
        }
    }

    #[test]
    fn levels_have_postfix_names() {
        for level in ["none", "may", "encrypt", "verify", "secure"] {
            assert_eq!(level.parse::<TlsLevel>().unwrap().to_string(), level);
        }
        assert!("dane".parse::<TlsLevel>().unwrap_err().to_string().contains("'dane'"));
    }
}
