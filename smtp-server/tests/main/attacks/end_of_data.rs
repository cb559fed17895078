//! Rows A1 to A19: what looks like the end of the data and is not.
//!
//! Postfix CVE-2023-51764, Sendmail -51765, Exim -51766: a server and the one before it disagreed about where a
//! message ends, so that one message carried another. Here only CRLF `.` CRLF ends it.

use smtp_server::BareNewline;

use super::runtime;
use crate::support::by_hand::{ByHand, Content};
use crate::support::mail::{after_envelope, envelope};
use crate::support::octets::{Random, codes, shown};
use crate::support::pure::{self, Cuts, Turn};
use crate::support::setup::Setup;
use crate::support::tcp::Running;

const BEFORE: &[u8] = b"Subject: a\r\n\r\nbody";
const AFTER: &[u8] =
    b"MAIL FROM:<evil@x>\r\nRCPT TO:<v@local.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nhi";
const PATHS: &str = "<a@client.test> <kim@local.test>";

/// The rows that are checked with every framing, size and cut.
const ROWS: [&[u8]; 17] = [
    b"\n.\n",
    b"\n.\r",
    b"\r.\n",
    b"\r.\r",
    b"\n.\r\n",
    b"\r.\r\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n",
    b"\r\n..\r\n",
    b"\r\n.\t\r\n",
    b"\r\n. \r\n",
    b"\r\n.\x85",
    b"\r\n.\x0b\r\n.\xe2\x80\xa8",
];

const MODES: [BareNewline; 2] = [BareNewline::Reject, BareNewline::Normalize];

/// What any message with `x` in it must come to.
struct Verdict {
    code: &'static str,
    /// Whether the delivery took it.
    taken: bool,
}

fn verdict(content: &[u8], mode: BareNewline) -> Verdict {
    let bare = |at: usize| match content[at] {
        b'\r' => content.get(at + 1) != Some(&b'\n'),
        b'\n' => at == 0 || content[at - 1] != b'\r',
        _ => false,
    };
    if content.contains(&0) {
        return Verdict { code: "550 5.6.0", taken: false };
    }
    if mode == BareNewline::Reject && (0..content.len()).any(bare) {
        return Verdict { code: "550 5.5.2", taken: false };
    }
    Verdict { code: "250 2.0.0", taken: true }
}

fn message(x: &[u8]) -> Vec<u8> {
    [BEFORE, x, AFTER, b"\r\n"].concat()
}

/// The content of `raw`, which has no end in it, without the dots of transparency.
fn unstuffed(raw: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    for (at, octet) in raw.iter().enumerate() {
        let line_start = at == 0 || raw[..at].ends_with(b"\r\n");
        if !(line_start && *octet == b'.') {
            content.push(*octet);
        }
    }
    content
}

fn setup(mode: BareNewline) -> (Setup, crate::support::hooks::Scripted) {
    let (mut setup, delivery) = Setup::accepting();
    setup.bare_newline = mode;
    (setup, delivery)
}

fn all_cuts(octets: usize) -> impl Iterator<Item = Cuts> {
    (1..octets).map(Cuts::At).chain([Cuts::None, Cuts::All])
}

/// One message by DATA, then NOOP, which must be the next command.
fn check_data(x: &[u8], mode: BareNewline, size_max: Option<u64>, cuts: Cuts) {
    let raw = message(x);
    let (mut setup, delivery) = setup(mode);
    let mut verdict = verdict(&unstuffed(&raw), mode);
    if let Some(size_max) = size_max {
        setup.limits.message_bytes_max = Some(size_max);
        verdict = Verdict { code: "552 5.3.4", taken: false };
    }
    let turn = [&raw, &b".\r\nNOOP\r\n"[..]].concat();
    let run = pure::run(&setup, &after_envelope(&[b"DATA\r\n", &turn[..]]), cuts.clone());
    let context = format!("{:?} {cuts:?} {:?}", shown(x), mode);
    assert_eq!(codes(&run.output[4]), [verdict.code, "250 2.0.0"], "{context}");
    assert!(!run.closed, "{context}");
    if verdict.taken {
        let expected = format!("{PATHS} {}", unstuffed(&raw).escape_ascii());
        assert_eq!(delivery.log(), [expected], "{context}");
    } else {
        let log = delivery.log();
        assert!(log.iter().all(|line| line.starts_with("failed")), "{context}: {log:?}");
    }
}

