//! Trace fields (RFC 5321 4.4, RFC 3848, RFC 5322 3.3, RFC 6531 3.7.3).

use std::sync::Arc;

use smtp_server::access::ClientHost;
use smtp_server::delivery::Memory;
use smtp_server::proto::{ClientName, Domain, ReversePath};
use smtp_server::relay::Networks;
use smtp_server::sasl::Passwords;
use smtp_server::trace::{date, received, return_path};
use smtp_server::{
    Envelope, HeaderField, HeaderFieldError, Hello, Peer, Service, SessionInfo, UnixMillis,
};

use crate::support::hooks::OneUser;
use crate::support::pure::{self, Cuts, Turn};
use crate::support::setup::Setup;

/// How a client brings a message.
struct Way {
    service: Service,
    hello: &'static str,
    tls: bool,
    auth: bool,
    parameter: &'static str,
}

impl Way {
    /// The `Received` field of a message that comes so.
    fn received(&self) -> HeaderField {
        let memory = Memory::default();
        let mut setup = Setup::new(memory.clone());
        setup.service = self.service;
        setup.tls = true;
        setup.auth_in_clear = true;
        let store = OneUser { user: "kim".to_owned(), password: "secret".to_owned() };
        setup.authenticator = Some(Arc::new(Passwords::new(store)));
        let hello = Turn::send(format!("{} пример.test\r\n", self.hello));
        let mut turns = vec![hello.clone()];
        if self.tls {
            turns.extend([Turn::send("STARTTLS\r\n"), Turn::Tls, hello]);
        }
        if self.auth {
            turns.push(Turn::send("AUTH PLAIN AGtpbQBzZWNyZXQ=\r\n"));
        }
        turns.push(Turn::send(format!(
            "MAIL FROM:<>{}\r\nRCPT TO:<kim@local.test>\r\nDATA\r\n",
            self.parameter
        )));
        turns.push(Turn::send(".\r\n"));
        pure::run(&setup, &turns, Cuts::None);
        memory.take().remove(0).fields.remove(0)
    }
}

// rows: 3848-1-a, 6531-3.7.3-b, 5321-4.4-o
#[test]
fn with_tells_the_protocol_and_what_protected_it() {
    let smtp = (Service::Smtp, "EHLO");
    let lmtp = (Service::Lmtp, "LHLO");
    let utf8 = " SMTPUTF8";
    for ((service, hello), tls, auth, parameter, expected) in [
        ((Service::Smtp, "HELO"), false, false, "", "SMTP"),
        (smtp, false, false, "", "ESMTP"),
        (smtp, true, false, "", "ESMTPS"),
        (smtp, false, true, "", "ESMTPA"),
        (smtp, true, true, "", "ESMTPSA"),
        (lmtp, false, false, "", "LMTP"),
        (lmtp, true, false, "", "LMTPS"),
        (smtp, false, false, utf8, "UTF8SMTP"),
        (smtp, true, false, utf8, "UTF8SMTPS"),
        (smtp, false, true, utf8, "UTF8SMTPA"),
        (smtp, true, true, utf8, "UTF8SMTPSA"),
        (lmtp, false, false, utf8, "UTF8LMTP"),
        (lmtp, true, false, utf8, "UTF8LMTPS"),
    ] {
        let received = Way { service, hello, tls, auth, parameter }.received();
        let with = received.value().split_whitespace().skip_while(|word| *word != "with").nth(1);
        assert_eq!(with, Some(expected), "{}", received.value());
    }
}

