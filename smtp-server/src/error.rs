//! What can be wrong with a server's configuration.
//!
//! * **In**: an embedder's choices. **Out**: one error that names the fault and what to do.
//! * **Promises**: a mistake that would make an open relay is an error before the first connection.
//! * **Limits**: none. **Panics**: never. **Spec**: RFC 5321 7.9, RFC 2505 2.1.

use smtp_proto::DialectError;

use crate::info::Service;

/// A server cannot be built or listen like this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The server's own name is no domain or address literal.
    #[error("'{0}' is not a host name: use a fully qualified name such as mx.example.org")]
    ServerName(String),
    /// A local domain is no domain or address literal.
    #[error("'{0}' is not a mail domain")]
    Domain(String),
    /// A network is not in CIDR form.
    #[error("'{0}' is not a network: write it as 192.0.2.0/24, 2001:db8::/32 or a single address")]
    Network(String),
    /// A network has bits set behind its prefix, so perhaps another one is meant.
    #[error("'{network}' is not a network: its address goes on behind the prefix; perhaps {meant}")]
    HostBits {
        /// As it was written.
        network: String,
        /// The network that the address lies in.
        meant: String,
    },
    /// An exclusion that comes behind the network that it is to be taken from.
    #[error("'{excluded}' excludes nothing behind {network}: write it in front of that")]
    Exclusion {
        /// As it was written, with its `!`.
        excluded: String,
        /// What decides before it.
        network: ipnet::IpNet,
    },
    /// A certificate's fingerprint that is no SHA-256.
    #[error("'{0}' is not the SHA-256 of a certificate: write it as 64 hexadecimal digits")]
    Fingerprint(String),
    /// A restriction that is unknown, grants too much, or does nothing.
    #[error("'{word}' in the relay restrictions: {fault}")]
    RelayRestriction {
        /// As it was written.
        word: String,
        /// What is wrong with it, and what to do.
        fault: std::borrow::Cow<'static, str>,
    },
    /// A restriction of access control that is unknown, or cannot be told where it stands.
    #[error("'{word}' in the restrictions at {list:?}: {fault}")]
    Restriction {
        /// Which list.
        list: crate::hooks::StageKind,
        /// As it was written.
        word: String,
        /// What is wrong with it, and what to do.
        fault: std::borrow::Cow<'static, str>,
    },
    /// A table of a list of restrictions cannot be used: which, where in it, and why.
    #[error("{0}")]
    Table(String),
    /// A limit or a time that nobody could be served with.
    #[error("{name} is out of range: {rule}")]
    OutOfRange {
        /// The field of `Limits` or `Timeouts`.
        name: &'static str,
        /// What it has to keep to.
        rule: &'static str,
    },
    /// The networks to which relaying is granted leave nobody out.
    #[error("the networks that may relay cover all of {0}: that is an open relay")]
    OpenRelay(&'static str),
    /// A service needs a certificate.
    #[error("the {0} service needs TLS: give the builder a TlsConfig")]
    TlsRequired(Service),
    /// LMTP on the port where other hosts expect SMTP (RFC 2033 5).
    #[error("LMTP is not spoken on port 25: choose another port, such as 24")]
    LmtpOnPort25,
    /// A service requires AUTH and there is no authenticator.
    #[error("the {0} service requires AUTH: give the builder an authenticator")]
    AuthenticatorRequired(Service),
    /// A service extension has a word that is malformed, standard or taken.
    #[error("a service extension cannot be registered: {0}")]
    Extension(#[from] DialectError),
}
