//! What a running `mta` does for a request.
//!
//! * **In**: a request. **Out**: the queue, changed or shown. **Promises**: a change that is counted is durable. Of ids that
//!   are not there the client is told, after what is there was changed.
//! * **Limits**: messages are read one by one, and changed by [`CHANGES_MAX`], so that one commit serves many.
//! * **Panics**: never. **Spec**: postsuper(1), postqueue(1).

use smtp_queue::{Counts, Filter, Listed, Queue, SpoolError};
use smtp_server::{QueueId, UnixMillis};
use tokio::task::{JoinSet, spawn_blocking};

use super::print::{self, Checked, Listing, Message};
use super::server::{Answers, Stop};
use super::{Operation, Refusal, Request, Which, reading};

/// So many messages are changed at once.
const CHANGES_MAX: usize = 64;

/// What is kept in the spool of a message that an operator holds.
const HELD_BY_HAND: &str = "held by the operator";

/// After so many messages without a word the client is told that it goes on.
const SIGN_OF_LIFE_MESSAGES: u64 = 256;

/// How messages are changed one by one.
#[derive(Clone, Copy)]
enum Change {
    Hold,
    Release,
    Requeue,
    Expire,
    Delete,
}

/// Does what is asked for.
pub(super) async fn operate(
    queue: &Queue,
    request: Request,
    out: &mut Answers,
) -> Result<(), Stop> {
    let json = request.json;
    match request.operation {
        Operation::List { site } => list(queue, json, site, out).await,
        Operation::Show(words) => show(queue, json, &reading::ids(&words)?, out).await,
        Operation::Flush(which) => flush(queue, which, out).await,
        Operation::Hold(which) => change(queue, Change::Hold, which, out).await,
        Operation::Release(which) => change(queue, Change::Release, which, out).await,
        Operation::Requeue(which) => change(queue, Change::Requeue, which, out).await,
        Operation::Expire(which) => change(queue, Change::Expire, which, out).await,
        Operation::Delete(which) => change(queue, Change::Delete, which, out).await,
        Operation::Suspend(site) => {
            queue.suspend(&site);
            Ok(())
        }
        Operation::Resume(site) => match queue.resume(&site) {
            true => Ok(()),
            false => Err(Refusal::missing(format!("the site {site} is not suspended")).into()),
        },
        Operation::Stats => {
            // Added up from the sites, so that they agree while mail flows.
            let sites = queue.sites();
            let mut counts = Counts::default();
            sites.iter().for_each(|site| counts += site.counts);
            out.text(&print::stats(json, counts, &sites, UnixMillis::system())).await
        }
        Operation::Shape => out.text(&print::shape(json, &queue.shape(&Filter::default()))).await,
        Operation::Fsck => fsck(queue, json, out).await,
    }
}

async fn list(
    queue: &Queue,
    json: bool,
    site: Option<String>,
    out: &mut Answers,
) -> Result<(), Stop> {
    let mut listing = Listing::new(json);
    let mut damage = Checked::new(json);
    let mut entries = queue.entries(site.map(|site| site_filter(queue, site)).unwrap_or_default());
    while let Some(listed) = entries.next().await {
        match listed {
            Ok(Listed { message, queue }) => {
                out.text(&listing.entry(&message.entry, queue)).await?;
            }
            Err(_) => damage.damaged += 1,
        }
    }
    out.text(&listing.end()).await?;
    Ok(damage.verdict()?)
}

/// The rows of a domain, or of the site of this name if no row has such a domain.
fn site_filter(queue: &Queue, site: String) -> Filter {
    let domain = Filter { domain: Some(site.to_ascii_lowercase()), ..Filter::default() };
    match queue.entries(domain.clone()).next_id() {
        Some(_) => domain,
        None => Filter { site: Some(site), ..Filter::default() },
    }
}

async fn show(queue: &Queue, json: bool, ids: &[QueueId], out: &mut Answers) -> Result<(), Stop> {
    let mut missing = Vec::new();
    for id in ids {
        let listed = match queue.listed(*id).await {
            Ok(listed) => listed,
            Err(SpoolError::NotFound(id)) => {
                missing.push(id);
                continue;
            }
            Err(error) => return Err(refusal(&error).into()),
        };
        let mut message = Message::new(json, listed);
        loop {
            let read = spawn_blocking(move || {
                let piece = message.next_piece();
                (message, piece)
            });
            let Ok((rest, piece)) = read.await else { return Err(Stop::Gone) };
            message = rest;
            let unreadable = |error| Refusal::temporary(format!("message {id}: {error}"));
            match piece.map_err(unreadable)? {
                None => break,
                Some(octets) => match str::from_utf8(&octets) {
                    Ok(text) => out.text(text).await?,
                    Err(_) => out.octets(&octets).await?,
                },
            }
        }
    }
    Ok(reading::missing(&missing)?)
}

