//! Into Maildirs on this host.
//!
//! * **In**: a job. **Out**: one file below `new/` for each recipient.
//! * **Promises**: delivered means that file and name survive power loss. After a crash in between the message may be
//!   there twice, never not at all. **Limits**: 64 KiB of a message in memory. **Panics**: never.
//! * **Spec**: maildir(5); RFC 5321 4.4, 6.1, 6.3.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use smtp_server::delivery::{Mailboxes, MaildirFile};

use super::{Feedback, Job, Outcomes, Transport, local};
use crate::content::Content;
use crate::status::Outcome;

/// Delivers to Maildirs.
///
/// ```
/// use smtp_queue::transport::Maildir;
///
/// let maildir = Maildir::new("mx.example.org", |recipient: &smtp_server::Recipient| {
///     (recipient.path.to_string() == "<kim@example.org>").then(|| "/var/mail/kim".into())
/// });
/// ```
#[derive(Clone)]
pub struct Maildir {
    host: Arc<str>,
    mailboxes: Arc<dyn Mailboxes>,
}

impl Maildir {
    /// Delivers as `host`, whose name becomes part of each file's name.
    #[must_use]
    pub fn new(host: impl Into<Arc<str>>, mailboxes: impl Mailboxes) -> Self {
        Self { host: host.into(), mailboxes: Arc::new(mailboxes) }
    }

    async fn deliver(&self, job: &Job, index: u32) -> Result<Outcome, Box<Outcome>> {
        let recipient = local::recipient(job, index)?;
        let directory = self
            .mailboxes
            .directory(&recipient.recipient)
            .ok_or_else(|| local::unknown_user(recipient))?;
        let address = recipient.address();
        let fields = local::final_fields(&job.entry, recipient);
        let (content, host) = (job.content.clone(), self.host.clone());
        local::blocking(move || write(&directory, &host, &address, &fields, &content)).await
    }
}

impl fmt::Debug for Maildir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Maildir").field("host", &self.host).finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for Maildir {
    async fn attempt(&self, job: &Job, outcomes: &mut dyn Outcomes) -> Feedback {
        local::each(job, outcomes, |index| self.deliver(job, index)).await
    }
}

fn write(directory: &Path, host: &str, address: &str, fields: &str, content: &Content) -> Outcome {
    let written = || -> io::Result<Outcome> {
        if local::is_loop(content, address)? {
            return Ok(local::failed((5, 4, 6), format!("mail forwarding loop for {address}")));
        }
        let mut file = MaildirFile::create(directory, host)?;
        file.write(fields.as_bytes())?;
        local::for_each_piece(content, &mut |piece| file.write(piece))?;
        file.commit()?;
        Ok(local::delivered("delivered to maildir"))
    };
    written().unwrap_or_else(|error| local::io_failure("maildir", &error))
}
