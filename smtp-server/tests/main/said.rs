//! What the transcript of a connection shows, and what it does not.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use smtp_server::relay::Networks;
use smtp_server::testing::{Speaker, Transcript};
use smtp_server::{Accepted, Body, Delivered, Delivery, Envelope, ServiceConfig, SessionInfo};
use tokio::runtime::{Builder, Runtime};

use crate::support::setup::Setup;
use crate::support::tcp::{Client, Running};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// The lines without their times.
fn lines(transcript: &Transcript) -> Vec<String> {
    let mark = |from| match from {
        Speaker::Client => "C",
        Speaker::Server => "S",
        Speaker::Note => "-",
    };
    transcript.lines().iter().map(|line| format!("{} {}", mark(line.from), line.text)).collect()
}

#[test]
fn a_conversation_is_shown_line_by_line() {
    let (mut setup, _) = Setup::accepting();
    setup.tls = true;
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let mut client = Client::direct(running.address).await;
        client.reply().await;
        client.ask("EHLO client.test\r\n").await;
        client.ask("STARTTLS\r\n").await;
        client.start_tls().await.unwrap();
        client.ask("EHLO client.test\r\n").await;
        client.write(b"MAIL FROM:<ann@example.org>\r\nRCPT TO:<kim@local.test>\r\nDATA\r\n").await;
        client.replies(3).await;
        client.ask("Subject: x\r\n\r\n..\r\n.\r\n").await;
        client.ask("BAD\tLINE\r\n").await;
        client.ask("QUIT\r\n").await;
        client.rest().await;
        running.stop().await;
    });
    let recent = setup.transcripts.recent();
    assert_eq!(recent.len(), 1);
    let shown = lines(&recent[0]);
    let without_offers = shown.iter().filter(|line| !line.starts_with("S 250-"));
    let shown = without_offers.map(String::as_str).collect::<Vec<_>>();
    assert!(shown[0].starts_with("- smtp connection from 127.0.0.1:"), "{shown:?}");
    assert_eq!(shown[1..3], ["S 220 mx.test ESMTP", "C EHLO client.test"]);
    assert!(shown[3].starts_with("S 250 "), "{shown:?}");
    assert_eq!(shown[4], "C STARTTLS");
    assert!(shown[6].starts_with("- TLSv1.3 with TLS_"), "{shown:?}");
    let queued = shown[16].strip_prefix("S 250 2.0.0 Ok: queued as ");
    assert!(queued.is_some_and(|id| !id.is_empty()), "{shown:?}");
    assert_eq!(
        [&shown[7..8], &shown[9..16], &shown[17..]].concat(),
        [
            "C EHLO client.test",
            "C MAIL FROM:<ann@example.org>",
            "C RCPT TO:<kim@local.test>",
            "C DATA",
            "S 250 2.1.0 Sender ok",
            "S 250 2.1.5 Recipient ok",
            "S 354 End data with <CR><LF>.<CR><LF>",
            "C (17 octets of content)",
            "C BAD\\tLINE",
            "S 500 5.5.2 Unknown command",
            "C QUIT",
            "S 221 2.0.0 mx.test Bye",
            "- closed: Quit",
        ],
        "{shown:?}"
    );
}

/// Keeps the transcript that it finds beside each message.
#[derive(Clone, Default)]
struct Keeping(Arc<Mutex<Vec<Transcript>>>);

#[async_trait]
impl Delivery for Keeping {
    async fn deliver(
        &self,
        _envelope: Envelope,
        body: &mut Body<'_>,
        info: &SessionInfo,
    ) -> Delivered {
        body.drain().await?;
        self.0.lock().unwrap().extend(info.extensions.find::<Transcript>().cloned());
        Ok(Accepted::new().into())
    }
}

#[test]
fn a_delivery_finds_it_on_every_way_into_a_session() {
    let delivery = Keeping::default();
    let mut setup = Setup::new(delivery.clone());
    setup.tls = true;
    setup.xclient_clients = Networks::new(["127.0.0.0/8"]).unwrap();
    let message = "MAIL FROM:<>\r\nRCPT TO:<kim@local.test>\r\nBDAT 1 LAST\r\nx";
    runtime().block_on(async {
        let services = [ServiceConfig::smtp(), ServiceConfig::submissions().require_auth(false)];
        let running = Running::with_each(setup.server(), services).await;
        for way in ["clear", "STARTTLS\r\n", "XCLIENT ADDR=192.0.2.1\r\n", "implicit"] {
            let address = running.addresses[usize::from(way == "implicit")];
            let mut client = Client::direct(address).await;
            if way == "implicit" {
                client.start_tls().await.unwrap();
            }
            client.reply().await;
            client.ask("EHLO a\r\n").await;
            if way.ends_with('\n') {
                client.ask(way).await;
            }
            if way.starts_with('S') {
                client.start_tls().await.unwrap();
            }
            client.ask("EHLO a\r\n").await;
            client.write(message.as_bytes()).await;
            client.replies(3).await;
        }
        running.stop().await;
    });
    let kept = delivery.0.lock().unwrap();
    assert_eq!(kept.len(), 4);
    for transcript in &*kept {
        let shown = lines(transcript);
        assert!(shown.iter().any(|line| line == "C BDAT 1 LAST"), "{shown:?}");
        assert!(shown.iter().any(|line| line == "C (1 octet of content)"), "{shown:?}");
    }
}

