//! Ready-made SASL mechanisms and stores.
//!
//! * **In**: a store of credentials, a verifier of tokens. **Out**: [`Authenticator`](crate::hooks::Authenticator)s.
//!   [`AuthenticatorExt`] joins them and slows down whoever guesses.
//! * **Promises**: passwords live in memory that is wiped; an unknown user costs the work of a known one and gets the
//!   same replies. **Limits**: RFC 4954 4. **Panics**: never.
//! * **Spec**: RFC 4616 (PLAIN), draft-murchison-sasl-login (LOGIN), RFC 5802 and RFC 7677 (SCRAM), RFC 2195
//!   (CRAM-MD5), RFC 7628 (OAUTHBEARER), RFC 4422 A (EXTERNAL), RFC 4013 (preparation).

#[cfg(feature = "scram")]
mod cram_md5;
#[cfg(all(unix, feature = "tokio"))]
mod dovecot;
mod external;
mod login;
mod oauth;
mod plain;
mod prepare;
#[cfg(feature = "scram")]
mod scram;

mod from_fn;
#[cfg(feature = "password-hashes")]
mod password_file;
mod passwords;
mod tokens;

mod or;
#[cfg(feature = "tokio")]
mod throttle;

#[cfg(all(unix, feature = "tokio"))]
pub use dovecot::Dovecot;
pub use external::{CertificateIdentities, External};
pub use from_fn::{FromFn, from_fn};
pub use or::{AuthenticatorExt, Or};
#[cfg(feature = "password-hashes")]
pub use password_file::{HashKind, PasswordFile, PasswordFileError};
pub use passwords::Passwords;
#[cfg(feature = "scram")]
pub use scram::{ScramBinding, ScramClient};
#[cfg(feature = "tokio")]
pub use throttle::{Throttle, ThrottleLimits};
pub use tokens::Tokens;
