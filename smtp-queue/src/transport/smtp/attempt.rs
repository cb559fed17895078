//! One attempt: hosts in their order, transactions until each recipient has its outcome.
//!
//! * **In**: a [`Job`]. **Out**: a report for each of its recipients, once; feedback.
//! * **Promises**: a message whose end was sent is not sent again in this attempt; where a host lacks what the message
//!   needs, or cannot be used, the next one is asked; if any of them may do better later, the message is deferred.
//! * **Limits**: [`RECIPIENTS_MAX`] a transaction; the connections of one attempt are at most two a host and TLS level.
//! * **Panics**: never. **Spec**: RFC 5321 4.5.3.1.8, 4.5.4.1 and 5.1, RFC 8689 3 and 4.2.1.

use std::time::Duration;

use smtp_proto::{EnhancedCode, Reply, ReversePath};
use smtp_server::UnixMillis;
use tokio::time::Instant;

use super::client::SmtpTransport;
use super::driver::{Connection, now};
use super::link::Link;
use super::reader::facts;
use super::session::{
    Action, Answer, Cause, ContentFacts, Failure, NO_VERIFIED_TLS, Protocol, Refusal, Stage,
    Transaction, said,
};
use super::tls_policy::TlsLevel;
use crate::status::{NextHost, Outcome, Status};
use crate::transport::{Feedback, Job, Outcomes, Report};

/// Recipients of one transaction: what every server has to take (RFC 5321 4.5.3.1.8).
const RECIPIENTS_MAX: usize = 100;

pub(super) struct Attempt<'a> {
    link: Link<'a>,
    job: &'a Job,
    outcomes: &'a mut dyn Outcomes,
    /// The recipients without an outcome.
    pending: Vec<u32>,
    /// Why one of them cannot go to a host that is as the last one.
    refusals: Vec<(u32, Status)>,
    facts: ContentFacts,
    level: TlsLevel,
    /// What a host said or did because of which another attempt may end better.
    deferral: Option<Status>,
    /// What no host could do so far.
    refusal: Option<Status>,
    is_reached: bool,
    progress: Progress,
}

/// How long the last connection took to do what.
struct Progress {
    /// The beginning of what is going on.
    since: Instant,
    /// How long it took until a transaction could begin.
    set_up: Option<Duration>,
    uses: u32,
}

/// What came of one host.
enum Tried {
    /// Every recipient has its outcome, or none is to be tried elsewhere.
    Done,
    /// The next host may do better.
    Unusable,
    /// A connection from the pool was dead.
    Stale,
    /// TLS failed where it need not be.
    WithoutTls,
    /// The host takes no more transactions on a connection.
    Again,
}

/// How the transactions on one connection ended.
enum Sent {
    All,
    /// The host takes no more on this connection.
    UpToTheLimit,
    /// The connection is over; possibly it was dead before.
    Failed(Failure, bool),
}

impl<'a> Attempt<'a> {
    pub(super) fn new(
        transport: &'a SmtpTransport,
        job: &'a Job,
        outcomes: &'a mut dyn Outcomes,
    ) -> Self {
        Self {
            link: Link { transport, job },
            job,
            outcomes,
            pending: job.recipients.clone(),
            refusals: Vec::new(),
            facts: ContentFacts::default(),
            level: TlsLevel::default(),
            deferral: None,
            refusal: None,
            is_reached: false,
            progress: Progress::new(),
        }
    }

    pub(super) async fn run(mut self) -> Feedback {
        match facts(&self.job.content).await {
            Ok(facts) => {
                self.level = level(self.link.transport, self.job, &facts);
                self.facts = facts;
            }
            Err(error) => {
                let failure =
                    Failure { stage: Stage::Ready, cause: Cause::Content(error.to_string()) };
                self.is_reached = true;
                self.deferral = Some(failed(&failure, None));
                return self.finish();
            }
        }
        let hosts = match &*self.job.next_hop.hosts {
            [] => self.link.transport.default_hosts.clone(),
            _ => self.job.next_hop.hosts.clone(),
        };
        for host in &*hosts {
            if self.try_host(host).await {
                break;
            }
        }
        self.finish()
    }

    /// Whether the attempt is over.
    async fn try_host(&mut self, host: &NextHost) -> bool {
        let mut level = self.level;
        let mut may_reuse = true;
        // Ends: a stale connection and a retreat from TLS come once each, and a transaction that made no
        // progress is never followed by another.
        loop {
            self.progress = Progress::new();
            let waiting = self.link.key(level, host);
            let waiting =
                may_reuse.then(|| self.link.transport.pool.take(&waiting, host)).flatten();
            let tried = match revive(waiting).await {
                Some(connection) => self.use_connection(connection, level, true).await,
                None => match self.link.connect(host, level).await {
                    Ok(connection) => self.use_connection(connection, level, false).await,
                    Err(failure) => self.handle_failure(&failure, host, level, false),
                },
            };
            match tried {
                Tried::Done => return true,
                Tried::Unusable => return self.pending.is_empty(),
                Tried::Stale => may_reuse = false,
                Tried::WithoutTls => level = TlsLevel::None,
                Tried::Again => {}
            }
        }
    }

