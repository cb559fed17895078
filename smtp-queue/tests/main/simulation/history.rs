//! A history: what happens to a host, as a list that a seed determines and that can be cut short.

use std::time::Duration;

use smtp_queue::spool::sim::Fault;

/// Numbers that a seed determines (`SplitMix64`).
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64, purpose: u64) -> Self {
        let mut chance = Self(seed ^ purpose.wrapping_mul(0xd1b5_4a32_d192_ed03));
        chance.next();
        chance
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    pub(super) fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    pub(super) fn index(&mut self, limit: usize) -> usize {
        usize::try_from(self.below(limit as u64)).unwrap()
    }
}

/// How a process ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// The power fails after so many changes of the disk: what was not synced is there, torn, or lost.
    Power(u64),
    /// SIGKILL after so many changes, perhaps between a write and its sync: all that was written is there.
    Kill(u64),
    /// The storage fails in the call of this number from now; later the process is stopped and the power fails.
    Fault(u64, Fault),
    /// SIGTERM.
    Stop,
}

/// One thing that happens. Numbers choose among what there is when it happens.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// A client brings a message.
    Submit(u64),
    Hold(u64),
    Release(u64),
    Delete(u64),
    Expire(u64),
    Requeue(u64),
    Flush,
    Suspend(u64),
    Resume(u64),
    Wait(Duration),
    /// The process ends like this, at the latest here, and another one begins after a while.
    End(End, Duration),
}

/// So many steps, and how their process ends behind them.
pub(super) fn steps(seed: u64, count: usize) -> Vec<Step> {
    let mut chance = Chance::new(seed, 1);
    (0..count).map(|_| step(&mut chance)).collect()
}

fn step(chance: &mut Chance) -> Step {
    let number = chance.next();
    match chance.below(40) {
        0..=15 => Step::Submit(number),
        16 => Step::Hold(number),
        17..=18 => Step::Release(number),
        19 => Step::Delete(number),
        20 => Step::Expire(number),
        21 => Step::Requeue(number),
        22 => Step::Flush,
        23 => Step::Suspend(number),
        24..=25 => Step::Resume(number),
        26..=31 => Step::Wait(Duration::from_millis(chance.below(5_000))),
        32..=34 => Step::Wait(Duration::from_secs(chance.below(7_200))),
        35 => Step::Wait(Duration::from_secs(chance.below(86_400))),
        _ => Step::End(end(chance), Duration::from_millis(1 + chance.below(600_000))),
    }
}

fn end(chance: &mut Chance) -> End {
    let changes = match chance.below(3) {
        0 => chance.below(10),
        1 => chance.below(60),
        _ => chance.below(600),
    };
    match chance.below(8) {
        0..=3 => End::Power(changes),
        4..=5 => End::Kill(changes),
        6 => {
            let faults = [Fault::Io, Fault::NoSpace, Fault::ShortWrite];
            End::Fault(changes, faults[chance.index(3)])
        }
        _ => End::Stop,
    }
}
