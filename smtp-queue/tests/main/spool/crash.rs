//! Whatever a crash leaves on the disk, a spool opens with all that it had promised, and with sets of changes
//! that are there as a whole or not at all.

use smtp_queue::SpoolError;
use smtp_queue::spool::sim::SimVfs;
use smtp_queue::spool::vfs::Vfs as _;

use super::world::{Backend, Model, Op, World, small};

/// What of a history is committed at once; nothing stands for a step of tidying.
type Batch = Vec<Op>;

/// Counts the disks that recovery ran on.
#[derive(Default)]
struct Explored(u64);

/// How thoroughly a history is crashed.
#[derive(Clone, Copy)]
struct Effort {
    /// Crashes only while this batch and those after it are committed.
    from: usize,
    /// At most so many disks for each place of a crash.
    images_max: u64,
    seed: u64,
    /// Goes on from one disk in so many.
    thorough: u64,
}

/// Runs a history, crashes it at every change of the disk, and opens every disk that may be left.
fn crash(backend: Backend, history: &[Batch], effort: Effort, explored: &mut Explored) {
    let (begin, end) = changes_of(backend, history, effort.from);
    for cut in begin..end {
        let disk = SimVfs::default();
        disk.cut_power_after(cut);
        let promised = run(backend, &disk, history);
        // The batch that was being committed when the power failed; each of its sets may have been made.
        let open = history.get(promised).map_or(&[][..], |batch| batch.as_slice());
        let done = history[..promised].iter().flatten().copied().collect::<Vec<_>>();
        let legal = legal(&done, open);
        for image in disk.images(effort.images_max, effort.seed ^ cut) {
            explored.0 += 1;
            let goes_on = explored.0.is_multiple_of(effort.thorough);
            let stays = goes_on.then_some(2);
            check(backend, &image, &legal, &done, stays, || {
                format!("{backend:?} {history:?} cut at {cut}, seed {}", effort.seed)
            });
        }
    }
}

/// Kills the process at every change, goes on, and then lets the power fail: what the second run saw when it
/// began was durable by then.
fn kill(backend: Backend, history: &[Batch], effort: Effort, explored: &mut Explored) {
    let (begin, end) = changes_of(backend, history, effort.from);
    for cut in begin..end {
        let what = || format!("{backend:?} {history:?} killed at {cut}, seed {}", effort.seed);
        let disk = SimVfs::default();
        disk.cut_power_after(cut);
        let promised = run(backend, &disk, history);
        disk.restore_power();
        let world = World::open(backend, &disk, small());
        let world = world.unwrap_or_else(|error| panic!("does not open: {error}: {}", what()));
        let seen = world.seen(LAST);
        let open = history.get(promised).map_or(&[][..], |batch| batch.as_slice());
        let done = history[..promised].iter().flatten().copied().collect::<Vec<_>>();
        assert!(legal(&done, open).iter().any(|(text, _)| *text == seen), "{}", what());
        assert!(world.commit(&[Op::Accept(LAST + 1)]).iter().all(Result::is_ok), "{}", what());
        for image in disk.images(effort.images_max, effort.seed ^ cut) {
            explored.0 += 1;
            let world = World::open(backend, &image, small()).unwrap();
            assert_eq!(world.seen(LAST), seen, "{}", what());
            assert!(world.store.open(super::world::id(LAST + 1)).is_ok(), "{}", what());
        }
    }
}

/// The changes of the disk while the batches from `from` on are committed.
fn changes_of(backend: Backend, history: &[Batch], from: usize) -> (u64, u64) {
    let disk = SimVfs::default();
    let before = if from == 0 {
        0
    } else {
        assert_eq!(run(backend, &disk, &history[..from]), from, "{history:?}");
        disk.changes()
    };
    let disk = SimVfs::default();
    assert_eq!(run(backend, &disk, history), history.len(), "{history:?}");
    (before, disk.changes())
}

/// How many batches were promised.
fn run(backend: Backend, disk: &SimVfs, history: &[Batch]) -> usize {
    let Ok(world) = World::open(backend, disk, small()) else { return 0 };
    for (number, batch) in history.iter().enumerate() {
        let failed = if batch.is_empty() {
            let mut tidied = world.store.tidy();
            while let Ok(true) = tidied {
                tidied = world.store.tidy();
            }
            tidied.is_err()
        } else {
            let answers = world.commit(batch);
            answers.iter().any(|answer| answer.as_ref().is_err_and(|error| !is_refusal(error)))
        };
        if failed {
            return number;
        }
    }
    history.len()
}

/// Whether a set could never be made: a message is not there, or is there already.
fn is_refusal(error: &SpoolError) -> bool {
    match error {
        SpoolError::NotFound(_) => true,
        SpoolError::Io(error) => error.kind() == std::io::ErrorKind::AlreadyExists,
        _ => false,
    }
}

