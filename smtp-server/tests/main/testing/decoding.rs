//! What messages mean: fields, bodies, attachments, whatever the octets.

use proptest::prelude::*;
use smtp_server::proto::Ret;
use smtp_server::testing::blocking::TestServer;

use super::client::Client;
use super::{PATIENCE, received};

const WITH_ALL: &str = "From: =?utf-8?q?Bj=C3=B6rn?= <bjorn@example.org>, ann@example.org\r\n\
To: Kim <kim@example.org>,\r\n\t\"Bob, B.\" <bob@example.org>\r\n\
Cc: sales: x@example.org, y@example.org;\r\n\
Subject: =?iso-8859-1?q?Gr=FC=DFe?=\r\n =?utf-8?b?IGF1cyBLw7ZsbiDwn4yN?=\r\n\
X-Long: one\r\n two\r\n\
x-long: three\r\n\
MIME-Version: 1.0\r\n\
Content-Type: multipart/mixed; boundary=mixed\r\n\
\r\n\
--mixed\r\n\
Content-Type: multipart/alternative; boundary=alternative\r\n\
\r\n\
--alternative\r\n\
Content-Type: text/plain; charset=iso-8859-1\r\n\
Content-Transfer-Encoding: quoted-printable\r\n\
\r\n\
Sch=F6n, dich zu sehen =\r\n\
in K=F6ln.\r\n\
--alternative\r\n\
Content-Type: multipart/related; boundary=related\r\n\
\r\n\
--related\r\n\
Content-Type: text/html; charset=utf-8\r\n\
Content-Transfer-Encoding: base64\r\n\
\r\n\
PHA+U2Now7ZuPC9wPjxpbWcgc3JjPSJjaWQ6bG9nb0BhIj4=\r\n\
--related\r\n\
Content-Type: image/PNG\r\n\
Content-ID: <logo@a>\r\n\
Content-Disposition: inline; filename=logo.png\r\n\
Content-Transfer-Encoding: base64\r\n\
\r\n\
iVBORw0KGgo=\r\n\
--related--\r\n\
--alternative--\r\n\
--mixed\r\n\
Content-Type: application/pdf\r\n\
Content-Disposition: attachment; filename*=utf-8''Gr%C3%BC%C3%9Fe.pdf\r\n\
Content-Transfer-Encoding: base64\r\n\
\r\n\
JVBERi0=\r\n\
--mixed\r\n\
Content-Type: message/rfc822\r\n\
\r\n\
Subject: inner\r\n\
\r\n\
Inner text\r\n\
--mixed--\r\n";

#[test]
fn fields_are_decoded() {
    let message = received(WITH_ALL);
    assert_eq!(message.subject(), Some("Grüße aus Köln 🌍"));
    let author = message.from().unwrap();
    assert_eq!((author.name.as_deref(), &*author.address), (Some("Björn"), "bjorn@example.org"));
    let to = message.to().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(to, ["Kim <kim@example.org>", "Bob, B. <bob@example.org>"]);
    let cc = message.cc().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(cc, ["x@example.org", "y@example.org"]);
    assert_eq!(message.header("x-LONG"), Some("one two"));
    let long = message.headers().filter(|(name, _)| name.eq_ignore_ascii_case("x-long"));
    assert_eq!(long.map(|(_, value)| value).collect::<Vec<_>>(), ["one two", "three"]);
    assert_eq!(message.header("received"), None, "that is the server's");
}

#[test]
fn bodies_and_attachments_are_decoded() {
    let message = received(WITH_ALL);
    assert_eq!(message.text(), Some("Schön, dich zu sehen in Köln."));
    assert_eq!(message.html(), Some("<p>Schön</p><img src=\"cid:logo@a\">"));
    let [logo, pdf, inner] = message.attachments() else { panic!("{:?}", message.attachments()) };
    assert_eq!((logo.name.as_deref(), &*logo.content_type), (Some("logo.png"), "image/png"));
    assert_eq!(logo.content_id.as_deref(), Some("logo@a"));
    assert_eq!(logo.content, b"\x89PNG\r\n\x1a\n");
    assert_eq!((pdf.name.as_deref(), &*pdf.content_type), (Some("Grüße.pdf"), "application/pdf"));
    assert_eq!(pdf.content, b"%PDF-");
    assert_eq!((inner.name.as_deref(), &*inner.content_type), (None, "message/rfc822"));
    assert_eq!(inner.content, b"Subject: inner\r\n\r\nInner text");
}

