//! Hosts that fail, and what their failures mean for others.

use std::time::Duration;

use smtp_proto::EnhancedCode;
use smtp_queue::{Effect, Feedback, Filter, ManagerConfig, Outcome, ReturnCause, Status};
use smtp_server::UnixMillis;

use super::support::{DAY, HOUR, MINUTE, START, World, key, next_hop, status, unreachable};

fn deliveries(effects: &[Effect]) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::Deliver { .. })).count()
}

/// Lets deliveries fail until the site gets no more; how many it took.
fn kill(world: &mut World) -> usize {
    let mut failed = 0;
    while let Some(effect) = world.take() {
        if let Effect::Deliver { delivery, .. } = effect {
            failed += 1;
            world.finish(delivery, 1, &unreachable());
        }
    }
    failed
}

// rows: 5321-4.5.4.1-e
#[test]
fn a_dead_site_costs_a_window_of_attempts_and_then_one_at_a_time() {
    let mut world = World::new(ManagerConfig::default());
    for id in 0..1000 {
        world.send(id, "dead.example", 1);
    }
    assert_eq!(kill(&mut world), 5);
    let counts = world.manager.counts();
    assert_eq!((counts.active, counts.deferred), (0, 1000), "all wait, also those never tried");
    world.send(1000, "dead.example", 1);
    assert_eq!(world.take(), None, "what comes later waits, too");
    let mut tried = 0;
    while let Some(effect) = world.next() {
        if DAY / 2 < world.now.0 - START.0 {
            break;
        }
        if let Effect::Deliver { delivery, .. } = effect {
            tried += 1;
            assert!(!matches!(world.take(), Some(Effect::Deliver { .. })), "one probe at a time");
            world.finish(delivery, 1, &unreachable());
        }
    }
    assert!((10..=20).contains(&tried), "{tried} attempts in half a day");
}

#[test]
fn a_site_that_lives_again_gets_its_window_back_after_one_probe() {
    let mut world = World::new(ManagerConfig::default());
    for id in 0..100 {
        world.send(id, "dead.example", 1);
    }
    kill(&mut world);
    let Some(Effect::Deliver { delivery, .. }) = world.next() else { panic!("no probe") };
    assert_eq!(world.take(), None, "one probe");
    world.finish(delivery, 0, &Feedback::Reached);
    assert_eq!(deliveries(&world.take_all()), 5);
}

