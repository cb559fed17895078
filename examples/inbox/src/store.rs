//! All messages: received, searched, marked, deleted, and news of them.
//!
//! * **In**: messages in the order in which they come, what users do to them. **Out**: pages of them, newest first, and
//!   [`Change`]s.
//! * **Promises**: a message is found from the moment at which [`Store::add`] returns, which is before its 250; with a
//!   directory it is synced to disk then, too. [`Change::Message`] comes after [`Store::announce`], which is after its
//!   250. A search holds nobody up: it looks at a few messages at a time.
//! * **Limits**: [`StoreLimits`]; the oldest leave first, and the newest stays, however large it is. Who is more than
//!   [`CHANGES_MAX`] changes behind misses some, and is told. **Panics**: never. **Spec**: none.

mod disk;
mod index;
mod summary;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use bytes::Bytes;
use smtp_server::testing::Transcript;
use smtp_server::{QueueId, UnixMillis};
use tokio::sync::broadcast;

use crate::failure::Failure;
use crate::message::envelope::EnvelopeFacts;
use crate::message::{Facts, Haystack, clean_tags};
use crate::query::Query;
pub(crate) use disk::DiskError;
use disk::{Disk, Head, Write};
use index::Index;
pub(crate) use summary::Summary;

const CHANGES_MAX: usize = 4096;
/// How many messages a search takes at a time.
const CHUNK: usize = 512;
/// Content that takes so long to read that others should go on meanwhile.
const LARGE_BYTES: usize = 256 * 1024;

/// How much is kept; `None` for no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoreLimits {
    pub(crate) messages_max: Option<usize>,
    /// Octets of content.
    pub(crate) bytes_max: Option<u64>,
    pub(crate) age_max: Option<Duration>,
}

/// A message, and what users did to it. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) entry: Arc<Entry>,
    pub(crate) read: bool,
    pub(crate) tags: Arc<[String]>,
    /// Whether its sender knows that it was taken.
    pub(crate) announced: bool,
}

/// What never changes of a message.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: QueueId,
    /// Larger for each message that comes.
    pub(crate) sequence: u64,
    pub(crate) created: UnixMillis,
    /// Octets of content.
    pub(crate) size: u64,
    pub(crate) facts: Facts,
    pub(crate) haystack: Haystack,
    pub(crate) envelope: EnvelopeFacts,
    /// What was said on its connection. It lasts as long as the process.
    pub(crate) transcript: Option<Transcript>,
    /// `None` if it is on disk.
    content: Option<Bytes>,
}

/// A message that comes.
pub(crate) struct Arrival {
    pub(crate) id: QueueId,
    pub(crate) at: UnixMillis,
    pub(crate) envelope: EnvelopeFacts,
    pub(crate) transcript: Option<Transcript>,
    pub(crate) content: Bytes,
}

/// What happened, for whoever looks on.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// One came.
    Message(QueueId),
    /// These were marked as read, or as unread.
    Marked(Arc<[QueueId]>, bool),
    /// These have other tags.
    Tagged(Arc<[QueueId]>),
    /// These are gone.
    Deleted(Arc<[QueueId]>),
    /// All are gone.
    Cleared,
    /// The faults that are switched on are others.
    Faults,
}

/// Some messages.
#[derive(Clone, Debug)]
pub(crate) enum Selection {
    All,
    Ids(Vec<QueueId>),
    Matching(Query),
}

/// Some of the messages that match, and how many there are.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) slots: Vec<Slot>,
    pub(crate) count: usize,
    pub(crate) unread: usize,
}

/// Numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stats {
    pub(crate) messages: usize,
    pub(crate) unread: usize,
    pub(crate) bytes: u64,
    /// Since the program began, as the next two.
    pub(crate) received: u64,
    pub(crate) received_bytes: u64,
    pub(crate) deleted: u64,
}

