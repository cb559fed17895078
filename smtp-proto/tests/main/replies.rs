//! Replies: what is written, what is read, and what cannot be smuggled in.

use bytes::BytesMut;
use proptest::prelude::*;
use smtp_proto::{EnhancedCode, Reply, ReplyCode, ReplyError, limits, replies};

fn encoded(reply: &Reply) -> Vec<u8> {
    let mut out = BytesMut::new();
    reply.encode(&mut out);
    out.to_vec()
}

fn encoded_utf8(reply: &Reply) -> Vec<u8> {
    let mut out = BytesMut::new();
    reply.encode_utf8(&mut out);
    out.to_vec()
}

fn code(value: u16) -> ReplyCode {
    ReplyCode::new(value).unwrap()
}

fn reply(value: u16, enhanced: Option<(u8, u16, u16)>, text: &'static str) -> Reply {
    let enhanced =
        enhanced.map(|(class, subject, detail)| EnhancedCode::new(class, subject, detail));
    Reply::new(code(value), enhanced, text)
}

#[track_caller]
fn parsed(octets: &[u8]) -> Reply {
    let (reply, consumed) = Reply::parse(octets).unwrap().unwrap();
    assert_eq!(consumed, octets.len());
    reply
}

#[test]
fn stock_replies_have_the_codes_that_sessions_rely_on() {
    for (reply, start) in STOCK {
        let octets = encoded(reply);
        let text = String::from_utf8(octets.clone()).unwrap();
        assert!(text.starts_with(start), "{text:?} {start}");
        assert!(text.len() > "250 2.0.0 \r\n".len(), "{text:?}");
        assert_eq!(text.matches("\r\n").count(), 1, "{text:?}");
        assert!(text.is_ascii());
        assert_eq!(&parsed(&octets), reply);
    }
    assert!(replies::BARE_LINE_FEED.text().contains("bare <LF> received"));
    let in_content = replies::BARE_NEWLINE_IN_CONTENT;
    assert!(in_content.text().contains("bare <CR> or bare <LF> received"));
}

/// What each enhanced code means is not for us to decide.
// rows: 3463-3.2-a, 3463-3.3-a, 3463-3.4-a, 3463-3.6-a, 3463-3.8-a, 5248-2.4-a
#[test]
fn stock_replies_pair_codes_as_the_registry_does() {
    for (reply, _) in STOCK {
        let Some(enhanced) = reply.enhanced() else { continue };
        let detail = (enhanced.subject(), enhanced.detail());
        if detail == (0, 0) {
            // Goes with any code.
            continue;
        }
        let pair = (detail, reply.code().value());
        let registered = REGISTRY.iter().find(|(known, _)| *known == detail);
        let codes = registered.map(|(_, codes)| *codes).unwrap_or_default();
        assert!(codes.contains(&pair.1) || OTHER_PAIRS.contains(&pair), "{reply}");
    }
}

/// The registry of RFC 5248 as far as we use it, with what later RFCs added. For X.1.0, X.1.4, X.1.6,
/// X.1.7 and X.4.0 it names no code.
const REGISTRY: &[((u16, u16), &[u16])] = &[
    ((1, 0), &[250, 554]),
    ((1, 1), &[451, 550]),
    ((1, 3), &[501]),
    ((1, 4), &[553]),
    ((1, 5), &[250, 251]),
    ((1, 6), &[551]),
    ((1, 7), &[501]),
    ((3, 0), &[221, 250, 421, 451, 550, 554]),
    ((3, 1), &[452]),
    ((3, 4), &[552, 554]),
    ((4, 0), &[554]),
    ((4, 2), &[421]),
    ((5, 0), &[220, 250, 251, 252, 253, 451, 452, 454, 458, 459, 501, 502, 503, 554]),
    ((5, 1), &[430, 500, 501, 503, 530, 550, 554, 555]),
    ((5, 2), &[500, 501, 502, 550, 555]),
    ((5, 3), &[451, 452]),
    ((5, 4), &[451, 501, 502, 503, 504, 550, 555]),
    ((5, 6), &[500]),
    ((6, 7), &[550, 553]),
    ((6, 8), &[252, 550, 553]),
    ((7, 0), &[220, 235, 450, 454, 500, 501, 503, 504, 530, 535, 550]),
    ((7, 1), &[451, 454, 502, 503, 533, 550, 551]),
    ((7, 8), &[535, 554]),
    ((7, 9), &[534]),
    ((7, 11), &[524, 538]),
    ((7, 12), &[422, 432]),
    ((7, 13), &[525]),
];

