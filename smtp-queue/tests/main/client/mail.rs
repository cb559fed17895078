//! Messages to send.

use smtp_proto::{Command, ForwardPath, MailParams, RcptParams, ReversePath};
use smtp_queue::{QueueEntry, QueuedRecipient, RecipientState};
use smtp_server::{QueueId, Recipient, RecipientClass, RelayReason, UnixMillis};

/// When all messages arrived.
pub(crate) const ARRIVED: UnixMillis = UnixMillis(1_800_000_000_000);

/// An envelope, from the arguments of MAIL and RCPT as they came.
pub(crate) fn entry(mail: &str, recipients: &[&str]) -> QueueEntry {
    let (reverse_path, params) = parse_mail(mail);
    QueueEntry {
        id: QueueId(7),
        arrived: ARRIVED,
        reverse_path,
        params,
        recipients: recipients.iter().map(|recipient| queued(recipient)).collect(),
        content_bytes: 0,
        hold: None,
        filter: None,
        delay_warned: false,
        expired: false,
    }
}

pub(crate) fn indices(entry: &QueueEntry) -> Vec<u32> {
    (0..entry.recipients.len() as u32).collect()
}

fn parse_mail(argument: &str) -> (ReversePath<'static>, MailParams<'static>) {
    match Command::parse(format!("MAIL FROM:{argument}").as_bytes()).unwrap().into_owned() {
        Command::Mail { from, params } => (from, params),
        other => panic!("{other:?}"),
    }
}

fn parse_rcpt(argument: &str) -> (ForwardPath<'static>, RcptParams<'static>) {
    match Command::parse(format!("RCPT TO:{argument}").as_bytes()).unwrap().into_owned() {
        Command::Rcpt { to, params } => (to, params),
        other => panic!("{other:?}"),
    }
}

fn queued(argument: &str) -> QueuedRecipient {
    let (path, params) = parse_rcpt(argument);
    let class = RecipientClass::Relay { because: RelayReason::Other("a test".into()) };
    let recipient = Recipient { path, params, class };
    QueuedRecipient { recipient, state: RecipientState::Pending(None) }
}
