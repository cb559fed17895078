//! Runs a history: one host, its lives one after another, until nothing may be left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use smtp_queue::spool::files::FileStore;
use smtp_queue::spool::log::LogStore;
use smtp_queue::spool::sim::{Fault, SimVfs};
use smtp_queue::spool::{Options, Store};
use smtp_queue::{Filter, ManagerConfig, Queue, QueueObserver, Row, SpoolError};
use smtp_server::proto::Command;
use smtp_server::{
    Body, BodyError, Delivery, Envelope, Peer, PollChunk, Recipient, RecipientClass, RelayReason,
    Service, SessionInfo, UnixMillis,
};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::history::{Chance, End, Step};
use super::host::{DOMAINS, Dice, Power, SITES, SimSpool, Weather, World, paused_now};
use super::oracle::{Counts, Oracle};
use crate::spool::world::Backend;

const DAY: Duration = Duration::from_secs(86_400);

/// A host with all that outlives its processes.
struct Host {
    chance: Chance,
    backend: Backend,
    options: Options,
    config: ManagerConfig,
    disk: SimVfs,
    /// What its clock shows when the next process begins.
    wall: u64,
    world: World,
}

/// Runs the steps; what was wrong, or how much happened.
pub(super) fn run(seed: u64, steps: &[Step]) -> Result<Counts, String> {
    let mut host = Host::new(seed);
    let mut rest = steps;
    loop {
        let at = rest.iter().position(|step| matches!(step, Step::End(..)));
        let (life, end) = match at {
            Some(at) => (&rest[..at], Some(rest[at])),
            None => (rest, None),
        };
        rest = at.map_or(&[], |at| &rest[at + 1..]);
        host.live(life, end);
        if let Some(violation) = host.world.oracle.state().violation.take() {
            return Err(violation);
        }
        if end.is_none() {
            return Ok(host.world.oracle.state().counts);
        }
    }
}

