//! Who goes first, and how many at once.

use std::collections::BTreeMap;

use smtp_queue::{DeliveryKey, Effect, Feedback, ManagerConfig, Row, RowKey};
use smtp_server::UnixMillis;

use super::support::{DAY, START, World, key, unreachable};

/// Deliveries that take a second each.
struct Site {
    world: World,
    ends: BTreeMap<(u64, DeliveryKey), RowKey>,
}

impl Site {
    fn new() -> Self {
        Self { world: World::new(ManagerConfig::default()), ends: BTreeMap::new() }
    }

    /// The row of the next delivery that begins.
    fn begin(&mut self) -> Option<RowKey> {
        loop {
            match self.world.take() {
                Some(Effect::Deliver { delivery, key, .. }) => {
                    self.ends.insert((self.world.now.0 + 1000, delivery), key);
                    return Some(key);
                }
                Some(_) => {}
                None => {
                    let ((end, delivery), _) = self.ends.pop_first()?;
                    self.world.now = UnixMillis(end.max(self.world.now.0));
                    self.world.manager.handle_timeout(self.world.now);
                    self.world.finish(delivery, 0, &Feedback::Reached);
                }
            }
        }
    }
}

#[test]
fn a_small_message_behind_a_large_one_starts_within_five_deliveries() {
    for begun_before in 0..40 {
        let mut site = Site::new();
        site.world.send(1, "example.net", 100_000);
        for _ in 0..begun_before {
            assert_eq!(site.begin(), Some(key(1)));
        }
        // Also to another domain that the same hosts serve.
        let domain = ["example.net", "hosted@example.net"][begun_before % 2];
        site.world.send(2, domain, 1);
        let begun = std::iter::from_fn(|| site.begin()).position(|key| key.id.0 == 2).unwrap();
        assert!(begun < 5, "{begun} deliveries came first");
    }
}

#[test]
fn a_large_message_takes_a_quarter_longer_at_most() {
    let mut site = Site::new();
    site.world.send(1, "example.net", 100_000);
    let (mut large, mut small) = (0_u32, 0_u32);
    for id in 2.. {
        // There is always a small one.
        site.world.send(id, "example.net", 1);
        match site.begin() {
            Some(RowKey { id, .. }) if id.0 == 1 => large += 1,
            _ => small += 1,
        }
        if large == 100_000 / 50 {
            break;
        }
    }
    assert!(0 < small && small <= large / 4, "{small} small ones passed {large} deliveries");
}

#[test]
fn sites_take_turns_whatever_they_have() {
    let config = ManagerConfig { default_process_limit: 4, ..Default::default() };
    let mut site = Site { world: World::new(config), ends: BTreeMap::new() };
    for id in 0..1000 {
        site.world.send(id, "busy.example", 1);
    }
    assert!((0..4).all(|_| site.begin().is_some()));
    site.world.send(1000, "calm.example", 1);
    let begun = std::iter::from_fn(|| site.begin()).position(|key| key.id.0 == 1000).unwrap();
    assert!(begun <= 2, "{begun} deliveries came first");
}

#[test]
fn a_higher_priority_goes_first_and_the_oldest_of_one_priority() {
    let mut world = World::new(ManagerConfig::default());
    let order = [(1, 0, 5), (2, -9, 9), (3, 4, 0), (4, 0, 7), (5, 9, 0), (6, 4, 0)];
    for (id, priority, age_days) in order {
        let arrived = UnixMillis(START.0 - age_days * DAY / 2);
        let row = Row { priority, arrived, ..Row::new(key(id), "example.net", 1, START) };
        world.manager.insert(row, START).unwrap();
    }
    let mut begun = Vec::new();
    while let Some(effect) = world.take() {
        if let Effect::Deliver { delivery, key, .. } = effect {
            begun.push(key.id.0);
            world.finish(delivery, 0, &Feedback::Reached);
        }
    }
    assert_eq!(begun, [5, 3, 6, 1, 4, 2]);
}

