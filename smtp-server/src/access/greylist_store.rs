//! Where greylisting remembers.
//!
//! * **In**: keys and entries. **Out**: the entries. **Promises**: [`MemoryGreylist`] loses what waited before what has
//!   passed, so that a flood of new senders does not make strangers of old ones.
//! * **Limits**: [`MemoryGreylist`]: the given number of entries of each kind. **Panics**: never.
//! * **Spec**: RFC 6647 4.2.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::bounded::Bounded;
use crate::hooks::LookupError;
use crate::time::UnixMillis;

/// Who writes to whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GreylistKey {
    /// The client's network: the address without the last 8 bits (IPv4) or 64 bits (IPv6).
    pub network: IpAddr,
    /// The reverse-path with its brackets, in lower case.
    pub sender: String,
    /// The recipient's path with its brackets, in lower case.
    pub recipient: String,
}

/// What is on record of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GreylistEntry {
    /// When it was seen for the first time.
    pub first: UnixMillis,
    /// When it was seen last.
    pub last: UnixMillis,
    /// Whether it has come back in time.
    pub passed: bool,
}

/// A place for entries: memory, a database. An entry may be forgotten any time; that costs its sender a wait.
#[async_trait]
pub trait GreylistStore: Send + Sync + 'static {
    /// The entry of `key`.
    ///
    /// # Errors
    /// [`LookupError`] if the store cannot say; the client is told to try again.
    async fn load(&self, key: &GreylistKey) -> Result<Option<GreylistEntry>, LookupError>;

    /// Puts `entry` in place of what was known of `key`.
    ///
    /// # Errors
    /// [`LookupError`] if the store cannot; the client is told to try again.
    async fn save(&self, key: &GreylistKey, entry: GreylistEntry) -> Result<(), LookupError>;
}

/// Remembers until the program ends.
///
/// ```
/// use smtp_server::access::{Greylist, MemoryGreylist};
///
/// let greylist = Greylist::new(MemoryGreylist::new(10_000));
/// ```
#[derive(Debug)]
pub struct MemoryGreylist(Mutex<Tables>);

#[derive(Debug)]
struct Tables {
    waiting: Bounded<GreylistKey, GreylistEntry>,
    passed: Bounded<GreylistKey, GreylistEntry>,
}

impl MemoryGreylist {
    /// Room for so many entries that wait and as many that have passed.
    #[must_use]
    pub fn new(entries_max: usize) -> Self {
        let tables =
            Tables { waiting: Bounded::new(entries_max), passed: Bounded::new(entries_max) };
        Self(Mutex::new(tables))
    }
}

impl Default for MemoryGreylist {
    /// Room for 100 000 entries of each kind.
    fn default() -> Self {
        Self::new(100_000)
    }
}

#[async_trait]
impl GreylistStore for MemoryGreylist {
    async fn load(&self, key: &GreylistKey) -> Result<Option<GreylistEntry>, LookupError> {
        let tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(tables.passed.find(key).or_else(|| tables.waiting.find(key)).copied())
    }

    async fn save(&self, key: &GreylistKey, entry: GreylistEntry) -> Result<(), LookupError> {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Tables { waiting, passed } = &mut *tables;
        let (table, other) = if entry.passed { (passed, waiting) } else { (waiting, passed) };
        table.put(key.clone(), entry);
        other.remove(key);
        Ok(())
    }
}
