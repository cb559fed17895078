//! What is written is what is read: parse, encode, parse.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use bytes::BytesMut;
use proptest::prelude::*;
use smtp_proto::{
    Attribute, Command, DateTime, Domain, EhloReply, EnhancedCode, EtrnArgument, Extension,
    ForwardPath, InitialResponse, LocalPart, Mailbox, OriginalRecipient, Query, Reply, ReversePath,
    Verb, XClient, utf8_addr, xtext,
};

const LOCAL_PART: &str = r#"([a-zA-Z0-9!#$%&'*+/=?^_`{|}~ж-]{1,6}(\.[a-zé]{1,6}){0,3})|("([ !#-\[\]-~ü]|\\[ -~]){1,20}")"#;
const DOMAIN: &str = r"([a-zA-Z0-9ü]([a-zA-Z0-9-]{0,6}[a-z0-9])?(\.[a-zA-Z]{1,5}){0,3})|(\[192\.0\.2\.[1-9]\])|(\[[iI][pP]v6:2001:db8::[0-9a-fA-F]{1,4}\])|(\[[g-z]{1,4}:[!-Z^-~]{1,9}\])";
const ROUTE: &str = r"((@[a-z]{1,3}(\.example)?,){0,2}@[a-z]{1,3}:)?";
const DATE_TIME: &str =
    r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]";
const MAIL_PARAMETERS: &str = r"( SIZE=[0-9]{1,18})?( body=(7bit|8BITMIME|BinaryMime))?( SMTPUTF8)?( AUTH=(<>|[a-z]{1,5}\+2B@[a-z]{1,5}))?( ret=(full|HDRS))?( ENVID=([!-*,-<>-~]|\+[2-6][0-9A-Fa-f]){1,30})?( RequireTLS)?( MT-PRIORITY=(0|-?[1-9]))?( by=([+-]?[0-9]{1,9};nt?|[1-9][0-9]{0,8};[rR][tT]?))?( X-[a-z]{1,5}(=[!-<>-~д]{1,9})?)?( NOTIFY=NEVER)?( HOLDFOR=[1-9][0-9]{0,8})?";
const RCPT_PARAMETERS: &str = r"( NOTIFY=(never|(SUCCESS|failure|Delay)(,(SUCCESS|failure|Delay)){0,2}))?( ORCPT=(rfc822;([!-*,-<>-~]|\+[2-6][0-9A-F]){1,30}|utf-8;([!-*,-<>-\[\]-~дü]|\\x\{(5C|434|1F600|20)\}){1,20}))?( X-[a-z]{1,5}(=[!-<>-~д]{1,9})?)?( RET=HDRS)?";

fn encoded(command: &Command<'_>) -> Vec<u8> {
    let mut out = BytesMut::new();
    command.encode(&mut out);
    out.to_vec()
}

/// Parses `line`; if it is a command, writes it, reads it again and compares.
fn round_trip(line: &[u8]) -> Option<Vec<u8>> {
    let command = Command::parse(line).ok()?;
    let written = encoded(&command);
    let again = written.strip_suffix(b"\r\n").expect("a line ends in CRLF");
    assert!(!again.iter().any(u8::is_ascii_control), "one line: {:?}", written.escape_ascii());
    let parsed = Command::parse(again).expect("what we write, we read");
    assert_eq!(parsed, command);
    assert_eq!(encoded(&parsed), written, "writing twice writes the same");
    assert_eq!(command.clone().into_owned(), command);
    assert_eq!(Verb::of(again), command.verb());
    Some(written)
}