#[test]
fn octets_are_what_the_client_sent() {
    let sent = b"Subject: raw\r\n\r\n\xff\xfe\r\n";
    let message = received(sent);
    assert_eq!(message.content(), [&sent[..], b"\r\n"].concat());
    let stored = message.stored_content();
    let fields = stored.strip_suffix(message.content()).unwrap();
    let fields = str::from_utf8(fields).unwrap();
    assert!(fields.starts_with("Return-Path: <ann@example.org>\r\nReceived: from client.test"));
    assert!(fields.contains("for <kim@example.org>"), "{fields}");
}

#[test]
fn content_without_fields_is_text() {
    let message = received("Hello,\r\nKim: your code is 482913");
    assert_eq!((message.subject(), message.from()), (None, None));
    let message = received("\r\nYour code is 482913\r\n");
    assert_eq!(message.code(), Some("482913"));
}

#[test]
fn the_envelope_has_all_parameters() {
    let server = TestServer::start().unwrap();
    let mut client = Client::connect(server.addr());
    for command in [
        "EHLO client.test",
        "MAIL FROM:<ann@example.org> SIZE=100 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb BY=120;R MT-PRIORITY=-3",
        "RCPT TO:<kim@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;kim+40a",
    ] {
        assert!(client.ask(command).starts_with("250"), "{command}");
    }
    assert!(client.ask("DATA").starts_with("354"));
    assert!(client.ask("Subject: with all\r\n.").starts_with("250"));
    let message = server.inbox().wait_for(|_| true, PATIENCE).unwrap();
    let params = &message.envelope().params;
    assert_eq!((params.size, params.smtputf8, params.ret), (Some(100), true, Some(Ret::Hdrs)));
    assert!(params.body.is_some() && params.envid.is_some());
    assert!(params.by.is_some() && params.mt_priority.is_some());
    let recipient = &message.envelope().recipients[0].params;
    assert!(recipient.notify.is_some() && recipient.orcpt.is_some());
    let session = message.session();
    assert_eq!(session.hello.as_ref().unwrap().name.as_str(), "client.test");
    assert!(session.tls.is_none() && session.identity.is_none());
}

/// Texts for which a careless search takes the square of their length: minutes in place of moments.
#[test]
fn long_content_is_decoded_in_moments() {
    let repeated = |text: &str| text.repeat(2_000_000 / text.len());
    for (text, links) in [
        (format!("https://a.test/{}", repeated(")")), 1),
        (repeated("https://a.test/ "), 1),
        (repeated("x://y("), 1),
        (repeated("://"), 0),
    ] {
        let message = received(format!("Subject: long\r\n\r\n{text}"));
        assert_eq!((message.links().len(), message.code()), (links, None));
    }
    let message = received(format!("\r\n{}", repeated("code 4829 ")));
    assert_eq!(message.code(), Some("4829"));
    let html = repeated("<a href=https://a.test/>code</a> 4829<br>");
    let message = received(format!("Content-Type: text/html\r\n\r\n{html}"));
    assert_eq!((message.links().len(), message.code()), (1, Some("4829")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever comes, everything that can be asked has an answer.
    #[test]
    fn any_content_is_decoded(mut content in prop::collection::vec(
        prop_oneof![
            Just(b"\r\n".to_vec()), Just(b"Content-Type: multipart/mixed; boundary=b\r\n".to_vec()),
            Just(b"--b\r\n".to_vec()), Just(b"--b--\r\n".to_vec()), Just(b"Subject: =?utf-8?b?".to_vec()),
            Just(b"Content-Type: text/html\r\n\r\n<a href=\"https://".to_vec()), Just(b"code 1234".to_vec()),
            Just(b"Content-Type: message/rfc822\r\n\r\n".to_vec()), Just(b"&#x110000;".to_vec()),
            Just(b"Content-Transfer-Encoding: base64\r\n".to_vec()), Just("ü://(".as_bytes().to_vec()),
            prop::collection::vec(prop::num::u8::ANY, 0..20),
        ], 0..30)) {
        let mut octets = content.concat();
        octets.retain(|octet| !matches!(octet, 0));
        content.clear();
        // Bare line endings are refused, and a dot at the start of a line is the transparency's.
        let text = String::from_utf8_lossy(&octets).replace("\r\n", "\n").replace('\r', "");
        let lines = text.lines().map(|line| line.trim_start_matches('.')).collect::<Vec<_>>();
        let sent = lines.join("\r\n");
        let message = received(&sent);
        prop_assert_eq!(message.content(), [sent.as_bytes(), b"\r\n"].concat());
        prop_assert!(message.links().iter().all(|link| link.contains("://")));
        prop_assert!(message.code().is_none_or(|code| 4 <= code.len()));
        let known = message.headers().count();
        prop_assert!(message.subject().is_none() || known != 0);
        prop_assert!(message.attachments().iter().all(|part| part.content.len() <= 2 * sent.len() + 2));
    }
}
