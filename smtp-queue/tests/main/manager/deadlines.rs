//! Times that a message must keep.

use std::ops::Range;
use std::time::Duration;

use smtp_proto::{ByMode, DeliverBy, Hold, MailParams, ReversePath};
use smtp_queue::{
    DelayCause, Effect, Feedback, ManagerConfig, QueueEntry, RetryPolicy, ReturnCause, Row,
};
use smtp_server::{QueueId, UnixMillis};

use super::support::{DAY, HOUR, MINUTE, START, World, key, unreachable};

fn entry(params: MailParams<'static>) -> QueueEntry {
    QueueEntry {
        id: QueueId(1),
        arrived: UnixMillis(START.0 + 1),
        reverse_path: ReversePath::Null,
        params,
        recipients: Vec::new(),
        content_bytes: 0,
        hold: None,
        filter: None,
        delay_warned: false,
        expired: false,
    }
}

fn returned(effects: &[Effect]) -> Vec<ReturnCause> {
    let cause = |effect: &Effect| match effect {
        Effect::Return { cause, .. } => Some(cause.clone()),
        _ => None,
    };
    effects.iter().filter_map(cause).collect()
}

/// How a message gets stuck.
type Stick = fn(&mut World);

/// Messages to the same site that go before others.
fn send_first(world: &mut World, ids: Range<u64>) {
    for id in ids {
        let row = Row { priority: 5, ..Row::new(key(id), "example.net", 1, START) };
        world.manager.insert(row, START).unwrap();
    }
}

#[test]
fn i8_a_message_is_returned_in_time_wherever_it_is() {
    // The message came four days ago.
    let cases: [(&str, Stick); 5] = [
        ("waits for its retry", |world| {
            world.defer_once();
        }),
        ("stands at a dead site", |world| {
            send_first(world, 10..15);
            let begun: Vec<_> = (0..5).map(|_| world.take_delivery().0).collect();
            begun.into_iter().for_each(|delivery| world.finish(delivery, 1, &unreachable()));
        }),
        ("stands at a suspended site", |world| world.manager.suspend("example.net", START)),
        ("is under way", |_| {}),
        ("waits behind others", |world| {
            send_first(world, 10..30);
            for _ in 0..5 {
                world.take_delivery();
            }
        }),
    ];
    for (name, stick) in cases {
        let month = Duration::from_secs(30 * 86_400);
        let retry = RetryPolicy {
            minimal_backoff_time: month,
            maximal_backoff_time: month,
            ..RetryPolicy::default()
        };
        let mut world = World::new(ManagerConfig { retry, ..Default::default() });
        let arrived = UnixMillis(START.0 - 4 * DAY);
        let row = Row { arrived, ..Row::new(key(1), "example.net", 1, START) };
        world.manager.insert(row, START).unwrap();
        stick(&mut world);
        let mut effects = world.pass(DAY + 20 * MINUTE);
        if name == "is under way" {
            assert_eq!(returned(&effects), [], "not while it is under way");
            let Some(Effect::Deliver { delivery, .. }) = effects.first() else { panic!() };
            world.finish(*delivery, 1, &Feedback::Reached);
            effects = world.take_all();
        }
        assert_eq!(returned(&effects), [ReturnCause::TooOld], "{name}");
    }
}

#[test]
fn i8_what_comes_too_old_is_not_tried() {
    let mut world = World::new(ManagerConfig::default());
    let arrived = UnixMillis(START.0 - 6 * DAY);
    let row = Row { arrived, ..Row::new(key(1), "example.net", 1, START) };
    world.manager.insert(row, START).unwrap();
    assert!(matches!(world.take(), Some(Effect::Return { cause: ReturnCause::TooOld, .. })));
    assert_eq!(world.take(), None);
}

#[test]
fn a_held_message_does_not_age_out_until_it_is_released() {
    let mut world = World::new(ManagerConfig::default());
    world.send(1, "example.net", 1);
    world.manager.hold(QueueId(1), world.now);
    assert_eq!(world.pass(30 * DAY), []);
    assert_eq!(world.manager.release(QueueId(1), world.now), 1);
    assert_eq!(returned(&world.take_all()), [ReturnCause::TooOld]);
}

