//! Content after DATA: every short input, and long ones at random.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};

use super::{decode, define, octets, pieces};

/// The octets that the definition tells apart.
const ALPHABET: [u8; 5] = [b'\r', b'\n', b'.', b'a', 0];

/// Calls `check` with every string over the alphabet of `len` octets.
fn for_each_string(len: u32, mut check: impl FnMut(&[u8])) {
    let mut string = vec![0; len as usize];
    for number in 0..ALPHABET.len().pow(len) {
        let mut digits = number;
        for octet in &mut string {
            *octet = ALPHABET[digits % ALPHABET.len()];
            digits /= ALPHABET.len();
        }
        check(&string);
    }
}

#[test]
fn every_string_up_to_8_octets_at_every_cut() {
    for len in 0..=8 {
        for_each_string(len, |string| {
            let defined = define(string);
            assert_eq!(decode(&octets(string)), defined, "{string:?} octet by octet");
            for cut in 0..=string.len() {
                assert_eq!(decode(&pieces(string, &[cut])), defined, "{string:?} cut at {cut}");
            }
        });
    }
}

#[test]
fn every_string_of_6_octets_at_every_set_of_cuts() {
    for_each_string(6, |string| {
        let defined = define(string);
        for set in 0..1_usize << 5 {
            let cuts: Vec<usize> = (1..6).filter(|cut| set >> (cut - 1) & 1 == 1).collect();
            assert_eq!(decode(&pieces(string, &cuts)), defined, "{string:?} cut at {cuts:?}");
        }
    });
}

/// Stretches of content, short and odd or long and ordinary.
fn stretch() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(proptest::sample::select(&ALPHABET[..]), 0..12),
        Just(b"\r\n".to_vec()),
        Just(b"\r\n.".to_vec()),
        Just(b"..\r\n".repeat(50)),
        vec(b' '..=b'~', 0..700),
        vec(any::<u8>(), 0..300),
        (1..200_usize, 1..40_usize).prop_map(|(columns, lines)| {
            [b"x".repeat(columns), b"\r\n".to_vec()].concat().repeat(lines)
        }),
    ]
}

proptest! {
    #[test]
    fn long_content_at_many_cuts(
        stretches in vec(stretch(), 0..12),
        cuts in vec(0..6_000_usize, 0..20),
    ) {
        let mut input = stretches.concat();
        prop_assert_eq!(decode(&pieces(&input, &cuts)), define(&input));
        input.extend_from_slice(b"\r\n.\r\nQUIT\r\n");
        let outcome = decode(&pieces(&input, &cuts));
        assert!(outcome.end);
        prop_assert_eq!(outcome, define(&input));
    }
}
