//! Allocations and system calls per message.
//!
//! * **In**: the pure session, driven by hand; sink, floor and `mta`, which passes mail on, under `strace`. **Out**: counts
//!   per message.
//! * **Promises**: allocations are counted after a first message, on a session that stays open; system calls
//!   are all of the process, so those of its start are in the sum (some hundred, over all messages).
//! * **Limits**: [`SUMMARY_LIMIT`]. **Panics**: if the session refuses a good message. **Spec**: strace(1) `-c`.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, thread};

use smtp_benches::session::{HandDriven, Transaction};

use crate::load::Load;
use crate::peers::{Launch, Peer, Prepared};
use crate::process::Server;
use crate::progress;

use super::bound::Bound;
use super::{Bench, Trouble, relay};

/// Fewer than in a comparison: every system call stops twice.
const MESSAGES_TRACED: u32 = 2_000;
/// Messages over which allocations are averaged.
const MESSAGES_COUNTED: u32 = 1_000;
/// Until `strace` has written its summary.
const SUMMARY_LIMIT: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Rarer calls than this, per message, are not listed.
const LISTED_MIN: f64 = 0.1;

pub(super) fn measure(bench: &Bench<'_>, out: &mut Vec<u8>) -> Result<Vec<Bound>, Trouble> {
    for bytes in [1_024, 4_096] {
        let (count, sum) = allocations(bytes);
        writeln!(
            out,
            "pure session, {bytes} octets of content: {count:.2} allocations/message, \
             {sum:.0} octets"
        )?;
    }
    writeln!(out)?;
    let mut options = bench.options.clone();
    options.messages.get_or_insert(MESSAGES_TRACED);
    let load = Load::new(bench.tools, bench.places, &options, bench.wrapping);
    for peer in [Peer::Sink, Peer::Floor] {
        write_calls_of(bench, bench.prepare(peer), &load, options.messages(), out)?;
    }
    let sink = relay::sink(bench, &options)?;
    let next = format!("relayhost={}", relay::next_hop(sink.address()));
    let load = load.until_taken(sink.taken(), options.messages());
    write_calls_of(bench, relay::mta(bench, &[next])?, &load, options.messages(), out)?;
    writeln!(out)?;
    Ok(Vec::new())
}

fn write_calls_of(
    bench: &Bench<'_>,
    prepared: Prepared,
    load: &Load,
    messages: u32,
    out: &mut Vec<u8>,
) -> Result<(), Trouble> {
    let Prepared { peer, launch } = prepared;
    progress(format_args!("system calls: {}", peer.name()));
    let summary = bench.places.peers.join(format!("strace-{}.txt", peer.name()));
    let server = Server::start(peer, &traced(launch?, &summary), bench.places, bench.wrapping)?;
    load.run(server.address())?;
    drop(server);
    write_calls(out, peer, &read_summary(&summary)?, messages)
}

/// Allocations and allocated octets per message.
fn allocations(bytes: usize) -> (f64, f64) {
    let transaction = Transaction::new(bytes);
    let mut driven = HandDriven::greeted();
    driven.carry(&transaction);
    let counted = allocation_counter::measure(|| {
        for _ in 0..MESSAGES_COUNTED {
            driven.carry(&transaction);
        }
    });
    let per_message = |count: u64| count as f64 / f64::from(MESSAGES_COUNTED);
    (per_message(counted.count_total), per_message(counted.bytes_total))
}

/// The same server under `strace`, which steps aside (`-D`) so that the process is still our child.
fn traced(launch: Launch, summary: &Path) -> Launch {
    let words = ["-D", "-f", "-c", "-o"].map(OsString::from);
    let command = [summary.into(), launch.program.into()];
    let arguments = words.into_iter().chain(command).chain(launch.arguments).collect();
    Launch { program: PathBuf::from("strace"), arguments, ..launch }
}

/// The table of `strace -c`, which is written some time after the server has ended.
fn read_summary(path: &Path) -> Result<String, Trouble> {
    let deadline = Instant::now() + SUMMARY_LIMIT;
    while Instant::now() < deadline {
        let text = fs::read_to_string(path)?;
        if text.trim_end().ends_with("total") {
            return Ok(text);
        }
        thread::sleep(LOOK_AGAIN);
    }
    Err("strace wrote no summary".into())
}

fn write_calls(out: &mut Vec<u8>, peer: Peer, summary: &str, messages: u32) -> Result<(), Trouble> {
    let calls: Vec<(&str, f64)> = summary
        .lines()
        .filter_map(call)
        .map(|(name, count)| (name, count / f64::from(messages)))
        .collect();
    let total = calls.iter().find(|(name, _)| *name == "total").ok_or("strace gave no total")?.1;
    write!(out, "{}: {total:.2} system calls/message:", peer.name())?;
    for (name, count) in
        calls.iter().filter(|(name, count)| *name != "total" && LISTED_MIN <= *count)
    {
        write!(out, " {name} {count:.2}")?;
    }
    writeln!(out)?;
    Ok(())
}

/// Name and count in a line `% time, seconds, usecs/call, calls[, errors], syscall`.
fn call(line: &str) -> Option<(&str, f64)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    fields.first()?.parse::<f64>().ok()?;
    Some((fields.last()?, fields.get(3)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{allocations, call};

    #[test]
    fn calls_are_read_with_and_without_errors() {
        for (line, expected) in [
            (
                " 62.50    0.000050          12         4         1 recvfrom",
                Some(("recvfrom", 4.0)),
            ),
            ("  0.00    0.000000           0        17           sendto", Some(("sendto", 17.0))),
            ("100.00    0.000080           3        21         1 total", Some(("total", 21.0))),
            ("% time     seconds  usecs/call     calls    errors syscall", None),
            ("------ ----------- ----------- --------- --------- ----------------", None),
        ] {
            assert_eq!(call(line), expected, "{line}");
        }
    }

    #[test]
    fn a_message_allocates_and_a_larger_one_no_more_often() {
        let [(small, _), (large, _)] = [1_024, 4_096].map(allocations);
        assert!(0.0 < small && large <= small + 1.0, "{small} {large}");
    }
}
