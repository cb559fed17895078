//! SMTP and LMTP to next hops.
//!
//! * **In**: jobs. **Out**: what became of each recipient.
//! * **Promises**: the hosts are tried in their order until one takes the message or refuses it for good; a reused
//!   connection that dies before the end of the content is replaced once; after the end of the content nothing is
//!   tried again: what is then not known is deferred.
//! * **Limits**: [`ClientTimeouts`], [`Reuse`], 100 recipients a transaction. **Panics**: never.
//! * **Spec**: RFC 5321 3, 4.5.3 and 5.1, RFC 2033.

pub mod session;

#[cfg(feature = "tokio")]
mod attempt;
#[cfg(feature = "tls")]
mod certificate_name;
#[cfg(feature = "tokio")]
mod driver;
#[cfg(feature = "tokio")]
mod link;
#[cfg(feature = "tokio")]
mod pool;
#[cfg(feature = "tokio")]
mod reader;
#[cfg(feature = "tokio")]
mod timeouts;
#[cfg(feature = "tls")]
mod tls;
mod tls_policy;

#[cfg(feature = "tokio")]
mod client;

#[cfg(feature = "tokio")]
pub use client::SmtpTransport;
#[cfg(feature = "tokio")]
pub use pool::Reuse;
pub use session::Credentials;
#[cfg(feature = "tokio")]
pub use timeouts::ClientTimeouts;
#[cfg(feature = "tls")]
pub use tls::{AuthoritiesError, ClientTls};
pub use tls_policy::{TlsLevel, TlsLevelError, TlsPolicy};
