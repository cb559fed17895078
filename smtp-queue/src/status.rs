//! What became of a recipient, and who said so.
//!
//! * **In**: a next hop's reply, or a failure of our own. **Out**: what a log line and a report say of it.
//! * **Promises**: the class of the code agrees with the outcome that holds it, but for what failed because its
//!   retries ran out (RFC 3464 2.3.4). **Limits**: the reply's.
//! * **Panics**: never. **Spec**: RFC 3463; RFC 3464 2.3 (`Status`, `Remote-MTA`, `Diagnostic-Code`).

use std::fmt;
use std::net::SocketAddr;

use smtp_proto::{EnhancedCode, Reply};

/// Why, in a code, in words, and in the next hop's own reply if it gave one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The enhanced code: the next hop's, or ours.
    pub code: EnhancedCode,
    /// The whole reason as a log line has it in parentheses.
    pub text: String,
    /// What the next hop said, if it said anything.
    pub reply: Option<Reply>,
    /// Who said it, or who could not be reached.
    pub remote: Option<NextHost>,
}

/// A host that mail is passed on to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NextHost {
    /// Its name, or its address literal.
    pub name: String,
    /// Where it was reached, if it came so far.
    pub address: Option<SocketAddr>,
}

impl fmt::Display for NextHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            // A literal has no name but its address.
            Some(address) if self.name.starts_with('[') => {
                write!(f, "{0}[{0}]:{1}", address.ip(), address.port())
            }
            Some(address) => write!(f, "{}[{}]:{}", self.name, address.ip(), address.port()),
            None => f.write_str(&self.name),
        }
    }
}

/// What one attempt did for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It is in its mailbox.
    Delivered(Status),
    /// The next hop took it over.
    Relayed {
        /// What it said.
        status: Status,
        /// Whether it also took over the duty to report: it offers DSN (RFC 3461 5.2.2) and, for a message
        /// with `BY`, also DELIVERBY (RFC 2852 4.1.4.2).
        reports: bool,
    },
    /// The address stands for others, who have been given the message (RFC 3461 5.2.7).
    Expanded(Status),
    /// Not now.
    Deferred(Status),
    /// Not ever.
    Failed(Status),
}

impl Outcome {
    /// Why.
    #[must_use]
    pub fn status(&self) -> &Status {
        match self {
            Self::Delivered(status)
            | Self::Relayed { status, .. }
            | Self::Expanded(status)
            | Self::Deferred(status)
            | Self::Failed(status) => status,
        }
    }

    /// The word for it in logs and counters.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Delivered(_) => "delivered",
            Self::Relayed { .. } => "relayed",
            Self::Expanded(_) => "expanded",
            Self::Deferred(_) => "deferred",
            Self::Failed(_) => "failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_written_as_postfix_does() {
        for (name, address, expected) in [
            ("mx.test", Some("192.0.2.1:25"), "mx.test[192.0.2.1]:25"),
            ("[192.0.2.1]", Some("192.0.2.1:26"), "192.0.2.1[192.0.2.1]:26"),
            ("[IPv6:2001:db8::1]", Some("[2001:db8::1]:25"), "2001:db8::1[2001:db8::1]:25"),
            ("/run/lmtp", None, "/run/lmtp"),
        ] {
            let address = address.map(|address| address.parse().unwrap());
            let host = NextHost { name: name.to_owned(), address };
            assert_eq!(host.to_string(), expected);
        }
    }
}