async fn flush(queue: &Queue, which: Which, out: &mut Answers) -> Result<(), Stop> {
    let mut missing = Vec::new();
    let flushed = match which {
        Which::All => queue.flush(&Filter::default()),
        Which::Site(site) => queue.flush(&site_filter(queue, site)),
        Which::Ids(words) => {
            let mut flushed = 0;
            for id in reading::ids(&words)? {
                match queue.flush(&Filter { id: Some(id), ..Filter::default() }) {
                    0 => missing.push(id),
                    rows => flushed += rows,
                }
            }
            flushed
        }
    };
    out.count(flushed as u64).await?;
    Ok(reading::missing(&missing)?)
}

async fn change(
    queue: &Queue,
    change: Change,
    which: Which,
    out: &mut Answers,
) -> Result<(), Stop> {
    let is_all = which == Which::All;
    let mut ids: Box<dyn Iterator<Item = QueueId> + Send> = match which {
        Which::All => {
            let mut entries = queue.entries(change.filter());
            Box::new(std::iter::from_fn(move || entries.next_id()))
        }
        Which::Ids(words) => Box::new(reading::ids(&words)?.into_iter()),
        Which::Site(_) => return Err(Refusal::usage("only a flush takes a site").into()),
    };
    let mut missing = Vec::new();
    loop {
        let mut changes = JoinSet::new();
        for id in ids.by_ref().take(CHANGES_MAX) {
            let queue = queue.clone();
            changes.spawn(async move { (id, change.make(&queue, id).await) });
        }
        if changes.is_empty() {
            break;
        }
        let mut count = 0;
        let mut failed = None;
        while let Some(changed) = changes.join_next().await {
            match changed {
                Ok((_, Ok(()))) => count += 1,
                Ok((id, Err(SpoolError::NotFound(_)))) if !is_all => missing.push(id),
                // Of all that there are, one may end by itself meanwhile.
                Ok((_, Err(SpoolError::NotFound(_)))) => {}
                Ok((_, Err(error))) => failed = Some(refusal(&error)),
                Err(error) => failed = Some(Refusal::temporary(error.to_string())),
            }
        }
        out.count(count).await?;
        if let Some(refusal) = failed {
            return Err(refusal.into());
        }
    }
    Ok(reading::missing(&missing)?)
}

impl Change {
    /// Those that are meant by all.
    fn filter(self) -> Filter {
        let queue = matches!(self, Self::Release).then_some(smtp_queue::QueueName::Hold);
        Filter { queue, ..Filter::default() }
    }

    async fn make(self, queue: &Queue, id: QueueId) -> Result<(), SpoolError> {
        let rows = match self {
            Self::Hold => queue.hold(id, HELD_BY_HAND).await?,
            Self::Release => queue.release(id).await?,
            Self::Requeue => queue.requeue(id),
            Self::Expire => queue.expire(id).await?,
            Self::Delete => queue.delete(id).await?,
        };
        if rows == 0 { Err(SpoolError::NotFound(id)) } else { Ok(()) }
    }
}

/// Reads each message that the queue knows of.
async fn fsck(queue: &Queue, json: bool, out: &mut Answers) -> Result<(), Stop> {
    let mut checked = Checked::new(json);
    let mut entries = queue.entries(Filter::default());
    while let Some(listed) = entries.next().await {
        match listed {
            Ok(_) => {
                checked.messages += 1;
                if checked.messages.is_multiple_of(SIGN_OF_LIFE_MESSAGES) {
                    out.count(0).await?;
                }
            }
            Err(error) => out.text(&checked.damage("", &error.to_string())).await?,
        }
    }
    out.text(&checked.end()).await?;
    Ok(checked.verdict()?)
}

fn refusal(error: &SpoolError) -> Refusal {
    match error {
        SpoolError::Damaged { .. } => Refusal::missing(error.to_string()),
        error => Refusal::temporary(error.to_string()),
    }
}
