//! Known answers: lines of RFC 5321 and its extensions, and lines that must be refused.

use std::borrow::Cow;
use std::collections::HashSet;
use std::net::IpAddr;

use smtp_proto::{
    AuthParam, BodyType, Chunk, ClientName, Command, Domain, ForwardPath, InitialResponse,
    LocalPart, MailParams, Mailbox, Mechanism, Parameter, Query, RcptParams, Response, ReversePath,
    SyntaxError, SyntaxErrorKind, SyntaxErrorKind as Kind, Verb, challenge, decode_response, xtext,
};

fn parse(line: &str) -> Result<Command<'_>, SyntaxError> {
    Command::parse(line.as_bytes())
}

#[track_caller]
fn parsed(line: &str) -> Command<'_> {
    parse(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

#[track_caller]
fn refused(line: &str, kind: SyntaxErrorKind, offset: usize) {
    assert_eq!(parse(line), Err(SyntaxError { kind, offset }), "{line:?}");
}

fn name(text: &str) -> ClientName<'_> {
    ClientName::new(text).unwrap()
}

fn mailbox(text: &str) -> Mailbox<'_> {
    Mailbox::parse(text).unwrap()
}

fn domain(text: &str) -> Domain<'_> {
    Domain::parse(text).unwrap()
}

fn mail(from: &str) -> Command<'_> {
    mail_with(from, MailParams::default())
}

fn mail_with<'a>(from: &'a str, params: MailParams<'a>) -> Command<'a> {
    Command::Mail { from: ReversePath::Mailbox(mailbox(from)), params }
}

fn rcpt(to: &str) -> Command<'_> {
    Command::Rcpt { to: ForwardPath::Mailbox(mailbox(to)), params: RcptParams::default() }
}

#[track_caller]
fn mail_params(line: &str) -> MailParams<'_> {
    match parsed(line) {
        Command::Mail { params, .. } => params,
        other => panic!("{line}: {other:?}"),
    }
}

/// What the lines of the scenarios in RFC 5321 appendix D and of 4.1.1 say.
#[test]
fn commands_of_the_rfc() {
    for (line, command) in [
        ("EHLO bar.com", Command::Ehlo(name("bar.com"))),
        ("HELO relay.example.org", Command::Helo(name("relay.example.org"))),
        ("MAIL FROM:<Smith@bar.com>", mail("Smith@bar.com")),
        ("RCPT TO:<Jones@foo.com>", rcpt("Jones@foo.com")),
        ("RCPT TO:<userc@d.bar.org>", rcpt("userc@d.bar.org")),
        ("DATA", Command::Data),
        ("RSET", Command::Rset),
        ("QUIT", Command::Quit),
        ("NOOP", Command::Noop),
        ("VRFY Crispin", Command::Vrfy(Query::new("Crispin"))),
        ("EXPN Associates-List", Command::Expn(Query::new("Associates-List"))),
        ("HELP", Command::Help(None)),
        ("HELP MAIL", Command::Help(Some("MAIL".into()))),
        ("STARTTLS", Command::StartTls),
        ("BDAT 0", Command::Bdat(Chunk { bytes: 0, last: false })),
        ("BDAT 0 LAST", Command::Bdat(Chunk { bytes: 0, last: true })),
        ("BDAT 18446744073709551615", Command::Bdat(Chunk { bytes: u64::MAX, last: false })),
    ] {
        assert_eq!(parsed(line), command, "{line}");
        assert_eq!(Verb::of(line.as_bytes()), command.verb(), "{line}");
    }
}

// rows: 3030-2-a, 2033-4.1-a
#[test]
fn commands_of_the_extensions() {
    assert_eq!(parsed("BDAT 86 LAST"), Command::Bdat(Chunk { bytes: 86, last: true }));
    assert_eq!(parsed("bdat 86 last"), Command::Bdat(Chunk { bytes: 86, last: true }));
    assert_eq!(parsed("LHLO q.example"), Command::Lhlo(name("q.example")));
}

// rows: 5321-2.3.8-a
#[test]
fn a_line_feed_inside_a_line_does_not_make_two_commands() {
    refused("NOOP\nRSET", Kind::ControlCharacter, 4);
    refused("NOOP\rRSET", Kind::ControlCharacter, 4);
}

#[test]
fn control_characters_are_refused_wherever_they_stand() {
    for control in (0..32).chain([0x7f]).map(char::from) {
        refused(&format!("NOOP a{control}b"), Kind::ControlCharacter, 6);
        refused(&format!("EHLO a{control}b"), Kind::ControlCharacter, 6);
        refused(&format!("RCPT TO:<a{control}@b.example>"), Kind::ControlCharacter, 10);
        refused(&format!("VRFY a{control}b"), Kind::ControlCharacter, 6);
        refused(&format!("AUTH PLAIN AA{control}A="), Kind::ControlCharacter, 13);
    }
    refused("EHLO \u{9b}31m", Kind::ControlCharacter, 5);
}

// rows: 5321-2.4-a
#[test]
fn verbs_and_keywords_have_no_case() {
    let params = mail_params("mAiL fRoM:<a@b.example> sIzE=10");
    assert_eq!(params.size, Some(10));
    assert_eq!(parsed("rSeT"), Command::Rset);
    assert_eq!(parsed("starttls"), Command::StartTls);
    assert_eq!(parsed("rcpt to:<a@b.example>"), rcpt("a@b.example"));
}

