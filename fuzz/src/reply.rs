//! A reply that was parsed is written and read again as the same one, and no prefix of it is whole.
//!
//! * **In**: octets from a server. **Out**: nothing. **Promises**: the parser takes what it says it takes.
//! * **Limits**: prefixes of the first 2,000 octets. **Panics**: on a finding. **Spec**: RFC 5321 4.2.

use bytes::BytesMut;
use smtp_proto::{EhloReply, Reply};

/// Parses replies one after another.
///
/// # Panics
/// On a finding.
pub fn reply(input: &[u8]) {
    let mut rest = input;
    while let Ok(Some((reply, consumed))) = Reply::parse(rest) {
        assert!(0 < consumed && consumed <= rest.len(), "{consumed} of {}", rest.len());
        for length in (0..consumed).take(2_000) {
            let prefix = rest.get(..length).unwrap_or_default();
            assert_eq!(Reply::parse(prefix), Ok(None), "the first {length} of {consumed}");
        }
        round_trip(&reply);
        ehlo_round_trip(&reply);
        rest = rest.get(consumed..).unwrap_or_default();
    }
}

/// A long line is folded when it is written, so what is written is what must stay the same.
fn round_trip(reply: &Reply) {
    let mut written = BytesMut::new();
    reply.encode(&mut written);
    for line in written.split_inclusive(|octet| *octet == b'\n') {
        assert!(line.ends_with(b"\r\n") && !line[..line.len() - 2].iter().any(|b| *b < b' '));
    }
    // A challenge may be longer than what is read from a server.
    let Ok(again) = Reply::parse(&written) else { return };
    let Some((again, consumed)) = again else { panic!("{written:?} is not whole") };
    assert_eq!(consumed, written.len());
    assert_eq!((again.code(), again.enhanced()), (reply.code(), reply.enhanced()));
    let mut twice = BytesMut::new();
    again.encode(&mut twice);
    assert_eq!(written, twice);
}

/// What an EHLO reply says is the same once it was written, but for lines that are too long to write.
fn ehlo_round_trip(reply: &Reply) {
    let Some(read) = EhloReply::parse(reply) else { return };
    let written = read.to_reply();
    let Some(again) = EhloReply::parse(&written) else { panic!("{written} is no success") };
    assert!(again.extensions.len() <= read.extensions.len());
    let mut octets = BytesMut::new();
    again.to_reply().encode(&mut octets);
    let lines = octets.split_inclusive(|octet| *octet == b'\n').count();
    assert_eq!(lines, 1 + again.extensions.len(), "{written}");
    assert_eq!(EhloReply::parse(&again.to_reply()).as_ref(), Some(&again));
}
