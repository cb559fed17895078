//! Entries, outcomes and reports to try things on.

use bytes::Bytes;
use smtp_proto::{
    Command, Domain, EnhancedCode, ForwardPath, MailParams, Reply, ReplyCode, ReversePath,
};
use smtp_queue::dsn::{Facts, Reported, Reporter};
use smtp_queue::{
    Content, ContentBody, NewMessage, NextHost, Outcome, QueueEntry, QueuedRecipient,
    RecipientState, StagedBody, Status,
};
use smtp_server::{QueueId, Recipient, RecipientClass, RelayReason, UnixMillis};

pub(super) const ARRIVED: UnixMillis = UnixMillis(1_767_605_400_000);
pub(super) const NOW: UnixMillis = UnixMillis(1_767_607_200_000);

pub(super) const MESSAGE: &str = "From: a@b.example\r\nSubject: x\r\n\r\nHello\r\n";

/// Our trace field, as the session puts it on top.
pub(super) const FIELDS: &str = "Received: from c.example ([192.0.2.1])\r\n\tby mx.example.org with ESMTP id 1A\r\n\tfor <u@d.example>;\r\n\tMon, 05 Jan 2026 09:30:00 +0000\r\n";

pub(super) fn reporter() -> Reporter {
    Reporter::new(&Domain::parse("mx.example.org").unwrap()).unwrap()
}

/// The entry that these commands make.
pub(super) fn entry(mail: &str, recipients: &[&str]) -> QueueEntry {
    let Command::Mail { from, params } = parse(mail) else { panic!("{mail} is no MAIL") };
    let recipients = recipients.iter().map(|rcpt| {
        let Command::Rcpt { to, params } = parse(rcpt) else { panic!("{rcpt} is no RCPT") };
        let class = RecipientClass::Relay { because: RelayReason::Other("a test".into()) };
        let recipient = Recipient { path: to, params, class };
        QueuedRecipient { recipient, state: RecipientState::Pending(None) }
    });
    make_entry(from, params, recipients.collect())
}

fn make_entry(
    reverse_path: ReversePath<'static>,
    params: MailParams<'static>,
    recipients: Vec<QueuedRecipient>,
) -> QueueEntry {
    QueueEntry {
        id: QueueId(0x1A),
        arrived: ARRIVED,
        reverse_path,
        params,
        recipients,
        content_bytes: (FIELDS.len() + MESSAGE.len()) as u64,
        hold: None,
        filter: None,
        delay_warned: false,
        expired: false,
    }
}

fn parse(line: &str) -> Command<'static> {
    let line = format!("{line}\r\n");
    Command::parse(line.trim_end().as_bytes()).unwrap().into_owned()
}

/// What a next hop said.
pub(super) fn said(code: u16, enhanced: &str, text: &'static str) -> Status {
    let code = ReplyCode::new(code).unwrap();
    let enhanced = EnhancedCode::parse(enhanced);
    let reply = Reply::new(code, enhanced, text);
    let remote = NextHost {
        name: "mail.d.example".to_owned(),
        address: Some("192.0.2.25:25".parse().unwrap()),
    };
    let text = format!("host mail.d.example[192.0.2.25] said: {reply}");
    Status { code: enhanced.unwrap(), text, reply: Some(reply), remote: Some(remote) }
}

/// What we found out ourselves.
pub(super) fn found(code: &str, text: &str) -> Status {
    let code = EnhancedCode::parse(code).unwrap();
    Status { code, text: text.to_owned(), reply: None, remote: None }
}

pub(super) fn no_such_user() -> Outcome {
    Outcome::Failed(said(550, "5.1.1", "no\nsuch user"))
}

pub(super) fn content(body: impl Into<Bytes>) -> Content {
    Content {
        fields: Bytes::from_static(FIELDS.as_bytes()),
        body: ContentBody::Memory(body.into()),
    }
}

/// The report about these outcomes, if there is one.
pub(super) fn report(entry: &QueueEntry, outcomes: &[Outcome], body: &str) -> Option<NewMessage> {
    let reporter = reporter();
    let reported = (0..).zip(outcomes);
    let reported = reported
        .filter_map(|(index, outcome)| reporter.outcome(entry, index, outcome))
        .collect::<Vec<_>>();
    compose(&reporter, entry, &reported, body.to_owned())
}

pub(super) fn compose(
    reporter: &Reporter,
    entry: &QueueEntry,
    reported: &[Reported],
    body: impl Into<Bytes>,
) -> Option<NewMessage> {
    let original = reporter.original(&content(body)).unwrap();
    let facts = Facts { entry, reported, original: &original, id: QueueId(0x2B), now: NOW };
    reporter.compose(&facts, |domain| domain.as_str() == "ours.example")
}

/// The whole message as it is sent.
pub(super) fn octets(message: &NewMessage) -> Vec<u8> {
    let StagedBody::Inline(body) = &message.content.body else { panic!("a report is in memory") };
    assert_eq!(message.entry.content_bytes, (message.content.fields.len() + body.len()) as u64);
    [&message.content.fields[..], &body[..]].concat()
}

pub(super) fn text(message: &NewMessage) -> String {
    String::from_utf8(octets(message)).unwrap()
}

pub(super) fn path(message: &NewMessage) -> ForwardPath<'static> {
    message.entry.recipients[0].recipient.path.clone()
}
