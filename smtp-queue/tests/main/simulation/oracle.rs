//! What must be so: the messages that the queue made durable, what became of their recipients, who was told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use smtp_queue::dsn::Action;
use smtp_queue::spool::Store;
use smtp_queue::{
    Change, ContentBody, Opened, Outcome, QueueEntry, RecipientState, SpoolError, StagedBody,
};
use smtp_server::QueueId;
use smtp_server::proto::ReversePath;
use tokio::sync::Notify;

use crate::spool::world::octets;

/// How much of what happened is shown with a violation.
const LINES_MAX: usize = 40;

/// Sees all that happens to one host, in all of its lives. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Oracle {
    state: Arc<Mutex<State>>,
    died: Arc<Notify>,
}

#[derive(Default)]
pub(super) struct State {
    /// Which of its lives the host has.
    pub(super) life: u32,
    pub(super) is_dead: bool,
    /// The first thing that was wrong.
    pub(super) violation: Option<String>,
    lines: VecDeque<String>,
    /// What clients brought, by the id that it was given: the octets and how many recipients.
    offered: BTreeMap<QueueId, (String, usize)>,
    /// What the spool said to have.
    pub(super) kept: BTreeMap<QueueId, Kept>,
    gone: BTreeMap<QueueId, Kept>,
    /// What the spool may have made or not.
    doubt: Vec<Vec<Seen>>,
    acknowledged: BTreeSet<QueueId>,
    deleted: BTreeSet<QueueId>,
    names: BTreeMap<String, QueueId>,
    reported: BTreeSet<Named>,
    taken: BTreeMap<(QueueId, u32), Taken>,
    /// What a transport said last of a recipient.
    told: BTreeMap<(QueueId, u32), Fate>,
    in_flight: BTreeSet<(QueueId, u32)>,
    pub(super) counts: Counts,
}

/// What happened how often.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) messages: u64,
    pub(super) reports: u64,
    pub(super) attempts: u64,
    pub(super) taken: u64,
    pub(super) taken_twice: u64,
    pub(super) sets: u64,
    pub(super) lives: u64,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) is_report: bool,
    /// Of what is wrong with it nobody is told.
    pub(super) is_last: bool,
    addresses: Vec<String>,
    wants_failure: Vec<bool>,
    fates: Vec<Fate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Pending,
    Delivered,
    Failed,
}

/// What a report says of a recipient.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Named {
    of: String,
    address: String,
    action: String,
}

struct Taken {
    life: u32,
    is_lost: bool,
}

/// A change, as far as it matters here.
#[derive(Clone, Debug)]
pub(super) enum Seen {
    Accepted(QueueId, Kept, Vec<Named>),
    Fates(QueueId, Vec<(u32, Fate)>),
    Removed(QueueId),
    Touched,
}

impl Oracle {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing that the process does from now on happens.
    pub(super) fn die(&self) {
        self.state().is_dead = true;
        self.died.notify_one();
    }

    pub(super) async fn died(&self) {
        self.died.notified().await;
    }

    /// Does not come back in a dead process.
    pub(super) async fn live(&self) {
        if self.state().is_dead {
            std::future::pending::<()>().await;
        }
    }
}

