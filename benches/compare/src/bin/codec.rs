//! The codec next to its peers, in one process and one run.
//!
//! * **In**: nothing, or `--rounds N`. **Out**: two tables: nanoseconds per command of ours and of crates.io's
//!   `smtp-proto` (for the mix and for each kind of line), and the rate of DATA decoding next to a bare search for its end.
//! * **Promises**: both sides do their work in every round, first one and then the other in turn, and a ratio
//!   compares the two halves of a round. Both parse the same octets, find the ends of lines themselves, and
//!   must understand every line (checked before the first round).
//! * **Limits**: [`ROUNDS_MAX`]. **Panics**: never.
//! * **Spec**: RFC 5321 4.1.1, 4.5.2.

use std::error::Error;
use std::hint::black_box;
use std::io::{self, Write};
use std::time::Duration;

use lexopt::{Arg, ValueExt as _};
use memchr::memmem::Finder;
use rustix::time::{ClockId, clock_gettime};
use smtp_benches::{base64_lines, with_end_of_data};
use smtp_compare::stats::Spread;
use smtp_proto::{Command, DataDecoder, Line, LineDecoder, limits};
use stalwart_smtp_proto::Request;

const ROUNDS_DEFAULT: u32 = 101;
const ROUNDS_MAX: u32 = 100_000;
/// How often the lines are parsed in one half of a round: about half a millisecond.
const REPETITIONS: u32 = 200;
/// Octets of content, the same as in `benches/codec.rs`.
const CONTENT_BYTES: usize = 1_000_000;

/// What clients send, in about the shares in which they send it: relays and submitters, with the parameters
/// of SIZE, 8BITMIME, SMTPUTF8, DSN and AUTH, chunks, refusals, resets.
const LINES: [&str; 24] = [
    "EHLO mail-yw1-f177.client.example",
    "EHLO [192.0.2.17]",
    "HELO relay.client.example",
    "STARTTLS",
    "AUTH PLAIN AGtpbUBleGFtcGxlLm9yZwBzZWNyZXQtcGFzc3dvcmQ=",
    "MAIL FROM:<kim@example.org>",
    "MAIL FROM:<kim.lee@lists.example.org> SIZE=10240",
    "MAIL FROM:<bounce+1234567=sam=example.net@news.example.org> SIZE=48213 BODY=8BITMIME",
    "MAIL FROM:<kim@example.org> SIZE=5120 BODY=8BITMIME RET=HDRS ENVID=QQ314159",
    "MAIL FROM:<kim@example.org> SIZE=5120 SMTPUTF8",
    "MAIL FROM:<> SIZE=3021",
    "RCPT TO:<sam@example.net>",
    "RCPT TO:<sam.smith@mail.example.net>",
    "RCPT TO:<lee@example.net> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;lee@example.net",
    "RCPT TO:<postmaster@example.net> NOTIFY=NEVER",
    "RCPT TO:<first.last+tag@a.very.long.domain.name.example.net>",
    "DATA",
    "DATA",
    "BDAT 65536",
    "BDAT 10240 LAST",
    "RSET",
    "NOOP",
    "VRFY sam",
    "QUIT",
];

fn main() -> Result<(), Box<dyn Error>> {
    let rounds = rounds(lexopt::Parser::from_env())?;
    let mut out = io::stdout().lock();
    let stream = LINES.map(|line| format!("{line}\r\n")).concat().into_bytes();
    let understood = [ours(&stream), theirs(&stream)];
    if understood != [LINES.len(); 2] {
        let all = LINES.len();
        return Err(format!("of {all} commands, ours and theirs understand {understood:?}").into());
    }
    write_commands(&mut out, &compare_parsers(rounds, &stream))?;
    for line in LINES {
        let pairs = compare_parsers(rounds, format!("{line}\r\n").repeat(LINES.len()).as_bytes());
        let [ours, theirs] = nanos_per_command(&pairs)?;
        writeln!(out, "  {ours:6.1} {theirs:6.1}  {line}")?;
    }
    for (columns, share_min) in [(76, 0.35), (998, 1.0)] {
        let mut wire = with_end_of_data(base64_lines(columns, CONTENT_BYTES));
        let copy = wire.clone();
        let finder = Finder::new(b"\r\n.\r\n");
        let decode = || {
            black_box(DataDecoder::new().decode(black_box(&mut wire)));
        };
        let search = || {
            black_box(finder.find(black_box(&copy)));
        };
        write_content(&mut out, columns, share_min, &compare(rounds, decode, search))?;
    }
    Ok(())
}

