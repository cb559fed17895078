//! Lines are the same however the octets arrive, and the same that a plain split finds.
//!
//! * **In**: a limit, then octets. **Out**: nothing. **Promises**: no octet is lost or seen twice.
//! * **Limits**: none. **Panics**: on a finding. **Spec**: RFC 5321 2.3.8, 4.5.3.1.4.

use smtp_proto::{Line, LineDecoder, LineEnding};

use crate::cuts::Cuts;

#[derive(Debug, PartialEq, Eq)]
enum Found {
    Line(Vec<u8>, LineEnding),
    TooLong,
}

/// Decodes the lines of an input whose first octet gives the limit.
///
/// # Panics
/// On a finding.
pub fn line(input: &[u8]) {
    let Some((limit, octets)) = input.split_first() else { return };
    let bytes_max = usize::from(*limit) + 2;
    let expected = split(octets, bytes_max);
    for cuts in Cuts::of(octets.len()) {
        assert_eq!(decode(octets, bytes_max, cuts), expected, "{bytes_max} {cuts:?}");
    }
}

/// The definition: a line ends with LF.
fn split(octets: &[u8], bytes_max: usize) -> Vec<Found> {
    let mut found = Vec::new();
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        let Some(text) = line.strip_suffix(b"\n") else { break };
        found.push(match text.strip_suffix(b"\r") {
            _ if bytes_max < line.len() => Found::TooLong,
            Some(text) => Found::Line(text.to_vec(), LineEnding::CrLf),
            None => Found::Line(text.to_vec(), LineEnding::BareLf),
        });
    }
    found
}

fn decode(octets: &[u8], bytes_max: usize, mut cuts: Cuts) -> Vec<Found> {
    let mut decoder = LineDecoder::default();
    let (mut input, mut rest, mut found) = (Vec::new(), octets, Vec::new());
    loop {
        let done = match decoder.decode(&input, bytes_max) {
            Line::Incomplete if rest.is_empty() => return found,
            Line::Incomplete => {
                assert!(input.len() < bytes_max, "{} octets are kept", input.len());
                let (piece, after) = cuts.split(rest);
                input.extend_from_slice(piece);
                rest = after;
                0
            }
            Line::Discard { consumed } => consumed,
            Line::TooLong { consumed } => {
                found.push(Found::TooLong);
                consumed
            }
            Line::Complete { bytes, consumed, ending } => {
                found.push(Found::Line(input[..bytes].to_vec(), ending));
                consumed
            }
        };
        input.drain(..done);
    }
}
