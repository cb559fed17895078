//! Commands beyond a transaction's: VRFY, EXPN, ETRN, XCLIENT, XFORWARD, and those known by name alone.

use std::net::IpAddr;

use smtp_proto::{
    Attribute, ClientName, Command, Domain, EtrnArgument, Protocol, Query, Source, SyntaxError,
    SyntaxErrorKind as Kind, Verb, XClient, XForward,
};

fn parse(line: &str) -> Result<Command<'_>, SyntaxError> {
    Command::parse(line.as_bytes())
}

#[track_caller]
fn refused(line: &str, kind: Kind, offset: usize) {
    assert_eq!(parse(line), Err(SyntaxError { kind, offset }), "{line:?}");
}

fn xclient(line: &str) -> XClient<'_> {
    match parse(line) {
        Ok(Command::XClient(client)) => *client,
        other => panic!("{line}: {other:?}"),
    }
}

fn xforward(line: &str) -> XForward<'_> {
    match parse(line) {
        Ok(Command::XForward(client)) => *client,
        other => panic!("{line}: {other:?}"),
    }
}

fn address(text: &str) -> Option<Attribute<IpAddr>> {
    Some(Attribute::Known(text.parse().unwrap()))
}

// rows: 6531-3.7.4.2-a, 5321-4.1.1.6-b
#[test]
fn queries_may_end_in_smtputf8() {
    for (text, argument, smtputf8) in [
        ("дима SMTPUTF8", "дима", true),
        ("kim  smtputf8 ", "kim", true),
        ("\"Joe Smith\" SMTPUTF8", "\"Joe Smith\"", true),
        ("\"Joe SMTPUTF8\"", "\"Joe SMTPUTF8\"", false),
        ("kim SMTPUTF8 x", "kim SMTPUTF8 x", false),
        ("kimSMTPUTF8", "kimSMTPUTF8", false),
        ("SMTPUTF8", "SMTPUTF8", false),
        ("kim", "kim", false),
    ] {
        let query = Query { argument: argument.into(), smtputf8 };
        assert_eq!(parse(&format!("VRFY {text}")), Ok(Command::Vrfy(query.clone())), "{text}");
        assert_eq!(parse(&format!("expn {text}")), Ok(Command::Expn(query)), "{text}");
    }
    refused("VRFY", Kind::MissingArgument, 4);
    refused("EXPN ", Kind::MissingArgument, 4);
}

// rows: 1985-5-a, 1985-5.3-a
#[test]
fn etrn_names_a_node_a_domain_with_all_below_it_or_a_queue() {
    let domain = |text| Domain::parse(text).unwrap();
    for (line, argument) in [
        ("ETRN b.example", EtrnArgument::Node(domain("b.example"))),
        ("etrn [192.0.2.1] ", EtrnArgument::Node(domain("[192.0.2.1]"))),
        ("ETRN @foo.example", EtrnArgument::Subdomains(domain("foo.example"))),
        ("ETRN #uucp/slow", EtrnArgument::Queue("uucp/slow".into())),
    ] {
        assert_eq!(parse(line), Ok(Command::Etrn(argument)), "{line}");
    }
    refused("ETRN", Kind::MissingArgument, 4);
    refused("ETRN #", Kind::MissingArgument, 6);
    refused("ETRN @", Kind::Domain, 6);
    refused("ETRN a..b", Kind::Domain, 7);
    refused("ETRN -a", Kind::Domain, 5);
    refused("ETRN a.example b.example", Kind::UnexpectedArgument, 14);
    refused("ETRN #a b", Kind::UnexpectedArgument, 7);
    refused("ETRN a\0", Kind::ControlCharacter, 6);
}

// rows: XCLIENT-1-b
#[test]
fn xclient_has_typed_attributes() {
    let mut expected = XClient::default();
    expected.name = Some(Attribute::Unavailable);
    expected.address = address("2001:db8::1");
    expected.protocol = Some(Attribute::Known(Protocol::Esmtp));
    let line = "XCLIENT NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::1 PROTO=ESMTP";
    assert_eq!(xclient(line), expected);

    let mut expected = XClient::default();
    expected.name = Some(Attribute::TemporarilyUnavailable);
    expected.address = address("192.0.2.1");
    expected.port = Some(Attribute::Known(65_535));
    expected.protocol = Some(Attribute::Known(Protocol::Smtp));
    expected.helo = Some(Attribute::Known(ClientName::new("[192.0.2.1]").unwrap()));
    expected.login = Some(Attribute::Known("kim=a+b c".into()));
    expected.destination_address = address("::1");
    expected.destination_port = Some(Attribute::Known(25));
    let line = "xclient name=[TempUnavail] addr=192.0.2.1 port=65535 proto=smtp helo=[192.0.2.1] \
                login=kim+3Da+2bb+20c destaddr=ipv6:::1 destport=25";
    assert_eq!(xclient(line), expected);
    assert_eq!(expected.address.unwrap().known(), Some(&"192.0.2.1".parse().unwrap()));
    assert_eq!(expected.name.as_ref().unwrap().known(), None);

    // Which attributes there are is told by one list.
    for name in XClient::NAMES {
        assert_ne!(xclient(&format!("XCLIENT {name}=[UNAVAILABLE]")), XClient::default());
    }
}

