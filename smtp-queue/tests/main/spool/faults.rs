//! Storage that fails: no promise that is not kept, no sync that is repeated, and a start that recovers.

use smtp_queue::SpoolError;
use smtp_queue::spool::sim::{Fault, SimVfs};
use smtp_queue::spool::vfs::{Room, Vfs as _};

use super::world::{Backend, Model, Op, World, id, small};

const BACKENDS: [Backend; 2] = [Backend::Log, Backend::Files];
const LAST: u64 = 12;

/// Fills segments, empties them, and bounces.
fn history() -> Vec<Op> {
    let mut history = vec![Op::AcceptLarge(1), Op::Accept(2), Op::Bounce(1, 3)];
    for attempt in 1..8 {
        history.extend([Op::Defer(1, attempt), Op::Defer(2, attempt), Op::Hold(3)]);
    }
    for number in 4..10 {
        history.extend([Op::Accept(number), Op::Finish(number)]);
    }
    history.extend([Op::Remove(1), Op::AcceptTwo(10, 11), Op::Release(2)]);
    history
}

/// Commits set after set with a step of tidying between them, until something fails for another reason than that
/// a message is not there: what was promised, and what failed first.
fn run(world: &World, history: &[Op]) -> (Vec<Op>, Option<(Op, SpoolError)>) {
    let mut promised = Vec::new();
    for &op in history {
        match world.commit(&[op]).pop() {
            Some(Ok(())) => promised.push(op),
            Some(Err(SpoolError::NotFound(_))) | None => {}
            Some(Err(error)) => return (promised, Some((op, error))),
        }
        if let Err(error) = world.store.tidy() {
            return (promised, Some((Op::Remove(0), error)));
        }
    }
    (promised, None)
}

fn fail_everywhere(backend: Backend, fault: Fault) {
    let disk = SimVfs::default();
    let world = World::open(backend, &disk, small()).unwrap();
    let begin = disk.calls();
    let (all, failure) = run(&world, &history());
    assert!(failure.is_none());
    let calls = begin..disk.calls();
    let mut poisoned = 0;
    for call in calls {
        let what = format!("{backend:?} {fault:?} at call {call}");
        let disk = SimVfs::default();
        let world = World::open(backend, &disk, small()).unwrap();
        disk.fail_at(call, fault);
        let (promised, failure) = run(&world, &history());
        assert!(!disk.was_synced_again(), "{what}");
        let Some((failed, error)) = failure else {
            // A short write is completed, and some calls only ask.
            assert_eq!(promised.len(), all.len(), "{what}");
            continue;
        };
        match fault {
            Fault::NoSpace => {}
            _ => assert!(matches!(error, SpoolError::Io(_) | SpoolError::Damaged { .. }), "{what}"),
        }
        // What it had promised is read; and if it takes nothing more it says so.
        let model = Model::of(&promised).seen(LAST);
        if backend == Backend::Log {
            assert_eq!(world.seen(LAST), model, "{what}");
        } else {
            // A set of several files is written down and will be made; some of them may show it already.
            assert!(!world.seen(LAST).contains("storage"), "{what}");
        }
        let later = world.commit(&[Op::Accept(12)]).pop().unwrap();
        if let Err(error) = &later {
            assert!(matches!(error, SpoolError::Poisoned(_)), "{what}: {error:?}");
            assert!(world.store.check_room(0).is_err(), "{what}");
            assert!(matches!(world.store.stage(), Err(SpoolError::Poisoned(_))), "{what}");
            poisoned += 1;
        }
        drop(world);
        recovers(backend, &disk, &promised, failed, later.is_ok(), &what);
    }
    assert!(poisoned > 0 || fault == Fault::ShortWrite, "{backend:?} {fault:?}");
}