/// What may be seen: all that was promised, and any of the sets that were not.
fn legal(done: &[Op], open: &[Op]) -> Vec<(String, Vec<String>)> {
    let mut legal = Vec::new();
    for chosen in 0..1_u32 << open.len() {
        let mut ops = done.to_vec();
        let made = open.iter().enumerate().filter(|(bit, _)| chosen >> bit & 1 == 1);
        ops.extend(made.map(|(_, op)| *op));
        let model = Model::of(&ops);
        legal.push((model.seen(LAST), model.rows()));
    }
    legal
}

/// No history has a message above this one.
const LAST: u64 = 48;

/// No long history by chance has one above this one.
const LONG: u64 = 12;

fn check(
    backend: Backend,
    image: &SimVfs,
    legal: &[(String, Vec<String>)],
    done: &[Op],
    stays: Option<u64>,
    what: impl Fn() -> String,
) {
    let world = World::open(backend, image, small());
    let world = world.unwrap_or_else(|error| panic!("does not open: {error}: {}", what()));
    assert!(world.damage.is_empty(), "{:?}: {}", world.damage, what());
    let seen = world.seen(LAST);
    let found = legal.iter().any(|(text, rows)| *text == seen && *rows == world.rows);
    assert!(found, "{}\n{seen}\n{:?}\nis none of\n{legal:#?}", what(), world.rows);
    let promised = done.iter().filter_map(|op| match op {
        Op::Accept(number) | Op::AcceptLarge(number) | Op::Bounce(_, number) => Some(*number),
        Op::AcceptTwo(one, two) => Some(*one.max(two)),
        _ => None,
    });
    if let Some(largest) = promised.max() {
        // A refused set may name a larger one.
        let accepted = Model::of(done).seen(LAST).contains(&super::world::id(largest).to_string());
        assert!(!accepted || super::world::id(largest) <= world.largest, "{}", what());
    }
    let Some(stays) = stays else { return };
    // The next start sees the same.
    let (seen, changes) = (world.seen(LAST), image.changes());
    drop(world);
    let again = World::open(backend, image, small()).unwrap();
    assert_eq!(again.seen(LAST), seen, "after {changes} changes: {}", what());
    ends(backend, image, again, stays, &what);
}

/// Whatever copies a crash left, a message that is removed does not come back when all is cleaned, also if another
/// of its segment stays.
fn ends(backend: Backend, image: &SimVfs, world: World, stays: u64, what: &impl Fn() -> String) {
    let is_there = |world: &World, number| world.store.open(super::world::id(number)).is_ok();
    let kept = Some(stays).filter(|number| is_there(&world, *number));
    for number in (1..=LAST).filter(|number| Some(*number) != kept) {
        world.commit(&[Op::Remove(number)]);
    }
    world.commit(&[Op::Accept(LAST + 1)]);
    // Until all states from before were cleaned.
    let newest = image.list("st").ok().and_then(|names| names.last().cloned());
    for attempt in 0..150 {
        world.commit(&[Op::Defer(LAST + 1, attempt)]);
        while world.store.tidy().unwrap() {}
        if image.list("st").map_or(true, |names| names.first() > newest.as_ref()) {
            break;
        }
    }
    drop(world);
    let world = World::open(backend, image, small()).unwrap();
    let left = (1..=LAST).filter(|number| is_there(&world, *number)).collect::<Vec<_>>();
    assert_eq!(left, Vec::from_iter(kept), "{}", what());
    assert!(is_there(&world, LAST + 1), "{}", what());
}

/// Every history of up to three steps over a small alphabet, with two messages to begin with.
fn short_histories() -> Vec<Vec<Batch>> {
    let alphabet: [&[Op]; 9] = [
        &[Op::Accept(4), Op::Defer(1, 1)],
        &[Op::AcceptLarge(5), Op::Remove(1)],
        &[Op::Bounce(1, 6)],
        &[Op::Defer(1, 2), Op::Defer(1, 3)],
        &[Op::Remove(2)],
        &[Op::Finish(6), Op::Hold(1)],
        &[Op::AcceptTwo(7, 8)],
        &[Op::Remove(5), Op::Release(4)],
        &[],
    ];
    let mut histories = vec![vec![]];
    let mut all = Vec::new();
    for _ in 0..3 {
        histories = histories
            .iter()
            .flat_map(|history: &Vec<Batch>| {
                alphabet.iter().map(|batch| {
                    let mut longer = history.clone();
                    longer.push(batch.to_vec());
                    longer
                })
            })
            .collect();
        all.extend(histories.iter().cloned());
    }
    for history in &mut all {
        history.insert(0, vec![Op::AcceptLarge(1), Op::Accept(2)]);
    }
    all
}

