//! Ready-made access control.
//!
//! * **In**: tables, the DNS, what a client did before. **Out**: [`AccessControl`](crate::hooks::AccessControl)s.
//! * **Promises**: each can refuse and leave effects, and stands alone; none grants relaying. What judges hosts (by
//!   their address, name or manners) leaves users alone: see each one.
//! * **Limits**: each names its own. **Panics**: never.
//! * **Spec**: Postfix access(5), `SMTPD_ACCESS_README`.
//!
//! [`AccessMaps::then`] puts them in a row; the first that refuses decides.

mod ladder;
mod maps;
mod memory;

mod greylist;
mod greylist_store;
mod hello_checks;
#[cfg(feature = "tokio")]
mod policy_service;
mod rate;
mod rates;
mod sender_login;

#[cfg(feature = "dns")]
mod client_host;
#[cfg(feature = "dns")]
mod dns_list;
#[cfg(feature = "dns")]
mod dnsbl;
#[cfg(feature = "dns")]
mod mail_domains;
#[cfg(feature = "dns")]
mod rhsbl;

mod bounded;
mod common;

pub use maps::{AccessAction, AccessMap, AccessMaps};
pub use memory::MemoryMap;

pub use greylist::{Greylist, GreylistDecision, GreylistTimes};
pub use greylist_store::{GreylistEntry, GreylistKey, GreylistStore, MemoryGreylist};
pub use hello_checks::HelloChecks;
#[cfg(feature = "tokio")]
pub use policy_service::PolicyService;
pub use rate::{Rate, Usage};
pub use rates::Rates;
pub use sender_login::{SenderLogin, SenderOwners};

#[cfg(feature = "dns")]
pub use client_host::{ClientHost, ConfirmedHost};
#[cfg(feature = "dns")]
pub use dns_list::{DnsList, DnsListError};
#[cfg(feature = "dns")]
pub use dnsbl::Dnsbl;
#[cfg(feature = "dns")]
pub use mail_domains::MailDomains;
#[cfg(feature = "dns")]
pub use rhsbl::Rhsbl;
