//! What is printed.
//!
//! * **In**: entries, counts, content. **Out**: text as Postfix's programs print it, or JSON, one object a line.
//! * **Promises**: octets that are not UTF-8 stay as they are in text, and are U+FFFD in JSON. **Limits**: an entry at a time,
//!   content in pieces. **Panics**: never. **Spec**: postqueue(1), postcat(1), qshape(1).

use std::fmt::Write;
use std::io;

use serde_json::json;
use smtp_queue::{
    AgeCounts, Content, ContentBody, Counts, Listed, QueueEntry, QueueName, QueuedRecipient,
    SiteInfo, postqueue,
};
use smtp_server::UnixMillis;

use super::Refusal;

/// Content is read in pieces of this size.
const READ_BYTES: usize = 48 << 10;

/// The lines of `mta queue list`.
pub(super) struct Listing {
    json: bool,
    messages: u64,
    content_bytes: u64,
}

impl Listing {
    pub(super) fn new(json: bool) -> Self {
        Self { json, messages: 0, content_bytes: 0 }
    }

    pub(super) fn entry(&mut self, entry: &QueueEntry, queue: QueueName) -> String {
        let is_first = self.messages == 0;
        self.messages += 1;
        self.content_bytes += entry.content_bytes;
        match self.json {
            true => postqueue::json(entry, queue),
            false if is_first => postqueue::TEXT_HEADER.to_owned() + &postqueue::text(entry, queue),
            false => postqueue::text(entry, queue),
        }
    }

    pub(super) fn end(&self) -> String {
        match self {
            Self { json: true, .. } => String::new(),
            Self { messages: 0, .. } => postqueue::TEXT_EMPTY.to_owned(),
            _ => postqueue::text_trailer(self.messages, self.content_bytes),
        }
    }
}

/// A message as `mta queue show` has it, piece by piece.
pub(super) struct Message {
    json: bool,
    head: Option<String>,
    content: Content,
    offset: u64,
    /// What was read and may go on in the next piece: a CR, or the beginning of a character.
    rest: Vec<u8>,
    tail: Option<String>,
}

impl Message {
    pub(super) fn new(json: bool, listed: Listed) -> Self {
        let Listed { message, queue } = listed;
        let entry = &message.entry;
        let (head, tail) = match json {
            true => (json_head(entry, queue), "\"}\n".to_owned()),
            false => (
                postqueue::envelope_text(entry, queue),
                format!("*** MESSAGE FILE END {queue}/{} ***\n", entry.id),
            ),
        };
        let (head, tail) = (Some(head), Some(tail));
        Self { json, head, content: message.content, offset: 0, rest: Vec::new(), tail }
    }

    /// The next octets; may block.
    pub(super) fn next_piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some(head) = self.head.take() {
            return Ok(Some(head.into_bytes()));
        }
        let mut octets = std::mem::take(&mut self.rest);
        let read = read(&self.content, self.offset, &mut octets)?;
        self.offset += read as u64;
        let is_end = read == 0;
        if is_end && octets.is_empty() {
            return Ok(self.tail.take().map(String::into_bytes));
        }
        let kept = if is_end { 0 } else { self.unfinished(&octets) };
        self.rest = octets.split_off(octets.len() - kept);
        Ok(Some(if self.json { escape(&octets) } else { with_line_feeds(&octets) }))
    }

    /// How many of the last octets cannot be told from what comes next.
    fn unfinished(&self, octets: &[u8]) -> usize {
        if !self.json {
            return usize::from(octets.last() == Some(&b'\r'));
        }
        let last = octets.utf8_chunks().last().map_or(&[][..], |chunk| chunk.invalid());
        let is_beginning = str::from_utf8(last).is_err_and(|error| error.error_len().is_none());
        if is_beginning { last.len() } else { 0 }
    }
}

/// Up to and with the quote that the content follows.
fn json_head(entry: &QueueEntry, queue: QueueName) -> String {
    let line = postqueue::json(entry, queue);
    let mut head = line.trim_end().strip_suffix('}').unwrap_or_default().to_owned();
    let done = entry.recipients.iter().filter(|one| !one.state.is_pending());
    let done = json!(done.map(QueuedRecipient::address).collect::<Vec<_>>());
    // Writing to a string cannot fail.
    let _ = write!(head, ",\"done\":{done},\"hold\":{},\"content\":\"", json!(entry.hold));
    head
}

fn read(content: &Content, offset: u64, octets: &mut Vec<u8>) -> io::Result<usize> {
    let fields = content.fields.len() as u64;
    let (piece, offset) = match (&content.body, offset.checked_sub(fields)) {
        (_, None) => (&content.fields, offset),
        (ContentBody::Memory(body), Some(offset)) => (body, offset),
        (ContentBody::Stored(body), Some(offset)) => {
            let begin = octets.len();
            octets.resize(begin + READ_BYTES, 0);
            let read = body.read_at(octets.get_mut(begin..).unwrap_or_default(), offset)?;
            octets.truncate(begin + read);
            return Ok(read);
        }
    };
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    let piece = piece.get(offset..).unwrap_or_default();
    let piece = piece.get(..READ_BYTES).unwrap_or(piece);
    octets.extend_from_slice(piece);
    Ok(piece.len())
}

