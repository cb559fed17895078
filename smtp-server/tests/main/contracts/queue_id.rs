//! A message's name, from its first recipient to its final reply (contract 7).

use smtp_server::delivery::Memory;
use smtp_server::{IdSource, QueueId, UnixMillis};

use super::runtime;
use crate::support::octets::replies;
use crate::support::pure::{self, Cuts, Turn};
use crate::support::setup::Setup;
use crate::support::tcp::{Client, Running};

const MESSAGE: &str = "MAIL FROM:<>\r\nRCPT TO:<kim@local.test>\r\nRCPT TO:<lee@local.test>\r\n\
                       DATA\r\nhi\r\n.\r\n";

#[test]
fn the_id_stands_in_the_envelope_the_trace_the_reply_and_the_events() {
    let memory = Memory::default();
    let setup = Setup::new(memory.clone());
    let text = runtime().block_on(async {
        let running = Running::start(&setup).await;
        let mut client = Client::direct(running.address).await;
        client.write(format!("EHLO a\r\n{MESSAGE}QUIT\r\n").as_bytes()).await;
        let text = client.rest().await;
        running.stop().await;
        text
    });
    let messages = memory.messages();
    let id = messages[0].envelope.queue_id.unwrap().to_string();
    assert!(id.bytes().all(|octet| octet.is_ascii_digit() || octet.is_ascii_uppercase()), "{id}");
    assert!(u64::from_str_radix(&id, 16).is_ok(), "{id}");
    assert!(messages[0].fields[0].value().contains(&format!(" id {id}")));
    let reply = replies(&text).iter().rfind(|reply| reply.contains("queued")).cloned();
    assert_eq!(reply, Some(format!("250 2.0.0 Ok: queued as {id}")));
    assert_eq!(
        setup.events.starting_with("RecipientAccepted"),
        [
            format!("RecipientAccepted <kim@local.test> {id}"),
            format!("RecipientAccepted <lee@local.test> {id}")
        ]
    );
    assert_eq!(setup.events.starting_with("MessageStarted"), [format!("MessageStarted {id}")]);
    let written = setup.events.starting_with("FinalReplyWritten");
    assert_eq!(written, [format!("FinalReplyWritten {id} true 250 4")]);
}

#[test]
fn ids_increase_and_are_allocated_with_the_first_accepted_recipient() {
    let memory = Memory::default();
    let setup = Setup::new(memory.clone());
    // The second transaction has no accepted recipient and uses up no id.
    let turns = [
        Turn::send("EHLO a\r\n"),
        Turn::send(MESSAGE),
        Turn::send("MAIL FROM:<>\r\nRCPT TO:<v@ext.test>\r\nRSET\r\n"),
        Turn::send(MESSAGE),
    ];
    pure::run(&setup, &turns, Cuts::None);
    let ids = memory.messages().iter().map(|m| m.envelope.queue_id.unwrap().0).collect::<Vec<_>>();
    assert_eq!(ids[1], ids[0] + 1);
    assert_eq!(ids[0], pure::start().wall.0 * 1000);
}

#[test]
fn a_source_never_repeats_an_id() {
    let source = IdSource::after(QueueId(7_000));
    let at = |millis| source.next(UnixMillis(millis)).0;
    assert_eq!((at(3), at(3), at(9), at(9)), (7_001, 7_002, 9_000, 9_001));
    // The clock was set back.
    assert_eq!(at(1), 9_002);
    assert_eq!(QueueId(0xAB_CDEF).to_string(), "ABCDEF");
}