impl State {
    /// Notes what happens.
    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
        }
        let life = self.life;
        self.lines.push_back(format!("[{life}] {}", line()));
    }

    /// What must hold.
    pub(super) fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds && self.violation.is_none() {
            let lines: Vec<_> = self.lines.iter().map(String::as_str).collect();
            let text = format!("{}\nafter\n  {}", what(), lines.join("\n  "));
            self.violation = Some(text);
        }
    }

    pub(super) fn offer(&mut self, id: QueueId, body: String, recipients: usize) {
        self.offered.insert(id, (body, recipients));
    }

    /// A client was told 250.
    pub(super) fn acknowledge(&mut self, id: QueueId) {
        self.note(|| format!("{id} acknowledged"));
        let is_kept = self.kept.contains_key(&id) || self.gone.contains_key(&id);
        self.expect(is_kept, || format!("{id} was acknowledged before it was durable"));
        self.acknowledged.insert(id);
        self.counts.messages += 1;
    }

    /// Somebody asks to delete it.
    pub(super) fn delete(&mut self, id: QueueId) {
        self.deleted.insert(id);
    }

    pub(super) fn commit(&mut self, set: &[Seen]) {
        self.counts.sets += 1;
        self.note(|| format!("durable: {set:?}"));
        let mut named = set.iter().flat_map(|seen| match seen {
            Seen::Accepted(_, _, named) => named.as_slice(),
            _ => &[],
        });
        let named: BTreeSet<Named> = named.by_ref().cloned().collect();
        for seen in set {
            match seen {
                Seen::Accepted(id, kept, about) => self.accept(*id, kept, about),
                Seen::Fates(id, fates) => self.decide(*id, fates, &named),
                Seen::Removed(id) => self.remove(*id, &named),
                Seen::Touched => {}
            }
        }
    }

    /// The spool may have made this or not.
    pub(super) fn doubt(&mut self, set: Vec<Seen>) {
        self.note(|| format!("in doubt: {set:?}"));
        self.doubt.push(set);
    }

    fn accept(&mut self, id: QueueId, kept: &Kept, about: &[Named]) {
        let is_new = self.names.insert(id.to_string(), id).is_none();
        self.expect(is_new, || format!("the id {id} was used before"));
        self.kept.insert(id, kept.clone());
        for named in about {
            let is_new = self.reported.insert(named.clone());
            self.expect(is_new, || format!("{named:?} is reported twice"));
        }
        self.counts.reports += u64::from(!about.is_empty());
    }

    fn decide(&mut self, id: QueueId, fates: &[(u32, Fate)], named: &BTreeSet<Named>) {
        let Some(mut kept) = self.kept.remove(&id) else {
            return self.expect(false, || format!("{id} is not there"));
        };
        for &(index, fate) in fates {
            let at = index as usize;
            let before = kept.fates[at];
            if fate == Fate::Pending {
                continue;
            }
            self.expect(before == Fate::Pending, || format!("{id}/{index} was done: {before:?}"));
            let is_taken = self.taken.contains_key(&(id, index));
            self.expect(fate != Fate::Delivered || is_taken, || format!("{id}/{index} never came"));
            let report = Named {
                of: id.to_string(),
                address: kept.addresses[at].clone(),
                action: Action::Failed.as_str().to_owned(),
            };
            let is_due = fate == Fate::Failed && kept.is_reported(at);
            self.expect(is_due == named.contains(&report), || {
                format!("{id}/{index} is {fate:?}, and whether that is reported is not {is_due}")
            });
            kept.fates[at] = fate;
        }
        self.kept.insert(id, kept);
    }

    fn remove(&mut self, id: QueueId, named: &BTreeSet<Named>) {
        // What a transport said last need not be written down if all is over with it.
        let told = self.told.range((id, 0)..=(id, u32::MAX));
        let told: Vec<_> = told.map(|((_, index), fate)| (*index, *fate)).collect();
        if !self.deleted.contains(&id) {
            let is_pending = |index: u32| {
                self.kept.get(&id).is_some_and(|kept| kept.fates[index as usize] == Fate::Pending)
            };
            let last: Vec<_> = told.into_iter().filter(|(index, _)| is_pending(*index)).collect();
            self.decide(id, &last, named);
        }
        let Some(kept) = self.kept.remove(&id) else {
            return self.expect(false, || format!("{id} is removed and was not there"));
        };
        let is_done = kept.fates.iter().all(|fate| *fate != Fate::Pending);
        let may_go = is_done || self.deleted.contains(&id);
        self.expect(may_go, || format!("{id} was removed with pending recipients: {kept:?}"));
        self.gone.insert(id, kept);
    }

    /// An attempt begins.
    pub(super) fn attempt(&mut self, entry: &QueueEntry, recipients: &[u32], octets: &[u8]) {
        self.counts.attempts += 1;
        let id = entry.id;
        self.note(|| format!("attempt for {id}: {recipients:?}"));
        self.expect(!recipients.is_empty(), || format!("an attempt for nobody of {id}"));
        let is_durable = self.kept.contains_key(&id) || self.gone.contains_key(&id);
        self.expect(is_durable, || format!("an attempt for {id}, which is not durable"));
        self.whole(entry, octets);
        for &index in recipients {
            let is_new = self.in_flight.insert((id, index));
            self.expect(is_new, || format!("{id}/{index} is in two deliveries"));
        }
    }

    pub(super) fn end_attempt(&mut self, id: QueueId, recipients: &[u32]) {
        for &index in recipients {
            self.in_flight.remove(&(id, index));
        }
    }

    /// A transport reports an outcome.
    pub(super) fn tell(&mut self, id: QueueId, index: u32, outcome: &Outcome) {
        let fate = match outcome {
            Outcome::Deferred(_) => Fate::Pending,
            Outcome::Failed(_) => Fate::Failed,
            _ => Fate::Delivered,
        };
        self.told.insert((id, index), fate);
    }

    /// A next hop took it; nobody will hear of that if it is lost.
    pub(super) fn take(&mut self, id: QueueId, index: u32, is_lost: bool) {
        self.note(|| format!("{id}/{index} taken, lost: {is_lost}"));
        self.counts.taken += 1;
        let life = self.life;
        let fate = self.kept.get(&id).and_then(|kept| kept.fates.get(index as usize)).copied();
        let is_pending = fate.is_none_or(|fate| fate == Fate::Pending);
        self.expect(is_pending, || format!("{id}/{index} was taken although it was done"));
        if let Some(before) = self.taken.insert((id, index), Taken { life, is_lost }) {
            self.counts.taken_twice += 1;
            let may = before.is_lost || before.life < life;
            self.expect(may, || format!("{id}/{index} was taken twice by one process"));
        }
    }

    fn whole(&mut self, entry: &QueueEntry, octets: &[u8]) {
        let Some((body, recipients)) = self.offered.get(&entry.id) else { return };
        let is_whole = body.as_bytes() == octets && *recipients == entry.recipients.len();
        self.expect(is_whole, || format!("{} is not what was brought", entry.id));
    }

    /// A process found these rows: messages and how many of their recipients are pending.
    pub(super) fn recover(&mut self, rows: &BTreeMap<QueueId, u32>, store: &dyn Store) {
        self.life += 1;
        self.is_dead = false;
        self.in_flight.clear();
        self.counts.lives += 1;
        for set in std::mem::take(&mut self.doubt) {
            if set.iter().all(|seen| self.was_made(seen, &set, store)) {
                self.commit(&set);
            }
        }
        self.told.clear();
        let found: BTreeSet<_> = rows.keys().copied().collect();
        let known: BTreeSet<_> = self.kept.keys().copied().collect();
        self.expect(found == known, || format!("found {found:?} instead of {known:?}"));
        for (&id, &pending) in rows {
            let opened = match store.open(id) {
                Ok(opened) => opened,
                Err(error) => return self.expect(false, || format!("{id}: {error}")),
            };
            self.whole(&opened.entry, &octets(&opened.content.body));
            let (kept, known) = (Kept::of(&opened.entry), self.kept.get(&id).cloned());
            let is_same = known.as_ref() == Some(&kept);
            self.expect(is_same, || format!("{id} is {kept:?} instead of {known:?}"));
            let left = kept.fates.iter().filter(|fate| **fate == Fate::Pending).count();
            self.expect(left == pending as usize, || format!("{id}: {left} or {pending} pending"));
        }
    }

    fn was_made(&self, seen: &Seen, set: &[Seen], store: &dyn Store) -> bool {
        match seen {
            Seen::Accepted(id, ..) => store.open(*id).is_ok(),
            Seen::Removed(id) => matches!(store.open(*id), Err(SpoolError::NotFound(_))),
            Seen::Fates(id, fates) => match store.open(*id) {
                Ok(Opened { entry, .. }) => {
                    let kept = Kept::of(&entry);
                    fates.iter().all(|(index, fate)| {
                        *fate == Fate::Pending || kept.fates[*index as usize] == *fate
                    })
                }
                Err(_) => {
                    set.iter().any(|seen| matches!(seen, Seen::Removed(other) if other == id))
                }
            },
            Seen::Touched => true,
        }
    }

    /// All is over, and nothing may be left.
    pub(super) fn finish(&mut self) {
        let left = self.kept.keys().next().copied();
        self.expect(left.is_none(), || format!("{left:?} is still there at the end"));
        for id in self.acknowledged.clone() {
            let Some(kept) = self.gone.get(&id).cloned() else {
                self.expect(false, || format!("{id} was acknowledged and is not there"));
                continue;
            };
            if self.deleted.contains(&id) {
                continue;
            }
            let is_done = kept.fates.iter().all(|fate| *fate != Fate::Pending);
            self.expect(is_done, || format!("{id} ended like this: {kept:?}"));
        }
    }
}