impl Host {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed, 2);
        let backend = if chance.one_in(3) { Backend::Files } else { Backend::Log };
        let mut options = Options::default();
        options.inline_bytes_max = 64;
        options.segment_bytes = [2_000, 20_000, 200_000][chance.index(3)];
        options.state_bytes = [500, 4_000, 40_000][chance.index(3)];
        options.free_bytes_min = 1;
        options.free_inodes_min = 1;
        let mut config = ManagerConfig {
            default_destination_recipient_limit: [1, 2, 3, 50][chance.index(4)],
            default_process_limit: [1, 3, 100][chance.index(3)],
            ..ManagerConfig::default()
        };
        if chance.one_in(2) {
            config.retry.delay_warning_time = Duration::from_secs(4 * 3600);
        }
        let weather = Weather { trouble: [1, 2, 4, 16][chance.index(4)], ..Weather::default() };
        let world = World {
            oracle: Oracle::default(),
            dice: Dice::new(Chance::new(seed, 3)),
            weather: Arc::new(Mutex::new(weather)),
        };
        let (disk, wall) = (SimVfs::default(), 1_700_000_000_000);
        Self { chance, backend, options, config, disk, wall, world }
    }

    /// One process.
    fn live(&mut self, steps: &[Step], end: Option<Step>) {
        let changes = match end {
            Some(Step::End(End::Power(changes) | End::Kill(changes), _)) => Some(changes),
            _ => None,
        };
        let until = changes.map_or(u64::MAX, |changes| self.disk.changes() + changes);
        self.disk.cut_power_after(until);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let power = Power { disk: self.disk.clone(), until };
        let elapsed = runtime.block_on(self.process(power, steps, end));
        drop(runtime);
        self.wall += u64::try_from(elapsed.as_millis()).unwrap();
        if let Some(Step::End(end, gap)) = end {
            self.wall += u64::try_from(gap.as_millis()).unwrap();
            if matches!(end, End::Power(_) | End::Fault(..)) {
                self.disk = self.disk.images(1, self.chance.next()).next().unwrap();
            }
        }
        self.disk.fail_at(u64::MAX, Fault::Io);
    }

    /// How long it lived.
    async fn process(&self, power: Power, steps: &[Step], end: Option<Step>) -> Duration {
        let begun = paused_now();
        let oracle = &self.world.oracle;
        let queue = match self.queue(power.clone(), begun) {
            Ok(queue) => queue,
            Err(error) => {
                // The power failed, or the storage, before it came to life.
                let is_meant = end.is_some();
                oracle.state().expect(is_meant, || format!("the spool does not open: {error}"));
                return begun.elapsed();
            }
        };
        if let Some(Step::End(End::Fault(calls, fault), _)) = end {
            self.disk.fail_at(self.disk.calls() + calls, fault);
        }
        let stop = Notify::new();
        let script = async {
            for step in steps {
                self.step(&queue, *step, begun).await;
                // Most things happen while others go on.
                sleep(Duration::from_millis(self.world.dice.below(40))).await;
            }
            match end {
                None => self.end_all(&queue).await,
                Some(_) => sleep(Duration::from_secs(self.world.dice.below(900))).await,
            }
            if let Some(Step::End(End::Power(_) | End::Kill(_), _)) = end {
                oracle.die();
            }
            stop.notify_one();
        };
        let grace = Duration::from_secs(self.world.dice.below(10));
        tokio::select! {
            biased;
            () = oracle.died() => {}
            ((), ()) = async { tokio::join!(queue.run(stop.notified(), grace), script) } => {}
        }
        begun.elapsed()
    }

    fn queue(&self, power: Power, begun: Instant) -> Result<Queue, SpoolError> {
        let world = self.world.clone();
        let wall = self.wall;
        Queue::builder("mx.example.org")
            .unwrap()
            .router(world.clone())
            .transport("sim", world.clone())
            .observer(Watcher)
            .config(self.config.clone())
            .clock(move || now(wall, begun))
            .local_domains(|domain| domain.as_str() == "local.test")
            .open(|give| {
                let mut rows = BTreeMap::new();
                let mut both = |row: Row<'_>| {
                    *rows.entry(row.key.id).or_insert(0) += row.recipients_pending;
                    give(row);
                };
                let mut damage = Vec::new();
                let vfs = Arc::new(power.disk.clone());
                let options = self.options;
                let mut damaged = |one| damage.push(one);
                let (store, last): (Arc<dyn Store>, _) = match self.backend {
                    Backend::Log | Backend::WideLog => {
                        let (store, last) = LogStore::open(vfs, options, &mut both, &mut damaged)?;
                        (Arc::new(store), last)
                    }
                    Backend::Files => {
                        let (store, last) = FileStore::open(vfs, options, &mut both, &mut damaged)?;
                        (Arc::new(store), last)
                    }
                };
                let mut state = world.oracle.state();
                state.recover(&rows, &*store);
                state.expect(damage.is_empty(), || format!("a crash damaged {damage:?}"));
                drop(state);
                let (oracle, dice) = (world.oracle.clone(), world.dice.clone());
                Ok((SimSpool { store, options, oracle, dice, power }, last))
            })
    }

    async fn step(&self, queue: &Queue, step: Step, begun: Instant) {
        let oracle = self.world.oracle.clone();
        let queue = queue.clone();
        let chosen = |number: u64| {
            // An operator knows what the queue lists.
            let mut ids = BTreeSet::new();
            queue.list(&Filter::default(), |row| {
                ids.insert(row.key.id);
            });
            ids.iter().nth(usize::try_from(number % ids.len().max(1) as u64).unwrap()).copied()
        };
        let (hold, release, delete, expire) = match step {
            Step::Submit(number) => {
                let now = now(self.wall, begun);
                drop(tokio::spawn(submit(queue, oracle, number, now)));
                return;
            }
            Step::Wait(time) => return sleep(time).await,
            Step::Flush => {
                queue.flush(&Filter::default());
                return;
            }
            Step::Suspend(number) => return queue.suspend(&site(number)),
            Step::Resume(number) => {
                queue.resume(&site(number));
                return;
            }
            Step::Requeue(number) => {
                if let Some(id) = chosen(number) {
                    queue.requeue(id);
                }
                return;
            }
            Step::End(..) => return,
            Step::Hold(number) => (chosen(number), None, None, None),
            Step::Release(number) => (None, chosen(number), None, None),
            Step::Delete(number) => (None, None, chosen(number), None),
            Step::Expire(number) => (None, None, None, chosen(number)),
        };
        if let Some(id) = delete {
            oracle.state().delete(id);
        }
        let act = async move {
            // What it concerns may be gone meanwhile, and the spool may have failed.
            match (hold, release, delete, expire) {
                (Some(id), ..) => drop(queue.hold(id, "wait").await),
                (_, Some(id), ..) => drop(queue.release(id).await),
                (.., Some(id), _) => drop(queue.delete(id).await),
                (.., Some(id)) => drop(queue.expire(id).await),
                _ => {}
            }
        };
        // Some go away before they have their answer.
        let patience = Duration::from_millis(1 + self.world.dice.below(500));
        drop(tokio::spawn(tokio::time::timeout(patience, act)));
    }

    /// Lets everything go, and time pass until all has ended.
    async fn end_all(&self, queue: &Queue) {
        sleep(Duration::from_secs(60)).await;
        let oracle = &self.world.oracle;
        for number in 0..SITES {
            queue.resume(&site(number));
        }
        let ids: Vec<_> = oracle.state().kept.keys().copied().collect();
        for id in ids {
            // Not there any more, perhaps.
            let _ = queue.release(id).await;
        }
        sleep(2 * DAY).await;
        sleep(4 * DAY).await;
        {
            let mut state = oracle.state();
            let late = state.kept.iter().find(|(_, kept)| !kept.is_report && !kept.is_last);
            let late = late.map(|(id, kept)| format!("{id} did not expire: {kept:?}"));
            state.expect(late.is_none(), || late.unwrap_or_default());
        }
        self.world.weather.lock().unwrap().is_fine = true;
        sleep(DAY).await;
        let counts = queue.counts();
        let mut state = oracle.state();
        state.expect(counts.total() == 0, || format!("at the end there is {counts:?}"));
        state.finish();
    }
}

