//! Where the input is cut changes nothing, and hostile input ends no data early.
//!
//! The decoders are compared with definitions that see the whole input at once and are written
//! in another way: by searching and replacing instead of by an automaton.

mod attacks;
mod blocks;
mod chunks;
mod content;
mod encoder;
mod lines;

use smtp_proto::{DataDecoder, Flaws, limits};

/// What decoding a whole message gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Outcome {
    content: Vec<u8>,
    /// Octets up to the end of data.
    consumed: usize,
    end: bool,
    flaws: Flaws,
}

/// Cuts `input` at each of `cuts`, which may be in any order and beyond its end.
fn pieces<'a>(input: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| (*cut).min(input.len())).collect();
    cuts.sort_unstable();
    let mut pieces = Vec::new();
    let mut start = 0;
    for cut in cuts {
        pieces.push(&input[start..cut]);
        start = cut;
    }
    pieces.push(&input[start..]);
    pieces
}

/// Each octet on its own.
fn octets(input: &[u8]) -> Vec<&[u8]> {
    input.chunks(1).collect()
}

/// Decodes content that arrives in `pieces`, keeping what is not consumed as a session does.
fn decode(pieces: &[&[u8]]) -> Outcome {
    let mut decoder = DataDecoder::new();
    let mut outcome = Outcome::default();
    let mut buffer = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        let decoded = decoder.decode(&mut buffer);
        assert!(decoded.content <= decoded.consumed && decoded.consumed <= buffer.len());
        outcome.content.extend_from_slice(&buffer[..decoded.content]);
        outcome.consumed += decoded.consumed;
        outcome.flaws |= decoded.flaws;
        buffer.drain(..decoded.consumed);
        if decoded.end {
            outcome.end = true;
            return outcome;
        }
        assert!(buffer.is_empty() || buffer == b"\r", "only a CR may be left: {buffer:?}");
    }
    outcome
}

/// The definition: the data ends with the first CRLF `.` CRLF, and a dot after CRLF is no
/// content. The DATA line ended in CRLF.
fn define(input: &[u8]) -> Outcome {
    let wire = [b"\r\n", input].concat();
    let end = wire.windows(5).position(|window| window == b"\r\n.\r\n");
    let text = match end {
        Some(end) => &wire[..end + 2],
        // Whether this CR is content depends on what follows.
        None => wire.strip_suffix(b"\r").filter(|text| text.ends_with(b"\r\n.")).unwrap_or(&wire),
    };
    let mut outcome = Outcome { end: end.is_some(), ..Outcome::default() };
    outcome.consumed = end.map_or(text.len() - 2, |end| end + 3);
    for at in 2..text.len() {
        let (before, octet, next) = (text[at - 1], text[at], text.get(at + 1));
        if octet != b'.' || &text[at - 2..at] != b"\r\n" {
            outcome.content.push(octet);
        }
        outcome.flaws.bare_lf |= octet == b'\n' && before != b'\r';
        outcome.flaws.bare_cr |= octet == b'\r' && next.is_some_and(|next| *next != b'\n');
        outcome.flaws.nul |= octet == 0;
    }
    outcome
}

// rows: 5321-4.5.3.1.6-a
#[test]
fn content_lines_have_1000_octets_and_more() {
    for octets in [limits::CONTENT_LINE_BYTES_MAX, 100_000] {
        let line = format!("{}\r\n", "x".repeat(octets - 2));
        let mut wire = format!("{line}.{line}.\r\n").into_bytes();
        let decoded = DataDecoder::new().decode(&mut wire);
        assert!(decoded.end && !decoded.flaws.any());
        assert_eq!(wire[..decoded.content], *format!("{line}{line}").as_bytes());
    }
}
