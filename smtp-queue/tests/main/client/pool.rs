//! Connections that carry more than one message.

use std::time::Duration;

use smtp_queue::Feedback;
use smtp_queue::transport::smtp::{Credentials, Reuse, TlsLevel, TlsPolicy};

use super::mail::entry;
use super::peer::{HELLO, Peer, TAKEN, attempt, client, job, short};

fn message(peer: &Peer) -> smtp_queue::Job {
    job(entry("<a@client.test>", &["<b@d.test>"]), peer.next_hop())
}

#[tokio::test]
async fn a_connection_carries_so_many_messages() {
    let two = format!("{HELLO}{TAKEN}{TAKEN}C: QUIT\nS: 221 Bye");
    let peer = Peer::start(&[&two, &two]).await;
    let transport = client().reuse(Reuse { uses_max: 2, ..Reuse::default() });
    let mut uses = Vec::new();
    for _ in 0..3 {
        let (_, reports) = attempt(&transport, &message(&peer)).await;
        assert_eq!(short(&reports[0]), "relayed 2.0.0");
        uses.push(reports[0].connection_uses);
    }
    assert_eq!((uses, peer.connections()), (vec![1, 2, 1], 2));
}

#[tokio::test(start_paused = true)]
async fn a_connection_waits_so_long_and_says_goodbye() {
    let goodbye = format!("{HELLO}{TAKEN}C: QUIT\nS: 221 Bye");
    let peer = Peer::start(&[&goodbye, &goodbye]).await;
    let transport = client().reuse(Reuse { idle_max: Duration::from_secs(3), ..Reuse::default() });
    attempt(&transport, &message(&peer)).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    attempt(&transport, &message(&peer)).await;
    assert_eq!(peer.connections(), 2);
    transport.close_idle().await;
    assert_eq!(peer.heard().iter().filter(|line| *line == "QUIT").count(), 2);
}

#[tokio::test]
async fn a_connection_that_died_is_replaced_once() {
    let one = format!("{HELLO}{TAKEN}");
    for death in ["C: MAIL", "C: MAIL\nC: RCPT\nC: DATA\nS: 250 Ok", "C: MAIL\nS: 421 Enough"] {
        let peer = Peer::start(&[&format!("{one}{death}"), &one]).await;
        let transport = client();
        for _ in 0..2 {
            let (feedback, reports) = attempt(&transport, &message(&peer)).await;
            assert_eq!(
                (feedback, short(&reports[0])),
                (Feedback::Reached, "relayed 2.0.0".to_owned()),
                "{death}"
            );
            assert_eq!(reports[0].connection_uses, 1);
        }
        assert_eq!(peer.connections(), 2);
    }
    // The replacement is not replaced.
    let peer = Peer::start(&[&format!("{one}C: MAIL"), &format!("{HELLO}C: MAIL"), &one]).await;
    let transport = client();
    attempt(&transport, &message(&peer)).await;
    let (_, reports) = attempt(&transport, &message(&peer)).await;
    assert_eq!((short(&reports[0]), peer.connections()), ("deferred 4.4.2".to_owned(), 2));
    // Behind the end of the content nothing is sent again.
    let peer =
        Peer::start(&[&format!("{one}{}", TAKEN.replace("S: 250 2.0.0 Taken", "")), &one]).await;
    let transport = client();
    attempt(&transport, &message(&peer)).await;
    let (_, reports) = attempt(&transport, &message(&peer)).await;
    assert_eq!((short(&reports[0]), peer.connections()), ("deferred 4.4.2".to_owned(), 1));
}

#[tokio::test]
async fn a_connection_is_not_shared_across_policies_and_logins() {
    let peer = Peer::start(&[&format!("{HELLO}{TAKEN}"); 3].map(String::as_str)).await;
    let transport = client();
    let other_policy = transport.clone().tls_policy(TlsPolicy::new(TlsLevel::None));
    let login = Credentials::new("kim", "secret").unwrap();
    let other_login = other_policy.clone().credentials("mx.test", login);
    for transport in [&transport, &other_policy, &other_login] {
        let (_, reports) = attempt(transport, &message(&peer)).await;
        assert_eq!(reports[0].connection_uses, 1);
    }
    assert_eq!(peer.connections(), 3);
}
