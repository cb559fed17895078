//! Ready-made access control: tables from keys to actions.
//!
//! * **In**: tables. **Out**: [`AccessMaps`], an [`AccessControl`](crate::hooks::AccessControl).
//! * **Promises**: a table can refuse and leave effects; no entry of it grants relaying.
//! * **Limits**: a fixed number of look-ups per stage. **Panics**: never. **Spec**: Postfix access(5); the access
//!   database of Sendmail's cf/README.
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
mod ladder;
mod maps;
mod memory;
mod sendmail;
mod table;

pub use action::{AccessAction, ActionError};
pub use error::{ReloadError, TableError};
pub use maps::{AccessMap, AccessMaps, KeyStyle};
pub use memory::MemoryMap;
pub use table::{AccessTable, TableType};
