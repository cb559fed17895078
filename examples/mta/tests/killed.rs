//! A 250 is kept: by a program that is killed under load, one that is told to end, and one whose disk takes no more.
//!
//! * **In**: the program, eight clients, a next hop. **Out**: each number with a 250, looked for at the next hop.
//! * **Promises**: each round begins on what the last one left. **Limits**: [`KILLS`] rounds, or as many as `MTA_KILLS` says.
//! * **Panics**: if a message is lost. **Spec**: RFC 5321 4.2.5 and 6.1.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::mpsc::channel;
use std::time::Duration;

use rustix::process::Signal;

use crate::clients::mail_send;
use crate::harness::Mta;
use crate::load::{Load, Numbers, Told};
use crate::sink::{Sink, content};

/// How often the program is killed unless the variable `MTA_KILLS` says how often.
const KILLS: u64 = 20;

/// How many messages a client may see accepted before.
const ACCEPTED_MAX: u64 = 200;

/// And how long it goes on after the last of them.
const MICROS_MAX: u64 = 20_000;

// rows: 5321-6.1-a
#[test]
fn nothing_is_lost_when_it_is_killed_under_load() {
    let kills = std::env::var("MTA_KILLS").ok().and_then(|kills| kills.parse().ok());
    let kills = kills.unwrap_or(KILLS);
    let (sink, numbers) = (Sink::start(), Numbers::default());
    let args = relaying_to(sink.address);
    let args = args.iter().map(String::as_str).collect::<Vec<_>>();
    let mut mta = Mta::start(&args);
    let mut accepted = Vec::new();
    for kill in 0..kills {
        let load = Load::start(mta.smtp(), &numbers);
        for _ in 0..random(2 * kill) % ACCEPTED_MAX {
            note(load.next(), &mut accepted);
        }
        pause(Duration::from_micros(random(2 * kill + 1) % MICROS_MAX));
        mta = mta.restart(&args);
        load.rest().into_iter().for_each(|told| note(told, &mut accepted));
    }
    let arrived = sink.wait_for(&accepted);
    // What arrived twice in a row was on its way when the program was killed.
    let (messages, repeated) =
        (arrived.len(), arrived.values().filter(|&&times| 1 < times).count());
    println!(
        "{kills} kills: {} messages accepted, {messages} arrived, {repeated} of them more than once",
        accepted.len()
    );
    assert!(kills < 2 || !accepted.is_empty(), "the load is none");
    assert_eq!(mta.terminate().code, Some(0));
}

#[test]
fn nothing_is_lost_or_repeated_when_it_ends_under_load() {
    let (sink, numbers) = (Sink::start(), Numbers::default());
    let args = relaying_to(sink.address);
    let args = args.iter().map(String::as_str).collect::<Vec<_>>();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let queue = format!("queue_directory={}", directory.path().join("queue").display());
    let args = [&args[..], &["-o", &queue]].concat();
    let mut accepted = Vec::new();
    for round in 0..3 {
        let mta = Mta::start(&args);
        let load = Load::start(mta.smtp(), &numbers);
        for _ in 0..50 + random(round) % ACCEPTED_MAX {
            note(load.next(), &mut accepted);
        }
        mta.signal(Signal::TERM);
        load.rest().into_iter().for_each(|told| note(told, &mut accepted));
        let ended = mta.wait();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }
    let mta = Mta::start(&args);
    let arrived = sink.wait_for(&accepted);
    let once: BTreeMap<_, _> = accepted.iter().map(|number| (*number, 1)).collect();
    assert_eq!(arrived, once);
    assert_eq!(mta.terminate().code, Some(0));
}

/// The limit stands for a full disk, which an unprivileged test cannot have; the queue sees a write that fails.
#[test]
fn nothing_is_lost_when_a_write_fails_under_load() {
    let (sink, numbers) = (Sink::start(), Numbers::default());
    let args = relaying_to(sink.address);
    let args = args.iter().map(String::as_str).collect::<Vec<_>>();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mta = Mta::start_with_small_files(directory, 2048, &args);
    let load = Load::start(mta.smtp(), &numbers);
    let (mut accepted, mut refused) = (Vec::new(), Vec::new());
    // Each client ends with its first refusal.
    for told in load.rest() {
        match told {
            Told::Accepted(number) => accepted.push(number),
            Told::Refused(number, reply) => refused.push((number, reply)),
        }
    }
    assert_eq!(refused.len(), 8, "every client was refused: {refused:?}");
    for (_, reply) in &refused {
        assert!(reply.starts_with("451 4.3.") || reply.starts_with("452 4.3.1 "), "{reply}");
    }
    assert!(!accepted.is_empty(), "the first messages fit");
    let mta = mta.restart(&args);
    // What comes last is begun last, and what was begun ends before the program does.
    let last = accepted.iter().chain(refused.iter().map(|(number, _)| number)).max();
    let last = last.expect("some were accepted") + 1;
    mail_send::submit(mta.smtp(), &["kim@elsewhere.example"], &content(last));
    accepted.push(last);
    sink.wait_for(&accepted);
    assert_eq!(mta.terminate().code, Some(0));
    let arrived = sink.wait_for(&[]);
    let returned = refused.iter().filter(|(number, _)| arrived.contains_key(number)).count();
    // What was written whole before the write failed is recovered, although its client was told to come again.
    println!("{} messages refused, {returned} of them arrived all the same", refused.len());
}

fn relaying_to(address: SocketAddr) -> Vec<String> {
    let relay_host = format!("relayhost=[{}]:{}", address.ip(), address.port());
    let options = ["mynetworks=127.0.0.0/8", "mydestination=local.test", &relay_host];
    // What was on its way when a connection broke comes soon again.
    let options = options.into_iter().chain(["minimal_backoff_time=1s", "maximal_backoff_time=1s"]);
    options.flat_map(|option| ["-o".to_owned(), option.to_owned()]).collect()
}

/// Whoever is told to come back later when the program ends has lost nothing.
fn note(told: Told, accepted: &mut Vec<u32>) {
    match told {
        Told::Accepted(number) => accepted.push(number),
        Told::Refused(_, reply) => assert!(reply.starts_with("421 4.3.2 "), "{reply}"),
    }
}

/// Nothing is sent, so it ends with the time.
fn pause(time: Duration) {
    let (_silent, nothing) = channel::<()>();
    let _ = nothing.recv_timeout(time);
}

/// The generator `SplitMix64`, so that a moment depends on the number of the kill and on the machine alone.
fn random(number: u64) -> u64 {
    let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
