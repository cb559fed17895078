//! What is done with takes no room: segments, states and bodies go when nobody needs them.

use std::sync::atomic::{AtomicBool, Ordering};

use smtp_queue::spool::Options;
use smtp_queue::spool::sim::{Fault, SimVfs};
use smtp_queue::spool::vfs::Vfs as _;

use super::world::{Backend, Model, Op, World, id, small};

fn bytes_in(disk: &SimVfs, dir: &str) -> u64 {
    let names = disk.list(dir).unwrap();
    let bytes = |name: &String| disk.read(&format!("{dir}/{name}")).map_or(0, |file| file.len());
    names.iter().map(bytes).sum::<usize>() as u64
}

fn tidy(world: &World) {
    let mut steps = 0;
    while world.store.tidy().unwrap() {
        steps += 1;
        assert!(steps < 1000, "tidying does not end");
    }
}

/// Commits, tidies, and checks that nothing was lost, before and after a start.
fn check(disk: &SimVfs, world: World, history: &[Op], last: u64) {
    let model = Model::of(history);
    assert_eq!(world.seen(last), model.seen(last));
    drop(world);
    let world = World::open(Backend::Log, disk, small()).unwrap();
    assert_eq!(world.seen(last), model.seen(last));
    assert_eq!(world.rows, model.rows());
    assert!(world.damage.is_empty(), "{:?}", world.damage);
}

#[test]
fn sparse_segments_are_written_again() {
    let disk = SimVfs::default();
    let world = World::open(Backend::Log, &disk, small()).unwrap();
    let mut history = Vec::new();
    for number in 1..=120 {
        history.push(Op::Accept(number));
    }
    // One in ten stays, spread over all segments.
    history.extend((1..=120).filter(|number| number % 10 != 0).map(Op::Finish));
    for op in &history {
        world.commit(&[*op]).pop().unwrap().unwrap();
    }
    let full = bytes_in(&disk, "seg");
    tidy(&world);
    let (left, segment) = (bytes_in(&disk, "seg"), small().segment_bytes);
    // Twice what is live and two segments; and the one that is being written, with what it overshoots.
    let live = full / 10;
    assert!(left <= 2 * live + 4 * segment, "{left} octets left of {full}");
    check(&disk, world, &history, 120);
}

#[test]
fn states_are_written_again_and_the_old_ones_go() {
    let disk = SimVfs::default();
    let world = World::open(Backend::Log, &disk, small()).unwrap();
    let mut history = vec![Op::Accept(1), Op::AcceptLarge(2), Op::Accept(3), Op::Bounce(1, 5)];
    for attempt in 1..200 {
        history.extend([Op::Defer(1, attempt), Op::Defer(2, attempt), Op::Defer(3, attempt)]);
    }
    history.extend([Op::Remove(3), Op::Hold(5)]);
    for op in &history {
        world.commit(&[*op]).pop().unwrap().unwrap();
        tidy(&world);
    }
    let left = bytes_in(&disk, "st");
    assert!(left <= 16 * small().state_bytes, "{left} octets of states");
    check(&disk, world, &history, 5);
}

#[test]
fn what_says_that_a_message_is_gone_outlives_it() {
    // Message 1 stays, so its segment does, and in it those that were removed long ago.
    let disk = SimVfs::default();
    let world = World::open(Backend::Log, &disk, small()).unwrap();
    let mut history = vec![Op::AcceptTwo(1, 2), Op::Remove(2)];
    for attempt in 1..100 {
        history.push(Op::Defer(1, attempt));
    }
    for op in &history {
        world.commit(&[*op]).pop().unwrap().unwrap();
        tidy(&world);
    }
    assert!(disk.read("st/00000001").is_none(), "never cleaned");
    check(&disk, world, &history, 2);
}

#[test]
fn bodies_go_with_their_messages() {
    let disk = SimVfs::default();
    let world = World::open(Backend::Log, &disk, small()).unwrap();
    let history = [Op::AcceptLarge(1), Op::AcceptLarge(2), Op::Finish(1)];
    for op in history {
        world.commit(&[op]).pop().unwrap().unwrap();
    }
    assert_eq!(disk.list("blob").unwrap().len(), 2);
    tidy(&world);
    assert_eq!(disk.list("blob").unwrap().len(), 1);
    assert_eq!(disk.list("tmp").unwrap().len(), 0);
    check(&disk, world, &history, 2);
}

#[test]
fn reading_goes_on_while_the_log_is_written_and_cleaned() {
    let disk = SimVfs::default();
    let world = World::open(Backend::Log, &disk, small()).unwrap();
    for op in [Op::Accept(1), Op::AcceptLarge(2), Op::Bounce(1, 3)] {
        world.commit(&[op]).pop().unwrap().unwrap();
    }
    let is_over = AtomicBool::new(false);
    let (begin, begun) = std::sync::mpsc::channel();
    let reads = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            begin.send(()).unwrap();
            while !is_over.load(Ordering::Relaxed) {
                for number in 1..=3 {
                    let opened = world.store.open(id(number)).unwrap();
                    assert_eq!(opened.entry.recipients.len(), 3);
                    reads += 1;
                }
            }
            reads
        });
        begun.recv().unwrap();
        for attempt in 1..400 {
            let number = 3 + u64::from(attempt);
            for op in [Op::Defer(1, attempt), Op::Accept(number), Op::Finish(number)] {
                world.commit(&[op]).pop().unwrap().unwrap();
                tidy(&world);
            }
        }
        is_over.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    assert!(0 < reads);
    assert!(disk.read("st/00000001").is_none() && disk.read("seg/00000002").is_none());
}

/// The sizes at which a segment grows once for many messages.
fn wide() -> Options {
    let mut options = small();
    options.segment_bytes = 1 << 18;
    options
}

#[test]
fn a_segment_grows_in_advance() {
    let disk = SimVfs::default();
    let world = World::open(Backend::Log, &disk, wide()).unwrap();
    let history = (1..=100).map(Op::Accept).collect::<Vec<_>>();
    let mut lengths = Vec::new();
    for op in &history {
        world.commit(&[*op]).pop().unwrap().unwrap();
        lengths.push(bytes_in(&disk, "seg"));
    }
    assert_eq!(lengths.first(), lengths.last(), "{lengths:?}");
    check(&disk, world, &history, 100);
}

#[test]
fn a_disk_that_is_full_behind_what_was_written_costs_nothing() {
    let fail_at = |call: u64| {
        let disk = SimVfs::default();
        let world = World::open(Backend::Log, &disk, wide()).unwrap();
        let before = disk.calls();
        disk.fail_at(before + call, Fault::NoSpace);
        let answer = world.commit(&[Op::Accept(1)]).pop().unwrap();
        (disk.calls() - before, answer.map(|()| (disk, world)))
    };
    let (calls, _) = fail_at(u64::from(u32::MAX));
    let taken = (0..calls).filter_map(|call| fail_at(call).1.ok()).collect::<Vec<_>>();
    assert_eq!(taken.len(), 1, "one of {calls} calls is not needed");
    for (disk, world) in taken {
        world.commit(&[Op::Accept(2)]).pop().unwrap().unwrap();
        check(&disk, world, &[Op::Accept(1), Op::Accept(2)], 2);
    }
}
