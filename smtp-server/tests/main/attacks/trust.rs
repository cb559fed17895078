//! Rows J1 to J4: who may speak for another client, and what is left of the former one.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use smtp_server::proto::Domain;
use smtp_server::relay::{Authenticated, LocalDomains, Networks};
use smtp_server::{
    Accepted, AccessControl, Body, Delivery, Effects, Envelope, Receipt, Rejection, RelayPolicyExt,
    SessionInfo, Stage, Verdict,
};

use super::at_every_cut;
use crate::support::octets::codes;
use crate::support::pure::{self, Cuts, Turn};
use crate::support::setup::Setup;

const PROXY: &str = "10.0.0.1";
const OUTSIDE: &str = "192.0.2.9";

/// Writes the facts of each message down, and leaves a mark at the client stage.
#[derive(Clone, Default)]
struct Facts(Arc<Mutex<Vec<String>>>);

/// What the client stage left.
struct Met(String);

#[async_trait]
impl AccessControl for Facts {
    async fn check(&self, stage: Stage<'_>, info: &SessionInfo) -> Verdict {
        let Stage::Client { .. } = stage else { return Verdict::Accept };
        let met = format!("{:?} {:?}", info.peer.ip(), info.identity.is_some());
        Verdict::with(Effects::default().remember(Met(met)))
    }
}

#[async_trait]
impl Delivery for Facts {
    async fn deliver(
        &self,
        _: Envelope,
        body: &mut Body<'_>,
        info: &SessionInfo,
    ) -> Result<Receipt, Rejection> {
        body.drain().await?;
        let received = body.header_fields().last().unwrap().value();
        let received = received.split(" id ").next().unwrap().replace("\r\n\t", " ");
        let met = info.extensions.find::<Met>().unwrap();
        let name = info.reverse_name.as_ref().map(Domain::as_str);
        let ends = [info.peer.remote, info.peer.local].map(|end| end.unwrap().to_string());
        self.0.lock().unwrap().push(format!("{ends:?} {name:?} {} | {received}", met.0));
        Ok(Accepted::new().into())
    }
}

/// A server that relays for 10.0.0.0/8, where the proxies are.
fn setup(client: &str) -> (Setup, Facts) {
    let facts = Facts::default();
    let mut setup = Setup::new(facts.clone());
    setup.access = Some(Arc::new(facts.clone()));
    setup.client = client.parse().unwrap();
    setup.address = "198.51.100.25".parse().unwrap();
    let inside = || Networks::new(["10.0.0.0/8"]).unwrap();
    setup.xclient_clients = inside();
    let local = LocalDomains::new(["local.test"]).unwrap();
    setup.relay = Arc::new(local.or(inside()).or(Authenticated));
    setup.tls = true;
    (setup, facts)
}

/// The codes of the replies to each turn; all cuts give the same.
fn talk(client: &str, turns: &[&str]) -> Vec<Vec<String>> {
    let turns = turns.iter().map(Turn::send).collect::<Vec<_>>();
    let run = at_every_cut(&setup(client).0, &turns);
    run.output[1..].iter().map(|octets| codes(octets)).collect()
}

const OUT: &str = "MAIL FROM:<a@b.example>\r\nRCPT TO:<v@ext.test>\r\n";

// rows: XCLIENT-1-a
#[test]
fn j01_a_stranger_speaks_for_nobody() {
    for client in [OUTSIDE, "::ffff:192.0.2.9", "2001:db8::9"] {
        let said = talk(
            client,
            &[
                "XCLIENT ADDR=10.0.0.1 LOGIN=root\r\n",
                "EHLO a\r\n",
                "XCLIENT ADDR=10.0.0.1 LOGIN=root\r\n",
                OUT,
                "XCLIENT ADDR=10.0.0.1\r\n",
            ],
        );
        let denied = vec!["550 5.7.0"];
        assert_eq!(said[0], denied, "{client}");
        assert_eq!(said[2], denied, "{client}");
        assert_eq!(said[3], ["250 2.1.0", "554 5.7.1"], "{client}");
        assert_eq!(said[4], denied, "{client}");
        let run = pure::run(&setup(client).0, &[Turn::send("EHLO a\r\n")], Cuts::None);
        let offered = String::from_utf8(run.text()).unwrap();
        assert!(offered.contains("SIZE") && !offered.contains("XCLIENT"), "{offered}");
    }
}

/// The right is that of the connection: neither a claimed address gives it nor does one take it away.
#[test]
fn j01_a_claimed_address_changes_no_right() {
    let said = talk(
        PROXY,
        &[
            "XCLIENT ADDR=192.0.2.9\r\n",
            "EHLO a\r\n",
            OUT,
            "RSET\r\n",
            "XCLIENT ADDR=10.0.0.2\r\n",
            "EHLO a\r\n",
            OUT,
        ],
    );
    assert_eq!(said[0], ["220"]);
    assert_eq!(said[2], ["250 2.1.0", "554 5.7.1"]);
    assert_eq!(said[4], ["220"]);
    assert_eq!(said[6], ["250 2.1.0", "250 2.1.5"]);
}