/// See the module.
pub(crate) struct Store {
    index: RwLock<Index>,
    disk: Option<Disk>,
    limits: StoreLimits,
    changes: broadcast::Sender<Change>,
    next_sequence: AtomicU64,
    received: AtomicU64,
    received_bytes: AtomicU64,
    deleted: AtomicU64,
}

impl Store {
    /// In memory, or with what is kept in `directory`.
    pub(crate) fn open(directory: Option<&Path>, limits: StoreLimits) -> Result<Self, Failure> {
        let mut index = Index::default();
        let mut next = 0;
        let disk = match directory {
            None => None,
            Some(directory) => Some(Disk::open(directory, |sequence, kept, content| {
                next = sequence + 1;
                let disk::Kept { head, state } = kept;
                let entry = entry(sequence, head.id, head.arrived, head.envelope, content);
                let tags = state.tags.into();
                index.insert(Slot {
                    entry: Arc::new(entry),
                    read: state.read,
                    tags,
                    announced: true,
                });
            })?),
        };
        Ok(Self {
            index: RwLock::new(index),
            disk,
            limits,
            changes: broadcast::channel(CHANGES_MAX).0,
            next_sequence: AtomicU64::new(next),
            received: AtomicU64::new(0),
            received_bytes: AtomicU64::new(0),
            deleted: AtomicU64::new(0),
        })
    }

    /// Takes a message; it is there, and durable if it is to be, when this returns.
    pub(crate) async fn add(&self, arrival: Arrival) -> Result<(), DiskError> {
        let sequence = self.next_sequence.fetch_add(1, Ordering::Relaxed);
        let bytes = arrival.content.len() as u64;
        let entry = self.read(sequence, &arrival).await;
        let Arrival { id, at, envelope, content, .. } = arrival;
        let tags: Arc<[String]> = entry.facts.tags.clone().into();
        if let Some(disk) = &self.disk {
            let head = Head { id: id.0, arrived: at.0, envelope };
            disk.add(sequence, &head, &tags, content).await?;
        }
        let removed = {
            let mut index = self.write();
            index.insert(Slot { entry: Arc::new(entry), read: false, tags, announced: false });
            index.shrink(&self.limits)
        };
        self.received.fetch_add(1, Ordering::Relaxed);
        self.received_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.tell_of_deleted(&removed);
        // Nobody's 250 waits for what leaves.
        match &self.disk {
            Some(disk) if !removed.is_empty() => disk.order(vec![Write::remove(&removed)]).await,
            _ => Ok(()),
        }
    }

    /// Tells of a message whose sender knows that it was taken.
    pub(crate) fn announce(&self, id: QueueId) {
        let is_new = self.write().change(id, |slot| !std::mem::replace(&mut slot.announced, true));
        if is_new == Some(true) {
            self.tell(Change::Message(id));
        }
    }

    /// Takes back a message whose sender does not know that it was taken, and will send it again.
    pub(crate) async fn withdraw(&self, id: QueueId) -> Result<(), DiskError> {
        let removed = self.write().remove(id);
        self.forget(removed.into_iter().collect()).await
    }

    /// Drops what is beyond the limits at this time.
    pub(crate) async fn tidy(&self, now: UnixMillis) -> Result<(), DiskError> {
        let mut removed = self.write().shrink(&self.limits);
        if let Some(age_max) = self.limits.age_max {
            let age_max = u64::try_from(age_max.as_millis()).unwrap_or(u64::MAX);
            removed.extend(self.write().remove_before(UnixMillis(now.0.saturating_sub(age_max))));
        }
        self.forget(removed).await
    }

    /// The newest messages but the first `start`.
    pub(crate) fn list(&self, start: usize, limit: usize) -> Page {
        let index = self.shared();
        Page {
            slots: index.newest_first().skip(start).take(limit).cloned().collect(),
            count: index.len(),
            unread: index.unread(),
        }
    }

