//! Known answers: the parameters of MAIL and RCPT, and values that must be refused.

use std::borrow::Cow;

use smtp_proto::{
    BodyType, ByMode, Command, DateTime, DeliverBy, EnvelopeId, Hold, Line, LineDecoder,
    MailParams, Mailbox, MtPriority, NoSupportAction, Notify, OriginalRecipient, Parameter,
    RcptParams, Ret, Rrvs, SyntaxError, SyntaxErrorKind as Kind, limits, utf8_addr,
};

const MAIL: &str = "MAIL FROM:<a@b.example> ";
const RCPT: &str = "RCPT TO:<a@b.example> ";

fn mail(parameters: &str) -> Result<MailParams<'static>, SyntaxError> {
    match Command::parse(format!("{MAIL}{parameters}").as_bytes())?.into_owned() {
        Command::Mail { params, .. } => Ok(params),
        other => panic!("{parameters}: {other:?}"),
    }
}

fn rcpt(parameters: &str) -> Result<RcptParams<'static>, SyntaxError> {
    match Command::parse(format!("{RCPT}{parameters}").as_bytes())?.into_owned() {
        Command::Rcpt { params, .. } => Ok(params),
        other => panic!("{parameters}: {other:?}"),
    }
}

/// What is wrong, and where behind the path.
fn mail_error(parameters: &str) -> (Kind, usize) {
    let error = mail(parameters).expect_err(parameters);
    (error.kind, error.offset - MAIL.len())
}

fn rcpt_error(parameters: &str) -> (Kind, usize) {
    let error = rcpt(parameters).expect_err(parameters);
    (error.kind, error.offset - RCPT.len())
}

/// Every value is refused where its parameter begins.
#[track_caller]
fn refused_values(
    error: fn(&str) -> (Kind, usize),
    keyword: &str,
    values: impl IntoIterator<Item = &'static str>,
) {
    for value in values {
        let found = error(&format!("X=1 {keyword}={value}"));
        assert_eq!(found, (Kind::ParameterValue, 4), "{keyword}={value}");
    }
    assert_eq!(error(keyword), (Kind::ParameterValue, 0), "{keyword} without a value");
    assert_eq!(error(&format!("{keyword}=")).0, Kind::Parameter, "{keyword}=");
}

