//! The decoder of DATA against a definition that has no automaton, at every cut.
//!
//! * **In**: octets after 354. **Out**: nothing. **Promises**: content, flaws and end are those of the definition.
//! * **Limits**: every cut of short inputs, some of long ones. **Panics**: on a finding. **Spec**: RFC 5321 4.5.2.

use smtp_proto::{DataDecoder, Flaws};

use crate::cuts::Cuts;

#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    content: Vec<u8>,
    flaws: Flaws,
    /// Octets up to the end of the data, if it is there.
    end: Option<usize>,
}

/// Decodes content and compares.
///
/// # Panics
/// On a finding.
pub fn data(input: &[u8]) {
    let expected = definition(input);
    for cuts in Cuts::of(input.len()) {
        assert_eq!(decode(input, cuts), expected, "{cuts:?} {}", input.escape_ascii());
    }
}

/// What RFC 5321 says, looking at all octets before each place.
fn definition(input: &[u8]) -> Outcome {
    let at_line_start = |at: usize| at == 0 || input[..at].ends_with(b"\r\n");
    let ends_at = |at: usize| at_line_start(at) && input[at..].starts_with(b".\r\n");
    let end = (0..input.len()).find(|at| ends_at(*at));
    let mut octets = &input[..end.unwrap_or(input.len())];
    if end.is_none() && octets.ends_with(b".\r") && at_line_start(octets.len() - 2) {
        // The end of the data may be about to come: the CR is neither content nor not.
        octets = &octets[..octets.len() - 1];
    }
    let mut outcome = Outcome { end: end.map(|at| at + 3), ..Outcome::default() };
    for (at, octet) in octets.iter().enumerate() {
        outcome.flaws.nul |= *octet == 0;
        outcome.flaws.bare_cr |= *octet == b'\r' && octets.get(at + 1).is_some_and(|b| *b != b'\n');
        outcome.flaws.bare_lf |= *octet == b'\n' && (at == 0 || octets[at - 1] != b'\r');
        if !(*octet == b'.' && at_line_start(at)) {
            outcome.content.push(*octet);
        }
    }
    outcome
}

fn decode(octets: &[u8], mut cuts: Cuts) -> Outcome {
    let mut decoder = DataDecoder::new();
    let (mut input, mut rest, mut outcome) = (Vec::new(), octets, Outcome::default());
    let mut taken = 0;
    while !rest.is_empty() {
        let (piece, after) = cuts.split(rest);
        input.extend_from_slice(piece);
        rest = after;
        let decoded = decoder.decode(&mut input);
        assert!(decoded.content <= decoded.consumed && decoded.consumed <= input.len());
        assert!(decoded.end || input.len() - decoded.consumed <= 1, "at most a CR is held");
        outcome.content.extend_from_slice(&input[..decoded.content]);
        outcome.flaws |= decoded.flaws;
        taken += decoded.consumed;
        input.drain(..decoded.consumed);
        if decoded.end {
            outcome.end = Some(taken);
            break;
        }
    }
    outcome
}
