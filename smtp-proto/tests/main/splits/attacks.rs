//! End-of-data smuggling: what stands between two messages must not make two of one.

use smtp_proto::{ChunkDecoder, Flaws, Line, LineDecoder, LineEnding};

use super::{Outcome, decode, define, octets, pieces};

const BEFORE: &[u8] = b"Subject: a\r\n\r\nbody";
const AFTER: &[u8] = b"MAIL FROM:<evil@x>\r\nRCPT TO:<v@local.test>\r\nDATA\r\n\
    Subject: smuggled\r\n\r\nhi\r\n.\r\n";

const NONE: Flaws = Flaws { bare_lf: false, bare_cr: false, nul: false };
const BARE_LF: Flaws = Flaws { bare_lf: true, ..NONE };
const BARE_CR: Flaws = Flaws { bare_cr: true, ..NONE };
const BARE_BOTH: Flaws = Flaws { bare_lf: true, bare_cr: true, nul: false };
const NUL: Flaws = Flaws { nul: true, ..NONE };

/// `between` is content, but for what `content` lacks of it, and has `flaws`; the one end of
/// data is the last line. At every cut.
#[track_caller]
fn is_not_end_of_data(between: &[u8], content: &[u8], flaws: Flaws) {
    let input = [BEFORE, between, AFTER].concat();
    let expected = Outcome {
        content: [BEFORE, content, AFTER.strip_suffix(b".\r\n").unwrap()].concat(),
        consumed: input.len(),
        end: true,
        flaws,
    };
    assert_eq!(define(&input), expected, "the definition");
    assert_eq!(decode(&octets(&input)), expected, "octet by octet");
    for cut in 0..=input.len() {
        assert_eq!(decode(&pieces(&input, &[cut])), expected, "cut at {cut}");
    }
}

// rows: 5321-4.1.1.4-c
#[test]
fn a01_lf_dot_lf_is_not_end_of_data() {
    is_not_end_of_data(b"\n.\n", b"\n.\n", BARE_LF);
}

#[test]
fn a02_lf_dot_cr_is_not_end_of_data() {
    is_not_end_of_data(b"\n.\r", b"\n.\r", BARE_BOTH);
}

#[test]
fn a03_cr_dot_lf_is_not_end_of_data() {
    is_not_end_of_data(b"\r.\n", b"\r.\n", BARE_BOTH);
}

// rows: 5321-4.1.1.4-c
#[test]
fn a04_cr_dot_cr_is_not_end_of_data() {
    is_not_end_of_data(b"\r.\r", b"\r.\r", BARE_CR);
}

// rows: 5321-4.1.1.4-c
#[test]
fn a05_lf_dot_crlf_is_not_end_of_data() {
    is_not_end_of_data(b"\n.\r\n", b"\n.\r\n", BARE_LF);
}

#[test]
fn a06_cr_dot_crlf_is_not_end_of_data() {
    is_not_end_of_data(b"\r.\r\n", b"\r.\r\n", BARE_CR);
}

#[test]
fn a07_crlf_dot_lf_is_not_end_of_data() {
    is_not_end_of_data(b"\r\n.\n", b"\r\n\n", BARE_LF);
}

#[test]
fn a08_crlf_dot_cr_is_not_end_of_data() {
    is_not_end_of_data(b"\r\n.\r", b"\r\n\r", BARE_CR);
}

#[test]
fn a09_crlf_nul_dot_crlf_is_not_end_of_data() {
    is_not_end_of_data(b"\r\n\0.\r\n", b"\r\n\0.\r\n", NUL);
}

#[test]
fn a10_crlf_dot_nul_crlf_is_not_end_of_data() {
    is_not_end_of_data(b"\r\n.\0\r\n", b"\r\n\0\r\n", NUL);
}

#[test]
fn a11_crlf_dot_cr_crlf_is_not_end_of_data() {
    is_not_end_of_data(b"\r\n.\r\r\n", b"\r\n\r\r\n", BARE_CR);
}

/// The stray CR in front is bare and no more: it does not hide an end of data either.
#[test]
fn a12_cr_crlf_dot_cr_crlf_is_not_end_of_data() {
    is_not_end_of_data(b"\r\r\n.\r\r\n", b"\r\r\n\r\r\n", BARE_CR);
    let outcome = decode(&[b"body\r\r\n.\r\nQUIT\r\n"]);
    let content = b"body\r\r\n".to_vec();
    assert_eq!(outcome, Outcome { content, consumed: 10, end: true, flaws: BARE_CR });
}

#[test]
fn a13_stuffed_dot_is_not_end_of_data() {
    is_not_end_of_data(b"\r\n..\r\n", b"\r\n.\r\n", NONE);
}

#[test]
fn a14_dot_and_white_space_is_not_end_of_data() {
    is_not_end_of_data(b"\r\n.\t\r\n", b"\r\n\t\r\n", NONE);
    is_not_end_of_data(b"\r\n. \r\n", b"\r\n \r\n", NONE);
    is_not_end_of_data(b"\r\n.\x85", b"\r\n\x85", NONE);
    is_not_end_of_data(b"\r\n.\x0b", b"\r\n\x0b", NONE);
    is_not_end_of_data("\r\n.\u{2028}".as_bytes(), "\r\n\u{2028}".as_bytes(), NONE);
}

// rows: 5321-4.1.1.4-d
#[test]
fn a17_dot_right_after_the_data_line_is_an_empty_message() {
    let expected = Outcome { content: Vec::new(), consumed: 3, end: true, flaws: NONE };
    for cut in 0..=3 {
        assert_eq!(decode(&pieces(b".\r\n", &[cut])), expected, "cut at {cut}");
    }
    assert_eq!(decode(&octets(b".\r\n")), expected);
}

#[test]
fn a18_rows_inside_a_chunk_are_content_with_the_same_flaws() {
    let rows: [(&[u8], Flaws); 8] = [
        (b"\n.\n", BARE_LF),
        (b"\n.\r", BARE_BOTH),
        (b"\r.\n", BARE_BOTH),
        (b"\r.\r", BARE_CR),
        (b"\r\n.\r\n", NONE),
        (b"\r\n\0.\r\n", NUL),
        (b"\r\n.\r\r\n", BARE_CR),
        (b"\r\r\n.\r\r\n", BARE_CR),
    ];
    for (between, flaws) in rows {
        let mut input = [BEFORE, between, AFTER].concat();
        let sent = input.clone();
        let mut decoder = ChunkDecoder::new();
        decoder.begin(input.len() as u64);
        let decoded = decoder.decode(&mut input);
        assert!(decoded.end, "{between:?}");
        assert_eq!(decoded.content, sent.len(), "{between:?}");
        assert_eq!(input, sent, "nothing is unstuffed");
        assert_eq!(decoded.flaws | decoder.finish(), flaws, "{between:?}");
    }
}

#[test]
fn a19_command_ended_by_lf_is_told_apart() {
    let line = LineDecoder::default().decode(b"EHLO x\n", 512);
    assert_eq!(line, Line::Complete { bytes: 6, consumed: 7, ending: LineEnding::BareLf });
}

#[test]
fn a22_stuffed_lines_are_decoded_in_place_as_one_stretch() {
    let mut input = b"..\r\n".repeat(16_384);
    let decoded = smtp_proto::DataDecoder::new().decode(&mut input);
    assert_eq!((decoded.content, decoded.consumed), (3 * 16_384, 4 * 16_384));
    assert!(input[..decoded.content] == b".\r\n".repeat(16_384));
}