/// Only that there is one.
struct Watcher;

impl QueueObserver for Watcher {}

fn now(wall: u64, begun: Instant) -> UnixMillis {
    UnixMillis(wall + u64::try_from(begun.elapsed().as_millis()).unwrap())
}

fn site(number: u64) -> String {
    format!("mx{}.test", number % SITES)
}

/// Content in one piece.
struct Whole(Option<Bytes>);

impl PollChunk for Whole {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyError>> {
        Poll::Ready(Ok(self.0.take()))
    }
}

async fn submit(queue: Queue, oracle: Oracle, number: u64, now: UnixMillis) {
    let mut chance = Chance::new(number, 4);
    let id = queue.ids().next(now);
    let mut envelope = envelope(&mut chance, now);
    envelope.queue_id = Some(id);
    let padding = if chance.one_in(6) { 300 } else { 0 };
    let body = format!("Subject: {number}\r\n\r\n{:x<padding$}\r\n", "");
    oracle.state().offer(id, body.clone(), envelope.recipients.len());
    let mut content = Whole(Some(Bytes::from(body)));
    let mut body = Body::new(&mut content, Vec::new());
    let info = SessionInfo::new("mx.example.org", Service::Smtp, Peer::default());
    if queue.deliver(envelope, &mut body, &info).await.is_ok() {
        oracle.state().acknowledge(id);
    }
}

fn envelope(chance: &mut Chance, now: UnixMillis) -> Envelope {
    let sender = match chance.below(8) {
        0 => "<>".to_owned(),
        1..=3 => "<s@local.test>".to_owned(),
        _ => format!("<s@d{}.test>", chance.below(DOMAINS)),
    };
    let params = match chance.below(16) {
        0 => format!(" HOLDFOR={}", chance.below(90_000) + 1),
        1 => format!(" BY={};R", chance.below(9_000) + 1),
        2 => format!(" BY={};N", chance.below(9_000) + 1),
        3 => format!(" MT-PRIORITY={}", chance.below(9)),
        _ => String::new(),
    };
    let mail = format!("MAIL FROM:{sender}{params}");
    let Ok(Command::Mail { from, params }) = Command::parse(mail.as_bytes()) else {
        panic!("{mail}")
    };
    let mut envelope = Envelope::new(from.into_owned(), now);
    envelope.params = params.into_owned();
    let count = match chance.below(12) {
        0..=5 => 1,
        6..=10 => 1 + chance.below(6),
        _ => 1 + chance.below(40),
    };
    envelope.recipients = (0..count).map(|number| recipient(chance, number)).collect();
    if chance.one_in(16) {
        envelope.handling.hold = Some("look at it".to_owned());
    }
    envelope
}

fn recipient(chance: &mut Chance, number: u64) -> Recipient {
    let (domain, class) = match chance.below(4) {
        0 => ("local.test".to_owned(), RecipientClass::Local),
        _ => {
            let because = RelayReason::Other("simulated".into());
            // Few domains for one message, so that they have several recipients.
            let domain = chance.below(3) * chance.below(DOMAINS) % DOMAINS;
            (format!("d{domain}.test"), RecipientClass::Relay { because })
        }
    };
    let notify = match chance.below(8) {
        0 => " NOTIFY=NEVER",
        1 => " NOTIFY=SUCCESS",
        2 => " NOTIFY=SUCCESS,FAILURE,DELAY",
        3 => " NOTIFY=FAILURE",
        _ => "",
    };
    let line = format!("RCPT TO:<r{number}@{domain}>{notify}");
    let Ok(Command::Rcpt { to, params }) = Command::parse(line.as_bytes()) else {
        panic!("{line}")
    };
    Recipient { path: to.into_owned(), params: params.into_owned(), class }
}
