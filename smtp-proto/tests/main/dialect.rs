//! Dialects: what an embedder may add, and what not.

use smtp_proto::{
    Command, Dialect, DialectError, Extension, ServiceExtension, SyntaxError,
    SyntaxErrorKind as Kind,
};

fn status() -> ServiceExtension {
    ServiceExtension::new("X-STATUS")
        .with_arguments("BRIEF FULL=2")
        .with_verb("XSTATUS")
        .with_verb("ATRN")
        .with_mail_parameter("XTRACE")
        .with_rcpt_parameter("XROOM")
}

fn dialect() -> Dialect {
    Dialect::STANDARD.with(status()).unwrap()
}

#[test]
fn registered_verbs_are_commands_with_free_text() {
    let dialect = dialect();
    for (line, verb, argument) in [
        ("XSTATUS", "XSTATUS", ""),
        ("xstatus  brief  now ", "xstatus", "brief  now"),
        ("XStatus дима", "XStatus", "дима"),
        // Known by name alone, so that it may be implemented by an extension.
        ("ATRN b.example", "ATRN", "b.example"),
    ] {
        let command = Command::Other { verb: verb.into(), argument: argument.into() };
        assert_eq!(dialect.parse(line.as_bytes()), Ok(command.clone()), "{line}");
        assert_eq!(command.verb(), None);
        assert!(Command::parse(line.as_bytes()).is_err(), "{line} is not standard");
        let mut out = bytes::BytesMut::new();
        command.encode(&mut out);
        let written = out.strip_suffix(b"\r\n").unwrap();
        assert_eq!(dialect.parse(written), Ok(command.clone()), "{line}");
        assert_eq!(command.clone().into_owned(), command);
    }
    assert_eq!(dialect.find_verb("xstatus"), Some("XSTATUS"));
    assert_eq!(dialect.find_verb("XSTATU"), None);
}

#[test]
fn e01_registered_verbs_have_no_control_characters_behind_them() {
    for (line, kind, offset) in [
        (&b"XSTATUS a\nb"[..], Kind::ControlCharacter, 9),
        (b"XSTATUS\0", Kind::ControlCharacter, 7),
        (b"XSTATUS\ta", Kind::ControlCharacter, 7),
        (b"XSTATUS a\xc2\x85", Kind::ControlCharacter, 9),
        (b"XSTATUS a\xff", Kind::NotUtf8, 9),
        (b"XSTATUSES", Kind::UnknownCommand, 0),
        (b"XSTAT\xff", Kind::UnknownCommand, 0),
        (b"TURN", Kind::NotImplemented, 0),
    ] {
        let error = SyntaxError { kind, offset };
        assert_eq!(dialect().parse(line), Err(error), "{}", line.escape_ascii());
    }
}

#[test]
fn parameters_are_registered_for_their_command_alone() {
    let dialect = dialect();
    assert!(dialect.takes_mail_parameter("xtrace") && dialect.takes_rcpt_parameter("XRoom"));
    assert!(!dialect.takes_mail_parameter("XROOM") && !dialect.takes_rcpt_parameter("XTRACE"));
    assert!(!Dialect::STANDARD.takes_mail_parameter("XTRACE"));
    let arguments = "BRIEF FULL=2".into();
    let line = Extension::Other { keyword: "X-STATUS".into(), arguments };
    assert_eq!(dialect.extensions()[0].line(), line);
}

#[test]
fn extensions_that_cannot_be_registered() {
    let new = ServiceExtension::new;
    let keyword = |word: &str| DialectError::Keyword(word.to_owned());
    let standard = |word: &str| DialectError::Standard(word.to_owned());
    let duplicate = |word: &str| DialectError::Duplicate(word.to_owned());
    for (extension, error) in [
        (new(""), keyword("")),
        (new("-X"), keyword("-X")),
        (new("X STATUS"), keyword("X STATUS")),
        (new("X\r\n250 Y"), keyword("X\r\n250 Y")),
        (new("XÜ"), keyword("XÜ")),
        (new("X").with_verb("X_Y"), keyword("X_Y")),
        (new("X").with_mail_parameter("X="), keyword("X=")),
        (new("X").with_rcpt_parameter(""), keyword("")),
        (new("size"), standard("size")),
        (new("FUTURERELEASE"), standard("FUTURERELEASE")),
        (new("X").with_verb("mail"), standard("mail")),
        (new("X").with_verb("XCLIENT"), standard("XCLIENT")),
        (new("X").with_mail_parameter("Size"), standard("Size")),
        (new("X").with_mail_parameter("SMTPUTF8"), standard("SMTPUTF8")),
        (new("X-Status"), duplicate("X-Status")),
        (new("X").with_verb("xstatus"), duplicate("xstatus")),
        (new("X").with_verb("XA").with_verb("xa"), duplicate("xa")),
        (new("X").with_mail_parameter("xtrace"), duplicate("xtrace")),
        (new("X").with_rcpt_parameter("Y").with_rcpt_parameter("y"), duplicate("y")),
    ] {
        let refused = dialect().with(extension.clone()).unwrap_err();
        assert_eq!(refused, error, "{extension:?}");
        assert!(!refused.to_string().is_empty());
    }
    for arguments in [" ", "a  b", "a ", "a\tb", "ж", "a\r\n250 b", &"a".repeat(505)] {
        let refused = dialect().with(new("X").with_arguments(arguments.to_owned())).unwrap_err();
        assert_eq!(refused, DialectError::Arguments("X".to_owned()), "{arguments:?}");
    }
}

#[test]
fn the_same_word_may_stand_in_different_places() {
    let word = "XTRACE";
    let everywhere = ServiceExtension::new(word)
        .with_arguments("a".repeat(506 - "XTRACE ".len()))
        .with_verb(word)
        .with_rcpt_parameter(word);
    let both = dialect().with(everywhere).unwrap();
    assert_eq!(both.extensions().len(), 2);
    assert!(both.takes_mail_parameter(word) && both.takes_rcpt_parameter(word));
}

/// A standard line means the same in every dialect.
#[test]
fn standard_commands_do_not_change() {
    for line in ["NOOP", "MAIL FROM:<> XTRACE=1", "RCPT TO:<a@b> X=1", "VRFY x", "ETRN a.example"] {
        assert_eq!(dialect().parse(line.as_bytes()), Command::parse(line.as_bytes()), "{line}");
    }
}