// rows: XCLIENT-1-c
#[test]
fn j02_nobody_else_takes_over_a_transaction() {
    let said = talk(
        PROXY,
        &[
            "EHLO a\r\nMAIL FROM:<a@b.example>\r\nXCLIENT ADDR=192.0.2.9\r\n",
            "RCPT TO:<v@ext.test>\r\nXCLIENT LOGIN=kim\r\n",
            "BDAT 1\r\naXCLIENT ADDR=192.0.2.9\r\nBDAT 0 LAST\r\n",
            "XCLIENT ADDR=192.0.2.9\r\n",
        ],
    );
    assert_eq!(said[0][1..], ["250 2.1.0", "503 5.5.1"]);
    assert_eq!(said[1], ["250 2.1.5", "503 5.5.1"]);
    assert_eq!(said[2], ["250 2.0.0", "503 5.5.1", "250 2.0.0"]);
    assert_eq!(said[3], ["220"]);
}

// rows: XCLIENT-1-e
#[test]
fn j03_a_malformed_claim_changes_nothing() {
    for argument in [
        "",
        " ",
        " ADDR",
        " ADDR=",
        " FOO=1",
        " NAME=a+0Ab",
        " NAME=a+0",
        " NAME=\x01",
        " ADDR=IPV6:bad",
        " ADDR=2001:db8::1",
        " ADDR=[192.0.2.9]",
        " ADDR=192.0.2.9 ADDR=192.0.2.8",
        " PORT=65536",
        " PROTO=X",
        " ADDR=192.0.2.9,PORT=1",
    ] {
        let said = talk(PROXY, &[&format!("EHLO a\r\nXCLIENT{argument}\r\n{OUT}")]);
        assert_eq!(said[0][1..], ["501 5.5.4", "250 2.1.0", "250 2.1.5"], "{argument:?}");
    }
}

/// Facts of the other client take the place of the proxy's everywhere; TLS is the connection's.
// rows: XCLIENT-1-b, XCLIENT-1-d
#[test]
fn j04_nothing_of_the_proxy_is_left_but_tls() {
    let (setup, facts) = setup(PROXY);
    let message = "MAIL FROM:<>\r\nRCPT TO:<kim@local.test>\r\nBDAT 0 LAST\r\n";
    let turns = [
        Turn::send("EHLO proxy.test\r\nSTARTTLS\r\n"),
        Turn::Tls,
        Turn::send("EHLO proxy.test\r\n"),
        Turn::send(message),
        Turn::send(
            "XCLIENT NAME=c.example ADDR=IPV6:2001:db8::9 PORT=7 HELO=said+2Eexample LOGIN=kim \
             DESTADDR=203.0.113.1 DESTPORT=587\r\n",
        ),
        Turn::send("EHLO proxy.test\r\n"),
        Turn::send(message),
        Turn::send("XCLIENT NAME=[UNAVAILABLE] PROTO=SMTP\r\nEHLO b.test\r\n"),
        Turn::send(message),
        Turn::send("XCLIENT ADDR=192.0.2.8\r\nEHLO b.test\r\n"),
        Turn::send(message),
    ];
    let run = pure::run(&setup, &turns, Cuts::None);
    let text = String::from_utf8(run.text()).unwrap();
    assert_eq!(text.matches("STARTTLS").count(), 1, "{text}");
    let expected = [
        "[\"10.0.0.1:40000\", \"198.51.100.25:25\"] None Some(10.0.0.1) false \
         | from proxy.test ([10.0.0.1]) by mx.test with ESMTPS",
        "[\"[2001:db8::9]:7\", \"203.0.113.1:587\"] Some(\"c.example\") Some(2001:db8::9) true \
         | from said.example (c.example [IPv6:2001:db8::9]) by mx.test with ESMTPSA",
        "[\"[2001:db8::9]:7\", \"203.0.113.1:587\"] None Some(2001:db8::9) false \
         | from b.test ([IPv6:2001:db8::9]) by mx.test with SMTP",
        "[\"192.0.2.8:0\", \"203.0.113.1:587\"] None Some(192.0.2.8) false \
         | from b.test ([192.0.2.8]) by mx.test with ESMTPS",
    ];
    assert_eq!(*facts.0.lock().unwrap(), expected);
}

/// What was said in clear of a login and a name is forgotten; whose session it is must not be, or the proxy's
/// own rights would come back.
#[test]
fn j04_starttls_after_xclient_keeps_the_client_and_no_login() {
    let (setup, facts) = setup(PROXY);
    let turns = [
        Turn::send("XCLIENT NAME=c.example ADDR=192.0.2.9 HELO=said.example LOGIN=kim\r\n"),
        Turn::send("EHLO proxy.test\r\nSTARTTLS\r\n"),
        Turn::Tls,
        Turn::send(format!("EHLO b.test\r\n{OUT}RCPT TO:<kim@local.test>\r\nBDAT 0 LAST\r\n")),
    ];
    let run = pure::run(&setup, &turns, Cuts::None);
    let expected = ["250 2.1.0", "554 5.7.1", "250 2.1.5", "250 2.0.0"];
    assert_eq!(codes(run.output.last().unwrap())[1..], expected);
    let expected = "[\"192.0.2.9:0\", \"198.51.100.25:25\"] Some(\"c.example\") Some(192.0.2.9) true \
                    | from b.test (c.example [192.0.2.9]) by mx.test with ESMTPS";
    assert_eq!(*facts.0.lock().unwrap(), [expected]);
}
