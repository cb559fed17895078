//! The fast paths against the table.

use alloc::vec;
use alloc::vec::Vec;

use super::table::{State, Step, step};
use super::{DataDecoder, Decoded};

/// Decodes `input` by the table alone.
fn decode_by_table(input: &[u8]) -> (Vec<u8>, Decoded) {
    let mut state = State::LineStart;
    let mut content = Vec::new();
    let mut decoded = Decoded::default();
    for &octet in input {
        let (after, what) = step(state, octet);
        match what {
            Step::Keep => content.push(octet),
            Step::Drop | Step::Hold => {}
            Step::Bare => {
                if state == State::DotCr {
                    content.push(b'\r');
                }
                content.push(octet);
                decoded.flaws.bare_lf |= octet == b'\n';
                decoded.flaws.bare_cr |= octet != b'\n';
            }
            Step::End => decoded.end = true,
        }
        decoded.flaws.nul |= octet == 0;
        decoded.consumed += 1;
        state = after;
        if decoded.end {
            break;
        }
    }
    if state == State::DotCr {
        decoded.consumed -= 1;
    }
    decoded.content = content.len();
    (content, decoded)
}

/// Every string of three of the octets that the table tells apart.
fn strings() -> impl Iterator<Item = [u8; 3]> {
    let octets = [b'\r', b'\n', b'.', b'a', 0];
    (0..octets.len().pow(3)).map(move |n| [octets[n % 5], octets[n / 5 % 5], octets[n / 25]])
}

#[test]
fn every_short_string_at_every_seam_of_the_fast_paths() {
    let line = [&[b'x'; 76][..], b"\r\n"].concat();
    let backgrounds = [line.repeat(20), vec![b'x'; 1_560], b"..\r\n".repeat(390)];
    for background in &backgrounds {
        for at in (0..background.len() - 8).filter(|at| at % 32 < 3 || 29 < at % 32) {
            for string in strings() {
                let mut input = background.clone();
                input[at..at + 3].copy_from_slice(&string);
                let (content, expected) = decode_by_table(&input);
                let decoded = DataDecoder::new().decode(&mut input);
                assert_eq!(decoded, expected, "{string:?} at {at}");
                assert!(input[..decoded.content] == content, "{string:?} at {at}");
            }
        }
    }
}

#[test]
fn a_line_start_is_where_every_message_begins() {
    let mut decoder = DataDecoder::new();
    for _ in 0..3 {
        let mut input = *b"a\r\n.\r\nb";
        let decoded = decoder.decode(&mut input);
        assert_eq!((decoded.content, decoded.consumed, decoded.end), (3, 6, true));
    }
}