    async fn use_connection(
        &mut self,
        mut connection: Connection,
        level: TlsLevel,
        is_reused: bool,
    ) -> Tried {
        let host = connection.host.clone();
        // A fresh connection has to be greeted first; its failure is the host's.
        match connection.next(&self.job.content).await {
            Action::Ready => {}
            Action::Failed(failure) => {
                tokio::spawn(connection.close());
                return self.handle_failure(&failure, &host, level, is_reused);
            }
            _ => return Tried::Unusable,
        }
        if !is_reused {
            connection.set_up = now().duration_since(connection.since);
        }
        self.progress.set_up = Some(connection.set_up);
        match self.send_all(&mut connection, is_reused).await {
            Sent::All => {}
            Sent::UpToTheLimit => {
                tokio::spawn(connection.close());
                return if self.pending.is_empty() { Tried::Done } else { Tried::Again };
            }
            Sent::Failed(failure, is_stale) => {
                tokio::spawn(connection.close());
                return self.handle_failure(&failure, &host, level, is_stale);
            }
        }
        let key = self.link.key(level, &host);
        self.link.transport.pool.put(key, connection, self.link.transport.reuse);
        if self.pending.is_empty() { Tried::Done } else { Tried::Unusable }
    }

    /// Transactions until this host had all recipients that it can take.
    async fn send_all(&mut self, connection: &mut Connection, is_reused: bool) -> Sent {
        let offer = connection.session.offer();
        let transactions_max = offer.transactions_max.unwrap_or(u32::MAX);
        let mut batch_max = offer.recipients_max.map_or(RECIPIENTS_MAX, |most| most as usize);
        batch_max = batch_max.clamp(1, RECIPIENTS_MAX);
        let mut todo = self.pending.clone();
        let mut may_be_stale = is_reused;
        // Ends, since each transaction settles a recipient at least, or fails.
        while !todo.is_empty() {
            if transactions_max <= connection.uses {
                return Sent::UpToTheLimit;
            }
            let later = todo.split_off(todo.len().min(batch_max));
            let Some(transaction) = self.plan(connection, &todo) else { break };
            todo = later;
            if transaction.recipients() == 0 {
                continue;
            }
            connection.uses += 1;
            self.progress.uses = connection.uses;
            self.progress.since = now();
            connection.session.begin(transaction);
            let mut round = self.carry_out(connection).await;
            if let Some(failure) = round.failure {
                return Sent::Failed(failure, may_be_stale && round.accepted == 0);
            }
            may_be_stale = false;
            if !round.one_too_many.is_empty() {
                batch_max = round.accepted.max(1);
                round.one_too_many.append(&mut todo);
                todo = round.one_too_many;
            }
        }
        if transactions_max <= connection.uses { Sent::UpToTheLimit } else { Sent::All }
    }

    /// A transaction for these recipients; `None` if the host cannot take the message at all.
    fn plan(&mut self, connection: &Connection, recipients: &[u32]) -> Option<Transaction> {
        let (entry, now) = (&self.job.entry, UnixMillis::system());
        match connection.session.plan(entry, recipients, &self.facts, now) {
            Err(refusal) => {
                self.refusal = Some(refused(&refusal, &connection.host));
                None
            }
            Ok(transaction) => {
                for (recipient, refusal) in &transaction.refused {
                    self.refusals.retain(|(refused, _)| refused != recipient);
                    self.refusals.push((*recipient, refused(refusal, &connection.host)));
                }
                Some(transaction)
            }
        }
    }

    /// One transaction, to the last reply.
    async fn carry_out(&mut self, connection: &mut Connection) -> Round {
        let mut round = Round::default();
        // Ends with the transaction: the driver gives each step a time.
        loop {
            match connection.next(&self.job.content).await {
                Action::Recipient { recipient, answer } => {
                    round.accepted += usize::from(answer.is_accepted());
                    if answer.is_one_too_many {
                        round.one_too_many.push(recipient);
                        continue;
                    }
                    let reports = connection.session.offer().dsn;
                    let outcome =
                        outcome(&answer, &connection.host, self.link.transport.protocol, reports);
                    self.is_reached = true;
                    self.report(recipient, outcome);
                }
                Action::Failed(failure) => {
                    round.failure = Some(failure);
                    return round;
                }
                Action::Ready => return round,
                _ => {}
            }
        }
    }

    fn report(&mut self, recipient: u32, outcome: Outcome) {
        self.pending.retain(|pending| *pending != recipient);
        self.outcomes.report(self.progress.report(recipient, outcome));
    }

