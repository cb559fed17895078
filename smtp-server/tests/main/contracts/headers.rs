//! Fields that become known on the way stand on top; the content stays what the client sent (contract 6).

use async_trait::async_trait;
use bytes::Bytes;
use smtp_server::access::{AccessAction, AccessMaps, MemoryMap};
use smtp_server::delivery::{Maildir, Memory};
use smtp_server::{
    Body, ContentFilter, Delivery, Envelope, HeaderField, Receipt, Recipient, Rejection, Service,
    SessionInfo, StageKind,
};

use super::runtime;
use crate::support::hooks::rejection;
use crate::support::mail::after_envelope;
use crate::support::octets::codes;
use crate::support::pure::{self, Cuts, Turn};
use crate::support::setup::Setup;
use crate::support::tcp::{Client, Running};

/// Counts the octets and says how many in a field, or refuses.
struct Counting {
    octets: usize,
    refusal: Option<Rejection>,
}

#[async_trait]
impl ContentFilter for Counting {
    fn chunk(&mut self, chunk: &Bytes) {
        self.octets += chunk.len();
    }

    async fn finish(self: Box<Self>) -> Result<Vec<HeaderField>, Rejection> {
        // A filter may wait here: for DNS, for a milter.
        tokio::task::yield_now().await;
        match self.refusal {
            Some(refusal) => Err(refusal),
            None => Ok(vec![HeaderField::new("X-Octets", self.octets.to_string()).unwrap()]),
        }
    }
}

/// A delivery behind a filter.
struct Filtered<D> {
    inner: D,
    refusal: Option<Rejection>,
}

#[async_trait]
impl<D: Delivery> Delivery for Filtered<D> {
    async fn deliver(
        &self,
        envelope: Envelope,
        body: &mut Body<'_>,
        info: &SessionInfo,
    ) -> Result<Receipt, Rejection> {
        let filter = Counting { octets: 0, refusal: self.refusal.clone() };
        let mut filtered = body.filtered(Box::new(filter));
        self.inner.deliver(envelope, &mut filtered, info).await
    }
}

fn names(fields: &[HeaderField]) -> Vec<&str> {
    fields.iter().map(HeaderField::name).collect()
}

#[test]
fn fields_of_a_filter_come_first_in_memory() {
    let memory = Memory::default();
    let inner = Filtered { inner: memory.clone(), refusal: None };
    let mut setup = Setup::new(Filtered { inner, refusal: None });
    let field = HeaderField::new("X-Seen", "yes").unwrap();
    let table = MemoryMap::from([("client.test", AccessAction::Prepend(field))]);
    setup.access = Some(std::sync::Arc::new(AccessMaps::default().with(StageKind::Sender, table)));
    let turns = after_envelope(&["DATA\r\n", "..\r\nhi\r\n.\r\n"]);
    for cuts in [Cuts::None, Cuts::All] {
        pure::run(&setup, &turns, cuts);
        let message = memory.take().remove(0);
        assert_eq!(names(&message.fields), ["X-Octets", "X-Octets", "X-Seen", "Received"]);
        assert_eq!(message.fields[0].value(), "7");
        assert_eq!(message.content, b".\r\nhi\r\n");
    }
}

#[test]
fn a_filter_that_refuses_is_the_final_reply() {
    let memory = Memory::default();
    let refusal = Some(rejection("550 5.7.1 Looks like spam"));
    let setup = Setup::new(Filtered { inner: memory.clone(), refusal });
    let turns = after_envelope(&["DATA\r\n", "hi\r\n.\r\n"]);
    let run = pure::run(&setup, &turns, Cuts::None);
    assert_eq!(run.output[4], b"550 5.7.1 Looks like spam\r\n");
    assert!(memory.messages().is_empty());
}

#[test]
fn fields_of_a_filter_come_first_in_a_maildir() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kim");
    let mailbox = path.clone();
    let maildir = Maildir::new("mx.test", move |_: &Recipient| Some(mailbox.clone()));
    let setup = Setup::new(Filtered { inner: maildir, refusal: None });
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let mut client = Client::direct(running.address).await;
        super::at_content(&mut client).await;
        client.write(b"DATA\r\nSubject: x\r\n\r\n..\r\n.\r\nQUIT\r\n").await;
        assert_eq!(codes(&client.rest().await), ["354", "250 2.0.0", "221 2.0.0"]);
        running.stop().await;
    });
    let file = std::fs::read_dir(path.join("new")).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(file).unwrap();
    let (head, content) = text.split_once("Subject: x\n").unwrap();
    let order = ["Return-Path", "X-Octets", "Received"].map(|name| head.find(name).unwrap());
    assert!(order.is_sorted(), "{head}");
    assert!(head.contains("X-Octets: 17\n"), "{head}");
    assert_eq!(content, "\n.\n");
}

/// The fields that a message of `content` gets on `service`, and what it says there.
fn added(service: Service, content: &str) -> Vec<HeaderField> {
    let memory = Memory::default();
    let mut setup = Setup::new(memory.clone());
    setup.service = service;
    let hello = if service == Service::Lmtp { "LHLO" } else { "EHLO" };
    let turns = [
        Turn::send(format!("{hello} client.test\r\n")),
        Turn::send("MAIL FROM:<a@client.test>\r\nRCPT TO:<kim@local.test>\r\nDATA\r\n"),
        Turn::send(format!("{content}.\r\n")),
    ];
    let run = pure::run(&setup, &turns, Cuts::Random(5));
    assert_eq!(codes(run.output.last().unwrap()), ["250 2.0.0"]);
    let whole = memory.take().remove(0);
    assert_eq!(whole.content, content.as_bytes());
    whole.fields
}

