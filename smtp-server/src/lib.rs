//! An SMTP and LMTP server to link into a program.
//!
//! It has a **pure half**: a [`session`] state machine that turns octets into actions, the traits of the
//! [`hooks`] and the values they exchange; and an **I/O half** behind the features `tokio` and `tls`: a
//! driver that knows sockets and clocks, and nothing about mail. Without those features no runtime is in
//! the dependency tree, and `examples/blocking` shows a server on `std::net`.
//!
//! Three things are promised whatever you plug in:
//!
//! * **250 after a message means that your [`Delivery`] returned `Ok` after the last octet.** With the
//!   deliveries here that write to disk it means more: file and directory were synced.
//! * **Only a [`RelayPolicy`] opens the way to other hosts.** A server without one does not compile;
//!   [`AccessControl`] can refuse and nothing else.
//! * **However the network cuts the input, the replies are the same**, and a bare line feed never ends a
//!   message.
//!
//! # Embedding
//!
//! Write the hooks you need (often only a delivery), build, listen, run:
//!
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! # mod example {
//! use smtp_server::relay::LocalDomains;
//! use smtp_server::{
//!     Accepted, Body, Delivered, Delivery, Envelope, Server, ServiceConfig, SessionInfo, async_trait,
//! };
//!
//! struct Inbox;
//!
//! #[async_trait]
//! impl Delivery for Inbox {
//!     async fn deliver(
//!         &self,
//!         envelope: Envelope,
//!         body: &mut Body<'_>,
//!         _info: &SessionInfo,
//!     ) -> Delivered {
//!         let content = body.collect(10 << 20).await?;
//!         println!("{} octets from {}", content.len(), envelope.reverse_path);
//!         Ok(Accepted::with_text("Thank you").into())
//!     }
//! }
//!
//! async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut server = Server::builder("mx.example.org")
//!         .relay_policy(LocalDomains::new(["example.org"])?)
//!         .delivery(Inbox)
//!         .build()?;
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:2525").await?;
//!     server.listen(listener, ServiceConfig::smtp())?;
//!     server.run(std::future::pending()).await?;
//!     Ok(())
//! }
//! # }
//! ```
//!
//! A server logs nothing by itself: it tells an [`Observer`], of which the feature `tracing` brings one.
//!
//! ```
//! # #[cfg(all(feature = "tokio", feature = "tracing"))]
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use smtp_server::TracingObserver;
//! # use smtp_server::{Server, delivery::Discard, relay::LocalDomains};
//!
//! # let server =
//! Server::builder("mx.example.org")
//!     // ...
//! #   .relay_policy(LocalDomains::new(["example.org"])?)
//! #   .delivery(Discard)
//!     .observer(TracingObserver)
//!     .build()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | feature | what it brings |
//! |---|---|
//! | `tokio`, `tls`, `idna` | the driver, STARTTLS and implicit TLS, A-labels; on by default |
//! | `tracing` | events as `tracing` records |
//! | `metrics` | events counted for Prometheus |
//! | `dns` | a resolver, and access control that asks it |
//! | `scram`, `password-hashes` | SCRAM and CRAM-MD5; a password file |
//! | `regex-maps` | access tables of patterns |
//! | `message-auth` | DKIM signatures; SPF, DKIM, DMARC and ARC of what arrives |
//! | `testing` | a server for tests of programs that send mail: the module `testing` |
//!
//! # Where to read on
//!
//! [`hooks`] for what you may decide, [`config`] for limits and times, [`body`] for how content comes,
//! [`session`] for driving a session yourself.

#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod hooks;

pub mod session;

pub mod body;
mod command_counts;
pub mod config;
mod content;
pub mod envelope;
pub mod header;
mod in_flight;
pub mod info;
mod prefix;
pub mod time;
pub mod trace;
pub mod verdict;
mod words;

pub mod access;
pub mod delivery;
#[cfg(feature = "message-auth")]
pub mod message_auth;
pub mod relay;
pub mod sasl;
#[cfg(feature = "message-auth")]
pub mod signing;

#[cfg(feature = "tokio")]
mod builder;
#[cfg(feature = "dns")]
pub mod dns;
#[cfg(feature = "tokio")]
mod driver;
mod error;
#[cfg(feature = "tracing")]
mod events;
#[cfg(feature = "tokio")]
mod explain;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "tokio")]
mod server;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "tls")]
mod tls;

/// Writes the hooks' `async fn`s; re-exported so that an embedder needs no further crate.
pub use async_trait::async_trait;
pub use smtp_proto as proto;

pub use body::{AbortedBy, Body, BodyError, ContentFilter, PollChunk};
#[cfg(feature = "tokio")]
pub use builder::{Ready, ServerBuilder, WantsDelivery, WantsRelayPolicy};
pub use command_counts::{CommandCount, CommandCounts};
pub use config::{
    AuthConfig, BareNewline, EvaluateAt, Limits, NulPolicy, OutOfTurn, SessionConfig, Timeouts,
};
pub use envelope::{
    Envelope, FilterRoute, Handling, IdSource, QueueId, Recipient, RecipientClass, RelayReason,
};
pub use error::ConfigError;
#[cfg(feature = "tracing")]
pub use events::TracingObserver;
#[cfg(feature = "tokio")]
pub use explain::{Explain, Explanation};
pub use header::{HeaderField, HeaderFieldError};
pub use hooks::{
    AccessControl, AuthRefusal, Authenticator, Capabilities, CloseReason, CredentialAnswer,
    CredentialQuery, CredentialStore, CustomQuery, Delivery, Directory, DirectoryEntry, EtrnAnswer,
    Event, Expansion, ExtensionHandler, HookFailure, HookKind, LookupError, Observer, Outcome,
    RelayPolicy, SaslExchange, SaslStep, ScramHash, ScramKeys, ScramParameters, Stage, StageKind,
    TokenVerifier, Verification,
};
pub use in_flight::InFlight;
pub use info::{
    ChannelBindings, ClientCertificate, Extensions, Hello, Identity, Peer, Service, SessionInfo,
    TlsInfo,
};
#[cfg(feature = "metrics")]
pub use metrics::Metrics;
pub use relay::RelayPolicyExt;
#[cfg(feature = "tokio")]
pub use server::{Server, ServiceConfig, ShutdownReport};
pub use session::{Action, ContentAction, Question, Session};
pub use time::{Now, UnixMillis};
#[cfg(feature = "tls")]
pub use tls::{Certificates, ClientCertificates, TlsConfig, TlsConfigError};
pub use verdict::{Accepted, Delivered, Effects, Note, Receipt, Rejection, RelayDecision, Verdict};