    fn handle_failure(
        &mut self,
        failure: &Failure,
        host: &NextHost,
        level: TlsLevel,
        is_reused: bool,
    ) -> Tried {
        if failure.is_unknown_result() || matches!(failure.cause, Cause::Content(_)) {
            self.is_reached = true;
            self.deferral = Some(failed(failure, Some(host)));
            return Tried::Done;
        }
        if is_reused {
            return Tried::Stale;
        }
        let in_clear = level == TlsLevel::May && !self.link.transport.is_tls_implicit;
        if failure.stage == Stage::StartTls && in_clear {
            return Tried::WithoutTls;
        }
        if failure.is_of_tls() && needs_verified_tls(self.job) {
            self.refusal = Some(refused(&NO_VERIFIED_TLS, host));
            return Tried::Unusable;
        }
        self.is_reached |= !failure.is_of_the_site();
        self.deferral = Some(failed(failure, Some(host)));
        Tried::Unusable
    }

    /// Reports what no host did.
    fn finish(self) -> Feedback {
        let Self {
            job, outcomes, pending, refusals, deferral, refusal, is_reached, progress, ..
        } = self;
        let nobody = || Status {
            code: EnhancedCode::new(4, 4, 4),
            text: "there is no host to connect to".to_owned(),
            reply: None,
            remote: job.next_hop.hosts.first().cloned(),
        };
        for recipient in &pending {
            let own = refusals.iter().find(|(refused, _)| refused == recipient);
            let outcome = match (&deferral, own.map(|(_, status)| status).or(refusal.as_ref())) {
                (Some(status), _) => Outcome::Deferred(status.clone()),
                (None, Some(status)) => Outcome::Failed(status.clone()),
                (None, None) => Outcome::Deferred(nobody()),
            };
            outcomes.report(progress.report(*recipient, outcome));
        }
        match deferral {
            Some(status) if !is_reached => Feedback::Unreachable(status),
            _ => Feedback::Reached,
        }
    }
}

impl Progress {
    fn new() -> Self {
        Self { since: now(), set_up: None, uses: 0 }
    }

    /// Set-up counts for the first message on a connection alone.
    fn report(&self, recipient: u32, outcome: Outcome) -> Report {
        let elapsed = now().duration_since(self.since);
        let (set_up, transmission) = match self.set_up {
            None => (elapsed, Duration::ZERO),
            Some(_) if self.uses > 1 => (Duration::ZERO, elapsed),
            Some(set_up) => (set_up, elapsed),
        };
        Report { recipient, outcome, set_up, transmission, connection_uses: self.uses }
    }
}

async fn revive(waiting: Option<Connection>) -> Option<Connection> {
    let mut connection = waiting?;
    connection.is_alive().await.then_some(connection)
}

/// What came of a transaction.
#[derive(Default)]
struct Round {
    accepted: usize,
    one_too_many: Vec<u32>,
    failure: Option<Failure>,
}

/// RFC 8689 4.2.1: such a message asks for more than the destination's policy may. A host that was found in the DNS
/// has a name that anybody can give, so that there the destination's own name is what counts. One whose header waives
/// TLS (RFC 8689 3) asks for less, unless its envelope requires it.
fn level(transport: &SmtpTransport, job: &Job, facts: &ContentFacts) -> TlsLevel {
    let level = transport.policy.level(&job.next_hop.destination);
    if facts.tls_waived && !job.entry.params.require_tls {
        return level.min(TlsLevel::May);
    }
    match (needs_verified_tls(job), job.next_hop.destination.starts_with('[')) {
        (false, _) => level,
        (true, true) => level.max(TlsLevel::Verify),
        (true, false) => level.max(TlsLevel::Secure),
    }
}

/// A report is rather sent without TLS than dropped (RFC 8689 5).
fn needs_verified_tls(job: &Job) -> bool {
    job.entry.params.require_tls && job.entry.reverse_path != ReversePath::Null
}

fn outcome(answer: &Answer, host: &NextHost, protocol: Protocol, reports: bool) -> Outcome {
    let reply = &answer.reply;
    let remote = Some(host.clone());
    if answer.is_accepted() {
        let code = code(reply, 2);
        let status = Status { code, text: reply.to_string(), reply: Some(reply.clone()), remote };
        return match protocol {
            Protocol::Smtp => Outcome::Relayed { status, reports },
            Protocol::Lmtp => Outcome::Delivered(status),
        };
    }
    let class = if reply.code().is_permanent() { 5 } else { 4 };
    let text = said(host, reply, answer.stage);
    let status = Status { code: code(reply, class), text, reply: Some(reply.clone()), remote };
    if class == 5 { Outcome::Failed(status) } else { Outcome::Deferred(status) }
}

/// The reply's own enhanced code, or the class alone (RFC 3463 2).
fn code(reply: &Reply, class: u8) -> EnhancedCode {
    reply.enhanced().unwrap_or(EnhancedCode::new(2, 0, 0)).with_class(class)
}

fn failed(failure: &Failure, host: Option<&NextHost>) -> Status {
    let name: &dyn std::fmt::Display = match host {
        Some(host) => host,
        None => &"nobody",
    };
    Status {
        code: failure.code(),
        text: failure.describe(name),
        reply: failure.reply().cloned(),
        remote: host.cloned(),
    }
}

fn refused(refusal: &Refusal, host: &NextHost) -> Status {
    let text = format!("{}: host {host}", refusal.text);
    Status { code: refusal.code, text, reply: None, remote: Some(host.clone()) }
}
