//! The queue manager with a thousand to ten million rows: what a row keeps in memory, and what claiming,
//! rescheduling and deleting one takes.
//!
//! Rows have one recipient each and are spread over a thousand domains. Fails if a deferred row keeps more than 48
//! octets. `cargo bench -p smtp-benches --bench manager -- 10000000` goes up to ten million.

use std::fs;
use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use smtp_queue::{Effect, Feedback, ManagerConfig, NextHop, QueueManager, Row, RowKey};
use smtp_server::{QueueId, UnixMillis};

const START: UnixMillis = UnixMillis(1_700_000_000_000);

const DOMAINS: u64 = 1000;

/// What a deferred row may keep, in octets.
const ROW_BYTES_MAX: u64 = 48;

/// How often each operation is measured.
const OPERATIONS: u64 = 100_000;

/// Says that only the number of rows behind it is measured.
const ONE: &str = "--one";

/// Coprime to any power of ten, so that steps of it go through all numbers in no order.
const STRIDE: u64 = 7_368_787;

fn main() {
    let mut words = std::env::args().skip_while(|word| word != ONE);
    if let Some(rows) = words.nth(1).and_then(|word| word.parse().ok()) {
        return measure(rows);
    }
    let most = std::env::args().filter_map(|word| word.parse().ok()).next().unwrap_or(1_000_000);
    let heads = ["rows", "B/row", "insert", "claim", "defer", "delete"];
    println!("{}", heads.map(|head| format!("{head:>9}")).join(" "));
    for rows in (3..=7).map(|power| 10_u64.pow(power)).filter(|rows| *rows <= most) {
        // A process each, or what one gave back would be what the next one takes.
        let run = std::env::current_exe()
            .and_then(|own| Command::new(own).args([ONE, &rows.to_string()]).status());
        assert!(run.is_ok_and(|status| status.success()), "{rows} rows failed");
    }
}

fn measure(rows: u64) {
    let before = resident_bytes();
    let mut manager = QueueManager::new(ManagerConfig::default(), 1);
    let insert = nanoseconds(rows, || {
        for id in 0..rows {
            let domain = format!("host{}.example", id % DOMAINS);
            let key = RowKey { id: QueueId(START.0 * 1000 + id), row: 0 };
            // As they come to lie when all of them were deferred before: over some seventy minutes.
            let due = UnixMillis(START.0 + 1000 + id * STRIDE % 4_200_000);
            let row = Row { due, attempts: 5, ..Row::new(key, &domain, 1, START) };
            let _ = manager.insert(row, START);
        }
    });
    let bytes = resident_bytes().saturating_sub(before) / rows;
    // A few pages more or less are nothing to go by.
    assert!(rows < 1_000_000 || bytes <= ROW_BYTES_MAX, "a row keeps {bytes} octets");

    let operations = OPERATIONS.min(rows);
    let mut now = START;
    let (mut claim, mut defer) = (Duration::ZERO, Duration::ZERO);
    let mut claimed = 0;
    while claimed < operations {
        let from = clock();
        let effect = manager.poll();
        claim += from.elapsed();
        match effect {
            Some(Effect::Route { domain, is_local }) => {
                let site = domain.as_str().into();
                let next_hop = NextHop { site, ..NextHop::on_this_host("smtp") };
                manager.handle_routed(&domain, is_local, Ok(next_hop), now, Duration::MAX);
            }
            Some(Effect::Deliver { delivery, .. }) => {
                claimed += 1;
                let from = clock();
                manager.handle_finished(delivery, 1, &Feedback::Reached, now);
                defer += from.elapsed();
            }
            Some(other) => drop(black_box(other)),
            None => {
                let Some(next) = manager.poll_timeout() else { break };
                now = next.max(now);
                manager.handle_timeout(now);
            }
        }
    }
    let delete = nanoseconds(operations, || {
        for number in 0..operations {
            let id = QueueId(START.0 * 1000 + number * STRIDE % rows);
            manager.delete(id, now);
            black_box(manager.poll());
        }
    });
    let each = |time: Duration| time.as_nanos() / u128::from(operations);
    let times = [insert, each(claim), each(defer), delete].map(|time| format!("{time:>6} ns"));
    println!("{rows:>9} {bytes:>9} {}", times.join(" "));
}

fn nanoseconds(operations: u64, work: impl FnOnce()) -> u128 {
    let from = clock();
    work();
    from.elapsed().as_nanos() / u128::from(operations)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn clock() -> Instant {
    Instant::now()
}

/// What this process has in memory.
fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
