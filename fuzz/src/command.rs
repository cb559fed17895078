//! A command that was parsed is written and read again as the same one.
//!
//! * **In**: a line without its ending. **Out**: nothing. **Promises**: what we write is one line.
//! * **Limits**: none. **Panics**: on a finding. **Spec**: RFC 5321 4.1.1.

use bytes::BytesMut;
use smtp_proto::{Command, Dialect, EnvelopeId, ServiceExtension};

/// Parses a line, encodes the command, parses it again.
///
/// # Panics
/// On a finding.
pub fn command(input: &[u8]) {
    let extension = ServiceExtension::new("XFUZZ").with_verb("XFUZZ");
    let dialect = Dialect::STANDARD.with(extension).unwrap_or_default();
    let Ok(parsed) = dialect.parse(input) else { return };
    if parsed.verb().is_some() {
        assert_eq!(Command::parse(input).as_ref(), Ok(&parsed));
    }
    let mut written = BytesMut::new();
    parsed.encode(&mut written);
    let line = written.strip_suffix(b"\r\n").unwrap_or_default();
    assert!(!line.iter().any(u8::is_ascii_control), "{:?} is not one line", written);
    let again = dialect.parse(line);
    let again = again.unwrap_or_else(|error| panic!("{parsed:?} became {written:?}: {error}"));
    let mut twice = BytesMut::new();
    again.encode(&mut twice);
    assert_eq!(written, twice, "from {parsed:?} and {again:?}");
    assert_eq!(parsed.verb(), again.verb());
    assert_eq!(again.clone().into_owned(), again);
    check_values(&parsed);
}

/// What a parameter stands for has no control character, and is written as the same again.
fn check_values(command: &Command<'_>) {
    let plain = |text: &str| assert!(!text.chars().any(char::is_control), "{text:?}");
    match command {
        Command::Mail { params, .. } => {
            let Some(envid) = &params.envid else { return };
            plain(&envid.decoded());
            if let Some(again) = EnvelopeId::from_decoded(&envid.decoded()) {
                assert_eq!(again.decoded(), envid.decoded());
            }
        }
        Command::Rcpt { params, .. } => {
            let Some(orcpt) = &params.orcpt else { return };
            plain(&orcpt.address());
            if let Some(ascii) = orcpt.to_ascii() {
                assert!(ascii.is_ascii());
                assert_eq!(ascii.address(), orcpt.address());
            }
        }
        _ => {}
    }
}
