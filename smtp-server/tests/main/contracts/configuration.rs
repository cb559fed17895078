//! Limits and times that nobody could be served with are refused before the first connection.

use std::time::Duration;

use smtp_server::delivery::Discard;
use smtp_server::relay::LocalDomains;
use smtp_server::{ConfigError, Limits, Server, Timeouts};

fn built(limits: Limits, timeouts: Timeouts) -> Result<(), ConfigError> {
    let server = Server::builder("mx.test")
        .relay_policy(LocalDomains::new(["local.test"]).unwrap())
        .delivery(Discard)
        .limits(limits)
        .timeouts(timeouts)
        .build();
    server.map(|_| ())
}

/// The name in the error, which must also stand in its text.
fn refused(limits: Limits, timeouts: Timeouts) -> &'static str {
    let error = built(limits, timeouts).unwrap_err();
    let ConfigError::OutOfRange { name, rule } = error else { panic!("{error}") };
    assert!(error.to_string().contains(name) && error.to_string().contains(rule));
    name
}

#[test]
fn limits_of_zero_are_refused_and_none_is_no_limit() {
    type Set = fn(&mut Limits, Option<u32>);
    let limits: [(&str, Set); 8] = [
        ("message_bytes_max", |all, to| all.message_bytes_max = to.map(Into::into)),
        ("recipients_max", |all, to| all.recipients_max = to.map(|to| to as usize)),
        ("errors_max", |all, to| all.errors_max = to),
        ("content_bytes_per_second_min", |all, to| all.content_bytes_per_second_min = to),
        ("connections_max", |all, to| all.connections_max = to.map(|to| to as usize)),
        ("connections_per_client_max", |all, to| {
            all.connections_per_client_max = to.map(|to| to as usize);
        }),
        ("connections_per_network_max", |all, to| {
            all.connections_per_network_max = to.map(|to| to as usize);
        }),
        ("bytes_in_flight_max", |all, to| all.bytes_in_flight_max = to.map(Into::into)),
    ];
    for (name, set) in limits {
        for (value, is_refused) in [(Some(0), true), (Some(1), false), (None, false)] {
            let mut limits = Limits::default();
            set(&mut limits, value);
            if is_refused {
                assert_eq!(refused(limits, Timeouts::default()), name);
            } else {
                assert_eq!(built(limits, Timeouts::default()), Ok(()), "{name} {value:?}");
            }
        }
    }
}

#[test]
fn lines_prefixes_and_rates_have_a_range() {
    type Set = fn(&mut Limits, u32);
    let limits: [(&str, Set, &[u32], &[u32]); 4] = [
        (
            "command_line_bytes_max",
            |all, to| all.command_line_bytes_max = to as usize,
            &[0, 63, 65_537],
            &[64, 65_536],
        ),
        (
            "ipv4_network_prefix_bits",
            |all, to| all.ipv4_network_prefix_bits = u8::try_from(to).unwrap(),
            &[0, 33],
            &[1, 32],
        ),
        (
            "ipv6_network_prefix_bits",
            |all, to| all.ipv6_network_prefix_bits = u8::try_from(to).unwrap(),
            &[0, 129],
            &[1, 128],
        ),
        (
            "content_bytes_per_second_min",
            |all, to| all.content_bytes_per_second_min = Some(to),
            &[1_000_001],
            &[1_000_000],
        ),
    ];
    for (name, set, bad, good) in limits {
        for (values, is_refused) in [(bad, true), (good, false)] {
            for value in values {
                let mut limits = Limits::default();
                set(&mut limits, *value);
                let got = built(limits, Timeouts::default());
                assert_eq!(got.is_err(), is_refused, "{name} {value} {got:?}");
            }
        }
    }
}

#[test]
fn times_are_neither_nothing_nor_for_ever() {
    type Set = fn(&mut Timeouts, Duration);
    let times: [(&str, Set); 8] = [
        ("command", |all, to| all.command = to),
        ("content_idle", |all, to| all.content_idle = to),
        ("content_total", |all, to| all.content_total = to),
        ("write", |all, to| all.write = to),
        ("handshake", |all, to| all.handshake = to),
        ("hook", |all, to| all.hook = to),
        ("commit", |all, to| all.commit = to),
        ("shutdown", |all, to| all.shutdown = to),
    ];
    for (name, set) in times {
        for time in [Duration::ZERO, Duration::MAX] {
            let mut timeouts = Timeouts::default();
            set(&mut timeouts, time);
            if (name, time) == ("shutdown", Duration::ZERO) {
                assert_eq!(built(Limits::default(), timeouts), Ok(()));
            } else {
                assert_eq!(refused(Limits::default(), timeouts), name);
            }
        }
    }
}

/// What the RFC asks for is what is offered unless somebody says otherwise.
#[test]
fn the_defaults_keep_to_the_minima_of_the_rfc() {
    let (limits, timeouts) = (Limits::default(), Timeouts::default());
    assert!(limits.recipients_max.is_some_and(|max| 100 <= max));
    assert!(limits.message_bytes_max.is_some_and(|max| 64 << 10 <= max));
    assert!(Duration::from_mins(5) <= timeouts.command);
    assert!(Duration::from_mins(3) <= timeouts.content_idle);
}