/// Pairs that the registry does not have, for the reason given.
const OTHER_PAIRS: &[((u16, u16), u16)] = &[
    // The registry has 552, which would make the client give up; a mailbox is emptied some day.
    ((2, 2), 452),
    // The registry has 453, which is the answer of RFC 2645 to whoever fetches mail; here the connection ends.
    ((3, 2), 421),
    // 458 and 459 are the answers of RFC 1985 alone.
    ((3, 0), 458),
    ((7, 1), 459),
    // 502 and 521 came with this meaning before and after the registry.
    ((5, 1), 502),
    ((5, 1), 521),
    // No other code says that the content itself is malformed.
    ((6, 0), 550),
    // 421 and 221 close, so the reason is left to the enhanced code.
    ((7, 0), 221),
    ((7, 0), 421),
    // The registry was made before VRFY had codes: RFC 5321 3.5 has these replies, RFC 6531 3.7.4 the last.
    ((1, 5), 251),
    ((1, 6), 551),
    ((1, 4), 553),
    ((6, 8), 252),
    ((6, 8), 550),
    // As Postfix answers, which those who read logs know.
    ((7, 1), 450),
    ((7, 1), 554),
];

// rows: 5321-4.2-b, 5321-4.2.1-a, 2034-3-a, 2034-4-b
#[test]
fn lines_that_are_written() {
    for (reply, lines) in [
        (reply(250, Some((2, 0, 0)), "OK"), "250 2.0.0 OK\r\n"),
        (reply(250, None, "mx.example"), "250 mx.example\r\n"),
        (reply(250, None, "first\nlast"), "250-first\r\n250 last\r\n"),
        (
            reply(551, Some((5, 7, 1)), "Not here\nTry elsewhere"),
            "551-5.7.1 Not here\r\n551 5.7.1 Try elsewhere\r\n",
        ),
        (reply(550, Some((5, 1, 1)), "no\nsuch user"), "550-5.1.1 no\r\n550 5.1.1 such user\r\n"),
        (reply(550, Some((5, 10, 100)), "x"), "550 5.10.100 x\r\n"),
        (reply(250, None, "a\n\nb"), "250-a\r\n250-\r\n250 b\r\n"),
        (reply(250, None, ""), "250 \r\n"),
        (reply(250, Some((2, 0, 0)), ""), "250 2.0.0 \r\n"),
    ] {
        assert_eq!(String::from_utf8(encoded(&reply)).unwrap(), lines);
        assert_eq!(parsed(lines.as_bytes()), reply);
    }
}

