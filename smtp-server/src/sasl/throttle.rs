//! Whoever guesses passwords is slowed down.
//!
//! * **In**: another authenticator's answers. **Out**: the same, or a refusal (450 4.7.1) after too many failures of one
//!   client or for one account, without asking. **Promises**: a refusal tells nothing of the credential. An account that is
//!   attacked cannot log in either until the time is over, whatever its client: hence the higher limit.
//! * **Limits**: [`ThrottleLimits`]; [`TALLIES_MAX`] clients and accounts are remembered, of 16 octets each. A client of IPv6
//!   is its /64, and one without an address counts for the account alone. **Panics**: never. **Spec**: RFC 4954 4, 9.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::driver::now;
use crate::hooks::{AuthRefusal, Authenticator, CredentialAnswer, CredentialQuery, SaslExchange};
use crate::info::SessionInfo;
use crate::prefix;

/// With more, any of them is forgotten for the new one.
const TALLIES_MAX: usize = 65_536;

/// How many failures are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrottleLimits {
    /// Failures of one client within [`window`](Self::window); 10.
    pub failures_per_client_max: u32,
    /// Failures for one account, of whichever clients, within [`window`](Self::window); 100.
    pub failures_per_account_max: u32,
    /// From the first failure until all are forgotten; ten minutes.
    pub window: Duration,
}

impl Default for ThrottleLimits {
    fn default() -> Self {
        const WINDOW: Duration = Duration::from_secs(600);
        Self { failures_per_client_max: 10, failures_per_account_max: 100, window: WINDOW }
    }
}

/// Asks another authenticator, as long as there were not too many failures.
///
/// Each refusal is an [`Event::AuthenticationRefused`](crate::Event::AuthenticationRefused), as each failure is an
/// [`Event::AuthenticationFailed`](crate::Event::AuthenticationFailed); with the client's address they
/// are what tools that ban look for.
#[derive(Debug)]
pub struct Throttle<A> {
    authenticator: A,
    limits: ThrottleLimits,
    failures: Mutex<Failures>,
}

impl<A: Authenticator> Throttle<A> {
    /// Counts the failures of `authenticator`, which may be several joined.
    #[must_use]
    pub fn new(authenticator: A, limits: ThrottleLimits) -> Self {
        Self { authenticator, limits, failures: Mutex::default() }
    }

    /// Whose failures these would be, and how many are too many.
    fn subjects(&self, authcid: &str, info: &SessionInfo) -> [Option<(Subject, u32)>; 2] {
        let account = (!authcid.is_empty()).then(|| Subject::Account(authcid.to_owned()));
        [
            info.peer.ip().map(|ip| (Subject::client(ip), self.limits.failures_per_client_max)),
            account.map(|account| (account, self.limits.failures_per_account_max)),
        ]
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl<A: Authenticator> Authenticator for Throttle<A> {
    fn mechanisms(&self, info: &SessionInfo) -> Vec<&'static str> {
        self.authenticator.mechanisms(info)
    }

    fn start(&self, mechanism: &str, info: &SessionInfo) -> Option<Box<dyn SaslExchange>> {
        self.authenticator.start(mechanism, info)
    }

    async fn look_up(&self, query: &CredentialQuery, info: &SessionInfo) -> CredentialAnswer {
        let begun = now().monotonic;
        for (subject, max) in self.subjects(query.authcid(), info).iter().flatten() {
            if self.failures().count(subject, begun, self.limits.window) >= *max {
                return CredentialAnswer::Refused(AuthRefusal::TooManyFailures);
            }
        }
        let answer = self.authenticator.look_up(query, info).await;
        if matches!(answer, CredentialAnswer::Denied) {
            let ended = now().monotonic;
            // Only now is the name known to some.
            for (subject, _) in self.subjects(query.authcid(), info).iter().flatten() {
                self.failures().add(subject, ended, self.limits.window);
            }
        }
        answer
    }
}

#[derive(Hash)]
enum Subject {
    Client(IpAddr),
    Account(String),
}

impl Subject {
    fn client(ip: IpAddr) -> Self {
        Self::Client(prefix::client(ip))
    }
}

/// Failures by the hash of whose they are, so that a name takes no room.
#[derive(Debug, Default)]
struct Failures {
    tallies: HashMap<u64, Tally>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Tally {
    since: Instant,
    count: u32,
}

impl Failures {
    fn count(&self, subject: &Subject, now: Instant, window: Duration) -> u32 {
        let tally = self.tallies.get(&self.hasher.hash_one(subject));
        tally.filter(|tally| now < tally.since + window).map_or(0, |tally| tally.count)
    }

    fn add(&mut self, subject: &Subject, now: Instant, window: Duration) {
        let key = self.hasher.hash_one(subject);
        self.make_room(key, now, window);
        match self.tallies.entry(key) {
            Entry::Occupied(mut tally) if now < tally.get().since + window => {
                tally.get_mut().count = tally.get().count.saturating_add(1);
            }
            entry => drop(entry.insert_entry(Tally { since: now, count: 1 })),
        }
    }

    fn make_room(&mut self, key: u64, now: Instant, window: Duration) {
        if self.tallies.len() < TALLIES_MAX || self.tallies.contains_key(&key) {
            return;
        }
        self.tallies.retain(|_, tally| now < tally.since + window);
        if self.tallies.len() >= TALLIES_MAX {
            let any = self.tallies.keys().next().copied();
            any.and_then(|any| self.tallies.remove(&any));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::time::Now;

    const WINDOW: Duration = Duration::from_secs(60);

    #[test]
    fn failures_are_forgotten_after_the_window() {
        let (mut failures, start) = (Failures::default(), Now::system().monotonic);
        let kim = Subject::Account("kim".to_owned());
        for second in 0..3 {
            failures.add(&kim, start + Duration::from_secs(second), WINDOW);
        }
        let last = start + WINDOW - Duration::from_secs(1);
        assert_eq!(failures.count(&kim, last, WINDOW), 3);
        assert_eq!(failures.count(&Subject::Account("lee".to_owned()), last, WINDOW), 0);
        assert_eq!(failures.count(&kim, start + WINDOW, WINDOW), 0);
        failures.add(&kim, start + WINDOW, WINDOW);
        assert_eq!(failures.count(&kim, start + WINDOW, WINDOW), 1);
    }

    #[test]
    fn an_ipv6_client_is_its_network() {
        let (mut failures, now) = (Failures::default(), Now::system().monotonic);
        let client = |ip: &str| Subject::client(ip.parse().unwrap());
        failures.add(&client("2001:db8::1"), now, WINDOW);
        assert_eq!(failures.count(&client("2001:db8::ffff:1"), now, WINDOW), 1);
        assert_eq!(failures.count(&client("2001:db8:0:1::1"), now, WINDOW), 0);
        failures.add(&client("192.0.2.1"), now, WINDOW);
        assert_eq!(failures.count(&client("192.0.2.2"), now, WINDOW), 0);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (mut failures, now) = (Failures::default(), Now::system().monotonic);
        let count = u32::try_from(TALLIES_MAX).unwrap() + 10;
        for number in 0..count {
            let subject = Subject::client(Ipv4Addr::from_bits(number).into());
            failures.add(&subject, now, WINDOW);
            assert_eq!(failures.count(&subject, now, WINDOW), 1);
        }
        assert_eq!(failures.tallies.len(), TALLIES_MAX);
        failures.add(&Subject::Account("kim".to_owned()), now + WINDOW, WINDOW);
        assert_eq!(failures.tallies.len(), 1, "those whose time is over go first");
    }
}
