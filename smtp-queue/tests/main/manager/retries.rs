//! When a message is tried again.

use std::time::Duration;

use smtp_queue::{
    Effect, Feedback, InsertError, ManagerConfig, RetryPolicy, ReturnCause, Row, RowKey,
};
use smtp_server::{QueueId, UnixMillis};

use super::support::{DAY, MINUTE, START, World, key, unreachable};

/// Nominal waits in minutes; the least and the most in seconds.
const WAITS: [(u16, u32, u32); 8] = [
    (1, 240, 360),
    (2, 480, 720),
    (3, 960, 1440),
    (4, 1920, 2880),
    (5, 3200, 4000),
    (6, 3200, 4000),
    (110, 3200, 4000),
    (u16::MAX, 3200, 4000),
];

#[test]
fn waits_double_within_a_fifth_and_end_at_67_minutes() {
    let policy = RetryPolicy::default();
    for (attempts, least, most) in WAITS {
        let waits: Vec<u32> =
            (0..2000).map(|chance| policy.backoff_secs(attempts, chance)).collect();
        assert!(waits.iter().all(|wait| (least..=most).contains(wait)), "after {attempts}");
        let spread = waits.iter().max().unwrap() - waits.iter().min().unwrap();
        assert!(9 * (most - least) / 10 < spread, "jitter uses its range after {attempts}");
        let again = policy.backoff_secs(attempts, 77);
        assert_eq!(again, policy.backoff_secs(attempts, 77));
    }
}

// rows: 5321-4.5.4.1-d
#[test]
fn every_parameter_is_the_configurations() {
    let retry = RetryPolicy {
        minimal_backoff_time: Duration::from_secs(10),
        maximal_backoff_time: Duration::from_secs(15),
        maximal_queue_lifetime: Duration::from_secs(100),
        bounce_queue_lifetime: Duration::from_secs(50),
        delay_warning_time: Duration::from_secs(20),
    };
    assert!((0..100).all(|chance| (8..=12).contains(&retry.backoff_secs(1, chance))));
    assert!((0..100).all(|chance| (12..=15).contains(&retry.backoff_secs(2, chance))));
    for (is_report, lifetime, warned) in [(false, 100, true), (true, 50, false)] {
        let mut world = World::new(ManagerConfig { retry: retry.clone(), ..Default::default() });
        let row = Row { is_report, ..Row::new(key(1), "example.net", 1, START) };
        world.manager.insert(row, START).unwrap();
        let mut warnings = 0;
        let returned = loop {
            match world.next() {
                Some(Effect::Deliver { delivery, .. }) => {
                    world.finish(delivery, 1, &Feedback::Reached);
                }
                Some(Effect::DelayWarning { .. }) => warnings += 1,
                Some(Effect::Return { .. }) => break world.now,
                other => assert!(matches!(other, Some(Effect::Reschedule { .. }))),
            }
        };
        assert_eq!((returned.0 - START.0) / 1000, lifetime);
        assert_eq!(warnings, u32::from(warned));
    }
}

#[test]
fn nonsense_in_the_configuration_does_no_harm() {
    let zero = Duration::ZERO;
    let policy = RetryPolicy {
        minimal_backoff_time: zero,
        maximal_backoff_time: zero,
        maximal_queue_lifetime: Duration::MAX,
        bounce_queue_lifetime: zero,
        delay_warning_time: Duration::MAX,
    };
    assert_eq!(policy.backoff_secs(0, 1), 1);
    assert_eq!(policy.lifetime_secs(false), u32::MAX);
}

