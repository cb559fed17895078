//! Rows G6 and I10, as far as they are rates: who guesses passwords or recipients is slowed down.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use smtp_server::access::{Rate, Rates};
use smtp_server::relay::Networks;
use smtp_server::sasl::Passwords;
use smtp_server::{EvaluateAt, Event, Observer, SessionInfo, UnixMillis};

use super::runtime;
use crate::support::checks::{
    after, at_client, at_hello, at_recipient, at_sender, client_at, logged_in,
};
use crate::support::hooks::OneUser;
use crate::support::pure::block_on;
use crate::support::setup::Setup;
use crate::support::tcp::{Client, Running};

const MINUTE: Duration = Duration::from_secs(60);

fn from(ip: &str, port: u16) -> SessionInfo {
    client_at(SocketAddr::new(ip.parse().unwrap(), port))
}

fn connects(rates: &Rates, info: &SessionInfo, now: UnixMillis) -> bool {
    block_on(at_client(rates, info, now)).is_ok()
}

#[test]
fn connections_of_one_client_are_counted_once_each() {
    let rates = Rates::default().connections(Rate::new(2, MINUTE));
    let connect = |ip: &str, port, second| connects(&rates, &from(ip, port), after(second));
    assert!(connect("2001:db8::1", 1, 0) && connect("2001:db8::ffff", 2, 1));
    assert!(!connect("2001:db8:0:0:1::", 3, 2), "the same /64");
    assert!(connect("2001:db8:0:1::", 4, 2), "another one");
    // The same question again, as at each RCPT, gives the same answer and counts nothing.
    for second in 3..20 {
        assert!(connect("2001:db8::1", 1, second) && !connect("2001:db8:0:0:1::", 3, second));
    }
    assert!(connect("2001:db8::1", 5, 32));
    assert!(!connect("2001:db8::1", 6, 32));
    assert!(
        connect("192.0.2.1", 0, 40) && connect("192.0.2.1", 0, 41) && !connect("192.0.2.1", 0, 42)
    );
    let refused = block_on(at_client(&rates, &from("2001:db8::1", 7), after(33))).unwrap_err();
    assert!(refused.closes() && refused.reply().to_string().starts_with("421 4.7.0 "));
}

#[test]
fn messages_are_counted_by_login_or_else_by_client() {
    let rates =
        Rates::default().messages(Rate::new(1, MINUTE)).login_messages(Rate::new(2, MINUTE));
    let send =
        |info: &SessionInfo, second| block_on(at_sender(&rates, info, "<a@b.test>", after(second)));
    let host = from("192.0.2.1", 1);
    assert_eq!(send(&host, 0), "-");
    assert_eq!(send(&host, 0), "-", "the same message, judged again");
    let refused = "450 4.7.1 Too many messages in a short time";
    assert_eq!(send(&host, 1), refused);
    assert_eq!(send(&host, 1), refused, "the same message, judged again");
    assert_eq!(send(&host, 61), "-");
    for (ip, second, expected) in
        [("192.0.2.1", 100, "-"), ("203.0.113.1", 101, "-"), ("2001:db8::1", 102, refused)]
    {
        assert_eq!(send(&logged_in(ip, "kim"), second), expected);
    }
    assert_eq!(send(&logged_in("192.0.2.1", "lee"), 103), "-");
}

#[test]
fn connections_of_one_login_are_counted_once_each_from_wherever() {
    let rates = Rates::default().login_connections(Rate::new(2, MINUTE));
    let send = |ip: &str, port: u16, login: &str, second| {
        let mut info = logged_in(ip, login);
        info.peer.remote = Some(SocketAddr::new(ip.parse().unwrap(), port));
        block_on(at_sender(&rates, &info, "<a@b.test>", after(second)))
    };
    let refused = "421 4.7.0 Too many connections";
    for (ip, port, login, second, expected) in [
        ("192.0.2.1", 1, "kim", 0, "-"),
        ("192.0.2.1", 1, "kim", 1, "-"),
        ("203.0.113.1", 1, "kim", 2, "-"),
        ("2001:db8::1", 9, "kim", 3, refused),
        ("2001:db8::1", 9, "kim", 4, refused),
        ("2001:db8::1", 8, "lee", 4, "-"),
        ("203.0.113.1", 1, "kim", 5, "-"),
        ("203.0.113.2", 1, "kim", 40, "-"),
    ] {
        assert_eq!(send(ip, port, login, second), expected, "{ip} {port} {login} {second}");
    }
    assert!(connects(&rates, &from("192.0.2.1", 1), after(6)), "no rate of clients was given");
}

