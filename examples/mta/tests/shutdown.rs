//! SIGTERM and SIGINT: what happens to whom.

use std::net::TcpStream;

use rustix::process::Signal;

use crate::client::Client;
use crate::harness::{Mta, own_ip, wait_until};

/// One whose port nobody takes over when it is closed.
fn start_alone() -> Mta {
    Mta::start(&["--smtp", &format!("{}:0", own_ip())])
}

#[test]
fn idle_clients_get_421_and_the_port_closes() {
    for signal in [Signal::TERM, Signal::INT] {
        let mta = start_alone();
        let address = mta.smtp();
        let mut greeted = Client::connect(address);
        let mut in_transaction = Client::hello(address);
        in_transaction.ask("MAIL FROM:<>");
        mta.signal(signal);
        for client in [&mut greeted, &mut in_transaction] {
            let reply = client.reply();
            assert!(reply.starts_with("421 4.3.2 "), "{reply}");
            assert!(client.is_closed());
        }
        let ended = mta.wait();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let report = ended.stderr.lines().last().expect("a report");
        assert!(report.starts_with("mta: ended: "), "{report}");
        assert!(report.ends_with(" 0 were cut at the deadline"), "{report}");
    }
}

#[test]
fn a_message_in_flight_finishes() {
    let mta = start_alone();
    let address = mta.smtp();
    let mut sender = Client::hello(address);
    sender.ask("MAIL FROM:<>");
    sender.ask("RCPT TO:<kim@localhost>");
    sender.ask("DATA");
    sender.send(b"Subject: in flight\r\n\r\nfirst half");
    let mut idle = Client::hello(address);
    mta.signal(Signal::TERM);
    let told = idle.reply();
    assert!(told.starts_with("421 "), "{told}");
    // The listener may close a moment after that.
    wait_until("nobody is accepted any more", || TcpStream::connect(address).is_err());
    let reply = sender.ask(", second half\r\n.");
    assert!(reply.starts_with("250 2.0.0 "), "{reply}");
    let farewell = sender.reply();
    assert!(farewell.starts_with("421 "), "{farewell}");
    let ended = mta.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.ends_with(" 0 were cut at the deadline\n"), "{}", ended.stderr);
    // What was accepted so late may still be in the queue.
    let messages = Mta::start_in(ended.directory, &[]).messages("localhost", "kim");
    assert_eq!(messages.len(), 1);
    assert!(messages[0].ends_with(b"\n\nfirst half, second half\n"));
}

#[test]
fn a_second_signal_ends_at_once() {
    let mta = Mta::start(&[]);
    let mut sender = Client::hello(mta.smtp());
    sender.ask("MAIL FROM:<>");
    sender.ask("RCPT TO:<kim@localhost>");
    sender.ask("DATA");
    sender.send(b"Subject: never whole\r\n");
    let mut idle = Client::hello(mta.smtp());
    mta.signal(Signal::TERM);
    assert!(idle.reply().starts_with("421 "));
    mta.signal(Signal::TERM);
    assert!(sender.is_closed(), "no reply: the message was not taken");
    let ended = mta.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    // Connections that end with it may still say so in the log.
    let report = "\nmta: ended at once, as a second signal asked\n";
    assert!(ended.stderr.contains(report), "{}", ended.stderr);
    assert!(Mta::start_in(ended.directory, &[]).messages("localhost", "kim").is_empty());
}
