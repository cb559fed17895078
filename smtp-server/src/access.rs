//! Ready-made access control.
//!
//! * **In**: tables, the DNS, what a client did before. **Out**: [`AccessControl`](crate::hooks::AccessControl)s.
//! * **Promises**: each can refuse and leave effects, and stands alone; none grants relaying. What judges hosts (by
//!   their address, name or manners) leaves users alone: see each one.
//! * **Limits**: each names its own; a table, a fixed number of look-ups per stage. **Panics**: never.
//! * **Spec**: Postfix access(5), `SMTPD_ACCESS_README`; the access database of Sendmail's cf/README.
//!
//! [`AccessMaps::then`] puts them in a row; the first that refuses decides.
//!
//! # Tables
//!
//! An [`AccessTable`] is what an operator writes: text, networks, patterns, a line in the configuration. A
//! [`MemoryMap`] is part of the program. Anything else is an [`AccessMap`] of the embedder's own.
//!
//! Which keys a table is asked for is the table's choice ([`KeyStyle`]): the ladder of access(5), from the whole
//! address to the last label; the one whole key, for tables that find parts by themselves; or the tagged
//! keys of Sendmail.
//!
//! # Case, and names beyond ASCII
//!
//! Stated once, for all tables that know exact keys:
//!
//! * Keys are compared in lower case, local-parts too, although RFC 5321 2.4 leaves their case to the host they
//!   belong to: a refusal that a capital letter evades is none.
//! * A domain is compared as A-labels: `bücher.example` in a table finds `xn--bcher-kva.example` in a session
//!   and the other way round (with the feature `idna`; without it a U-label finds only itself).
//! * A local-part is looked up without its quotes and backslashes: `"kim"@example.org` is `kim@example.org`.
//! * Tables of networks compare addresses, not text. An IPv4-mapped client is its IPv4 address.
//! * Patterns see the key as the client wrote it and say themselves whether case matters; by default it does not.

mod action;
mod error;
mod key;
pub(crate) mod ladder;
pub(crate) mod maps;
mod memory;
pub(crate) mod sendmail;
mod table;

mod client_host;
mod greylist;
mod greylist_store;
mod hello_checks;
#[cfg(feature = "tokio")]
mod policy_service;
mod rate;
mod rates;
mod sender_login;

#[cfg(feature = "dns")]
mod confirmed_host;
#[cfg(feature = "dns")]
mod dns_list;
#[cfg(feature = "dns")]
mod dnsbl;
#[cfg(feature = "dns")]
mod mail_domains;
#[cfg(feature = "dns")]
mod restrictions;
#[cfg(feature = "dns")]
mod rhsbl;

pub(crate) mod bounded;
pub(crate) mod common;

pub use action::{AccessAction, ActionError};
pub use error::{ReloadError, TableError};
pub use maps::{AccessMap, AccessMaps, KeyStyle};
pub use memory::MemoryMap;
pub use table::{AccessTable, TableType};

pub use client_host::ClientHost;
pub use greylist::{Greylist, GreylistDecision, GreylistTimes};
pub use greylist_store::{GreylistEntry, GreylistKey, GreylistStore, MemoryGreylist};
pub use hello_checks::HelloChecks;
#[cfg(feature = "tokio")]
pub use policy_service::PolicyService;
pub use rate::{Rate, Usage};
pub use rates::Rates;
pub use sender_login::{SenderLogin, SenderOwners};

#[cfg(feature = "dns")]
pub use confirmed_host::ConfirmedHost;
#[cfg(feature = "dns")]
pub use dns_list::{DnsList, DnsListError};
#[cfg(feature = "dns")]
pub use dnsbl::Dnsbl;
#[cfg(feature = "dns")]
pub use mail_domains::MailDomains;
#[cfg(feature = "dns")]
pub use restrictions::{RestrictionParameters, Restrictions};
#[cfg(feature = "dns")]
pub use rhsbl::Rhsbl;
