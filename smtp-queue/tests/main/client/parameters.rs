//! What a next hop is told beside the addresses, and what it cannot be sent.

use std::time::Duration;

use smtp_queue::QueueEntry;
use smtp_queue::transport::smtp::session::{
    Action, ClientSession, ContentScan, Hello, Refusal, TlsFacts, TlsUse,
};
use smtp_server::UnixMillis;

use super::mail::{ARRIVED, entry, indices};

/// A session with a next hop that offers these extensions, possibly in TLS.
fn session(offer: &str, tls: Option<bool>) -> ClientSession {
    let tls_use = if tls.is_some() { TlsUse::Required } else { TlsUse::Never };
    let mut session = ClientSession::new(Hello::smtp("client.test", tls_use).unwrap());
    let mut hello = "250-mx.test\r\n".to_owned();
    offer
        .split(", ")
        .filter(|word| !word.is_empty())
        .for_each(|word| hello.push_str(&format!("250-{word}\r\n")));
    hello.push_str("250 HELP\r\n");
    let mut turns = vec!["220 mx.test\r\n".to_owned()];
    if tls.is_some() {
        turns.extend(["250-mx.test\r\n250 STARTTLS\r\n".to_owned(), "220 Go\r\n".to_owned()]);
    }
    for turn in turns {
        session.poll();
        session.receive(turn.as_bytes());
    }
    session.poll();
    if let Some(is_verified) = tls {
        session.handle_tls(TlsFacts { is_verified, exporter: None });
        session.poll();
    }
    session.receive(hello.as_bytes());
    assert_eq!(session.poll(), Action::Ready);
    session.output().clear();
    session
}

fn write(
    mut session: ClientSession,
    entry: &QueueEntry,
    content: &[u8],
    now: UnixMillis,
) -> Result<String, Refusal> {
    let mut scan = ContentScan::default();
    scan.feed(content);
    let plan = session.plan(entry, &indices(entry), &scan.finish(), now)?;
    if let Some((_, refusal)) = plan.refused.first() {
        return Err(refusal.clone());
    }
    session.begin(plan);
    Ok(String::from_utf8(session.output().to_vec()).unwrap())
}

/// MAIL and RCPT as they are written, or the enhanced code of the refusal.
fn told(offer: &str, mail: &str, rcpt: &str, content: &[u8]) -> String {
    let session = session(&format!("PIPELINING, {offer}"), None);
    match write(session, &entry(mail, &[rcpt]), content, ARRIVED) {
        Ok(commands) => {
            let commands = commands.strip_suffix("DATA\r\n").unwrap_or(&commands);
            commands.trim_end().replace("\r\n", " / ")
        }
        Err(refusal) => refusal.code.to_string(),
    }
}

const ASCII: &[u8] = b"A: b\r\n\r\nc\r\n";
const EIGHT_BIT: &[u8] =
    b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xc3\xbc\r\n";
const UTF8_HEADER: &[u8] = b"A: \xc3\xbc\r\n\r\nc\r\n";