/// What the DNS says stands apart from what the client says of itself.
#[test]
fn a_name_stands_before_the_address_if_somebody_looked() {
    let name = |name: &str| Domain::parse(name).unwrap().into_owned();
    for (host, expected) in [
        (None, "from said.example ([192.0.2.9])"),
        (
            Some(ClientHost::Confirmed(name("c.example"))),
            "from said.example (c.example [192.0.2.9])",
        ),
        (Some(ClientHost::Claimed(name("c.example"))), "from said.example (unknown [192.0.2.9])"),
        (Some(ClientHost::Unnamed), "from said.example (unknown [192.0.2.9])"),
    ] {
        let peer = Peer::new("192.0.2.9:1024".parse().unwrap(), "192.0.2.1:25".parse().unwrap());
        let mut info = SessionInfo::new("mx.test", Service::Smtp, peer);
        info.hello = Some(Hello { name: ClientName::new("said.example").unwrap(), extended: true });
        if let Some(host) = host {
            info.extensions.insert(host);
        }
        let envelope = Envelope::new(ReversePath::Null, UnixMillis(0));
        let field = received(&info, &envelope, UnixMillis(0));
        assert_eq!(field.value().split("\r\n").next(), Some(expected));
    }
}

// rows: 6531-3.7.3-a
#[test]
fn only_a_message_in_utf8_has_utf8_in_its_trace() {
    let way = |parameter| Way {
        service: Service::Smtp,
        hello: "EHLO",
        tls: false,
        auth: false,
        parameter,
    };
    assert!(way(" SMTPUTF8").received().value().starts_with("from пример.test ([127.0.0.1])"));
    let received = way("").received();
    assert!(received.value().starts_with("from ??????.test ([127.0.0.1])"));
    assert!(received.value().is_ascii());
}

// rows: 5321-3.6.3-d, 5321-3.7.2-a, 5321-4.4-c, 5321-7.2-a, 5322-3.6.7-a
#[test]
fn one_field_is_put_on_top_and_the_content_stays() {
    let content = "Received: from b.test by c.test; Mon, 1 Jan 24 10:00 EST\r\n\
                   Resent-From: v@ext.test\r\nReceived: from a.test by b.test; x\r\n\r\nhi\r\n";
    for (recipients, clause) in [
        ("RCPT TO:<v@ext.test>\r\n", "\r\n\tfor <v@ext.test>;"),
        ("RCPT TO:<v@ext.test>\r\nRCPT TO:<kim@local.test>\r\n", ";"),
    ] {
        let memory = Memory::default();
        let mut setup = Setup::new(memory.clone());
        setup.relay = Arc::new(Networks::new(["127.0.0.1"]).unwrap());
        let envelope = format!("EHLO a.test\r\nMAIL FROM:<>\r\n{recipients}DATA\r\n");
        let turns = [Turn::send(envelope), Turn::send(format!("{content}.\r\n"))];
        pure::run(&setup, &turns, Cuts::None);
        let message = memory.take().remove(0);
        let [received] = &message.fields[..] else { panic!("{:?}", message.fields) };
        assert_eq!(received.name(), "Received");
        let (head, date) = received.value().rsplit_once("\r\n\t").unwrap();
        assert!(head.ends_with(clause), "{head}");
        assert!(date.ends_with(" +0000"), "{date}");
        assert_eq!(head.matches('@').count(), clause.matches('@').count(), "{head}");
        assert_eq!(message.content, content.as_bytes());
    }
}

// rows: 5321-4.4-f, 5322-3.3-a
#[test]
fn dates_have_four_digits_a_numeric_zone_and_the_right_day() {
    for (seconds, text) in [
        (0, "Thu, 01 Jan 1970 00:00:00 +0000"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000"),
        (1_704_099_600, "Mon, 01 Jan 2024 09:00:00 +0000"),
        (1_767_607_200, "Mon, 05 Jan 2026 10:00:00 +0000"),
        (4_102_444_799, "Thu, 31 Dec 2099 23:59:59 +0000"),
    ] {
        assert_eq!(date(UnixMillis(seconds * 1000)), text);
    }
}

// rows: 5321-4.4-h
#[test]
fn a_null_sender_is_written_as_brackets() {
    assert_eq!(return_path(&ReversePath::Null).to_string(), "Return-Path: <>\r\n");
}

// rows: 6532-3.2-a
#[test]
fn names_of_fields_are_ascii_and_values_need_not_be() {
    assert_eq!(HeaderField::new("Über", "x"), Err(HeaderFieldError::Name));
    let field = HeaderField::new("X-To", "дима@пример.test").unwrap();
    assert_eq!(field.to_string(), "X-To: дима@пример.test\r\n");
}
