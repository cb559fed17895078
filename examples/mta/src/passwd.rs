//! Who may log in.
//!
//! * **In**: a file of users and argon2 hashes. **Out**: answers to "is this the password?", and new lines.
//! * **Promises**: a password is never stored, printed or logged. **Limits**: see the modules.
//! * **Panics**: never.
//! * **Spec**: RFC 9106 (argon2), RFC 4616 (what PLAIN asks).

mod change;
mod format;
mod users;

pub(crate) use change::change;
pub(crate) use users::Users;
