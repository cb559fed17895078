//! Which host gets the message.

use std::net::{Ipv4Addr, SocketAddr};

use smtp_queue::{Feedback, Outcome};
use tokio::net::TcpListener;

use super::mail::entry;
use super::peer::{HELLO, Peer, TAKEN, attempt, client, hosts, job, short};

/// Nobody listens there.
async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    listener.local_addr().unwrap()
}

// rows: 5321-2.2.3-a
#[tokio::test]
async fn the_next_host_is_asked_where_one_cannot_be_used() {
    let unusable = [
        "S: 554 Go away\nC: QUIT".to_owned(),
        "S: 421 4.3.2 Not now".to_owned(),
        "S: nonsense".to_owned(),
        "S: 220 mx.test\nC: EHLO\nS: 421 Not now".to_owned(),
        "S: 220 mx.test\nC: EHLO".to_owned(),
        // without SMTPUTF8
        format!("{HELLO}C: QUIT"),
        format!("{}C: MAIL\nC: RCPT\nC: DATA\nS: 421 Not now", utf8_hello()),
        format!("{}C: MAIL\nC: RCPT\nC: DATA", utf8_hello()),
    ];
    for script in unusable {
        let first = Peer::start(&[&script]).await;
        let second = Peer::start(&[&format!("{}{TAKEN}", utf8_hello())]).await;
        let entry = entry("<ü@client.test> SMTPUTF8", &["<b@d.test>"]);
        let addresses = [nobody().await, first.address, second.address];
        let (feedback, reports) = attempt(&client(), &job(entry, hosts(&addresses))).await;
        assert_eq!(
            (feedback, short(&reports[0])),
            (Feedback::Reached, "relayed 2.0.0".to_owned()),
            "{script}"
        );
        assert_eq!(first.connections(), 1);
    }
}

fn utf8_hello() -> String {
    HELLO.replace("S: 250 PIPELINING", "S: 250-PIPELINING\nS: 250 SMTPUTF8")
}

// rows: 6531-3.2-d, 5321-4.2.1-b
#[tokio::test]
async fn what_no_host_can_take_fails_and_what_one_may_take_later_waits() {
    let entry = || entry("<ü@client.test> SMTPUTF8", &["<b@d.test>"]);
    let (one, two) = (Peer::start(&[HELLO]).await, Peer::start(&[HELLO]).await);
    let (feedback, reports) =
        attempt(&client(), &job(entry(), hosts(&[one.address, two.address]))).await;
    assert_eq!((feedback, short(&reports[0])), (Feedback::Reached, "failed 5.6.7".to_owned()));
    assert_eq!((one.connections(), two.connections()), (1, 1));

    let one = Peer::start(&[HELLO]).await;
    let (_, reports) =
        attempt(&client(), &job(entry(), hosts(&[one.address, nobody().await]))).await;
    assert_eq!(short(&reports[0]), "deferred 4.4.1");

    // A refusal for good is not put to the next host, nor is one of the message for now.
    for code in ["550", "450"] {
        let refusal = TAKEN.replace("S: 250 2.0.0 Taken", &format!("S: {code} No"));
        let one = Peer::start(&[&format!("{}{refusal}", utf8_hello())]).await;
        let two = Peer::start(&[HELLO]).await;
        let (_, reports) =
            attempt(&client(), &job(entry(), hosts(&[one.address, two.address]))).await;
        assert!(matches!(reports[0].outcome, Outcome::Failed(_) | Outcome::Deferred(_)));
        assert_eq!(two.connections(), 0);
    }
}

#[tokio::test]
async fn a_site_that_nobody_speaks_for_is_unreachable() {
    for (script, code, words) in [
        ("S: 554 Go away\nC: QUIT", "4.0.0", "refused to talk to me: 554 Go away"),
        ("S: 421 4.3.2 Not now", "4.3.2", "421 4.3.2 Not now"),
        ("S: 220 mx.test\nC: EHLO", "4.4.2", "while performing the EHLO handshake"),
        ("", "4.4.2", "while receiving the initial server greeting"),
        (
            "S: 220 mx.test\nC: EHLO\nS: 250 mx.test\nC: MAIL\nS: 421 4.7.0 Too much",
            "4.7.0",
            "in reply to MAIL FROM command",
        ),
    ] {
        let peer = Peer::start(&[script]).await;
        let job = job(entry("<a@client.test>", &["<b@d.test>", "<c@d.test>"]), peer.next_hop());
        let (feedback, reports) = attempt(&client(), &job).await;
        let Feedback::Unreachable(status) = feedback else { panic!("{script}") };
        assert!(status.text.contains(words), "{}", status.text);
        assert!(
            reports.iter().all(|report| short(report) == format!("deferred {code}")),
            "{reports:?}"
        );
    }
    let nobody = nobody().await;
    let job = job(entry("<a@client.test>", &["<b@d.test>"]), hosts(&[nobody]));
    let (feedback, reports) = attempt(&client(), &job).await;
    assert!(matches!(feedback, Feedback::Unreachable(_)));
    assert_eq!(
        reports[0].outcome.status().text,
        format!("connect to mx.test[{}]:{}: Connection refused", nobody.ip(), nobody.port())
    );
}

#[tokio::test]
async fn a_source_address_is_used_for_its_family() {
    let peer = Peer::start(&[&format!("{HELLO}{TAKEN}")]).await;
    let transport = client()
        .source_address("127.0.0.9".parse().unwrap())
        .source_address("::1".parse().unwrap());
    let job = job(entry("<a@client.test>", &["<b@d.test>"]), peer.next_hop());
    let (_, reports) = attempt(&transport, &job).await;
    assert_eq!(short(&reports[0]), "relayed 2.0.0");
    let unusable = client().source_address("192.0.2.1".parse().unwrap());
    let (feedback, _) = attempt(&unusable, &job).await;
    assert!(matches!(feedback, Feedback::Unreachable(_)));
}
