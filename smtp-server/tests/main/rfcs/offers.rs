//! What EHLO and LHLO offer, and what a server does not take since it does not offer it.

use std::sync::Arc;

use async_trait::async_trait;
use smtp_server::delivery::Discard;
use smtp_server::relay::LocalDomains;
use smtp_server::{
    Accepted, Body, Capabilities, ConfigError, Delivery, Envelope, Peer, Receipt, Rejection,
    Server, Service, ServiceConfig, SessionInfo,
};

use crate::contracts::runtime;
use crate::support::hooks::Users;
use crate::support::octets::{codes, replies};
use crate::support::pure::{self, Cuts, Turn};
use crate::support::setup::Setup;

/// Takes everything and says what it can hold.
struct Holding(Capabilities);

#[async_trait]
impl Delivery for Holding {
    fn capabilities(&self) -> Capabilities {
        self.0
    }

    async fn deliver(
        &self,
        _: Envelope,
        body: &mut Body<'_>,
        _: &SessionInfo,
    ) -> Result<Receipt, Rejection> {
        body.drain().await?;
        Ok(Accepted::new().into())
    }
}

/// A server whose delivery holds 8-bit content, UTF-8 header fields, or not.
fn holding(eight_bit_mime: bool, smtputf8: bool) -> Setup {
    let mut capabilities = Capabilities::default();
    capabilities.eight_bit_mime = eight_bit_mime;
    capabilities.smtputf8 = smtputf8;
    Setup::new(Holding(capabilities))
}

/// The lines of the reply to `hello` behind the first.
fn offered(setup: &Setup, hello: &str) -> Vec<String> {
    let run = pure::run(setup, &[Turn::send(hello)], Cuts::None);
    let reply = replies(&run.output[1]).remove(0);
    reply.lines().skip(1).map(|line| line[4..].to_owned()).collect()
}

// rows: 6531-3.1-b
#[test]
fn smtputf8_comes_with_8bitmime_or_not_at_all() {
    for (eight_bit_mime, smtputf8) in [(true, true), (true, false), (false, true), (false, false)] {
        let setup = holding(eight_bit_mime, smtputf8);
        let lines = offered(&setup, "EHLO a\r\n");
        let has = |keyword: &str| lines.iter().any(|line| line == keyword);
        assert_eq!(has("8BITMIME"), eight_bit_mime);
        assert_eq!(has("SMTPUTF8"), eight_bit_mime && smtputf8);
        let turn =
            Turn::send("EHLO a\r\nMAIL FROM:<> SMTPUTF8\r\nRSET\r\nMAIL FROM:<> BODY=8BITMIME\r\n");
        let run = pure::run(&setup, &[turn], Cuts::None);
        let expected = |yes| if yes { "250 2.1.0" } else { "555 5.5.4" };
        let got = codes(&run.output[1]);
        assert_eq!(got[1], expected(eight_bit_mime && smtputf8));
        assert_eq!(got[3], expected(eight_bit_mime));
    }
}

// rows: 6531-3.7.4.2-c
#[test]
fn a_server_without_smtputf8_answers_no_query_in_utf8() {
    for (smtputf8, code) in [(true, "250 2.1.5"), (false, "252 2.6.8")] {
        let mut setup = holding(true, smtputf8);
        setup.directory = Some(Arc::new(Users));
        let run = pure::run(&setup, &[Turn::send("VRFY dima SMTPUTF8\r\n")], Cuts::None);
        assert_eq!(codes(&run.output[1]), [code]);
    }
}

// rows: 5321-2.4-g
#[test]
fn octets_above_127_are_a_syntax_error_where_no_extension_allows_them() {
    let setup = holding(true, false);
    let turn = Turn::send(
        "EHLO a\r\nMAIL FROM:<us\u{e9}r@b.test>\r\nMAIL FROM:<>\r\nRCPT TO:<us\u{e9}r@local.test>\r\n",
    );
    let run = pure::run(&setup, &[turn], Cuts::None);
    assert_eq!(codes(&run.output[1])[1..], ["500 5.5.2", "250 2.1.0", "500 5.5.2"]);
}

// rows: 1870-3-a, 1870-7-a
#[test]
fn size_says_that_there_is_no_limit() {
    let (mut setup, _) = Setup::accepting();
    setup.limits.message_bytes_max = None;
    assert!(offered(&setup, "EHLO a\r\n").contains(&"SIZE 0".to_owned()));
    setup.limits.message_bytes_max = Some(10_485_760);
    assert!(offered(&setup, "EHLO a\r\n").contains(&"SIZE 10485760".to_owned()));
}

// rows: 2033-5-b
#[test]
fn lmtp_offers_pipelining_codes_and_8bitmime() {
    let (mut setup, _) = Setup::accepting();
    setup.service = Service::Lmtp;
    let lines = offered(&setup, "LHLO a\r\n");
    for keyword in ["PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME"] {
        assert!(lines.iter().any(|line| line == keyword), "{keyword}: {lines:?}");
    }
}

// rows: 2033-5-a
#[test]
fn lmtp_is_not_spoken_on_port_25() {
    let (setup, _) = Setup::accepting();
    let served = |port: u16, service| {
        let peer = Peer::new(([127, 0, 0, 1], 40_000).into(), ([127, 0, 0, 1], port).into());
        let (stream, _) = tokio::io::duplex(4096);
        runtime().block_on(setup.server().serve_connection(stream, peer, service))
    };
    assert_eq!(served(25, ServiceConfig::lmtp()), Err(ConfigError::LmtpOnPort25));
    assert_eq!(served(24, ServiceConfig::lmtp()), Ok(()));
    assert_eq!(served(25, ServiceConfig::smtp()), Ok(()));
}

// rows: 6531-3.7.1-a
#[test]
fn a_server_has_an_a_label_for_a_name() {
    let built = |name: &str| {
        let policy = LocalDomains::new(["local.test"]).unwrap();
        Server::builder(name).relay_policy(policy).delivery(Discard).build().map(|_| ())
    };
    assert!(matches!(built("пример.test"), Err(ConfigError::ServerName(_))));
    assert_eq!(built("xn--e1afmkfd.test"), Ok(()));
}
