//! A closure as a store.
//!
//! * **In**: a function of name and password. **Out**: a [`CredentialStore`]. **Promises**: nothing more than the
//!   function does. **Limits**: none. **Panics**: never. **Spec**: none.

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::hooks::{CredentialStore, LookupError};
use crate::info::Identity;

/// A store that asks a closure: see [`from_fn`].
#[derive(Clone, Debug)]
pub struct FromFn<F>(F);

/// Checks passwords with `verify`, which is [`CredentialStore::verify`] with owned arguments.
///
/// ```
/// use smtp_server::Identity;
/// use smtp_server::sasl::{Passwords, from_fn};
///
/// let store = from_fn(|user, password| async move {
///     Ok((user == "kim" && *password == "secret").then(|| Identity::new(user)))
/// });
/// let authenticator = Passwords::new(store);
/// # let _ = authenticator;
/// ```
pub fn from_fn<F, Answer>(verify: F) -> FromFn<F>
where
    F: Fn(String, Zeroizing<String>) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Result<Option<Identity>, LookupError>> + Send,
{
    FromFn(verify)
}

#[async_trait]
impl<F, Answer> CredentialStore for FromFn<F>
where
    F: Fn(String, Zeroizing<String>) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Result<Option<Identity>, LookupError>> + Send,
{
    async fn verify(&self, user: &str, password: &str) -> Result<Option<Identity>, LookupError> {
        (self.0)(user.to_owned(), Zeroizing::new(password.to_owned())).await
    }
}