// rows: 4865-4.2-c
#[test]
fn a_message_of_the_future_is_not_released_before_its_time() {
    let mut params = MailParams::default();
    params.hold = Hold::for_seconds(7200);
    let due = entry(params).not_before();
    assert!(START.0 + 2 * HOUR < due.0);
    let mut world = World::new(ManagerConfig::default());
    let row = Row { due, ..Row::new(key(1), "example.net", 1, START) };
    world.manager.insert(row, START).unwrap();
    // Neither by the operator's hurry, nor by being held and released, nor by beginning anew.
    world.manager.flush(&Default::default(), START);
    world.manager.requeue(QueueId(1), START);
    world.manager.hold(QueueId(1), START);
    world.manager.release(QueueId(1), START);
    let early = world.pass(due.0 - START.0 - 1);
    assert!(early.iter().all(|effect| matches!(effect, Effect::Reschedule { .. })));
    let effects = world.pass(1000);
    assert!(matches!(effects[..], [Effect::Deliver { .. }]), "{effects:?}");
}

/// A message that came with `BY=120` and is deferred each time.
fn deliver_by(mode: ByMode, retry: RetryPolicy, pass: u64) -> Vec<Effect> {
    let mut params = MailParams::default();
    params.by = DeliverBy::new(120, mode, false);
    let deliver_by = entry(params).deliver_by();
    assert_eq!(deliver_by, Some((UnixMillis(START.0 + 120_001), mode)));
    let mut world = World::new(ManagerConfig { retry, ..Default::default() });
    let row = Row { deliver_by, ..Row::new(key(1), "example.net", 1, START) };
    world.manager.insert(row, START).unwrap();
    world.defer_once();
    assert_eq!(world.pass(119_000), []);
    world.pass(pass)
}

// rows: 2852-4.1.3-a
#[test]
fn deliver_by_in_mode_r_returns_the_message_when_its_time_is_over() {
    let effects = deliver_by(ByMode::Return, RetryPolicy::default(), 2000);
    assert_eq!(returned(&effects), [ReturnCause::DeliverBy]);
}

// rows: 2852-4.1.3-b
#[test]
fn deliver_by_in_mode_n_tells_the_sender_once_and_goes_on() {
    let delay_warning_time = Duration::from_secs(60);
    let retry = RetryPolicy { delay_warning_time, ..RetryPolicy::default() };
    let effects = deliver_by(ByMode::Notify, retry, HOUR);
    let warned = Effect::DelayWarning { id: QueueId(1), cause: DelayCause::DeliverBy };
    assert_eq!(effects.first(), Some(&warned));
    assert_eq!(effects.iter().filter(|effect| **effect == warned).count(), 1);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Deliver { .. })));
}

#[test]
fn deliver_by_is_kept_at_a_site_that_stands_still() {
    let mut world = World::new(ManagerConfig::default());
    let deliver_by = Some((UnixMillis(START.0 + MINUTE), ByMode::Return));
    let row = Row { deliver_by, ..Row::new(key(1), "example.net", 1, START) };
    world.manager.suspend("example.net", START);
    world.manager.insert(row, START).unwrap();
    assert_eq!(returned(&world.pass(MINUTE - 1000)), []);
    assert_eq!(returned(&world.pass(1000)), [ReturnCause::DeliverBy], "to the second");
}

#[test]
fn i07_a_delay_is_told_once_for_a_message_not_for_a_row_or_an_attempt() {
    let delay_warning_time = Duration::from_secs(4 * 3600);
    let retry = RetryPolicy { delay_warning_time, ..RetryPolicy::default() };
    let mut world = World::new(ManagerConfig { retry, ..Default::default() });
    for row in 0..3 {
        let key = smtp_queue::RowKey { id: QueueId(1), row };
        let domain = format!("{row}.example");
        world.manager.insert(Row::new(key, &domain, 1, START), START).unwrap();
    }
    let mut told = Vec::new();
    while let Some(effect) = world.next() {
        match effect {
            Effect::Deliver { delivery, .. } => world.finish(delivery, 1, &Feedback::Reached),
            Effect::DelayWarning { .. } => told.push(world.now),
            Effect::Return { delivery, .. } => world.manager.handle_returned(delivery, world.now),
            _ => {}
        }
    }
    assert_eq!(told, [UnixMillis(START.0 + 4 * HOUR)]);
}