// rows: 5321-2.4-b, 5321-2.4-c
#[test]
fn local_parts_have_case_and_domains_have_none() {
    let Command::Rcpt { to, .. } = parsed("RCPT TO:<Smith@D.example>") else {
        panic!("not RCPT");
    };
    assert_eq!(to.to_string(), "<Smith@D.example>");
    assert_ne!(mailbox("Smith@d.example"), mailbox("smith@d.example"));
    assert_eq!(mailbox("u@EXAMPLE.com"), mailbox("u@example.com"));
    let set = HashSet::from([mailbox("u@EXAMPLE.com"), mailbox("u@example.com")]);
    assert_eq!(set.len(), 1);
}

// rows: 5321-3.3-e, 5321-3.3-f, 5321-4.1.1.2-b
#[test]
fn c17_one_space_is_forgiven_and_missing_brackets_are_not() {
    let null = Command::Mail { from: ReversePath::Null, params: MailParams::default() };
    assert_eq!(parsed("MAIL FROM: <a@b.example>"), mail("a@b.example"));
    assert_eq!(parsed("RCPT TO: <a@b>"), rcpt("a@b"));
    assert_eq!(parsed("MAIL FROM:<>"), null);
    assert_eq!(parsed("mail from:<>"), null);
    assert_eq!(parsed("mail from: <>  "), null);
    refused("RCPT TO:u@d.example", Kind::ForwardPath, 8);
    refused("RCPT TO:a@b", Kind::ForwardPath, 8);
    refused("MAIL FROM:a@b", Kind::ReversePath, 10);
    refused("MAIL FROM:  <a@b>", Kind::ReversePath, 11);
    refused("MAIL FROM :<a@b>", Kind::ReversePath, 5);
    refused("MAIL <a@b>", Kind::ReversePath, 5);
    refused("RCPT FROM:<a@b>", Kind::ForwardPath, 5);
    refused("MAIL FROM:", Kind::ReversePath, 10);
    refused("MAIL FROM:<a@b", Kind::ReversePath, 14);
    refused("MAIL FROM:<a@b>>", Kind::Parameter, 15);
    refused("MAIL FROM:<a@b>SIZE=1", Kind::Parameter, 15);
    refused("RCPT TO:<>", Kind::ForwardPath, 9);
    refused("RCPT TO:<a@b.example> <c@d.example>", Kind::Parameter, 22);
    refused("RCPT TO:<a@b.example,c@d.example>", Kind::ForwardPath, 20);
}

// rows: 5321-4.1.1-a, 5321-4.1.1.9-b
#[test]
fn c17_white_space_at_the_end_is_ignored() {
    assert_eq!(parsed("NOOP  "), Command::Noop);
    assert_eq!(parsed("NOOP\t"), Command::Noop);
    assert_eq!(parsed("DATA "), Command::Data);
    assert_eq!(parsed("QUIT   "), Command::Quit);
    assert_eq!(parsed("EHLO client.example "), Command::Ehlo(name("client.example")));
    assert_eq!(parsed("RCPT TO:<a@b.example> "), rcpt("a@b.example"));
    assert_eq!(parsed("BDAT 5 LAST "), Command::Bdat(Chunk { bytes: 5, last: true }));
    assert_eq!(parsed("NOOP ping"), Command::Noop);
}

// rows: 5321-4.3.2-l, 5321-4.1.1.6-b, 3207-4-a
#[test]
fn c12_arguments_where_there_is_none_and_none_where_there_is_one() {
    refused("RSET now", Kind::UnexpectedArgument, 5);
    refused("QUIT now", Kind::UnexpectedArgument, 5);
    refused("RSET x", Kind::UnexpectedArgument, 5);
    refused("QUIT x", Kind::UnexpectedArgument, 5);
    refused("DATA x", Kind::UnexpectedArgument, 5);
    refused("STARTTLS now", Kind::UnexpectedArgument, 9);
    assert_eq!(parsed("NOOP x"), Command::Noop);
    for verb in ["EHLO", "HELO", "LHLO", "MAIL", "RCPT", "BDAT", "AUTH", "VRFY", "EXPN", "ETRN"] {
        refused(verb, Kind::MissingArgument, 4);
        refused(&format!("{verb}  "), Kind::MissingArgument, 4);
    }
}

#[test]
fn other_protocols_and_other_verbs_are_unknown() {
    for line in [
        "",
        " ",
        " NOOP",
        "GET / HTTP/1.1",
        "POST / HTTP/1.1",
        "CONNECT x:25 HTTP/1.1",
        "Subject: x",
        "{\"a\":1}",
        "NOOPX",
        "MAI",
        "STARTTLSX",
        "TURNS",
        "NOOP\u{a0}",
    ] {
        refused(line, Kind::UnknownCommand, 0);
        assert_eq!(Verb::of(line.as_bytes()), None, "{line:?}");
    }
    assert!(Command::parse(b"\x16\x03\x01\x02").is_err());
    assert_eq!(Verb::of(b"MAIL\tFROM:<>"), Some(Verb::Mail));
}

#[test]
fn c19_octets_that_are_not_utf8() {
    let not_utf8 = |offset| Err(SyntaxError { kind: Kind::NotUtf8, offset });
    assert_eq!(Command::parse(b"MAIL FROM:<\xff@x>"), not_utf8(11));
    // Overlong, surrogate, beyond Unicode, cut off.
    assert_eq!(Command::parse(b"MAIL FROM:<\xc0\xaf@x>"), not_utf8(11));
    assert_eq!(Command::parse(b"NOOP \xed\xa0\x80"), not_utf8(5));
    assert_eq!(Command::parse(b"VRFY \xf4\x90\x80\x80"), not_utf8(5));
    assert_eq!(Command::parse(b"RCPT TO:<a@\xd0>"), not_utf8(11));
    let unknown = Err(SyntaxError { kind: Kind::UnknownCommand, offset: 0 });
    assert_eq!(Command::parse(b"\xff\xff"), unknown);
}