// rows: 5321-2.4-e, 6152-3-c, 3030-3-e, 3030-3-f, 5321-4.1.1.3-c
#[test]
fn content_goes_where_it_can_be_taken() {
    for (offer, mail, content, expected) in [
        ("8BITMIME", "<a@c.test>", ASCII, "MAIL FROM:<a@c.test> / RCPT TO:<b@d.test>"),
        (
            "8BITMIME",
            "<a@c.test> BODY=8BITMIME",
            ASCII,
            "MAIL FROM:<a@c.test> BODY=8BITMIME / RCPT TO:<b@d.test>",
        ),
        ("", "<a@c.test> BODY=8BITMIME", ASCII, "MAIL FROM:<a@c.test> / RCPT TO:<b@d.test>"),
        (
            "8BITMIME",
            "<a@c.test>",
            EIGHT_BIT,
            "MAIL FROM:<a@c.test> BODY=8BITMIME / RCPT TO:<b@d.test>",
        ),
        (
            "8BITMIME",
            "<a@c.test> BODY=8BITMIME",
            EIGHT_BIT,
            "MAIL FROM:<a@c.test> BODY=8BITMIME / RCPT TO:<b@d.test>",
        ),
        ("", "<a@c.test> BODY=8BITMIME", EIGHT_BIT, "5.6.3"),
        ("", "<a@c.test>", EIGHT_BIT, "5.6.3"),
        ("", "<a@c.test>", UTF8_HEADER, "5.6.3"),
        (
            "BINARYMIME, CHUNKING",
            "<a@c.test> BODY=BINARYMIME",
            ASCII,
            "MAIL FROM:<a@c.test> BODY=BINARYMIME / RCPT TO:<b@d.test>",
        ),
        ("8BITMIME, CHUNKING", "<a@c.test> BODY=BINARYMIME", ASCII, "5.6.3"),
        ("8BITMIME, BINARYMIME", "<a@c.test> BODY=BINARYMIME", ASCII, "5.6.3"),
        (
            "SIZE 11",
            "<a@c.test> SIZE=99",
            ASCII,
            "MAIL FROM:<a@c.test> SIZE=11 / RCPT TO:<b@d.test>",
        ),
        ("SIZE 0", "<a@c.test>", ASCII, "MAIL FROM:<a@c.test> SIZE=11 / RCPT TO:<b@d.test>"),
        ("SIZE 10", "<a@c.test>", ASCII, "5.3.4"),
    ] {
        let found = told(offer, mail, "<@route.test:b@d.test>", content);
        assert_eq!(found, expected, "{offer} {mail}");
    }
}

// rows: 5321-2.4-i
#[test]
fn eight_bit_mime_is_asked_for_mime_alone() {
    let mime = "MIME-Version: 1.0\r\n";
    for (header, is_asked_for) in [
        (format!("{mime}Content-Transfer-Encoding: 8bit\r\n"), true),
        (format!("Content-Transfer-Encoding: binary\r\n{mime}"), true),
        (format!("{mime}Content-Transfer-Encoding: quoted-printable\r\n"), false),
        (mime.to_owned(), false),
        ("Content-Transfer-Encoding: 8bit\r\n".to_owned(), false),
        ("Subject: x\r\n".to_owned(), false),
    ] {
        let content = format!("{header}\r\nü\r\n");
        let body = if is_asked_for { " BODY=8BITMIME" } else { "" };
        let sent = format!("MAIL FROM:<a@c.test>{body} / RCPT TO:<b@d.test>");
        for mail in ["<a@c.test>", "<a@c.test> BODY=8BITMIME"] {
            let told = |offer| told(offer, mail, "<b@d.test>", content.as_bytes());
            assert_eq!(told("8BITMIME"), sent, "{mail} {header}");
            assert_eq!(told(""), "5.6.3", "{mail} {header}");
        }
    }
}

