//! A destination as operators write it, after Postfix's `relayhost`.
//!
//! * **In**: `example.org`, `[mail.example.org]`, `example.org:587`, `[192.0.2.1]:587`. **Out**: [`Destination`].
//! * **Promises**: brackets turn off the look-up of mail exchangers, and nothing else does; what is printed is read
//!   as the same. **Limits**: a domain's. **Panics**: never. **Spec**: RFC 5321 2.3.5 and 4.1.3.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use smtp_proto::Domain;

/// Where mail is sent, before anybody asked the DNS.
///
/// ```
/// use smtp_queue::route::Destination;
///
/// let relay_host: Destination = "[mail.example.org]:587".parse()?;
/// assert_eq!((relay_host.has_exchangers(), relay_host.port()), (false, Some(587)));
/// assert_eq!(relay_host.to_string(), "[mail.example.org]:587");
/// # Ok::<(), smtp_queue::route::DestinationError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    /// In lower case and A-labels; an address literal without its brackets.
    host: String,
    /// Its mail exchangers are meant, not the host itself.
    has_exchangers: bool,
    port: Option<u16>,
}

/// Not a destination.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a destination: write example.org, [mail.example.org], either with :587 behind it, or [192.0.2.1]"
)]
pub struct DestinationError(String);

impl Destination {
    /// The mail exchangers of a domain, or the host of an address literal.
    ///
    /// # Errors
    /// [`DestinationError`] if it is neither, or cannot be written in A-labels.
    pub fn of_domain(domain: &str) -> Result<Self, DestinationError> {
        let fault = || DestinationError(domain.to_owned());
        if domain.starts_with('[') {
            return Ok(Self {
                host: inside(domain).ok_or_else(fault)?,
                has_exchangers: false,
                port: None,
            });
        }
        Ok(Self { host: name(domain).ok_or_else(fault)?, has_exchangers: true, port: None })
    }

    /// The domain or host, in lower case and A-labels; an address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether the mail exchangers of a domain are meant.
    #[must_use]
    pub fn has_exchangers(&self) -> bool {
        self.has_exchangers
    }

    /// The address, if it is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok().filter(|_| !self.has_exchangers)
    }

    /// The port, if one was written.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }
}

impl FromStr for Destination {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || DestinationError(text.to_owned());
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (text, None),
        };
        let port = match port {
            Some(port) => Some(port.parse().ok().filter(|port| *port != 0).ok_or_else(fault)?),
            None => None,
        };
        Ok(Self { port, ..Self::of_domain(host).map_err(|_| fault())? })
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.has_exchangers {
            true => f.write_str(&self.host)?,
            false => write!(f, "[{}]", self.host)?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

fn name(domain: &str) -> Option<String> {
    match Domain::parse(domain).ok()? {
        domain @ Domain::Name(_) => Some(domain.to_ascii()?.into_owned()),
        _ => None,
    }
}

/// A host's name or address in brackets; that of IPv6 with or without its tag.
fn inside(bracketed: &str) -> Option<String> {
    let inside = bracketed.strip_prefix('[')?.strip_suffix(']')?;
    let ip = inside.parse().ok().or_else(|| Domain::parse(bracketed).ok()?.ip());
    ip.map(|ip: IpAddr| ip.to_string()).or_else(|| name(inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_read_as_they_are_printed() {
        for (text, expected) in [
            ("example.org", Some(("example.org", true, None))),
            ("EXAMPLE.org:587", Some(("example.org", true, Some(587)))),
            ("[mail.example.org]", Some(("mail.example.org", false, None))),
            ("[mail.example.org]:25", Some(("mail.example.org", false, Some(25)))),
            ("[192.0.2.1]", Some(("192.0.2.1", false, None))),
            ("[2001:db8::1]", Some(("2001:db8::1", false, None))),
            ("[2001:db8::1]:24", Some(("2001:db8::1", false, Some(24)))),
            ("[IPv6:2001:db8::1]:24", Some(("2001:db8::1", false, Some(24)))),
            ("localhost", Some(("localhost", true, None))),
            ("", None),
            ("[]", None),
            ("[mail.example.org", None),
            ("example.org:0", None),
            ("example.org:65536", None),
            ("example.org:", None),
            ("exa mple.org", None),
            ("[mail.example.org]x:25", None),
        ] {
            let parsed = text.parse::<Destination>().ok();
            let found = parsed.as_ref().map(|to| (to.host(), to.has_exchangers(), to.port()));
            assert_eq!(found, expected, "{text}");
            if let Some(parsed) = parsed {
                assert_eq!(parsed.to_string().parse(), Ok(parsed));
            }
        }
    }
}