#[test]
fn d01_chunk_sizes() {
    for (line, offset) in [
        ("BDAT 99999999999999999999", 5),
        ("BDAT 000000000000000000001", 5),
        ("BDAT 18446744073709551616", 5),
        ("BDAT -1", 5),
        ("BDAT +5", 5),
        ("BDAT 0x10", 5),
        ("BDAT 5,", 5),
        ("BDAT LAST", 5),
        ("BDAT 5 LASTX", 11),
        ("BDAT 5 LAST x", 11),
        ("BDAT 5 6", 6),
        ("BDAT 5  LAST", 6),
        ("BDAT ５", 5),
    ] {
        refused(line, Kind::ChunkSize, offset);
    }
    refused("BDAT", Kind::MissingArgument, 4);
    let large = Command::Bdat(Chunk { bytes: 9_223_372_036_854_775_807, last: false });
    assert_eq!(parsed("BDAT 9223372036854775807"), large);
}

// rows: 5321-4.1.1.1-d, 5321-4.1.1.1-e, 5321-4.1.2-g, 5321-4.1.3-d
#[test]
fn client_names_are_claims() {
    let literal = name("[192.0.2.1]");
    assert_eq!(parsed("EHLO [192.0.2.1] my laptop"), Command::Ehlo(literal.clone()));
    assert_eq!(parsed("EHLO [192.0.2.1]"), Command::Ehlo(literal.clone()));
    assert_eq!(parsed("HELO [192.0.2.1]"), Command::Helo(literal.clone()));
    assert_eq!(literal.domain().and_then(|domain| domain.ip()), "192.0.2.1".parse().ok());

    let is_domain = |line| match parsed(line) {
        Command::Ehlo(name) => name.domain().is_some(),
        other => panic!("{other:?}"),
    };
    assert!(!is_domain("EHLO my_host.example"));
    assert!(!is_domain("EHLO [2001:db8::1]"));
    assert!(is_domain("EHLO [ipv6:2001:db8::1]"));
    assert!(is_domain("EHLO [IPv6:1:2:3:4:5:6:7::]"));
    assert!(is_domain("EHLO пример.example"));
    assert!(!is_domain("EHLO [1.2.3.4"));
    assert!(!is_domain("EHLO <script>"));

    refused("EHLO a b", Kind::ClientName, 6);
    assert_eq!(name(&"a".repeat(255)).as_str().len(), 255);
    refused(&format!("EHLO {}", "a".repeat(256)), Kind::ClientName, 5);
    for bad in ["", "a b", "a\r\nb", "a\0", "a\u{85}"] {
        assert_eq!(ClientName::new(bad).unwrap_err().kind, Kind::ClientName, "{bad:?}");
    }
}

// rows: 5321-4.1.1.3-a, 5321-4.1.2-k
#[test]
fn e09_source_routes_are_told_apart_from_the_mailbox() {
    for (text, route, domains) in [
        ("<@a.example:u@d.example>", "@a.example", vec!["a.example"]),
        ("<@a,@B.example:u@d.example>", "@a,@B.example", vec!["a", "B.example"]),
        ("<@[192.0.2.1]:u@d.example>", "@[192.0.2.1]", vec!["[192.0.2.1]"]),
        ("<@[x:a,@b],@c:u@d.example>", "@[x:a,@b],@c", vec!["[x:a,@b]", "c"]),
        ("<@bücher.example:u@d.example>", "@bücher.example", vec!["bücher.example"]),
    ] {
        let reverse = format!("MAIL FROM:{text}");
        let Command::Mail { from, .. } = parsed(&reverse) else { panic!("not MAIL") };
        let forward = format!("RCPT TO:{text}");
        let Command::Rcpt { to, .. } = parsed(&forward) else { panic!("not RCPT") };
        assert_eq!(from.to_string(), text);
        assert_eq!(to.to_string(), text);
        let found = to.route().expect(text);
        assert_eq!(from.route(), Some(found));
        assert_eq!((found.as_str(), found.to_string().as_str()), (route, route));
        let hosts: Vec<_> = found.domains().map(|domain| domain.to_string()).collect();
        assert_eq!(hosts, domains, "{text}");

        let end = mailbox("u@d.example");
        assert_eq!((from.mailbox(), to.mailbox()), (Some(&end), Some(&end)));
        assert_eq!((from.domain(), to.domain()), (Some(&end.domain), Some(&end.domain)));
        assert_eq!((from.is_ascii(), to.is_ascii()), (text.is_ascii(), text.is_ascii()));
        assert_eq!(from.without_route(), ReversePath::Mailbox(end.clone()));
        assert_eq!(to.without_route(), ForwardPath::Mailbox(end));
    }
    assert_eq!(ReversePath::Null.without_route(), ReversePath::Null);
    assert_eq!(ForwardPath::Postmaster.without_route(), ForwardPath::Postmaster);
    assert_eq!(ForwardPath::Postmaster.route(), None);
}

