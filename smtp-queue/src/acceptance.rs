//! Acceptance: from the envelope that a server hands over to an entry of the queue.
//!
//! * **In**: an [`Envelope`]. **Out**: a [`QueueEntry`].
//! * **Promises**: what access control asked for is in the entry: redirected, copied, held or filtered. A copy's
//!   recipient is never reported about, so nobody learns of it. **Limits**: none of its own. **Panics**: never.
//! * **Spec**: Postfix access(5) (`REDIRECT`, `BCC`, `HOLD`, `FILTER`).

use std::borrow::Cow;

use smtp_proto::{Domain, ForwardPath, Mailbox, Notify, RcptParams};
use smtp_server::{Envelope, QueueId, Recipient, RecipientClass, RelayReason};

use crate::entry::{QueueEntry, QueuedRecipient, RecipientState};

/// The entry of a message with so many octets of content. What access control names is delivered here if its domain
/// `is_ours`.
#[must_use]
pub(crate) fn entry(
    envelope: Envelope,
    id: QueueId,
    content_bytes: u64,
    is_ours: impl Fn(&Domain<'_>) -> bool,
) -> QueueEntry {
    let Envelope { reverse_path, params, mut recipients, arrived, handling, .. } = envelope;
    if let Some(mailbox) = handling.redirect {
        recipients = vec![named(*mailbox, RcptParams::default(), &is_ours)];
    }
    for mailbox in handling.bcc {
        let mut silent = RcptParams::default();
        silent.notify = Some(Notify::NEVER);
        recipients.push(named(mailbox, silent, &is_ours));
    }
    let pending = |recipient| QueuedRecipient { recipient, state: RecipientState::Pending(None) };
    QueueEntry {
        id,
        arrived,
        reverse_path,
        params,
        recipients: recipients.into_iter().map(pending).collect(),
        content_bytes,
        hold: handling.hold,
        filter: handling.filter.map(|route| *route),
        delay_warned: false,
        expired: false,
    }
}

/// A recipient that access control named: the operator's word is the right to send there.
fn named(
    mailbox: Mailbox<'static>,
    params: RcptParams<'static>,
    is_ours: impl Fn(&Domain<'_>) -> bool,
) -> Recipient {
    let class = match is_ours(&mailbox.domain) {
        true => RecipientClass::Local,
        false => RecipientClass::Relay {
            because: RelayReason::Other(Cow::Borrowed("named by access control")),
        },
    };
    Recipient { path: ForwardPath::Mailbox(mailbox), params, class }
}

#[cfg(test)]
mod tests {
    use smtp_server::{FilterRoute, UnixMillis};

    use super::*;

    fn envelope() -> Envelope {
        let path = |text: &'static str| ForwardPath::parse(text).unwrap().into_owned();
        let sender = smtp_proto::ReversePath::parse("<a@b.test>").unwrap().into_owned();
        let mut envelope = Envelope::new(sender, UnixMillis(5_000));
        envelope.recipients = vec![Recipient {
            path: path("<kim@local.test>"),
            params: RcptParams::default(),
            class: RecipientClass::Local,
        }];
        envelope
    }

    fn recipients(entry: &QueueEntry) -> Vec<String> {
        entry.recipients.iter().map(|queued| queued.recipient.path.to_string()).collect()
    }

    #[test]
    fn what_access_control_asked_for_is_in_the_entry() {
        let mailbox = |text: &'static str| Mailbox::parse(text).unwrap().into_owned();
        let mut asked = envelope();
        asked.handling.redirect = Some(Box::new(mailbox("lee@elsewhere.test")));
        asked.handling.bcc = vec![mailbox("archive@local.test")];
        asked.handling.hold = Some("look at it".to_owned());
        let filter = FilterRoute { transport: "smtp".into(), destination: "[::1]:10025".into() };
        asked.handling.filter = Some(Box::new(filter.clone()));
        let entry = entry(asked, QueueId(7), 12, |domain| domain.as_str() == "local.test");
        assert_eq!(recipients(&entry), ["<lee@elsewhere.test>", "<archive@local.test>"]);
        let local: Vec<_> = entry.recipients.iter().map(QueuedRecipient::is_local).collect();
        assert_eq!(local, [false, true]);
        let rows = entry.rows().rows;
        let [row] = rows.as_slice() else { panic!("the filter gets all of it: {rows:?}") };
        assert_eq!((&*row.domain, row.is_local), ("smtp:[::1]:10025", false));
        let notify = |index: usize| entry.recipients[index].recipient.params.notify;
        assert_eq!((notify(0), notify(1)), (None, Some(Notify::NEVER)));
        assert_eq!((entry.hold.as_deref(), entry.filter), (Some("look at it"), Some(filter)));
    }
}