// SCRAM and its users.
#[cfg(feature = "password-hashes")]
mod secrets {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use smtp_server::sasl::{AuthenticatorExt, Passwords, Tokens};
    use smtp_server::{Identity, LookupError, TokenVerifier};

    use super::*;
    use crate::support::sasl::{Scram, line, scram_users};

    const PASSWORD: &str = "a-secret-that-nobody-sees";
    const TOKEN: &str = "ya29.token-that-nobody-sees";

    struct OneToken;

    #[async_trait]
    impl TokenVerifier for OneToken {
        async fn verify(
            &self,
            token: &str,
            _user: Option<&str>,
            _info: &SessionInfo,
        ) -> Result<Option<Identity>, LookupError> {
            Ok((token == TOKEN).then(|| Identity::new("kim")))
        }
    }

    /// What a client may say around AUTH, each on a connection of its own; some of it is refused.
    fn conversations() -> Vec<Vec<String>> {
        let plain = format!("\0kim\0{PASSWORD}");
        let bearer = format!("n,a=kim,\x01auth=Bearer {TOKEN}\x01\x01");
        let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        vec![
            vec![line("AUTH PLAIN ", &plain)],
            vec![line("auth  plain ", &plain)],
            vec!["AUTH PLAIN\r\n".to_owned(), line("", &plain)],
            vec!["AUTH LOGIN\r\n".to_owned(), line("", "kim"), line("", PASSWORD)],
            vec![line("AUTH LOGIN ", "kim"), line("", PASSWORD)],
            vec![line("AUTH OAUTHBEARER ", &bearer)],
            vec![line("AUTH XOAUTH2 ", format!("user=kim\x01auth=Bearer {TOKEN}\x01\x01"))],
            // In the wrong place.
            vec![line("AUTH ", PASSWORD)],
            vec![line("AUTH:PLAIN ", &plain)],
            vec![line("AUTH UNKNOWN ", &plain), line("", &plain)],
            vec![
                line("AUTH PLAIN ", &plain),
                line("", PASSWORD),
                own(&[PASSWORD, "\r\n"]).concat(),
            ],
            vec![line("AUTH PLAIN x", &plain), own(&[PASSWORD, " ", TOKEN, "\r\n"]).concat()],
            vec![format!("AUTH PLAIN {}\r\n", "x".repeat(20_000)), line("", PASSWORD)],
        ]
    }

    #[test]
    fn nothing_of_a_sasl_exchange_is_shown() {
        let (mut setup, _) = Setup::accepting();
        let users = scram_users(&[("kim", PASSWORD)]);
        setup.authenticator = Some(Arc::new(Passwords::new(users).or(Tokens::new(OneToken))));
        setup.auth_in_clear = true;
        setup.tls = true;
        runtime().block_on(async {
            let running = Running::start(&setup).await;
            for under_tls in [false, true] {
                for conversation in conversations() {
                    let mut client = greeted(&running, under_tls).await;
                    for line in conversation {
                        client.ask(&line).await;
                    }
                }
                for password in [PASSWORD, "wrong"] {
                    let mut client = greeted(&running, under_tls).await;
                    let scram = Scram { user: "kim", password, flag: "n", channel: b"" };
                    scram.run(&mut client, "SCRAM-SHA-256").await;
                }
            }
            running.stop().await;
        });
        let recent = setup.transcripts.recent();
        assert_eq!(recent.len(), 2 * (conversations().len() + 2));
        let shown = recent.iter().map(|one| format!("{one}\n{one:?}")).collect::<String>();
        assert_eq!(shown.matches("235 2.7.0").count(), 2 * (2 * 7 + 2), "{shown}");
        assert!(shown.contains("C: AUTH SCRAM-SHA-256 (redacted)"), "{shown}");
        assert!(shown.contains("S: 334 (redacted)"), "{shown}");
        for secret in [PASSWORD, TOKEN, "clientnonce", "n=kim", "r=", "kim\0"] {
            assert!(!shown.contains(secret), "{secret:?} in {shown}");
        }
        for word in shown.split(|c: char| c.is_whitespace() || c == '"') {
            let Ok(octets) = STANDARD.decode(word) else { continue };
            let text = String::from_utf8_lossy(&octets);
            let secret =
                [PASSWORD, TOKEN, "kim", "r=", "v="].into_iter().find(|one| text.contains(one));
            assert_eq!(secret, None, "{word} in {shown}");
        }
    }

    async fn greeted(running: &Running, under_tls: bool) -> Client {
        let mut client = Client::direct(running.address).await;
        client.reply().await;
        client.ask("EHLO client.test\r\n").await;
        if under_tls {
            client.ask("STARTTLS\r\n").await;
            client.start_tls().await.unwrap();
            client.ask("EHLO client.test\r\n").await;
        }
        client
    }
}
