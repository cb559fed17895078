//! Ready-made deliveries.
//!
//! * **In**: messages. **Out**: mailboxes, memory, nothing. **Promises**: each says what its 250 is worth.
//! * **Limits**: as each says. **Panics**: never. **Spec**: RFC 5321 6.1.

mod discard;
#[cfg(feature = "tokio")]
mod maildir;
mod memory;
mod return_paths;

pub use discard::Discard;
#[cfg(feature = "tokio")]
pub use maildir::{Mailboxes, Maildir, MaildirFile, UnixLines};
pub use memory::{Memory, ReceivedMessage};
pub use return_paths::ReturnPaths;
