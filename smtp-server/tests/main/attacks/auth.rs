//! Rows G1 to G6 and G8 to G10: guessing, malformed exchanges, and what must not be told or kept.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use smtp_server::delivery::Memory;
use smtp_server::proto::AuthParam;
use smtp_server::sasl::{Passwords, Throttle, ThrottleLimits};
use smtp_server::{Authenticator, Delivery};

use super::{at_every_cut, runtime};
use crate::support::hooks::{OneUser, Scripted};
use crate::support::octets::codes;
use crate::support::pure::{self, Cuts, Turn};
use crate::support::sasl::{challenge, line, scram_users};
use crate::support::setup::Setup;
use crate::support::tcp::{Client, Running};

const KIM: &str = "AUTH PLAIN AGtpbQBzZWNyZXQ=\r\n";

fn one_user() -> OneUser {
    OneUser { user: "kim".to_owned(), password: "secret".to_owned() }
}

fn setup(delivery: impl Delivery, authenticator: impl Authenticator) -> Setup {
    let mut setup = Setup::new(delivery);
    setup.authenticator = Some(Arc::new(authenticator));
    setup.auth_in_clear = true;
    setup.limits.errors_max = None;
    setup
}

/// The codes after EHLO and one turn.
fn answers(setup: &Setup, turns: &[&str]) -> Vec<String> {
    let turns = ["EHLO a\r\n"].iter().chain(turns).map(Turn::send).collect::<Vec<_>>();
    let run = at_every_cut(setup, &turns);
    run.output[2..].iter().flat_map(|output| codes(output)).collect()
}

#[test]
fn g01_auth_out_of_order() {
    let setup = setup(Scripted::default(), Passwords::new(one_user()));
    let before = at_every_cut(&setup, &[Turn::send(KIM)]);
    assert_eq!(codes(&before.output[1]), ["503 5.5.1"]);
    for (turns, expected) in [
        (&[KIM, KIM][..], &["235 2.7.0", "503 5.5.1"][..]),
        (&["MAIL FROM:<a@b.test>\r\n", KIM], &["250 2.1.0", "503 5.5.1"]),
        (&["AUTH FOO\r\n"], &["504 5.5.4"]),
        (&["AUTH\r\n"], &["501 5.5.4"]),
    ] {
        assert_eq!(answers(&setup, turns), expected, "{turns:?}");
    }
}

#[test]
fn g02_responses_that_are_none() {
    let setup = setup(Scripted::default(), Passwords::new(scram_users(&[("kim", "secret")])));
    for (turns, expected) in [
        (&["AUTH PLAIN !!!\r\n"][..], &["501 5.5.2"][..]),
        (&["AUTH PLAIN\r\n", "*\r\n"], &["334", "501 5.7.0"]),
        (&["AUTH PLAIN =\r\n"], &["535 5.7.8"]),
        (&["AUTH SCRAM-SHA-256 =\r\n"], &["535 5.7.8"]),
        (&["AUTH SCRAM-SHA-256\r\n", "\r\n"], &["334", "535 5.7.8"]),
        (&["AUTH LOGIN\r\n", "\r\n"], &["334", "535 5.7.8"]),
    ] {
        assert_eq!(answers(&setup, turns), expected, "{turns:?}");
    }
    // Far longer than any response may be; in the end nobody listens any more.
    for (length, expected, is_closed) in
        [(50_000, "500 5.5.6", false), (100_000, "500 5.5.2", true)]
    {
        let long = format!("{}\r\n", "A".repeat(length));
        let turns = [Turn::send("EHLO a\r\n"), Turn::send("AUTH PLAIN\r\n"), Turn::send(long)];
        let run = pure::run(&setup, &turns, Cuts::All);
        assert_eq!((codes(&run.output[3]), run.closed), (vec![expected.to_owned()], is_closed));
        assert!(run.input_capacity_max < 50_000, "{}", run.input_capacity_max);
    }
}

