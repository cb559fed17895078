//! Command lines: octet by octet, cut anywhere, or all at once.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, prop_assert_eq, prop_oneof, proptest};
use smtp_proto::{Line, LineDecoder, LineEnding, limits};

use super::{octets, pieces};

const BYTES_MAX: usize = 40;

/// A line as a session sees it.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Line(Vec<u8>, LineEnding),
    /// Octets of a line over the limit.
    TooLong(usize),
    /// Octets without an end, and whether they are over the limit.
    Rest(usize, bool),
}

/// What a session sees of a stream that arrives in `pieces`.
fn read(pieces: &[&[u8]], bytes_max: usize) -> Vec<Seen> {
    let mut decoder = LineDecoder::default();
    let (mut seen, mut buffer, mut discarded) = (Vec::new(), Vec::new(), 0);
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            let consumed = match decoder.decode(&buffer, bytes_max) {
                Line::Incomplete => break,
                Line::Complete { bytes, consumed, ending } => {
                    seen.push(Seen::Line(buffer[..bytes].to_vec(), ending));
                    consumed
                }
                Line::Discard { consumed } => {
                    discarded += consumed;
                    consumed
                }
                Line::TooLong { consumed } => {
                    seen.push(Seen::TooLong(std::mem::take(&mut discarded) + consumed));
                    consumed
                }
            };
            assert!(0 < consumed, "an outcome that consumes nothing would never end");
            buffer.drain(..consumed);
        }
    }
    let rest = discarded + buffer.len();
    if 0 < rest {
        seen.push(Seen::Rest(rest, 0 < discarded));
    }
    seen
}

/// The definition: a line ends with LF, its ending counts, and a CR before the LF belongs to it.
fn define(stream: &[u8], bytes_max: usize) -> Vec<Seen> {
    let line = |line: &[u8]| match line {
        [_, ..] if !line.ends_with(b"\n") => Seen::Rest(line.len(), bytes_max <= line.len()),
        _ if bytes_max < line.len() => Seen::TooLong(line.len()),
        [line @ .., b'\r', b'\n'] => Seen::Line(line.to_vec(), LineEnding::CrLf),
        [line @ .., _] => Seen::Line(line.to_vec(), LineEnding::BareLf),
        [] => unreachable!("a piece of a split is never empty"),
    };
    stream.split_inclusive(|octet| *octet == b'\n').map(line).collect()
}

#[track_caller]
fn check(stream: &[u8], bytes_max: usize) {
    let defined = define(stream, bytes_max);
    assert_eq!(read(&[stream], bytes_max), defined, "{stream:?} as a whole");
    assert_eq!(read(&octets(stream), bytes_max), defined, "{stream:?} octet by octet");
    for cut in 0..=stream.len() {
        assert_eq!(read(&pieces(stream, &[cut]), bytes_max), defined, "{stream:?} cut at {cut}");
    }
}

#[test]
fn pipelined_commands() {
    check(b"EHLO client.example\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n", BYTES_MAX);
}

#[test]
fn only_crlf_is_the_line_ending_of_smtp() {
    check(b"\r\n\n\r\r\n\r\rNOOP\n\rNOOP\r \n\r", BYTES_MAX);
}

#[test]
fn a_bare_cr_ends_nothing() {
    let seen = read(&[b"NOOP\rQUIT\r\n"], BYTES_MAX);
    assert_eq!(seen, [Seen::Line(b"NOOP\rQUIT".to_vec(), LineEnding::CrLf)]);
}

#[test]
fn the_limit_counts_the_ending() {
    for columns in BYTES_MAX - 4..BYTES_MAX + 3 {
        let line = "x".repeat(columns);
        check(format!("{line}\r\nQUIT\r\n").as_bytes(), BYTES_MAX);
        check(format!("{line}\nQUIT\r\n").as_bytes(), BYTES_MAX);
        check(line.as_bytes(), BYTES_MAX);
    }
}

#[test]
fn c05_a_line_of_1_mib_is_dropped_in_pieces() {
    let mut decoder = LineDecoder::default();
    let mut discarded = 0;
    for _ in 0..256 {
        let Line::Discard { consumed } = decoder.decode(&[b'x'; 4_096], 512) else {
            panic!("nothing of an over-long line is kept");
        };
        discarded += consumed;
    }
    assert_eq!(discarded, 1 << 20);
    assert_eq!(decoder.decode(b"", 512), Line::Incomplete);
    assert_eq!(decoder.decode(b"x\r\nQUIT\r\n", 512), Line::TooLong { consumed: 3 });
    let line = Line::Complete { bytes: 4, consumed: 6, ending: LineEnding::CrLf };
    assert_eq!(decoder.decode(b"QUIT\r\n", 512), line);
}

// rows: 5321-4.5.3.1.4-a
#[test]
fn c05_513_octets_are_one_too_many() {
    let line = |bytes: usize| [b"x".repeat(bytes - 2), b"\r\n".to_vec()].concat();
    assert!(matches!(LineDecoder::default().decode(&line(512), 512), Line::Complete { .. }));
    let too_long = Line::TooLong { consumed: 513 };
    assert_eq!(LineDecoder::default().decode(&line(513), 512), too_long);
}

#[test]
fn the_limit_depends_on_the_verb() {
    let table: [(&[u8], usize); 9] = [
        (b"", 512),
        (b"MAI", 512),
        (b"NOOP", 512),
        (b"mail from:<>", limits::MAIL_LINE_BYTES_MAX),
        (b"RCPT", limits::RCPT_LINE_BYTES_MAX),
        (b"vrfy x", 522),
        (b"EXPN x", 522),
        (b"Auth PLAIN", 12_288),
        (b"DATA", 512),
    ];
    for (line_start, bytes_max) in table {
        assert_eq!(limits::command_line_bytes_max(line_start), bytes_max, "{line_start:?}");
    }
}

#[test]
fn the_limit_holds_the_longest_parameters_that_the_rfcs_name() {
    let path = format!("<{}@{}>", "l".repeat(64), "d".repeat(189));
    let mail = format!(
        "MAIL FROM:{path} SIZE={} BODY=BINARYMIME SMTPUTF8 AUTH={} RET=HDRS ENVID={} BY=-999999999;RT \
         HOLDUNTIL=2026-12-31T23:59:59+00:00 MT-PRIORITY=-9 REQUIRETLS\r\n",
        u64::MAX,
        "a".repeat(490),
        "e".repeat(100),
    );
    let rcpt = format!(
        "RCPT TO:{path} NOTIFY=SUCCESS,FAILURE,DELAY ORCPT={} RRVS=2026-12-31T23:59:59+00:00;C\r\n",
        "o".repeat(500),
    );
    for line in [mail, rcpt] {
        assert!(line.len() <= limits::command_line_bytes_max(line.as_bytes()));
    }
}

fn stretch() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(proptest::sample::select(&b"\r\nab"[..]), 0..8),
        Just(b"RSET\r\n".to_vec()),
        (30..200_usize).prop_map(|columns| b"x".repeat(columns)),
    ]
}

proptest! {
    #[test]
    fn streams_at_many_cuts(
        stretches in vec(stretch(), 0..20),
        cuts in vec(0..800_usize, 0..20),
    ) {
        let stream = stretches.concat();
        let defined = define(&stream, BYTES_MAX);
        prop_assert_eq!(&read(&pieces(&stream, &cuts), BYTES_MAX), &defined);
        prop_assert_eq!(&read(&octets(&stream), BYTES_MAX), &defined);
    }
}