// rows: 5321-4.5.4.1-g
#[test]
fn recipients_share_a_delivery_up_to_fifty() {
    let mut world = World::new(ManagerConfig::default());
    let cases: [(u32, &[u32]); 3] = [(1, &[1]), (50, &[50]), (101, &[50, 100, 101])];
    for (recipients, ends) in cases {
        world.send(u64::from(recipients), "example.net", recipients);
        let (mut start, mut found) = (0, Vec::new());
        while let Some(effect) = world.take() {
            if let Effect::Deliver { delivery, recipients, .. } = effect {
                assert_eq!(recipients.start, start);
                start = recipients.end;
                found.push(recipients.end);
                world.finish(delivery, 0, &Feedback::Reached);
            }
        }
        assert_eq!(found, ends);
    }
}

/// How wide a site is opened by whoever decides it.
trait Gate {
    fn begin(&mut self) -> Option<DeliveryKeyOrNumber>;
    fn end(&mut self, delivery: DeliveryKeyOrNumber, is_refused: bool, now: u64);
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum DeliveryKeyOrNumber {
    Key(DeliveryKey),
    Number(u32),
}

/// Feedback of one for each delivery, up and down, which is what 1/N is compared with.
struct PlusMinusOne {
    width: u32,
    open: u32,
    begun: u32,
}

impl Gate for PlusMinusOne {
    fn begin(&mut self) -> Option<DeliveryKeyOrNumber> {
        if self.open >= self.width {
            return None;
        }
        self.open += 1;
        self.begun += 1;
        Some(DeliveryKeyOrNumber::Number(self.begun))
    }

    fn end(&mut self, _: DeliveryKeyOrNumber, is_refused: bool, _: u64) {
        self.open -= 1;
        self.width = if is_refused { self.width.saturating_sub(1).max(1) } else { self.width + 1 };
        self.width = self.width.min(20);
    }
}

impl Gate for World {
    fn begin(&mut self) -> Option<DeliveryKeyOrNumber> {
        loop {
            match self.take()? {
                Effect::Deliver { delivery, .. } => {
                    return Some(DeliveryKeyOrNumber::Key(delivery));
                }
                Effect::Return { .. } => panic!("nothing is that old"),
                _ => {}
            }
        }
    }

    fn end(&mut self, delivery: DeliveryKeyOrNumber, is_refused: bool, now: u64) {
        self.now = UnixMillis(now);
        self.manager.handle_timeout(self.now);
        let DeliveryKeyOrNumber::Key(delivery) = delivery else { panic!("not ours") };
        let feedback = if is_refused { unreachable() } else { Feedback::Reached };
        self.finish(delivery, u32::from(is_refused), &feedback);
    }
}

/// The share of deliveries that a receiver refuses who takes five at once and answers 421 to more.
fn refused_share(gate: &mut dyn Gate) -> f64 {
    const TAKEN_MAX: usize = 5;
    let (mut now, mut begun, mut refused) = (START.0, 0_u32, 0_u32);
    let mut taken: BTreeMap<(u64, DeliveryKeyOrNumber), ()> = BTreeMap::new();
    let mut turned: BTreeMap<(u64, DeliveryKeyOrNumber), ()> = BTreeMap::new();
    while begun < 5000 {
        while let Some(delivery) = gate.begin() {
            begun += 1;
            // Not all take the same time, or they would stay in step for ever.
            let millis = 900 + u64::from(begun) * 7919 % 200;
            let list = if taken.len() < TAKEN_MAX { &mut taken } else { &mut turned };
            list.insert((now + millis, delivery), ());
        }
        let first = taken.first_key_value().map(|(end, ())| *end);
        let other = turned.first_key_value().map(|(end, ())| *end);
        let Some((end, delivery)) = first.into_iter().chain(other).min() else { break };
        let is_refused = taken.remove(&(end, delivery)).is_none();
        turned.remove(&(end, delivery));
        refused += u32::from(is_refused);
        now = end;
        gate.end(delivery, is_refused, now);
    }
    f64::from(refused) / f64::from(begun)
}

#[test]
fn feedback_of_one_nth_defers_far_less_than_plus_minus_one() {
    let mut world = World::new(ManagerConfig::default());
    for id in 0..5000 {
        world.send(id, "example.net", 1);
    }
    let ours = refused_share(&mut world);
    let crude = refused_share(&mut PlusMinusOne { width: 5, open: 0, begun: 0 });
    assert!(ours < 0.25 && ours < crude / 2.0, "1/N: {ours:.3}, +-1: {crude:.3}");
}
