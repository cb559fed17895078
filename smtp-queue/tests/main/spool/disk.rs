//! The same on a real disk: what a simulation cannot show.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use smtp_queue::SpoolError;
use smtp_queue::spool::Store;
use smtp_queue::spool::files::FileStore;
use smtp_queue::spool::log::LogStore;
use smtp_queue::spool::vfs::{Disk, Vfs as _};

use super::world::{Op, changes, id, small};

fn open_log(disk: &Arc<Disk>) -> Result<LogStore, SpoolError> {
    let opened = LogStore::open(disk.clone(), small(), &mut |_| {}, &mut |_| {});
    opened.map(|(store, _)| store)
}

fn open_files(disk: &Arc<Disk>) -> Result<FileStore, SpoolError> {
    let opened = FileStore::open(disk.clone(), small(), &mut |_| {}, &mut |_| {});
    opened.map(|(store, _)| store)
}

fn works<S: Store>(open: impl Fn(&Arc<Disk>) -> Result<S, SpoolError>) {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(Disk::new(dir.path().join("spool")).unwrap());
    let store = open(&disk).unwrap();
    assert!(0 < disk.room().unwrap().bytes);
    for number in 1..=40 {
        let sets = vec![changes(Op::Accept(number), None), changes(Op::Defer(number, 1), None)];
        assert!(store.commit(sets).iter().all(Result::is_ok));
    }
    for number in 2..=40 {
        assert!(store.commit(vec![changes(Op::Finish(number), None)]).iter().all(Result::is_ok));
        while store.tidy().unwrap() {}
    }
    match open(&disk).err() {
        Some(SpoolError::Io(error)) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
        other => panic!("{other:?}"),
    }
    drop(store);
    let store = open(&disk).unwrap();
    assert_eq!(store.open(id(1)).unwrap().entry.recipients.len(), 3);
    assert!(matches!(store.open(id(2)), Err(SpoolError::NotFound(_))));
}

#[test]
fn the_log_works_on_a_disk() {
    works(open_log);
}

#[test]
fn the_files_work_on_a_disk() {
    works(open_files);
}

#[test]
fn k04_a_directory_that_others_may_write_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for (mode, is_refused) in [(0o700, false), (0o755, false), (0o775, true), (0o707, true)] {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(dir.path(), permissions).unwrap();
        assert_eq!(Disk::new(dir.path()).is_err(), is_refused, "{mode:o}");
    }
}
