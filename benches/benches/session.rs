//! The session, without sockets: what a message costs before anything is read or written.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use smtp_benches::session::{HandDriven, Transaction};

fn main() {
    divan::main();
}

/// MAIL, RCPT, DATA and the content on a session that is open already; one item is a message.
#[divan::bench(args = [1_024, 4_096])]
fn transaction(bencher: Bencher<'_, '_>, bytes: usize) {
    let transaction = Transaction::new(bytes);
    let mut driven = HandDriven::greeted();
    bencher.counter(ItemsCount::new(1_usize)).counter(BytesCount::new(bytes)).bench_local(|| {
        let content_bytes = driven.carry(black_box(&transaction));
        assert!(bytes <= content_bytes);
    });
}

/// A session of its own for the message: greeting and EHLO are part of it.
#[divan::bench(args = [1_024, 4_096])]
fn session_and_transaction(bencher: Bencher<'_, '_>, bytes: usize) {
    let transaction = Transaction::new(bytes);
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
        let content_bytes = HandDriven::greeted().carry(black_box(&transaction));
        assert!(bytes <= content_bytes);
    });
}
