//! Which fault an occurrence meets.
//!
//! * **In**: rules, occurrences. **Out**: a fault and why. **Promises**: decides by counts and a seed, nothing else.
//! * **Limits**: none. **Panics**: never. **Spec**: none.

use std::collections::HashMap;

use super::RuleId;
use super::address;
use super::rule::{Fault, On, Rule};
use super::script::Occurrence;

#[derive(Default)]
pub(super) struct Table {
    seed: u64,
    by_address: bool,
    connections: u64,
    added: u64,
    entries: Vec<Entry>,
}

struct Entry {
    id: RuleId,
    rule: Rule,
    /// The connections that were there before the rule.
    connections_before: u64,
    fits: u64,
    hits: u64,
}

/// How often each rule fitted on one connection: what is left to chance depends on this alone.
pub(super) type Fits = HashMap<RuleId, u64>;

/// A fault that happens now.
pub(super) struct Hit {
    pub(super) fault: Fault,
    /// The rule or the address that says so.
    pub(super) cause: String,
}

impl Table {
    pub(super) fn new(seed: u64, by_address: bool) -> Self {
        Self { seed, by_address, ..Self::default() }
    }

    pub(super) fn add(&mut self, rule: Rule) -> RuleId {
        self.added += 1;
        let (id, connections_before) = (RuleId(self.added), self.connections);
        self.entries.push(Entry { id, rule, connections_before, fits: 0, hits: 0 });
        id
    }

    pub(super) fn remove(&mut self, id: RuleId) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.id != id);
        self.entries.len() < before
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(super) fn rules(&self) -> Vec<(RuleId, Rule, u64)> {
        self.entries.iter().map(|entry| (entry.id, entry.rule.clone(), entry.hits)).collect()
    }

    /// Counts a connection and gives its number, from 1.
    pub(super) fn connect(&mut self) -> u64 {
        self.connections += 1;
        self.connections
    }

    /// Every rule that fits counts the occurrence; the first one that is due happens.
    pub(super) fn decide(
        &mut self,
        occurrence: &Occurrence,
        connection: u64,
        fits: &mut Fits,
    ) -> Option<Hit> {
        let mut hit = None;
        for entry in &mut self.entries {
            if !entry.fits(occurrence, connection) {
                continue;
            }
            entry.fits += 1;
            let own = fits.entry(entry.id).or_default();
            *own += 1;
            let drawn = draw([self.seed, entry.id.0, connection, *own]);
            if hit.is_none() && entry.is_due(drawn) {
                entry.hits += 1;
                let cause = entry.rule.to_string();
                hit = Some(Hit { fault: entry.rule.fault.clone(), cause });
            }
        }
        let by_address = || {
            let mut asked = occurrence.addresses.iter();
            asked.find_map(|address| {
                let fault = address::fault(address, occurrence)?;
                if !occurrence.admits(&fault, true) {
                    return None;
                }
                Some(Hit { fault, cause: address.clone() })
            })
        };
        hit.or_else(|| self.by_address.then(by_address).flatten())
    }

    /// At how many octets of content a rule looks next, beyond `bytes`.
    pub(super) fn content_offset(&self, bytes: u64) -> Option<u64> {
        let triggers = self.entries.iter().map(|entry| &entry.rule.trigger);
        let offsets =
            triggers.filter(|trigger| trigger.on == On::Content).map(|trigger| trigger.after);
        offsets.filter(|after| bytes < *after).min()
    }
}

impl Entry {
    /// Whether all conditions hold but those that count.
    fn fits(&self, occurrence: &Occurrence, connection: u64) -> bool {
        let trigger = &self.rule.trigger;
        let is_there = match trigger.on {
            On::Any => occurrence.is_command,
            On::Content => {
                occurrence.content.contains(&trigger.after) && occurrence.on == Some(On::Content)
            }
            on => occurrence.on == Some(on),
        };
        let is_to =
            |to: &String| occurrence.addresses.iter().any(|one| one.eq_ignore_ascii_case(to));
        let number = connection.checked_sub(self.connections_before);
        is_there
            && occurrence.admits(&self.rule.fault, trigger.to.is_some())
            && (trigger.to.is_none()
                || occurrence.on != Some(On::Mail) && trigger.to.iter().any(is_to))
            && trigger.connection.is_none_or(|wanted| number == Some(wanted))
    }

    /// Whether the occurrence that was just counted is one that it happens to.
    fn is_due(&self, drawn: f64) -> bool {
        let trigger = &self.rule.trigger;
        let in_turn = match (trigger.nth, trigger.times) {
            (Some(nth), None) => self.fits == nth,
            (nth, times) => {
                nth.is_none_or(|nth| nth <= self.fits)
                    && times.is_none_or(|times| self.hits < times)
            }
        };
        in_turn && trigger.probability.is_none_or(|probability| drawn < probability)
    }
}

/// A number from 0 to below 1 that these decide (`SplitMix64`).
fn draw(numbers: [u64; 4]) -> f64 {
    let mixed = numbers.into_iter().fold(0_u64, |state, number| {
        let state = (state ^ number).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        state ^ (state >> 31)
    });
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}