#[test]
fn g03_plain_that_is_malformed() {
    let setup = setup(Scripted::default(), Passwords::new(one_user()));
    for message in [
        &b"\0kim\0secret\0x"[..],
        b"kim\0\0",
        b"\0kim\0",
        b"\0\0secret",
        b"kim",
        b"",
        b"\0kim\0sec\xffret",
        b"\0kim\0secret\r",
        b"\0kim\r\nx\0secret",
        b"\0kim\0secret\n",
    ] {
        let turn = if message.is_empty() {
            "AUTH PLAIN =\r\n".to_owned()
        } else {
            line("AUTH PLAIN ", message)
        };
        assert_eq!(answers(&setup, &[&turn]), ["535 5.7.8"], "{}", message.escape_ascii());
    }
}

#[test]
fn g04_each_auth_begins_anew() {
    let passwords = Passwords::new(one_user()).with_cram_md5();
    let setup = setup(Scripted::default(), passwords);
    let plain = KIM.strip_prefix("AUTH PLAIN ").unwrap();
    for (turns, expected) in [
        // What one mechanism left behind is nothing to the next one.
        (
            &["AUTH CRAM-MD5\r\n", "eA==\r\n", "AUTH PLAIN\r\n", plain][..],
            &["334", "535 5.7.8", "334", "235 2.7.0"][..],
        ),
        (
            &["AUTH CRAM-MD5\r\n", "*\r\n", "AUTH PLAIN\r\n", plain],
            &["334", "501 5.7.0", "334", "235 2.7.0"],
        ),
        (
            &["AUTH LOGIN\r\n", "a2lt\r\n", "*\r\n", "AUTH LOGIN\r\n", "c2VjcmV0\r\n"],
            &["334", "334", "501 5.7.0", "334", "334"],
        ),
        (&["AUTH CRAM-MD5\r\n", "*\r\n", "eA==\r\n"], &["334", "501 5.7.0", "500 5.5.2"]),
    ] {
        let turns = ["EHLO a\r\n"].iter().chain(turns).map(Turn::send).collect::<Vec<_>>();
        let run = pure::run(&setup, &turns, Cuts::All);
        let got = run.output[2..].iter().flat_map(|output| codes(output)).collect::<Vec<_>>();
        assert_eq!(got, expected, "{turns:?}");
    }
}

/// The time it takes is measured by the benchmark of the same name.
#[test]
fn g05_unknown_users_and_wrong_passwords_are_answered_alike() {
    let setup = setup(Scripted::default(), Passwords::new(scram_users(&[("kim", "secret")])));
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let mut client = greeted(&running).await;
        let wrong = client.ask(&line("AUTH PLAIN ", "\0kim\0wrong")).await;
        let unknown = client.ask(&line("AUTH PLAIN ", "\0nobody\0wrong")).await;
        assert_eq!(wrong, "535 5.7.8 Authentication credentials invalid\r\n");
        assert_eq!(unknown, wrong);
        for user in ["kim", "nobody"] {
            let first = line("AUTH SCRAM-SHA-256 ", format!("n,,n={user},r=abc"));
            let server_first = challenge(&client.ask(&first).await);
            let nonce = server_first.split_once(',').unwrap().0;
            let proof = "A".repeat(43);
            let last = line("", format!("c=biws,{nonce},p={proof}="));
            assert_eq!(client.ask(&last).await, wrong, "{user}");
        }
        running.stop().await;
    });
}

async fn greeted(running: &Running) -> Client {
    greeted_from(running, Ipv4Addr::LOCALHOST.into()).await
}

async fn greeted_from(running: &Running, ip: IpAddr) -> Client {
    let mut client = running.connect(ip).await;
    client.reply().await;
    client.ask("EHLO a\r\n").await;
    client
}