// rows: 6531-3.2-c, 6531-3.2-d, 6531-3.4-a
#[test]
fn utf8_goes_where_it_can_be_taken() {
    let all = "8BITMIME, SMTPUTF8";
    for (offer, mail, rcpt, content, expected) in [
        (
            all,
            "<ü@c.test> SMTPUTF8",
            "<b@d.test>",
            ASCII,
            "MAIL FROM:<ü@c.test> SMTPUTF8 / RCPT TO:<b@d.test>",
        ),
        (
            all,
            "<a@c.test> SMTPUTF8",
            "<ü@d.test>",
            ASCII,
            "MAIL FROM:<a@c.test> SMTPUTF8 / RCPT TO:<ü@d.test>",
        ),
        (
            all,
            "<a@c.test> SMTPUTF8",
            "<b@d.test>",
            UTF8_HEADER,
            "MAIL FROM:<a@c.test> BODY=8BITMIME SMTPUTF8 / RCPT TO:<b@d.test>",
        ),
        (
            all,
            "<a@c.test> SMTPUTF8",
            "<b@d.test>",
            ASCII,
            "MAIL FROM:<a@c.test> / RCPT TO:<b@d.test>",
        ),
        (
            all,
            "<a@c.test> SMTPUTF8",
            "<b@d.test>",
            EIGHT_BIT,
            "MAIL FROM:<a@c.test> BODY=8BITMIME / RCPT TO:<b@d.test>",
        ),
        (
            "8BITMIME",
            "<a@c.test> SMTPUTF8",
            "<b@d.test>",
            ASCII,
            "MAIL FROM:<a@c.test> / RCPT TO:<b@d.test>",
        ),
        (
            "8BITMIME",
            "<a@c.test> SMTPUTF8",
            "<b@xn--tda.test>",
            ASCII,
            "MAIL FROM:<a@c.test> / RCPT TO:<b@xn--tda.test>",
        ),
        ("8BITMIME", "<ü@c.test> SMTPUTF8", "<b@d.test>", ASCII, "5.6.7"),
        ("8BITMIME", "<a@c.test> SMTPUTF8", "<ü@d.test>", ASCII, "5.6.7"),
        ("8BITMIME", "<a@c.test> SMTPUTF8", "<b@ü.test>", ASCII, "5.6.7"),
        ("8BITMIME", "<a@c.test> SMTPUTF8", "<b@d.test>", UTF8_HEADER, "5.6.9"),
    ] {
        assert_eq!(told(offer, mail, rcpt, content), expected, "{offer} {mail} {rcpt}");
    }
}

// rows: 3461-5.2.1-a, 3461-5.2.1-b, 3461-5.2.2-a, 6533-3-b
#[test]
fn what_to_report_is_passed_on_as_it_came() {
    let mail = "<a@c.test> ENVID=Q+2BQ RET=HDRS";
    let rcpt = "<b@d.test> ORCPT=RFC822;B+2Bx@D.test NOTIFY=DELAY,FAILURE";
    let sent = "MAIL FROM:<a@c.test> RET=HDRS ENVID=Q+2BQ / RCPT TO:<b@d.test> NOTIFY=FAILURE,DELAY ORCPT=RFC822;B+2Bx@D.test";
    let bare = "MAIL FROM:<a@c.test> / RCPT TO:<b@d.test>";
    for (offer, mail, rcpt, expected) in [
        ("DSN", mail, rcpt, sent),
        ("", mail, rcpt, bare),
        ("DSN", "<a@c.test>", "<b@d.test>", bare),
        (
            "DSN",
            "<a@c.test>",
            "<b@d.test> NOTIFY=NEVER",
            "MAIL FROM:<a@c.test> / RCPT TO:<b@d.test> NOTIFY=NEVER",
        ),
        (
            "DSN",
            "<a@c.test>",
            "<b@d.test> ORCPT=utf-8;ди@d.test",
            "MAIL FROM:<a@c.test> / RCPT TO:<b@d.test> ORCPT=utf-8;\\x{434}\\x{438}@d.test",
        ),
        (
            "DSN, SMTPUTF8",
            "<a@c.test>",
            "<b@d.test> ORCPT=utf-8;ди@d.test",
            "MAIL FROM:<a@c.test> / RCPT TO:<b@d.test> ORCPT=utf-8;ди@d.test",
        ),
    ] {
        assert_eq!(told(offer, mail, rcpt, ASCII), expected, "{offer} {mail} {rcpt}");
    }
}