/// The same octets in one last chunk: content only, and nothing is unstuffed.
fn check_bdat(x: &[u8], mode: BareNewline, cuts: Cuts) {
    let raw = message(x);
    let (setup, delivery) = setup(mode);
    let verdict = verdict(&raw, mode);
    let turn = [format!("BDAT {} LAST\r\n", raw.len()).as_bytes(), &raw, b"NOOP\r\n"].concat();
    let run = pure::run(&setup, &after_envelope(&[&turn[..]]), cuts.clone());
    let context = format!("{:?} {cuts:?} {:?}", shown(x), mode);
    assert_eq!(codes(&run.output[3]), [verdict.code, "250 2.0.0"], "{context}");
    if verdict.taken {
        assert_eq!(delivery.log(), [format!("{PATHS} {}", raw.escape_ascii())], "{context}");
    }
}

/// DATA and BDAT, over TCP, in both modes.
async fn check_over_tcp(x: &[u8]) {
    let raw = message(x);
    for mode in MODES {
        let (setup, delivery) = setup(mode);
        let running = Running::start(&setup).await;
        let mut client = running.connect(setup.client).await;
        let mut random = Random(7);
        let greeting = client.reply().await;
        assert!(greeting.starts_with("220 "), "{greeting}");
        for turn in envelope() {
            if let Turn::Send(octets) = turn {
                client.write(&octets).await;
            }
        }
        client.write(b"DATA\r\n").await;
        client.write_cut(&[&raw, &b".\r\nQUIT\r\n"[..]].concat(), &mut random).await;
        let got = codes(&client.rest().await);
        let expected = verdict(&unstuffed(&raw), mode);
        let all = ["250", "250 2.1.0", "250 2.1.5", "354", expected.code, "221 2.0.0"];
        assert_eq!(got, all, "{} {mode:?}", shown(x));
        let taken = delivery.log().iter().filter(|line| line.starts_with(PATHS)).count();
        assert_eq!(taken, usize::from(expected.taken), "{} {mode:?}", shown(x));
        running.stop().await;
    }
}

fn check_row(row: usize) {
    let x = ROWS[row];
    for mode in MODES {
        for cuts in all_cuts(message(x).len() + 5) {
            check_data(x, mode, None, cuts);
        }
    }
    runtime().block_on(check_over_tcp(x));
}

#[test]
fn a01_lf_dot_lf_is_not_end_of_data() {
    check_row(0);
}

#[test]
fn a02_lf_dot_cr_is_not_end_of_data() {
    check_row(1);
}

#[test]
fn a03_cr_dot_lf_is_not_end_of_data() {
    check_row(2);
}

#[test]
fn a04_cr_dot_cr_is_not_end_of_data() {
    check_row(3);
}

#[test]
fn a05_lf_dot_crlf_is_not_end_of_data() {
    check_row(4);
}

#[test]
fn a06_cr_dot_crlf_is_not_end_of_data() {
    check_row(5);
}

#[test]
fn a07_crlf_dot_lf_is_not_end_of_data() {
    check_row(6);
}

#[test]
fn a08_crlf_dot_cr_is_not_end_of_data() {
    check_row(7);
}

#[test]
fn a09_crlf_nul_dot_crlf_is_not_end_of_data() {
    check_row(8);
}

#[test]
fn a10_crlf_dot_nul_crlf_is_not_end_of_data() {
    check_row(9);
}

#[test]
fn a11_crlf_dot_cr_crlf_is_not_end_of_data() {
    check_row(10);
}

#[test]
fn a12_cr_crlf_dot_cr_crlf_is_not_end_of_data() {
    check_row(11);
}

#[test]
fn a13_a_stuffed_dot_is_content() {
    check_row(12);
}

#[test]
fn a14_a_dot_and_white_space_are_not_end_of_data() {
    (13..ROWS.len()).for_each(check_row);
}

