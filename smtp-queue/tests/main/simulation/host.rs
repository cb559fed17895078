//! The host around a queue: a spool that calls its store at once, next hops of all tempers, a router.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use smtp_queue::spool::sim::SimVfs;
use smtp_queue::spool::{Options, Store};
use smtp_queue::{
    Change, Content, ContentBody, ContentWriter, Feedback, Job, NextHop, NextHost, Opened, Outcome,
    Outcomes, Report, Router, Spool, SpoolError, StagedBody, StagedContent, Status, Transport,
    async_trait,
};
use smtp_server::QueueId;
use smtp_server::proto::EnhancedCode;
use tokio::time::{Instant, sleep};

use super::history::Chance;
use super::oracle::{Oracle, Seen};
use crate::spool::world::octets;

#[expect(clippy::disallowed_methods, reason = "the paused clock of the runtime")]
pub(super) fn paused_now() -> Instant {
    Instant::now()
}

/// How many domains there are, besides our own.
pub(super) const DOMAINS: u64 = 7;

/// Some of them share their hosts.
pub(super) const SITES: u64 = 4;

/// Chance that all parts share. Clones are the same.
#[derive(Clone)]
pub(super) struct Dice(Arc<Mutex<Chance>>);

impl Dice {
    pub(super) fn new(chance: Chance) -> Self {
        Self(Arc::new(Mutex::new(chance)))
    }

    pub(super) fn below(&self, limit: u64) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).below(limit)
    }

    pub(super) fn one_in(&self, many: u64) -> bool {
        self.below(many) == 0
    }

    /// Lets others go first, mostly at once.
    async fn dawdle(&self) {
        match self.below(16) {
            0..=9 => {}
            10..=12 => tokio::task::yield_now().await,
            13..=14 => sleep(Duration::from_millis(1 + self.below(20))).await,
            _ => sleep(Duration::from_millis(1 + self.below(4_000))).await,
        }
    }
}

/// Calls the store at once, in the task that asks, and tells the oracle.
pub(super) struct SimSpool {
    pub(super) store: Arc<dyn Store>,
    pub(super) options: Options,
    pub(super) oracle: Oracle,
    pub(super) dice: Dice,
    pub(super) power: Power,
}

/// The disk, and after how many changes its power fails.
#[derive(Clone)]
pub(super) struct Power {
    pub(super) disk: SimVfs,
    pub(super) until: u64,
}

impl Power {
    fn is_off(&self) -> bool {
        self.until < self.disk.changes()
    }
}

impl SimSpool {
    /// If the power failed, nobody hears of anything any more.
    async fn dark<T>(&self, answer: T) -> T {
        if self.power.is_off() {
            self.oracle.die();
        }
        self.oracle.live().await;
        answer
    }
}

#[async_trait]
impl Spool for SimSpool {
    fn writer(&self, bytes_expected: u64) -> Result<Box<dyn ContentWriter>, SpoolError> {
        self.store.check_room(bytes_expected)?;
        let store = self.store.clone();
        let inline_bytes_max = self.options.inline_bytes_max;
        Ok(Box::new(Writer { store, inline_bytes_max, octets: Vec::new() }))
    }

    async fn apply(&self, changes: Vec<Change>) -> Result<(), SpoolError> {
        self.dice.dawdle().await;
        self.oracle.live().await;
        let set = Seen::set(&changes);
        let result = self.store.commit(vec![changes]).remove(0);
        {
            let mut state = self.oracle.state();
            match &result {
                Ok(()) => state.commit(&set),
                Err(error)
                    if matches!(error, SpoolError::NotFound(_) | SpoolError::Poisoned(_)) =>
                {
                    state.note(|| format!("refused, {error}: {set:?}"));
                }
                Err(_) => state.doubt(set),
            }
        }
        let result = self.dark(result).await;
        if self.dice.one_in(8) {
            let _ = self.store.tidy();
        }
        self.dice.dawdle().await;
        self.dark(result).await
    }

    async fn open(&self, id: QueueId) -> Result<Opened, SpoolError> {
        self.dice.dawdle().await;
        let opened = self.store.open(id).and_then(|Opened { entry, content }| {
            let octets = octets(&content.body);
            if (content.fields.len() + octets.len()) as u64 != content.bytes() {
                return Err(SpoolError::Io(std::io::Error::other("the body cannot be read")));
            }
            let body = ContentBody::Memory(octets.into());
            Ok(Opened { entry, content: Content { fields: content.fields, body } })
        });
        self.dice.dawdle().await;
        self.dark(opened).await
    }
}

struct Writer {
    store: Arc<dyn Store>,
    inline_bytes_max: usize,
    octets: Vec<u8>,
}

#[async_trait]
impl ContentWriter for Writer {
    async fn write(&mut self, octets: &[u8]) -> Result<(), SpoolError> {
        self.octets.extend_from_slice(octets);
        Ok(())
    }

    async fn finish(self: Box<Self>, fields: Bytes) -> Result<StagedContent, SpoolError> {
        if self.octets.len() <= self.inline_bytes_max {
            return Ok(StagedContent { fields, body: StagedBody::Inline(self.octets.into()) });
        }
        let mut staging = self.store.stage()?;
        staging.write(&self.octets)?;
        Ok(StagedContent { fields, body: staging.finish()? })
    }
}

/// Where recipients go. Clones are the same.
#[derive(Clone)]
pub(super) struct World {
    pub(super) oracle: Oracle,
    pub(super) dice: Dice,
    pub(super) weather: Arc<Mutex<Weather>>,
}