// rows: 5321-4.1.1.1-f, 5321-4.1.1.1-g, 5321-4.2-d, 5321-4.2-i, 5321-4.2-j
#[test]
fn lines_that_are_read() {
    for (octets, value, enhanced, text) in [
        ("250\r\n", 250, None, ""),
        ("250 \r\n", 250, None, ""),
        ("250-\r\n250\r\n", 250, None, "\n"),
        ("250 mx.example hello\r\n", 250, None, "mx.example hello"),
        ("220-mx.example\r\n220-hello\r\n220 ready\r\n", 220, None, "mx.example\nhello\nready"),
        (
            "250-mx.example greets you\r\n250-SIZE 1000\r\n250 PIPELINING\r\n",
            250,
            None,
            "mx.example greets you\nSIZE 1000\nPIPELINING",
        ),
        ("250-ok\r\n250 sender fine\r\n", 250, None, "ok\nsender fine"),
        ("571 5.7.1 no\r\n", 571, Some((5, 7, 1)), "no"),
        ("250 2.1.0\r\n", 250, Some((2, 1, 0)), ""),
        ("550 5.1.10 null MX\r\n", 550, Some((5, 1, 10)), "null MX"),
        ("550 4.1.1 other class\r\n", 550, None, "4.1.1 other class"),
        ("550 5.01.10 leading zero\r\n", 550, None, "5.01.10 leading zero"),
        ("550 5.1.1000 four digits\r\n", 550, None, "5.1.1000 four digits"),
        ("550 5.1 short\r\n", 550, None, "5.1 short"),
        ("550 5.1.1.1 long\r\n", 550, None, "5.1.1.1 long"),
        ("550 5.1.1\tno\r\n", 550, None, "5.1.1?no"),
        ("550-5.1.1 a\r\n550 b\r\n", 550, Some((5, 1, 1)), "a\nb"),
        ("550-5.1.1 a\r\n550 5.1.2 b\r\n", 550, Some((5, 1, 1)), "a\n5.1.2 b"),
        ("550-a\r\n550 5.1.2 b\r\n", 550, None, "a\n5.1.2 b"),
        ("250 a\rb\nc\0d\r\n", 250, None, "a?b?c?d"),
        ("250 \x1b[31m\r\n", 250, None, "?[31m"),
    ] {
        let found = parsed(octets.as_bytes());
        assert_eq!(found.code(), code(value), "{octets:?}");
        let enhanced =
            enhanced.map(|(class, subject, detail)| EnhancedCode::new(class, subject, detail));
        assert_eq!(found.enhanced(), enhanced, "{octets:?}");
        assert_eq!(found.text(), text, "{octets:?}");
    }
    assert_eq!(parsed(b"250 \xffa\r\n").text(), "\u{fffd}a");
}

#[test]
fn c06_replies_that_cannot_be_followed() {
    for (octets, error) in [
        ("999 x\r\n", ReplyError::Code),
        ("199 x\r\n", ReplyError::Code),
        ("25\r\n", ReplyError::Code),
        ("\r\n", ReplyError::Code),
        ("2500\r\n", ReplyError::Code),
        ("250\tx\r\n", ReplyError::Code),
        ("+50 x\r\n", ReplyError::Code),
        ("2 0 x\r\n", ReplyError::Code),
        ("hello\r\n", ReplyError::Code),
        ("250-a\r\n\r\n", ReplyError::Code),
        ("250-a\r\n251 b\r\n", ReplyError::CodeChanged),
        ("250-a\r\n550 b\r\n", ReplyError::CodeChanged),
    ] {
        assert_eq!(Reply::parse(octets.as_bytes()), Err(error), "{octets:?}");
    }

    let endless = vec![b'2'; limits::REPLY_BYTES_MAX];
    assert_eq!(Reply::parse(&endless[1..]), Ok(None));
    assert_eq!(Reply::parse(&endless), Err(ReplyError::TooLong));
    let mut longest = b"250 ".to_vec();
    longest.resize(limits::REPLY_BYTES_MAX - 2, b'x');
    longest.extend(b"\r\n");
    assert_eq!(parsed(&longest).text().len(), limits::REPLY_BYTES_MAX - 6);

    let most = b"250-x\r\n".repeat(limits::REPLY_LINES_MAX);
    assert_eq!(Reply::parse(&most), Ok(None));
    assert_eq!(parsed(&[&most[7..], b"250 x\r\n"].concat()).lines().count(), 1_000);
    assert_eq!(Reply::parse(&[&most[..], b"250 x\r\n"].concat()), Err(ReplyError::TooManyLines));
}

/// However long a server goes on, a client needs to hold no more than the limits before it is told.
#[test]
fn c06_replies_without_end_are_given_up_early() {
    let gibibyte = 1 << 30;
    for (piece, error) in [
        (&b"250-x\r\n"[..], ReplyError::TooManyLines),
        (b"250-\r\n", ReplyError::TooManyLines),
        (
            b"250-a long line of a reply without an end, so that the octets are too many\r\n",
            ReplyError::TooLong,
        ),
        (b"x", ReplyError::TooLong),
        (b"\n", ReplyError::TooLong),
        (b"\r", ReplyError::TooLong),
        (b"\0", ReplyError::TooLong),
    ] {
        // Each read is looked at, not each octet.
        let read = piece.repeat(4_096 / piece.len());
        let (mut held, mut sent) = (Vec::new(), 0);
        let given_up = loop {
            assert!(sent < gibibyte, "{piece:?}");
            held.extend_from_slice(&read);
            sent += read.len();
            match Reply::parse(&held) {
                Ok(None) => assert!(held.len() < limits::REPLY_BYTES_MAX),
                other => break other,
            }
        };
        assert_eq!(given_up, Err(error), "{piece:?}");
    }
}

