//! What an operator does with the queue.
//!
//! * **In**: ids, filters, sites. **Out**: what there is, and how many rows were concerned.
//! * **Promises**: an operation is durable before it acts. **Limits**: lists look at each row.
//! * **Panics**: never. **Spec**: postqueue(1), postsuper(1), qshape(1).

use smtp_server::{QueueId, UnixMillis};

use super::Queue;
use crate::events::QueueEvent;
use crate::manager::{AgeCounts, Counts, Filter, QueueManager, RowInfo, SiteInfo};
use crate::spool::{Change, Opened, SpoolError};

impl Queue {
    /// How many rows wait where.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.manager().counts()
    }

    /// The sites and their rows.
    #[must_use]
    pub fn sites(&self) -> Vec<SiteInfo> {
        self.shared.manager().sites()
    }

    /// The rows of each domain by age.
    #[must_use]
    pub fn shape(&self, filter: &Filter) -> Vec<AgeCounts> {
        self.shared.manager().shape(filter)
    }

    /// Gives `each` the rows that match; the queue stands still meanwhile.
    pub fn list(&self, filter: &Filter, mut each: impl FnMut(RowInfo<'_>)) {
        for row in self.shared.manager().list(filter) {
            each(row);
        }
    }

    /// The message as it stands.
    ///
    /// # Errors
    /// [`SpoolError::NotFound`], [`SpoolError::Damaged`], [`SpoolError::Io`].
    pub async fn show(&self, id: QueueId) -> Result<Opened, SpoolError> {
        self.shared.spool.open(id).await
    }

    /// Tries what waits, now.
    #[expect(
        clippy::must_use_candidate,
        reason = "it acts; the answer is for whoever wants to know"
    )]
    pub fn flush(&self, filter: &Filter) -> usize {
        self.tell(|manager, now| manager.flush(filter, now))
    }

    /// Nobody gets the message until it is released.
    ///
    /// # Errors
    /// [`SpoolError`]; then nothing changed.
    pub async fn hold(&self, id: QueueId, reason: &str) -> Result<usize, SpoolError> {
        let change = Change::Hold { id, reason: reason.to_owned() };
        let held = self.alter(change, move |manager, now| manager.hold(id, now)).await?;
        self.shared.emit(&QueueEvent::Held { id, reason });
        Ok(held)
    }

    /// The message goes on.
    ///
    /// # Errors
    /// As for [`hold`](Self::hold).
    pub async fn release(&self, id: QueueId) -> Result<usize, SpoolError> {
        let released =
            self.alter(Change::Release(id), move |manager, now| manager.release(id, now)).await?;
        self.shared.emit(&QueueEvent::Released { id });
        Ok(released)
    }

    /// The message goes back to its sender.
    ///
    /// # Errors
    /// As for [`hold`](Self::hold).
    pub async fn expire(&self, id: QueueId) -> Result<usize, SpoolError> {
        self.alter(Change::Expire(id), move |manager, now| manager.expire(id, now)).await
    }

    /// The message is forgotten, and nobody is told. What is being sent is not cut off.
    ///
    /// # Errors
    /// As for [`hold`](Self::hold).
    pub async fn delete(&self, id: QueueId) -> Result<usize, SpoolError> {
        let queue = self.clone();
        let tell = move |manager: &mut QueueManager, now| {
            queue.shared.messages.set_removed(id);
            manager.delete(id, now)
        };
        let deleted = self.alter(Change::Remove(id), tell).await?;
        self.shared.emit(&QueueEvent::Deleted { id });
        Ok(deleted)
    }

    /// The message begins anew: its routes are looked up again, its attempts are forgotten.
    #[expect(
        clippy::must_use_candidate,
        reason = "it acts; the answer is for whoever wants to know"
    )]
    pub fn requeue(&self, id: QueueId) -> usize {
        self.tell(|manager, now| manager.requeue(id, now))
    }

    /// Nothing is sent to the site until it is resumed, or this process ends.
    pub fn suspend(&self, site: &str) {
        self.tell(|manager, now| manager.suspend(site, now));
    }

    /// The site is sent to again; `false` if it was not suspended.
    #[expect(
        clippy::must_use_candidate,
        reason = "it acts; the answer is for whoever wants to know"
    )]
    pub fn resume(&self, site: &str) -> bool {
        self.tell(|manager, now| manager.resume(site, now))
    }

    /// Makes a change durable and tells the manager, whether anybody waits for that or not, and one at a time, so that
    /// the spool and the manager agree on which was the last.
    async fn alter(
        &self,
        change: Change,
        tell: impl FnOnce(&mut QueueManager, UnixMillis) -> usize + Send + 'static,
    ) -> Result<usize, SpoolError> {
        let queue = self.clone();
        let altered = tokio::spawn(async move {
            let _one = queue.shared.altering.lock().await;
            queue.shared.spool.apply(vec![change]).await?;
            Ok(queue.tell(tell))
        });
        altered.await.unwrap_or_else(|error| Err(std::io::Error::other(error).into()))
    }

    fn tell<T>(&self, tell: impl FnOnce(&mut QueueManager, UnixMillis) -> T) -> T {
        let answer = tell(&mut self.shared.manager(), self.shared.now());
        self.shared.wake.notify_one();
        answer
    }
}
