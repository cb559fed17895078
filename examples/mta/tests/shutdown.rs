//! SIGTERM and SIGINT: what happens to whom.

use std::net::TcpStream;

use rustix::process::Signal;

use crate::client::Client;
use crate::harness::Mta;

#[test]
fn idle_clients_get_421_and_the_port_closes() {
    for signal in [Signal::TERM, Signal::INT] {
        let mta = Mta::start(&[]);
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
        assert_eq!(report, "mta: ended: 2 open connections finished, 0 were cut at the deadline");
        assert!(TcpStream::connect(address).is_err(), "the port is closed");
    }
}

#[test]
fn a_message_in_flight_finishes() {
    let mta = Mta::start(&[]);
    let address = mta.smtp();
    let mut sender = Client::hello(address);
    sender.ask("MAIL FROM:<>");
    sender.ask("RCPT TO:<kim@localhost>");
    sender.ask("DATA");
    sender.send(b"Subject: in flight\r\n\r\nfirst half");
    let mut idle = Client::hello(address);
    mta.signal(Signal::TERM);
    // From here on the server knows, and accepts nobody.
    let told = idle.reply();
    assert!(told.starts_with("421 "), "{told}");
    let reply = sender.ask(", second half\r\n.");
    assert!(reply.starts_with("250 2.0.0 "), "{reply}");
    let farewell = sender.reply();
    assert!(farewell.starts_with("421 "), "{farewell}");
    let messages = mta.messages("localhost", "kim");
    assert_eq!(messages.len(), 1);
    assert!(messages[0].ends_with(b"\n\nfirst half, second half\n"));
    let ended = mta.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .ends_with("mta: ended: 2 open connections finished, 0 were cut at the deadline\n")
    );
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
    assert!(mta.messages("localhost", "kim").is_empty());
    let ended = mta.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stderr.ends_with("mta: ended at once, as a second signal asked\n"),
        "{}",
        ended.stderr
    );
}
