//! Who is behind a name? What VRFY and EXPN may tell.
//!
//! * **In**: the argument of VRFY or EXPN, as the client wrote it. **Out**: mailboxes, or why there are none.
//! * **Promises**: whatever a hook answers, the reply has a code that the command may have; mailboxes in it
//!   are `<local-part@domain>`, one a line, without source routes, and in UTF-8 only for a client that asked
//!   for that. Neither command touches the mail transaction.
//! * **Limits**: the hook timeout; a reply of 1000 lines and 65,536 octets. **Panics**: caught, 252.
//! * **Spec**: RFC 5321 3.5, 4.1.1.6, 4.1.1.7, 4.3.2, 7.3; RFC 6531 3.7.4.2; RFC 2505 2.11.

use std::fmt;

use async_trait::async_trait;
use smtp_proto::{Domain, Mailbox};

use crate::info::SessionInfo;

/// Tells clients who has a mailbox here, and who is on a list.
///
/// A server without one answers VRFY and EXPN with 252, and EHLO lists neither: harvesters of addresses ask,
/// too. Look at [`SessionInfo::identity`] or [`SessionInfo::peer`] to tell some clients more than others;
/// where AUTH is required, nobody reaches the hook before.
///
/// ```
/// use async_trait::async_trait;
/// use smtp_server::{Directory, DirectoryEntry, Expansion, SessionInfo, Verification};
///
/// /// Everybody knows the postmaster; the staff is for users.
/// struct Staff;
///
/// fn entry(mailbox: &str) -> Option<DirectoryEntry> {
///     DirectoryEntry::new(mailbox.parse().ok()?)
/// }
///
/// #[async_trait]
/// impl Directory for Staff {
///     async fn verify(&self, query: &str, _info: &SessionInfo) -> Verification {
///         match query.to_lowercase().as_str() {
///             "postmaster" | "postmaster@example.org" => entry("postmaster@example.org")
///                 .map_or(Verification::CannotVerify, Verification::Mailbox),
///             _ => Verification::CannotVerify,
///         }
///     }
///
///     async fn expand(&self, query: &str, info: &SessionInfo) -> Expansion {
///         match query {
///             _ if info.identity.is_none() => Expansion::CannotExpand,
///             "staff" => {
///                 let ann = entry("ann@example.org").map(|entry| entry.with_name("Ann Smith"));
///                 Expansion::Members(ann.into_iter().chain(entry("bob@example.org")).collect())
///             }
///             _ => Expansion::Unknown,
///         }
///     }
/// }
///
/// # #[cfg(feature = "tokio")]
/// # fn build() -> Result<(), Box<dyn std::error::Error>> {
/// # use smtp_server::{Server, relay::LocalDomains, delivery::Discard};
/// let server = Server::builder("mx.example.org")
///     .relay_policy(LocalDomains::new(["example.org"])?)
///     .delivery(Discard)
///     .directory(Staff)
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait Directory: Send + Sync + 'static {
    /// Whose mailbox does the client mean (VRFY)?
    ///
    /// `query` is as the client wrote it: `kim`, `Joe Smith`, `"Joe Smith"`, `kim@example.org`,
    /// `<kim@example.org>`, `postmaster`. Local-parts alone are those of this host (RFC 5321 3.5.1).
    async fn verify(&self, query: &str, info: &SessionInfo) -> Verification;

    /// Who is on this mailing list (EXPN)? `query` is written as for [`verify`](Self::verify).
    async fn expand(&self, query: &str, info: &SessionInfo) -> Expansion;
}

/// The answer to VRFY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verification {
    /// `250 2.1.5`: it is this mailbox. Only for one that was looked up; a syntax check is
    /// [`CannotVerify`](Self::CannotVerify) (RFC 5321 3.5.3).
    Mailbox(DirectoryEntry),
    /// `251 2.1.5`: the user is elsewhere, and mail for the name is sent on to there.
    WillForward(DirectoryEntry),
    /// `252 2.5.0`: nothing is told, or not known now; mail would be taken.
    CannotVerify,
    /// `550 5.1.1`: nobody has that name.
    Unknown,
    /// `551 5.1.6`: the user is elsewhere, and mail has to be sent there.
    Moved(DirectoryEntry),
    /// `553 5.1.4`: it might be one of several, which are named if there are any here.
    Ambiguous(Vec<DirectoryEntry>),
}

/// The answer to EXPN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expansion {
    /// `250 2.1.5`: these are on the list. None, or more than a reply holds, are told as
    /// [`CannotExpand`](Self::CannotExpand).
    Members(Vec<DirectoryEntry>),
    /// `252 2.5.0`: nothing is told, or not known now.
    CannotExpand,
    /// `550 5.1.1`: there is no such list.
    Unknown,
}

/// A mailbox, and the full name of its user if that may be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    name: String,
    mailbox: Mailbox<'static>,
}

/// With the longest mailbox a name of that length still fits into one line of a reply.
const NAME_BYTES_MAX: usize = 128;

impl DirectoryEntry {
    /// An entry without a name; `None` for a mailbox at an address literal, which RFC 5321 3.5.2 rules out.
    #[must_use]
    pub fn new(mailbox: Mailbox<'static>) -> Option<Self> {
        let has_name = matches!(mailbox.domain, Domain::Name(_));
        has_name.then(|| Self { name: String::new(), mailbox })
    }

    /// The same with the user's full name. Control characters and angle brackets in it become `?`; what goes
    /// beyond 128 octets is cut off.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        let misleads = |character: char| character.is_control() || "<>".contains(character);
        let name = name.get(..name.floor_char_boundary(NAME_BYTES_MAX)).unwrap_or_default();
        self.name = name.trim().replace(misleads, "?");
        self
    }
}

/// As a line of a reply has it: `Joe Smith <joe@d.example>` or `<joe@d.example>`.
impl fmt::Display for DirectoryEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.name.is_empty() {
            write!(f, "{} ", self.name)?;
        }
        write!(f, "<{}>", self.mailbox)
    }
}
