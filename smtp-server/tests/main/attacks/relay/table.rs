//! The whole table over TCP: 29 recipients, 6 senders, and every circumstance in which a client may come.
//!
//! The delivery is the only way out of the server, so what it did not take was neither queued nor sent on.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use smtp_server::{Peer, Server, ServiceConfig};
use tokio::net::{TcpListener, TcpStream};

use super::{Attempt, OURS, OUTSIDE, ROWS, Recorder, SENDERS};
use crate::attacks::runtime;
use crate::support::octets::codes;
use crate::support::tcp::Client;

/// How a client comes, and whether it may relay.
#[derive(Clone, Copy)]
struct Circumstance {
    name: &'static str,
    client: Option<&'static str>,
    networks: &'static [&'static str],
    before: &'static [&'static str],
    may_relay: bool,
}

const OUTSIDER: Circumstance = Circumstance {
    name: "an outsider",
    client: Some(OUTSIDE),
    networks: &["10.0.0.0/8", "!172.16.9.0/24", "172.16.0.0/12"],
    before: &[],
    may_relay: false,
};

const INSIDER: Circumstance =
    Circumstance { name: "an insider", client: Some("10.0.0.1"), may_relay: true, ..OUTSIDER };

const CIRCUMSTANCES: &[Circumstance] = &[
    OUTSIDER,
    Circumstance { name: "IPv6", client: Some("2001:db8::9"), ..OUTSIDER },
    Circumstance { name: "IPv4-mapped", client: Some("::ffff:192.0.2.9"), ..OUTSIDER },
    Circumstance { name: "IPv4-compatible", client: Some("::10.0.0.1"), ..OUTSIDER },
    Circumstance { name: "no address", client: None, ..OUTSIDER },
    Circumstance { name: "an excluded network", client: Some("172.16.9.1"), ..OUTSIDER },
    Circumstance {
        name: "a failed AUTH",
        before: &["AUTH PLAIN AGtpbQB3cm9uZw==", "AUTH LOGIN", "*"],
        ..OUTSIDER
    },
    Circumstance {
        name: "XCLIENT from a stranger",
        before: &["XCLIENT ADDR=10.0.0.1 LOGIN=kim", "EHLO [10.0.0.1]"],
        ..OUTSIDER
    },
    Circumstance {
        name: "XFORWARD from a stranger",
        before: &["XFORWARD ADDR=10.0.0.1"],
        ..OUTSIDER
    },
    Circumstance {
        name: "XCLIENT for an outsider",
        client: Some("10.0.0.1"),
        before: &["XCLIENT ADDR=192.0.2.9", "EHLO a"],
        ..OUTSIDER
    },
    Circumstance { name: "no networks", networks: &[], client: Some("10.0.0.1"), ..OUTSIDER },
    Circumstance { name: "no networks", networks: &[], client: Some("127.0.0.1"), ..OUTSIDER },
    INSIDER,
    Circumstance { name: "IPv4-mapped insider", client: Some("::ffff:10.0.0.1"), ..INSIDER },
    Circumstance {
        name: "AUTH",
        client: Some(OUTSIDE),
        before: &["AUTH PLAIN AGtpbQBzZWNyZXQ="],
        ..INSIDER
    },
];

#[test]
fn f_29_recipients_and_6_senders_in_every_circumstance() {
    let rows: std::collections::BTreeSet<_> = ROWS.iter().map(|row| &row.name[..3]).collect();
    assert_eq!(rows.len(), 29 - 1, "f25 is below: {rows:?}");
    runtime().block_on(async {
        for circumstance in CIRCUMSTANCES {
            circumstance.is_as_it_should_be().await;
        }
    });
}

impl Circumstance {
    async fn is_as_it_should_be(self) {
        let table = Table::new(self).await;
        let forms = ROWS.iter().flat_map(|row| row.to.iter().map(|to| (*to, row.code)));
        for (to, code) in forms.chain([("<postmaster>", "250 2.1.5")]) {
            for from in SENDERS {
                let no_sender = from == "<a>" && !code.starts_with("501");
                let is_ours = to == "<postmaster>";
                let (code, delivered) = match code {
                    _ if no_sender => ("503 5.5.1", ""),
                    "554 5.7.1" if self.may_relay => ("250 2.1.5", "Relay"),
                    _ if is_ours => (code, "Local"),
                    _ => (code, ""),
                };
                let context = format!("{}: {from} {to:?}", self.name);
                assert_eq!(table.recipient(from, to).await, code, "{context}");
                let taken = table.recorder.0.lock().unwrap().split_off(0);
                let classes: Vec<_> =
                    taken.iter().filter_map(|one| one.split(' ').next()).collect();
                let expected: Vec<_> =
                    Some(delivered).filter(|class| !class.is_empty()).into_iter().collect();
                assert_eq!(classes, expected, "{context}: {taken:?}");
            }
        }
    }
}

/// A server for one circumstance.
struct Table {
    circumstance: Circumstance,
    server: Arc<Server>,
    listener: TcpListener,
    recorder: Recorder,
}

impl Table {
    async fn new(circumstance: Circumstance) -> Self {
        let (setup, recorder) =
            Attempt { networks: circumstance.networks, ..Attempt::default() }.setup();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        Self { circumstance, server: Arc::new(setup.server()), listener, recorder }
    }

    /// A whole session; gives the code of RCPT.
    async fn recipient(&self, from: &str, to: &str) -> String {
        let mut client = self.connect().await;
        client.reply().await;
        for line in ["EHLO a"].iter().chain(self.circumstance.before) {
            client.ask(&format!("{line}\r\n")).await;
        }
        client.ask(&format!("MAIL FROM:{from}\r\n")).await;
        let reply = client.ask(&format!("RCPT TO:{to}\r\n")).await;
        let data = client.ask("DATA\r\n").await;
        if data.starts_with("354") {
            client.ask("Subject: test\r\n\r\ntext\r\n.\r\n").await;
        }
        assert_eq!(codes(client.ask("NOOP\r\n").await.as_bytes()), ["250 2.0.0"], "in sync");
        codes(reply.as_bytes()).remove(0)
    }

    /// A connection over TCP whose ends are said to be those of the circumstance.
    async fn connect(&self) -> Client {
        let address = self.listener.local_addr().unwrap();
        let (stream, accepted) = tokio::join!(TcpStream::connect(address), self.listener.accept());
        let remote = self.circumstance.client.map(|ip| SocketAddr::new(ip.parse().unwrap(), 1024));
        let peer = Peer { remote, local: Some(SocketAddr::new(OURS.parse().unwrap(), 25)) };
        let (server, (served, _)) = (self.server.clone(), accepted.unwrap());
        tokio::spawn(
            async move { server.serve_connection(served, peer, ServiceConfig::smtp()).await },
        );
        Client::new(Box::new(stream.unwrap()))
    }
}
