//! Content that a client sends: no bare CR or LF, no end of data but the last line, and the
//! decoder gives back what was put in.

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use smtp_proto::DataEncoder;

use super::{decode, octets, pieces};

fn encode(pieces: &[&[u8]]) -> Vec<u8> {
    let mut encoder = DataEncoder::new();
    let mut out = BytesMut::new();
    for piece in pieces {
        encoder.encode(piece, &mut out);
    }
    encoder.finish(&mut out);
    out.to_vec()
}

/// Content as it is delivered: every line ends in CRLF, and there is no CR elsewhere.
fn deliver(content: &[u8]) -> Vec<u8> {
    let mut delivered = Vec::new();
    for (at, octet) in content.iter().enumerate() {
        match octet {
            b'\n' => delivered.extend_from_slice(b"\r\n"),
            b'\r' if content.get(at + 1) == Some(&b'\n') => {}
            b'\r' => delivered.push(b' '),
            octet => delivered.push(*octet),
        }
    }
    if !delivered.is_empty() && !delivered.ends_with(b"\r\n") {
        delivered.extend_from_slice(b"\r\n");
    }
    delivered
}

// rows: 5321-4.1.1.4-e, 5321-4.5.2-a
#[test]
fn known_answers() {
    let table: [(&[u8], &[u8]); 15] = [
        (b"", b".\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"a\n", b"a\r\n.\r\n"),
        (b"a\r", b"a \r\n.\r\n"),
        (b"a\r\r\n", b"a \r\n.\r\n"),
        (b"\r", b" \r\n.\r\n"),
        (b".", b"..\r\n.\r\n"),
        (b"..\r\n", b"...\r\n.\r\n"),
        (b".hidden\r\n", b"..hidden\r\n.\r\n"),
        (b"a\r\n.\r\nb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\n.\nb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r.b", b"a .b\r\n.\r\n"),
        (b"\r.\r", b" . \r\n.\r\n"),
        (b"\n\n.", b"\r\n\r\n..\r\n.\r\n"),
    ];
    for (content, wire) in table {
        assert_eq!(encode(&[content]), wire, "{content:?}");
        assert_eq!(encode(&octets(content)), wire, "{content:?} octet by octet");
    }
}

// rows: 5321-2.3.8-b, 5321-4.5.2-a
#[test]
fn a20_nothing_bare_is_sent_and_every_dot_line_is_stuffed() {
    let rows: [&[u8]; 14] = [
        b"\n.\n",
        b"\n.\r",
        b"\r.\n",
        b"\r.\r",
        b"\n.\r\n",
        b"\r.\r\n",
        b"\r\n.\n",
        b"\r\n.\r",
        b"\r\n.\r\r\n",
        b"\r\r\n.\r\r\n",
        b"\r\n..\r\n",
        b"\r\n.\r\n",
        b"\r\n\r\n.",
        b".\r\n",
    ];
    for row in rows {
        let content = [b"body", row, b"MAIL FROM:<evil@x>\r\n"].concat();
        for cut in 0..=content.len() {
            let wire = encode(&pieces(&content, &[cut]));
            let received = decode(&[&wire]);
            assert!(received.end && received.consumed == wire.len(), "{row:?} cut at {cut}");
            assert!(!received.flaws.any(), "{row:?} cut at {cut}");
            assert_eq!(received.content, deliver(&content), "{row:?} cut at {cut}");
        }
    }
}

/// Content that came in is never passed on as it came: even to a server that takes anything for a line ending,
/// what is encoded again has one end.
#[test]
fn a21_content_is_encoded_again_and_has_one_end() {
    let endings: [&[u8]; 4] = [b"\r\n", b"\n", b"\r", b"\r\r\n"];
    for (before, after) in endings.iter().flat_map(|one| endings.map(|other| (one, other))) {
        for dots in [&b"."[..], b"..", b"..."] {
            let body = [b"Subject: a\r\n\r\nbody", *before, dots, after, b"MAIL FROM:<evil@x>\r\n"];
            let came_in = decode(&[&[body.concat(), b".\r\n".to_vec()].concat()]);
            let wire = encode(&[&came_in.content]);
            let lines = wire.split(|octet| b"\r\n".contains(octet));
            let ends = lines.filter(|line| *line == b".").count();
            assert_eq!(ends, 1, "{}", wire.escape_ascii());
            assert!(decode(&[&wire]).consumed == wire.len(), "{}", wire.escape_ascii());
        }
    }
}

/// Content as files, other programs and attackers make it.
fn stretch() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(proptest::sample::select(&b"\r\n.a\0"[..]), 0..12),
        Just(b".\r\n".repeat(100)),
        Just(b"a line as Unix has it\n".repeat(20)),
        vec(any::<u8>(), 0..300),
        (1..200_usize, 1..40_usize).prop_map(|(columns, lines)| {
            [b"x".repeat(columns), b"\r\n".to_vec()].concat().repeat(lines)
        }),
    ]
}

proptest! {
    #[test]
    fn the_decoder_gives_back_what_was_encoded(
        stretches in vec(stretch(), 0..10),
        cuts in vec(0..6_000_usize, 0..20),
    ) {
        let content = stretches.concat();
        let wire = encode(&pieces(&content, &cuts));
        prop_assert!(wire == encode(&[&content]), "the cut changes nothing");
        let received = decode(&[&wire]);
        prop_assert!(received.end);
        prop_assert_eq!(received.consumed, wire.len());
        prop_assert!(!received.flaws.bare_cr && !received.flaws.bare_lf);
        prop_assert!(received.content == deliver(&content));
    }
}
