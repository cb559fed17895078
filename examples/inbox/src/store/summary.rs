//! A message as lists show it.
//!
//! * **In**: a slot. **Out**: JSON. **Promises**: the names are mailpit's. **Limits**: those of
//!   [`Facts`](crate::message::Facts). **Panics**: never. **Spec**: mailpit's API v1, `MessageSummary`.

use serde::Serialize;

use super::Slot;
use crate::message::Address;
use crate::moment;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Summary<'a> {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "MessageID")]
    message_id: &'a str,
    read: bool,
    from: &'a Address,
    to: &'a [Address],
    cc: &'a [Address],
    bcc: &'a [Address],
    reply_to: &'a [Address],
    subject: &'a str,
    created: String,
    username: &'a str,
    tags: &'a [String],
    size: u64,
    attachments: usize,
    snippet: &'a str,
}

impl Slot {
    pub(crate) fn summary(&self) -> Summary<'_> {
        let entry = &self.entry;
        let facts = &entry.facts;
        Summary {
            id: entry.id.to_string(),
            message_id: &facts.message_id,
            read: self.read,
            from: &facts.from,
            to: &facts.to,
            cc: &facts.cc,
            bcc: &facts.bcc,
            reply_to: &facts.reply_to,
            subject: &facts.subject,
            created: moment::rfc3339(entry.created),
            username: entry.envelope.login.as_deref().unwrap_or_default(),
            tags: &self.tags,
            size: entry.size,
            attachments: facts.attachments,
            snippet: &facts.snippet,
        }
    }
}