// rows: 5321-4.5.4.1-a, 5321-4.5.4.1-b, 5321-4.5.4.1-c
#[test]
fn what_cannot_be_sent_is_retried_for_five_days_and_never_at_once() {
    let mut world = World::new(ManagerConfig::default());
    world.send(1, "example.net", 1);
    let (mut attempts, mut last) = (0_u32, 0);
    let cause = loop {
        match world.next() {
            Some(Effect::Deliver { delivery, .. }) => {
                assert!(last + 4 * MINUTE <= world.now.0, "tried again at once");
                (attempts, last) = (attempts + 1, world.now.0);
                world.finish(delivery, 1, &unreachable());
            }
            Some(Effect::Reschedule { schedule, .. }) => {
                assert_eq!(u32::from(schedule.attempts), attempts);
            }
            Some(Effect::Return { cause, .. }) => break cause,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(cause, ReturnCause::TooOld);
    assert_eq!(world.now.0 - START.0, 5 * DAY);
    assert!((105..=130).contains(&attempts), "{attempts} attempts");
}

#[test]
fn a_year_of_retries_for_ten_thousand_messages() {
    const MESSAGES: u64 = 10_000;
    let spacing = 365 * DAY / MESSAGES;
    let mut world = World::new(ManagerConfig::default());
    let (mut sent, mut attempts, mut returned) = (0, 0_u64, 0);
    while returned < MESSAGES {
        while sent < MESSAGES && START.0 + sent * spacing <= world.now.0 {
            sent += 1;
            world.send(sent, "example.net", 1);
        }
        while let Some(effect) = world.take() {
            match effect {
                Effect::Deliver { delivery, .. } => {
                    attempts += 1;
                    world.finish(delivery, 1, &Feedback::Reached);
                }
                Effect::Return { delivery, .. } => {
                    world.manager.handle_returned(delivery, world.now);
                    returned += 1;
                }
                _ => {}
            }
        }
        let next_message = (sent < MESSAGES).then_some(UnixMillis(START.0 + sent * spacing));
        let Some(next) = world.manager.poll_timeout().into_iter().chain(next_message).min() else {
            break;
        };
        world.now = next.max(world.now);
        world.manager.handle_timeout(world.now);
    }
    assert_eq!(world.manager.counts().total(), 0);
    assert!((365 * DAY..371 * DAY).contains(&(world.now.0 - START.0)));
    assert!((105..=130).contains(&(attempts / MESSAGES)));
}

#[test]
fn k7_a_clock_that_is_set_back_or_forth_stops_nothing() {
    let mut world = World::new(ManagerConfig::default());
    world.send(1, "example.net", 1);
    let due = world.defer_once();
    let wait = due.0 - world.now.0;
    world.now = UnixMillis(world.now.0 - DAY);
    world.manager.handle_timeout(world.now);
    assert_eq!(world.take(), None);
    let next = world.manager.poll_timeout().unwrap();
    assert!(next.0 <= world.now.0 + wait + 1000, "it waits for what was left, not for a day");
    // What comes now is not held up either, and does not spin.
    world.send(2, "example.net", 1);
    let due = world.defer_once();
    assert!((4 * MINUTE - 1000..=6 * MINUTE + 1000).contains(&(due.0 - world.now.0)));
    world.now = UnixMillis(world.now.0 + 2 * DAY);
    world.manager.handle_timeout(world.now);
    let effects = world.take_all();
    let tried = effects.iter().filter(|effect| matches!(effect, Effect::Deliver { .. }));
    assert_eq!(tried.count(), 2, "two days are no reason to give up");
}

#[test]
fn a_row_is_taken_once_and_not_without_recipients() {
    let mut world = World::new(ManagerConfig::default());
    world.send(1, "example.net", 1);
    let row = Row::new(key(1), "example.org", 9, START);
    assert_eq!(world.manager.insert(row, START), Err(InsertError::Duplicate));
    let row = Row::new(key(2), "example.org", 0, START);
    assert_eq!(world.manager.insert(row, START), Err(InsertError::Empty));
    assert_eq!(world.manager.counts().total(), 1);
}

#[test]
fn a_message_is_done_with_its_last_row() {
    let mut world = World::new(ManagerConfig::default());
    for row in [2, 0, 1] {
        let key = RowKey { id: QueueId(1), row };
        let domain = format!("{row}.example");
        world.manager.insert(Row::new(key, &domain, 3, START), START).unwrap();
    }
    let mut last = Vec::new();
    while let Some(effect) = world.take() {
        match effect {
            Effect::Deliver { delivery, .. } => world.finish(delivery, 0, &Feedback::Reached),
            Effect::Done { is_last, .. } => last.push(is_last),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(last, [false, false, true]);
    assert_eq!(world.manager.poll_timeout(), None);
}