#[test]
fn c06_text_is_optional_and_nul_is_none() {
    for octets in ["250\r\n", "250 \r\n", "250-\r\n250\r\n"] {
        assert_eq!(parsed(octets.as_bytes()).text().trim(), "", "{octets:?}");
    }
    assert_eq!(parsed(b"250 a\0b\r\n").text(), "a?b");
    assert_eq!(Reply::parse(b"25\x00 a\r\n"), Err(ReplyError::Code));
    assert_eq!(Reply::parse(b"250\0a\r\n"), Err(ReplyError::Code));
}

#[test]
fn a_reply_is_whole_only_with_its_last_line_end() {
    let octets = b"250-mx.example\r\n250-SIZE 1000\r\n250 PIPELINING\r\n";
    for length in 0..octets.len() {
        assert_eq!(Reply::parse(&octets[..length]), Ok(None), "{length}");
    }
    let (_, consumed) = Reply::parse(&[octets, &b"354 go\r\n"[..]].concat()).unwrap().unwrap();
    assert_eq!(consumed, octets.len());
}

// rows: 2034-3-b, 2034-4-a, 3463-2-a
#[test]
fn enhanced_codes_agree_with_codes() {
    assert_eq!(reply(550, Some((4, 1, 1)), "x").enhanced(), Some(EnhancedCode::new(5, 1, 1)));
    assert_eq!(reply(354, Some((2, 0, 0)), "x").enhanced(), None);
    assert_eq!(EnhancedCode::new(5, 1, 10).to_string(), "5.1.10");
    assert_eq!(EnhancedCode::new(5, 7, 1).with_class(4), EnhancedCode::new(4, 7, 1));
    assert_eq!(EnhancedCode::new(5, 7, 1).with_class(3), EnhancedCode::new(5, 7, 1));
    for text in ["3.1.1", "5.01.10", "5.1", "5.1.1.1", "5.1.1000", "5..1", "+5.1.1", "", "258.1.1"]
    {
        assert_eq!(EnhancedCode::parse(text), None, "{text}");
    }
}

// rows: 5321-4.2-g
#[test]
fn codes_from_200_to_599() {
    for value in [0, 99, 100, 199, 600, 999, u16::MAX] {
        assert_eq!(ReplyCode::new(value), None, "{value}");
    }
    for value in 200..=599 {
        let found = code(value);
        let classes = [
            found.is_positive_completion(),
            found.is_intermediate(),
            found.is_transient(),
            found.is_permanent(),
        ];
        assert_eq!(classes.iter().position(|&is| is), Some(usize::from(value / 100 - 2)));
        assert_eq!(found.to_string(), value.to_string());
        assert_eq!(found.value(), value);
    }
}

// rows: 5321-4.2-c
#[test]
fn quoted_input_cannot_end_a_line() {
    let hostile = "x\r\n250 2.0.0 Ok\r\n\0\u{1b}[2J\t\u{7f}\u{85}";
    let octets = encoded(&Reply::new(code(550), Some(EnhancedCode::new(5, 1, 1)), hostile));
    assert_eq!(octets, b"550-5.1.1 x?\r\n550-5.1.1 250 2.0.0 Ok?\r\n550 5.1.1 ??[2J???\r\n");
}

// rows: 5321-4.2-c, 6531-3.7.4.2-c
#[test]
fn text_beyond_ascii_is_written_only_for_a_client_that_asked_for_it() {
    let reply = reply(250, Some((2, 1, 5)), "<дима@d.example>\nok");
    assert_eq!(encoded(&reply), b"250-2.1.5 <????@d.example>\r\n250 2.1.5 ok\r\n");
    let expected = "250-2.1.5 <дима@d.example>\r\n250 2.1.5 ok\r\n";
    assert_eq!(encoded_utf8(&reply), expected.as_bytes());
}