    /// The newest that match but the first `start` of them. It looks at all messages: not for an I/O thread.
    pub(crate) fn search(&self, query: &Query, start: usize, limit: usize) -> Page {
        let mut page = Page::default();
        self.walk(query, |slot| {
            if page.count >= start && page.slots.len() < limit {
                page.slots.push(slot.clone());
            }
            page.count += 1;
            page.unread += usize::from(!slot.read);
            true
        });
        page
    }

    /// The newest message that matches and satisfies `also`; for an I/O thread as little as [`search`](Self::search).
    pub(crate) fn newest(&self, query: &Query, also: impl Fn(&Slot) -> bool) -> Option<Slot> {
        let mut newest = None;
        self.walk(query, |slot| {
            if also(slot) {
                newest = Some(slot.clone());
            }
            newest.is_none()
        });
        newest
    }

    pub(crate) fn find(&self, id: QueueId) -> Option<Slot> {
        self.shared().find(id).cloned()
    }

    /// A message's octets, exactly as they were received.
    pub(crate) async fn content(&self, entry: &Entry) -> Result<Bytes, DiskError> {
        match (&entry.content, &self.disk) {
            (Some(content), _) => Ok(content.clone()),
            (None, Some(disk)) => disk.content(entry.sequence).await,
            (None, None) => Ok(Bytes::new()),
        }
    }

    /// Marks messages as read or unread.
    pub(crate) async fn mark(&self, selection: &Selection, read: bool) -> Result<(), DiskError> {
        let ids = self.select(selection);
        let mut changed = Vec::new();
        let mut writes = Vec::new();
        {
            let mut index = self.write();
            for id in ids {
                if index.mark(id, read) {
                    changed.push(id);
                    writes.extend(index.find(id).map(Write::state));
                }
            }
        }
        if !changed.is_empty() {
            self.tell(Change::Marked(changed.into(), read));
        }
        self.save(writes).await
    }

    /// Deletes messages, and says how many.
    pub(crate) async fn delete(&self, selection: &Selection) -> Result<usize, DiskError> {
        let removed = match selection {
            Selection::All => {
                let removed = self.write().clear();
                self.tell(Change::Cleared);
                self.deleted.fetch_add(removed.len() as u64, Ordering::Relaxed);
                let count = removed.len();
                self.save(vec![Write::remove(&removed)]).await?;
                return Ok(count);
            }
            some => {
                let ids = self.select(some);
                let mut index = self.write();
                ids.into_iter().filter_map(|id| index.remove(id)).collect::<Vec<_>>()
            }
        };
        let count = removed.len();
        self.forget(removed).await?;
        Ok(count)
    }

    /// The tags that messages have, and how many have each.
    pub(crate) fn tags(&self) -> BTreeMap<String, usize> {
        self.shared().tags().clone()
    }

    /// Gives messages these tags and no others.
    pub(crate) async fn set_tags(
        &self,
        ids: &[QueueId],
        tags: Vec<String>,
    ) -> Result<(), DiskError> {
        let tags: Arc<[String]> = clean_tags(tags.into_iter()).into();
        self.retag(ids, |_| tags.clone()).await
    }

    /// Replaces a tag by another one, or by none; says whether any message had it.
    pub(crate) async fn rename_tag(&self, from: &str, to: Option<&str>) -> Result<bool, DiskError> {
        let is_from = |tag: &String| tag.eq_ignore_ascii_case(from);
        let having: Vec<_> = {
            let index = self.shared();
            let having = index.newest_first().filter(|slot| slot.tags.iter().any(is_from));
            having.map(|slot| slot.entry.id).collect()
        };
        self.retag(&having, |tags| {
            let others = tags.iter().filter(|tag| !is_from(tag)).cloned();
            clean_tags(others.chain(to.map(str::to_owned))).into()
        })
        .await?;
        Ok(!having.is_empty())
    }

