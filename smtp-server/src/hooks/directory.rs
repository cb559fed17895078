//! Directory: which mailboxes a name stands for, for VRFY and EXPN.
//!
//! * **In**: what the client asked about, as written. **Out**: mailboxes, or a refusal.
//! * **Promises**: asked only where somebody gave a server one: without it VRFY and EXPN tell nothing
//!   (RFC 5321 7.3). A client that has to authenticate first does so before anybody is asked.
//! * **Limits**: the hook timeout; each question counts as a command without progress. **Panics**: caught, 451.
//! * **Spec**: RFC 5321 3.5, 4.1.1.6, 4.1.1.7; RFC 2505 2.11; RFC 6531 3.7.4.2.

use std::fmt;

use async_trait::async_trait;
use smtp_proto::Mailbox;

use crate::info::SessionInfo;
use crate::verdict::Rejection;

/// Tells clients which mailboxes there are. Whoever harvests addresses asks the same questions.
#[async_trait]
pub trait Directory: Send + Sync + 'static {
    /// Who may be meant by `name`: a user's name, a local-part or an address, quotes and brackets included.
    ///
    /// One mailbox becomes 250, so it has to exist; several become 553, for the client to choose; none
    /// becomes 252: nothing is told, or it cannot be known now.
    ///
    /// # Errors
    /// A [`Rejection`] is the client's reply, such as [`Rejection::user_unknown`].
    async fn verify(&self, name: &str, info: &SessionInfo)
    -> Result<Vec<ListedMailbox>, Rejection>;

    /// Who is on the mailing list `name`. None becomes 252; without an implementation nothing is told.
    ///
    /// # Errors
    /// A [`Rejection`] is the client's reply.
    async fn expand(
        &self,
        name: &str,
        info: &SessionInfo,
    ) -> Result<Vec<ListedMailbox>, Rejection> {
        let _ = (name, info);
        Ok(Vec::new())
    }
}

/// A mailbox, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedMailbox {
    /// The user's name.
    pub name: Option<String>,
    /// An address that RCPT takes as it stands.
    pub mailbox: Mailbox<'static>,
}

/// One line of a reply: `Kim Example <kim@example.org>`.
impl fmt::Display for ListedMailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "{} ", name.replace(char::is_control, "?"))?;
        }
        write!(f, "<{}>", self.mailbox)
    }
}
