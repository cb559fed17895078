//! Mechanisms whose exchanges cannot be written down beforehand, or that need facts of TLS.

mod channel;

use std::sync::Arc;

use async_trait::async_trait;
use smtp_server::sasl::{
    AuthenticatorExt, CertificateIdentities, External, Passwords, Tokens, from_fn,
};
use smtp_server::{
    AccessControl, AuthRefusal, Authenticator, ClientCertificate, ClientCertificates,
    CredentialAnswer, CredentialQuery, CredentialStore, Identity, LookupError, Rejection,
    SaslExchange, ServiceConfig, SessionInfo, Stage, StageKind, TokenVerifier, Verdict,
};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use zeroize::Zeroizing;

use crate::support::octets::codes;
use crate::support::pure::{self, Cuts, Turn};
use crate::support::sasl::{Scram, challenge, line, scram_users};
use crate::support::setup::Setup;
use crate::support::tcp::{Client, Running};
use crate::support::tls;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn setup(authenticator: impl Authenticator) -> Setup {
    let (mut setup, _) = Setup::accepting();
    setup.authenticator = Some(Arc::new(authenticator));
    setup.auth_in_clear = true;
    setup
}

async fn greeted(running: &Running) -> Client {
    let mut client = Client::direct(running.address).await;
    client.reply().await;
    client.ask("EHLO client.test\r\n").await;
    client
}

/// A store that keeps what CRAM-MD5 needs.
struct InClear;

#[async_trait]
impl CredentialStore for InClear {
    async fn verify(&self, user: &str, password: &str) -> Result<Option<Identity>, LookupError> {
        Ok((user == "k im" && password == "secret").then(|| Identity::new(user)))
    }

    async fn password(&self, user: &str) -> Result<Option<Zeroizing<String>>, LookupError> {
        Ok((user == "k im").then(|| Zeroizing::new("secret".to_owned())))
    }
}

// rows: 2195-2-a, 2195-2-c, 4954-4-h
#[test]
fn cram_md5_begins_with_a_challenge_that_is_new_each_time() {
    runtime().block_on(async {
        let off =
            pure::run(&setup(Passwords::new(InClear)), &[Turn::send("EHLO a\r\n")], Cuts::None);
        assert!(!String::from_utf8(off.text()).unwrap().contains("CRAM"), "off by default");

        let running = Running::start(&setup(Passwords::new(InClear).with_cram_md5())).await;
        let mut client = Client::direct(running.address).await;
        client.reply().await;
        assert!(client.ask("EHLO a\r\n").await.contains("AUTH PLAIN LOGIN CRAM-MD5\r\n"));
        let early = client.ask("AUTH CRAM-MD5 dGVzdA==\r\n").await;
        assert!(early.starts_with("501 5.7.0 "), "{early}");
        let mut challenges = Vec::new();
        for (user, password, expected) in [
            ("k im", "wrong", "535 5.7.8 "),
            ("nobody", "", "535 5.7.8 "),
            ("nobody", "secret", "535 5.7.8 "),
            ("k im", "secret", "235 2.7.0 "),
        ] {
            let sent = challenge(&client.ask("AUTH CRAM-MD5\r\n").await);
            let inner = sent.strip_prefix('<').and_then(|rest| rest.strip_suffix("@mx.test>"));
            assert!(inner.is_some_and(|digits| digits.len() > 10), "{sent}");
            assert!(!challenges.contains(&sent));
            let digest = hmac_md5(password.as_bytes(), sent.as_bytes());
            let reply = client.ask(&line("", format!("{user} {digest}"))).await;
            assert!(reply.starts_with(expected), "{user} {password}: {reply}");
            challenges.push(sent);
        }
        running.stop().await;
    });
}

/// Lets nobody send who did not log in.
struct OnlyUsers;

#[async_trait]
impl AccessControl for OnlyUsers {
    async fn check(&self, stage: Stage<'_>, info: &SessionInfo) -> Verdict {
        match (stage.kind(), &info.identity) {
            (StageKind::Sender, None) => Verdict::Reject(Rejection::relay_denied()),
            _ => Verdict::Accept,
        }
    }
}

/// SCRAM ends with a line of the client, not with an answer of ours.
#[test]
fn the_first_hook_behind_scram_knows_who_logged_in() {
    let users = scram_users(&[("kim", "secret")]);
    let mut setup = setup(Passwords::new(users));
    setup.access = Some(Arc::new(OnlyUsers));
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let mut client = greeted(&running).await;
        assert!(client.ask("MAIL FROM:<kim@a.test>\r\n").await.starts_with("554 5.7.1 "));
        let scram = Scram { user: "kim", password: "secret", flag: "n", channel: b"" };
        assert!(scram.run(&mut client, "SCRAM-SHA-256").await.starts_with("235 "));
        assert!(client.ask("MAIL FROM:<kim@a.test>\r\n").await.starts_with("250 "));
        running.stop().await;
    });
}

