//! What the parameters of `-o` do to a session.

use crate::client::Client;
use crate::harness::Mta;

#[test]
fn sizes_and_counts_are_limited_and_zero_is_none() {
    let mta = Mta::start(&["-o", "message_size_limit=1000", "-o", "smtpd_recipient_limit=1"]);
    let mut client = Client::connect(mta.smtp());
    let hello = client.ask("EHLO client.example");
    assert!(hello.contains("SIZE 1000") && hello.contains("RCPTMAX=1"), "{hello}");
    let reply = client.ask("MAIL FROM:<> SIZE=1001");
    assert!(reply.starts_with("552 "), "{reply}");
    client.ask("MAIL FROM:<>");
    let replies =
        ["<kim@localhost>", "<lee@localhost>"].map(|to| client.ask(&format!("RCPT TO:{to}")));
    assert!(replies[0].starts_with("250 ") && replies[1].starts_with("452 "), "{replies:?}");

    let mta = Mta::start(&["-o", "message_size_limit=0", "-o", "smtpd_recipient_limit=0"]);
    let mut client = Client::connect(mta.smtp());
    let hello = client.ask("EHLO client.example");
    assert!(!hello.contains("RCPTMAX"), "{hello}");
    let reply = client.ask("MAIL FROM:<> SIZE=999999999999");
    assert!(reply.starts_with("250 "), "{reply}");
}

#[test]
fn connections_of_a_client_are_limited() {
    let mta = Mta::start(&["-o", "smtpd_client_connection_count_limit=1"]);
    let first = Client::hello(mta.smtp());
    let mut second = Client::open(mta.submission());
    let reply = second.reply();
    assert!(reply.starts_with("421 "), "{reply}");
    assert!(second.is_closed());
    drop(first);
}

#[test]
fn a_bare_line_feed_is_refused_or_normalized() {
    const CONTENT: &str = "Subject: x\r\n\r\none\ntwo\r\n.";
    for (value, expected) in [("reject", "550 5.5.2 "), ("normalize", "250 "), ("yes", "250 ")] {
        let mta = Mta::start(&["-o", &format!("smtpd_forbid_bare_newline={value}")]);
        let mut client = Client::hello(mta.smtp());
        client.ask("MAIL FROM:<>");
        client.ask("RCPT TO:<kim@localhost>");
        client.ask("DATA");
        let reply = client.ask(CONTENT);
        assert!(reply.starts_with(expected), "{value}: {reply}");
        let next = client.ask("NOOP");
        assert!(next.starts_with("250 "), "{value}: the session goes on: {next}");
    }
}

#[test]
fn proxies_and_filters_are_named() {
    let mta = Mta::start(&["-o", "smtpd_authorized_xclient_hosts=127.0.0.0/8"]);
    let mut client = Client::hello(mta.smtp());
    let reply = client.ask("XFORWARD ADDR=192.0.2.9");
    assert!(reply.starts_with("550 5.7.0 "), "{reply}");
    let reply = client.ask("XCLIENT ADDR=192.0.2.9");
    assert!(reply.starts_with("220 "), "{reply}");

    let mta = Mta::start(&["-o", "smtpd_authorized_xforward_hosts=[::1], 127.0.0.1"]);
    let mut client = Client::hello(mta.smtp());
    let reply = client.ask("XCLIENT ADDR=192.0.2.9");
    assert!(reply.starts_with("550 5.7.0 "), "{reply}");
    let reply = client.ask("XFORWARD ADDR=192.0.2.9");
    assert!(reply.starts_with("250 "), "{reply}");
}

#[test]
fn a_space_before_an_address_is_forgiven_or_not() {
    for (value, expected) in [("no", "250 2.1.0 "), ("yes", "501 5.1.7 ")] {
        let mta = Mta::start(&["-o", &format!("strict_rfc821_envelopes={value}")]);
        let mut client = Client::hello(mta.smtp());
        let reply = client.ask("MAIL FROM: <a@client.example>");
        assert!(reply.starts_with(expected), "{value}: {reply}");
        let reply = client.ask("RSET");
        assert!(reply.starts_with("250 "), "{value}: {reply}");
    }
}

#[test]
fn mydestination_may_be_empty() {
    let mta = Mta::start(&["-o", "mydestination=", "-o", "myhostname=mx.example.org"]);
    let mut client = Client::hello(mta.smtp());
    let reply = client.deliver("<kim@localhost>", "nowhere");
    assert!(reply.starts_with("554 5.7.1 "), "{reply}");
    let reply = client.deliver("<postmaster>", "still there");
    assert!(reply.starts_with("250 "), "{reply}");
    assert_eq!(mta.messages("mx.example.org", "postmaster").len(), 1);
}