#[test]
fn e09_source_routes_that_break_the_grammar() {
    refused("RCPT TO:<@a.example u@d.example>", Kind::ForwardPath, 19);
    refused("RCPT TO:<@a.example,:u@d.example>", Kind::ForwardPath, 20);
    refused("RCPT TO:<@a.example,b.example:u@d.example>", Kind::ForwardPath, 20);
    refused("RCPT TO:<@:u@d.example>", Kind::ForwardPath, 10);
    refused("RCPT TO:<@a.example:>", Kind::ForwardPath, 20);
    refused("MAIL FROM:<@a.example>", Kind::ReversePath, 21);
}

// rows: 5321-4.1.1.3-h, 5321-4.1.2-j
#[test]
fn postmaster_is_the_only_name_without_a_domain() {
    let postmaster = Command::Rcpt { to: ForwardPath::Postmaster, params: RcptParams::default() };
    assert_eq!(parsed("RCPT TO:<PostMaster>"), postmaster);
    assert_eq!(parsed("RCPT TO:<postmaster>"), postmaster);
    assert_eq!(parsed("RCPT TO:<Postmaster@d.example>"), rcpt("Postmaster@d.example"));
    refused("RCPT TO:<joe>", Kind::ForwardPath, 12);
    refused("RCPT TO:postmaster", Kind::ForwardPath, 8);
    refused("RCPT TO:<postmasters>", Kind::ForwardPath, 20);
    refused("MAIL FROM:<postmaster>", Kind::ReversePath, 21);
}