/// RFC 2104, with the MD5 that is at hand.
fn hmac_md5(key: &[u8], text: &[u8]) -> String {
    use hmac::{Hmac, Mac};
    let mac = Hmac::<md5::Md5>::new_from_slice(key).unwrap().chain_update(text);
    mac.finalize().into_bytes().iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Knows one token, and whose it is.
struct OneToken;

#[async_trait]
impl TokenVerifier for OneToken {
    async fn verify(
        &self,
        token: &str,
        user: Option<&str>,
        _info: &SessionInfo,
    ) -> Result<Option<Identity>, LookupError> {
        match (token, user) {
            ("down", _) => Err(LookupError::new("the issuer is down")),
            ("tok", None | Some("kim")) => Ok(Some(Identity::new("kim"))),
            _ => Ok(None),
        }
    }
}

// rows: 7628-3-a, 7628-3.1-a, 7628-3.1-b, 7628-3.2-a, 7628-3.2.2-a, XOAUTH2-1-a, XOAUTH2-1-b
#[test]
fn tokens_are_taken_inside_tls_and_refusals_are_explained() {
    let mut setup = setup(Tokens::new(OneToken));
    setup.tls = true;
    let bearer = |message: &str| line("AUTH OAUTHBEARER ", message.replace('^', "\x01"));
    let xoauth2 = |message: &str| line("AUTH XOAUTH2 ", message.replace('^', "\x01"));
    let clear = [Turn::send("EHLO a\r\n"), Turn::send(bearer("n,,^auth=Bearer tok^^"))];
    let run = pure::run(&setup, &clear, Cuts::None);
    assert!(!String::from_utf8_lossy(&run.text()).contains("OAUTH"), "not offered in clear");
    assert_eq!(codes(&run.output[2]), ["504 5.5.4"]);

    let rejected = line("334 ", r#"{"status":"invalid_token"}"#);
    let rejected_2 = line("334 ", r#"{"status":"401","schemes":"Bearer"}"#);
    for (turns, expected) in [
        (vec![bearer("n,a=kim,^host=mx.test^port=25^auth=Bearer tok^^")], vec!["235 2.7.0"]),
        (vec![bearer("n,,^auth=bEARER tok^x=1^^")], vec!["235 2.7.0"]),
        (
            vec!["AUTH OAUTHBEARER\r\n".to_owned(), line("", "n,,\x01auth=Bearer tok\x01\x01")],
            vec!["334 ", "235 2.7.0"],
        ),
        (
            vec![bearer("n,a=lee,^auth=Bearer tok^^"), line("", "\x01")],
            vec![&rejected, "535 5.7.8"],
        ),
        (vec![bearer("n,,^auth=Bearer bad^^"), "*\r\n".to_owned()], vec![&rejected, "501 5.7.0"]),
        (vec![bearer("n,,^auth=Basic tok^^"), line("", "\x01")], vec![&rejected, "535 5.7.8"]),
        (vec![bearer("n,,^host=mx.test^^"), line("", "\x01")], vec![&rejected, "535 5.7.8"]),
        (
            vec![bearer("n,,^host=other.test^auth=Bearer tok^^"), line("", "\x01")],
            vec![&rejected, "535 5.7.8"],
        ),
        (
            vec![bearer("n,,^port=465^auth=Bearer tok^^"), line("", "\x01")],
            vec![&rejected, "535 5.7.8"],
        ),
        (vec![bearer("n,,^auth=Bearer down^^")], vec!["454 4.7.0"]),
        (vec![xoauth2("user=kim^auth=Bearer tok^^")], vec!["235 2.7.0"]),
        (
            vec![xoauth2("user=lee^auth=Bearer tok^^"), "\r\n".to_owned()],
            vec![&rejected_2, "535 5.7.8"],
        ),
        (vec![xoauth2("user=kim^^"), "\r\n".to_owned()], vec![&rejected_2, "535 5.7.8"]),
    ] {
        let mut all = vec![
            Turn::send("EHLO a\r\n"),
            Turn::send("STARTTLS\r\n"),
            Turn::Tls,
            Turn::send("EHLO a\r\n"),
        ];
        all.extend(turns.iter().map(Turn::send));
        let run = pure::run(&setup, &all, Cuts::None);
        let offered = String::from_utf8_lossy(&run.output[3]);
        assert!(offered.contains("AUTH OAUTHBEARER XOAUTH2\r\n"), "{offered}");
        assert_eq!(run.output[4..].len(), expected.len());
        for (output, start) in run.output[4..].iter().zip(expected) {
            let output = String::from_utf8_lossy(output);
            assert!(output.starts_with(start), "{turns:?}: {output}");
        }
    }
}

/// The certificate's first DNS name is the user, who may act as `list`.
struct FirstName;

#[async_trait]
impl CertificateIdentities for FirstName {
    async fn identity(
        &self,
        certificate: &ClientCertificate,
    ) -> Result<Option<Identity>, LookupError> {
        Ok(certificate.dns_names.first().map(Identity::new))
    }

    async fn may_act_as(&self, identity: &Identity, authzid: &str) -> Result<bool, LookupError> {
        Ok(authzid == "list" || authzid == identity.authcid)
    }
}

// rows: 4422-A.1-a, 4422-A.1-b, 4422-A.1-c, 8314-4.2-b
#[test]
fn external_is_for_clients_that_showed_a_certificate() {
    let authority = tls::Authority::new();
    let config = authority.config(ClientCertificates::Optional);
    let service = ServiceConfig::submissions().require_auth(false).tls(config);
    let (with, _) = authority.client(&["kim.test"]);
    let without = Arc::new(tls::client(rustls::ALL_VERSIONS));
    let store = from_fn(|user, _| async move { Ok(Some(Identity::new(user))) });
    let setup = setup(External::new(FirstName).or(Passwords::new(store)));
    runtime().block_on(async {
        let running = Running::with(setup.server(), service).await;
        for (config, command, response, expected) in [
            (&with, "AUTH EXTERNAL =\r\n".to_owned(), None, "235 2.7.0 "),
            (&with, line("AUTH EXTERNAL ", "kim.test"), None, "235 2.7.0 "),
            (&with, line("AUTH EXTERNAL ", "list"), None, "235 2.7.0 "),
            (&with, "AUTH EXTERNAL\r\n".to_owned(), Some("\r\n"), "235 2.7.0 "),
            (&with, line("AUTH EXTERNAL ", "fred@example.com"), None, "535 5.7.8 "),
            (&with, line("AUTH EXTERNAL ", "kim.test\0"), None, "535 5.7.8 "),
            (&with, line("AUTH EXTERNAL ", b"\xff"), None, "535 5.7.8 "),
            // The other one of the two is asked as well.
            (&with, line("AUTH PLAIN ", "\0kim\0x"), None, "235 2.7.0 "),
            (&without, "AUTH EXTERNAL =\r\n".to_owned(), None, "504 5.5.4 "),
        ] {
            let stream = TcpStream::connect(running.address).await.unwrap();
            let stream = tls::connect_with(config, stream).await.unwrap();
            let mut client = Client::new(Box::new(stream));
            client.reply().await;
            let offered = client.ask("EHLO a\r\n").await;
            let expects_it = Arc::ptr_eq(config, &with);
            assert_eq!(offered.contains("AUTH EXTERNAL PLAIN LOGIN\r\n"), expects_it, "{offered}");
            let mut reply = client.ask(&command).await;
            if let Some(response) = response {
                assert_eq!(reply, "334 \r\n");
                reply = client.ask(response).await;
            }
            assert!(reply.starts_with(expected), "{command}: {reply}");
        }
        running.stop().await;
    });
    let seen = setup.events.starting_with("Authenticated");
    assert_eq!(seen.len(), 5, "{seen:?}");
    assert!(seen.iter().any(|event| event.contains("authzid: Some(\"list\")")), "{seen:?}");
}

/// Refuses in the way that the user's name says.
struct Refusing(Passwords<InClear>);

#[async_trait]
impl Authenticator for Refusing {
    fn mechanisms(&self, info: &SessionInfo) -> Vec<&'static str> {
        self.0.mechanisms(info)
    }

    fn start(&self, mechanism: &str, info: &SessionInfo) -> Option<Box<dyn SaslExchange>> {
        self.0.start(mechanism, info)
    }

    async fn look_up(&self, query: &CredentialQuery, info: &SessionInfo) -> CredentialAnswer {
        match query.authcid() {
            "weak" => CredentialAnswer::Refused(AuthRefusal::MechanismTooWeak),
            "transition" => CredentialAnswer::Refused(AuthRefusal::TransitionNeeded),
            "gone" => match query {
                CredentialQuery::Verify { password, .. } if **password == "secret" => {
                    CredentialAnswer::Refused(AuthRefusal::AccountDisabled)
                }
                _ => CredentialAnswer::Denied,
            },
            _ => self.0.look_up(query, info).await,
        }
    }
}

// rows: 4954-6-b, 5248-2.4-b
#[test]
fn a_store_may_know_more_than_right_and_wrong() {
    let setup = setup(Refusing(Passwords::new(InClear)));
    for (user, password, expected) in [
        ("weak", "secret", "534 5.7.9"),
        ("transition", "secret", "432 4.7.12"),
        ("gone", "secret", "525 5.7.13"),
        ("gone", "wrong", "535 5.7.8"),
        ("k im", "secret", "235 2.7.0"),
    ] {
        let auth = line("AUTH PLAIN ", format!("\0{user}\0{password}"));
        let run = pure::run(&setup, &[Turn::send("EHLO a\r\n"), Turn::send(auth)], Cuts::None);
        assert_eq!(codes(&run.output[2]), [expected], "{user} {password}");
    }
}

// rows: 4616-2-d, 4616-2-e
#[test]
fn names_and_passwords_are_prepared() {
    let store = from_fn(|user, password| async move {
        Ok((user == "IX" && *password == "a b").then(|| Identity::new(user)))
    });
    let setup = setup(Passwords::new(store));
    for (message, expected) in [
        ("\0I\u{ad}X\0a\u{a0}b", "235 2.7.0"),
        ("\0\u{2168}\0a b", "235 2.7.0"),
        ("IX\0\u{2168}\0a b", "235 2.7.0"),
        // Nothing is left of it, or it has what is prohibited.
        ("\0\u{ad}\0a b", "535 5.7.8"),
        ("\0IX\0\u{ad}", "535 5.7.8"),
        ("\u{ad}\0IX\0a b", "535 5.7.8"),
        ("\0IX\u{7}\0a b", "535 5.7.8"),
        ("\0IX\0a\u{e000}b", "535 5.7.8"),
    ] {
        let auth = line("AUTH PLAIN ", message);
        let run = pure::run(&setup, &[Turn::send("EHLO a\r\n"), Turn::send(auth)], Cuts::None);
        assert_eq!(codes(&run.output[2]), [expected], "{message:?}");
    }
}

// rows: 5802-5-c, 5802-5.1-f, 5802-5.1-g
#[test]
fn scram_over_the_wire() {
    let setup = setup(Passwords::new(scram_users(&[("kim", "secret"), ("lee", "other")])));
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let run = async |user, password, flag| {
            let mut client = greeted(&running).await;
            let scram = Scram { user, password, flag, channel: b"" };
            scram.run(&mut client, "SCRAM-SHA-256").await
        };
        assert!(run("kim", "secret", "n").await.starts_with("235 2.7.0 "));
        assert!(run("lee", "other", "y").await.starts_with("235 2.7.0 "));
        for (user, password) in [("kim", "other"), ("nobody", "secret")] {
            assert!(run(user, password, "n").await.starts_with("535 5.7.8 "), "{user}");
        }
        // Cancelled, and begun anew.
        let mut client = greeted(&running).await;
        let first = line("AUTH SCRAM-SHA-256 ", "n,,n=kim,r=abc");
        let one = challenge(&client.ask(&first).await);
        assert!(client.ask("*\r\n").await.starts_with("501 5.7.0 "));
        let other = challenge(&client.ask(&first).await);
        assert_ne!(one, other, "another nonce");
        assert!(client.ask("*\r\n").await.starts_with("501 5.7.0 "));
        // Nobody has a salt of its own, too.
        let salt = async |client: &mut Client, user: &str| {
            let first = line("AUTH SCRAM-SHA-256 ", format!("n,,n={user},r=abc"));
            let sent = challenge(&client.ask(&first).await);
            client.ask("*\r\n").await;
            sent.split_once(",s=").unwrap().1.to_owned()
        };
        let salts = [
            salt(&mut client, "nobody").await,
            salt(&mut client, "nobody").await,
            salt(&mut client, "someone").await,
            salt(&mut client, "kim").await,
        ];
        assert!(salts[0] == salts[1] && salts[1] != salts[2], "{salts:?}");
        assert!(salts.iter().all(|salt| salt.len() == salts[0].len()), "{salts:?}");
        running.stop().await;
    });
    let failed = setup.events.starting_with("AuthenticationFailed");
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(failed[0].contains("\"kim\"") && failed[0].contains("SCRAM-SHA-256"), "{failed:?}");
}