fn rounds(mut parser: lexopt::Parser) -> Result<u32, Box<dyn Error>> {
    let mut rounds = ROUNDS_DEFAULT;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("rounds") => rounds = parser.value()?.parse()?,
            other => return Err(other.unexpected().into()),
        }
    }
    if (1..=ROUNDS_MAX).contains(&rounds) {
        return Ok(rounds);
    }
    Err(format!("--rounds must be in 1..={ROUNDS_MAX}").into())
}

/// Both parsers on a stream of as many commands as there are [`LINES`].
fn compare_parsers(rounds: u32, stream: &[u8]) -> Vec<[f64; 2]> {
    let repeat = |parse: fn(&[u8]) -> usize| {
        for _ in 0..REPETITIONS {
            black_box(parse(black_box(stream)));
        }
    };
    compare(rounds, || repeat(ours), || repeat(theirs))
}

/// How many commands of `stream` are understood.
fn ours(stream: &[u8]) -> usize {
    let mut decoder = LineDecoder::default();
    let (mut rest, mut count) = (stream, 0);
    while let Line::Complete { bytes, consumed, .. } =
        decoder.decode(rest, limits::command_line_bytes_max(rest))
    {
        let (line, behind) = rest.split_at(consumed);
        let command = Command::parse(line.get(..bytes).unwrap_or_default());
        count += usize::from(black_box(&command).is_ok());
        rest = behind;
    }
    count
}

/// The same with the other crate, by the function that its receiver calls and that copies least.
fn theirs(stream: &[u8]) -> usize {
    let (mut rest, mut count) = (stream.iter(), 0);
    while !rest.as_slice().is_empty() {
        count += usize::from(black_box(&Request::parse(&mut rest)).is_ok());
    }
    count
}

/// Seconds of CPU of ours and of the peer, by round; one more round comes before and is not counted.
fn compare(rounds: u32, mut ours: impl FnMut(), mut peer: impl FnMut()) -> Vec<[f64; 2]> {
    let mut pairs = Vec::new();
    for index in 0..=rounds {
        let pair = if index.is_multiple_of(2) {
            let ours = seconds(&mut ours);
            [ours, seconds(&mut peer)]
        } else {
            let peer = seconds(&mut peer);
            [seconds(&mut ours), peer]
        };
        if index > 0 {
            pairs.push(pair);
        }
    }
    pairs
}

/// CPU time of this thread: what other programs of the machine take away does not count.
fn seconds(work: &mut impl FnMut()) -> f64 {
    let now = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default();
    let started = now();
    work();
    (now() - started).as_secs_f64()
}

fn median(pairs: &[[f64; 2]], value: impl Fn(&[f64; 2]) -> f64) -> Result<Spread, &'static str> {
    Spread::of(pairs.iter().map(value)).ok_or("no rounds")
}

fn nanos_per_command(pairs: &[[f64; 2]]) -> Result<[f64; 2], &'static str> {
    let per_command = 1e9 / (LINES.len() as f64 * f64::from(REPETITIONS));
    let ours = median(pairs, |[ours, _]| ours * per_command)?;
    let theirs = median(pairs, |[_, theirs]| theirs * per_command)?;
    Ok([ours.median, theirs.median])
}

fn write_commands(out: &mut impl Write, pairs: &[[f64; 2]]) -> Result<(), Box<dyn Error>> {
    let [ours, theirs] = nanos_per_command(pairs)?;
    let ratio = median(pairs, |[ours, theirs]| theirs / ours)?;
    let met = if 2.0 <= ratio.median { "met" } else { "NOT met" };
    writeln!(out, "command parse, {} kinds of lines, {} rounds:", LINES.len(), pairs.len())?;
    writeln!(out, "  ours {ours:.1} ns/command, smtp-proto 0.2.5 of crates.io {theirs:.1}")?;
    writeln!(out, "  ours is {ratio} times as fast; at least 2.00: {met}")?;
    writeln!(out, "  one by one, ns of ours and of theirs:")?;
    Ok(())
}

fn write_content(
    out: &mut impl Write,
    columns: usize,
    share_min: f64,
    pairs: &[[f64; 2]],
) -> Result<(), Box<dyn Error>> {
    let gigabytes = CONTENT_BYTES as f64 / 1e9;
    let decode = median(pairs, |[decode, _]| gigabytes / decode)?.median;
    let search = median(pairs, |[_, search]| gigabytes / search)?.median;
    let share = median(pairs, |[decode, search]| search / decode)?;
    let met = if share_min <= share.median { "met" } else { "NOT met" };
    writeln!(out, "DATA decode, lines of {columns} columns:")?;
    writeln!(out, "  decode {decode:.1} GB/s, memmem {search:.1} GB/s")?;
    writeln!(out, "  share of memmem {share}; at least {share_min:.2}: {met}")?;
    Ok(())
}
