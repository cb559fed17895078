//! Does this host come back? Most senders of spam do not try again.
//!
//! * **In**: the client's network, sender and recipient, and when they were seen before. **Out**: "try again
//!   later" until they have come back.
//! * **Promises**: only other hosts are judged, never users. The decision is pure. A store that cannot be asked is a
//!   451, never a pass.
//! * **Limits**: one entry for each network, sender and recipient; the store bounds how many. **Panics**: never.
//! * **Spec**: RFC 6647 (section 5 for the times); Postfix's `SMTPD_POLICY_README`, "greylist".

use std::time::Duration;

use async_trait::async_trait;
use smtp_proto::{ForwardPath, ReplyCode};

use super::common::{is_foreign_host, refusal};
use super::greylist_store::{GreylistEntry, GreylistKey, GreylistStore};
use crate::envelope::Envelope;
use crate::hooks::{AccessControl, LookupError, Stage, StageKind};
use crate::info::SessionInfo;
use crate::prefix::{IPV6_CLIENT_BITS, prefix};
use crate::relay::Networks;
use crate::time::UnixMillis;
use crate::verdict::{Rejection, Verdict};

/// Large senders come back from another address of the same network.
const IPV4_NETWORK_BITS: u8 = 24;

/// The times of greylisting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GreylistTimes {
    /// How long a host that is not known has to wait before it tries again.
    pub delay: Duration,
    /// How long it may take for that; who comes later begins anew.
    pub retry_within: Duration,
    /// How long one that came back is known after its last message.
    pub keep: Duration,
}

impl Default for GreylistTimes {
    /// Five minutes, two days, and five weeks, which spans a monthly newsletter.
    fn default() -> Self {
        Self {
            delay: Duration::from_mins(5),
            retry_within: Duration::from_hours(48),
            keep: Duration::from_hours(24 * 36),
        }
    }
}

/// What becomes of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GreylistDecision {
    /// What is known from now on.
    pub entry: GreylistEntry,
    /// How long to wait before the next attempt; none if this one passes.
    pub wait: Option<Duration>,
}

impl GreylistTimes {
    /// Decides an attempt at `now`, of which `known` is on record. An entry from the future, left by a clock that was
    /// set back, counts as none if it waits and as seen now if it has passed.
    #[must_use]
    pub fn decide(&self, known: Option<GreylistEntry>, now: UnixMillis) -> GreylistDecision {
        let since = |then: UnixMillis| Duration::from_millis(now.0.saturating_sub(then.0));
        let first = match known {
            Some(entry) if entry.passed && since(entry.last) <= self.keep => {
                let entry = GreylistEntry { last: now.max(entry.last), ..entry };
                return GreylistDecision { entry, wait: None };
            }
            Some(GreylistEntry { first, passed: false, .. })
                if first <= now && since(first) <= self.retry_within =>
            {
                first
            }
            _ => now,
        };
        let wait = self.delay.saturating_sub(since(first));
        let passed = wait.is_zero();
        let entry = GreylistEntry { first, last: now, passed };
        GreylistDecision { entry, wait: (!passed).then_some(wait) }
    }
}

/// Asks hosts that are not known to try again: `451 4.7.1`, at RCPT.
///
/// ```
/// use std::time::Duration;
/// use smtp_server::access::{AccessMaps, Greylist, GreylistTimes, MemoryGreylist};
///
/// let times = GreylistTimes { delay: Duration::from_secs(60), ..GreylistTimes::default() };
/// let access = AccessMaps::default().then(Greylist::new(MemoryGreylist::default()).times(times));
/// ```
#[derive(Debug)]
pub struct Greylist<S> {
    store: S,
    times: GreylistTimes,
    exempt: Networks,
}