/// Whether a local-part of [`LOCAL_PART`] goes out as it came.
fn least_quoted(local_part: &str) -> bool {
    LocalPart::new(local_part).is_ok_and(|parsed| parsed.least_quoted() == local_part)
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

// rows: 5321-3.3-d
#[test]
fn known_lines() {
    for (line, written) in [
        ("ehlo client.example", "EHLO client.example"),
        ("EHLO [192.0.2.1] my laptop", "EHLO [192.0.2.1]"),
        ("LHLO q.example", "LHLO q.example"),
        ("MAIL FROM:<a@b.example>", "MAIL FROM:<a@b.example>"),
        ("MAIL FROM: <>   BODY=8BITMIME size=007", "MAIL FROM:<> SIZE=7 BODY=8BITMIME"),
        ("MAIL FROM:<> X=y AUTH=<> SMTPUTF8", "MAIL FROM:<> SMTPUTF8 AUTH=<> X=y"),
        ("MAIL FROM:<> by=+0120;rt holdfor=60", "MAIL FROM:<> BY=120;RT HOLDFOR=60"),
        ("MAIL FROM:<> envid=a+2b mt-priority=0", "MAIL FROM:<> ENVID=a+2b MT-PRIORITY=0"),
        ("MAIL FROM:<> requiretls ret=hdrs", "MAIL FROM:<> RET=HDRS REQUIRETLS"),
        (
            "RCPT TO:<a@b> orcpt=RFC822;a+2B@B notify=delay,success,DELAY",
            "RCPT TO:<a@b> NOTIFY=SUCCESS,DELAY ORCPT=RFC822;a+2B@B",
        ),
        ("RCPT TO:<a@b> rrvs=2014-04-03t23:01:00z;c", "RCPT TO:<a@b> RRVS=2014-04-03t23:01:00z;C"),
        ("RCPT TO: <@a,@B:\"kim\"@D.example>", "RCPT TO:<@a,@B:kim@D.example>"),
        ("RCPT TO:<PostMaster> NOTIFY=NEVER", "RCPT TO:<postmaster> NOTIFY=NEVER"),
        ("data ", "DATA"),
        ("bdat 0086 last", "BDAT 86 LAST"),
        ("NOOP ping", "NOOP"),
        ("auth plain =", "AUTH plain ="),
        ("VRFY \"Joe Smith\"", "VRFY \"Joe Smith\""),
        ("EXPN  staff ", "EXPN staff"),
        ("HELP", "HELP"),
        ("help rcpt", "HELP rcpt"),
        ("RSET", "RSET"),
        ("QUIT", "QUIT"),
        ("STARTTLS", "STARTTLS"),
        ("vrfy  дима  smtputf8 ", "VRFY дима SMTPUTF8"),
        ("EXPN SMTPUTF8", "EXPN SMTPUTF8"),
        ("VRFY SMTPUTF8 SMTPUTF8", "VRFY SMTPUTF8 SMTPUTF8"),
        ("etrn Example.ORG", "ETRN Example.ORG"),
        ("ETRN @example.org", "ETRN @example.org"),
        ("ETRN #slow", "ETRN #slow"),
        (
            "xclient port=25 name=[unavailable] Addr=ipv6:2001:DB8:0::1 helo=c.example",
            "XCLIENT NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::1 PORT=25 HELO=c.example",
        ),
        ("XCLIENT LOGIN=a+2bb+3dc", "XCLIENT LOGIN=a+2Bb+3Dc"),
        (
            "XFORWARD SOURCE=local IDENT=4F2A PROTO=UUCP ADDR=192.0.2.9",
            "XFORWARD ADDR=192.0.2.9 PROTO=UUCP IDENT=4F2A SOURCE=LOCAL",
        ),
    ] {
        let expected = format!("{written}\r\n").into_bytes();
        assert_eq!(round_trip(line.as_bytes()), Some(expected), "{line}");
    }
}

#[test]
fn e01_free_text_that_a_program_supplies_stays_on_its_line() {
    let text = "kim\r\nRCPT TO:<c@d>\0\u{85}";
    for (command, verb) in [
        (Command::Vrfy(Query::new(text)), "VRFY "),
        (Command::Expn(Query::new(text)), "EXPN "),
        (Command::Help(Some(text.into())), "HELP "),
        (Command::Etrn(EtrnArgument::Queue(text.into())), "ETRN #"),
        (Command::Other { verb: "X\n".into(), argument: text.into() }, "X? "),
    ] {
        let expected = format!("{verb}kim??RCPT TO:<c@d>??\r\n");
        assert_eq!(encoded(&command), expected.as_bytes());
    }
}

#[test]
fn extensions_are_written_as_they_are_read() {
    for text in [
        "PIPELINING",
        "SIZE",
        "SIZE 0",
        "SIZE 10485760",
        "8BITMIME",
        "SMTPUTF8",
        "STARTTLS",
        "AUTH PLAIN SCRAM-SHA-256",
        "ENHANCEDSTATUSCODES",
        "CHUNKING",
        "BINARYMIME",
        "DSN",
        "LIMITS MAILMAX=5 RCPTMAX=20 RCPTDOMAINMAX=1",
        "LIMITS RCPTMAX=20",
        "HELP",
        "VRFY",
        "EXPN",
        "ETRN",
        "REQUIRETLS",
        "RRVS",
        "PRDR",
        "DELIVERBY",
        "DELIVERBY 240",
        "FUTURERELEASE 86400 2030-01-01T00:00:00Z",
        "MT-PRIORITY",
        "MT-PRIORITY MIXER STANAG4406",
        "XCLIENT NAME ADDR",
        "XFORWARD NAME SOURCE NEW",
        "X-NEW",
        "X-NEW a  b",
    ] {
        assert_eq!(Extension::parse(text).unwrap().to_string(), text);
    }
    let injecting = Extension::Other { keyword: "X".into(), arguments: "a\r\n250 b".into() };
    assert_eq!(injecting.to_string(), "X a??250 b");
}

proptest! {
    #[test]
    fn mail_commands(
        local_part in LOCAL_PART,
        domain in DOMAIN,
        route in ROUTE,
        space in " ?",
        parameters in MAIL_PARAMETERS,
    ) {
        let path = format!("<{route}{local_part}@{domain}>");
        let line = format!("MAIL FROM:{space}{path}{parameters}");
        let written = round_trip(line.as_bytes());
        prop_assert!(written.is_some(), "{line}");
        if least_quoted(&local_part) {
            let path = format!("MAIL FROM:{path}").into_bytes();
            prop_assert!(written.unwrap().starts_with(&path), "{line}");
        }
    }

    #[test]
    fn rcpt_commands(
        local_part in LOCAL_PART,
        domain in DOMAIN,
        route in ROUTE,
        space in " ?",
        parameters in RCPT_PARAMETERS,
    ) {
        let path = format!("<{route}{local_part}@{domain}>");
        let line = format!("rcpt to:{space}{path}{parameters}");
        let written = round_trip(line.as_bytes());
        prop_assert!(written.is_some(), "{line}");
        if least_quoted(&local_part) {
            let path = format!("RCPT TO:{path}").into_bytes();
            prop_assert!(written.unwrap().starts_with(&path), "{line}");
        }
    }

    #[test]
    fn times_in_parameters(
        time in DATE_TIME,
        fraction in r"(\.[0-9]{1,4})?",
        offset in "[+-]([01][0-9]|2[0-3]):[0-5][0-9]",
    ) {
        let line = format!("MAIL FROM:<> HOLDUNTIL={time}{fraction}Z");
        prop_assert_eq!(round_trip(line.as_bytes()), Some(format!("{line}\r\n").into_bytes()));
        let line = format!("RCPT TO:<a@b> RRVS={time}{offset};R");
        prop_assert_eq!(round_trip(line.as_bytes()), Some(format!("{line}\r\n").into_bytes()));

        let [utc, shifted] = ["Z", &offset].map(|zone| {
            DateTime::parse(&format!("{time}{zone}")).unwrap().into_owned().unix_seconds()
        });
        let minutes = offset[1..3].parse::<i64>().unwrap() * 60 + offset[4..].parse::<i64>().unwrap();
        let sign = if offset.starts_with('-') { -1 } else { 1 };
        prop_assert_eq!(utc - shifted, sign * minutes * 60);
    }

    #[test]
    fn times_of_seconds(unix_seconds in -62_167_219_200..=253_402_300_799_i64) {
        let time = DateTime::from_unix_seconds(unix_seconds).unwrap();
        prop_assert_eq!(&DateTime::parse(time.as_str()).unwrap(), &time);
        prop_assert_eq!(time.unix_seconds(), unix_seconds);
        prop_assert!(time.is_utc() && !time.has_fraction());
    }

    #[test]
    fn other_commands(
        line in r"(EHLO|helo|LHLO) [!-~ü]{1,30}|VRFY [!-~]( ?[!-~ж]){0,20}|BDAT [0-9]{1,19}( LAST)?|AUTH [A-Z0-9_-]{1,20}( [A-Za-z0-9+/=]{1,40})?|NOOP [ -~]{0,9}|HELP [ -~]{0,9}|ETRN @?[a-z]{1,9}(\.[a-z]{1,3}){0,2}|ETRN #[!-~]{1,9}",
    ) {
        prop_assert!(round_trip(line.as_bytes()).is_some(), "{line}");
    }

    #[test]
    fn nearly_commands(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..12)) {
        round_trip(pieces.concat().as_bytes());
    }

    #[test]
    fn attributes_of_clients(
        name in any::<String>(),
        address in any::<std::net::IpAddr>(),
        port in any::<u16>(),
        login in "[ -~ж]{1,40}",
        known in any::<bool>(),
    ) {
        let mut client = XClient::default();
        client.name = Some(if known { Attribute::Known(name.as_str().into()) } else { Attribute::Unavailable });
        client.address = Some(Attribute::Known(address));
        client.port = Some(Attribute::Known(port));
        client.login = Some(Attribute::Known(login.into()));
        client.destination_address = Some(Attribute::TemporarilyUnavailable);
        let written = encoded(&Command::XClient(Box::new(client.clone())));
        prop_assert!(!written[..written.len() - 2].iter().any(|octet| !octet.is_ascii() || octet.is_ascii_control()));
        let fits = xtext::encode(&name).len() <= 255 && !name.is_empty();
        if !known || (fits && !name.contains(char::is_control)) {
            prop_assert_eq!(round_trip(&written[..written.len() - 2]), Some(written.clone()));
            let read = Command::parse(&written[..written.len() - 2]);
            prop_assert_eq!(read, Ok(Command::XClient(Box::new(client))));
        }
    }

    #[test]
    fn any_octets(verb in 0..19_usize, rest in prop::collection::vec(any::<u8>(), 0..80)) {
        let verbs = ["EHLO ", "HELO ", "LHLO ", "MAIL FROM:<", "RCPT TO:<", "DATA", "BDAT ",
            "RSET", "NOOP ", "QUIT", "STARTTLS", "AUTH ", "VRFY ", "EXPN ",
            "ETRN ", "XCLIENT NAME=", "XCLIENT ADDR=", "XFORWARD ", ""];
        round_trip(&[verbs[verb].as_bytes(), &rest].concat());
    }

    #[test]
    fn mailboxes(local_part in LOCAL_PART, domain in DOMAIN) {
        let text = format!("{local_part}@{domain}");
        let mailbox = Mailbox::parse(&text).unwrap();
        prop_assert_eq!(mailbox.to_string(), &*text);
        prop_assert_eq!(&text.parse::<Mailbox<'static>>().unwrap(), &mailbox);
        prop_assert_eq!(mailbox.is_ascii(), text.is_ascii());

        let forward = format!("<{text}>");
        prop_assert_eq!(ForwardPath::parse(&forward).unwrap().to_string(), &*forward);
        prop_assert_eq!(ReversePath::parse(&forward).unwrap().to_string(), &*forward);

        let upper = domain.to_ascii_uppercase();
        let (lower, upper) = (Domain::parse(&domain).unwrap(), Domain::parse(&upper).unwrap());
        prop_assert_eq!(&lower, &upper);
        prop_assert_eq!(hash(&lower), hash(&upper));
    }

    #[test]
    fn local_parts(value in "[ -~ж]{1,30}") {
        let least = LocalPart::from_unquoted(&*value).unwrap();
        prop_assert_eq!(least.unquoted(), &*value);
        prop_assert_eq!(least.least_quoted(), least.as_str());

        // Every ASCII character quoted, needed or not.
        let mut wire = String::from("\"");
        for character in value.chars() {
            if character.is_ascii() && wire.len() + value.len() < 60 {
                wire.push('\\');
            } else if matches!(character, '"' | '\\') {
                return Ok(());
            }
            wire.push(character);
        }
        wire.push('"');
        let most = LocalPart::new(wire).unwrap();
        prop_assert_eq!(&most, &least);
        prop_assert_eq!(hash(&most), hash(&least));
        prop_assert_eq!(most.least_quoted(), least.as_str());
    }

    #[test]
    fn xtext_holds_any_text(text in any::<String>()) {
        let encoded = xtext::encode(&text);
        prop_assert!(encoded.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'='));
        match xtext::decode(&encoded) {
            Ok(decoded) => prop_assert_eq!(&decoded, &text),
            Err(_) => prop_assert!(text.contains(char::is_control), "{text:?}"),
        }
    }

    // rows: 6533-3-c
    #[test]
    fn utf8_addresses_hold_any_text(text in any::<String>()) {
        let (unitext, ascii) = (utf8_addr::encode_unitext(&text), utf8_addr::encode_xtext(&text));
        for encoded in [&unitext, &ascii] {
            let special = |c: char| c.is_ascii_control() || matches!(c, ' ' | '+' | '=');
            prop_assert!(!encoded.contains(special), "{encoded}");
            match utf8_addr::decode(encoded) {
                Ok(decoded) => prop_assert_eq!(&decoded, &text),
                Err(_) => prop_assert!(text.is_empty() || text.contains(char::is_control)),
            }
        }
        prop_assert!(ascii.is_ascii());
    }

    #[test]
    fn original_recipients_of_any_mailbox(local_part in LOCAL_PART, domain in DOMAIN) {
        let text = format!("{local_part}@{domain}");
        let orcpt = OriginalRecipient::of(&Mailbox::parse(&text).unwrap()).unwrap();
        prop_assert_eq!(orcpt.address(), &*text);
        prop_assert_eq!(&OriginalRecipient::new(orcpt.as_str()).unwrap(), &orcpt);
        let ascii = orcpt.to_ascii().unwrap();
        prop_assert!(ascii.is_ascii());
        prop_assert_eq!(ascii.address(), &*text);
    }

    #[test]
    fn initial_responses_hold_any_octets(octets in prop::collection::vec(any::<u8>(), 0..40)) {
        let response = InitialResponse::encode(&octets);
        prop_assert_eq!(response.decode().unwrap(), octets);
        prop_assert_eq!(&InitialResponse::new(response.as_str()).unwrap(), &response);
    }

    #[test]
    fn enhanced_codes(class in prop::sample::select(vec![2_u8, 4, 5]), subject in 0..=999_u16, detail in 0..=999_u16) {
        let code = EnhancedCode::new(class, subject, detail);
        prop_assert_eq!(EnhancedCode::parse(&code.to_string()), Some(code));
    }

    #[test]
    fn any_extension(text in "[a-zA-Z0-9-]{1,12}( [ -~]{0,30})?") {
        if let Ok(extension) = Extension::parse(&text) {
            let written = extension.to_string();
            prop_assert_eq!(Extension::parse(&written).unwrap(), extension);
        }
    }

    #[test]
    fn any_ehlo_reply(
        name in "[!-~]{1,20}",
        greeting in prop::option::of("[ -~]{0,600}"),
        lines in prop::collection::vec("[a-zA-Z0-9-]{1,12}( [!-~]{0,30}){0,20}", 0..8),
    ) {
        let mut octets = format!("250-{name}{}\r\n", greeting.map(|g| format!(" {g}")).unwrap_or_default());
        for line in &lines {
            octets.push_str(&format!("250-{line}\r\n"));
        }
        octets.push_str("250 DSN\r\n");
        let (reply, _) = Reply::parse(octets.as_bytes()).unwrap().unwrap();
        let read = EhloReply::parse(&reply).unwrap();
        prop_assert_eq!(read.extensions.last(), Some(&Extension::Dsn));
        let mut written = BytesMut::new();
        read.to_reply().encode(&mut written);
        prop_assert!(written.split_inclusive(|octet| *octet == b'\n').all(|line| line.len() <= 512));
        let (reply, _) = Reply::parse(&written).unwrap().unwrap();
        let again = EhloReply::parse(&reply).unwrap();
        let fits = |extension: &&Extension<'_>| extension.to_string().len() <= 506;
        prop_assert!(again.extensions.iter().eq(read.extensions.iter().filter(fits)));
        prop_assert_eq!(again.server_name, read.server_name);
    }
}

const PIECES: &[&str] = &[
    "MAIL",
    "RCPT",
    "EHLO",
    "BDAT",
    "AUTH",
    "VRFY",
    "HELP",
    " ",
    " ",
    "FROM:",
    "TO:",
    "<",
    ">",
    "<>",
    "a",
    "@",
    "b",
    ".",
    "\"",
    "\\",
    "[",
    "]",
    "IPv6:",
    "::1",
    ":",
    ",",
    "SIZE=",
    "1",
    "BODY=",
    "7BIT",
    "SMTPUTF8",
    "AUTH=",
    "X=",
    " RET=FULL",
    " ENVID=",
    " BY=",
    "9;R",
    " ORCPT=",
    "utf-8;",
    "rfc822;",
    "\\x{434}",
    " RRVS=",
    "2014-04-03T23:01:00Z",
    ";C",
    " NOTIFY=",
    "NEVER",
    " HOLDFOR=",
    " HOLDUNTIL=",
    "+3D",
    "=",
    "LAST",
    "PLAIN",
    "XCLIENT ",
    "ADDR=",
    "IPV6:",
    "ETRN ",
    "postmaster",
    "ü",
    "\t",
    "\r\n",
];
