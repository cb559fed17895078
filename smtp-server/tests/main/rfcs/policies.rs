//! What the RFCs leave to a site, decided by a hook.

use std::sync::Arc;

use async_trait::async_trait;
use smtp_server::delivery::Memory;
use smtp_server::proto::{AuthParam, BodyType};
use smtp_server::sasl::Passwords;
use smtp_server::{AccessControl, SessionInfo, Stage, Verdict};

use crate::support::hooks::{OneUser, rejection};
use crate::support::octets::codes;
use crate::support::pure::{self, Cuts, Turn};
use crate::support::setup::Setup;

fn with_users(setup: &mut Setup) {
    let store = OneUser { user: "kim".to_owned(), password: "secret".to_owned() };
    setup.authenticator = Some(Arc::new(Passwords::new(store)));
    setup.auth_in_clear = true;
}

/// Two recipients a message, and not one more.
struct Two;

#[async_trait]
impl AccessControl for Two {
    async fn check(&self, stage: Stage<'_>, _: &SessionInfo) -> Verdict {
        match stage {
            Stage::Recipient { envelope, .. } if 2 <= envelope.recipients.len() => {
                rejection("550 5.5.3 Two recipients are enough").into()
            }
            _ => Verdict::Accept,
        }
    }
}

// rows: 5321-4.5.3.1.10-c
#[test]
fn a_site_may_refuse_recipients_for_good() {
    let (mut setup, delivery) = Setup::accepting();
    setup.access = Some(Arc::new(Two));
    let to = |name| format!("RCPT TO:<{name}@local.test>\r\n");
    let recipients = [to("a"), to("b"), to("c")].concat();
    let turn = Turn::send(format!("EHLO a\r\nMAIL FROM:<>\r\n{recipients}BDAT 0 LAST\r\n"));
    let run = pure::run(&setup, &[turn], Cuts::None);
    assert_eq!(codes(&run.output[1])[2..], ["250 2.1.5", "250 2.1.5", "550 5.5.3", "250 2.0.0"]);
    assert_eq!(delivery.log(), ["<> <a@local.test>,<b@local.test> "]);
}

/// A user sends as himself.
struct OwnAddress;

#[async_trait]
impl AccessControl for OwnAddress {
    async fn check(&self, stage: Stage<'_>, info: &SessionInfo) -> Verdict {
        let (Stage::Sender { envelope, .. }, Some(identity)) = (stage, &info.identity) else {
            return Verdict::Accept;
        };
        let own = format!("<{}@local.test>", identity.authcid);
        if envelope.reverse_path.to_string() == own {
            Verdict::Accept
        } else {
            rejection("550 5.7.1 Not your address").into()
        }
    }
}

// rows: 6409-6.1-a
#[test]
fn a_user_may_be_kept_to_his_own_address() {
    let (mut setup, _) = Setup::accepting();
    with_users(&mut setup);
    setup.access = Some(Arc::new(OwnAddress));
    let turn = Turn::send(
        "EHLO a\r\nAUTH PLAIN AGtpbQBzZWNyZXQ=\r\nMAIL FROM:<boss@local.test>\r\n\
         MAIL FROM:<kim@local.test>\r\n",
    );
    let run = pure::run(&setup, &[turn], Cuts::None);
    assert_eq!(codes(&run.output[1])[1..], ["235 2.7.0", "550 5.7.1", "250 2.1.0"]);
}

// rows: 4954-5-b, 4954-5-c
#[test]
fn only_a_client_that_proved_itself_is_believed_who_submitted() {
    let login = "AUTH PLAIN AGtpbQBzZWNyZXQ=\r\n";
    for (login, parameter, is_named) in [
        ("", "AUTH=kim@local.test", false),
        ("", "AUTH=<>", false),
        (login, "AUTH=<>", false),
        (login, "AUTH=kim@local.test", true),
    ] {
        let memory = Memory::default();
        let mut setup = Setup::new(memory.clone());
        with_users(&mut setup);
        let turn = Turn::send(format!(
            "EHLO a\r\n{login}MAIL FROM:<> {parameter}\r\nRCPT TO:<lee@local.test>\r\nBDAT 0 LAST\r\n"
        ));
        pure::run(&setup, &[turn], Cuts::None);
        let auth = memory.take().remove(0).envelope.params.auth.unwrap();
        assert_eq!(matches!(auth, AuthParam::Mailbox(_)), is_named, "{login}{parameter}");
    }
}

// rows: 4616-2-b
#[test]
fn names_and_passwords_have_255_octets() {
    let (mut setup, _) = Setup::accepting();
    with_users(&mut setup);
    let (user, password) = ("u".repeat(255), "p".repeat(255));
    let store = OneUser { user: user.clone(), password: password.clone() };
    setup.authenticator = Some(Arc::new(Passwords::new(store)));
    let message = format!("{user}\0{user}\0{password}");
    let response = smtp_server::proto::InitialResponse::encode(message.as_bytes());
    let turn = Turn::send(format!("EHLO a\r\nAUTH PLAIN {}\r\n", response.as_str()));
    let run = pure::run(&setup, &[turn], Cuts::None);
    assert_eq!(codes(&run.output[1])[1..], ["235 2.7.0"]);
}

/// Has no room for content of eight bits for the time being.
struct SevenBitNow;

#[async_trait]
impl AccessControl for SevenBitNow {
    async fn check(&self, stage: Stage<'_>, _: &SessionInfo) -> Verdict {
        match stage {
            Stage::Sender { envelope, .. }
                if envelope.params.body == Some(BodyType::EightBitMime) =>
            {
                rejection("455 4.5.0 BODY=8BITMIME not just now").into()
            }
            _ => Verdict::Accept,
        }
    }
}

// rows: 5321-4.1.1.11-b
#[test]
fn a_parameter_may_be_refused_for_now() {
    let (mut setup, _) = Setup::accepting();
    setup.access = Some(Arc::new(SevenBitNow));
    let turn = Turn::send("EHLO a\r\nMAIL FROM:<> BODY=8BITMIME\r\nMAIL FROM:<> BODY=7BIT\r\n");
    let run = pure::run(&setup, &[turn], Cuts::None);
    assert_eq!(codes(&run.output[1])[1..], ["455 4.5.0", "250 2.1.0"]);
}