#[test]
fn a_reply_prints_on_one_line() {
    assert_eq!(
        reply(550, Some((5, 1, 1)), "no\nsuch user").to_string(),
        "550 5.1.1 no / such user"
    );
    assert_eq!(replies::START_MAIL_INPUT.to_string(), "354 End data with <CR><LF>.<CR><LF>");
}

// rows: 5321-4.5.3.1.5-a
#[test]
fn long_text_is_folded_behind_spaces_and_between_characters() {
    let words = "twelve chars ".repeat(100);
    let octets = encoded(&Reply::new(code(550), None, words.clone()));
    let lines: Vec<_> = octets.split_inclusive(|&octet| octet == b'\n').collect();
    assert!(lines.len() == 3 && lines.iter().all(|line| line.len() <= 512));
    assert!(lines.iter().all(|line| line.ends_with(b" \r\n")), "words stay whole");
    assert_eq!(parsed(&octets).text().replace('\n', ""), words);

    let exact = "x".repeat(506);
    let octets = encoded(&Reply::new(code(550), None, exact.clone()));
    assert_eq!(octets.len(), 512);
    let octets = encoded(&Reply::new(code(550), None, exact.clone() + "y"));
    assert_eq!(octets, format!("550-{exact}\r\n550 y\r\n").as_bytes());
    let octets = encoded(&Reply::new(code(550), None, exact.clone() + "\ny"));
    assert_eq!(octets, format!("550-{exact}\r\n550 y\r\n").as_bytes());

    let wide = "字".repeat(500);
    let reply = Reply::new(code(550), Some(EnhancedCode::new(5, 1, 1)), wide.clone());
    let octets = encoded_utf8(&reply);
    assert_eq!(parsed(&octets).text().replace('\n', ""), wide);
}

proptest! {
    #[test]
    fn any_text_makes_well_formed_lines(
        value in 200..=599_u16,
        enhanced in any::<bool>(),
        text in "(\\PC|[\r\n\t\0 ]){0,900}",
    ) {
        let enhanced = enhanced.then(|| EnhancedCode::new(5, 1, 999));
        let reply = Reply::new(code(value), enhanced, text.clone());
        prop_assert!(encoded(&reply).is_ascii());
        let octets = encoded_utf8(&reply);
        let written = String::from_utf8(octets.clone()).unwrap();
        let lines: Vec<_> = written.strip_suffix("\r\n").unwrap().split("\r\n").collect();
        for (index, line) in lines.iter().enumerate() {
            let separator = if index + 1 == lines.len() { ' ' } else { '-' };
            let start = format!("{value}{separator}");
            prop_assert!(line.starts_with(&start), "{line:?}");
            prop_assert!(line.len() <= 510 || value == 334, "{}", line.len());
            prop_assert!(!line.contains(char::is_control), "{line:?}");
        }
        for length in [1, octets.len() / 2, octets.len() - 1] {
            prop_assert_eq!(Reply::parse(&octets[..length]), Ok(None));
        }
        let again = parsed(&octets);
        prop_assert_eq!(again.code(), reply.code());
        if let Some(enhanced) = reply.enhanced() {
            prop_assert_eq!(again.enhanced(), Some(enhanced));
            prop_assert_eq!(again.text().replace('\n', ""), reply.text().replace('\n', ""));
        }
    }

    #[test]
    fn whatever_parses_is_written_and_parses_again(
        octets in prop::collection::vec(prop::sample::select(PIECES), 0..14),
    ) {
        if let Ok(Some((reply, consumed))) = Reply::parse(octets.concat().as_bytes()) {
            prop_assert!(consumed <= octets.concat().len());
            prop_assert_eq!(parsed(&encoded_utf8(&reply)), reply);
        }
    }

    #[test]
    fn any_octets_make_a_reply_or_an_error(octets in prop::collection::vec(any::<u8>(), 0..100)) {
        let input = [b"250-a\r\n250 ", &octets[..], b"\r\n"].concat();
        let (reply, _) = Reply::parse(&input).unwrap().unwrap();
        prop_assert_eq!(reply.code(), ReplyCode::OK);
        prop_assert!(!reply.text().contains(|c: char| c.is_control() && c != '\n'));
        if let Ok(Some((_, consumed))) = Reply::parse(&octets) {
            prop_assert!(consumed <= octets.len());
        }
    }
}