#[test]
fn e01_addresses_cannot_hold_line_breaks() {
    refused("MAIL FROM:<a@b\r\nRCPT TO:<c@d>>", Kind::ControlCharacter, 14);
    for text in
        ["a@b>\r\nRCPT TO:<c@d", "a\r\n@b", "\"a\r\n\"@b", "\"a\\\n\"@b", "a@b\0", "a@[x:\r]"]
    {
        assert_eq!(Mailbox::parse(text).unwrap_err().kind, Kind::ControlCharacter, "{text:?}");
        assert!(text.parse::<Mailbox<'static>>().is_err());
        assert!(ForwardPath::parse(&format!("<{text}>")).is_err());
        assert!(ReversePath::parse(&format!("<{text}>")).is_err());
    }
    for value in ["a\rb", "a\nb", "\0", "\u{7f}"] {
        assert!(LocalPart::new(value).is_err());
        assert!(LocalPart::from_unquoted(value).is_err());
        assert!(Domain::parse(value).is_err());
        assert!(Parameter::new("X", Some(value.into())).is_err());
        assert!(Parameter::new(value, None).is_err());
        assert!(Mechanism::new(value).is_err());
        assert!(InitialResponse::new(value).is_err());
    }
}

#[test]
fn e02_shell_text_is_no_address() {
    refused("MAIL FROM:<;for i in 0 1 2 3;do read r;done;sh;exit 0;>", Kind::ReversePath, 11);
    assert_eq!(mailbox("|id@x").local_part.as_str(), "|id");
    assert_eq!(mailbox("${run{id}}@x").local_part.as_str(), "${run{id}}");
}

// rows: 5321-4.1.2-a, 5321-4.1.2-b, 5321-4.1.2-e, 5321-4.1.2-f
#[test]
fn e10_local_parts() {
    for (wire, value) in [
        ("a.b", "a.b"),
        ("user+tag", "user+tag"),
        ("!#$%&'*+-/=?^_`{|}~", "!#$%&'*+-/=?^_`{|}~"),
        ("\"a b\"", "a b"),
        ("\"a b@c\"", "a b@c"),
        ("\"a\\\"b\"", "a\"b"),
        ("\"a\\\\b\"", "a\\b"),
        ("\"<>@,;:.\"", "<>@,;:."),
        ("\"a..b\"", "a..b"),
        ("дима", "дима"),
        ("\"д и\"", "д и"),
    ] {
        let line = format!("RCPT TO:<{wire}@d.example>");
        let Command::Rcpt { to, .. } = parsed(&line) else { panic!("not RCPT") };
        let local_part = &to.mailbox().unwrap().local_part;
        assert_eq!((local_part.as_str(), &*local_part.unquoted()), (wire, value));
        assert_eq!(LocalPart::from_unquoted(value).unwrap().as_str(), wire);
    }
    for (wire, offset) in [
        ("a..b", 11),
        (".a", 9),
        ("a.", 11),
        ("..", 9),
        ("", 19),
        ("\"\"", 9),
        ("a b", 10),
        ("a\"b\"", 10),
        ("\"a\"b", 12),
        ("\"a", 22),
        ("\"a\\", 23),
        ("\"\\д\"", 11),
        ("a\\b", 10),
        ("(a)", 9),
        ("a,b", 10),
        ("a:b", 10),
        ("../../etc/passwd", 9),
    ] {
        let line = format!("RCPT TO:<{wire}@d.example>");
        refused(&line, Kind::ForwardPath, offset);
    }
    refused("RCPT TO:<\"a\tb\"@d.example>", Kind::ControlCharacter, 11);
}

// rows: 5321-4.1.2-c, 5321-4.1.2-d
#[test]
fn quotings_are_equal_and_the_least_is_sent() {
    let forms = ["joe@d.example", "\"joe\"@d.example", "\"j\\oe\"@d.example"];
    let set: HashSet<_> = forms.iter().map(|form| mailbox(form)).collect();
    assert_eq!(set.len(), 1);
    for form in forms {
        let mut out = bytes::BytesMut::new();
        rcpt(form).encode(&mut out);
        assert_eq!(&*out, b"RCPT TO:<joe@d.example>\r\n");
        assert_eq!(mailbox(form).to_string(), form, "what is displayed is what came");
    }
    for (form, least) in [("\"a\\b\\@\"", "\"ab@\""), ("\"a..b\"", "\"a..b\""), ("a.b", "a.b")] {
        assert_eq!(LocalPart::new(form).unwrap().least_quoted(), least);
    }
}

// rows: 5321-4.1.3-a, 5321-4.1.3-c, 5321-4.1.3-e, 5321-F.4-a
#[test]
fn e10_domains() {
    for text in [
        "x",
        "localhost",
        "d.example",
        "D-1.example",
        "3com.example",
        "127.1",
        "xn--bcher-kva.example",
        "bücher.example",
        "[192.0.2.1]",
        "[IPv6:::1]",
        "[IPv6:::ffff:192.0.2.1]",
        "[IPv6:1:2:3:4:5:6:7::]",
        "[future:abc]",
        "[x-1:a:b]",
    ] {
        assert_eq!(parsed(&format!("RCPT TO:<u@{text}>")), rcpt(&format!("u@{text}")));
        assert_eq!(domain(text).to_string(), text);
    }
    for (text, offset) in [
        ("x.", 13),
        (".x", 11),
        ("x..y", 13),
        ("-x", 11),
        ("x-", 12),
        ("x.-y", 13),
        ("xn---", 15),
        ("x_y", 12),
        ("", 11),
        ("#3221225985", 11),
        ("[1.2.3]", 12),
        ("[192.0.2.256]", 12),
        ("[192.0.2.01]", 12),
        ("[127.0.0.1", 12),
        ("[::1]", 12),
        ("[2001:db8::1]", 12),
        ("[IPv6:1.2.3.4]", 12),
        ("[IPv6:::g]", 12),
        ("[IPv6:fe80::1%eth0]", 12),
        ("[]", 12),
        ("[a:]", 12),
        ("[:a]", 12),
        ("[a-:b]", 12),
        ("[a:[b]", 12),
        ("[a:b[c]", 15),
        ("[x y]", 12),
        ("d.example@d.example", 20),
    ] {
        let line = format!("RCPT TO:<u@{text}>");
        refused(&line, Kind::ForwardPath, offset);
        let alone = Domain::parse(text).map_err(|error| error.kind);
        assert_eq!(alone, Err(Kind::Domain), "{text}");
    }
}

#[test]
fn literals_compare_by_address() {
    let ip = |text| domain(text).ip();
    assert_eq!(ip("[192.0.2.1]"), "192.0.2.1".parse().ok());
    assert_eq!(ip("[ipv6:2001:DB8::1]"), "2001:db8::1".parse().ok());
    assert_eq!(ip("[future:abc]"), None);
    assert_eq!(ip("d.example"), None);
    let set = HashSet::from([
        domain("[IPv6:2001:db8::1]"),
        domain("[ipv6:2001:0DB8:0::1]"),
        Domain::from("2001:db8::1".parse::<IpAddr>().unwrap()),
        domain("[192.0.2.1]"),
        Domain::from("192.0.2.1".parse::<IpAddr>().unwrap()),
        domain("[future:abc]"),
        domain("[FUTURE:abc]"),
        domain("192.0.2.1"),
    ]);
    assert_eq!(set.len(), 4);
    assert_eq!(domain("[192.0.2.1]").to_ascii(), None);
}

// rows: 5890-2.3.2.1-a, 5891-3.1-a, 5891-5.4-a, 6531-3.2-b
#[cfg(feature = "idna")]
#[test]
fn e12_names_compare_as_a_labels() {
    assert_eq!(domain("bücher.example").to_ascii().unwrap(), "xn--bcher-kva.example");
    assert_eq!(domain("BÜCHER.Example"), domain("XN--BCHER-KVA.example"));
    assert_eq!(domain("пример.example").to_ascii().unwrap(), "xn--e1afmkfd.example");
    assert_eq!(domain("D.Example").to_ascii().unwrap(), "d.example");
    let set = HashSet::from([domain("bücher.example"), domain("xn--Bcher-kva.EXAMPLE")]);
    assert_eq!(set.len(), 1);
    // A Cyrillic а; NFD; a ligature; wide letters; ß.
    for (lookalike, ascii) in [
        ("locаl.test", "local.test"),
        ("e\u{301}.test", "é.test"),
        ("oﬀ.test", "off.test"),
        ("ｌocal.test", "local.test"),
        ("straße.test", "strasse.test"),
        ("İ.test", "i.test"),
        ("ı.test", "i.test"),
        ("ſ.test", "s.test"),
        // The signs for kelvin, ångström and ohm are letters to NFC.
        ("\u{212a}im.test", "kim.test"),
        ("\u{212b}.test", "å.test"),
        ("\u{2126}.test", "ω.test"),
    ] {
        assert_ne!(domain(lookalike), domain(ascii), "{lookalike}");
    }
    // Not NFC; disallowed; hyphens in the third and fourth place; a combining mark in front.
    for refused in ["e\u{301}.test", "a\u{202e}b.test", "üb--c.test", "\u{301}a.test"] {
        assert_eq!(domain(refused).to_ascii(), None, "{refused}");
        assert_eq!(domain(refused), domain(refused), "a name equals itself all the same");
    }
}

/// Whatever changes in lower case equals that only if it is its capital: no sign, no ligature, no other script.
#[cfg(feature = "idna")]
#[test]
fn e12_letters_equal_their_capitals_alone() {
    let mut equal = 0;
    for capital in (char::MIN..=char::MAX).filter(|c| !c.to_lowercase().eq([*c])) {
        let small: String = capital.to_lowercase().collect();
        let (capitals, smalls) = (format!("{capital}.test"), format!("{small}.test"));
        let (Ok(capitals), Ok(smalls)) = (Domain::parse(&capitals), Domain::parse(&smalls)) else {
            continue;
        };
        if capitals == smalls {
            equal += 1;
            assert!(small.chars().flat_map(char::to_uppercase).eq([capital]), "{capital:?}");
        }
    }
    assert!(1000 < equal, "{equal}");
}

/// Composed and decomposed, wide, in another script: a local-part equals what has the same characters.
// rows: 5321-2.3.11-a
#[test]
fn e12_local_parts_are_compared_as_they_are() {
    let forms =
        ["\u{e9}", "e\u{301}", "e", "\u{ff45}", "\u{435}", "E", "\u{df}", "ss", "\u{fb00}", "ff"];
    let set: HashSet<_> = forms.iter().map(|form| LocalPart::new(*form).unwrap()).collect();
    assert_eq!(set.len(), forms.len());
}

// rows: 5321-4.1.2-f, 6531-3.2-a
#[test]
fn e12_utf8_in_addresses() {
    refused("MAIL FROM:<a@xn--->", Kind::ReversePath, 17);
    refused("MAIL FROM:<a\0@x>", Kind::ControlCharacter, 12);
    refused("MAIL FROM:<a\u{85}@x>", Kind::ControlCharacter, 12);
    refused("RCPT TO:<a@\u{80}x>", Kind::ControlCharacter, 11);
    let lines: [&[u8]; 2] = [b"MAIL FROM:<\xc1\x81@x>", b"MAIL FROM:<\xed\xa0\x80@x>"];
    for line in lines {
        assert_eq!(Command::parse(line).unwrap_err().kind, Kind::NotUtf8, "{line:?}");
    }
    // Whatever is no control character stands for itself in a local-part; nothing is mapped.
    for text in ["ü@x", "e\u{301}@x", "а@x", "ﬀ@x", "İ@x", "ß@x", "a\u{202e}b@x"] {
        let parsed = mailbox(text);
        assert_eq!(parsed.to_string(), text);
        assert!(!parsed.is_ascii(), "{text}: for the session to refuse without SMTPUTF8");
    }
    for (one, other) in [("é", "e\u{301}"), ("а", "a"), ("ﬀ", "ff"), ("İ", "i"), ("ß", "ss")]
    {
        assert_ne!(mailbox(&format!("{one}@x")), mailbox(&format!("{other}@x")), "{one} {other}");
    }
}

// rows: 5321-4.5.3.1.1-a, 5321-4.5.3.1.2-a, 5321-4.5.3.1.3-a
#[test]
fn e11_lengths() {
    let label = "a".repeat(63);
    let octets_255 = format!("{label}.{label}.{label}.{label}");
    assert_eq!(domain(&octets_255).as_str().len(), 255);
    assert_eq!(Domain::parse(&format!("{octets_255}.a")).unwrap_err().kind, Kind::DomainTooLong);
    assert_eq!(Domain::parse(&format!("{label}a.b")).unwrap_err().kind, Kind::DomainTooLong);
    // 40 characters of three octets each may well have an A-label of 63 octets.
    assert!(Domain::parse(&"字".repeat(40)).is_ok());
    assert_eq!(Domain::parse(&"字".repeat(64)).unwrap_err().kind, Kind::DomainTooLong);

    let local_part = "l".repeat(64);
    assert_eq!(LocalPart::new(&*local_part).unwrap().as_str().len(), 64);
    refused(&format!("RCPT TO:<{local_part}l@x>"), Kind::LocalPartTooLong, 9);
    refused(&format!("MAIL FROM:<\"{}\"@x>", "l".repeat(63)), Kind::LocalPartTooLong, 11);

    // 1 + 64 + 1 + 189 + 1 octets.
    let path_256 = format!("{local_part}@{}.{}.{}", "a".repeat(63), "b".repeat(63), "c".repeat(61));
    assert_eq!(path_256.len() + 2, 256);
    assert_eq!(parsed(&format!("RCPT TO:<{path_256}>")), rcpt(&path_256));
    refused(&format!("RCPT TO:<{path_256}c>"), Kind::PathTooLong, 8);
    refused(&format!("RCPT TO:<@r:{path_256}>"), Kind::PathTooLong, 8);
    assert_eq!(Mailbox::parse(&format!("{path_256}c")).unwrap_err().kind, Kind::PathTooLong);
}

// rows: 1870-3-b, 6152-2-a, 3030-3-b
#[test]
fn known_parameters() {
    for (line, expected) in [
        ("MAIL FROM:<a@b.example> SIZE=500000", (Some(500_000), None, false)),
        ("MAIL FROM:<a@b.example> SIZE=18446744073709551615", (Some(u64::MAX), None, false)),
        ("MAIL FROM:<a@b.example> BODY=7BIT", (None, Some(BodyType::SevenBit), false)),
        ("MAIL FROM:<a@b.example> BODY=8BITMIME", (None, Some(BodyType::EightBitMime), false)),
        ("MAIL FROM:<a@b.example> body=8bitmime", (None, Some(BodyType::EightBitMime), false)),
        ("MAIL FROM:<a@b.example> BODY=BINARYMIME", (None, Some(BodyType::BinaryMime), false)),
        ("MAIL FROM:<a@b.example>  SMTPUTF8   SIZE=1", (Some(1), None, true)),
    ] {
        let params = mail_params(line);
        assert_eq!((params.size, params.body, params.smtputf8), expected, "{line}");
        assert!(params.other.is_empty() && params.auth.is_none());
    }
}

// rows: 5321-4.1.2-h, 3461-4.5-a, 6531-3.1-c
#[test]
fn c18_parameters_that_are_unknown_or_wrong() {
    for (parameters, kind, offset) in [
        ("X==1", Kind::Parameter, 26),
        ("X=", Kind::Parameter, 26),
        ("X=a=b", Kind::Parameter, 27),
        ("=1", Kind::Parameter, 24),
        ("-X=1", Kind::Parameter, 24),
        ("X_Y=1", Kind::Parameter, 25),
        ("Ü=1", Kind::Parameter, 24),
        ("SIZE=1 SIZE=2", Kind::DuplicateParameter, 31),
        ("SIZE=1 size=1", Kind::DuplicateParameter, 31),
        ("BODY=7BIT BODY=8BITMIME", Kind::DuplicateParameter, 34),
        ("SMTPUTF8 SMTPUTF8", Kind::DuplicateParameter, 33),
        ("AUTH=<> AUTH=<>", Kind::DuplicateParameter, 32),
        ("RET=FULL RET=HDRS", Kind::DuplicateParameter, 33),
        ("X=1 Y=2 x=3", Kind::DuplicateParameter, 32),
        ("SIZE", Kind::ParameterValue, 24),
        ("SIZE=1k", Kind::ParameterValue, 24),
        ("SIZE=+1", Kind::ParameterValue, 24),
        ("SIZE=18446744073709551616", Kind::ParameterValue, 24),
        ("SIZE=000000000000000000001", Kind::ParameterValue, 24),
        ("BODY", Kind::ParameterValue, 24),
        ("BODY=9BIT", Kind::ParameterValue, 24),
        ("SMTPUTF8=1", Kind::ParameterValue, 24),
        ("AUTH", Kind::ParameterValue, 24),
        ("AUTH=a", Kind::ParameterValue, 24),
        ("AUTH=a+", Kind::ParameterValue, 24),
        ("AUTH=a+3@b", Kind::ParameterValue, 24),
        ("AUTH=a+0Ab@c", Kind::ParameterValue, 24),
    ] {
        refused(&format!("MAIL FROM:<a@b.example> {parameters}"), kind, offset);
    }
    refused("MAIL FROM:<> AUTH=x+0Aevil", Kind::ParameterValue, 13);
    refused("RCPT TO:<a@b.example> NOTIFY=NEVER notify=NEVER", Kind::DuplicateParameter, 35);
    refused("RCPT TO:<a@b.example> ORCPT=", Kind::Parameter, 28);
}

// rows: 6531-3.3-a
#[test]
fn c18_unknown_parameters_are_kept_for_the_session() {
    let params = mail_params("MAIL FROM:<a@b.example> NEW X-1=a;b,д SIZE=1");
    let seen: Vec<_> = params.other.iter().map(|p| (p.keyword(), p.value())).collect();
    assert_eq!(seen, [("NEW", None), ("X-1", Some("a;b,д"))]);
    assert_eq!(params.size, Some(1));
    assert_eq!(params.other[0], Parameter::new("new", None).unwrap());

    // What is a parameter of the one command is none of the other.
    let params = mail_params("MAIL FROM:<a@b.example> NOTIFY=NEVER");
    assert_eq!(params.other, [Parameter::new("NOTIFY", Some("NEVER".into())).unwrap()]);
    let Command::Rcpt { params, .. } = parsed("RCPT TO:<a@b.example> SIZE=1") else {
        panic!("not RCPT")
    };
    assert_eq!(params.other, [Parameter::new("SIZE", Some("1".into())).unwrap()]);
}

// rows: 5321-4.1.2-i, 3461-4-a, 3461-4-b
#[test]
fn xtext_in_parameters() {
    let params = mail_params("MAIL FROM:<a@b.example> AUTH=e+3Dmc2@b.example");
    assert_eq!(params.auth, Some(AuthParam::Mailbox(mailbox("e=mc2@b.example"))));
    let mut out = bytes::BytesMut::new();
    mail_with("a@b.example", params).encode(&mut out);
    assert_eq!(&*out, b"MAIL FROM:<a@b.example> AUTH=e+3Dmc2@b.example\r\n");

    for (value, expected) in [
        ("<>", AuthParam::Unknown),
        ("+3C+3E", AuthParam::Unknown),
        ("<c@d>", AuthParam::Mailbox(mailbox("c@d"))),
        ("+d0+B4@d", AuthParam::Mailbox(mailbox("д@d"))),
    ] {
        let line = format!("MAIL FROM:<> AUTH={value}");
        assert_eq!(mail_params(&line).auth, Some(expected), "{line}");
    }

    assert_eq!(xtext::decode("a+20b").unwrap(), "a b");
    // Parentheses make no comment.
    assert_eq!(xtext::decode("a(b)c").unwrap(), "a(b)c");
    assert_eq!(xtext::encode("a b=c+д"), "a+20b+3Dc+2B+D0+B4");
    assert!(matches!(xtext::encode("plain(text)"), Cow::Borrowed("plain(text)")));
    for (encoded, kind) in [
        ("+", Kind::ParameterValue),
        ("+4", Kind::ParameterValue),
        ("+4G", Kind::ParameterValue),
        ("a=b", Kind::ParameterValue),
        ("a b", Kind::ParameterValue),
        ("x+0D+0AX-Injected:", Kind::ControlCharacter),
        ("+00", Kind::ControlCharacter),
        ("+FF", Kind::NotUtf8),
    ] {
        assert_eq!(xtext::decode(encoded).unwrap_err().kind, kind, "{encoded}");
    }
}

// rows: 6531-3.2-a
#[test]
fn utf8_is_parsed_and_told_apart() {
    let Command::Mail { from, params } = parsed("MAIL FROM:<дима@пример.example> SMTPUTF8")
    else {
        panic!("not MAIL");
    };
    assert!(params.smtputf8 && !from.is_ascii());
    assert!(!mailbox("us\u{e9}r@b.example").is_ascii());
    assert!(!mailbox("user@bücher.example").is_ascii());
    assert!(mailbox("user@xn--bcher-kva.example").is_ascii());
    assert!(ReversePath::Null.is_ascii() && ForwardPath::Postmaster.is_ascii());
}

// rows: 5321-4.1.2-l
#[test]
fn verification_takes_atoms_quoted_strings_and_addresses() {
    for argument in ["\"Joe Smith\"", "smith", "smith@d.example", "<smith@d.example>"] {
        let line = format!("VRFY {argument}");
        assert_eq!(parsed(&line), Command::Vrfy(Query::new(argument)));
        let line = format!("EXPN {argument}");
        assert_eq!(parsed(&line), Command::Expn(Query::new(argument)));
    }
}

// rows: 4954-4-g, 4954-8-a, 4954-4-i, 4422-3.1-a
#[test]
fn authentication() {
    let auth = |mechanism, response: Option<&'static str>| Command::Auth {
        mechanism: Mechanism::new(mechanism).unwrap(),
        initial_response: response.map(|text| InitialResponse::new(text).unwrap()),
    };
    let plain = auth("PLAIN", Some("dGVzdAB0ZXN0ADEyMzQ="));
    assert_eq!(parsed("auth plain dGVzdAB0ZXN0ADEyMzQ="), plain);
    assert_eq!(parsed("AUTH LOGIN"), auth("LOGIN", None));
    assert_eq!(parsed("AUTH SCRAM-SHA-256"), auth("scram-sha-256", None));
    assert_eq!(parsed("AUTH EXTERNAL ="), auth("EXTERNAL", Some("=")));

    let decode = |text: &'static str| InitialResponse::new(text).unwrap().decode();
    assert_eq!(decode("dGVzdAB0ZXN0ADEyMzQ=").unwrap(), b"test\0test\x001234");
    assert_eq!(decode("=").unwrap(), b"");
    let Command::Auth { initial_response: Some(broken), .. } = parsed("AUTH PLAIN =AAA") else {
        panic!("not AUTH with a response");
    };
    assert_eq!(broken.decode().unwrap_err().kind, Kind::Base64);
    // Padding missing, in the middle, too much; stray bits in the last letter.
    for text in ["AAA", "AA=A", "AAAA=", "A===", "AB=="] {
        assert_eq!(decode(text).unwrap_err().kind, Kind::Base64, "{text}");
    }

    refused("AUTH PLAIN !!!", Kind::Base64, 11);
    refused("AUTH X!Y", Kind::Mechanism, 5);
    refused("AUTH ABCDEFGHIJKLMNOPQRSTU", Kind::Mechanism, 5);
    refused("AUTH PLAIN AAAA AAAA", Kind::UnexpectedArgument, 15);
}

