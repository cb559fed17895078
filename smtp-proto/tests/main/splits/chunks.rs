//! Content after BDAT: counted, scanned across chunks, never changed.

use proptest::collection::vec;
use proptest::prelude::{any, prop_assert_eq, proptest};
use smtp_proto::{ChunkDecoder, ContentScanner, Decoded, Flaws};

use super::{octets, pieces};

const BARE_CR: Flaws = Flaws { bare_lf: false, bare_cr: true, nul: false };

/// Sends each of `chunks` as a chunk. Gives the content and its flaws.
fn send(decoder: &mut ChunkDecoder, chunks: &[&[u8]]) -> (Vec<u8>, Flaws) {
    let mut content = Vec::new();
    let mut flaws = Flaws::default();
    for chunk in chunks {
        // The command behind a chunk is no part of it.
        let mut input = [chunk, &b"\0\nBDAT 5\r\n"[..]].concat();
        decoder.begin(chunk.len() as u64);
        let decoded = decoder.decode(&mut input);
        assert_eq!((decoded.content, decoded.consumed), (chunk.len(), chunk.len()));
        assert!(decoded.end);
        content.extend_from_slice(&input[..decoded.content]);
        flaws |= decoded.flaws;
    }
    (content, flaws | decoder.finish())
}

/// The definition of the flaws of content that is not stuffed.
fn define(content: &[u8]) -> Flaws {
    let before = |at: usize| at.checked_sub(1).map(|at| content[at]);
    let is = |octet: u8, at: usize| content.get(at) == Some(&octet);
    Flaws {
        bare_lf: (0..content.len()).any(|at| is(b'\n', at) && before(at) != Some(b'\r')),
        bare_cr: (0..content.len()).any(|at| is(b'\r', at) && !is(b'\n', at + 1)),
        nul: content.contains(&0),
    }
}

#[test]
fn d03_chunks_of_nothing_and_of_one_octet() {
    let mut decoder = ChunkDecoder::new();
    decoder.begin(0);
    let nothing = Decoded { end: true, ..Decoded::default() };
    assert_eq!(decoder.decode(b"QUIT\r\n".to_vec().as_mut_slice()), nothing);
    assert_eq!(decoder.decode(&mut []), nothing);
    let content = b"a\r\n.\r\nb\r\n";
    let sent = send(&mut decoder, &octets(content));
    assert_eq!(sent, (content.to_vec(), Flaws::default()));
}

#[test]
fn d06_end_of_data_and_commands_inside_a_chunk_are_content() {
    let content = b"..a\r\n.\r\nQUIT\r\n";
    let sent = send(&mut ChunkDecoder::new(), &[content]);
    assert_eq!(sent, (content.to_vec(), Flaws::default()));
}

#[test]
fn d07_a_boundary_anywhere_gives_the_same_as_one_chunk() {
    let contents = [
        "Subject: gr\u{fc}\u{df}e\r\n\r\n\u{1f4e7}\r\n..\r\n".as_bytes(),
        b"a\r\r\nb\n\r\0\r\n\n",
        b"bare at the end\r",
    ];
    for content in contents {
        let expected = (content.to_vec(), define(content));
        assert_eq!(send(&mut ChunkDecoder::new(), &octets(content)), expected);
        for cut in 0..=content.len() {
            let sent = send(&mut ChunkDecoder::new(), &pieces(content, &[cut]));
            assert_eq!(sent, expected, "cut at {cut}");
        }
    }
}

#[test]
fn a_chunk_ends_after_its_last_octet_only() {
    let mut decoder = ChunkDecoder::new();
    decoder.begin(u64::MAX);
    assert!(!decoder.decode(&mut [b'x'; 100]).end);
    assert_eq!(decoder.remaining(), u64::MAX - 100);
    decoder.begin(3);
    assert!(!decoder.decode(&mut []).end);
    assert!(!decoder.decode(b"ab".to_vec().as_mut_slice()).end);
    let decoded = decoder.decode(b"cRSET\r\n".to_vec().as_mut_slice());
    assert_eq!((decoded.consumed, decoded.end, decoder.remaining()), (1, true, 0));
}

#[test]
fn binary_content_has_no_flaws() {
    let content = b"\0\r\n\n\r";
    let sent = send(&mut ChunkDecoder::binary(), &octets(content));
    assert_eq!(sent, (content.to_vec(), Flaws::default()));
}

#[test]
fn a_finished_decoder_begins_anew() {
    let mut decoder = ChunkDecoder::default();
    assert_eq!(send(&mut decoder, &[b"a\r"]).1, BARE_CR);
    assert_eq!(send(&mut decoder, &[b"b\r\n"]).1, Flaws::default());
}

#[test]
fn oddities_at_every_offset_of_long_content() {
    let lines = |columns, count| [b"x".repeat(columns), b"\r\n".to_vec()].concat().repeat(count);
    let oddities: [&[u8]; 7] = [b"\r", b"\n", b"\0", b"\r\n.", b"\n\r", b"\r\r\n", b"\t"];
    for background in [lines(76, 35), lines(998, 3), vec![b'x'; 2_700]] {
        for oddity in oddities {
            for at in 0..1_500 {
                let (before, after) = background.split_at(at);
                let content = [before, oddity, after].concat();
                let mut scanner = ContentScanner::new();
                let flaws = scanner.scan(&content) | scanner.finish();
                assert_eq!(flaws, define(&content), "{oddity:?} at {at}");
            }
        }
    }
}

proptest! {
    #[test]
    fn many_chunks_give_the_same_as_one(
        stretches in vec((vec(any::<u8>(), 0..20), 0..400_usize), 0..8),
        cuts in vec(0..3_000_usize, 0..20),
    ) {
        let content: Vec<u8> = stretches
            .into_iter()
            .flat_map(|(octets, columns)| [octets, b"x".repeat(columns), b"\r\n".to_vec()].concat())
            .collect();
        let expected = (content.clone(), define(&content));
        prop_assert_eq!(&send(&mut ChunkDecoder::new(), &pieces(&content, &cuts)), &expected);
        prop_assert_eq!(&send(&mut ChunkDecoder::new(), &[&content]), &expected);
    }
}