// rows: 5321-6.4-a, 6409-8.2-a, 6409-8.3-a
#[test]
fn who_writes_a_message_gets_its_missing_date_and_message_id() {
    for service in [Service::Submission, Service::Submissions] {
        for (content, expected) in [
            ("Subject: x\r\n\r\nhi\r\n", &["Received", "Date", "Message-ID"][..]),
            ("Subject: x\r\n\r\nDate: in the body\r\n", &["Received", "Date", "Message-ID"]),
            ("", &["Received", "Date", "Message-ID"]),
            ("DATE: x\r\n\r\nhi\r\n", &["Received", "Message-ID"]),
            ("message-id: x\r\n\r\nhi\r\n", &["Received", "Date"]),
            ("Message-Id: x\r\nDate: x\r\n\r\nhi\r\n", &["Received"]),
        ] {
            assert_eq!(names(&added(service, content)), expected, "{content:?}");
        }
    }
}

// rows: 5322-4-a
#[test]
fn obsolete_forms_are_read_and_never_written() {
    let memory = Memory::default();
    let mut setup = Setup::new(memory.clone());
    setup.service = Service::Submission;
    let content = "Date : 5 Jan 98 10:00 EST\r\nMessage-ID\t: <1@client.test>\r\n\r\nhi\r\n";
    let turns = [
        Turn::send("EHLO client.test\r\nMAIL FROM:<@a.test,@b.test:a@client.test>\r\n"),
        Turn::send("RCPT TO:<@mx.test:kim@local.test>\r\nDATA\r\n"),
        Turn::send(format!("{content}.\r\n")),
    ];
    let run = pure::run(&setup, &turns, Cuts::Random(5));
    assert_eq!(codes(run.output.last().unwrap()), ["250 2.0.0"]);
    let message = memory.take().remove(0);
    assert_eq!(message.content, content.as_bytes(), "it is the client's");
    assert_eq!(names(&message.fields), ["Received"], "Date and Message-ID are there");
    let return_path = smtp_server::trace::return_path(&message.envelope.reverse_path);
    assert_eq!(return_path.to_string(), "Return-Path: <a@client.test>\r\n");
    let (trace, _) = message.fields[0].value().rsplit_once("\r\n\t").unwrap();
    assert!(trace.ends_with("for <kim@local.test>;"), "{trace}");
    let written = added(Service::Submission, "\r\n");
    let (_, traced) = written[0].value().rsplit_once("\r\n\t").unwrap();
    for date in [traced, written[1].value()] {
        let words = date.split(' ').collect::<Vec<_>>();
        assert_eq!((words.len(), words[3].len(), words[5]), (6, 4, "+0000"), "{date}");
    }
    assert!(
        written.iter().all(|field| field.to_string().starts_with(&format!("{}: ", field.name())))
    );
}

/// Attack row H9: what other hosts send is passed on as it is.
#[test]
fn h09_nobody_else_gets_anything() {
    for service in [Service::Smtp, Service::Lmtp] {
        assert_eq!(names(&added(service, "hi\r\n")), ["Received"]);
    }
}

#[test]
fn a_message_id_names_the_queue_id_and_our_host_and_is_not_given_twice() {
    let value = || {
        let fields = added(Service::Submission, "\r\n");
        let trace = fields[0].value().to_owned();
        let queue_id = trace.split(" id ").nth(1).unwrap().split('\r').next().unwrap().to_owned();
        let value = fields[2].value().to_owned();
        let (left, right) = value.trim_matches(['<', '>']).split_once('@').unwrap();
        let (id, salt) = left.split_once('.').unwrap();
        assert_eq!((id, right), (queue_id.as_str(), "mx.test"));
        assert!(salt.bytes().all(|octet| octet.is_ascii_hexdigit()) && 8 <= salt.len(), "{value}");
        value
    };
    // Two servers, whose clocks stand at the same moment.
    assert_ne!(value(), value());
}

#[test]
fn the_date_is_that_of_the_submission() {
    let fields = added(Service::Submission, "\r\n");
    let received = fields[0].value().to_owned();
    assert!(received.ends_with(fields[1].value()), "{received} {}", fields[1].value());
}

/// The same over TCP, below what a filter adds.
#[test]
fn fields_that_were_missing_stand_below_those_of_a_filter() {
    let memory = Memory::default();
    let mut setup = Setup::new(Filtered { inner: memory.clone(), refusal: None });
    setup.service = Service::Submission;
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let mut client = Client::direct(running.address).await;
        super::at_content(&mut client).await;
        client.write(b"DATA\r\nSubject: x\r\n\r\n.\r\nQUIT\r\n").await;
        assert_eq!(codes(&client.rest().await), ["354", "250 2.0.0", "221 2.0.0"]);
        running.stop().await;
    });
    let fields = memory.take().remove(0).fields;
    assert_eq!(names(&fields), ["X-Octets", "Received", "Date", "Message-ID"]);
}
