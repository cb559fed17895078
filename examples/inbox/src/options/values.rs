//! The values that options take.
//!
//! * **In**: text, and what the user wrote in front of it. **Out**: a typed value, or what would have been right.
//! * **Promises**: none but that. **Limits**: none. **Panics**: never. **Spec**: none.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use hyper::Uri;
use smtp_server::testing::Rule;

use crate::failure::Failure;
use crate::http::Relay;
use crate::moment;

pub(super) fn address(given: &str, value: &str) -> Result<SocketAddr, Failure> {
    let localhost = value.strip_prefix("localhost:").and_then(|port| port.parse().ok());
    match localhost {
        Some(port) => Ok((Ipv4Addr::LOCALHOST, port).into()),
        None => {
            value.parse().map_err(|_| wrong(given, value, "is not IP:PORT such as 127.0.0.1:1025"))
        }
    }
}

pub(super) fn text<'a>(given: &str, value: &'a str) -> Result<&'a str, Failure> {
    if value.is_empty() {
        Err(Failure::usage(format!("{given}: the value is empty")))
    } else {
        Ok(value)
    }
}

/// A number, possibly with `k`, `m` or `g` for powers of 1024; 0 is no limit.
pub(super) fn limit(given: &str, value: &str) -> Result<Option<u64>, Failure> {
    let lower = value.to_ascii_lowercase();
    let digits = lower.trim_end_matches(['k', 'm', 'g']);
    let shift = match &lower[digits.len()..] {
        "" => Some(0),
        "k" => Some(10),
        "m" => Some(20),
        "g" => Some(30),
        _ => None,
    };
    let number = digits.parse::<u64>().ok().zip(shift);
    let number = number.and_then(|(number, shift)| number.checked_mul(1 << shift));
    let number = number.ok_or_else(|| {
        wrong(given, value, "is not a number such as 1000, 64m or 0 for no limit")
    })?;
    Ok((number > 0).then_some(number))
}

pub(super) fn duration(given: &str, value: &str) -> Result<Duration, Failure> {
    moment::parse_duration(value)
        .ok_or_else(|| wrong(given, value, "is not a time such as 10s, 5m, 2h or 7d"))
}

pub(super) fn relay(given: &str, value: &str) -> Result<Relay, Failure> {
    let relay = value.rsplit_once(':').and_then(|(host, port)| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some(Relay { host: host.to_owned(), port: port.parse().ok()? })
    });
    let relay = relay.filter(|relay| !relay.host.is_empty());
    relay.ok_or_else(|| wrong(given, value, "is not HOST:PORT such as mail.example.org:25"))
}

pub(super) fn url(given: &str, value: &str) -> Result<Uri, Failure> {
    let url = value.parse::<Uri>().ok().filter(|url| {
        matches!(url.scheme_str(), Some("http" | "https"))
            && url.host().is_some_and(|host| !host.is_empty())
    });
    url.ok_or_else(|| wrong(given, value, "is not a URL with http or https"))
}

pub(super) fn rule(given: &str, value: &str) -> Result<Rule, Failure> {
    value.parse().map_err(|error| Failure::usage(format!("{given}: {error}")))
}

pub(super) fn yes_or_no(given: &str, value: &str) -> Result<bool, Failure> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "yes" | "true" => Ok(true),
        "0" | "no" | "false" => Ok(false),
        _ => Err(wrong(given, value, "is neither yes nor no")),
    }
}

fn wrong(given: &str, value: &str, what: &str) -> Failure {
    Failure::usage(format!("{given}: '{value}' {what}"))
}
