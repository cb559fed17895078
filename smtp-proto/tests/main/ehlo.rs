//! What a server offers: one line of an EHLO reply, and the whole reply.

use bytes::BytesMut;
use smtp_proto::{EhloReply, Extension, Mechanism, Reply, SyntaxErrorKind as Kind};

fn parsed(octets: &str) -> Reply {
    Reply::parse(octets.as_bytes()).unwrap().unwrap().0
}

fn written(reply: &EhloReply<'_>) -> String {
    let mut out = BytesMut::new();
    reply.to_reply().encode(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

// rows: 5321-4.1.1.1-h, 5321-4.1.1.1-i, 1870-3-a, 4954-3-a, 9422-3-a, 6531-3.1-a, 3207-3-a, 2852-2-a, 4865-4.2-b
// rows: 9422-3.7-a, 9422-3.7-b, 9422-4.1-a, 9422-4.2-a, 9422-4.3-a
#[test]
fn extensions() {
    let limits = |mail_max, rcpt_max, rcpt_domain_max| Extension::Limits {
        mail_max,
        rcpt_max,
        rcpt_domain_max,
    };
    let other = |keyword: &'static str, arguments: &'static str| Extension::Other {
        keyword: keyword.into(),
        arguments: arguments.into(),
    };
    let auth = ["PLAIN", "SCRAM-SHA-256"].map(|name| Mechanism::new(name).unwrap()).to_vec();
    for (text, extension) in [
        ("PIPELINING", Extension::Pipelining),
        ("pipelining", Extension::Pipelining),
        ("SIZE", Extension::Size(None)),
        ("SIZE 0", Extension::Size(Some(0))),
        ("SIZE 10485760", Extension::Size(Some(10_485_760))),
        ("8BITMIME", Extension::EightBitMime),
        ("SMTPUTF8", Extension::SmtpUtf8),
        ("SMTPUTF8 anything", Extension::SmtpUtf8),
        ("STARTTLS", Extension::StartTls),
        ("AUTH PLAIN SCRAM-SHA-256", Extension::Auth(auth.clone())),
        ("AUTH PLAIN X!Y SCRAM-SHA-256 ", Extension::Auth(auth)),
        ("AUTH", Extension::Auth(Vec::new())),
        ("ENHANCEDSTATUSCODES", Extension::EnhancedStatusCodes),
        ("CHUNKING", Extension::Chunking),
        ("BINARYMIME", Extension::BinaryMime),
        ("DSN", Extension::Dsn),
        ("HELP", Extension::Help),
        ("LIMITS RCPTMAX=20 MAILMAX=5", limits(Some(5), Some(20), None)),
        ("LIMITS RCPTDOMAINMAX=1 NEW=x", limits(None, None, Some(1))),
        ("LIMITS MAILMAX=0 RCPTMAX=1000000 RCPTDOMAINMAX=", limits(None, None, None)),
        ("LIMITS RCPTMAX=20;X MAILMAX=5", limits(None, None, None)),
        ("LIMITS RCPTMAX=0 =1 MAILMAX=5", limits(None, None, None)),
        ("LIMITS RCPTMAX=0 NEW MAILMAX=5", limits(Some(5), None, None)),
        ("DELIVERBY", Extension::DeliverBy(None)),
        ("deliverby 240", Extension::DeliverBy(Some(240))),
        ("DELIVERBY 999999999,x", Extension::DeliverBy(Some(999_999_999))),
        (
            "FUTURERELEASE 86400 2030-01-01T00:00:00Z",
            Extension::FutureRelease {
                interval_max: 86_400,
                date_time_max: "2030-01-01T00:00:00Z".into(),
            },
        ),
        ("MT-PRIORITY", Extension::MtPriority(Vec::new())),
        ("mt-priority MIXER  NSEP", Extension::MtPriority(vec!["MIXER".into(), "NSEP".into()])),
        ("REQUIRETLS", Extension::RequireTls),
        ("RRVS", Extension::Rrvs),
        ("PRDR", Extension::Prdr),
        ("VRFY", Extension::Vrfy),
        ("EXPN", Extension::Expn),
        ("ETRN", Extension::Etrn),
        ("XCLIENT NAME NEW", Extension::XClient(vec!["NAME".into(), "NEW".into()])),
        ("XFORWARD", Extension::XForward(Vec::new())),
        ("X-NEW  a  b", other("X-NEW", " a  b")),
        ("X-NEW", other("X-NEW", "")),
    ] {
        assert_eq!(Extension::parse(text), Ok(extension), "{text}");
    }
}

#[test]
fn lines_that_are_no_extension() {
    for (text, kind) in [
        ("AUTH=LOGIN PLAIN", Kind::Parameter),
        ("", Kind::Parameter),
        (" SIZE", Kind::Parameter),
        ("-X", Kind::Parameter),
        ("SIZE 10k", Kind::ParameterValue),
        ("SIZE 99999999999999999999", Kind::ParameterValue),
        ("DELIVERBY -1", Kind::ParameterValue),
        ("DELIVERBY 1234567890", Kind::ParameterValue),
        ("FUTURERELEASE", Kind::ParameterValue),
        ("FUTURERELEASE 86400", Kind::ParameterValue),
        ("FUTURERELEASE x 2030-01-01T00:00:00Z", Kind::ParameterValue),
        ("X\r\nY", Kind::ControlCharacter),
    ] {
        assert_eq!(Extension::parse(text).unwrap_err().kind, kind, "{text:?}");
    }
}

// rows: 5321-4.1.1.1-f, 5321-4.1.1.1-i, 2034-3-b
#[test]
fn the_reply_is_written_name_first_and_one_keyword_a_line() {
    let mut reply = EhloReply {
        server_name: "mx.example".into(),
        greeting: Some("greets you".into()),
        extensions: vec![Extension::Size(Some(1000)), Extension::Pipelining],
    };
    let expected = "250-mx.example greets you\r\n250-SIZE 1000\r\n250 PIPELINING\r\n";
    assert_eq!(written(&reply), expected);
    assert_eq!(EhloReply::parse(&parsed(expected)), Some(reply.clone()));

    reply.extensions.clear();
    reply.greeting = None;
    assert_eq!(written(&reply), "250 mx.example\r\n");
}

// rows: 5321-4.1.1.1-g
#[test]
fn a_reply_of_one_line_offers_nothing() {
    for (octets, greeting) in [
        ("250 mx.example\r\n", None),
        ("250 mx.example \r\n", None),
        ("250 mx.example hello there\r\n", Some("hello there".into())),
    ] {
        let reply = parsed(octets);
        let server_name = "mx.example".into();
        let expected = EhloReply { server_name, greeting, extensions: Vec::new() };
        assert_eq!(EhloReply::parse(&reply), Some(expected), "{octets:?}");
    }
    assert_eq!(EhloReply::parse(&parsed("550 5.7.1 no\r\n")), None);
    assert_eq!(EhloReply::parse(&parsed("354 what\r\n")), None);
}

// rows: 5321-4.1.1.1-h, 5321-4.1.1.1-i
#[test]
fn lines_that_are_no_extension_are_skipped_and_unknown_ones_kept() {
    let reply = parsed(
        "250-mx.example\r\n250-AUTH=LOGIN PLAIN\r\n250-auth plain\r\n250-\r\n250-SIZE 10k\r\n\
         250-X-New  A  b\r\n250-pipelining\r\n250 dsn\r\n",
    );
    let expected = [
        Extension::Auth(vec![Mechanism::new("PLAIN").unwrap()]),
        Extension::Other { keyword: "X-New".into(), arguments: " A  b".into() },
        Extension::Pipelining,
        Extension::Dsn,
    ];
    let read = EhloReply::parse(&reply).unwrap();
    assert_eq!(read.extensions, expected);
    let again = read.to_reply();
    assert_eq!(EhloReply::parse(&again), Some(read));
}

// rows: 5321-4.5.3.1.5-a
#[test]
fn a_line_that_does_not_fit_offers_nothing_by_half() {
    let other = |bytes: usize| Extension::Other {
        keyword: "X-NEW".into(),
        arguments: "a".repeat(bytes - "X-NEW ".len()).into(),
    };
    let reply = EhloReply {
        server_name: "mx.example".into(),
        greeting: Some(format!("{}ж", "g".repeat(506 - "mx.example ".len() - 1)).into()),
        extensions: vec![other(506), other(507), Extension::Dsn],
    };
    let octets = written(&reply);
    let lines = octets.split_inclusive("\r\n").map(str::len).collect::<Vec<_>>();
    // The greeting loses its last character, which does not fit whole.
    assert_eq!(lines, [511, 512, "250 DSN\r\n".len()]);
}

#[test]
fn e01_what_a_program_supplies_stays_on_its_line() {
    let hostile = "a\r\n250 STARTTLS\n\0";
    let reply = EhloReply {
        server_name: hostile.into(),
        greeting: Some(hostile.into()),
        extensions: vec![
            Extension::Other { keyword: hostile.into(), arguments: hostile.into() },
            Extension::XClient(vec![hostile.into()]),
            Extension::FutureRelease { interval_max: 1, date_time_max: hostile.into() },
            Extension::MtPriority(vec![hostile.into()]),
        ],
    };
    let octets = written(&reply);
    assert_eq!(octets.matches('\n').count(), 5, "{octets:?}");
    assert_eq!(octets.matches('\r').count(), 5, "{octets:?}");
    assert!(octets.lines().all(|line| !line.contains(char::is_control)), "{octets:?}");
}