    pub(crate) fn stats(&self) -> Stats {
        let index = self.shared();
        Stats {
            messages: index.len(),
            unread: index.unread(),
            bytes: index.bytes(),
            received: self.received.load(Ordering::Relaxed),
            received_bytes: self.received_bytes.load(Ordering::Relaxed),
            deleted: self.deleted.load(Ordering::Relaxed),
        }
    }

    /// What happens from now on.
    pub(crate) fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    pub(crate) fn tell(&self, change: Change) {
        // Nobody may be looking on.
        let _ = self.changes.send(change);
    }

    /// The largest id so far.
    pub(crate) fn last_id(&self) -> Option<QueueId> {
        self.shared().newest_first().map(|slot| slot.entry.id).max()
    }

    /// How many octets the database has, if there is one.
    pub(crate) fn disk_bytes(&self) -> Option<u64> {
        self.disk.as_ref().map(Disk::bytes)
    }

    async fn read(&self, sequence: u64, arrival: &Arrival) -> Entry {
        let Arrival { id, at, envelope, transcript, content } = arrival;
        let (id, at, envelope, content) = (*id, *at, envelope.clone(), content.clone());
        let transcript = transcript.clone();
        let in_memory = self.disk.is_none();
        let read = move || {
            let entry = entry(sequence, id.0, at.0, envelope, &content);
            Entry { transcript, content: in_memory.then_some(content), ..entry }
        };
        if arrival.content.len() < LARGE_BYTES {
            return read();
        }
        let again = read.clone();
        // The task panics with the parser or ends with the runtime; then there is no harm in reading here.
        tokio::task::spawn_blocking(again).await.unwrap_or_else(|_| read())
    }

    fn walk(&self, query: &Query, mut visit: impl FnMut(&Slot) -> bool) {
        let mut before = u64::MAX;
        // It ends at the oldest message, since `before` falls.
        loop {
            let chunk = self.shared().chunk_before(before, CHUNK);
            let Some(last) = chunk.last() else { return };
            before = last.entry.sequence;
            for slot in &chunk {
                if query.matches(slot) && !visit(slot) {
                    return;
                }
            }
        }
    }

    fn select(&self, selection: &Selection) -> Vec<QueueId> {
        match selection {
            Selection::Ids(ids) => ids.clone(),
            Selection::All => self.shared().newest_first().map(|slot| slot.entry.id).collect(),
            Selection::Matching(query) => {
                let mut ids = Vec::new();
                self.walk(query, |slot| {
                    ids.push(slot.entry.id);
                    true
                });
                ids
            }
        }
    }

    async fn retag(
        &self,
        ids: &[QueueId],
        tags: impl Fn(&[String]) -> Arc<[String]>,
    ) -> Result<(), DiskError> {
        let mut changed = Vec::new();
        let mut writes = Vec::new();
        {
            let mut index = self.write();
            for id in ids {
                let Some(wanted) = index.find(*id).map(|slot| tags(&slot.tags)) else { continue };
                if index.retag(*id, wanted) {
                    changed.push(*id);
                    writes.extend(index.find(*id).map(Write::state));
                }
            }
        }
        if !changed.is_empty() {
            self.tell(Change::Tagged(changed.into()));
        }
        self.save(writes).await
    }

    /// Tells of messages that left the index, and deletes them from disk.
    async fn forget(&self, removed: Vec<Slot>) -> Result<(), DiskError> {
        if removed.is_empty() {
            return Ok(());
        }
        self.tell_of_deleted(&removed);
        self.save(vec![Write::remove(&removed)]).await
    }

    /// Counts messages that left the index, and tells of them.
    fn tell_of_deleted(&self, removed: &[Slot]) {
        if !removed.is_empty() {
            self.deleted.fetch_add(removed.len() as u64, Ordering::Relaxed);
            self.tell(Change::Deleted(removed.iter().map(|slot| slot.entry.id).collect()));
        }
    }