const PIECES: &[&str] = &[
    "250",
    "250",
    "550",
    "-",
    "-",
    " ",
    " ",
    "\r\n",
    "\r\n",
    "\r\n250-",
    "\r\n250 ",
    "2.0.0",
    "2.0.0 ",
    "5.1.1 ",
    "text",
    "\n",
    "\r",
    "ü",
    "\t",
    "2.0.0 2.0.0 ",
];

static STOCK: &[(Reply, &str)] = &[
    (replies::OK, "250 2.0.0 "),
    (replies::SENDER_OK, "250 2.1.0 "),
    (replies::RECIPIENT_OK, "250 2.1.5 "),
    (replies::START_MAIL_INPUT, "354 "),
    (replies::CLOSING, "221 2.0.0 "),
    (replies::READY_FOR_TLS, "220 2.0.0 "),
    (replies::HELP, "214 2.0.0 "),
    (replies::CANNOT_VERIFY, "252 2.5.0 "),
    (replies::CANNOT_EXPAND, "252 2.5.0 "),
    (replies::WILL_FORWARD, "251 2.1.5 "),
    (replies::USER_NOT_LOCAL, "551 5.1.6 "),
    (replies::NAME_UNKNOWN, "550 5.1.1 "),
    (replies::NAME_AMBIGUOUS, "553 5.1.4 "),
    (replies::REPLY_NEEDS_SMTPUTF8, "252 2.6.8 "),
    (replies::REFUSAL_NEEDS_SMTPUTF8, "550 5.6.8 "),
    (replies::UNKNOWN_COMMAND, "500 5.5.2 "),
    (replies::NOT_IMPLEMENTED, "502 5.5.1 "),
    (replies::LINE_TOO_LONG, "500 5.5.2 "),
    (replies::NOT_UTF8, "500 5.5.2 "),
    (replies::BARE_LINE_FEED, "550 5.5.2 "),
    (replies::BARE_NEWLINE_IN_CONTENT, "550 5.5.2 "),
    (replies::NUL_IN_CONTENT, "550 5.6.0 "),
    (replies::SYNTAX_ERROR, "501 5.5.4 "),
    (replies::UNEXPECTED_ARGUMENT, "501 5.5.4 "),
    (replies::MISSING_ARGUMENT, "501 5.5.4 "),
    (replies::BAD_CLIENT_NAME, "501 5.5.4 "),
    (replies::BAD_SENDER, "501 5.1.7 "),
    (replies::BAD_RECIPIENT, "501 5.1.3 "),
    (replies::BAD_PARAMETER, "501 5.5.4 "),
    (replies::UNSUPPORTED_PARAMETER, "555 5.5.4 "),
    (replies::BAD_CHUNK, "501 5.5.4 "),
    (replies::NEED_HELLO, "503 5.5.1 "),
    (replies::NO_SERVICE, "503 5.5.1 "),
    (replies::WRONG_HELLO, "500 5.5.1 "),
    (replies::NESTED_MAIL, "503 5.5.1 "),
    (replies::NEED_MAIL, "503 5.5.1 Need MAIL first"),
    (replies::NEED_RECIPIENT, "503 5.5.1 "),
    (replies::NO_VALID_RECIPIENTS, "554 5.5.1 "),
    (replies::AFTER_BDAT, "503 5.5.1 "),
    (replies::CHUNK_WITHOUT_TRANSACTION, "503 5.5.1 "),
    (replies::CHUNKING_NOT_OFFERED, "521 5.5.1 "),
    (replies::TOO_MANY_RECIPIENTS, "452 4.5.3 "),
    (replies::ONE_RECIPIENT_PER_TRANSACTION, "452 4.5.3 "),
    (replies::MESSAGE_TOO_LARGE, "552 5.3.4 "),
    (replies::HEADER_TOO_LARGE, "552 5.3.4 "),
    (replies::NOT_ASCII, "500 5.5.2 "),
    (replies::SENDER_NEEDS_SMTPUTF8, "550 5.6.7 "),
    (replies::USER_UNKNOWN, "550 5.1.1 User unknown"),
    (replies::MAILBOX_FULL, "452 4.2.2 "),
    (replies::INSUFFICIENT_STORAGE, "452 4.3.1 "),
    (replies::RECIPIENT_NEEDS_SMTPUTF8, "553 5.6.7 "),
    (replies::UNQUALIFIED_DOMAIN, "554 5.1.0 "),
    (replies::RELAY_DENIED, "554 5.7.1 Relay access denied"),
    (replies::RELAY_DEFERRED, "454 4.7.1 Relay access denied"),
    (replies::ACCESS_DENIED, "554 5.7.1 Access denied"),
    (replies::ACCESS_DEFERRED, "450 4.7.1 Access denied"),
    (replies::LOCAL_ERROR, "451 4.3.0 "),
    (replies::DELIVER_BY_TOO_SOON, "555 5.5.4 "),
    (replies::HOLD_TOO_LONG, "501 5.5.4 "),
    (replies::HOLD_BEYOND_DELIVER_BY, "501 5.5.4 "),
    (replies::TLS_ALREADY_ACTIVE, "554 5.5.1 "),
    (replies::TLS_NOT_OFFERED, "502 5.5.1 "),
    (replies::IN_TRANSACTION, "503 5.5.1 "),
    (replies::NOT_AUTHORIZED, "550 5.7.0 "),
    (replies::TLS_PIPELINED, "554 5.5.0 "),
    (replies::OUT_OF_TURN, "554 5.5.0 "),
    (replies::TOO_MANY_HOPS, "554 5.4.0 "),
    (replies::CONTENT_ANALYSIS_STARTED, "353 "),
    (replies::REFUSED_FOR_ALL, "550 5.0.0 "),
    (replies::DEFERRED_FOR_ALL, "451 4.0.0 "),
    (replies::BINARY_NEEDS_BDAT, "503 5.5.1 "),
    (replies::AUTH_SUCCEEDED, "235 2.7.0 "),
    (replies::AUTH_FAILED, "535 5.7.8 "),
    (replies::AUTH_CANCELLED, "501 5.7.0 "),
    (replies::AUTH_UNKNOWN_MECHANISM, "504 5.5.4 "),
    (replies::AUTH_ENCRYPTION_REQUIRED, "504 5.5.4 "),
    (replies::AUTH_ALREADY_DONE, "503 5.5.1 "),
    (replies::AUTH_IN_TRANSACTION, "503 5.5.1 "),
    (replies::AUTH_NOT_OFFERED, "503 5.5.1 "),
    (replies::AUTH_TEMPORARY_FAILURE, "454 4.7.0 "),
    (replies::AUTH_UNEXPECTED_RESPONSE, "501 5.7.0 "),
    (replies::AUTH_MECHANISM_TOO_WEAK, "534 5.7.9 "),
    (replies::AUTH_ACCOUNT_DISABLED, "525 5.7.13 "),
    (replies::AUTH_TRANSITION_NEEDED, "432 4.7.12 "),
    (replies::AUTH_TOO_MANY_FAILURES, "450 4.7.1 "),
    (replies::AUTH_REQUIRED, "530 5.7.0 "),
    (replies::AUTH_BAD_BASE64, "501 5.5.2 "),
    (replies::AUTH_LINE_TOO_LONG, "500 5.5.6 "),
    (replies::ETRN_STARTED, "250 2.0.0 "),
    (replies::ETRN_NOTHING_WAITS, "251 2.0.0 "),
    (replies::ETRN_PENDING_STARTED, "252 2.0.0 "),
    (replies::ETRN_UNABLE, "458 4.3.0 "),
    (replies::ETRN_NOT_ALLOWED, "459 4.7.1 "),
    (replies::TIMED_OUT, "421 4.4.2 "),
    (replies::SHUTTING_DOWN, "421 4.3.2 "),
    (replies::TOO_MANY_ERRORS, "421 4.7.0 "),
    (replies::TOO_MANY_CONNECTIONS, "421 4.7.0 "),
    (replies::TOO_MUCH_DISCARDED, "421 4.7.0 "),
    (replies::NOT_SMTP, "221 2.7.0 "),
];