/// The spool opens on what a power loss leaves, with what was promised and at most the set that failed.
fn recovers(
    backend: Backend,
    disk: &SimVfs,
    promised: &[Op],
    failed: Op,
    is_later_there: bool,
    what: &str,
) {
    for image in disk.images(4, 1) {
        let world = World::open(backend, &image, small()).unwrap();
        let seen = world.seen(LAST);
        let legal = [false, true].map(|is_made| {
            let mut ops = promised.to_vec();
            ops.extend(is_made.then_some(failed));
            ops.extend(is_later_there.then_some(Op::Accept(12)));
            Model::of(&ops).seen(LAST)
        });
        assert!(legal.contains(&seen), "{what}: {seen}");
        let accepted = world.commit(&[Op::Accept(13)]).pop().unwrap();
        assert!(accepted.is_ok(), "{what}: {accepted:?}");
    }
}

// rows: 5321-6.1-a
#[test]
fn k03_an_error_of_any_call_breaks_no_promise() {
    BACKENDS.into_iter().for_each(|backend| fail_everywhere(backend, Fault::Io));
}

#[test]
fn k03_a_full_disk_at_any_call_breaks_no_promise() {
    BACKENDS.into_iter().for_each(|backend| fail_everywhere(backend, Fault::NoSpace));
}

#[test]
fn k03_a_short_write_at_any_call_is_completed() {
    BACKENDS.into_iter().for_each(|backend| fail_everywhere(backend, Fault::ShortWrite));
}

#[test]
fn k03_an_error_while_opening_costs_nothing() {
    for backend in BACKENDS {
        let disk = SimVfs::default();
        let world = World::open(backend, &disk, small()).unwrap();
        let (promised, _) = run(&world, &history());
        drop(world);
        let full = disk.images(1, 0).next().unwrap();
        World::open(backend, &full, small()).unwrap();
        for call in 0..full.calls() {
            let disk = disk.images(1, 0).next().unwrap();
            disk.fail_at(call, Fault::Io);
            let failed = World::open(backend, &disk, small()).err();
            assert!(failed.is_none_or(|error| matches!(error, SpoolError::Io(_))));
            let image = disk.images(1, 0).next().unwrap();
            let world = World::open(backend, &image, small()).unwrap();
            assert_eq!(world.seen(LAST), Model::of(&promised).seen(LAST), "call {call}");
        }
    }
}

#[test]
fn k03_no_room_refuses_mail_and_not_outcomes() {
    for backend in BACKENDS {
        let disk = SimVfs::default();
        let mut options = small();
        (options.free_bytes_min, options.free_inodes_min) = (1000, 10);
        let world = World::open(backend, &disk, options).unwrap();
        assert!(world.commit(&[Op::Accept(1)]).pop().unwrap().is_ok());
        for (bytes, inodes, fits) in [(1500, 10, true), (1499, 10, false), (1500, 9, false)] {
            disk.set_room(Room { bytes, inodes });
            assert_eq!(world.store.check_room(500).is_ok(), fits);
        }
        let refusal = world.commit(&[Op::AcceptLarge(2)]).pop().unwrap();
        assert!(matches!(refusal, Err(SpoolError::Full)), "{refusal:?}");
        assert_eq!(disk.list("tmp").unwrap(), [""; 0]);
        assert!(world.commit(&[Op::Finish(1)]).pop().unwrap().is_ok());
    }
}

#[test]
fn a_second_opener_fails_and_ids_are_not_used_again() {
    for backend in BACKENDS {
        let disk = SimVfs::default();
        let world = World::open(backend, &disk, small()).unwrap();
        match World::open(backend, &disk, small()).err() {
            Some(SpoolError::Io(error)) => {
                assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
            }
            other => panic!("{other:?}"),
        }
        for number in 1..12 {
            world.commit(&[Op::Accept(number)]);
            world.commit(&[Op::Finish(number)]);
            while world.store.tidy().unwrap() {}
        }
        drop(world);
        for _ in 0..3 {
            let world = World::open(backend, &disk, small()).unwrap();
            assert!(id(11) <= world.largest, "{:?}", world.largest);
            assert_eq!(world.seen(LAST), "");
            world.commit(&[Op::Accept(1)]);
            world.commit(&[Op::Finish(1)]);
            while world.store.tidy().unwrap() {}
        }
    }
}