/// A long history by chance, in which segments fill, empty and are cleaned.
fn long_history(seed: u64) -> Vec<Batch> {
    let mut chance = Chance(seed);
    let mut next = 1;
    let mut history = Vec::new();
    while next < LONG {
        let mut batch = Vec::new();
        for _ in 0..=chance.below(2) {
            let old = 1 + chance.below(next);
            let op = match chance.below(9) {
                0 | 1 => Op::Accept(next),
                2 => Op::AcceptLarge(next),
                3 => Op::Bounce(old, next),
                4 | 5 => Op::Defer(old, u16::try_from(history.len()).unwrap()),
                6 => Op::Hold(old),
                7 => Op::Finish(old),
                _ => Op::Remove(old),
            };
            if matches!(op, Op::Accept(_) | Op::AcceptLarge(_) | Op::Bounce(..)) {
                if LONG <= next {
                    continue;
                }
                next += 1;
            }
            batch.push(op);
        }
        history.push(batch);
        if chance.below(3) == 0 {
            history.push(Vec::new());
        }
    }
    history
}

struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % limit
    }
}

fn short(backend: Backend, images_max: u64) -> u64 {
    let mut explored = Explored::default();
    for history in short_histories() {
        // Where a shorter history crashed, this one need not.
        let from = history.len() - 1;
        crash(backend, &history, Effort { from, images_max, seed: 0, thorough: 32 }, &mut explored);
    }
    explored.0
}

fn long(backend: Backend, seeds: std::ops::Range<u64>, images_max: u64) -> u64 {
    let mut explored = Explored::default();
    for seed in seeds {
        crash(
            backend,
            &long_history(seed),
            Effort { from: 0, images_max, seed, thorough: 16 },
            &mut explored,
        );
    }
    explored.0
}

#[test]
fn k08_a_crash_while_segments_are_written_again_loses_and_revives_nothing() {
    let mut history: Vec<Batch> = (1..=LAST).map(|number| vec![Op::Accept(number)]).collect();
    // Of each segment some stay, so that copies of several are made.
    history.extend(
        (1..=LAST)
            .filter(|number| !matches!(number % 8, 1 | 2))
            .map(|number| vec![Op::Finish(number)]),
    );
    let from = history.len();
    history.push(Vec::new());
    history.push(vec![Op::Remove(1)]);
    history.push(Vec::new());
    let mut explored = Explored::default();
    crash(
        Backend::WideLog,
        &history,
        Effort { from, images_max: 200, seed: 1, thorough: 1 },
        &mut explored,
    );
    println!("{} crash states while segments are written again", explored.0);
    assert!(200 < explored.0, "{}", explored.0);
}

#[test]
fn k08_what_a_killed_process_leaves_is_durable_before_it_is_shown() {
    let mut explored = Explored::default();
    for seed in 0..10 {
        let effort = Effort { from: 0, images_max: 4, seed, thorough: 1 };
        kill(Backend::Log, &long_history(seed), effort, &mut explored);
        kill(Backend::Files, &long_history(seed), effort, &mut explored);
    }
    println!("{} crash states after a kill", explored.0);
    assert!(1000 < explored.0);
}

// rows: 5321-6.1-a
#[test]
fn k08_no_crash_of_a_short_history_loses_what_the_log_promised() {
    let explored = short(Backend::Log, 64);
    println!("{explored} crash states of the log");
    assert!(10_000 < explored, "{explored}");
}

// rows: 5321-6.1-a
#[test]
fn k08_no_crash_of_a_short_history_loses_what_the_files_promised() {
    let explored = short(Backend::Files, 16);
    println!("{explored} crash states of the files");
    assert!(10_000 < explored, "{explored}");
}

/// As many histories as `SPOOL_CRASH_HISTORIES` says, from the seed `SPOOL_CRASH_SEED` on, of both spools:
///
/// ```text
/// SPOOL_CRASH_HISTORIES=10000 cargo test -p smtp-queue --test main any_number -- --nocapture
/// ```
#[test]
fn any_number_of_crashes_from_a_seed() {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let first = number("SPOOL_CRASH_SEED").unwrap_or(1000);
    let seeds = first..first + number("SPOOL_CRASH_HISTORIES").unwrap_or(1);
    let (log, files) = (long(Backend::Log, seeds.clone(), 64), long(Backend::Files, seeds, 64));
    println!("{log} crash states of the log, {files} of the files");
    assert!(0 < log && 0 < files);
}

#[test]
fn k08_no_crash_of_a_long_history_loses_what_the_log_promised() {
    let explored = long(Backend::Log, 0..40, 12);
    println!("{explored} crash states of the log");
    assert!(1000 < explored, "{explored}");
}

#[test]
fn k08_no_crash_of_a_long_history_loses_what_the_files_promised() {
    let explored = long(Backend::Files, 0..20, 12);
    println!("{explored} crash states of the files");
    assert!(1000 < explored, "{explored}");
}
