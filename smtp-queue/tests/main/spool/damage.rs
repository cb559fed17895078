//! A decaying disk costs what lies on the decayed octets, and never the start.

use smtp_queue::spool::log::{Finding, fsck};
use smtp_queue::spool::sim::SimVfs;
use smtp_queue::spool::vfs::Vfs as _;
use smtp_queue::{Opened, SpoolError};

use super::world::{Backend, Op, World, changes, id, small};

const LAST: u64 = 9;

/// Segments, sealed and not, with a body of its own among them.
fn log() -> SimVfs {
    let disk = SimVfs::default();
    let world = World::open(Backend::Log, &disk, small()).unwrap();
    world.commit(&[Op::AcceptLarge(1)]);
    for number in 2..=LAST {
        world.commit(&[Op::Accept(number)]);
        world.commit(&[Op::Defer(number, 1)]);
    }
    disk
}

fn files_of(disk: &SimVfs, dir: &str) -> Vec<String> {
    let names = disk.list(dir).unwrap();
    names.iter().map(|name| format!("{dir}/{name}")).collect()
}

/// Opens the log and counts the messages that are as they were, or lost a state at most.
fn readable(disk: &SimVfs, whole: &[String], bare: &[String]) -> usize {
    let world = World::open(Backend::Log, disk, small()).unwrap();
    let mut readable = 0;
    for number in 1..=LAST {
        match world.store.open(id(number)) {
            Ok(Opened { entry, content }) => {
                let seen = format!("{entry:?}{:?}", content.fields);
                let place = usize::try_from(number - 1).unwrap();
                assert!(seen == whole[place] || seen == bare[place], "{seen}\n{}", whole[place]);
                readable += 1;
            }
            Err(SpoolError::NotFound(_) | SpoolError::Damaged { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert!(world.commit(&[Op::Accept(20)]).pop().unwrap().is_ok());
    readable
}

fn entries(ops: &[Op]) -> Vec<String> {
    let model = smtp_queue::spool::memory::MemorySpool::new(u64::MAX);
    ops.iter().for_each(|op| model.commit(changes(*op, None)).unwrap());
    let entry = |number| model.read(id(number)).unwrap();
    let text = |Opened { entry, content }| format!("{entry:?}{:?}", content.fields);
    (1..=LAST).map(|number| text(entry(number))).collect()
}

#[test]
fn damage_anywhere_costs_one_message_or_one_state() {
    let mut accepted = vec![Op::AcceptLarge(1)];
    accepted.extend((2..=LAST).map(Op::Accept));
    let bare = entries(&accepted);
    accepted.extend((2..=LAST).map(|number| Op::Defer(number, 1)));
    let whole = entries(&accepted);
    let all = usize::try_from(LAST).unwrap();
    let original = log();
    let mut files = files_of(&original, "seg");
    files.extend(files_of(&original, "st"));
    assert!(5 < files.len(), "{files:?}");
    for file in files {
        let length = original.read(&file).unwrap().len();
        for at in (0..length).step_by(13) {
            let disk = original.images(1, 0).next().unwrap();
            disk.damage(&file, |octets| octets[at] ^= 0x10);
            let readable = readable(&disk, &whole, &bare);
            assert!(all - 1 <= readable, "{readable} with {file} changed at {at}");
        }
        // Cut off, it has what lies in front of the cut.
        let disk = original.images(1, 0).next().unwrap();
        disk.damage(&file, |octets| octets.truncate(length / 2));
        readable(&disk, &whole, &bare);
    }
}

#[test]
fn fsck_reads_all_that_can_be_read_and_tells_the_rest() {
    let disk = log();
    let look = |disk: &SimVfs| {
        let (mut messages, mut damage) = (Vec::new(), Vec::new());
        fsck(disk, &mut |finding| match finding {
            Finding::Message(opened) => messages.push(opened.entry.id),
            Finding::Damage(one) => damage.push(one),
        })
        .unwrap();
        messages.sort_unstable();
        (messages, damage)
    };
    let (messages, damage) = look(&disk);
    assert_eq!(messages, (1..=LAST).map(id).collect::<Vec<_>>());
    assert!(damage.is_empty(), "{damage:?}");
    // A body, an envelope in a sealed segment, and a state.
    let body = files_of(&disk, "blob").remove(0);
    disk.damage(&body, |octets| octets[5] ^= 1);
    disk.damage("seg/00000001", |octets| {
        let at = octets.windows(4).rposition(|four| four == b"RCPT").unwrap();
        octets[at] ^= 1;
    });
    disk.damage("st/00000001", |octets| octets[100] ^= 1);
    let (messages, damage) = look(&disk);
    assert_eq!(messages.len(), usize::try_from(LAST).unwrap() - 2, "{messages:?}");
    assert_eq!(damage.len(), 3, "{damage:?}");
    let world = World::open(Backend::Log, &disk, small()).unwrap();
    assert_eq!(world.damage.len(), 1, "{:?}", world.damage);
    assert_eq!(files_of(&disk, "corrupt").len(), 1);
}

#[test]
fn a_damaged_file_is_told_and_the_others_are_read() {
    let disk = SimVfs::default();
    let world = World::open(Backend::Files, &disk, small()).unwrap();
    world.commit(&[Op::Accept(1), Op::Accept(2), Op::Accept(3)]);
    world.commit(&[Op::Defer(3, 1)]);
    drop(world);
    disk.damage(&format!("queue/{}", id(2)), |octets| octets[60] ^= 1);
    let world = World::open(Backend::Files, &disk, small()).unwrap();
    assert_eq!(world.damage.len(), 1, "{:?}", world.damage);
    assert!(matches!(world.store.open(id(2)), Err(SpoolError::Damaged { .. })));
    assert_eq!(world.rows.len(), 4);
    assert!(world.store.open(id(3)).is_ok());
}

#[test]
fn a_format_of_another_version_is_refused() {
    let disk = SimVfs::with_files([("FORMAT", &b"smtp-queue 2 log\n"[..])]);
    let error = World::open(Backend::Log, &disk, small()).err().unwrap();
    assert!(
        matches!(&error, SpoolError::Io(error) if error.kind() == std::io::ErrorKind::Unsupported)
    );
}

/// Appends a frame with one item to a segment, by the book.
fn append(disk: &SimVfs, path: &str, segment: u32, kind: u8, number: u64, head: &[u8]) {
    disk.damage(path, |octets| {
        let mut payload = vec![kind, 0, 0, 0];
        payload.extend(u32::try_from(head.len()).unwrap().to_le_bytes());
        payload.extend([0; 8]);
        payload.extend(id(number).0.to_le_bytes());
        payload.extend([0; 8]);
        payload.extend(head);
        let mut frame = b"SQF1\x01\0\0\0".to_vec();
        frame.extend(u32::try_from(payload.len()).unwrap().to_le_bytes());
        frame.extend(crc32c::crc32c(&payload).to_le_bytes());
        frame.extend(99_u64.to_le_bytes());
        frame.extend(segment.to_le_bytes());
        let place = (octets.len() as u64).to_le_bytes();
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&frame), &place);
        frame.extend(checksum.to_le_bytes());
        octets.extend(frame);
        octets.extend(payload);
        octets.resize(octets.len().next_multiple_of(8), 0);
    });
}

#[test]
fn what_a_later_version_wrote_is_kept() {
    let disk = SimVfs::default();
    let world = World::open(Backend::Log, &disk, small()).unwrap();
    world.commit(&[Op::Accept(1), Op::Defer(1, 1)]);
    drop(world);
    append(&disk, "st/00000001", 1, 2, 1, b"sparkle yes\r\n");
    append(&disk, "st/00000001", 1, 77, 1, b"what is this\r\n");
    let world = World::open(Backend::Log, &disk, small()).unwrap();
    for attempt in 2..40 {
        assert!(world.commit(&[Op::Hold(1), Op::Defer(1, attempt)]).iter().all(Result::is_ok));
        while world.store.tidy().unwrap() {}
    }
    assert!(disk.read("st/00000001").is_none(), "never cleaned");
    let files = files_of(&disk, "st");
    let octets = files.iter().flat_map(|path| disk.read(path).unwrap()).collect::<Vec<_>>();
    let text = String::from_utf8_lossy(&octets);
    assert!(text.contains("what is this") && text.contains("sparkle yes"), "{text}");
    assert!(world.store.open(id(1)).is_ok());
}
