//! Next hops that say nothing more.

use std::time::Duration;

use super::mail::entry;
use super::peer::{Peer, attempt, client, content, job, short};

#[expect(clippy::disallowed_methods, reason = "the paused clock of the runtime")]
fn now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

// rows: 5321-4.5.3.2-a, 5321-4.5.3.2.1-a, 5321-4.5.3.2.2-a, 5321-4.5.3.2.3-a, 5321-4.5.3.2.4-a, 5321-4.5.3.2.5-a, 5321-4.5.3.2.6-a
#[tokio::test(start_paused = true)]
async fn c07_each_step_has_a_time_of_its_own() {
    let mut script = String::new();
    for (turn, minutes, stage) in [
        ("", 5, "receiving the initial server greeting"),
        ("S: 220 mx.test\nC: EHLO", 5, "performing the EHLO handshake"),
        ("S: 250 mx.test\nC: MAIL", 5, "sending MAIL FROM"),
        ("S: 250 Ok\nC: RCPT", 5, "sending RCPT TO"),
        ("S: 250 Ok\nC: RCPT", 5, "sending RCPT TO"),
        ("S: 250 Ok\nC: DATA", 2, "sending DATA command"),
        ("S: 354 Ok\nD:", 10, "sending end of data -- message may be sent more than once"),
    ] {
        script.push_str(&format!("{turn}\n"));
        // A reply that comes in pieces does not get more time.
        for rest in ["H:", "R: 2\nH:"] {
            let peer = Peer::start(&[&format!("{script}{rest}")]).await;
            let job = job(entry("<a@client.test>", &["<b@d.test>", "<c@d.test>"]), peer.next_hop());
            let began = now();
            let (_, reports) = attempt(&client(), &job).await;
            let elapsed = began.elapsed();
            let expected = Duration::from_secs(60 * minutes);
            assert!(
                (expected..expected + Duration::from_secs(1)).contains(&elapsed),
                "{elapsed:?} {stage}"
            );
            assert_eq!(short(&reports[0]), "deferred 4.4.2");
            let text = &reports[0].outcome.status().text;
            assert!(text.ends_with(&format!("timed out while {stage}")), "{text}");
        }
    }
    // Content that nobody reads.
    let begin = script.trim_end().strip_suffix("D:").unwrap();
    let peer = Peer::start(&[&format!("{begin}H:")]).await;
    let mut job = job(entry("<a@client.test>", &["<b@d.test>", "<c@d.test>"]), peer.next_hop());
    job.content = content(vec![b'x'; 64 << 20]);
    let began = now();
    let (_, reports) = attempt(&client(), &job).await;
    assert_eq!(began.elapsed().as_secs(), 180);
    let text = &reports[0].outcome.status().text;
    assert!(text.ends_with("timed out while sending message body"), "{text}");
}
