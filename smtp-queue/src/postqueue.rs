//! The queue's listings, as Postfix's postqueue(1), postcat(1) and qshape(1) print them.
//!
//! * **In**: an entry, or counts. **Out**: lines of text, or one JSON object a line (feature `json`).
//! * **Promises**: recipients that are done are not listed; control characters in text come out as `?`, so that a
//!   remote reply cannot forge a line. **Limits**: times are UTC. **Panics**: never.
//! * **Spec**: postqueue(1) -p and -j, postcat(1) -e, qshape(1).

use std::fmt::Write;

use smtp_proto::{ForwardPath, ReversePath};
use smtp_server::UnixMillis;
use time::OffsetDateTime;

use crate::entry::{QueueEntry, RecipientState};
use crate::manager::{AgeCounts, QueueName};

/// The column in which a reason ends.
const REASON_COLUMNS: usize = 76;

/// The first line of a listing that has entries.
pub const TEXT_HEADER: &str =
    "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n";

/// What a listing says in place of all else if there is nothing.
pub const TEXT_EMPTY: &str = "Mail queue is empty\n";

/// An entry as `postqueue -p` prints it, with an empty line behind it.
#[must_use]
pub fn text(entry: &QueueEntry, queue: QueueName) -> String {
    let mark = match queue {
        QueueName::Active => "*",
        QueueName::Hold => "!",
        QueueName::Incoming | QueueName::Deferred => "",
    };
    let expired = if entry.expired { "#" } else { "" };
    let id = format!("{}{mark}{expired}", entry.id);
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{id:<17} {:>8} {:<19} {}",
        entry.content_bytes,
        date(entry.arrived),
        clean(&sender(&entry.reverse_path))
    );
    let mut last = "";
    for (path, reason) in pending(entry) {
        if reason != last {
            let reason = clean(if reason.is_empty() { "reason unavailable" } else { reason });
            let padding = REASON_COLUMNS.saturating_sub(reason.chars().count());
            let _ = writeln!(text, "{:padding$}({reason})", "");
        }
        last = reason;
        let _ = writeln!(text, "{:<17} {:>8} {:<19} {}", "", "", "", clean(&address(path)));
    }
    text.push('\n');
    text
}

/// An envelope as `postcat -e` prints it, down to the line that the content follows.
#[must_use]
pub fn envelope_text(entry: &QueueEntry, queue: QueueName) -> String {
    let QueueEntry { id, content_bytes, .. } = entry;
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "*** ENVELOPE RECORDS {queue}/{id} ***");
    let _ = writeln!(text, "message_size: {content_bytes}");
    let year = utc(entry.arrived).year();
    let _ = writeln!(text, "message_arrival_time: {} {year}", date(entry.arrived));
    if let Some(reason) = &entry.hold {
        let _ = writeln!(text, "hold: {}", clean(reason));
    }
    let _ = writeln!(text, "sender: {}", clean(&bare(&entry.reverse_path.to_string())));
    for recipient in &entry.recipients {
        let kind = if recipient.state.is_pending() { "recipient" } else { "done_recipient" };
        let _ = writeln!(text, "{kind}: {}", clean(&address(&recipient.recipient.path)));
    }
    let _ = writeln!(text, "*** MESSAGE CONTENTS {queue}/{id} ***");
    text
}

/// The last line of a listing that has entries.
#[must_use]
pub fn text_trailer(messages: u64, content_bytes: u64) -> String {
    let plural = if messages == 1 { "" } else { "s" };
    format!("-- {} Kbytes in {messages} Request{plural}.\n", content_bytes / 1024)
}

/// Counts by age as qshape(1) prints them, with the sum above.
#[must_use]
pub fn shape_text(shape: &[AgeCounts]) -> String {
    let width = shape.iter().map(|row| row.domain.len()).max().unwrap_or(0).max("TOTAL".len());
    let mut text = String::new();
    let mut line = |name: &str, columns: [String; 11]| {
        let _ = write!(text, "{name:>width$}");
        for column in columns {
            let _ = write!(text, " {column:>6}");
        }
        text.push('\n');
    };
    let heads = ["T", "5", "10", "20", "40", "80", "160", "320", "640", "1280", "1280+"];
    line("", heads.map(str::to_owned));
    let mut sum = AgeCounts { domain: "TOTAL".to_owned(), counts: [0; 10] };
    for row in shape {
        for (sum, count) in sum.counts.iter_mut().zip(row.counts) {
            *sum += count;
        }
    }
    for row in std::iter::once(&sum).chain(shape) {
        let mut columns = [const { String::new() }; 11];
        columns[0] = row.total().to_string();
        for (column, count) in columns[1..].iter_mut().zip(row.counts) {
            *column = count.to_string();
        }
        line(&clean(&row.domain), columns);
    }
    text
}

/// An entry as `postqueue -j` prints it: one JSON object and a line feed.
#[cfg(feature = "json")]
#[must_use]
pub fn json(entry: &QueueEntry, queue: QueueName) -> String {
    #[derive(serde::Serialize)]
    struct Object {
        queue_name: String,
        queue_id: String,
        arrival_time: u64,
        message_size: u64,
        forced_expire: bool,
        sender: String,
        recipients: Vec<Pending>,
    }
    #[derive(serde::Serialize)]
    struct Pending {
        address: String,
        #[serde(skip_serializing_if = "String::is_empty")]
        delay_reason: String,
    }
    let recipient = |(path, reason): (_, &str)| Pending {
        address: address(path),
        delay_reason: reason.to_owned(),
    };
    let object = Object {
        queue_name: queue.to_string(),
        queue_id: entry.id.to_string(),
        arrival_time: entry.arrived.0 / 1000,
        message_size: entry.content_bytes,
        forced_expire: entry.expired,
        sender: sender(&entry.reverse_path),
        recipients: pending(entry).map(recipient).collect(),
    };
    // There is nothing in it that has no JSON.
    let mut line = serde_json::to_string(&object).unwrap_or_default();
    line.push('\n');
    line
}

/// Those that are not done, each with the reason of its last failure or nothing.
fn pending(entry: &QueueEntry) -> impl Iterator<Item = (&ForwardPath<'static>, &str)> {
    entry.recipients.iter().filter_map(|recipient| match &recipient.state {
        RecipientState::Pending(status) => {
            let reason = status.as_ref().map_or("", |status| &status.text);
            Some((&recipient.recipient.path, reason))
        }
        RecipientState::Delivered | RecipientState::Failed => None,
    })
}

fn sender(path: &ReversePath<'_>) -> String {
    match path {
        ReversePath::Null => "MAILER-DAEMON".to_owned(),
        _ => bare(&path.to_string()),
    }
}

fn address(path: &ForwardPath<'_>) -> String {
    bare(&path.to_string())
}

/// A path without its brackets.
fn bare(path: &str) -> String {
    let inner = path.strip_prefix('<').and_then(|path| path.strip_suffix('>'));
    inner.unwrap_or(path).to_owned()
}

fn clean(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { '?' } else { char }).collect()
}

fn utc(time: UnixMillis) -> OffsetDateTime {
    let seconds = i64::try_from(time.0 / 1000).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// As ctime(3) has it, without the year.
fn date(time: UnixMillis) -> String {
    let time = utc(time);
    let (weekday, month) = (time.weekday().to_string(), time.month().to_string());
    let (weekday, month) = (&weekday[..3], &month[..3]);
    let (hour, minute, second) = time.to_hms();
    format!("{weekday} {month} {:>2} {hour:02}:{minute:02}:{second:02}", time.day())
}
