//! Into Maildirs on this host.
//!
//! * **In**: messages for local recipients. **Out**: one file per recipient below `new/`.
//! * **Promises**: 250 means that file and directory entry were synced: the message survives power loss. On
//!   SMTP all recipients get it or none; on LMTP each has a result of its own. A delivery dropped before its
//!   commit leaves no trace; after that it runs to its end by itself.
//! * **Limits**: 256 KiB of a message in memory, the rest in a file below `tmp/`. **Panics**: never.
//! * **Spec**: Maildir (qmail's maildir(5)); RFC 5321 4.4 (`Return-Path`), 6.1.
//!
//! Files have lines that end in LF, as other programs on a Unix host expect of a mailbox.

mod commit;
mod file;
mod mailbox;
mod staging;
mod unix_lines;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use super::ReturnPaths;
use crate::body::Body;
use crate::envelope::{Envelope, Recipient, RecipientClass};
use crate::hooks::Delivery;
use crate::info::{Service, SessionInfo};
use crate::trace;
use crate::verdict::{Delivered, Receipt, Rejection, Verdict};

pub use file::MaildirFile;
pub use unix_lines::UnixLines;

use commit::{Copy, Plan};
use staging::Staging;

/// Delivers to Maildirs.
///
/// ```no_run
/// use smtp_server::delivery::Maildir;
///
/// // kim@example.org has /var/mail/kim; nobody else has a mailbox.
/// let maildir = Maildir::new("mx.example.org", |recipient: &smtp_server::Recipient| {
///     (recipient.path.to_string() == "<kim@example.org>").then(|| "/var/mail/kim".into())
/// });
/// ```
#[derive(Clone)]
pub struct Maildir {
    host: Arc<str>,
    mailboxes: Arc<dyn Mailboxes>,
}

/// Which recipient has which Maildir.
///
/// What a client sent must not become a path: name directories by account, not by address.
pub trait Mailboxes: Send + Sync + 'static {
    /// The recipient's Maildir (the directory that holds `new`), or `None` for an unknown user.
    fn directory(&self, recipient: &Recipient) -> Option<PathBuf>;
}

impl<F: Fn(&Recipient) -> Option<PathBuf> + Send + Sync + 'static> Mailboxes for F {
    fn directory(&self, recipient: &Recipient) -> Option<PathBuf> {
        self(recipient)
    }
}

impl Maildir {
    /// Delivers as `host`, whose name becomes part of each file's name.
    #[must_use]
    pub fn new(host: impl Into<Arc<str>>, mailboxes: impl Mailboxes) -> Self {
        Self { host: host.into(), mailboxes: Arc::new(mailboxes) }
    }

    fn mailbox(&self, recipient: &Recipient) -> Result<PathBuf, Rejection> {
        if recipient.class != RecipientClass::Local {
            return Err(Rejection::relay_denied());
        }
        self.mailboxes.directory(recipient).ok_or_else(Rejection::user_unknown)
    }
}

#[async_trait]
impl Delivery for Maildir {
    async fn verify(&self, recipient: &Recipient, _info: &SessionInfo) -> Verdict {
        self.mailbox(recipient).map_or_else(Verdict::Reject, |_| Verdict::Accept)
    }

    async fn deliver(
        &self,
        envelope: Envelope,
        body: &mut Body<'_>,
        info: &SessionInfo,
    ) -> Delivered {
        let directories = envelope
            .recipients
            .iter()
            .map(|recipient| self.mailbox(recipient))
            .collect::<Result<Vec<_>, _>>()?;
        let spill = directories.first().cloned().unwrap_or_default();
        let mut staging = Staging::new(spill, self.host.clone());
        while let Some(chunk) = body.chunk().await? {
            staging.write(&chunk).await?;
        }
        let return_path = trace::return_path(&envelope.reverse_path).to_string();
        let fields = body.header_fields().iter().map(ToString::to_string).collect::<String>();
        let copies = envelope.recipients.iter().zip(directories).map(|(recipient, directory)| {
            let delivered_to = trace::delivered_to(&recipient.path);
            let fields = format!("{return_path}{delivered_to}{fields}").replace("\r\n", "\n");
            Copy { directory, fields }
        });
        let plan = Plan { copies: copies.collect(), host: self.host.clone(), staging };
        let is_lmtp = info.service == Service::Lmtp;
        // The closure owns all it needs, so it ends whole also if nobody waits for it any more.
        let committed = tokio::task::spawn_blocking(move || {
            if is_lmtp { Ok(Receipt::Each(plan.commit_each())) } else { plan.commit_all() }
        });
        committed.await.unwrap_or_else(|_| Err(Rejection::local_error()))
    }
}

/// A failed operation, as the client may know it; the log gets the rest.
fn refusal(error: &std::io::Error) -> Rejection {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    let rejection = match error.kind() {
        StorageFull => Rejection::insufficient_storage(),
        QuotaExceeded => Rejection::mailbox_full(),
        _ => Rejection::local_error(),
    };
    rejection.with_detail(error.to_string())
}