/// What the sites are like now.
#[derive(Default)]
pub(super) struct Weather {
    /// Everybody takes everything.
    pub(super) is_fine: bool,
    /// One attempt in so many goes wrong in some way.
    pub(super) trouble: u64,
    /// Until when nobody is there, by site.
    pub(super) down: Vec<Option<Instant>>,
}

/// What a site does with an attempt.
#[derive(Clone, Copy)]
enum Mood {
    Fine,
    Unreachable,
    Mixed,
    Panics,
}

#[async_trait]
impl Router for World {
    async fn route(&self, domain: &str, is_local: bool) -> Result<NextHop, Outcome> {
        self.dice.dawdle().await;
        self.oracle.live().await;
        if is_local || domain.is_empty() {
            return Ok(NextHop::on_this_host("sim"));
        }
        let number: u64 = domain.trim_start_matches('d').trim_end_matches(".test").parse().unwrap();
        if !self.is_fine() && self.dice.one_in(12) {
            return Err(match self.dice.below(4) {
                0 => Outcome::Failed(status(5, "no such domain")),
                1 => std::panic::resume_unwind(Box::new("a router")),
                _ => Outcome::Deferred(status(4, "no answer from the name server")),
            });
        }
        let name = format!("mx{}.test", number % SITES);
        Ok(NextHop {
            transport: "sim".into(),
            site: name.as_str().into(),
            destination: domain.into(),
            hosts: [NextHost { name, address: None }].into(),
        })
    }
}

#[async_trait]
impl Transport for World {
    async fn attempt(&self, job: &Job, outcomes: &mut dyn Outcomes) -> Feedback {
        self.oracle.live().await;
        let octets = octets(&job.content.body);
        self.oracle.state().attempt(&job.entry, &job.recipients, &octets);
        let _attempt = Attempt { oracle: &self.oracle, job };
        let mood = self.mood(job.next_hop.hosts.first());
        self.dice.dawdle().await;
        match mood {
            Mood::Unreachable => {
                let status = status(4, "nobody is there");
                for &index in &job.recipients {
                    let outcome = Outcome::Deferred(status.clone());
                    outcomes.report(Report::without_attempt(index, outcome));
                }
                return Feedback::Unreachable(status);
            }
            Mood::Panics if self.dice.one_in(2) => {
                std::panic::resume_unwind(Box::new("a transport"))
            }
            _ => {}
        }
        let fates: Vec<_> = job.recipients.iter().map(|_| self.outcome(mood)).collect();
        self.oracle.live().await;
        for (&index, (outcome, is_lost)) in job.recipients.iter().zip(&fates) {
            let is_told =
                !matches!(outcome, Some(Outcome::Deferred(_) | Outcome::Failed(_)) | None);
            if is_told || *is_lost {
                let is_lost = *is_lost || matches!(mood, Mood::Panics);
                self.oracle.state().take(job.entry.id, index, is_lost);
            }
        }
        self.dice.dawdle().await;
        self.oracle.live().await;
        if matches!(mood, Mood::Panics) {
            std::panic::resume_unwind(Box::new("a transport"));
        }
        for (&index, (outcome, _)) in job.recipients.iter().zip(fates) {
            if let Some(outcome) = outcome {
                self.oracle.state().tell(job.entry.id, index, &outcome);
                outcomes.report(Report::without_attempt(index, outcome));
            }
        }
        Feedback::Reached
    }
}

impl World {
    fn is_fine(&self) -> bool {
        self.weather().is_fine
    }

    fn weather(&self) -> std::sync::MutexGuard<'_, Weather> {
        self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mood(&self, host: Option<&NextHost>) -> Mood {
        let mut weather = self.weather();
        if weather.is_fine {
            return Mood::Fine;
        }
        let site = host.map_or(4, |host| usize::from(host.name.as_bytes()[2] - b'0'));
        weather.down.resize(5, None);
        if weather.down[site].is_some_and(|until| paused_now() < until) {
            return Mood::Unreachable;
        }
        if !self.dice.one_in(weather.trouble) {
            return Mood::Fine;
        }
        match self.dice.below(10) {
            0 => {
                let secs = [60, 7_200, 86_400, 6 * 86_400];
                let secs = secs[usize::try_from(self.dice.below(4)).unwrap()];
                weather.down[site] = Some(paused_now() + Duration::from_secs(secs));
                Mood::Unreachable
            }
            1 => Mood::Unreachable,
            2 => Mood::Panics,
            _ => Mood::Mixed,
        }
    }

    /// What becomes of a recipient, and whether it is taken without a word of it. Nothing is no report at all.
    fn outcome(&self, mood: Mood) -> (Option<Outcome>, bool) {
        let is_mixed = matches!(mood, Mood::Mixed);
        match if is_mixed { self.dice.below(12) } else { self.dice.below(4) } {
            0 => (Some(Outcome::Delivered(status(2, "kept"))), false),
            1 => (Some(Outcome::Expanded(status(2, "a list"))), false),
            2..=4 => {
                let reports = self.dice.one_in(2);
                (Some(Outcome::Relayed { status: status(2, "queued"), reports }), false)
            }
            5 | 6 => (Some(Outcome::Failed(status(5, "no such user"))), false),
            7 => (Some(Outcome::Deferred(status(4, "lost its reply"))), true),
            8 => (None, false),
            _ => (Some(Outcome::Deferred(status(4, "not now"))), false),
        }
    }
}

/// Ends however the attempt does.
struct Attempt<'a> {
    oracle: &'a Oracle,
    job: &'a Job,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.oracle.state().end_attempt(self.job.entry.id, &self.job.recipients);
    }
}

fn status(class: u8, text: &str) -> Status {
    let code = EnhancedCode::new(class, 0, 0);
    Status { code, text: text.to_owned(), reply: None, remote: None }
}
