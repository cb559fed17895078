//! What an operator does.

use smtp_queue::{
    Counts, Effect, Feedback, Filter, ManagerConfig, QueueName, ReturnCause, Row, RowKey,
};
use smtp_server::{QueueId, UnixMillis};

use super::support::{DAY, HOUR, MINUTE, START, World, key, unreachable};

const ONE: QueueId = QueueId(1);

type Operation = fn(&mut World) -> usize;

#[test]
fn hold_keeps_a_message_and_release_lets_it_go_now() {
    let mut world = World::new(ManagerConfig::default());
    world.send(1, "example.net", 1);
    assert_eq!(world.manager.hold(ONE, START), 1);
    assert_eq!(world.manager.hold(QueueId(7), START), 0);
    assert_eq!(world.pass(HOUR), []);
    assert_eq!(world.manager.counts(), Counts { hold: 1, ..Counts::default() });
    world.manager.release(ONE, world.now);
    world.defer_once();
    // Held while it waits, it goes at once, too.
    world.manager.hold(ONE, world.now);
    assert_eq!(world.pass(HOUR), []);
    world.manager.release(ONE, world.now);
    world.take_delivery();
}

#[test]
fn what_is_under_way_is_held_expired_and_deleted_when_it_has_ended() {
    let cases: [(&str, Operation); 3] = [
        ("hold", |world| world.manager.hold(ONE, START)),
        ("expire", |world| world.manager.expire(ONE, START)),
        ("delete", |world| world.manager.delete(ONE, START)),
    ];
    for (name, act) in cases {
        let mut world = World::new(ManagerConfig::default());
        world.send(1, "example.net", 300);
        let begun: Vec<_> = (0..5).map(|_| world.take_delivery().0).collect();
        assert_eq!(act(&mut world), 1);
        assert_eq!(world.take(), None, "{name}: no further delivery, nothing before the end");
        for delivery in begun {
            world.finish(delivery, 1, &Feedback::Reached);
        }
        let effects = world.take_all();
        assert!(matches!(effects[0], Effect::Reschedule { .. }), "{name}");
        let counts = world.manager.counts();
        match (name, &effects[1..]) {
            ("hold", []) => assert_eq!(counts, Counts { hold: 1, ..Counts::default() }),
            ("expire", [Effect::Return { cause, .. }]) => assert_eq!(*cause, ReturnCause::Operator),
            ("delete", [Effect::Done { is_last: true, .. }]) => assert_eq!(counts.total(), 0),
            (_, other) => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn delete_takes_all_rows_and_says_so_for_each() {
    let mut world = World::new(ManagerConfig::default());
    for row in 0..3 {
        let key = RowKey { id: ONE, row };
        world.manager.insert(Row::new(key, "example.net", 1, START), START).unwrap();
    }
    assert_eq!(world.manager.delete(ONE, START), 3);
    let effects = world.take_all();
    let last = effects.iter().filter(|effect| matches!(effect, Effect::Done { is_last: true, .. }));
    assert_eq!((effects.len(), last.count()), (3, 1));
    assert_eq!(world.manager.poll_timeout(), None);
}

#[test]
fn flush_hurries_what_it_names_and_nothing_else() {
    let site = |name: &str| Filter { site: Some(name.into()), ..Filter::default() };
    let cases = [
        (Filter::default(), vec![1, 2, 3]),
        (site("a.example"), vec![1, 2]),
        (Filter { id: Some(QueueId(3)), ..Filter::default() }, vec![3]),
        (Filter { domain: Some("x@a.example".into()), ..Filter::default() }, vec![2]),
        (site("elsewhere.example"), vec![]),
    ];
    for (filter, expected) in cases {
        let mut world = World::new(ManagerConfig::default());
        for (id, domain) in [(1, "a.example"), (2, "x@a.example"), (3, "b.example")] {
            world.send(id, domain, 1);
        }
        for _ in 0..3 {
            world.defer_once();
        }
        assert_eq!(world.take(), None);
        assert_eq!(world.manager.flush(&filter, START), expected.len());
        let mut tried = Vec::new();
        while let Some(Effect::Deliver { key, .. }) = world.take() {
            tried.push(key.id.0);
        }
        tried.sort_unstable();
        assert_eq!(tried, expected);
    }
}

#[test]
fn flush_tries_a_dead_site_at_once() {
    let mut world = World::new(ManagerConfig::default());
    for id in 0..10 {
        world.send(id, "dead.example", 1);
    }
    while let Some(effect) = world.take() {
        if let Effect::Deliver { delivery, .. } = effect {
            world.finish(delivery, 1, &unreachable());
        }
    }
    let site = Filter { site: Some("dead.example".into()), ..Filter::default() };
    assert_eq!(world.manager.flush(&site, START), 10);
    world.take_delivery();
    assert_eq!(world.take(), None, "one probe");
}

#[test]
fn requeue_begins_anew_and_asks_for_the_route_again() {
    let mut world = World::new(ManagerConfig::default());
    world.send(1, "example.net", 1);
    world.defer_once();
    world.manager.requeue(ONE, START);
    let mut effects = std::iter::from_fn(|| world.manager.poll());
    let Some(Effect::Reschedule { schedule, .. }) = effects.next() else { panic!() };
    assert_eq!((schedule.attempts, schedule.due), (0, START));
    assert!(matches!(effects.next(), Some(Effect::Route { .. })));
    assert_eq!(effects.next(), None);
}

#[test]
fn a_suspended_site_gets_nothing_until_it_is_resumed() {
    let mut world = World::new(ManagerConfig::default());
    world.manager.suspend("example.net", START);
    world.send(1, "example.net", 1);
    world.send(2, "other.example", 1);
    assert_eq!(world.take_delivery().1, key(2));
    assert_eq!(world.pass(HOUR), []);
    assert_eq!(world.manager.counts().deferred, 1);
    assert!(world.manager.resume("example.net", world.now));
    assert!(!world.manager.resume("example.net", world.now));
    assert!(!world.manager.resume("nobody.example", world.now));
    assert_eq!(world.take_delivery().1, key(1));
}

#[test]
fn a_large_round_stops_at_a_suspended_site() {
    let mut world = World::new(ManagerConfig::default());
    world.send(1, "example.net", 1000);
    let begun: Vec<_> = (0..5).map(|_| world.take_delivery().0).collect();
    world.manager.suspend("example.net", START);
    for delivery in begun {
        world.finish(delivery, 0, &Feedback::Reached);
    }
    assert!(matches!(world.take_all()[..], [Effect::Reschedule { .. }]));
    let row = world.manager.list(&Filter::default()).next().map(|row| row.recipients_pending);
    assert_eq!(row, Some(750));
}

#[test]
fn list_tells_and_filters() {
    let mut world = World::new(ManagerConfig::default());
    world.send(1, "a.example", 3);
    let due = world.defer_once();
    world.send(2, "b.example", 2);
    world.manager.hold(QueueId(2), START);
    let cases = [
        (Filter::default(), vec![1, 2]),
        (Filter { queue: Some(QueueName::Hold), ..Filter::default() }, vec![2]),
        (Filter { queue: Some(QueueName::Deferred), ..Filter::default() }, vec![1]),
        (Filter { site: Some("a.example".into()), ..Filter::default() }, vec![1]),
        (Filter { arrived_before: Some(START), ..Filter::default() }, vec![]),
        (Filter { arrived_before: Some(UnixMillis(START.0 + 1)), ..Filter::default() }, vec![1, 2]),
    ];
    for (filter, expected) in cases {
        let found: Vec<u64> = world.manager.list(&filter).map(|row| row.key.id.0).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
    let filter = Filter::default();
    let row = world.manager.list(&filter).next().unwrap();
    assert_eq!((row.domain, row.site, row.due), ("a.example", Some("a.example"), Some(due)));
    assert_eq!((row.attempts, row.recipients_pending, row.arrived), (1, 1, START));
}

#[test]
fn shape_counts_domains_by_age() {
    let mut world = World::new(ManagerConfig::default());
    let ages = [0, 4, 5, 9, 10, 39, 40, 1279, 1280, 2559, 2560, 100_000];
    for (id, minutes) in (0..).zip(ages) {
        let arrived = UnixMillis(START.0 - minutes * MINUTE);
        let row = Row { arrived, is_held: true, ..Row::new(key(id), "old.example", 1, START) };
        world.manager.insert(row, START).unwrap();
    }
    world.send(100, "new.example", 9);
    let shape = world.manager.shape(&Filter::default());
    assert_eq!(shape[0].domain, "old.example");
    assert_eq!(shape[0].counts, [2, 2, 1, 1, 1, 0, 0, 0, 1, 4]);
    assert_eq!((shape[1].total(), shape[1].counts[0]), (1, 1));
    assert_eq!(world.pass(DAY).len(), 1);
}