#[test]
fn a_million_rows_to_dead_sites_do_not_keep_a_live_one_waiting() {
    const DEAD: u64 = 1_000_000;
    let mut world = World::new(ManagerConfig::default());
    for id in 0..DEAD {
        world.send(id, if id % 2 == 0 { "one.example" } else { "two.example" }, 1);
    }
    kill(&mut world);
    world.send(DEAD, "live.example", 1);
    // The route is asked for, and then it is next.
    let mut polls = 0;
    loop {
        polls += 1;
        match world.manager.poll() {
            Some(Effect::Route { domain, is_local }) => {
                let answer = Ok(next_hop(&domain));
                world.manager.handle_routed(&domain, is_local, answer, world.now, Duration::MAX);
            }
            Some(Effect::Deliver { key: found, .. }) => break assert_eq!(found, key(DEAD)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(polls, 2);
}

// rows: 5321-4.5.4.1-f
#[test]
fn what_is_said_of_a_message_or_a_recipient_is_nothing_against_the_site() {
    // 5yz to MAIL, 4yz to RCPT, 4yz at the final dot: the site was reached, whatever is left of the recipients.
    for deferred in [0, 1] {
        let mut world = World::new(ManagerConfig::default());
        for id in 0..300 {
            world.send(id, "example.net", 1);
        }
        let mut tried = 0;
        while let Some(effect) = world.take() {
            if let Effect::Deliver { delivery, .. } = effect {
                tried += 1;
                world.finish(delivery, deferred, &Feedback::Reached);
            }
        }
        assert_eq!(tried, 300, "each message has its own attempt");
        assert_eq!(world.manager.sites()[0].dead, None);
    }
}

#[test]
fn a_large_message_stops_when_its_site_dies() {
    let mut world = World::new(ManagerConfig::default());
    world.send(1, "example.net", 10_000);
    assert_eq!(kill(&mut world), 5);
    let rows: Vec<_> = world.manager.list(&Filter::default()).map(|row| row.attempts).collect();
    assert_eq!(rows, [1], "the round is over");
    let Some(Effect::Deliver { delivery, recipients, .. }) = world.next() else { panic!() };
    // 5 of them failed for one recipient of 50; the others are done.
    assert_eq!(recipients, 0..50);
    world.finish(delivery, 0, &Feedback::Reached);
    let left = world.manager.list(&Filter::default()).next().map(|row| row.recipients_pending);
    assert_eq!(left, Some(10_000 - 5 * 49));
}

#[test]
fn a_domain_without_a_route_for_now_is_asked_for_again_and_one_row_says_why() {
    let mut world = World::new(ManagerConfig::default());
    for id in 0..10 {
        world.send(id, "servfail.example", 1);
    }
    let (mut asked, mut deferred) = (0, 0);
    while world.now.0 - START.0 < HOUR {
        match world.manager.poll() {
            Some(Effect::Route { domain, is_local }) => {
                asked += 1;
                let answer = Err(Outcome::Deferred(status("SERVFAIL")));
                let zero = Duration::ZERO;
                world.manager.handle_routed(&domain, is_local, answer, world.now, zero);
            }
            Some(Effect::Reschedule { schedule, status: said }) => {
                deferred += 1;
                assert_eq!(schedule.attempts, 1);
                assert_eq!(said, Some(Box::new(status("SERVFAIL"))));
            }
            Some(other) => panic!("{other:?}"),
            None => {
                world.now = world.manager.poll_timeout().unwrap().max(world.now);
                world.manager.handle_timeout(world.now);
            }
        }
    }
    assert_eq!((asked, deferred), (4, 4), "after 5, 10, 20, 40 minutes");
    let filter = Filter::default();
    assert!(world.manager.list(&filter).all(|row| row.blocked_by == Some(&status("SERVFAIL"))));
}

#[test]
fn i03_a_domain_that_takes_no_mail_is_returned_at_once_each_message_once() {
    let mut world = World::new(ManagerConfig::default());
    for id in 0..500 {
        world.send(id, "null-mx.example", 2);
    }
    let null_mx = Status { code: EnhancedCode::new(5, 1, 10), ..status("null MX") };
    let mut returned = Vec::new();
    loop {
        match world.manager.poll() {
            Some(Effect::Route { domain, is_local }) => {
                let answer = Err(Outcome::Failed(null_mx.clone()));
                let zero = Duration::ZERO;
                world.manager.handle_routed(&domain, is_local, answer, world.now, zero);
            }
            Some(Effect::Return { delivery, key, cause, .. }) => {
                assert_eq!(cause, ReturnCause::Unroutable(Box::new(null_mx.clone())));
                returned.push(key.id.0);
                world.manager.handle_returned(delivery, world.now);
                world.manager.handle_returned(delivery, world.now);
            }
            Some(Effect::Done { is_last, .. }) => assert!(is_last),
            None if world.manager.poll_timeout().is_none() => break,
            None => {
                assert_eq!(world.manager.poll_timeout(), Some(world.now), "no time passes");
                world.manager.handle_timeout(world.now);
            }
            other => panic!("{other:?}"),
        }
    }
    returned.sort_unstable();
    assert_eq!(returned, (0..500).collect::<Vec<_>>());
}

#[test]
fn a_route_is_asked_for_again_when_it_is_over_and_rows_follow_it() {
    let mut world = World::new(ManagerConfig::default());
    for id in 0..20 {
        world.send(id, "moving.example", 1);
    }
    let mut now = world.now;
    let mut sites = Vec::new();
    for minute in 0.. {
        let site = if minute < 2 { "old" } else { "new" };
        let effect = world.manager.poll();
        match effect {
            Some(Effect::Route { domain, is_local }) => {
                let valid_for = Duration::from_secs(1);
                world.manager.handle_routed(&domain, is_local, Ok(next_hop(site)), now, valid_for);
            }
            Some(Effect::Deliver { delivery, next_hop, .. }) => {
                sites.push(next_hop.site.to_string());
                now = UnixMillis(now.0 + MINUTE);
                world.manager.handle_finished(delivery, 0, &Feedback::Reached, now);
            }
            Some(_) => {}
            None => break,
        }
    }
    assert_eq!(sites.len(), 20);
    assert_eq!((sites[0].as_str(), sites[19].as_str()), ("old", "new"));
    assert_eq!(world.manager.sites().len(), 1, "the old site is forgotten");
}

#[test]
fn a_slow_probe_or_a_late_failure_does_not_count_twice() {
    let mut world = World::new(ManagerConfig::default());
    for id in 0..10 {
        world.send(id, "example.net", 1);
    }
    let begun: Vec<_> = (0..5).map(|_| world.take_delivery().0).collect();
    for delivery in begun {
        world.finish(delivery, 1, &unreachable());
    }
    let until = world.manager.sites()[0].dead.clone().map(|(until, _)| until).unwrap();
    assert!((4 * MINUTE..=6 * MINUTE + 1000).contains(&(until.0 - START.0)));
}

#[test]
fn no_more_routes_are_asked_for_at_once_than_deliveries_go_on() {
    let mut world = World::new(ManagerConfig { default_process_limit: 3, ..Default::default() });
    for id in 0..2000 {
        world.send(id, &format!("host{id}.example"), 1);
    }
    let mut asked = Vec::new();
    while let Some(effect) = world.manager.poll() {
        let Effect::Route { domain, .. } = effect else { panic!("{effect:?}") };
        asked.push(domain);
    }
    assert_eq!(asked.len(), 3);
    // Nobody gets the messages any more, and the answers come nevertheless.
    for id in 0..2000 {
        world.manager.delete(key(id).id, world.now);
    }
    for domain in asked {
        world.manager.handle_routed(&domain, false, Ok(next_hop("x")), world.now, Duration::MAX);
    }
    assert!(world.take_all().iter().all(|effect| matches!(effect, Effect::Done { .. })));
    world.send(2000, "host0.example", 1);
    world.take_delivery();
    assert_eq!(world.manager.sites().len(), 1);
}