#[test]
fn xforward_has_typed_attributes() {
    let mut expected = XForward::default();
    expected.name = Some(Attribute::Known("c.example".into()));
    expected.address = address("192.0.2.9");
    expected.port = Some(Attribute::Unavailable);
    expected.protocol = Some(Attribute::Known("UUCP".into()));
    expected.helo = Some(Attribute::Known(ClientName::new("c").unwrap()));
    expected.ident = Some(Attribute::Known("4F2A".into()));
    expected.source = Some(Attribute::Known(Source::Remote));
    let line = "XFORWARD NAME=c.example ADDR=192.0.2.9 PORT=[UNAVAILABLE] PROTO=UUCP HELO=c \
                IDENT=4F2A SOURCE=REMOTE";
    assert_eq!(xforward(line), expected);
    for name in XForward::NAMES {
        assert_ne!(xforward(&format!("XFORWARD {name}=[UNAVAILABLE]")), XForward::default());
    }
}

// rows: XCLIENT-1-e
#[test]
fn j3_attributes_that_are_malformed_unknown_or_doubled() {
    for verb in ["XCLIENT ", "XFORWARD"] {
        let refused = |words: &str, kind, offset: usize| {
            refused(&format!("{verb} {words}"), kind, if offset == 0 { 0 } else { 9 + offset - 1 });
        };
        assert_eq!(parse(verb).unwrap_err().kind, Kind::MissingArgument);
        refused("FOO=1", Kind::UnknownAttribute, 1);
        refused("NAME=a FOO=1", Kind::UnknownAttribute, 8);
        refused("NAME=a name=b", Kind::DuplicateParameter, 8);
        refused("NAME", Kind::Parameter, 5);
        refused("NAME a", Kind::Parameter, 5);
        refused("=a", Kind::Parameter, 1);
        refused("NAME=", Kind::ParameterValue, 6);
        refused("NAME=a=b", Kind::Parameter, 7);
        refused("NAME=a+0Ab", Kind::ControlCharacter, 6);
        refused("NAME=a+00b", Kind::ControlCharacter, 6);
        refused("NAME=a+C2+85", Kind::ControlCharacter, 6);
        refused("NAME=a+0", Kind::ParameterValue, 7);
        refused("NAME=a+xy", Kind::ParameterValue, 7);
        refused("NAME=+FF", Kind::NotUtf8, 6);
        refused("NAME=a\u{1}", Kind::ControlCharacter, 7);
        refused("ADDR=IPV6:bad", Kind::ParameterValue, 1);
        refused("ADDR=2001:db8::1", Kind::ParameterValue, 1);
        refused("ADDR=[192.0.2.1]", Kind::ParameterValue, 1);
        refused("ADDR=IPV6:[::1]", Kind::ParameterValue, 1);
        refused("ADDR=192.0.2.01", Kind::ParameterValue, 1);
        refused("ADDR=1.2.3", Kind::ParameterValue, 1);
        refused("PORT=65536", Kind::ParameterValue, 1);
        refused("PORT=+2B25", Kind::ParameterValue, 1);
        refused("PORT=-1", Kind::ParameterValue, 1);
        refused("HELO=a+20b", Kind::ParameterValue, 1);
        refused(&format!("NAME={}", "a".repeat(256)), Kind::ParameterValue, 6);
        assert!(parse(&format!("{verb} NAME={}", "a".repeat(255))).is_ok());
    }
    refused("XCLIENT PROTO=UUCP", Kind::ParameterValue, 8);
    refused("XCLIENT IDENT=1", Kind::UnknownAttribute, 8);
    refused("XFORWARD LOGIN=kim", Kind::UnknownAttribute, 9);
    refused("XFORWARD SOURCE=HERE", Kind::ParameterValue, 9);
}

// rows: 5321-4.2.4-a, 5321-F.6-a
#[test]
fn verbs_known_by_name_are_told_from_unknown_ones() {
    for line in ["TURN", "atrn b.example", "SEND FROM:<a@b.example>", "SOML FROM:<>", "Saml x"] {
        refused(line, Kind::NotImplemented, 0);
        assert_eq!(Verb::of(line.as_bytes()), None, "{line}");
    }
    refused("FROB", Kind::UnknownCommand, 0);
}
