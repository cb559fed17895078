//! Access tables of the sizes that operators have: what a look-up takes, and what reading one takes.
//!
//! The allocations that stand below a bench of reading say what a table keeps: what was allocated and grown, less what
//! was given back.

use std::fmt::Write;
use std::net::Ipv4Addr;

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher, black_box};
use smtp_server::access::{AccessTable, TableType};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const KEYS: u32 = 1_000_000;
const NETWORKS: u32 = 100_000;

/// Different keys of a sample, so many that they do not stay in the processor's caches.
const LOOKUPS: u32 = 65_536;

/// Coprime to any power of two, so that steps of it go through all numbers in no order.
const STRIDE: u32 = 2_654_435_761;

fn main() {
    divan::main();
}

/// A key of the text table, about 24 octets long.
fn key(number: u32) -> String {
    format!("user{number}@host{}.example", number % 10_000)
}

fn text_table() -> String {
    (0..KEYS).fold(String::new(), |mut text, number| {
        let _ = writeln!(text, "{}\tREJECT Reason {}", key(number), number % 10);
        text
    })
}

/// Networks of 24 to 32 bits all over IPv4.
fn network_table() -> String {
    (0..NETWORKS).fold(String::new(), |mut text, number| {
        let length = 24 + number % 9;
        let address = number.wrapping_mul(STRIDE) & (u32::MAX << (32 - length));
        let _ = writeln!(text, "{}/{length}\tREJECT", Ipv4Addr::from(address));
        text
    })
}

#[expect(clippy::expect_used, reason = "the text is written above")]
fn read(table_type: TableType, text: &str) -> AccessTable {
    AccessTable::parse(table_type, "table", text).expect("the table has no fault")
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn read_a_million_keys(bencher: Bencher<'_, '_>) {
    let text = text_table();
    let bencher = bencher.counter(ItemsCount::new(KEYS));
    bencher.bench_local(|| read(TableType::Text, black_box(&text)));
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn read_a_hundred_thousand_networks(bencher: Bencher<'_, '_>) {
    let text = network_table();
    let bencher = bencher.counter(ItemsCount::new(NETWORKS));
    bencher.bench_local(|| read(TableType::Network, black_box(&text)));
}

#[divan::bench(sample_count = 20, sample_size = LOOKUPS)]
fn find_one_of_a_million_keys(bencher: Bencher<'_, '_>) {
    let table = read(TableType::Text, &text_table());
    let keys: Vec<_> = (0..LOOKUPS).map(|n| key(n.wrapping_mul(STRIDE) % KEYS)).collect();
    let mut keys = keys.iter().cycle();
    bencher.bench_local(|| {
        let found = keys.next().and_then(|key| table.find(black_box(key)).ok().flatten());
        assert!(found.is_some());
    });
}

#[divan::bench(sample_count = 20, sample_size = LOOKUPS)]
fn miss_a_million_keys(bencher: Bencher<'_, '_>) {
    let table = read(TableType::Text, &text_table());
    let keys: Vec<_> = (0..LOOKUPS).map(|n| format!("nobody{n}@host.example")).collect();
    let mut keys = keys.iter().cycle();
    bencher.bench_local(|| {
        let found = keys.next().and_then(|key| table.find(black_box(key)).ok().flatten());
        assert!(found.is_none());
    });
}

/// Half of the addresses lie in a network.
#[divan::bench(sample_count = 20, sample_size = LOOKUPS)]
fn find_among_a_hundred_thousand_networks(bencher: Bencher<'_, '_>) {
    let table = read(TableType::Network, &network_table());
    let address = |n: u32| Ipv4Addr::from(n.wrapping_mul(STRIDE) ^ (n & 1) << 31).to_string();
    let addresses: Vec<_> = (0..LOOKUPS).map(address).collect();
    let mut addresses = addresses.iter().cycle();
    bencher.bench_local(|| addresses.next().map(|address| table.find(black_box(address))));
}

#[divan::bench]
fn try_a_hundred_patterns(bencher: Bencher<'_, '_>) {
    let lines = (0..100).map(|n| format!("/^user{n}\\.(.*)@example\\.org$/ REJECT No $1\n"));
    let table = read(TableType::Regexp, &lines.collect::<String>());
    bencher.bench_local(|| table.find(black_box("user99.x@example.org")));
}