impl<S: GreylistStore> Greylist<S> {
    /// Remembers in `store`.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self { store, times: GreylistTimes::default(), exempt: Networks::default() }
    }

    /// With other times than the usual ones.
    #[must_use]
    pub fn times(mut self, times: GreylistTimes) -> Self {
        self.times = times;
        self
    }

    /// Clients in these networks need not wait.
    #[must_use]
    pub fn exempt(mut self, networks: Networks) -> Self {
        self.exempt = networks;
        self
    }

    async fn attempt(
        &self,
        key: &GreylistKey,
        now: UnixMillis,
    ) -> Result<Option<Duration>, LookupError> {
        let known = self.store.load(key).await?;
        let decision = self.times.decide(known, now);
        self.store.save(key, decision.entry).await?;
        Ok(decision.wait)
    }
}

#[async_trait]
impl<S: GreylistStore> AccessControl for Greylist<S> {
    fn checks(&self, stage: StageKind) -> bool {
        stage == StageKind::Recipient
    }

    async fn check(&self, stage: Stage<'_>, info: &SessionInfo) -> Verdict {
        let Stage::Recipient { now, to, envelope } = stage else { return Verdict::Accept };
        let Some(key) = key(info, envelope, to) else { return Verdict::Accept };
        if !is_foreign_host(info) || self.exempt.network_of(&info.peer).is_some() {
            return Verdict::Accept;
        }
        match self.attempt(&key, now).await {
            Ok(None) => Verdict::Accept,
            Ok(Some(wait)) => wait_for(wait).into(),
            Err(error) => Rejection::local_error().with_detail(error.to_string()).into(),
        }
    }
}

fn key(info: &SessionInfo, envelope: &Envelope, to: &ForwardPath<'_>) -> Option<GreylistKey> {
    Some(GreylistKey {
        network: prefix(info.peer.ip()?, IPV4_NETWORK_BITS, IPV6_CLIENT_BITS),
        sender: envelope.reverse_path.to_string().to_lowercase(),
        recipient: to.to_string().to_lowercase(),
    })
}

fn wait_for(wait: Duration) -> Rejection {
    let seconds = wait.as_millis().div_ceil(1000);
    let text = format!("Not known yet, try again in {seconds} s");
    refusal(ReplyCode::LOCAL_ERROR, (4, 7, 1), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;
    const DAY: u64 = 24 * 60 * MINUTE;

    /// When attempts come, in milliseconds, and whether each passes.
    fn passes(attempts: &[u64]) -> Vec<bool> {
        let times = GreylistTimes::default();
        let mut known = None;
        let mut attempt = |at: &u64| {
            let decision = times.decide(known, UnixMillis(10 * DAY + at));
            known = Some(decision.entry);
            decision.wait.is_none()
        };
        attempts.iter().map(&mut attempt).collect()
    }

    #[test]
    fn who_comes_back_in_time_is_known_from_then_on() {
        let rows: [(&[u64], &[bool]); 6] = [
            (&[0, MINUTE, 5 * MINUTE - 1, 5 * MINUTE], &[false, false, false, true]),
            (&[0, 2 * DAY, 2 * DAY + 1], &[false, true, true]),
            // Too late: it begins anew.
            (&[0, 2 * DAY + 1, 2 * DAY + 5 * MINUTE + 1], &[false, false, true]),
            // Each message prolongs it.
            (&[0, DAY, 37 * DAY, 73 * DAY], &[false, true, true, true]),
            (&[0, DAY, 37 * DAY + 1], &[false, true, false]),
            // The clock is set back by a day; nobody waits for a day.
            (&[DAY, 0, 5 * MINUTE, DAY], &[false, false, true, true]),
        ];
        for (attempts, expected) in rows {
            assert_eq!(passes(attempts), expected, "{attempts:?}");
        }
    }

    #[test]
    fn the_wait_is_what_is_left_of_the_delay() {
        let times = GreylistTimes::default();
        let entry = GreylistEntry { first: UnixMillis(0), last: UnixMillis(0), passed: false };
        let decision = times.decide(Some(entry), UnixMillis(MINUTE));
        assert_eq!(decision.wait, Some(Duration::from_mins(4)));
        assert_eq!(decision.entry, GreylistEntry { last: UnixMillis(MINUTE), ..entry });
        let none = GreylistTimes { delay: Duration::ZERO, ..times };
        assert_eq!(none.decide(None, UnixMillis(0)).wait, None);
    }
}
