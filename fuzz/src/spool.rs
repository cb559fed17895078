//! Whatever lies in a spool's files, it opens, and opens again with the same messages.
//!
//! * **In**: octets of files, sealed as if they had been written by us. **Out**: nothing.
//! * **Promises**: a start never fails for what it reads, and changes nothing that counts. **Limits**: none.
//! * **Panics**: on a finding. **Spec**: `smtp-queue/SPOOL_FORMAT.md`.

use std::sync::Arc;

use smtp_queue::spool::files::FileStore;
use smtp_queue::spool::log::{LogStore, fsck};
use smtp_queue::spool::sim::SimVfs;
use smtp_queue::spool::{Options, Store};
use smtp_queue::{Change, Row, RowKey};
use smtp_server::QueueId;

/// Opens a log whose segments hold the input as a whole, and as payloads of valid frames: its parts are separated
/// by `----` and lie in turn among the messages and among the states.
///
/// # Panics
/// On a finding.
pub fn spool_log(input: &[u8]) {
    let (mut messages, mut states) = (vec![0; 48], vec![0; 48]);
    for (number, payload) in (0..).zip(split(input, b"----")) {
        let segment = if number % 2 == 0 { &mut messages } else { &mut states };
        put_frame(payload, number, segment);
    }
    let raw = SimVfs::with_files([
        ("FORMAT", &b"smtp-queue 1 log\n"[..]),
        ("seg/00000001", input),
        ("st/00000001", input),
    ]);
    check_log(&raw);
    let framed = SimVfs::with_files([
        ("FORMAT", &b"smtp-queue 1 log\n"[..]),
        ("seg/00000001", &messages),
        ("st/00000001", &states),
    ]);
    check_log(&framed);
}

/// Reads the input as the text of a message.
///
/// # Panics
/// On a finding.
pub fn spool_text(input: &[u8]) {
    let mut file = format!("smtp-queue 1 {} {:08x}\r\n", input.len(), crc32c::crc32c(input));
    let id = QueueId(1);
    let mut octets = std::mem::take(&mut file).into_bytes();
    octets.extend_from_slice(input);
    let files = [("FORMAT", &b"smtp-queue 1 files\n"[..]), ("queue/1", &octets)];
    let disk = SimVfs::with_files(files);
    let (store, rows) = open_files(&disk);
    let Ok(opened) = store.open(id) else { return };
    assert!(!rows.is_empty() || opened.entry.recipients.is_empty());
    // Written by us it is read as the same, and so is a state on top of it.
    let hold = Change::Hold { id, reason: "a\r\n\t\\reason".to_owned() };
    let held = store.commit(vec![vec![hold], vec![Change::Release(id)]]);
    assert!(held.iter().all(Result::is_ok), "{held:?}");
    drop(store);
    let (store, _) = open_files(&disk);
    let mut again = store.open(id).map(|opened| opened.entry).unwrap_or_else(|_| unread(id));
    again.hold.clone_from(&opened.entry.hold);
    assert_eq!(format!("{again:?}"), format!("{:?}", opened.entry));
}

fn unread(id: QueueId) -> smtp_queue::QueueEntry {
    panic!("message {id} was read once and not again")
}

fn open_files(disk: &SimVfs) -> (FileStore, Vec<RowKey>) {
    let mut rows = Vec::new();
    let mut give = |row: Row<'_>| rows.push(row.key);
    let opened =
        FileStore::open(Arc::new(disk.clone()), Options::default(), &mut give, &mut |_| {});
    match opened {
        Ok((store, _)) => (store, rows),
        Err(error) => panic!("does not open: {error}"),
    }
}

fn check_log(disk: &SimVfs) {
    let told = fsck(disk, &mut |_| {});
    assert!(told.is_ok(), "{told:?}");
    let (store, rows) = open_log(disk);
    let seen = read_all(&store, &rows);
    // A state, so that there is something newer than what is cleaned.
    for row in &rows {
        let held = store.commit(vec![vec![Change::DelayWarned(row.id)]]);
        assert!(held.iter().all(Result::is_ok), "{held:?}");
    }
    let mut steps = 0;
    while let Ok(true) = store.tidy() {
        steps += 1;
        assert!(steps < 100, "tidying does not end");
    }
    drop(store);
    let (store, again) = open_log(disk);
    assert_eq!(rows, again);
    assert_eq!(seen, read_all(&store, &again));
}

fn open_log(disk: &SimVfs) -> (LogStore, Vec<RowKey>) {
    let mut rows = Vec::new();
    let mut give = |row: Row<'_>| rows.push(row.key);
    let opened = LogStore::open(Arc::new(disk.clone()), Options::default(), &mut give, &mut |_| {});
    match opened {
        Ok((store, _)) => {
            rows.sort_unstable();
            (store, rows)
        }
        Err(error) => panic!("does not open: {error}"),
    }
}

/// What can be read of the messages, but for what the target itself changed.
fn read_all(store: &LogStore, rows: &[RowKey]) -> Vec<String> {
    let read = |row: &RowKey| match store.open(row.id) {
        Ok(mut opened) => {
            opened.entry.delay_warned = true;
            format!("{opened:?}")
        }
        Err(error) => error.to_string(),
    };
    rows.iter().map(read).collect()
}

/// The pieces between separators.
fn split<'a>(mut input: &'a [u8], separator: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    while let Some(at) = input.windows(separator.len()).position(|part| part == separator) {
        parts.push(input.get(..at).unwrap_or_default());
        input = input.get(at + separator.len()..).unwrap_or_default();
    }
    parts.push(input);
    parts
}

fn put_frame(payload: &[u8], batch: u64, segment: &mut Vec<u8>) {
    let mut header = b"SQF1\x01\0\0\0".to_vec();
    header.extend(u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    header.extend(crc32c::crc32c(payload).to_le_bytes());
    header.extend(batch.to_le_bytes());
    header.extend(1_u32.to_le_bytes());
    let offset = (segment.len() as u64).to_le_bytes();
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&header), &offset);
    header.extend(checksum.to_le_bytes());
    segment.extend(header);
    segment.extend(payload);
    segment.resize(segment.len().next_multiple_of(8), 0);
}