impl Counts {
    pub(super) fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.reports += other.reports;
        self.attempts += other.attempts;
        self.taken += other.taken;
        self.taken_twice += other.taken_twice;
        self.sets += other.sets;
        self.lives += other.lives;
    }
}

impl Kept {
    pub(super) fn of(entry: &QueueEntry) -> Self {
        let recipients = &entry.recipients;
        let sender = entry.reverse_path.mailbox().map(ToString::to_string);
        let wants_failure = |one: &smtp_queue::QueuedRecipient| {
            one.recipient.params.notify.is_none_or(|notify| notify.failure)
        };
        Self {
            is_report: entry.reverse_path == ReversePath::Null,
            is_last: sender.is_some_and(|sender| sender.starts_with("double-bounce@")),
            addresses: recipients.iter().map(smtp_queue::QueuedRecipient::address).collect(),
            wants_failure: recipients.iter().map(wants_failure).collect(),
            fates: recipients.iter().map(|one| Fate::of(&one.state)).collect(),
        }
    }

    /// Whether somebody must be told of its failure.
    fn is_reported(&self, at: usize) -> bool {
        !self.is_last && (self.is_report || self.wants_failure[at])
    }
}

impl Fate {
    fn of(state: &RecipientState) -> Self {
        match state {
            RecipientState::Pending(_) => Self::Pending,
            RecipientState::Delivered => Self::Delivered,
            RecipientState::Failed => Self::Failed,
        }
    }
}

