//! Oddities at every offset of long content: a decoder that looks at many octets together must
//! miss none at a seam.

use super::{decode, define};

/// Short lines, long lines, no lines, nothing but line endings, and lines of four octets.
fn backgrounds() -> [Vec<u8>; 6] {
    let lines = |columns, count| [b"x".repeat(columns), b"\r\n".to_vec()].concat().repeat(count);
    [
        lines(76, 35),
        [lines(998, 2), lines(500, 1)].concat(),
        [lines(76, 8), lines(998, 2)].concat(),
        vec![b'x'; 2_700],
        b"\r\n".repeat(700),
        b"..\r\n".repeat(400),
    ]
}

const ODDITIES: [&[u8]; 22] = [
    b"\r",
    b"\n",
    b"\0",
    b".",
    b"\t",
    b"\r\r",
    b"\n\n",
    b"\n\r",
    b"\r\n",
    b"\r\n.",
    b"\r\n..",
    b"\n.",
    b"\r.",
    b"\r\n.\r",
    b"\r\n.\n",
    b"\r\r\n",
    b"\r\n.\r\n",
    b"\r\n.\r\r\n",
    b"\n.\r\n",
    b"\r\n\r\n",
    b"\r\n.\r\r\n.\r\n",
    b"\r\n.x\r\n.\r",
];

#[track_caller]
fn check(input: &[u8], what: std::fmt::Arguments<'_>) {
    let (outcome, defined) = (decode(&[input]), define(input));
    assert_eq!(outcome.consumed, defined.consumed, "{what}");
    assert_eq!(outcome.flaws, defined.flaws, "{what}");
    assert!(outcome == defined, "{what}");
}

#[test]
fn oddities_inserted_at_every_offset() {
    for (number, background) in backgrounds().iter().enumerate() {
        for oddity in ODDITIES {
            for at in 0..background.len().min(1_500) {
                let (before, after) = background.split_at(at);
                let input = [before, oddity, after].concat();
                check(&input, format_args!("{oddity:?} at {at} of background {number}"));
            }
        }
    }
}

#[test]
fn oddities_in_place_of_other_octets_at_every_offset() {
    for (number, background) in backgrounds().iter().enumerate() {
        for oddity in ODDITIES {
            for at in 0..1_350 {
                let mut input = background.clone();
                input[at..at + oddity.len()].copy_from_slice(oddity);
                check(&input, format_args!("{oddity:?} over {at} of background {number}"));
            }
        }
    }
}