// rows: 6710-4.2-a, 7293-5.1.1-a, 7293-5.1.1-b
#[test]
fn priority_and_owner_are_passed_on_where_they_are_understood() {
    let since = "RRVS=2026-01-02T03:04:05Z";
    for (offer, mail, rcpt, expected) in [
        (
            "MT-PRIORITY",
            "MT-PRIORITY=-3",
            "",
            "MAIL FROM:<a@c.test> MT-PRIORITY=-3 / RCPT TO:<b@d.test>",
        ),
        ("MT-PRIORITY", "", "", "MAIL FROM:<a@c.test> / RCPT TO:<b@d.test>"),
        ("", "MT-PRIORITY=3", "", "MAIL FROM:<a@c.test> / RCPT TO:<b@d.test>"),
        (
            "RRVS",
            "",
            &format!("{since};C"),
            &format!("MAIL FROM:<a@c.test> / RCPT TO:<b@d.test> {since};C"),
        ),
        (
            "RRVS",
            "",
            &format!("{since};R"),
            &format!("MAIL FROM:<a@c.test> / RCPT TO:<b@d.test> {since};R"),
        ),
        ("RRVS", "", since, &format!("MAIL FROM:<a@c.test> / RCPT TO:<b@d.test> {since}")),
        ("", "", &format!("{since};C"), "MAIL FROM:<a@c.test> / RCPT TO:<b@d.test>"),
        ("", "", &format!("{since};R"), "5.7.19"),
        ("", "", since, "5.7.19"),
    ] {
        let (mail, rcpt) = (format!("<a@c.test> {mail}"), format!("<b@d.test> {rcpt}"));
        assert_eq!(told(offer, &mail, &rcpt, ASCII), expected, "{offer} {mail} {rcpt}");
    }
}

// rows: 2852-4.1.4-a, 2852-4.1.4.1-a
#[test]
fn the_time_to_deliver_by_is_counted_on() {
    for (offer, by, seconds, expected) in [
        ("DELIVERBY", "100;R", 2, Ok("BY=98;R")),
        ("DELIVERBY", "100;NT", 2, Ok("BY=98;NT")),
        ("DELIVERBY", "100;N", 130, Ok("BY=-30;N")),
        ("DELIVERBY 90", "100;R", 2, Ok("BY=98;R")),
        ("DELIVERBY 99", "100;R", 2, Err("5.4.7")),
        ("DELIVERBY 99", "100;N", 2, Ok("BY=98;N")),
        ("DELIVERBY", "100;R", 100, Err("5.4.7")),
        ("", "100;R", 2, Err("5.3.3")),
        ("", "100;N", 2, Ok("")),
    ] {
        let entry = entry(&format!("<a@c.test> BY={by}"), &["<b@d.test>"]);
        let now = ARRIVED + Duration::from_secs(seconds);
        let found = write(session(offer, None), &entry, ASCII, now);
        let found = found.map(|line| line.trim_end().replace("MAIL FROM:<a@c.test>", ""));
        let found =
            found.as_ref().map(|params| params.trim()).map_err(|refusal| refusal.code.to_string());
        assert_eq!(found, expected.map_err(str::to_owned), "{offer} {by} after {seconds}");
    }
}

// rows: 8689-2-b, 8689-5-a
#[test]
fn l07_requiretls_asks_for_a_verified_next_hop_that_knows_it() {
    for (mail, offer, tls, expected) in [
        ("<a@c.test> REQUIRETLS", "REQUIRETLS", Some(true), Ok("MAIL FROM:<a@c.test> REQUIRETLS")),
        ("<a@c.test> REQUIRETLS", "", Some(true), Err("5.7.30")),
        ("<a@c.test> REQUIRETLS", "REQUIRETLS", Some(false), Err("5.7.10")),
        ("<a@c.test> REQUIRETLS", "REQUIRETLS", None, Err("5.7.10")),
        ("<a@c.test>", "REQUIRETLS", Some(true), Ok("MAIL FROM:<a@c.test>")),
        ("<> REQUIRETLS", "REQUIRETLS", Some(true), Ok("MAIL FROM:<> REQUIRETLS")),
        ("<> REQUIRETLS", "", Some(true), Ok("MAIL FROM:<>")),
        ("<> REQUIRETLS", "REQUIRETLS", None, Ok("MAIL FROM:<>")),
    ] {
        let found = write(session(offer, tls), &entry(mail, &["<b@d.test>"]), ASCII, ARRIVED);
        let found = found.as_deref().map(str::trim_end).map_err(|refusal| refusal.code.to_string());
        assert_eq!(found, expected.map_err(str::to_owned), "{mail} {offer} {tls:?}");
    }
}
