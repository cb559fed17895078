//! Does the sender belong to whoever is logged in?
//!
//! * **In**: a table of which logins own an address. **Out**: `553 5.7.1` for somebody else's.
//! * **Promises**: the null reverse-path belongs to everybody, since reports are sent with it. A table that cannot be
//!   asked is a 451, never a pass. The From field is content and not looked at.
//! * **Limits**: one look-up for a message. **Panics**: never.
//! * **Spec**: RFC 6409 6.1; Postfix `smtpd_sender_login_maps`, `reject_sender_login_mismatch`.

use std::collections::HashMap;

use async_trait::async_trait;
use smtp_proto::{Mailbox, ReplyCode};

use super::common::refusal;
use super::key::fold_mailbox;
use crate::hooks::{AccessControl, LookupError, Stage, StageKind};
use crate::info::{Identity, SessionInfo};
use crate::verdict::{Rejection, Verdict};

/// Who may send as whom.
#[async_trait]
pub trait SenderOwners: Send + Sync + 'static {
    /// The logins that may send as `sender`; none if it belongs to nobody.
    ///
    /// # Errors
    /// [`LookupError`] if the table cannot say; the client is told to try again.
    async fn owners(&self, sender: &Mailbox<'_>) -> Result<Vec<String>, LookupError>;
}

/// A table from addresses, or `@domain` for all others there, to logins. Keys are in lower case, the domain as
/// A-labels.
#[async_trait]
impl SenderOwners for HashMap<String, Vec<String>> {
    async fn owners(&self, sender: &Mailbox<'_>) -> Result<Vec<String>, LookupError> {
        let (address, at) = fold_mailbox(sender);
        let owners = self.get(&address).or_else(|| self.get(&address[at..]));
        Ok(owners.cloned().unwrap_or_default())
    }
}

/// Who logged in sends under addresses of its own only.
///
/// ```
/// use std::collections::HashMap;
/// use smtp_server::access::{AccessMaps, SenderLogin};
///
/// let owners = HashMap::from([
///     ("kim@example.org".to_owned(), vec!["kim".to_owned()]),
///     ("@shop.example".to_owned(), vec!["kim".to_owned(), "lee".to_owned()]),
/// ]);
/// let access = AccessMaps::default().then(SenderLogin::new(owners).login_required());
/// ```
#[derive(Clone, Debug)]
pub struct SenderLogin<O> {
    owners: O,
    login_required: bool,
}

impl<O: SenderOwners> SenderLogin<O> {
    /// Judges clients that logged in by this table.
    #[must_use]
    pub fn new(owners: O) -> Self {
        Self { owners, login_required: false }
    }

    /// Refuses an address that belongs to somebody from clients that did not log in, too. That also stops mail
    /// of users that others send on, such as simple forwarders.
    #[must_use]
    pub fn login_required(mut self) -> Self {
        self.login_required = true;
        self
    }

    async fn judge(
        &self,
        sender: &Mailbox<'_>,
        identity: Option<&Identity>,
    ) -> Result<(), Rejection> {
        if identity.is_none() && !self.login_required {
            return Ok(());
        }
        let owners = self.owners.owners(sender).await;
        let owners =
            owners.map_err(|error| Rejection::local_error().with_detail(error.to_string()))?;
        let text = match identity {
            Some(identity) if owners.iter().any(|owner| owner == acting_as(identity)) => {
                return Ok(());
            }
            None if owners.is_empty() => return Ok(()),
            Some(_) => "The sender's address belongs to another login",
            None => "The sender's address needs a login",
        };
        Err(refusal(ReplyCode::MAILBOX_NAME_NOT_ALLOWED, (5, 7, 1), text))
    }
}

#[async_trait]
impl<O: SenderOwners> AccessControl for SenderLogin<O> {
    fn checks(&self, stage: StageKind) -> bool {
        stage == StageKind::Sender
    }

    async fn check(&self, stage: Stage<'_>, info: &SessionInfo) -> Verdict {
        let Stage::Sender { envelope, .. } = stage else { return Verdict::Accept };
        let Some(sender) = envelope.reverse_path.mailbox() else { return Verdict::Accept };
        let judged = self.judge(sender, info.identity.as_ref()).await;
        judged.map_or_else(Verdict::Reject, |()| Verdict::Accept)
    }
}

fn acting_as(identity: &Identity) -> &str {
    identity.authzid.as_ref().unwrap_or(&identity.authcid)
}