#[test]
fn i10_recipients_are_tried_at_a_rate() {
    let inside = Networks::new(["10.0.0.0/8"]).unwrap();
    let rates = Rates::default().recipients(Rate::new(100, MINUTE)).exempt(inside);
    let tried = |ip: &str| {
        let info = from(ip, 1);
        let one = |n: u64| {
            let path = format!("<user{n}@local.test>");
            block_on(at_recipient(&rates, &info, ("<>", &path), after(n / 100)))
        };
        (0..1000).map(one).filter(|reply| reply == "-").count()
    };
    // A thousand in ten seconds: those at once, and one for each 600 ms after.
    assert_eq!(tried("192.0.2.1"), 115);
    assert_eq!(tried("10.0.0.1"), 1000);
    let logins = Rates::default().login_recipients(Rate::new(1, MINUTE));
    let kim = logged_in("192.0.2.1", "kim");
    let one = |second| block_on(at_recipient(&logins, &kim, ("<>", "<a@b.test>"), after(second)));
    assert_eq!([one(0), one(1)], ["-", "450 4.7.1 Too many recipients in a short time"]);
}

#[test]
fn g06_who_fails_to_log_in_too_often_is_sent_away() {
    let rates = Rates::default().auth_failures(Rate::new(3, MINUTE));
    let guesser = from("192.0.2.1", 1);
    let failure = Event::AuthenticationFailed { authcid: "kim", mechanism: "PLAIN" };
    let fail = || rates.on_event(&failure, &guesser);
    for _ in 0..3 {
        assert!(connects(&rates, &guesser, after(0)));
        fail();
    }
    assert!(!connects(&rates, &from("192.0.2.1", 2), after(1)));
    assert_eq!(block_on(at_hello(&rates, &guesser, "a.test")), "421 4.7.0 Too many failed logins");
    assert!(connects(&rates, &from("192.0.2.2", 1), after(1)), "another client");
    assert!(connects(&rates, &guesser, after(20)));
    // What is above the rate does not prolong it.
    (0..100).for_each(|_| fail());
    assert!(connects(&rates, &guesser, after(40)));
}

#[test]
fn g06_a_server_hears_of_failures_and_closes() {
    let rates = Rates::default().auth_failures(Rate::new(2, MINUTE));
    let (mut setup, _) = Setup::accepting();
    setup.access = Some(Arc::new(rates.clone()));
    let store = OneUser { user: "kim".to_owned(), password: "secret".to_owned() };
    setup.authenticator = Some(Arc::new(Passwords::new(store)));
    setup.auth_in_clear = true;
    setup.evaluate_at = EvaluateAt::OwnStage;
    runtime().block_on(async {
        let running = Running::with(setup.server_with(rates), setup.service_config()).await;
        let mut client = Client::direct(running.address).await;
        client.reply().await;
        client.ask("EHLO a.test\r\n").await;
        for _ in 0..2 {
            let reply = client.ask("AUTH PLAIN AGtpbQB3cm9uZw==\r\n").await;
            assert!(reply.starts_with("535 5.7.8 "), "{reply}");
        }
        let reply = client.ask("EHLO a.test\r\n").await;
        assert!(reply.starts_with("421 "), "{reply}");
        assert_eq!(client.rest().await, b"");
        let mut again = Client::direct(running.address).await;
        let greeting = again.reply().await;
        assert!(greeting.starts_with("421 "), "{greeting}");
        running.stop().await;
    });
}

#[test]
fn connections_and_messages_count_once_where_all_is_judged_at_rcpt() {
    let rates = Rates::default().connections(Rate::new(1, MINUTE)).messages(Rate::new(1, MINUTE));
    let (mut setup, _) = Setup::accepting();
    setup.access = Some(Arc::new(rates));
    setup.evaluate_at = EvaluateAt::Recipient;
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let mut client = Client::direct(running.address).await;
        client.reply().await;
        client.ask("EHLO a.test\r\n").await;
        client.ask("MAIL FROM:<a@b.test>\r\n").await;
        for to in ["kim", "lee", "ann"] {
            let reply = client.ask(&format!("RCPT TO:<{to}@local.test>\r\n")).await;
            assert!(reply.starts_with("250 "), "{reply}");
        }
        running.stop().await;
    });
}
