//! Which octets content may have, and for whom a bare line feed ends a line.

use std::net::{IpAddr, Ipv4Addr};

use smtp_server::delivery::{Discard, Maildir, Memory};
use smtp_server::relay::Networks;
use smtp_server::{BareNewline, Delivery, NulPolicy, Recipient};

use super::runtime;
use crate::support::mail::after_envelope;
use crate::support::octets::codes;
use crate::support::pure::{self, Cuts, Turn};
use crate::support::setup::Setup;
use crate::support::tcp::Running;

/// Attack row H1. All 128 characters, with NUL at each place where a line could be taken to end.
// rows: 5321-4.5.2-d
#[test]
fn h01_nul_is_kept_where_it_is_allowed() {
    let others = (1..128).filter(|octet| !b"\r\n".contains(octet)).collect::<Vec<u8>>();
    let content = [b"\0\r\n\0.\r\na\0b\r\n.\0\r\n\r\n\0".as_slice(), &others, b"\r\n"].concat();
    let stuffed = [b"\0\r\n\0.\r\na\0b\r\n..\0\r\n\r\n\0".as_slice(), &others, b"\r\n"].concat();
    let chunk = [format!("BDAT {} LAST\r\n", content.len()).as_bytes(), &content].concat();
    for turns in [
        after_envelope(&[b"DATA\r\n".as_slice(), &[&stuffed, b".\r\n".as_slice()].concat()]),
        after_envelope(&[chunk]),
    ] {
        for (policy, code) in [(NulPolicy::Keep, "250 2.0.0"), (NulPolicy::Reject, "550 5.6.0")] {
            let (mut setup, delivery) = Setup::accepting();
            setup.nul = policy;
            for cuts in [Cuts::None, Cuts::All, Cuts::Random(3)] {
                let run = pure::run(&setup, &turns, cuts);
                assert_eq!(codes(run.output.last().unwrap()), [code]);
            }
            let log = delivery.log();
            let expected = format!("<a@client.test> <kim@local.test> {}", content.escape_ascii());
            assert_eq!(log.iter().all(|line| *line == expected), policy == NulPolicy::Keep);
        }
    }
}

/// What EHLO offers depends on what is behind it: a file of lines cannot hold any octets.
#[test]
fn binary_content_is_for_deliveries_that_keep_octets() {
    let maildir = Maildir::new("mx.test", |_: &Recipient| None);
    assert!(Memory::default().capabilities().binary_mime);
    assert!(Discard.capabilities().binary_mime);
    assert!(!maildir.capabilities().binary_mime);
}

/// NUL next to the final dot neither makes nor hides an end of data.
#[test]
fn a09_a10_nul_that_is_kept_ends_nothing() {
    for x in ["\r\n\0.\r\n", "\r\n.\0\r\n"] {
        let (mut setup, delivery) = Setup::accepting();
        setup.nul = NulPolicy::Keep;
        let content = format!("a{x}MAIL FROM:<evil@x>\r\n.\r\n");
        for cuts in [Cuts::None, Cuts::All] {
            let turns = after_envelope(&["DATA\r\n", &content]);
            let run = pure::run(&setup, &turns, cuts);
            assert_eq!(codes(run.output.last().unwrap()), ["250 2.0.0"]);
        }
        assert_eq!(delivery.log().len(), 2);
    }
}

/// The exempted client's line feeds end its lines, and still not its data; nobody else's do.
#[test]
fn an_exempted_network_is_normalized() {
    let elsewhere = IpAddr::V4(Ipv4Addr::new(127, 0, 9, 1));
    for (client, command, content) in [
        (IpAddr::V4(Ipv4Addr::LOCALHOST), "250 2.0.0", "250 2.0.0"),
        (elsewhere, "550 5.5.2", "550 5.5.2"),
    ] {
        let (mut setup, delivery) = Setup::accepting();
        setup.bare_newline = BareNewline::Reject;
        setup.bare_newline_exempt = Networks::new(["192.0.2.0/24", "127.0.0.0/24"]).unwrap();
        setup.client = client;
        let run = pure::run(&setup, &[Turn::send("NOOP\n")], Cuts::None);
        assert_eq!(codes(&run.output[1]), [command], "{client}");
        let turns = after_envelope(&["DATA\r\n", "a\n.\nb\r\n.\r\n"]);
        let run = pure::run(&setup, &turns, Cuts::None);
        assert_eq!(codes(run.output.last().unwrap()), [content], "{client}");
        let taken = delivery.log().iter().filter(|line| line.ends_with("a\\n.\\nb\\r\\n")).count();
        assert_eq!(taken, usize::from(content == "250 2.0.0"));
        runtime().block_on(async {
            let running = Running::start(&setup).await;
            let mut client = running.connect(setup.client).await;
            client.reply().await;
            assert_eq!(codes(client.ask("NOOP\n").await.as_bytes()), [command]);
            running.stop().await;
        });
    }
}

/// A proxy's own address exempts nobody it speaks for.
#[test]
fn who_is_spoken_for_decides_whether_a_network_is_exempted() {
    let (mut setup, _) = Setup::accepting();
    setup.bare_newline_exempt = Networks::new(["127.0.0.1", "192.0.2.7"]).unwrap();
    setup.xclient_clients = Networks::new(["127.0.0.1"]).unwrap();
    for (client, code) in [("192.0.2.7", "250 2.0.0"), ("192.0.2.8", "550 5.5.2")] {
        let turns = [
            Turn::send("EHLO proxy.test\r\n"),
            Turn::send(format!("XCLIENT ADDR={client}\r\n")),
            Turn::send("NOOP\n"),
        ];
        let run = pure::run(&setup, &turns, Cuts::None);
        assert_eq!(codes(&run.output[3]), [code], "{client}");
    }
}