fn written(command: &Command<'_>) -> String {
    let mut out = bytes::BytesMut::new();
    command.encode(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

// rows: 3461-4.3-a
#[test]
fn ret() {
    for (value, ret) in [("FULL", Ret::Full), ("hdrs", Ret::Hdrs), ("Full", Ret::Full)] {
        assert_eq!(mail(&format!("RET={value}")).unwrap().ret, Some(ret));
    }
    refused_values(mail_error, "RET", ["ALL", "FULLX", "FULL,HDRS", "(HDRS)"]);
}

// rows: 3461-4-a, 3461-4-b, 3461-5.4-a
#[test]
fn envid_is_kept_and_can_be_read() {
    for (wire, text) in [
        ("QQ314159", "QQ314159"),
        ("a+20b", "a b"),
        ("(a)(b", "(a)(b"),
        ("+2B+3D", "+="),
        ("+2b+3d", "+="),
        ("a+62c", "abc"),
    ] {
        let envid = mail(&format!("ENVID={wire}")).unwrap().envid.unwrap();
        assert_eq!((envid.as_str(), &*envid.decoded()), (wire, text));
        assert_eq!(EnvelopeId::new(wire).unwrap(), envid);
    }
    assert_eq!(EnvelopeId::from_decoded("a b=c").unwrap().as_str(), "a+20b+3Dc");
    assert_eq!(EnvelopeId::from_decoded("a\r\nb"), None);
    assert_eq!(EnvelopeId::new(""), None);
    refused_values(mail_error, "ENVID", ["+", "a+2", "a+GG", "a+C3+A9", "é"]);

    let longest = "e".repeat(limits::ENVID_BYTES_MAX);
    assert_eq!(mail(&format!("ENVID={longest}")).unwrap().envid.unwrap().as_str(), longest);
    assert_eq!(mail_error(&format!("ENVID={longest}e")), (Kind::ParameterValue, 0));
    assert_eq!(EnvelopeId::from_decoded(&" ".repeat(34)), None, "102 octets of xtext");
}

// rows: 3461-4.1-a, 3461-5.4-a
#[test]
fn notify_is_never_or_a_set() {
    let set = |success, failure, delay| Notify { success, failure, delay };
    for (value, notify) in [
        ("NEVER", Notify::NEVER),
        ("never", Notify::default()),
        ("SUCCESS", set(true, false, false)),
        ("failure,DELAY", set(false, true, true)),
        ("SUCCESS,FAILURE,DELAY", set(true, true, true)),
        ("DELAY,SUCCESS,delay", set(true, false, true)),
    ] {
        assert_eq!(rcpt(&format!("NOTIFY={value}")).unwrap().notify, Some(notify), "{value}");
    }
    refused_values(
        rcpt_error,
        "NOTIFY",
        ["never,failure", "FAILURE,NEVER", "SUCCESS,", ",DELAY", "SUCCESS,,DELAY", "ALWAYS", ","],
    );
}

// rows: 3461-4.2-a, 3461-5.4-a, 6533-3-a
#[test]
fn orcpt_is_kept_and_can_be_read() {
    for (wire, addr_type, address) in [
        ("rfc822;u@d.example", "rfc822", "u@d.example"),
        ("RFC822;Bob+20Smith@D.Example", "RFC822", "Bob Smith@D.Example"),
        ("rfc822;u+2Btag@d.example", "rfc822", "u+tag@d.example"),
        ("rfc822;not-an-address", "rfc822", "not-an-address"),
        ("rfc822;", "rfc822", ""),
        ("x400;/G+3DBob/S+3DSmith", "x400", "/G=Bob/S=Smith"),
        ("rfc822;a;b@d", "rfc822", "a;b@d"),
        // Not as RFC 6533 has it, but as Postfix writes it.
        ("rfc822;+D0+B4@d.example", "rfc822", "д@d.example"),
        ("utf-8;дима@d.example", "utf-8", "дима@d.example"),
        ("UTF-8;\\x{434}\\x{438}@d.example", "UTF-8", "ди@d.example"),
        ("utf-8;u\\x{2B}\\x{5c}д@d.example", "utf-8", "u+\\д@d.example"),
        ("utf-8;\\x{1F600}\\x{10FFFF}@d", "utf-8", "\u{1f600}\u{10ffff}@d"),
    ] {
        let orcpt = rcpt(&format!("ORCPT={wire}")).unwrap().orcpt.unwrap();
        assert_eq!(orcpt.as_str(), wire);
        assert_eq!((orcpt.addr_type(), &*orcpt.address()), (addr_type, address));
        assert_eq!(orcpt.is_ascii(), wire.is_ascii());
    }
    refused_values(
        rcpt_error,
        "ORCPT",
        [
            "u@d.example",
            ";u@d.example",
            "rfc@822;u@d",
            "дима;u@d",
            "rfc822;дима@d.example",
            "rfc822;+D0@d.example",
            "rfc822;+D0+B4+D0",
            "rfc822;+C2+85@d.example",
            "rfc822;+FF@d.example",
            "rfc822;u+2",
            "x+y;u",
            "utf-8;",
            "utf-8;u+2Btag@d",
            "utf-8;a\\b@d",
            "utf-8;\\x{}@d",
            "utf-8;\\x{434@d",
            "utf-8;\\x434@d",
        ],
    );
    assert_eq!(OriginalRecipient::new("a=b;u@d"), None);
    assert_eq!(OriginalRecipient::new("rfc822;u d"), None);

    let longest = format!("rfc822;{}", "o".repeat(limits::ORCPT_BYTES_MAX - "rfc822;".len()));
    assert_eq!(rcpt(&format!("ORCPT={longest}")).unwrap().orcpt.unwrap().as_str(), longest);
    assert_eq!(rcpt_error(&format!("ORCPT={longest}o")), (Kind::ParameterValue, 0));
}

#[test]
fn orcpt_of_a_mailbox() {
    for (mailbox, wire, ascii) in [
        ("u@d.example", "rfc822;u@d.example", "rfc822;u@d.example"),
        ("u+tag=x@d", "rfc822;u+2Btag+3Dx@d", "rfc822;u+2Btag+3Dx@d"),
        ("\"a b\"@d", "rfc822;\"a+20b\"@d", "rfc822;\"a+20b\"@d"),
        ("ди@d", "utf-8;ди@d", "utf-8;\\x{434}\\x{438}@d"),
        ("д+x@d", "utf-8;д\\x{2B}x@d", "utf-8;\\x{434}\\x{2B}x@d"),
    ] {
        let orcpt = OriginalRecipient::of(&Mailbox::parse(mailbox).unwrap()).unwrap();
        assert_eq!(orcpt.as_str(), wire);
        assert_eq!(orcpt.address(), mailbox);
        assert_eq!(orcpt.to_ascii().unwrap().as_str(), ascii);
    }
    let wide = format!("utf-8;{}@d", "д".repeat(200));
    assert_eq!(OriginalRecipient::new(wide).unwrap().to_ascii(), None, "1400 octets of escapes");
    let specials = format!("a@[x:{}]", "+".repeat(200));
    assert_eq!(OriginalRecipient::of(&Mailbox::parse(&specials).unwrap()), None);
}

// rows: 6533-3-c
#[test]
fn utf8_addresses_escape_what_ends_a_word() {
    let text = "д \\+=u";
    assert_eq!(utf8_addr::encode_unitext(text), "д\\x{20}\\x{5C}\\x{2B}\\x{3D}u");
    assert_eq!(utf8_addr::encode_xtext(text), "\\x{434}\\x{20}\\x{5C}\\x{2B}\\x{3D}u");
    assert!(matches!(utf8_addr::encode_unitext("д@d"), Cow::Borrowed("д@d")));
    assert!(matches!(utf8_addr::decode("д@d"), Ok(Cow::Borrowed("д@d"))));
    assert_eq!(utf8_addr::encode_unitext("a\r\n\u{7f}b"), "a\\x{0D}\\x{0A}\\x{7F}b");

    let value = Kind::ParameterValue;
    for (encoded, kind, offset) in [
        ("", value, 0),
        ("a+b", value, 1),
        ("a=b", value, 1),
        ("a b", value, 1),
        ("a\nb", value, 1),
        ("a\\", value, 1),
        ("a\\x", value, 1),
        ("a\\x{", value, 1),
        ("дa\\x{}", value, 3),
        ("\\x{9}", value, 0),
        ("\\x{+9}", value, 0),
        ("\\x{041}", value, 0),
        ("\\x{00000020}", value, 0),
        ("\\x{61}", value, 0),
        ("\\x{D800}", value, 0),
        ("\\x{110000}", value, 0),
        ("\\X{20}", value, 0),
        ("\\x{0A}", Kind::ControlCharacter, 0),
        ("ab\\x{0D}", Kind::ControlCharacter, 2),
        ("\\x{00}", Kind::ControlCharacter, 0),
        ("\\x{7F}", Kind::ControlCharacter, 0),
        ("\\x{85}", Kind::ControlCharacter, 0),
        ("a\u{85}", Kind::ControlCharacter, 1),
    ] {
        assert_eq!(utf8_addr::decode(encoded), Err(SyntaxError { kind, offset }), "{encoded:?}");
    }
}

#[test]
fn e04_a_value_that_decodes_to_a_control_character_is_refused() {
    let empty = |line: &str| Command::parse(line.as_bytes()).unwrap_err();
    let refused = |offset| SyntaxError { kind: Kind::ParameterValue, offset };
    assert_eq!(empty("MAIL FROM:<> AUTH=x+0Aevil"), refused(13));
    assert_eq!(empty("RCPT TO:<a@b> ORCPT=rfc822;x+0D+0AX-Injected:"), refused(14));
    for octet in (0..32).chain([127]) {
        for (line, offset) in [
            (format!("MAIL FROM:<> AUTH=a+{octet:02X}b@c"), 13),
            (format!("MAIL FROM:<> ENVID=a+{octet:02x}b"), 13),
            (format!("RCPT TO:<a@b> ORCPT=rfc822;a+{octet:02X}b"), 14),
            (format!("RCPT TO:<a@b> ORCPT=utf-8;a\\x{{{octet:02X}}}b"), 14),
        ] {
            assert_eq!(empty(&line), refused(offset), "{line}");
        }
    }
    for line in ["MAIL FROM:<> AUTH=a+C2+85b@c", "RCPT TO:<a@b> ORCPT=utf-8;\\x{85}"] {
        assert_eq!(empty(line).kind, Kind::ParameterValue, "{line}");
    }
}

// rows: 8689-2-a
#[test]
fn requiretls_takes_no_value() {
    assert!(mail("requiretls").unwrap().require_tls);
    assert!(!mail("SIZE=1").unwrap().require_tls);
    assert_eq!(mail_error("REQUIRETLS=1"), (Kind::ParameterValue, 0));
    assert_eq!(mail_error("REQUIRETLS RequireTLS"), (Kind::DuplicateParameter, 11));
}

// rows: 6531-3.1-c
#[test]
fn smtputf8_takes_no_value() {
    assert!(mail("smtputf8").unwrap().smtputf8);
    assert_eq!(mail_error("SMTPUTF8=1"), (Kind::ParameterValue, 0));
}

// rows: 6710-3-a
#[test]
fn mt_priority_is_one_digit_with_a_sign() {
    for priority in -9..=9 {
        let parsed = mail(&format!("MT-PRIORITY={priority}")).unwrap().mt_priority;
        assert_eq!(parsed, MtPriority::new(priority));
        assert_eq!(parsed.unwrap().value(), priority);
    }
    assert!(MtPriority::new(-1) < MtPriority::new(0) && MtPriority::default().value() == 0);
    assert_eq!((MtPriority::new(10), MtPriority::new(-10)), (None, None));
    refused_values(
        mail_error,
        "MT-PRIORITY",
        ["10", "-10", "+3", "-0", "00", "03", "-", "x", "３"],
    );
}

// rows: 2852-4-a
#[test]
fn by_is_a_time_a_mode_and_a_trace() {
    for (value, seconds, mode, trace) in [
        ("120;R", 120, ByMode::Return, false),
        ("120;RT", 120, ByMode::Return, true),
        ("+120;r", 120, ByMode::Return, false),
        ("-30;N", -30, ByMode::Notify, false),
        ("0;nt", 0, ByMode::Notify, true),
        ("-0;N", 0, ByMode::Notify, false),
        ("999999999;R", 999_999_999, ByMode::Return, false),
        ("-999999999;N", -999_999_999, ByMode::Notify, false),
        ("000000001;R", 1, ByMode::Return, false),
    ] {
        let by = mail(&format!("BY={value}")).unwrap().by.unwrap();
        assert_eq!((by.seconds(), by.mode(), by.trace()), (seconds, mode, trace), "{value}");
        assert_eq!(DeliverBy::new(seconds, mode, trace), Some(by));
    }
    refused_values(
        mail_error,
        "BY",
        [
            "0;R",
            "-1;R",
            "-0;RT",
            "120",
            "120;",
            ";R",
            "+;N",
            "120;X",
            "120;T",
            "120;TR",
            "120;RX",
            "120;RTT",
            "1000000000;N",
            "--1;N",
            "1.5;N",
            "120;R;T",
            "１;N",
        ],
    );
    assert_eq!(DeliverBy::new(0, ByMode::Return, false), None);
    assert_eq!(DeliverBy::new(1_000_000_000, ByMode::Return, false), None);
    assert_eq!(DeliverBy::new(i32::MIN, ByMode::Notify, false), None);
}

// rows: 4865-3-a
#[test]
fn messages_are_held_for_or_until() {
    let until = |text| Hold::until(DateTime::parse(text).unwrap());
    for (parameter, hold, release) in [
        ("HOLDFOR=1", Hold::for_seconds(1), 1_001),
        ("holdfor=3600", Hold::for_seconds(3_600), 4_600),
        ("HOLDFOR=999999999", Hold::for_seconds(999_999_999), 1_000_000_999),
        ("HOLDUNTIL=2030-01-01T00:00:00Z", until("2030-01-01T00:00:00Z"), 1_893_456_000),
        ("holduntil=2030-01-01T00:00:00z", until("2030-01-01T00:00:00z"), 1_893_456_000),
        ("HOLDUNTIL=2030-01-01T00:00:00+00:00", until("2030-01-01T00:00:00+00:00"), 1_893_456_000),
        ("HOLDUNTIL=2030-01-01T00:00:00.001Z", until("2030-01-01T00:00:00.001Z"), 1_893_456_001),
    ] {
        let parsed = mail(parameter).unwrap().hold;
        assert_eq!(parsed, hold, "{parameter}");
        assert_eq!(parsed.unwrap().release(1_000), release, "{parameter}");
    }
    refused_values(
        mail_error,
        "HOLDFOR",
        ["0", "00", "01", "-1", "+1", "1000000000", "1h", "2030-01-01T00:00:00Z"],
    );
    refused_values(
        mail_error,
        "HOLDUNTIL",
        ["3600", "2030-01-01", "2030-01-01T00:00:00", "2030-01-01T02:00:00+02:00"],
    );
    assert_eq!((Hold::for_seconds(0), Hold::for_seconds(1_000_000_000)), (None, None));
    assert_eq!(until("2030-01-01T02:00:00+02:00"), None);

    let both = "HOLDFOR=9 HOLDUNTIL=2029-01-01T00:00:00Z";
    assert_eq!(mail_error(both), (Kind::DuplicateParameter, 10));
    let both = "HOLDUNTIL=2029-01-01T00:00:00Z HOLDFOR=9";
    assert_eq!(mail_error(both), (Kind::DuplicateParameter, 31));
}

// rows: 7293-3.1-a
#[test]
fn rrvs_is_a_time_and_what_to_do_without_support() {
    let time = "2014-04-03T23:01:00Z";
    for (action, no_support) in [
        ("", None),
        (";C", Some(NoSupportAction::Continue)),
        (";c", Some(NoSupportAction::Continue)),
        (";R", Some(NoSupportAction::Reject)),
    ] {
        let rrvs = rcpt(&format!("RRVS={time}{action}")).unwrap().rrvs.unwrap();
        assert_eq!((rrvs.since().as_str(), rrvs.no_support()), (time, no_support));
        assert_eq!(rrvs.since().unix_seconds(), 1_396_566_060);
        assert_eq!(Rrvs::new(DateTime::parse(time).unwrap(), no_support), Some(rrvs));
    }
    let offset = rcpt("RRVS=2014-04-04T01:01:00+02:00;C").unwrap().rrvs.unwrap();
    assert_eq!(offset.since().unix_seconds(), 1_396_566_060);
    assert_eq!(NoSupportAction::default(), NoSupportAction::Reject);
    refused_values(
        rcpt_error,
        "RRVS",
        [
            "2014-04-03T23:01:00.5Z",
            "2014-04-03T23:01:00Z;",
            "2014-04-03T23:01:00Z;X",
            "2014-04-03T23:01:00Z;C;R",
            "2014-04-03",
            ";C",
        ],
    );
}

#[test]
fn times_exist() {
    for (text, unix_seconds) in [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59Z", -1),
        ("0000-01-01T00:00:00Z", -62_167_219_200),
        ("9999-12-31T23:59:59Z", 253_402_300_799),
        ("2000-02-29T12:00:00Z", 951_825_600),
        ("1900-03-01T00:00:00Z", -2_203_891_200),
        ("1990-12-31T23:59:60Z", 662_688_000),
        ("1990-12-31T15:59:60-08:00", 662_688_000),
        ("1996-12-19T16:39:57-08:00", 851_042_397),
        ("1985-04-12T23:20:50.52Z", 482_196_051),
        ("1985-04-12T23:20:50.00Z", 482_196_050),
        ("1937-01-01t12:00:27.87+00:20", -1_041_337_172),
    ] {
        let time = DateTime::parse(text).expect(text);
        assert_eq!((time.as_str(), time.unix_seconds()), (text, unix_seconds));
    }
    for text in [
        "",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01T23:59:60+01:00",
        "2026-01-01T23:59:61Z",
        "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00,5Z",
        "2026-01-01T00:00:00.5",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+00:60",
        "2026-01-01T00:00:00+0000",
        "2026-01-01T00:00:00+1:000",
        "2026-01-01T00:00:00ZZ",
        "2026-01-01T00:00:00Z ",
        "+026-01-01T00:00:00Z",
        "2026-1-01T000:00:00Z",
        "２026-01-01T00:00:00Z",
        "2026-01-01T00:00:0éZ",
    ] {
        assert_eq!(DateTime::parse(text), None, "{text}");
    }
    assert_eq!(DateTime::from_unix_seconds(0).unwrap().as_str(), "1970-01-01T00:00:00Z");
    assert_eq!(DateTime::from_unix_seconds(951_825_600).unwrap().as_str(), "2000-02-29T12:00:00Z");
    for outside in [-62_167_219_201, 253_402_300_800, i64::MIN, i64::MAX] {
        assert_eq!(DateTime::from_unix_seconds(outside), None);
    }
}

// rows: 3461-4.5-a
#[test]
fn c18_no_parameter_stands_twice() {
    for parameters in [
        "RET=FULL RET=FULL",
        "ENVID=a envid=a",
        "MT-PRIORITY=1 MT-PRIORITY=1",
        "BY=1;R BY=1;R",
        "HOLDFOR=1 HOLDFOR=1",
        "X=1 x=2",
    ] {
        let second = parameters.find(' ').unwrap() + 1;
        assert_eq!(mail_error(parameters), (Kind::DuplicateParameter, second), "{parameters}");
    }
    for parameters in [
        "NOTIFY=NEVER NOTIFY=NEVER",
        "ORCPT=rfc822;a ORCPT=rfc822;a",
        "RRVS=2014-04-03T23:01:00Z RRVS=2014-04-03T23:01:00Z",
        "X x",
    ] {
        let second = parameters.find(' ').unwrap() + 1;
        assert_eq!(rcpt_error(parameters), (Kind::DuplicateParameter, second), "{parameters}");
    }
}

#[test]
fn parameters_tell_their_extensions() {
    for (parameters, extensions) in [
        ("", vec![]),
        ("SIZE=1", vec!["SIZE"]),
        ("BODY=7BIT", vec!["8BITMIME"]),
        ("BODY=8BITMIME", vec!["8BITMIME"]),
        ("BODY=BINARYMIME", vec!["BINARYMIME"]),
        ("SMTPUTF8 AUTH=<>", vec!["SMTPUTF8", "AUTH"]),
        ("RET=FULL", vec!["DSN"]),
        ("ENVID=a", vec!["DSN"]),
        ("RET=FULL ENVID=a", vec!["DSN"]),
        ("REQUIRETLS", vec!["REQUIRETLS"]),
        ("MT-PRIORITY=0", vec!["MT-PRIORITY"]),
        ("BY=1;R", vec!["DELIVERBY"]),
        ("HOLDFOR=1", vec!["FUTURERELEASE"]),
        ("HOLDUNTIL=2029-01-01T00:00:00Z", vec!["FUTURERELEASE"]),
        ("8BITMIME DSN X=1", vec![]),
    ] {
        let found: Vec<_> = mail(parameters).unwrap().extensions().collect();
        assert_eq!(found, extensions, "{parameters}");
    }
    for (parameters, extensions) in [
        ("", vec![]),
        ("NOTIFY=NEVER", vec!["DSN"]),
        ("ORCPT=rfc822;a", vec!["DSN"]),
        ("ORCPT=rfc822;a NOTIFY=NEVER RRVS=2014-04-03T23:01:00Z", vec!["DSN", "RRVS"]),
        ("DSN SIZE=1", vec![]),
    ] {
        let found: Vec<_> = rcpt(parameters).unwrap().extensions().collect();
        assert_eq!(found, extensions, "{parameters}");
    }
}

/// What a client builds by hand is one line that a server reads as the same.
#[test]
fn a_client_builds_commands() {
    let from = smtp_proto::ReversePath::parse("<a@b>").unwrap();
    let mut params = MailParams::default();
    params.size = Some(500);
    params.body = Some(BodyType::EightBitMime);
    params.ret = Some(Ret::Hdrs);
    params.envid = EnvelopeId::from_decoded("QQ 1");
    params.require_tls = true;
    params.mt_priority = MtPriority::new(-3);
    params.by = DeliverBy::new(-30, ByMode::Notify, true);
    params.hold = DateTime::from_unix_seconds(1_893_456_000).and_then(Hold::until);
    params.other = vec![Parameter::new("X", Some("1".into())).unwrap()];
    let command = Command::Mail { from, params };
    let line = written(&command);
    assert_eq!(
        line,
        "MAIL FROM:<a@b> SIZE=500 BODY=8BITMIME RET=HDRS ENVID=QQ+201 REQUIRETLS \
         MT-PRIORITY=-3 BY=-30;NT HOLDUNTIL=2030-01-01T00:00:00Z X=1\r\n"
    );
    assert_eq!(Command::parse(line.trim_end().as_bytes()), Ok(command));

    let mailbox = Mailbox::parse("kim@d").unwrap();
    let mut params = RcptParams::default();
    params.notify = Some(Notify { failure: true, delay: true, ..Notify::NEVER });
    params.orcpt = OriginalRecipient::of(&mailbox);
    params.rrvs = DateTime::from_unix_seconds(0)
        .and_then(|since| Rrvs::new(since, Some(NoSupportAction::Continue)));
    let command = Command::Rcpt { to: smtp_proto::ForwardPath::Mailbox(mailbox), params };
    let line = written(&command);
    assert_eq!(
        line,
        "RCPT TO:<kim@d> NOTIFY=FAILURE,DELAY ORCPT=rfc822;kim@d RRVS=1970-01-01T00:00:00Z;C\r\n"
    );
    assert_eq!(Command::parse(line.trim_end().as_bytes()), Ok(command));
}

/// Every parameter at its longest, behind a path and a verb of 512 octets, is within the limit.
// rows: 1870-3-b, 2852-2-a, 3030-3-b, 3461-5.4-a, 4954-5-e, 8689-2-a
#[test]
fn the_longest_lines_have_room() {
    let longest = [
        (26, " SIZE=18446744073709551615".to_owned()),
        (16, " BODY=BINARYMIME".to_owned()),
        (500, format!(" AUTH={}", "a".repeat(494))),
        (9, " RET=HDRS".to_owned()),
        (107, format!(" ENVID={}", "e".repeat(limits::ENVID_BYTES_MAX))),
        (17, " BY=-999999999;NT".to_owned()),
        (34, " HOLDUNTIL=2030-01-01T00:00:00.00Z".to_owned()),
        (15, " MT-PRIORITY=-9".to_owned()),
        (11, " REQUIRETLS".to_owned()),
        (9, " SMTPUTF8".to_owned()),
    ];
    let added: usize = longest.iter().map(|(octets, _)| octets).sum();
    for (octets, parameter) in &longest {
        assert_eq!(parameter.len(), *octets, "{parameter}");
    }
    assert!(512 + added <= limits::MAIL_LINE_BYTES_MAX);
    assert_eq!(limits::command_line_bytes_max(b"mail from:<"), limits::MAIL_LINE_BYTES_MAX);

    let longest = " NOTIFY=SUCCESS,FAILURE,DELAY".len()
        + " ORCPT=".len()
        + limits::ORCPT_BYTES_MAX
        + " RRVS=2014-04-03T23:01:00+00:00;C".len();
    assert!(1_036.max(512 + longest) <= limits::RCPT_LINE_BYTES_MAX);
    assert_eq!(limits::command_line_bytes_max(b"RCPT TO:<"), limits::RCPT_LINE_BYTES_MAX);
}

// rows: 5321-4.5.3.1.4-a
#[test]
fn a_line_of_all_parameters_at_their_longest_is_read() {
    let domain = format!("{}.{}.{}", "d".repeat(63), "d".repeat(63), "d".repeat(61));
    let path = format!("<{}@{domain}>", "l".repeat(64));
    assert_eq!(path.len(), limits::PATH_BYTES_MAX);
    let envid = "e".repeat(limits::ENVID_BYTES_MAX);
    let auth = format!("{}@{domain}", "+6C".repeat(64));
    let orcpt = format!("rfc822;{}", "o".repeat(limits::ORCPT_BYTES_MAX - "rfc822;".len()));
    for line in [
        format!(
            "MAIL FROM:{path} SIZE=18446744073709551615 BODY=BINARYMIME SMTPUTF8 AUTH={auth} \
             RET=HDRS ENVID={envid} REQUIRETLS MT-PRIORITY=-9 BY=-999999999;NT \
             HOLDUNTIL=2030-01-01T00:00:00.00Z\r\n"
        ),
        format!(
            "RCPT TO:{path} NOTIFY=SUCCESS,FAILURE,DELAY ORCPT={orcpt} \
             RRVS=2014-04-03T23:01:00+00:00;C\r\n"
        ),
    ] {
        let octets_max = limits::command_line_bytes_max(line.as_bytes());
        let decoded = LineDecoder::default().decode(line.as_bytes(), octets_max);
        let Line::Complete { bytes, .. } = decoded else { panic!("{decoded:?}") };
        let command = Command::parse(&line.as_bytes()[..bytes]).unwrap();
        // The octets of AUTH that need no escape lose it.
        assert_eq!(written(&command), line.replace("+6C", "l"));
    }
}