    async fn save(&self, writes: Vec<Write>) -> Result<(), DiskError> {
        match &self.disk {
            Some(disk) if !writes.is_empty() => disk.write(writes).await,
            _ => Ok(()),
        }
    }

    fn shared(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn entry(sequence: u64, id: u64, at: u64, envelope: EnvelopeFacts, content: &[u8]) -> Entry {
    let (facts, haystack) = Facts::read(content, &envelope);
    Entry {
        id: QueueId(id),
        sequence,
        created: UnixMillis(at),
        size: content.len() as u64,
        facts,
        haystack,
        envelope,
        transcript: None,
        content: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn add(store: &Store, id: u64, at: u64) {
        let arrival = Arrival {
            id: QueueId(id),
            at: UnixMillis(at),
            envelope: EnvelopeFacts::to(&["kim@example.org"]),
            transcript: None,
            content: Bytes::from(format!("Subject: {id}\r\n\r\nHi\r\n")),
        };
        store.add(arrival).await.unwrap();
    }

    fn ids(store: &Store) -> Vec<u64> {
        store.list(0, 100).slots.iter().map(|slot| slot.entry.id.0).collect()
    }

    fn open(age_max: Option<Duration>) -> Store {
        let limits = StoreLimits { messages_max: Some(5), bytes_max: None, age_max };
        Store::open(None, limits).unwrap()
    }

    #[tokio::test]
    async fn what_is_too_old_leaves() {
        let store = open(Some(Duration::from_secs(60)));
        for (id, at) in [(1, 1_000), (2, 50_000), (3, 61_000)] {
            add(&store, id, at).await;
        }
        store.tidy(UnixMillis(61_000)).await.unwrap();
        assert_eq!(ids(&store), [3, 2, 1]);
        store.tidy(UnixMillis(61_001)).await.unwrap();
        assert_eq!(ids(&store), [3, 2]);
        store.tidy(UnixMillis(999_999)).await.unwrap();
        let Stats { messages, unread, bytes, received, deleted, .. } = store.stats();
        assert_eq!((messages, unread, bytes, received, deleted), (0, 0, 0, 3, 3));
    }

    #[tokio::test]
    async fn a_message_is_told_of_once_and_only_after_its_250() {
        let store = open(None);
        let mut changes = store.changes();
        add(&store, 1, 0).await;
        add(&store, 2, 0).await;
        assert!(changes.is_empty() && !store.find(QueueId(1)).unwrap().announced);
        store.announce(QueueId(1));
        store.announce(QueueId(1));
        store.withdraw(QueueId(2)).await.unwrap();
        store.announce(QueueId(2));
        assert!(matches!(changes.recv().await, Ok(Change::Message(QueueId(1)))));
        assert!(matches!(changes.recv().await, Ok(Change::Deleted(gone)) if *gone == [QueueId(2)]));
        assert!(changes.is_empty());
        assert_eq!(ids(&store), [1]);
    }

    #[tokio::test]
    async fn a_search_goes_through_more_than_a_chunk() {
        let limits = StoreLimits { messages_max: None, bytes_max: None, age_max: None };
        let store = Store::open(None, limits).unwrap();
        let count = CHUNK as u64 * 2 + 7;
        for id in 1..=count {
            add(&store, id, id).await;
        }
        let page = store.search(&Query::parse("hi", None).unwrap(), CHUNK, 3);
        assert_eq!((page.count as u64, page.unread as u64), (count, count));
        let found: Vec<_> = page.slots.iter().map(|slot| slot.entry.id.0).collect();
        let first = count - CHUNK as u64;
        assert_eq!(found, [first, first - 1, first - 2]);
        let removed = store
            .delete(&Selection::Matching(Query::parse("subject:7", None).unwrap()))
            .await
            .unwrap();
        assert_eq!(store.stats().messages as u64, count - removed as u64);
        assert_eq!(store.search(&Query::parse("subject:7", None).unwrap(), 0, 1).count, 0);
    }
}