#[test]
fn g06_guessing_is_slowed_down() {
    let limits = ThrottleLimits {
        failures_per_client_max: 3,
        failures_per_account_max: 5,
        window: Duration::from_secs(600),
    };
    let mut setup = setup(Scripted::default(), Throttle::new(Passwords::new(one_user()), limits));
    let wrong = line("AUTH PLAIN ", "\0kim\0wrong");
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let client = |last| IpAddr::from([127, 0, 0, last]);
        let mut first = greeted_from(&running, client(1)).await;
        for _ in 0..3 {
            assert!(first.ask(&wrong).await.starts_with("535 5.7.8 "));
        }
        // By now the password may be right: it is not looked at, on no connection and for no user.
        assert!(first.ask(KIM).await.starts_with("450 4.7.1 Error: too many AUTH commands"));
        let mut again = greeted_from(&running, client(1)).await;
        assert!(again.ask(KIM).await.starts_with("450 4.7.1 "));
        let lee = line("AUTH PLAIN ", "\0lee\0x");
        assert!(again.ask(&lee).await.starts_with("450 4.7.1 "));
        // Another client is asked, until the account had too many.
        let mut second = greeted_from(&running, client(2)).await;
        for _ in 0..2 {
            assert!(second.ask(&wrong).await.starts_with("535 5.7.8 "));
        }
        assert!(second.ask(KIM).await.starts_with("450 4.7.1 "));
        assert!(second.ask(&lee).await.starts_with("535 5.7.8 "), "another account");
        running.stop().await;
    });
    let refused = setup.events.starting_with("AuthenticationRefused");
    assert_eq!(refused.len(), 4, "{refused:?}");
    assert!(
        refused[0].contains("\"kim\"") && refused[0].contains("TooManyFailures"),
        "{refused:?}"
    );
    assert_eq!(setup.events.starting_with("AuthenticationFailed").len(), 6);

    // The session closes at its limit of errors, whatever the throttle says.
    setup.limits.errors_max = Some(20);
    setup.authenticator = Some(Arc::new(Passwords::new(one_user())));
    let turns = std::iter::once("EHLO a\r\n").chain(std::iter::repeat_n(wrong.as_str(), 100));
    let turns = turns.map(Turn::send).collect::<Vec<_>>();
    let run = pure::run(&setup, &turns, Cuts::None);
    assert!(run.closed && run.output.len() < 25, "{}", run.output.len());
}

#[test]
fn g08_auth_of_mail_is_not_believed() {
    let memory = Memory::default();
    let setup = setup(memory.clone(), Passwords::new(one_user()));
    let message = "RCPT TO:<kim@local.test>\r\nBDAT 0 LAST\r\n";
    let mail = format!("MAIL FROM:<a@b.test> AUTH=c@d.test\r\n{message}");
    answers(&setup, &[&mail]);
    for message in memory.take() {
        assert!(matches!(message.envelope.params.auth, Some(AuthParam::Unknown)));
    }
}

#[test]
fn g09_mechanisms_that_prove_nothing_are_not_offered() {
    let setup = setup(Scripted::default(), Passwords::new(one_user()));
    for mechanism in
        ["ANONYMOUS", "GSSAPI", "GSS-SPNEGO", "NTLM", "EXTERNAL", "DIGEST-MD5", "CRAM-MD5"]
    {
        let token = format!("AUTH {mechanism} YIICWAYGKwYBBQUC\r\n");
        assert_eq!(answers(&setup, &[&token]), ["504 5.5.4"], "{mechanism}");
    }
}

#[test]
fn g10_no_password_is_in_any_event_or_reply() {
    let setup = setup(Scripted::default(), Passwords::new(scram_users(&[("kim", "secret")])));
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let mut client = greeted(&running).await;
        for turn in [
            line("AUTH PLAIN ", "\0kim\0TOPSECRET"),
            line("AUTH PLAIN ", "TOPSECRET"),
            "AUTH PLAIN TOPSECRET!\r\n".to_owned(),
            "AUTH TOPSECRET\r\n".to_owned(),
            line("AUTH LOGIN ", "kim"),
            line("", "TOPSECRET"),
            KIM.to_owned(),
        ] {
            let reply = client.ask(&turn).await;
            assert!(!reply.contains("SECRET") && !reply.contains("secret"), "{turn}: {reply}");
        }
        running.stop().await;
    });
    let events = setup.events.all().join("\n");
    assert!(
        events.contains("AuthenticationFailed") && events.contains("Authenticated {"),
        "{events}"
    );
    assert!(!events.contains("SECRET") && !events.contains("secret"), "{events}");
}