/// The inside of a JSON string.
fn escape(octets: &[u8]) -> Vec<u8> {
    let text = json!(String::from_utf8_lossy(octets)).to_string();
    let inside = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inside.unwrap_or_default().as_bytes().to_vec()
}

fn with_line_feeds(octets: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(octets.len());
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(line) => {
                lines.extend_from_slice(line);
                lines.push(b'\n');
            }
            None => lines.extend_from_slice(line),
        }
    }
    lines
}

/// How many rows are where, and how the sites are.
pub(super) fn stats(json: bool, counts: Counts, sites: &[SiteInfo], now: UnixMillis) -> String {
    if json {
        let sites: Vec<_> = sites.iter().map(site_json).collect();
        let mut object = counts_json(counts);
        object.insert("sites".to_owned(), sites.into());
        return format!("{}\n", serde_json::Value::Object(object));
    }
    let mut text = String::new();
    let mut line = |name: &str, counts: Counts, rest: &str| {
        let Counts { incoming, active, deferred, hold } = counts;
        let total = counts.total();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{total:>8} {incoming:>8} {active:>8} {deferred:>8} {hold:>8}  {name}{rest}"
        );
    };
    line("TOTAL", counts, "");
    for site in sites {
        let name = if site.name.is_empty() { "(no site yet)" } else { &site.name };
        line(name, site.counts, &site_state(site, now));
    }
    let heads =
        ["TOTAL", "INCOMING", "ACTIVE", "DEFERRED", "HOLD"].map(|head| format!("{head:>8}"));
    format!("{}  SITE\n{}", heads.join(" "), text.replace(is_forging, "?"))
}

fn is_forging(char: char) -> bool {
    char.is_control() && char != '\n'
}

fn site_state(site: &SiteInfo, now: UnixMillis) -> String {
    let mut state = String::new();
    // Writing to a string cannot fail.
    if site.concurrency != 0 {
        let _ = write!(state, ", {} of {} deliveries", site.in_flight, site.concurrency);
    }
    if site.is_suspended {
        state += ", suspended";
    }
    if let Some((until, status)) = &site.dead {
        let seconds = until.0.saturating_sub(now.0).div_ceil(1000);
        let reason = status.text.replace(char::is_control, "?");
        let _ = write!(state, ", dead for {seconds} s more ({reason})");
    }
    state
}

fn site_json(site: &SiteInfo) -> serde_json::Value {
    let mut object = counts_json(site.counts);
    object.insert("site".to_owned(), json!(site.name));
    object.insert("in_flight".to_owned(), json!(site.in_flight));
    object.insert("concurrency".to_owned(), json!(site.concurrency));
    object.insert("suspended".to_owned(), json!(site.is_suspended));
    if let Some((until, status)) = &site.dead {
        object.insert("dead_until".to_owned(), json!(until.0 / 1000));
        object.insert("dead_reason".to_owned(), json!(status.text));
    }
    object.into()
}

fn counts_json(counts: Counts) -> serde_json::Map<String, serde_json::Value> {
    let Counts { incoming, active, deferred, hold } = counts;
    let named = [
        ("total", counts.total()),
        ("incoming", incoming),
        ("active", active),
        ("deferred", deferred),
        ("hold", hold),
    ];
    named.into_iter().map(|(name, count)| (name.to_owned(), json!(count))).collect()
}

/// The rows of each domain by age.
pub(super) fn shape(json: bool, shape: &[AgeCounts]) -> String {
    if !json {
        return postqueue::shape_text(shape);
    }
    let line = |row: &AgeCounts| {
        format!("{}\n", json!({ "domain": row.domain, "total": row.total(), "counts": row.counts }))
    };
    shape.iter().map(line).collect()
}

/// How many messages were changed, or rows flushed.
pub(super) fn changed(json: bool, past: &str, unit: &str, count: u64) -> String {
    let plural = if count == 1 { "" } else { "s" };
    match json {
        true => format!("{}\n", json!({ "changed": count })),
        false => format!("{past}: {count} {unit}{plural}\n"),
    }
}

/// What a check found.
pub(super) struct Checked {
    json: bool,
    pub(super) messages: u64,
    pub(super) damaged: u64,
}

impl Checked {
    pub(super) fn new(json: bool) -> Self {
        Self { json, messages: 0, damaged: 0 }
    }

    pub(super) fn damage(&mut self, path: &str, reason: &str) -> String {
        self.damaged += 1;
        let (path, reason) =
            (path.replace(char::is_control, "?"), reason.replace(char::is_control, "?"));
        match (self.json, path.is_empty()) {
            (true, _) => format!("{}\n", json!({ "path": path, "damage": reason })),
            (false, true) => format!("{reason}\n"),
            (false, false) => format!("{path}: {reason}\n"),
        }
    }

    pub(super) fn end(&self) -> String {
        let Self { messages, damaged, .. } = *self;
        match self.json {
            true => format!("{}\n", json!({ "messages": messages, "damaged": damaged })),
            false => format!("{messages} messages can be read, {damaged} places are damaged\n"),
        }
    }

    /// Damage is a failure.
    pub(super) fn verdict(&self) -> Result<(), Refusal> {
        match self.damaged {
            0 => Ok(()),
            1 => Err(Refusal::missing("the queue is damaged in one place: see mta queue fsck")),
            more => {
                let why = format!("the queue is damaged in {more} places: see mta queue fsck");
                Err(Refusal::missing(why))
            }
        }
    }
}
