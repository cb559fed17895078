//! The codec: lines, commands, replies and content.
//!
//! `content::decode` and `content::search` work on the same buffer: what it costs to decode, next
//! to the search for CRLF `.` CRLF alone, which finds neither flaws nor stuffed dots.

use bytes::BytesMut;
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use smtp_proto::{Command, Line, LineDecoder, Reply, limits, replies};

fn main() {
    divan::main();
}

/// A session with one message, as a client pipelines it.
const LINES: [&str; 10] = [
    "EHLO client.example.org",
    "MAIL FROM:<kim@example.org> SIZE=10240 BODY=8BITMIME",
    "RCPT TO:<sam@example.net>",
    "RCPT TO:<\"a b\"@example.net> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;sam@example.net",
    "RCPT TO:<lee@[IPv6:2001:db8::1]>",
    "BDAT 10240 LAST",
    "MAIL FROM:<>",
    "RSET",
    "AUTH PLAIN AGtpbQBzZWNyZXQ=",
    "QUIT",
];

#[divan::bench]
fn line_decode(bencher: Bencher<'_, '_>) {
    let stream = LINES.map(|line| format!("{line}\r\n")).concat().into_bytes();
    let count = ItemsCount::new(LINES.len());
    bencher.counter(count).counter(BytesCount::of_slice(&stream)).bench(|| {
        let mut decoder = LineDecoder::default();
        let mut rest = black_box(&stream[..]);
        let mut lines = 0;
        while let Line::Complete { consumed, .. } =
            decoder.decode(rest, limits::command_line_bytes_max(rest))
        {
            rest = &rest[consumed..];
            lines += 1;
        }
        assert_eq!(lines, LINES.len());
    });
}

#[divan::bench]
fn command_parse(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(LINES.len())).bench(|| {
        for line in LINES {
            assert!(black_box(Command::parse(black_box(line.as_bytes()))).is_ok());
        }
    });
}

#[divan::bench]
fn reply_encode(bencher: Bencher<'_, '_>) {
    const REPLIES: [Reply; 6] = [
        replies::SENDER_OK,
        replies::RECIPIENT_OK,
        replies::START_MAIL_INPUT,
        replies::OK,
        replies::NEED_MAIL,
        replies::CLOSING,
    ];
    let mut out = BytesMut::with_capacity(1_024);
    bencher.counter(ItemsCount::new(REPLIES.len())).bench_local(|| {
        out.clear();
        for reply in black_box(&REPLIES) {
            reply.encode(&mut out);
        }
        black_box(&out);
    });
}

/// Content after DATA and BDAT.
mod content {
    use bytes::BytesMut;
    use divan::counter::BytesCount;
    use divan::{Bencher, black_box};
    use memchr::memmem;
    use smtp_benches::{base64_lines, with_end_of_data};
    use smtp_proto::{ChunkDecoder, DataDecoder, DataEncoder};

    const BYTES: usize = 1_000_000;
    const COLUMNS: [usize; 2] = [76, 998];

    /// There is nothing to unstuff, so the buffer stays as it is from round to round.
    #[divan::bench(args = COLUMNS)]
    fn decode(bencher: Bencher<'_, '_>, columns: usize) {
        let mut wire = with_end_of_data(base64_lines(columns, BYTES));
        bencher.counter(BytesCount::of_slice(&wire)).bench_local(|| {
            let decoded = DataDecoder::new().decode(black_box(&mut wire));
            assert!(decoded.end && !decoded.flaws.any());
        });
    }

    /// The rate that `decode` is measured by.
    #[divan::bench(args = COLUMNS)]
    fn search(bencher: Bencher<'_, '_>, columns: usize) {
        let wire = with_end_of_data(base64_lines(columns, BYTES));
        let finder = memmem::Finder::new(b"\r\n.\r\n");
        bencher.counter(BytesCount::of_slice(&wire)).bench(|| {
            assert!(finder.find(black_box(&wire)).is_some());
        });
    }

    /// One dot more at the very beginning: all that follows has to move.
    #[divan::bench(args = COLUMNS)]
    fn decode_and_move(bencher: Bencher<'_, '_>, columns: usize) {
        let wire = [&b".."[..], &with_end_of_data(base64_lines(columns, BYTES))].concat();
        decode_copies(bencher, &wire);
    }

    /// 50 MB of the shortest lines that have a dot to remove, in one piece.
    #[divan::bench(sample_count = 10)]
    fn decode_stuffed_lines(bencher: Bencher<'_, '_>) {
        decode_copies(bencher, &with_end_of_data(b"..\r\n".repeat(12_500_000)));
    }

    /// The same 50 MB in reads of 64 KiB.
    #[divan::bench(sample_count = 10)]
    fn decode_stuffed_lines_in_reads(bencher: Bencher<'_, '_>) {
        let read = b"..\r\n".repeat(16_384);
        let reads = 50_000_000 / read.len();
        let mut buffer = read.clone();
        bencher.counter(BytesCount::new(reads * read.len())).bench_local(|| {
            let mut decoder = DataDecoder::new();
            for _ in 0..reads {
                buffer.copy_from_slice(&read);
                assert_eq!(decoder.decode(black_box(&mut buffer)).consumed, read.len());
            }
        });
    }

    /// Every line ends in a bare LF: what an attacker may choose to be slow.
    #[divan::bench]
    fn decode_flawed_lines(bencher: Bencher<'_, '_>) {
        let mut wire = base64_lines(76, BYTES);
        for octet in &mut wire {
            if *octet == b'\r' {
                *octet = b' ';
            }
        }
        decode_copies(bencher, &wire);
    }

    fn decode_copies(bencher: Bencher<'_, '_>, wire: &[u8]) {
        bencher
            .counter(BytesCount::of_slice(wire))
            .with_inputs(|| wire.to_vec())
            .bench_local_refs(|wire| DataDecoder::new().decode(black_box(wire)));
    }

    #[divan::bench(args = COLUMNS)]
    fn chunk_decode(bencher: Bencher<'_, '_>, columns: usize) {
        let mut content = base64_lines(columns, BYTES);
        bencher.counter(BytesCount::of_slice(&content)).bench_local(|| {
            let mut decoder = ChunkDecoder::new();
            decoder.begin(content.len() as u64);
            let decoded = decoder.decode(black_box(&mut content));
            assert!(decoded.end && !decoded.flaws.any());
        });
    }

    #[divan::bench(args = COLUMNS)]
    fn encode(bencher: Bencher<'_, '_>, columns: usize) {
        let content = base64_lines(columns, BYTES);
        let mut out = BytesMut::with_capacity(2 * BYTES);
        bencher.counter(BytesCount::of_slice(&content)).bench_local(|| {
            out.clear();
            let mut encoder = DataEncoder::new();
            encoder.encode(black_box(&content), &mut out);
            encoder.finish(&mut out);
            black_box(&out);
        });
    }
}
