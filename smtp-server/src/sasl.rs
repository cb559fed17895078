//! Ready-made SASL mechanisms.
//!
//! * **In**: a credential store. **Out**: [`Passwords`], an [`Authenticator`](crate::hooks::Authenticator).
//! * **Promises**: passwords live in memory that is wiped. **Limits**: RFC 4954 4. **Panics**: never.
//! * **Spec**: RFC 4616 (PLAIN); draft-murchison-sasl-login (LOGIN).

mod login;
mod passwords;
mod plain;

pub use passwords::Passwords;
