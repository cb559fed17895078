//! What the words of a request mean.
//!
//! * **In**: words. **Out**: queue ids, filters. **Promises**: none is guessed. **Limits**: [`IDS_MAX`].
//! * **Panics**: never. **Spec**: none.

use smtp_queue::{QueueEntry, RecipientState};
use smtp_server::QueueId;

use super::{IDS_MAX, Refusal};

/// Queue ids, as listings have them.
pub(super) fn ids(words: &[String]) -> Result<Vec<QueueId>, Refusal> {
    if words.len() > IDS_MAX {
        return Err(Refusal::usage(format!("a request names {IDS_MAX} messages at most")));
    }
    words.iter().map(|word| id(word)).collect()
}

fn id(word: &str) -> Result<QueueId, Refusal> {
    let id = u64::from_str_radix(word, 16).ok().map(QueueId);
    id.filter(|id| id.to_string() == word).ok_or_else(|| {
        Refusal::usage(format!("'{word}' is not a queue id: mta queue list has them"))
    })
}

/// Whether a recipient that is still to be delivered has this domain, which is in lower case.
pub(super) fn is_for(entry: &QueueEntry, domain: &str) -> bool {
    let mut pending = entry.recipients.iter().filter(|one| one.state.is_pending());
    pending.any(|one| one.domain() == domain)
}

/// No such messages.
pub(super) fn missing(ids: &[QueueId]) -> Result<(), Refusal> {
    match ids {
        [] => Ok(()),
        [id] => Err(Refusal::missing(format!("there is no message {id} in the queue"))),
        ids => {
            let words: Vec<_> = ids.iter().map(QueueId::to_string).collect();
            Err(Refusal::missing(format!("there are no messages {} in the queue", words.join(" "))))
        }
    }
}

/// Whether a delivery of it was tried and failed for now.
pub(super) fn was_tried(entry: &QueueEntry) -> bool {
    let mut recipients = entry.recipients.iter();
    recipients.any(|one| matches!(one.state, RecipientState::Pending(Some(_))))
}