#[test]
fn secrets_do_not_print() {
    let secret = InitialResponse::encode(b"\0tim\0tanstaaftanstaaf");
    let text = format!("{secret:?} {:?}", Response::Data(b"tanstaaftanstaaf".to_vec()));
    assert_eq!(text, "InitialResponse(***) Data(***)");
    let command = format!("{:?}", parsed("AUTH PLAIN dGVzdAB0ZXN0ADEyMzQ="));
    assert!(!command.contains("dGVz"), "{command}");
}

#[test]
fn answers_to_challenges() {
    assert_eq!(decode_response(b"*"), Ok(Response::Cancel));
    assert_eq!(decode_response(b""), Ok(Response::Data(Vec::new())));
    assert_eq!(decode_response(b"dGlt"), Ok(Response::Data(b"tim".to_vec())));
    for line in [&b"="[..], b"**", b"!!!", b"dGlt ", b"dGl", b"d\0lt", b"\xff\xff\xff\xff"] {
        assert_eq!(decode_response(line).unwrap_err().kind, Kind::Base64, "{line:?}");
    }
}

// rows: 4954-4-d, draft-murchison-sasl-login-2-a
#[test]
fn challenges_are_one_line_of_base64() {
    let encoded = |octets: &[u8]| {
        let mut out = bytes::BytesMut::new();
        challenge(octets).encode(&mut out);
        out.to_vec()
    };
    assert_eq!(encoded(b""), b"334 \r\n");
    assert_eq!(encoded(b"Username:"), b"334 VXNlcm5hbWU6\r\n");
    assert_eq!(encoded(b"Password:"), b"334 UGFzc3dvcmQ6\r\n");
    let long = encoded(&[0; 3_000]);
    assert_eq!(long.len(), "334 ".len() + 4_000 + "\r\n".len());
    assert_eq!(long.iter().filter(|&&octet| octet == b'\n').count(), 1);
}

#[test]
fn errors_say_what_and_where() {
    let error = parse("RCPT TO:<a..b@x>").unwrap_err();
    assert_eq!(error.to_string(), "malformed forward-path (octet 11)");
}