impl Seen {
    pub(super) fn set(changes: &[Change]) -> Vec<Self> {
        changes.iter().map(Self::of).collect()
    }

    fn of(change: &Change) -> Self {
        match change {
            Change::Accept(new) => {
                let about = match &new.content.body {
                    StagedBody::Inline(body) => named(&new.entry, body),
                    StagedBody::Stored { .. } => Vec::new(),
                };
                Self::Accepted(new.entry.id, Kept::of(&new.entry), about)
            }
            Change::Recipients { id, states } => {
                let fates = states.iter().map(|(index, state)| (*index, Fate::of(state)));
                Self::Fates(*id, fates.collect())
            }
            Change::Remove(id) => Self::Removed(*id),
            _ => Self::Touched,
        }
    }
}

/// What a report says, if it is one.
fn named(entry: &QueueEntry, body: &[u8]) -> Vec<Named> {
    let text = ContentBody::Memory(bytes::Bytes::copy_from_slice(body));
    let text = String::from_utf8(octets(&text)).unwrap_or_default();
    let is_ours = entry
        .reverse_path
        .mailbox()
        .is_none_or(|sender| sender.to_string().starts_with("double-bounce@"));
    let Some((_, rest)) = text.split_once("X-Postfix-Queue-ID: ").filter(|_| is_ours) else {
        return Vec::new();
    };
    let (of, rest) = rest.split_once("\r\n").unwrap();
    let status = rest.split("\r\n--").next().unwrap();
    let mut named = Vec::new();
    for block in status.split("\r\n\r\n") {
        let field = |name: &str| {
            let line = block.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim().to_owned())
        };
        if let (Some(address), Some(action)) = (field("Final-Recipient: rfc822;"), field("Action:"))
        {
            named.push(Named { of: of.to_owned(), address, action });
        }
    }
    named
}