#[test]
fn a15_oversize_messages_are_read_to_the_true_end() {
    for x in ROWS {
        for mode in MODES {
            for cuts in all_cuts(message(x).len() + 5) {
                check_data(x, mode, Some(10), cuts);
            }
        }
    }
}

#[test]
fn a16_every_split_gives_the_same_replies() {
    for x in ROWS {
        for seed in 0..20 {
            check_data(x, BareNewline::Reject, None, Cuts::Random(seed));
            check_data(x, BareNewline::Normalize, None, Cuts::Random(seed));
        }
    }
}

#[test]
fn a17_a_dot_alone_is_an_empty_message() {
    let (setup, delivery) = Setup::accepting();
    for cuts in all_cuts(9) {
        let run = pure::run(&setup, &after_envelope(&["DATA\r\n.\r\n"]), cuts);
        assert_eq!(codes(&run.output[3]), ["354", "250 2.0.0"]);
        assert_eq!(delivery.log().pop(), Some(format!("{PATHS} ")));
    }
}

#[test]
fn a18_in_bdat_all_of_it_is_content() {
    for x in ROWS {
        for mode in MODES {
            for cuts in all_cuts(message(x).len() + 16) {
                check_bdat(x, mode, cuts);
            }
        }
    }
}

/// Wherever the two chunks meet, the message is taken whole or not at all.
#[test]
fn a18_in_two_chunks_the_verdict_is_the_same() {
    for x in ROWS {
        let raw = message(x);
        for mode in MODES {
            let expected = verdict(&raw, mode);
            for at in 0..=raw.len() {
                let (setup, delivery) = setup(mode);
                let (first, last) = raw.split_at(at);
                let turn = [
                    format!("BDAT {at}\r\n").as_bytes(),
                    first,
                    format!("BDAT {} LAST\r\n", last.len()).as_bytes(),
                    last,
                    b"NOOP\r\n",
                ]
                .concat();
                let run = pure::run(&setup, &after_envelope(&[&turn[..]]), Cuts::None);
                let got = codes(&run.output[3]);
                let context = format!("{} {mode:?} {at}", shown(x));
                let refused = [expected.code, "503 5.5.1", "250 2.0.0"];
                let at_last = ["250 2.0.0", expected.code, "250 2.0.0"];
                assert!(got == at_last || (!expected.taken && got == refused), "{context} {got:?}");
                let taken = delivery.log().iter().filter(|l| l.starts_with(PATHS)).count();
                assert_eq!(taken, usize::from(expected.taken), "{context}");
            }
        }
    }
}

#[test]
fn a19_a_command_that_ends_in_lf_is_refused_or_normalized() {
    for cuts in all_cuts(17) {
        let turns = [Turn::send("EHLO x\nNOOP\r\n")];
        let (strict, _) = setup(BareNewline::Reject);
        let run = pure::run(&strict, &turns, cuts.clone());
        assert_eq!((codes(&run.output[1]), run.closed), (vec!["550 5.5.2".to_owned()], true));
        let (lenient, _) = setup(BareNewline::Normalize);
        let run = pure::run(&lenient, &turns, cuts);
        assert_eq!(codes(&run.output[1]), ["250", "250 2.0.0"]);
    }
}

/// Row A22: what a read brought is one chunk, however many dots are taken out of it, and it stays where it was read.
#[test]
fn a22_stuffed_lines_are_decoded_in_place() {
    const LINES: usize = 16 * 1024;
    let (mut setup, _) = Setup::accepting();
    setup.limits.message_bytes_max = None;
    let mut hand = ByHand::at_data(&setup);
    let piece = b"..\r\n".repeat(LINES);
    for _ in 0..(50 << 20) / piece.len() {
        hand.session.input().extend_from_slice(&piece);
        let read_at = hand.session.input().as_ptr();
        let (_, Content::Chunk(chunk)) = hand.content() else { panic!("no chunk") };
        assert_eq!((chunk.as_ptr(), chunk.len()), (read_at, 3 * LINES));
        assert_eq!(hand.content().1, Content::Read);
    }
    hand.session.input().extend_from_slice(b".\r\n");
    assert_eq!(hand.content().1, Content::End);
}
